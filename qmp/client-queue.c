/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's commands: on their way out, waiting for a reply, failing together. */
#include "qmp/client-private.h"
#include "qmp/fd-pass.h"
#include "qmp/json-text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

void
tn_qmp_client_message_free(TnQmpOutMessage *message)
{
    if (message) {
        tn_fd_pass_close_all(message->fds, message->n_fds);
        g_string_free(message->text, TRUE);
        g_free(message);
    }
}

TnQmpOutMessage *
tn_qmp_client_message_new(gint64 id, const char *name, json_object *args)
{
    TnQmpOutMessage *message = g_new0(TnQmpOutMessage, 1);

    message->id = id;
    message->text = g_string_new("{\"execute\": ");
    tn_json_print_string(message->text, name, -1);
    if (args) {
        g_string_append(message->text, ", \"arguments\": ");
        tn_json_print(message->text, args);
    }
    g_string_append_printf(message->text, ", \"id\": %" G_GINT64_FORMAT "}\r\n", id);
    return message;
}

/* Own copies of the caller's descriptors, so that they may be closed at once. */
gboolean
tn_qmp_client_message_take_copies(TnQmpOutMessage *message, const int *fds,
                                  unsigned n_fds, GError **error)
{
    if (n_fds > TN_QMP_CLIENT_MAX_FDS) {
        g_set_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_LIMIT,
                    "%u file descriptors are too many for one command (limit %d)", n_fds,
                    TN_QMP_CLIENT_MAX_FDS);
        return FALSE;
    }
    for (unsigned i = 0; i < n_fds; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

        if (copy < 0) {
            g_set_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_LIMIT,
                        "Cannot copy file descriptor %d: %s", fds[i], g_strerror(errno));
            return FALSE;
        }
        message->fds[message->n_fds++] = copy;
    }
    return TRUE;
}

void
tn_qmp_client_pending_unref(TnQmpPendingCall *call)
{
    if (g_atomic_int_dec_and_test(&call->refs)) {
        json_object_put(call->reply);
        g_clear_error(&call->error);
        g_clear_pointer(&call->client, tn_qmp_client_unref);
        g_free(call);
    }
}

static gboolean
deliver_on_context(gpointer data)
{
    TnQmpPendingCall *call = data;

    if (call->func) {
        call->func(call->client, call->reply, call->error, call->user_data);
    }
    return G_SOURCE_REMOVE;
}

/* The outcome of @call is in it. Lock held. */
void
tn_qmp_client_finish_locked(TnQmpClient *self, TnQmpPendingCall *call)
{
    call->done = TRUE;
    if (call->timer) {
        g_source_destroy(call->timer);
        g_clear_pointer(&call->timer, g_source_unref);
    }
    if (call->is_async) {
        g_autoptr(GSource) source = g_idle_source_new();

        /* Always by way of the context: the caller's locks are never held then. */
        g_source_set_priority(source, G_PRIORITY_DEFAULT);
        g_atomic_int_inc(&call->refs);
        g_source_set_callback(source, deliver_on_context, call,
                              (GDestroyNotify)tn_qmp_client_pending_unref);
        g_source_attach(source, self->context);
    } else {
        g_cond_broadcast(&self->changed);
    }
}

void
tn_qmp_client_fail_locked(TnQmpClient *self, TnQmpPendingCall *call, const GError *error)
{
    if (!call->done) {
        call->error = g_error_copy(error);
        tn_qmp_client_finish_locked(self, call);
    }
}

void
tn_qmp_client_fail_all_locked(TnQmpClient *self, const GError *error)
{
    GHashTableIter iter;
    gpointer call;

    g_hash_table_iter_init(&iter, self->calls);
    while (g_hash_table_iter_next(&iter, NULL, &call)) {
        tn_qmp_client_fail_locked(self, call, error);
        g_hash_table_iter_remove(&iter);
    }
}

/* Takes a command back that was not sent at all. Lock held. */
void
tn_qmp_client_withdraw_locked(TnQmpClient *self, gint64 id)
{
    for (GList *l = self->unsent.head; l; l = l->next) {
        TnQmpOutMessage *message = l->data;

        if (message->id == id && message->sent == 0) {
            self->unsent_bytes -= message->text->len;
            g_queue_delete_link(&self->unsent, l);
            tn_qmp_client_message_free(message);
            return;
        }
    }
}

/* Detaches @source from whatever thread. */
static void
drop_source(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

void
tn_qmp_client_end_locked(TnQmpClient *self, const GError *error)
{
    if (self->state == CLIENT_ENDED) {
        return;
    }
    self->state = CLIENT_ENDED;
    self->end_reason = g_error_copy(error);
    drop_source(&self->read_source);
    drop_source(&self->write_source);
    /* The descriptor itself stays until the last reference: another thread may be in sendmsg(). */
    (void)shutdown(self->fd, SHUT_RDWR);
    g_queue_clear_full(&self->unsent, (GDestroyNotify)tn_qmp_client_message_free);
    self->unsent_bytes = 0;
    tn_qmp_client_fail_all_locked(self, error);
    g_cond_broadcast(&self->changed);
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data);

GSource *
tn_qmp_client_watch(TnQmpClient *self, GIOCondition condition, GUnixFDSourceFunc func)
{
    GSource *source = g_unix_fd_source_new(self->fd, condition);

    g_source_set_callback(source, G_SOURCE_FUNC(func), tn_qmp_client_ref(self),
                          (GDestroyNotify)tn_qmp_client_unref);
    g_source_attach(source, self->context);
    return source;
}

/* Sends what the socket takes. A failure is left for the reader to find. Lock held. */
void
tn_qmp_client_flush_locked(TnQmpClient *self)
{
    TnQmpOutMessage *message;

    while (self->state != CLIENT_ENDED && (message = g_queue_peek_head(&self->unsent))) {
        gssize n;

        if (self->state != CLIENT_READY && message->id != TN_QMP_NEGOTIATION_ID) {
            return;
        }
        n = tn_fd_pass_send(self->fd, message->text->str + message->sent,
                            message->text->len - message->sent, message->fds, message->n_fds);
        if (n < 0) {
            if (errno == EAGAIN && !self->write_source) {
                self->write_source = tn_qmp_client_watch(self, G_IO_OUT, on_writable);
            }
            return;
        }
        tn_fd_pass_close_all(message->fds, message->n_fds);
        message->n_fds = 0;
        message->sent += (gsize)n;
        if (message->sent == message->text->len) {
            self->unsent_bytes -= message->text->len;
            tn_qmp_client_message_free(g_queue_pop_head(&self->unsent));
        }
    }
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    TnQmpClient *self = data;
    gboolean more;

    g_mutex_lock(&self->lock);
    tn_qmp_client_flush_locked(self);
    more = self->state != CLIENT_ENDED && !g_queue_is_empty(&self->unsent) &&
           !(condition & (G_IO_HUP | G_IO_ERR));
    if (!more && self->write_source) {
        g_clear_pointer(&self->write_source, g_source_unref);
    }
    g_mutex_unlock(&self->lock);
    return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}
