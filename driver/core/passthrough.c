/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a user's words to the monitor and back. */
#include "driver/core/passthrough.h"

#include <string.h>

#include "driver/core/job.h"
#include "driver/core/monitor.h"

#define MAX_DEPTH 64

/* Runs a command in a job: it may change anything. @args: (transfer full). */
static json_object *
call_in_job(TnDomain *domain, const char *name, json_object *args, GError **error)
{
    g_autoptr(TnQmpClient) qmp = NULL;
    json_object *reply = NULL;

    if (!tn_domain_begin_job_active(domain, "qemu-monitor-command", error)) {
        json_object_put(args);
        return NULL;
    }
    qmp = tn_monitor_get(domain, error);
    if (qmp) {
        reply = tn_qmp_client_call(qmp, name, args, NULL, 0, TN_MONITOR_TIMEOUT_MS, error);
    } else {
        json_object_put(args);
    }
    tn_domain_end_job(domain);
    return reply;
}

/* The object that @text is, NULL with INVALID_ARG. (transfer full) */
static json_object *
parse_command(const char *text, GError **error)
{
    json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
    json_object *command = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
    enum json_tokener_error why = json_tokener_get_error(tokener);

    json_tokener_free(tokener);
    if (why != json_tokener_success || !json_object_is_type(command, json_type_object)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "cannot parse JSON of the command: %s",
                    why != json_tokener_success ? json_tokener_error_desc(why)
                                                : "it is no object");
        json_object_put(command);
        return NULL;
    }
    return command;
}

static char *
print(json_object *object)
{
    return g_strdup(json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* An error of the monitor as it looked on the wire: the user wants to see just that. */
static json_object *
wrap_error(const GError *error)
{
    json_object *reply = json_object_new_object();
    json_object *inner = json_object_new_object();

    json_object_object_add(inner, "class",
                           json_object_new_string(tn_qmp_error_class_to_string(error->code)));
    json_object_object_add(inner, "desc", json_object_new_string(error->message));
    json_object_object_add(reply, "error", inner);
    return reply;
}

char *
tn_passthrough_qmp(TnDomain *domain, const char *text, GError **error)
{
    json_object *command = parse_command(text, error);
    json_object *args, *id, *value, *reply;
    g_autofree char *name = NULL;
    GError *why = NULL;
    char *result;

    if (!command) {
        return NULL;
    }
    name = g_strdup(json_object_get_string(json_object_object_get(command, "execute")));
    args = json_object_get(json_object_object_get(command, "arguments"));
    id = json_object_get(json_object_object_get(command, "id"));
    json_object_put(command);
    if (!name || (args && !json_object_is_type(args, json_type_object))) {
        json_object_put(args);
        json_object_put(id);
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                            "the command needs a member 'execute', and 'arguments' must be an "
                            "object");
        return NULL;
    }
    value = call_in_job(domain, name, args, &why);
    if (!value && why->domain != TN_QMP_ERROR) {
        json_object_put(id);
        g_propagate_error(error, why);
        return NULL;
    }
    reply = value ? json_object_new_object() : wrap_error(why);
    if (value) {
        json_object_object_add(reply, "return", value);
    }
    if (id) {
        json_object_object_add(reply, "id", id);
    }
    g_clear_error(&why);
    result = print(reply);
    json_object_put(reply);
    return result;
}

char *
tn_passthrough_human(TnDomain *domain, const char *line, GError **error)
{
    json_object *args = json_object_new_object();
    json_object *reply;
    char *result;

    json_object_object_add(args, "command-line", json_object_new_string(line));
    reply = call_in_job(domain, "human-monitor-command", args, error);
    if (!reply) {
        return NULL;
    }
    result = g_strdup(json_object_get_string(reply));
    json_object_put(reply);
    return result;
}
