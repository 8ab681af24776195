/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client's session: from bytes to commands, from results to lines. */
#include "qmp/fd-pass.h"
#include "qmp/json-text.h"
#include "qmp/server-private.h"

#include <string.h>
#include <unistd.h>

struct TnQmpSession {
    TnQmpServer *server;
    TnQmpSessionOps ops;
    void *opaque;
    gboolean negotiated;
    TnJsonReader *reader;
    GByteArray *backlog; /* fed while the client did not keep up */
    GString *line;       /* the reply being made */
    int received[TN_QMP_SERVER_MAX_RECEIVED_FDS];
    unsigned n_received;
    GHashTable *named; /* char * -> descriptor */
};

/* A request taken apart. */
typedef struct Request {
    const char *execute; /* NULL: refused */
    json_object *args; /* (transfer full) */
    json_object *id;
    gboolean has_id;
} Request;

static void
close_named(gpointer fd)
{
    (void)close(GPOINTER_TO_INT(fd));
}

TnQmpSession *
tn_qmp_session_new(TnQmpServer *server, const TnQmpSessionOps *ops, void *opaque)
{
    static const TnJsonLimits limits = { TN_QMP_SERVER_MAX_MESSAGE, TN_JSON_MAX_DEPTH,
                                         TN_QMP_SERVER_MAX_TOKENS };
    TnQmpSession *self = g_new0(TnQmpSession, 1);

    self->server = server;
    self->ops = *ops;
    self->opaque = opaque;
    self->reader = tn_json_reader_new(&limits);
    self->backlog = g_byte_array_new();
    self->line = g_string_new(NULL);
    self->named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_named);
    g_ptr_array_add(server->sessions, self);
    tn_qmp_session_tell(self, server->greeting, strlen(server->greeting));
    return self;
}

void
tn_qmp_session_free(TnQmpSession *self)
{
    if (!self) {
        return;
    }
    g_ptr_array_remove(self->server->sessions, self);
    tn_fd_pass_close_all(self->received, self->n_received);
    g_hash_table_unref(self->named);
    tn_json_reader_free(self->reader);
    g_byte_array_unref(self->backlog);
    g_string_free(self->line, TRUE);
    g_free(self);
}

void
tn_qmp_session_tell(TnQmpSession *self, const char *line, gsize len)
{
    self->ops.write(self->opaque, line, len);
}

gboolean
tn_qmp_session_is_negotiated(const TnQmpSession *self)
{
    return self->negotiated;
}

gboolean
tn_qmp_session_negotiate(TnQmpSession *self, GError **error)
{
    if (self->negotiated) {
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_COMMAND_NOT_FOUND,
                            "Capabilities negotiation is already complete, command ignored");
        return FALSE;
    }
    self->negotiated = TRUE;
    return TRUE;
}

static TnQmpError
get_class(const TnQmpSession *self, const GError *error)
{
    const TnQmpServerConfig *config = &self->server->config;

    return error->domain != TN_QMP_ERROR && config->get_class ? config->get_class(error)
                                                              : tn_qmp_error_get_class(error);
}

/* A reply is at most this large before its buffer is given back. */
#define KEEP_LINE 65536

static void
finish_reply(TnQmpSession *self, const Request *request)
{
    if (request->has_id) {
        g_string_append(self->line, ", \"id\": ");
        tn_json_print(self->line, request->id);
    }
    g_string_append(self->line, "}\r\n");
    tn_qmp_session_tell(self, self->line->str, self->line->len);
    if (self->line->allocated_len > KEEP_LINE) {
        g_string_free(self->line, TRUE);
        self->line = g_string_new(NULL);
    }
}

static void
reply_error(TnQmpSession *self, const Request *request, const GError *error)
{
    g_string_assign(self->line, "{\"error\": {\"class\": ");
    tn_json_print_string(self->line,
                         tn_qmp_error_class_to_string((int)get_class(self, error)), -1);
    g_string_append(self->line, ", \"desc\": ");
    tn_json_print_string(self->line, error->message, -1);
    g_string_append_c(self->line, '}');
    finish_reply(self, request);
}

