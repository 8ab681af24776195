/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client: one lock around the queue of unsent commands and the table of
 * commands that wait for a reply. Bytes are written by whoever calls, as long as
 * the socket takes them, and by the context's thread afterwards; they are read on
 * the context's thread alone, a piece at a time, so that a flood starves nobody.
 */
#include "qmp/client.h"

#include "qmp/client-private.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

G_DEFINE_QUARK(tn-qmp-client-error-quark, tn_qmp_client_error)

TnQmpClient *
tn_qmp_client_new(int fd, GMainContext *context, const TnQmpClientCallbacks *callbacks,
                  gpointer user_data)
{
    static const TnJsonLimits limits = { TN_QMP_CLIENT_MAX_REPLY, MAX_REPLY_DEPTH,
                                         MAX_REPLY_TOKENS };
    TnQmpClient *self = g_new0(TnQmpClient, 1);

    self->refs = 1;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->fd = fd;
    self->context = g_main_context_ref(context ? context : g_main_context_default());
    if (callbacks) {
        self->callbacks = *callbacks;
    }
    self->user_data = user_data;
    self->reader = tn_json_reader_new(&limits);
    g_queue_init(&self->unsent);
    self->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                        (GDestroyNotify)tn_qmp_client_pending_unref);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    g_mutex_lock(&self->lock);
    self->read_source = tn_qmp_client_watch(self, G_IO_IN | G_IO_HUP | G_IO_ERR,
                                            tn_qmp_client_on_readable);
    g_mutex_unlock(&self->lock);
    return self;
}

TnQmpClient *
tn_qmp_client_ref(TnQmpClient *self)
{
    g_atomic_int_inc(&self->refs);
    return self;
}

void
tn_qmp_client_unref(TnQmpClient *self)
{
    if (!self || !g_atomic_int_dec_and_test(&self->refs)) {
        return;
    }
    /* No call and no source is left: each holds a reference. */
    g_queue_clear_full(&self->unsent, (GDestroyNotify)tn_qmp_client_message_free);
    g_hash_table_unref(self->calls);
    tn_json_reader_free(self->reader);
    g_clear_error(&self->end_reason);
    g_main_context_unref(self->context);
    (void)close(self->fd);
    g_cond_clear(&self->changed);
    g_mutex_clear(&self->lock);
    g_free(self);
}

void
tn_qmp_client_close(TnQmpClient *self)
{
    g_autoptr(GError) error = g_error_new_literal(TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED,
                                                  "The connection to the monitor was closed");

    g_mutex_lock(&self->lock);
    tn_qmp_client_end_locked(self, error);
    g_mutex_unlock(&self->lock);
}

void
tn_qmp_client_cancel_all(TnQmpClient *self)
{
    g_autoptr(GError) error = g_error_new_literal(TN_QMP_CLIENT_ERROR,
                                                  TN_QMP_CLIENT_ERROR_CANCELLED,
                                                  "The command was cancelled");
    GHashTableIter iter;
    gpointer id;

    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, self->calls);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        tn_qmp_client_withdraw_locked(self, *(gint64 *)id);
    }
    tn_qmp_client_fail_all_locked(self, error);
    g_mutex_unlock(&self->lock);
}

gboolean
tn_qmp_client_is_open(TnQmpClient *self)
{
    gboolean open;

    g_mutex_lock(&self->lock);
    open = self->state != CLIENT_ENDED;
    g_mutex_unlock(&self->lock);
    return open;
}

unsigned
tn_qmp_client_get_version(TnQmpClient *self)
{
    unsigned version;

    g_mutex_lock(&self->lock);
    version = self->state == CLIENT_READY ? self->version : 0;
    g_mutex_unlock(&self->lock);
    return version;
}

/* Waits for a change until @deadline (monotonic microseconds, -1: none). FALSE when it passed. */
static gboolean
wait_locked(TnQmpClient *self, gint64 deadline)
{
    if (deadline < 0) {
        g_cond_wait(&self->changed, &self->lock);
        return TRUE;
    }
    return g_cond_wait_until(&self->changed, &self->lock, deadline);
}

