/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP server with handlers of the test's own, by transcripts and by noise. */
#include "qmp/qmp-schema-gen.h"
#include "qmp/json-reader.h"
#include "qmp/server.h"
#include "transcript.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

typedef struct Context {
    TnQmpPhase phase;
    unsigned open_fds; /* at the start */
} Context;

static json_object *
query_status(TnQmpCall *call, json_object *args, GError **error)
{
    json_object *reply = json_object_new_object();

    json_object_object_add(reply, "running", json_object_new_boolean(TRUE));
    json_object_object_add(reply, "singlestep", json_object_new_boolean(FALSE));
    json_object_object_add(reply, "status", json_object_new_string("running"));
    return reply;
}

static json_object *
nothing(TnQmpCall *call, json_object *args, GError **error)
{
    return NULL;
}

static json_object *
device_del(TnQmpCall *call, json_object *args, GError **error)
{
    const char *id = json_object_get_string(json_object_object_get(args, "id"));

    if (strcmp(id, "foreign") == 0) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_BUSY, "a foreign error");
    } else {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found",
                    id);
    }
    return NULL;
}

static json_object *
getfd(TnQmpCall *call, json_object *args, GError **error)
{
    int fd = tn_qmp_session_take_received_fd(call->session, error);

    if (fd >= 0) {
        (void)tn_qmp_session_name_fd(
            call->session, json_object_get_string(json_object_object_get(args, "fdname")), fd,
            error);
    }
    return NULL;
}

static json_object *
closefd(TnQmpCall *call, json_object *args, GError **error)
{
    int fd = tn_qmp_session_take_named_fd(
        call->session, json_object_get_string(json_object_object_get(args, "fdname")), error);

    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

static const TnQmpHandler handlers[TN_QMP_COMMAND_LAST] = {
    [TN_QMP_COMMAND_QUERY_STATUS] = query_status,
    [TN_QMP_COMMAND_STOP] = nothing,
    [TN_QMP_COMMAND_OBJECT_ADD] = nothing,
    [TN_QMP_COMMAND_DEVICE_ADD] = nothing,
    [TN_QMP_COMMAND_QOM_SET] = nothing,
    [TN_QMP_COMMAND_QOM_LIST_TYPES] = nothing,
    [TN_QMP_COMMAND_ADD_FD] = nothing,
    [TN_QMP_COMMAND_DEVICE_DEL] = device_del,
    [TN_QMP_COMMAND_GETFD] = getfd,
    [TN_QMP_COMMAND_CLOSEFD] = closefd,
};

static TnQmpPhase
get_phase(void *ctx)
{
    return ((Context *)ctx)->phase;
}

static TnQmpError
get_class(const GError *error)
{
    return TN_QMP_ERROR_DEVICE_NOT_ACTIVE;
}

static TnQmpServer *
new_server(Context *context)
{
    const TnQmpServerConfig config = {
        .handlers = handlers,
        .ctx = context,
        .get_phase = get_phase,
        .get_class = get_class,
        .major = 7,
        .minor = 2,
        .package = "test",
        .check_replies = TRUE,
    };

    return tn_qmp_server_new(&config);
}

static unsigned
count_open_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

static gboolean
on_directive(void *opaque, const char *line)
{
    Context *context = opaque;

    if (g_str_has_prefix(line, "phase ")) {
        context->phase = strcmp(line + 6, "preconfig") == 0 ? TN_QMP_PHASE_PRECONFIG
                         : strcmp(line + 6, "paused") == 0  ? TN_QMP_PHASE_PAUSED
                                                            : TN_QMP_PHASE_RUNNING;
        return TRUE;
    }
    if (g_str_has_prefix(line, "open-fds +")) {
        g_assert_cmpuint(count_open_fds(), ==, context->open_fds + (unsigned)atoi(line + 10));
        return TRUE;
    }
    return FALSE;
}

static void
test_transcript(gconstpointer data)
{
    Context context = { TN_QMP_PHASE_RUNNING, count_open_fds() };
    g_autoptr(TnQmpServer) server = new_server(&context);

    transcript_run(data, server, on_directive, &context);
}

static void
append_output(void *opaque, const char *data, gsize len)
{
    g_string_append_len(opaque, data, (gssize)len);
}

static const TnQmpSessionOps string_ops = { .write = append_output };

/* What a client that says @text gets, after the negotiation. */
static char *
talk(TnQmpServer *server, const char *text, gsize len)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(TnQmpSession) session = tn_qmp_session_new(server, &string_ops, out);

    tn_qmp_session_feed(session, "{\"execute\":\"qmp_capabilities\"}", 30);
    g_string_truncate(out, 0);
    tn_qmp_session_feed(session, text, len);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
test_events_reach_every_negotiated_client(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);
    g_autoptr(GString) a = g_string_new(NULL);
    g_autoptr(GString) b = g_string_new(NULL);
    TnQmpSession *session_a = tn_qmp_session_new(server, &string_ops, a);
    TnQmpSession *session_b = tn_qmp_session_new(server, &string_ops, b);

    tn_qmp_session_feed(session_a, "{\"execute\":\"qmp_capabilities\"}", 30);
    g_string_truncate(a, 0);
    g_string_truncate(b, 0);
    tn_qmp_server_emit(server, "RESUME", NULL, 5);
    g_assert_cmpstr(a->str, ==, "{\"timestamp\": {\"seconds\": 0, \"microseconds\": 5}, \"event\": "
                                "\"RESUME\"}\r\n");
    g_assert_cmpstr(b->str, ==, "");
    tn_qmp_session_free(session_a);
    tn_qmp_session_free(session_b);
}