static void
reply_value(TnQmpSession *self, const Request *request, const char *raw, json_object *value)
{
    g_string_assign(self->line, "{\"return\": ");
    if (raw) {
        g_string_append(self->line, raw);
    } else if (value) {
        tn_json_print(self->line, value);
    } else {
        g_string_append(self->line, "{}");
    }
    finish_reply(self, request);
}

static gboolean G_GNUC_PRINTF(2, 3)
refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error = g_error_new_valist(TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR, format, args);
    }
    va_end(args);
    return FALSE;
}

/* Takes a message apart; the id is found even where the rest is refused. */
static gboolean
parse_request(json_object *message, Request *request, GError **error)
{
    json_object *execute = NULL;
    json_object *args = NULL;

    if (!json_object_is_type(message, json_type_object)) {
        return refuse(error, "QMP input must be a JSON object");
    }
    request->has_id = json_object_object_get_ex(message, "id", &request->id);
    json_object_object_foreach(message, key, member) {
        if (strcmp(key, "execute") == 0) {
            if (!json_object_is_type(member, json_type_string)) {
                return refuse(error, "QMP input member 'execute' must be a string");
            }
            execute = member;
        } else if (strcmp(key, "arguments") == 0) {
            if (!json_object_is_type(member, json_type_object)) {
                return refuse(error, "QMP input member 'arguments' must be an object");
            }
            args = member;
        } else if (strcmp(key, "id") != 0) {
            return refuse(error, "QMP input member '%s' is unexpected", key);
        }
    }
    if (!execute) {
        return refuse(error, "QMP input lacks member 'execute'");
    }
    request->execute = json_object_get_string(execute);
    request->args = args ? json_object_get(args) : json_object_new_object();
    return TRUE;
}

/* The row of the command asked for, if it may be given now. */
static const TnQmpCommand *
find_command(TnQmpSession *self, const char *name, GError **error)
{
    const TnQmpServerConfig *config = &self->server->config;
    const TnQmpCommand *command = tn_qmp_command_find(name);
    TnQmpPhase phase = config->get_phase ? config->get_phase(config->ctx) : TN_QMP_PHASE_RUNNING;

    if (!self->negotiated && strcmp(name, "qmp_capabilities") != 0) {
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_COMMAND_NOT_FOUND,
                            "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    if (!command || !tn_qmp_server_has(self->server, command)) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_COMMAND_NOT_FOUND,
                    "The command %s has not been found", name);
        return NULL;
    }
    if (!(command->phases & (unsigned)phase)) {
        (void)refuse(error,
                     phase == TN_QMP_PHASE_PRECONFIG
                         ? "The command '%s' is permitted only after machine initialization has "
                           "completed"
                     : phase == TN_QMP_PHASE_RUNNING
                         ? "The command '%s' is permitted only while the guest does not run"
                         : "The command '%s' is permitted only while the guest runs",
                     name);
        return NULL;
    }
    return command;
}

static gboolean
check_args(const TnQmpCommand *command, json_object *args, GError **error)
{
    static const TnQmpType no_args = { .kind = TN_QMP_TYPE_OBJECT, .name = "no arguments" };

    return tn_qmp_type_check(command->args ? command->args : &no_args, args, NULL, error);
}

/* For tests: a handler that replies something else than the schema promises. */
static void
check_reply(const TnQmpCommand *command, json_object *value)
{
    g_autoptr(GError) error = NULL;

    if (command->returns ? !tn_qmp_type_check(command->returns, value, "return", &error)
                         : value && json_object_object_length(value) > 0) {
        g_warning("The reply to %s does not follow the schema: %s", command->name,
                  error ? error->message : "it is not empty");
    }
}

