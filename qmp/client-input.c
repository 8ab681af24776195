/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the peer says, taken apart: greeting, replies, events. The context's thread. */
#include "qmp/client-private.h"
#include "qmp/fd-pass.h"

#include <errno.h>
#include <string.h>

/* The peer is gone or broke the protocol. Context's thread, lock not held. */
static void
end_by_peer(TnQmpClient *self, GError *error)
{
    gboolean tell;

    g_mutex_lock(&self->lock);
    tell = self->state != CLIENT_ENDED;
    tn_qmp_client_end_locked(self, error);
    g_mutex_unlock(&self->lock);
    if (tell && self->callbacks.disconnected) {
        self->callbacks.disconnected(self, error, self->user_data);
    }
    g_error_free(error);
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
        TnQmpOutMessage *negotiation = tn_qmp_client_message_new(TN_QMP_NEGOTIATION_ID,
                                                                 "qmp_capabilities", NULL);

        self->state = CLIENT_NEGOTIATING;
        self->unsent_bytes += negotiation->text->len;
        g_queue_push_head(&self->unsent, negotiation);
        tn_qmp_client_flush_locked(self);
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
        tn_qmp_client_flush_locked(self);
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
    if (number == TN_QMP_NEGOTIATION_ID && get_state(self) == CLIENT_NEGOTIATING) {
        return take_negotiated(self, message);
    }
    g_mutex_lock(&self->lock);
    call = g_hash_table_lookup(self->calls, &number);
    /* A caller that gave up is not in the table any more; its reply is dropped. */
    if (call && !call->done) {
        if (failure) {
            call->error = error_from_json(failure);
        } else {
            /* json-c does not count references atomically: the caller gets the only one. */
            call->reply = json_object_get(result);
            json_object_object_del(message, "return");
        }
        tn_qmp_client_finish_locked(self, call);
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

gboolean
tn_qmp_client_on_readable(gint fd, GIOCondition condition, gpointer data)
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