static gint64
deadline_from_timeout(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : g_get_monotonic_time() + (gint64)timeout_ms * 1000;
}

gboolean
tn_qmp_client_wait_ready(TnQmpClient *self, int timeout_ms, GError **error)
{
    gint64 deadline = deadline_from_timeout(timeout_ms);
    gboolean in_time = TRUE;
    gboolean ready;

    g_return_val_if_fail(!g_main_context_is_owner(self->context), FALSE);
    g_mutex_lock(&self->lock);
    while (self->state != CLIENT_READY && self->state != CLIENT_ENDED && in_time) {
        in_time = wait_locked(self, deadline);
    }
    ready = self->state == CLIENT_READY;
    if (self->state == CLIENT_ENDED) {
        g_propagate_error(error, g_error_copy(self->end_reason));
    } else if (!ready) {
        g_set_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT,
                    "The monitor did not greet within %d ms", timeout_ms);
    }
    g_mutex_unlock(&self->lock);
    return ready;
}

/* Whether one more command of @len bytes may wait. */
static gboolean
check_room_locked(TnQmpClient *self, gsize len, GError **error)
{
    if (self->state == CLIENT_ENDED) {
        g_propagate_error(error, g_error_copy(self->end_reason));
        return FALSE;
    }
    if (g_hash_table_size(self->calls) >= TN_QMP_CLIENT_MAX_PENDING) {
        g_set_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_LIMIT,
                    "%d commands wait for the monitor already", TN_QMP_CLIENT_MAX_PENDING);
        return FALSE;
    }
    if (self->unsent_bytes + len > TN_QMP_CLIENT_MAX_UNSENT) {
        g_set_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_LIMIT,
                    "The monitor does not read: %" G_GSIZE_FORMAT " bytes wait for it already",
                    self->unsent_bytes);
        return FALSE;
    }
    return TRUE;
}

/* Queues a command and sends what can be sent. On failure @call is not in the table. Lock held. */
static gboolean
start_locked(TnQmpClient *self, TnQmpPendingCall *call, const char *name, json_object *args,
             const TnQmpFds *fds, GError **error)
{
    TnQmpOutMessage *message = tn_qmp_client_message_new(self->next_id + 1, name, args);

    if (!check_room_locked(self, message->text->len, error) ||
        !tn_qmp_client_message_take_copies(message, fds->fds, fds->n_fds, error)) {
        tn_qmp_client_message_free(message);
        return FALSE;
    }
    call->id = ++self->next_id;
    g_atomic_int_inc(&call->refs);
    g_hash_table_insert(self->calls, &call->id, call);
    self->unsent_bytes += message->text->len;
    g_queue_push_tail(&self->unsent, message);
    tn_qmp_client_flush_locked(self);
    return TRUE;
}

/* @call's time is over. Lock held. */
static void
time_out_locked(TnQmpClient *self, TnQmpPendingCall *call)
{
    g_autoptr(GError) error = g_error_new_literal(TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT,
                                                  "The monitor did not answer in time");

    tn_qmp_client_withdraw_locked(self, call->id);
    tn_qmp_client_fail_locked(self, call, error);
    g_hash_table_remove(self->calls, &call->id);
}

static TnQmpPendingCall *
call_new(TnQmpClient *self)
{
    TnQmpPendingCall *call = g_new0(TnQmpPendingCall, 1);

    call->refs = 1;
    call->client = tn_qmp_client_ref(self);
    return call;
}

/* Queues a command that somebody will wait for. NULL with @error. Lock held. */
static TnQmpPendingCall *
start_waited_locked(TnQmpClient *self, const char *name, json_object *args, const TnQmpFds *fds,
                    GError **error)
{
    TnQmpPendingCall *call = call_new(self);

    if (!start_locked(self, call, name, args, fds, error)) {
        g_clear_pointer(&call, tn_qmp_client_pending_unref);
    }
    return call;
}