static void
test_unknown_event_warns(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);

    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "Event NOPE is not in the schema");
    tn_qmp_server_emit(server, "NOPE", NULL, 0);
    g_test_assert_expected_messages();
}

static void
test_event_that_breaks_the_schema_warns(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);

    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
                          "Event DEVICE_DELETED does not follow the schema: *'data'*");
    tn_qmp_server_emit(server, "DEVICE_DELETED", NULL, 0);
    g_test_assert_expected_messages();
}

static void
test_oversized_message_is_refused_and_the_next_works(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);
    g_autoptr(GString) text = g_string_new("{\"execute\":\"");
    g_autofree char *name = g_strnfill(TN_QMP_SERVER_MAX_MESSAGE, 'x');
    g_autofree char *said = NULL;

    g_string_append(text, name);
    g_string_append(text, "\"}{\"execute\":\"stop\"}");
    said = talk(server, text->str, text->len);
    g_assert_cmpstr(said, ==, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON token "
                              "size limit exceeded\"}}\r\n{\"return\": {}}\r\n");
}

static void
test_deep_message_is_refused_and_the_next_works(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *open = g_strnfill(TN_JSON_MAX_DEPTH + 1, '[');
    g_autofree char *close_ = g_strnfill(TN_JSON_MAX_DEPTH + 1, ']');
    g_autofree char *said = NULL;

    g_string_append_printf(text, "%s%s{\"execute\":\"stop\"}", open, close_);
    said = talk(server, text->str, text->len);
    g_assert_cmpstr(said, ==, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON nesting "
                              "depth limit exceeded\"}}\r\n{\"return\": {}}\r\n");
}

static void
test_deep_id_comes_back(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);
    g_autofree char *open = g_strnfill(TN_JSON_MAX_DEPTH - 1, '[');
    g_autofree char *close_ = g_strnfill(TN_JSON_MAX_DEPTH - 1, ']');
    g_autofree char *text = g_strdup_printf("{\"execute\":\"stop\",\"id\":%s%s}", open, close_);
    g_autofree char *said = talk(server, text, strlen(text));
    g_autofree char *expected = g_strdup_printf("{\"return\": {}, \"id\": %s%s}\r\n", open, close_);

    g_assert_cmpstr(said, ==, expected);
}

/* A piece of a message, as a client that is out of its mind might send it. */
static void
append_noise(GString *text)
{
    static const char *const pieces[] = {
        "{", "}", "[", "]", ":", ",", "\"execute\"", "\"arguments\"", "\"id\"", "\"query-status\"",
        "\"object-add\"", "\"qom-type\"", "\"memory-backend-ram\"", "\"size\"", "\"getfd\"",
        "\"fdname\"", "1", "-1", "1e9", "null", "true", "\"\\u00e9\"", "'", "\"", "\\", "\n", " ",
        "{\"execute\":\"stop\"}", "{\"execute\":\"object-add\",\"arguments\":", "\xff", "\xc3\xa9",
    };

    if (g_test_rand_int_range(0, 10) == 0) {
        g_string_append_c(text, (char)g_test_rand_int_range(0, 256));
    } else {
        g_string_append(text, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
    }
}

/* Every line said is JSON with "return" or "error"; afterwards 0xFF and a command work. */
static void
test_noise_then_a_command(void)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);

    for (int round = 0; round < 5000; round++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *said = NULL;
        g_auto(GStrv) lines = NULL;
        guint n;

        for (int i = g_test_rand_int_range(1, 40); i > 0; i--) {
            append_noise(text);
        }
        g_string_append(text, "\xff{\"execute\":\"stop\",\"id\":\"end\"}");
        said = talk(server, text->str, text->len);
        lines = g_strsplit(said, "\r\n", -1);
        n = g_strv_length(lines);
        g_assert_cmpuint(n, >=, 2);
        g_assert_cmpstr(lines[n - 1], ==, "");
        g_assert_cmpstr(lines[n - 2], ==, "{\"return\": {}, \"id\": \"end\"}");
        for (guint i = 0; i + 1 < n; i++) {
            json_object *line = json_tokener_parse(lines[i]);

            g_assert_true(json_object_object_get_ex(line, "return", NULL) ||
                          json_object_object_get_ex(line, "error", NULL));
            json_object_put(line);
        }
    }
}

