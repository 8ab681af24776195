/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client: one lock around the queue of unsent commands and the table of
 * commands that wait for a reply. Bytes are written by whoever calls, as long as
 * the socket takes them, and by the context's thread afterwards; they are read on
 * the context's thread alone, a piece at a time, so that a flood starves nobody.
 */
#include "qmp/client.h"

#include "qmp/client-private.h"
#include "qmp/fd-pass.h"
#include "qmp/json-text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

G_DEFINE_QUARK(tn-qmp-client-error-quark, tn_qmp_client_error)

/* The id with which the capabilities are negotiated; commands count from 1. */
#define NEGOTIATION_ID 0

static void
fd_message_free(FdMessage *message)
{
    if (message) {
        tn_fd_pass_close_all(message->fds, message->n_fds);
        g_string_free(message->text, TRUE);
        g_free(message);
    }
}

static FdMessage *
fd_message_new(gint64 id, const char *name, json_object *args)
{
    FdMessage *message = g_new0(FdMessage, 1);

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
static gboolean
fd_message_take_copies(FdMessage *message, const int *fds, unsigned n_fds, GError **error)
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

static void
call_unref(TnQmpPendingCall *call)
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
static void
finish_call_locked(TnQmpClient *self, TnQmpPendingCall *call)
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
        g_source_set_callback(source, deliver_on_context, call, (GDestroyNotify)call_unref);
        g_source_attach(source, self->context);
    } else {
        g_cond_broadcast(&self->changed);
    }
}

static void
fail_call_locked(TnQmpClient *self, TnQmpPendingCall *call, const GError *error)
{
    if (!call->done) {
        call->error = g_error_copy(error);
        finish_call_locked(self, call);
    }
}

static void
fail_all_locked(TnQmpClient *self, const GError *error)
{
    GHashTableIter iter;
    gpointer call;

    g_hash_table_iter_init(&iter, self->calls);
    while (g_hash_table_iter_next(&iter, NULL, &call)) {
        fail_call_locked(self, call, error);
        g_hash_table_iter_remove(&iter);
    }
}