static void
carry_out(TnQmpSession *self, const Request *request, GError **error)
{
    TnQmpCall call = { .ctx = self->server->config.ctx, .session = self };
    const TnQmpCommand *command = find_command(self, request->execute, error);
    GError *failure = NULL;
    json_object *value;

    if (!command || !check_args(command, request->args, error)) {
        return;
    }
    value = tn_qmp_server_run(self->server, command, &call, request->args, &failure);
    if (failure) {
        g_propagate_error(error, failure);
        return;
    }
    if (self->server->config.check_replies && !call.raw_reply) {
        check_reply(command, value);
    }
    reply_value(self, request, call.raw_reply, value);
    json_object_put(value);
}

/* One JSON value of the client, or why what it sent is none. */
static void
take_message(TnQmpSession *self, json_object *message, GError *error)
{
    Request request = { NULL };

    if (!error && parse_request(message, &request, &error) && request.execute) {
        carry_out(self, &request, &error);
    }
    if (error) {
        reply_error(self, &request, error);
        g_error_free(error);
    }
    json_object_put(request.args);
}

static gboolean
can_write(const TnQmpSession *self)
{
    return !self->ops.can_write || self->ops.can_write(self->opaque);
}

/* As much of @data as the client keeps up with; the rest is left there. */
static void
take_bytes(TnQmpSession *self, const char **data, gsize *len)
{
    while (can_write(self)) {
        json_object *message = NULL;
        GError *error = NULL;

        if (!tn_json_reader_next(self->reader, data, len, &message, &error)) {
            return;
        }
        take_message(self, message, error);
        json_object_put(message);
    }
}

void
tn_qmp_session_feed(TnQmpSession *self, const char *data, gsize len)
{
    if (self->backlog->len == 0) {
        take_bytes(self, &data, &len);
    }
    g_byte_array_append(self->backlog, (const guint8 *)data, (guint)len);
}

gboolean
tn_qmp_session_is_blocked(const TnQmpSession *self)
{
    return self->backlog->len > 0;
}

void
tn_qmp_session_resume(TnQmpSession *self)
{
    const char *data = (const char *)self->backlog->data;
    gsize len = self->backlog->len;

    take_bytes(self, &data, &len);
    g_byte_array_remove_range(self->backlog, 0, (guint)(self->backlog->len - len));
}

void
tn_qmp_session_give_fds(TnQmpSession *self, const int *fds, unsigned n)
{
    unsigned taken = MIN(n, TN_QMP_SERVER_MAX_RECEIVED_FDS);

    tn_fd_pass_close_all(self->received, self->n_received);
    memcpy(self->received, fds, taken * sizeof(int));
    self->n_received = taken;
    tn_fd_pass_close_all(fds + taken, n - taken);
}

int
tn_qmp_session_take_received_fd(TnQmpSession *self, GError **error)
{
    int fd;

    if (self->n_received == 0) {
        (void)refuse(error, "No file descriptor supplied via SCM_RIGHTS");
        return -1;
    }
    fd = self->received[0];
    self->n_received--;
    memmove(self->received, self->received + 1, self->n_received * sizeof(int));
    return fd;
}

gboolean
tn_qmp_session_name_fd(TnQmpSession *self, const char *name, int fd, GError **error)
{
    if (g_ascii_isdigit(name[0])) {
        (void)close(fd);
        return refuse(error, "Parameter '%s' expects %s", "fdname",
                      "a name not starting with a digit");
    }
    if (g_hash_table_size(self->named) >= TN_QMP_SERVER_MAX_NAMED_FDS &&
        !g_hash_table_contains(self->named, name)) {
        (void)close(fd);
        return refuse(error, "%d file descriptors have names already, which is the limit",
                      TN_QMP_SERVER_MAX_NAMED_FDS);
    }
    g_hash_table_replace(self->named, g_strdup(name), GINT_TO_POINTER(fd));
    return TRUE;
}

int
tn_qmp_session_take_named_fd(TnQmpSession *self, const char *name, GError **error)
{
    gpointer key, fd;

    if (!g_hash_table_steal_extended(self->named, name, &key, &fd)) {
        (void)refuse(error, "File descriptor named '%s' not found", name);
        return -1;
    }
    g_free(key);
    return GPOINTER_TO_INT(fd);
}