/* The "return" of a command without arguments. (transfer full) */
static json_object *
ask(const char *name)
{
    Context context = { TN_QMP_PHASE_RUNNING, 0 };
    g_autoptr(TnQmpServer) server = new_server(&context);
    g_autofree char *text = g_strdup_printf("{\"execute\":\"%s\"}", name);
    g_autofree char *said = talk(server, text, strlen(text));
    json_object *line = json_tokener_parse(said);
    json_object *reply = json_object_get(json_object_object_get(line, "return"));

    g_assert_nonnull(reply);
    json_object_put(line);
    return reply;
}

static void
test_schema_follows_its_own_schema(void)
{
    json_object *reply = ask("query-qmp-schema");
    GError *error = NULL;

    (void)tn_qmp_type_check(tn_qmp_commands[TN_QMP_COMMAND_QUERY_QMP_SCHEMA].returns, reply,
                            "return", &error);
    g_assert_no_error(error);
    json_object_put(reply);
}

static const char *
get_string(json_object *object, const char *member)
{
    return json_object_get_string(json_object_object_get(object, member));
}

/* Each name is told once, and every type that is spoken of is told. */
static void
test_schema_is_closed(void)
{
    json_object *reply = ask("query-qmp-schema");
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    static const char *const references[] = { "arg-type", "ret-type", "element-type", "type" };
    static const char *const lists[] = { "members", "variants" };

    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        json_object *entity = json_object_array_get_idx(reply, i);

        g_assert_true(g_hash_table_add(names, (gpointer)get_string(entity, "name")));
    }
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        json_object *entity = json_object_array_get_idx(reply, i);

        for (unsigned r = 0; r < G_N_ELEMENTS(references); r++) {
            const char *type = get_string(entity, references[r]);

            g_assert_true(!type || g_hash_table_contains(names, type));
        }
        for (unsigned l = 0; l < G_N_ELEMENTS(lists); l++) {
            json_object *list = json_object_object_get(entity, lists[l]);

            for (size_t m = 0; list && m < json_object_array_length(list); m++) {
                const char *type = get_string(json_object_array_get_idx(list, m), "type");

                g_assert_true(!type || g_hash_table_contains(names, type));
            }
        }
    }
    json_object_put(reply);
}

static void
test_commands_lists_those_with_handlers(void)
{
    json_object *reply = ask("query-commands");
    unsigned expected = 4; /* the server's own */

    for (unsigned i = 0; i < TN_QMP_COMMAND_LAST; i++) {
        expected += handlers[i] != NULL;
    }
    g_assert_cmpuint(json_object_array_length(reply), ==, expected);
    json_object_put(reply);
}

static void
test_tables_are_sorted(void)
{
    for (unsigned i = 1; i < tn_qmp_n_commands; i++) {
        g_assert_cmpstr(tn_qmp_commands[i - 1].name, <, tn_qmp_commands[i].name);
    }
    for (unsigned i = 1; i < tn_qmp_n_events; i++) {
        g_assert_cmpstr(tn_qmp_events[i - 1].name, <, tn_qmp_events[i].name);
    }
}

int
main(int argc, char **argv)
{
    static const char *const transcripts[] = { "negotiation", "requests", "malformed",
                                               "arguments",   "phases",   "events",
                                               "descriptors" };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(transcripts); i++) {
        g_autofree char *path = g_strconcat("/qmp/server/transcript/", transcripts[i], NULL);

        g_test_add_data_func(path, transcripts[i], test_transcript);
    }
    g_test_add_func("/qmp/server/events-reach-every-negotiated-client",
                    test_events_reach_every_negotiated_client);
    g_test_add_func("/qmp/server/unknown-event-warns", test_unknown_event_warns);
    g_test_add_func("/qmp/server/event-that-breaks-the-schema-warns",
                    test_event_that_breaks_the_schema_warns);
    g_test_add_func("/qmp/server/oversized-message",
                    test_oversized_message_is_refused_and_the_next_works);
    g_test_add_func("/qmp/server/deep-message", test_deep_message_is_refused_and_the_next_works);
    g_test_add_func("/qmp/server/deep-id-comes-back", test_deep_id_comes_back);
    g_test_add_func("/qmp/server/noise-then-a-command", test_noise_then_a_command);
    g_test_add_func("/qmp/schema/follows-its-own-schema", test_schema_follows_its_own_schema);
    g_test_add_func("/qmp/schema/is-closed", test_schema_is_closed);
    g_test_add_func("/qmp/schema/commands-lists-those-with-handlers",
                    test_commands_lists_those_with_handlers);
    g_test_add_func("/qmp/schema/tables-are-sorted", test_tables_are_sorted);
    return g_test_run();
}