/* Takes a command back that was not sent at all. Lock held. */
static void
withdraw_locked(TnQmpClient *self, gint64 id)
{
    for (GList *l = self->unsent.head; l; l = l->next) {
        FdMessage *message = l->data;

        if (message->id == id && message->sent == 0) {
            self->unsent_bytes -= message->text->len;
            g_queue_delete_link(&self->unsent, l);
            fd_message_free(message);
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

static void
end_locked(TnQmpClient *self, const GError *error)
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
    g_queue_clear_full(&self->unsent, (GDestroyNotify)fd_message_free);
    self->unsent_bytes = 0;
    fail_all_locked(self, error);
    g_cond_broadcast(&self->changed);
}

/* The peer is gone or broke the protocol. Context's thread, lock not held. */
static void
end_by_peer(TnQmpClient *self, GError *error)
{
    gboolean tell;

    g_mutex_lock(&self->lock);
    tell = self->state != CLIENT_ENDED;
    end_locked(self, error);
    g_mutex_unlock(&self->lock);
    if (tell && self->callbacks.disconnected) {
        self->callbacks.disconnected(self, error, self->user_data);
    }
    g_error_free(error);
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data);

static GSource *
watch(TnQmpClient *self, GIOCondition condition, GUnixFDSourceFunc func)
{
    GSource *source = g_unix_fd_source_new(self->fd, condition);

    g_source_set_callback(source, G_SOURCE_FUNC(func), tn_qmp_client_ref(self),
                          (GDestroyNotify)tn_qmp_client_unref);
    g_source_attach(source, self->context);
    return source;
}

/* Sends what the socket takes. A failure is left for the reader to find. Lock held. */
static void
flush_locked(TnQmpClient *self)
{
    FdMessage *message;

    while (self->state != CLIENT_ENDED && (message = g_queue_peek_head(&self->unsent))) {
        gssize n;

        if (self->state != CLIENT_READY && message->id != NEGOTIATION_ID) {
            return;
        }
        n = tn_fd_pass_send(self->fd, message->text->str + message->sent,
                            message->text->len - message->sent, message->fds, message->n_fds);
        if (n < 0) {
            if (errno == EAGAIN && !self->write_source) {
                self->write_source = watch(self, G_IO_OUT, on_writable);
            }
            return;
        }
        tn_fd_pass_close_all(message->fds, message->n_fds);
        message->n_fds = 0;
        message->sent += (gsize)n;
        if (message->sent == message->text->len) {
            self->unsent_bytes -= message->text->len;
            fd_message_free(g_queue_pop_head(&self->unsent));
        }
    }
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    TnQmpClient *self = data;
    gboolean more;

    g_mutex_lock(&self->lock);
    flush_locked(self);
    more = self->state != CLIENT_ENDED && !g_queue_is_empty(&self->unsent) &&
           !(condition & (G_IO_HUP | G_IO_ERR));
    if (!more && self->write_source) {
        g_clear_pointer(&self->write_source, g_source_unref);
    }
    g_mutex_unlock(&self->lock);
    return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* The context's thread moves the state on; any thread may end it meanwhile. */
static TnQmpClientState
get_state(TnQmpClient *self)
{
    TnQmpClientState state;

    g_mutex_lock(&self->lock);
    state = self->state;
    g_mutex_unlock(&self->lock);
    return state;
}

static json_object *
member(json_object *object, const char *name)
{
    json_object *value = NULL;

    (void)json_object_object_get_ex(object, name, &value);
    return value;
}

static GError *
protocol_error(const char *what)
{
    return g_error_new(TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_PROTOCOL,
                       "The monitor broke the protocol: %s", what);
}

/* {"class": ..., "desc": ...} as the peer sent it. (transfer full) */
static GError *
error_from_json(json_object *object)
{
    const char *name = json_object_get_string(member(object, "class"));
    const char *desc = json_object_get_string(member(object, "desc"));
    g_autofree char *text = g_utf8_make_valid(desc ? desc : "unknown error",
                                              MIN(desc ? (gssize)strlen(desc) : 13, MAX_DESC));

    return g_error_new_literal(TN_QMP_ERROR, (gint)tn_qmp_error_class_from_string(name), text);
}

/* The greeting. Returns what is wrong with it, or NULL. Lock not held. */
static const char *
take_greeting(TnQmpClient *self, json_object *message)
{
    json_object *version = member(member(message, "QMP"), "version");
    json_object *qemu = member(version, "qemu");

    if (!json_object_is_type(qemu, json_type_object)) {
        return "its greeting has no version";
    }
    g_mutex_lock(&self->lock);
    self->version = (unsigned)CLAMP(json_object_get_int(member(qemu, "major")), 0, 999) * 1000000 +
                    (unsigned)CLAMP(json_object_get_int(member(qemu, "minor")), 0, 999) * 1000 +
                    (unsigned)CLAMP(json_object_get_int(member(qemu, "micro")), 0, 999);
    if (self->state == CLIENT_GREETING) {
        FdMessage *negotiation = fd_message_new(NEGOTIATION_ID, "qmp_capabilities", NULL);

        self->state = CLIENT_NEGOTIATING;
        self->unsent_bytes += negotiation->text->len;
        g_queue_push_head(&self->unsent, negotiation);
        flush_locked(self);
    }
    g_mutex_unlock(&self->lock);
    return NULL;
}

/* The answer to qmp_capabilities. (transfer full): what is wrong, or NULL. */
static GError *
take_negotiated(TnQmpClient *self, json_object *message)
{
    json_object *refusal = member(message, "error");

    if (refusal) {
        g_autoptr(GError) cause = error_from_json(refusal);

        return g_error_new(TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_PROTOCOL,
                           "The monitor refused to negotiate: %s", cause->message);
    }
    g_mutex_lock(&self->lock);
    if (self->state == CLIENT_NEGOTIATING) {
        self->state = CLIENT_READY;
        flush_locked(self);
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->lock);
    return NULL;
}

static GError *
take_reply(TnQmpClient *self, json_object *message)
{
    json_object *result = NULL;
    json_object *failure = member(message, "error");
    json_object *id = member(message, "id");
    gint64 number;
    TnQmpPendingCall *call;

    if (!json_object_is_type(id, json_type_int)) {
        g_autoptr(GError) cause = failure ? error_from_json(failure) : NULL;

        return protocol_error(cause ? cause->message : "a reply without our id");
    }
    if (!failure && (!json_object_object_get_ex(message, "return", &result) || !result)) {
        return protocol_error("a reply with neither return nor error");
    }
    number = json_object_get_int64(id);
    if (number == NEGOTIATION_ID && get_state(self) == CLIENT_NEGOTIATING) {
        return take_negotiated(self, message);
    }
    g_mutex_lock(&self->lock);
    call = g_hash_table_lookup(self->calls, &number);
    /* A caller that gave up is not in the table any more; its reply is dropped. */
    if (call && !call->done) {
        if (failure) {
            call->error = error_from_json(failure);
        } else {
            call->reply = json_object_get(result);
        }
        finish_call_locked(self, call);
        g_hash_table_remove(self->calls, &number);
    }
    g_mutex_unlock(&self->lock);
    return NULL;
}

static GError *
take_event(TnQmpClient *self, json_object *message)
{
    json_object *name = member(message, "event");
    json_object *data = member(message, "data");
    json_object *stamp = member(message, "timestamp");
    gint64 seconds = json_object_get_int64(member(stamp, "seconds"));
    gint64 microseconds = json_object_get_int64(member(stamp, "microseconds"));

    if (!json_object_is_type(name, json_type_string) ||
        (data && !json_object_is_type(data, json_type_object))) {
        return protocol_error("a malformed event");
    }
    if (self->callbacks.event) {
        /* -1 each is the peer's word for "not known". */
        gint64 time_us = seconds < 0 || microseconds < 0 || seconds > G_MAXINT64 / 2000000
                             ? 0
                             : seconds * 1000000 + MIN(microseconds, 999999);

        self->callbacks.event(self, json_object_get_string(name), data, time_us, self->user_data);
    }
    return NULL;
}

/* One message of the peer. (transfer full): why the connection must end, or NULL. */
static GError *
take_message(TnQmpClient *self, json_object *message)
{
    const char *wrong;

    if (!json_object_is_type(message, json_type_object)) {
        return protocol_error("a message that is no object");
    }
    if (get_state(self) == CLIENT_GREETING) {
        wrong = take_greeting(self, message);
        return wrong ? protocol_error(wrong) : NULL;
    }
    if (member(message, "event")) {
        return take_event(self, message);
    }
    return take_reply(self, message);
}

/* All that is complete in @data. FALSE when the connection ended. */
static gboolean
take_bytes(TnQmpClient *self, const char *data, gsize len)
{
    json_object *message = NULL;
    GError *error = NULL;

    while (get_state(self) != CLIENT_ENDED &&
           tn_json_reader_next(self->reader, &data, &len, &message, &error)) {
        if (error) {
            g_autoptr(GError) cause = error;

            end_by_peer(self, protocol_error(cause->message));
            return FALSE;
        }
        error = take_message(self, message);
        json_object_put(message);
        message = NULL;
        if (error) {
            end_by_peer(self, error);
            return FALSE;
        }
    }
    return get_state(self) != CLIENT_ENDED;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    TnQmpClient *self = data;
    int fds[TN_FD_PASS_MAX];
    unsigned n_fds;
    gssize n = tn_fd_pass_receive(self->fd, self->buffer, sizeof(self->buffer), fds, &n_fds);

    /* A monitor has no business sending us any. */
    tn_fd_pass_close_all(fds, n_fds);
    if (n < 0 && errno == EAGAIN) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        end_by_peer(self, n == 0 ? g_error_new_literal(TN_QMP_CLIENT_ERROR,
                                                       TN_QMP_CLIENT_ERROR_CLOSED,
                                                       "The monitor closed the connection")
                                 : g_error_new(TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED,
                                               "Reading from the monitor failed: %s",
                                               g_strerror(errno)));
        return G_SOURCE_REMOVE;
    }
    return take_bytes(self, self->buffer, (gsize)n) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

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
                                        (GDestroyNotify)call_unref);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    g_mutex_lock(&self->lock);
    self->read_source = watch(self, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable);
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
    g_queue_clear_full(&self->unsent, (GDestroyNotify)fd_message_free);
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
    end_locked(self, error);
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
        withdraw_locked(self, *(gint64 *)id);
    }
    fail_all_locked(self, error);
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
    FdMessage *message = fd_message_new(self->next_id + 1, name, args);

    if (!check_room_locked(self, message->text->len, error) ||
        !fd_message_take_copies(message, fds->fds, fds->n_fds, error)) {
        fd_message_free(message);
        return FALSE;
    }
    call->id = ++self->next_id;
    g_atomic_int_inc(&call->refs);
    g_hash_table_insert(self->calls, &call->id, call);
    self->unsent_bytes += message->text->len;
    g_queue_push_tail(&self->unsent, message);
    flush_locked(self);
    return TRUE;
}

