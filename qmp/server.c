/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server: what is the same for all sessions, the commands about QMP itself, events. */
#include "qmp/server.h"

#include "qmp/json-text.h"
#include "qmp/server-private.h"

#include "qmp/qmp-schema-gen.h"

static char *
format_version(const TnQmpServerConfig *config)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "{\"qemu\": {\"micro\": %u, \"minor\": %u, \"major\": %u}, \"package\": ",
                    config->micro, config->minor, config->major);
    tn_json_print_string(text, config->package, -1);
    g_string_append_c(text, '}');
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *
format_commands(const TnQmpServer *self)
{
    g_autoptr(GString) text = g_string_new("[");

    for (unsigned i = 0; i < tn_qmp_n_commands; i++) {
        if (tn_qmp_server_has(self, &tn_qmp_commands[i])) {
            g_string_append_printf(text, "%s{\"name\": \"%s\"}", text->len > 1 ? ", " : "",
                                   tn_qmp_commands[i].name);
        }
    }
    g_string_append_c(text, ']');
    return g_string_free(g_steal_pointer(&text), FALSE);
}

TnQmpServer *
tn_qmp_server_new(const TnQmpServerConfig *config)
{
    TnQmpServer *self = g_new0(TnQmpServer, 1);

    self->config = *config;
    self->sessions = g_ptr_array_new();
    self->version_text = format_version(config);
    self->commands_text = format_commands(self);
    self->greeting = g_strdup_printf("{\"QMP\": {\"version\": %s, \"capabilities\": []}}\r\n",
                                     self->version_text);
    return self;
}

void
tn_qmp_server_free(TnQmpServer *self)
{
    if (!self) {
        return;
    }
    g_assert(self->sessions->len == 0);
    g_ptr_array_unref(self->sessions);
    g_free(self->greeting);
    g_free(self->version_text);
    g_free(self->commands_text);
    g_free(self);
}

gboolean
tn_qmp_server_has(const TnQmpServer *self, const TnQmpCommand *command)
{
    switch (command - tn_qmp_commands) {
    case TN_QMP_COMMAND_QMP_CAPABILITIES:
    case TN_QMP_COMMAND_QUERY_VERSION:
    case TN_QMP_COMMAND_QUERY_COMMANDS:
    case TN_QMP_COMMAND_QUERY_QMP_SCHEMA:
        return TRUE;
    default:
        return self->config.handlers[command - tn_qmp_commands] != NULL;
    }
}

/* qmp_capabilities: none is offered, so none can be enabled. */
static json_object *
negotiate(TnQmpCall *call, json_object *args, GError **error)
{
    json_object *enable = json_object_object_get(args, "enable");

    if (!tn_qmp_session_is_negotiated(call->session) && enable &&
        json_object_array_length(enable) > 0) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR, "Capability %s not available",
                    json_object_get_string(json_object_array_get_idx(enable, 0)));
        return NULL;
    }
    (void)tn_qmp_session_negotiate(call->session, error);
    return NULL;
}

json_object *
tn_qmp_server_run(TnQmpServer *self, const TnQmpCommand *command, TnQmpCall *call,
                  json_object *args, GError **error)
{
    switch (command - tn_qmp_commands) {
    case TN_QMP_COMMAND_QMP_CAPABILITIES:
        return negotiate(call, args, error);
    case TN_QMP_COMMAND_QUERY_VERSION:
        call->raw_reply = self->version_text;
        return NULL;
    case TN_QMP_COMMAND_QUERY_COMMANDS:
        call->raw_reply = self->commands_text;
        return NULL;
    case TN_QMP_COMMAND_QUERY_QMP_SCHEMA:
        call->raw_reply = tn_qmp_schema_text;
        return NULL;
    default:
        return self->config.handlers[command - tn_qmp_commands](call, args, error);
    }
}

/* Warns when @data is not what the schema says of @event. */
static void
check_event(const TnQmpEvent *event, json_object *data)
{
    g_autoptr(GError) error = NULL;

    if (!event->data) {
        if (data && json_object_object_length(data) > 0) {
            g_warning("Event %s has data, but the schema knows none", event->name);
        }
    } else if (!tn_qmp_type_check(event->data, data, data ? NULL : "data", &error)) {
        g_warning("Event %s does not follow the schema: %s", event->name, error->message);
    }
}

void
tn_qmp_server_emit(TnQmpServer *self, const char *name, json_object *data, gint64 time_us)
{
    const TnQmpEvent *event = tn_qmp_event_find(name);
    g_autoptr(GString) line = g_string_new(NULL);

    if (!event) {
        g_warning("Event %s is not in the schema", name);
        return;
    }
    check_event(event, data);
    g_string_printf(line,
                    "{\"timestamp\": {\"seconds\": %" G_GINT64_FORMAT
                    ", \"microseconds\": %" G_GINT64_FORMAT "}, \"event\": \"%s\"",
                    time_us / 1000000, time_us % 1000000, event->name);
    if (event->data && data) {
        g_string_append(line, ", \"data\": ");
        tn_json_print(line, data);
    }
    g_string_append(line, "}\r\n");
    for (guint i = 0; i < self->sessions->len; i++) {
        TnQmpSession *session = g_ptr_array_index(self->sessions, i);

        if (tn_qmp_session_is_negotiated(session)) {
            tn_qmp_session_tell(session, line->str, line->len);
        }
    }
}