/* The reply of @call, which is given up; NULL with @error. Lock held. */
static json_object *
wait_for_reply_locked(TnQmpClient *self, TnQmpPendingCall *call, gint64 deadline, GError **error)
{
    json_object *reply;

    while (!call->done) {
        if (!wait_locked(self, deadline) && !call->done) {
            time_out_locked(self, call);
        }
    }
    if (call->error) {
        g_propagate_error(error, g_steal_pointer(&call->error));
    }
    reply = g_steal_pointer(&call->reply);
    tn_qmp_client_pending_unref(call);
    return reply;
}

json_object *
tn_qmp_client_call(TnQmpClient *self, const char *name, json_object *args, const int *fds,
                   unsigned n_fds, int timeout_ms, GError **error)
{
    const TnQmpFds descriptors = { fds, n_fds };
    gint64 deadline = deadline_from_timeout(timeout_ms);
    TnQmpPendingCall *call;
    json_object *reply = NULL;

    g_return_val_if_fail(!g_main_context_is_owner(self->context), NULL);
    g_mutex_lock(&self->lock);
    call = start_waited_locked(self, name, args, &descriptors, error);
    if (call) {
        reply = wait_for_reply_locked(self, call, deadline, error);
    }
    g_mutex_unlock(&self->lock);
    json_object_put(args);
    return reply;
}

json_object *
tn_qmp_client_call_and_query(TnQmpClient *self, const char *name, json_object *args,
                             const char *query, int timeout_ms, json_object **ret_answer,
                             GError **error)
{
    const TnQmpFds none = { NULL, 0 };
    gint64 deadline = deadline_from_timeout(timeout_ms);
    TnQmpPendingCall *call;
    TnQmpPendingCall *next = NULL;
    json_object *reply = NULL;

    *ret_answer = NULL;
    g_return_val_if_fail(!g_main_context_is_owner(self->context), NULL);
    g_mutex_lock(&self->lock);
    call = start_waited_locked(self, name, args, &none, error);
    if (call) {
        next = start_waited_locked(self, query, NULL, &none, NULL);
        reply = wait_for_reply_locked(self, call, deadline, error);
    }
    if (next) {
        *ret_answer = wait_for_reply_locked(self, next, deadline, NULL);
    }
    g_mutex_unlock(&self->lock);
    json_object_put(args);
    return reply;
}

static gboolean
on_async_timeout(gpointer data)
{
    TnQmpPendingCall *call = data;
    TnQmpClient *self = call->client;

    g_mutex_lock(&self->lock);
    if (!call->done) {
        time_out_locked(self, call);
    }
    g_mutex_unlock(&self->lock);
    return G_SOURCE_REMOVE;
}

/* Lock held. */
static void
arm_async_timeout_locked(TnQmpClient *self, TnQmpPendingCall *call, int timeout_ms)
{
    call->timer = g_timeout_source_new((guint)timeout_ms);
    g_atomic_int_inc(&call->refs);
    g_source_set_callback(call->timer, on_async_timeout, call,
                          (GDestroyNotify)tn_qmp_client_pending_unref);
    g_source_attach(call->timer, self->context);
}

void
tn_qmp_client_call_async(TnQmpClient *self, const char *name, json_object *args, const int *fds,
                         unsigned n_fds, int timeout_ms, TnQmpClientReplyFunc func,
                         gpointer user_data)
{
    const TnQmpFds descriptors = { fds, n_fds };
    TnQmpPendingCall *call = call_new(self);

    call->is_async = TRUE;
    call->func = func;
    call->user_data = user_data;
    g_mutex_lock(&self->lock);
    if (!start_locked(self, call, name, args, &descriptors, &call->error)) {
        tn_qmp_client_finish_locked(self, call);
    } else if (timeout_ms >= 0 && !call->done) {
        arm_async_timeout_locked(self, call, timeout_ms);
    }
    g_mutex_unlock(&self->lock);
    tn_qmp_client_pending_unref(call);
    json_object_put(args);
}