/* @call's time is over. Lock held. */
static void
time_out_locked(TnQmpClient *self, TnQmpPendingCall *call)
{
    g_autoptr(GError) error = g_error_new_literal(TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT,
                                                  "The monitor did not answer in time");

    withdraw_locked(self, call->id);
    fail_call_locked(self, call, error);
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

json_object *
tn_qmp_client_call(TnQmpClient *self, const char *name, json_object *args, const int *fds,
                   unsigned n_fds, int timeout_ms, GError **error)
{
    const TnQmpFds descriptors = { fds, n_fds };
    gint64 deadline = deadline_from_timeout(timeout_ms);
    TnQmpPendingCall *call;
    json_object *reply = NULL;

    g_return_val_if_fail(!g_main_context_is_owner(self->context), NULL);
    call = call_new(self);
    g_mutex_lock(&self->lock);
    if (start_locked(self, call, name, args, &descriptors, error)) {
        while (!call->done) {
            if (!wait_locked(self, deadline) && !call->done) {
                time_out_locked(self, call);
            }
        }
        if (call->error) {
            g_propagate_error(error, g_steal_pointer(&call->error));
        }
        reply = g_steal_pointer(&call->reply);
    }
    g_mutex_unlock(&self->lock);
    call_unref(call);
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
    g_source_set_callback(call->timer, on_async_timeout, call, (GDestroyNotify)call_unref);
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
        finish_call_locked(self, call);
    } else if (timeout_ms >= 0 && !call->done) {
        arm_async_timeout_locked(self, call, timeout_ms);
    }
    g_mutex_unlock(&self->lock);
    call_unref(call);
    json_object_put(args);
}
