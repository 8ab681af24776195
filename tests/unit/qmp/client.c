/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP client against a fake monitor at the other end of a socket pair. */
#include "qmp/client.h"
#include "qmp/fd-pass.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING                                                                                   \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 3, \"minor\": 2, \"major\": 7}, "              \
    "\"package\": \"\"}, \"capabilities\": []}}\r\n"
#define LIMIT_MS 10000

/* A client whose context runs on a thread of its own, and the monitor's end. */
typedef struct Fixture {
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    TnQmpClient *client;
    int peer;
    GMutex lock;
    GCond changed;
    GPtrArray *events;
    gint64 event_time;
    char *disconnect_reason;
    json_object *async_reply;
    GError *async_error;
    unsigned async_calls;
} Fixture;

static gpointer
run_loop(gpointer data)
{
    Fixture *f = data;

    g_main_context_push_thread_default(f->context);
    g_main_loop_run(f->loop);
    g_main_context_pop_thread_default(f->context);
    return NULL;
}

static void
on_event(TnQmpClient *client, const char *name, json_object *data, gint64 time_us, gpointer user)
{
    Fixture *f = user;

    g_mutex_lock(&f->lock);
    g_ptr_array_add(f->events, g_strdup_printf("%s %s", name,
                                               data ? json_object_to_json_string_ext(
                                                          data, JSON_C_TO_STRING_PLAIN)
                                                    : "-"));
    f->event_time = time_us;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static void
on_disconnected(TnQmpClient *client, const GError *reason, gpointer user)
{
    Fixture *f = user;

    g_mutex_lock(&f->lock);
    g_assert_null(f->disconnect_reason);
    f->disconnect_reason = g_strdup(reason->message);
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static void
on_reply(TnQmpClient *client, json_object *reply, const GError *error, gpointer user)
{
    Fixture *f = user;

    g_mutex_lock(&f->lock);
    f->async_calls++;
    f->async_reply = json_object_get(reply);
    g_clear_error(&f->async_error);
    f->async_error = error ? g_error_copy(error) : NULL;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

/* Waits until @condition holds, at most LIMIT_MS. */
#define wait_for(f, condition)                                                                     \
    G_STMT_START {                                                                                 \
        gint64 end_ = g_get_monotonic_time() + LIMIT_MS * 1000;                                    \
        g_mutex_lock(&(f)->lock);                                                                  \
        while (!(condition)) {                                                                     \
            g_assert_true(g_cond_wait_until(&(f)->changed, &(f)->lock, end_));                     \
        }                                                                                          \
        g_mutex_unlock(&(f)->lock);                                                                \
    }                                                                                              \
    G_STMT_END

static void
set_up(Fixture *f, gconstpointer data)
{
    static const TnQmpClientCallbacks callbacks = { on_event, on_disconnected };
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    f->peer = pair[1];
    g_mutex_init(&f->lock);
    g_cond_init(&f->changed);
    f->events = g_ptr_array_new_with_free_func(g_free);
    f->context = g_main_context_new();
    f->loop = g_main_loop_new(f->context, FALSE);
    f->client = tn_qmp_client_new(pair[0], f->context, &callbacks, f);
    f->thread = g_thread_new("context", run_loop, f);
}

static gboolean
quit_loop(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();

    tn_qmp_client_close(f->client);
    /* Runs after the deliveries that closing left behind. */
    g_source_set_callback(source, quit_loop, f->loop, NULL);
    g_source_attach(source, f->context);
    g_thread_join(f->thread);
    tn_qmp_client_unref(f->client);
    g_main_loop_unref(f->loop);
    g_main_context_unref(f->context);
    if (f->peer >= 0) {
        (void)close(f->peer);
    }
    g_ptr_array_unref(f->events);
    g_free(f->disconnect_reason);
    json_object_put(f->async_reply);
    g_clear_error(&f->async_error);
    g_cond_clear(&f->changed);
    g_mutex_clear(&f->lock);
}

static void
peer_say(Fixture *f, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = send(f->peer, text, len, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        text += n;
        len -= (size_t)n;
    }
}

/* One line of the client; with its descriptors where asked for. */
static char *
peer_hear(Fixture *f, int *fds, unsigned *ret_n_fds)
{
    GString *line = g_string_new(NULL);
    unsigned n_fds = 0;

    while (!g_str_has_suffix(line->str, "\r\n")) {
        char c;
        unsigned n_more;
        int more[TN_FD_PASS_MAX];

        g_assert_cmpint(tn_fd_pass_receive(f->peer, &c, 1, more, &n_more), ==, 1);
        if (n_more > 0) {
            g_assert_nonnull(fds);
            memcpy(fds, more, n_more * sizeof(int));
            n_fds = n_more;
        }
        g_string_append_c(line, c);
    }
    if (ret_n_fds) {
        *ret_n_fds = n_fds;
    }
    g_string_truncate(line, line->len - 2);
    return g_string_free(line, FALSE);
}

static void
expect_line(Fixture *f, const char *expected)
{
    g_autofree char *line = peer_hear(f, NULL, NULL);

    g_assert_cmpstr(line, ==, expected);
}

static void
negotiate(Fixture *f)
{
    peer_say(f, GREETING);
    expect_line(f, "{\"execute\": \"qmp_capabilities\", \"id\": 0}");
    peer_say(f, "{\"return\": {}, \"id\": 0}\r\n");
    g_assert_true(tn_qmp_client_wait_ready(f->client, LIMIT_MS, NULL));
}

/* A caller on a thread of its own. */
typedef struct Caller {
    Fixture *f;
    const char *name;
    int timeout_ms;
    json_object *reply;
    json_object *answer; /* a pair's */
    GError *error;
    GThread *thread;
} Caller;

static gpointer
run_caller(gpointer data)
{
    Caller *c = data;

    c->reply = tn_qmp_client_call(c->f->client, c->name, NULL, NULL, 0, c->timeout_ms, &c->error);
    return NULL;
}

static void
start_caller(Caller *c, Fixture *f, const char *name, int timeout_ms)
{
    *c = (Caller){ .f = f, .name = name, .timeout_ms = timeout_ms };
    c->thread = g_thread_new("caller", run_caller, c);
}

static void
test_negotiates(Fixture *f, gconstpointer data)
{
    negotiate(f);
    g_assert_cmpuint(tn_qmp_client_get_version(f->client), ==, 7002003);
}

static void
test_call_before_greeting_waits(Fixture *f, gconstpointer data)
{
    Caller c;

    start_caller(&c, f, "query-status", LIMIT_MS);
    negotiate(f);
    expect_line(f, "{\"execute\": \"query-status\", \"id\": 1}");
    peer_say(f, "{\"return\": {\"running\": true}, \"id\": 1}\r\n");
    g_thread_join(c.thread);
    g_assert_no_error(c.error);
    g_assert_nonnull(c.reply);
    json_object_put(c.reply);
}

static void
test_replies_out_of_order_reach_their_callers(Fixture *f, gconstpointer data)
{
    Caller a, b;

    negotiate(f);
    start_caller(&a, f, "a", LIMIT_MS);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    start_caller(&b, f, "b", LIMIT_MS);
    expect_line(f, "{\"execute\": \"b\", \"id\": 2}");
    peer_say(f, "{\"return\": \"for b\", \"id\": 2}\r\n{\"return\": \"for a\", \"id\": 1}\r\n");
    g_thread_join(a.thread);
    g_thread_join(b.thread);
    g_assert_cmpstr(json_object_get_string(a.reply), ==, "for a");
    g_assert_cmpstr(json_object_get_string(b.reply), ==, "for b");
    json_object_put(a.reply);
    json_object_put(b.reply);
}

/* A command and the query behind it, on a thread of its own. */
static gpointer
run_pair(gpointer data)
{
    Caller *c = data;

    c->reply = tn_qmp_client_call_and_query(c->f->client, c->name, NULL, "query", c->timeout_ms,
                                            &c->answer, &c->error);
    return NULL;
}

static void
start_pair(Caller *c, Fixture *f, int timeout_ms)
{
    negotiate(f);
    *c = (Caller){ .f = f, .name = "change", .timeout_ms = timeout_ms };
    c->thread = g_thread_new("caller", run_pair, c);
    /* Both, before either is answered. */
    expect_line(f, "{\"execute\": \"change\", \"id\": 1}");
    expect_line(f, "{\"execute\": \"query\", \"id\": 2}");
}

static void
test_pair_gets_both_replies(Fixture *f, gconstpointer data)
{
    Caller c;

    start_pair(&c, f, LIMIT_MS);
    peer_say(f, "{\"return\": \"done\", \"id\": 1}\r\n{\"return\": \"seen\", \"id\": 2}\r\n");
    g_thread_join(c.thread);
    g_assert_no_error(c.error);
    g_assert_cmpstr(json_object_get_string(c.reply), ==, "done");
    g_assert_cmpstr(json_object_get_string(c.answer), ==, "seen");
    json_object_put(c.reply);
    json_object_put(c.answer);
}

static void
test_pair_reports_the_command_alone(Fixture *f, gconstpointer data)
{
    Caller c;

    start_pair(&c, f, LIMIT_MS);
    peer_say(f, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 1}\r\n"
                "{\"return\": \"seen\", \"id\": 2}\r\n");
    g_thread_join(c.thread);
    g_assert_error(c.error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR);
    g_assert_null(c.reply);
    g_assert_cmpstr(json_object_get_string(c.answer), ==, "seen");
    json_object_put(c.answer);
    g_error_free(c.error);
}

static void
test_pair_does_without_an_answer(Fixture *f, gconstpointer data)
{
    Caller c;

    start_pair(&c, f, LIMIT_MS);
    peer_say(f, "{\"return\": \"done\", \"id\": 1}\r\n"
                "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 2}\r\n");
    g_thread_join(c.thread);
    g_assert_no_error(c.error);
    g_assert_cmpstr(json_object_get_string(c.reply), ==, "done");
    g_assert_null(c.answer);
    json_object_put(c.reply);
}

static void
test_error_keeps_class_and_desc(Fixture *f, gconstpointer data)
{
    Caller c;

    negotiate(f);
    start_caller(&c, f, "device_del", LIMIT_MS);
    expect_line(f, "{\"execute\": \"device_del\", \"id\": 1}");
    peer_say(f, "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}, "
                "\"id\": 1}\r\n");
    g_thread_join(c.thread);
    g_assert_error(c.error, TN_QMP_ERROR, TN_QMP_ERROR_DEVICE_NOT_FOUND);
    g_assert_cmpstr(c.error->message, ==, "Device 'x' not found");
    g_error_free(c.error);
}

static void
test_arguments_are_exact(Fixture *f, gconstpointer data)
{
    json_object *args = json_object_new_object();

    negotiate(f);
    json_object_object_add(args, "size", json_object_new_uint64(G_MAXUINT64));
    json_object_object_add(args, "id", json_object_new_string("a\"\xc3\xa9\n"));
    tn_qmp_client_call_async(f->client, "object-add", args, NULL, 0, -1, NULL, NULL);
    expect_line(f, "{\"execute\": \"object-add\", \"arguments\": {\"size\": 18446744073709551615, "
                   "\"id\": \"a\\\"\\u00E9\\n\"}, \"id\": 1}");
}

static void
test_hang_hits_its_caller_alone(Fixture *f, gconstpointer data)
{
    Caller hung, other;

    negotiate(f);
    start_caller(&hung, f, "hang", 20);
    expect_line(f, "{\"execute\": \"hang\", \"id\": 1}");
    start_caller(&other, f, "query-status", LIMIT_MS);
    expect_line(f, "{\"execute\": \"query-status\", \"id\": 2}");
    g_thread_join(hung.thread);
    g_assert_error(hung.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT);
    g_error_free(hung.error);
    /* The late reply is dropped, the other caller gets its own. */
    peer_say(f, "{\"return\": 1, \"id\": 1}\r\n{\"return\": 2, \"id\": 2}\r\n");
    g_thread_join(other.thread);
    g_assert_cmpint(json_object_get_int(other.reply), ==, 2);
    json_object_put(other.reply);
}

static void
test_unsent_command_is_withdrawn_at_timeout(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    /* No greeting yet, so the command cannot be sent. */
    g_assert_null(tn_qmp_client_call(f->client, "quit", NULL, NULL, 0, 10, &error));
    g_assert_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT);
    negotiate(f);
    tn_qmp_client_call_async(f->client, "next", NULL, NULL, 0, -1, NULL, NULL);
    expect_line(f, "{\"execute\": \"next\", \"id\": 2}");
}

static void
test_vanishing_peer_wakes_callers(Fixture *f, gconstpointer data)
{
    Caller a, b;

    negotiate(f);
    start_caller(&a, f, "a", -1);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    start_caller(&b, f, "b", -1);
    expect_line(f, "{\"execute\": \"b\", \"id\": 2}");
    peer_say(f, "{\"return\": {");
    (void)close(f->peer);
    f->peer = -1;
    g_thread_join(a.thread);
    g_thread_join(b.thread);
    g_assert_error(a.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED);
    g_assert_error(b.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED);
    g_error_free(a.error);
    g_error_free(b.error);
    wait_for(f, f->disconnect_reason);
    g_assert_false(tn_qmp_client_is_open(f->client));
}

static void
test_close_wakes_callers(Fixture *f, gconstpointer data)
{
    Caller c;

    negotiate(f);
    start_caller(&c, f, "a", -1);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    tn_qmp_client_close(f->client);
    g_thread_join(c.thread);
    g_assert_error(c.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED);
    g_clear_error(&c.error);
    g_assert_null(tn_qmp_client_call(f->client, "late", NULL, NULL, 0, -1, &c.error));
    g_assert_error(c.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED);
    g_error_free(c.error);
}

static void
test_cancel_wakes_callers_and_keeps_the_connection(Fixture *f, gconstpointer data)
{
    Caller c;

    negotiate(f);
    start_caller(&c, f, "a", -1);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    tn_qmp_client_cancel_all(f->client);
    g_thread_join(c.thread);
    g_assert_error(c.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CANCELLED);
    g_error_free(c.error);
    start_caller(&c, f, "b", LIMIT_MS);
    expect_line(f, "{\"execute\": \"b\", \"id\": 2}");
    peer_say(f, "{\"return\": {}, \"id\": 1}\r\n{\"return\": {}, \"id\": 2}\r\n");
    g_thread_join(c.thread);
    g_assert_no_error(c.error);
    json_object_put(c.reply);
}

static void
test_event_is_delivered_with_its_time(Fixture *f, gconstpointer data)
{
    negotiate(f);
    peer_say(f, "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 5}, "
                "\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"d\"}}\r\n");
    wait_for(f, f->events->len == 1);
    g_assert_cmpstr(f->events->pdata[0], ==, "DEVICE_DELETED {\"device\":\"d\"}");
    g_assert_cmpint(f->event_time, ==, 1000005);
}

/* What ends the connection: the whole of what the peer says, and the reason. */
typedef struct Garbage {
    const char *said;
    const char *reason;
} Garbage;

static void
test_garbage_ends_the_connection(Fixture *f, gconstpointer data)
{
    const Garbage *g = data;
    Caller c;

    negotiate(f);
    start_caller(&c, f, "a", -1);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    peer_say(f, g->said);
    g_thread_join(c.thread);
    g_assert_error(c.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_PROTOCOL);
    g_assert_cmpstr(c.error->message, ==, g->reason);
    g_error_free(c.error);
    wait_for(f, f->disconnect_reason);
}

static void
test_bad_greeting_ends_the_connection(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    peer_say(f, "{\"return\": {}}\r\n");
    g_assert_false(tn_qmp_client_wait_ready(f->client, LIMIT_MS, &error));
    g_assert_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_PROTOCOL);
}

static void
test_silent_peer_times_out(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_qmp_client_wait_ready(f->client, 10, &error));
    g_assert_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT);
}

static void
test_oversized_message_ends_the_connection(Fixture *f, gconstpointer data)
{
    g_autofree char *piece = g_strnfill(65536, 'x');

    negotiate(f);
    peer_say(f, "{\"return\": \"");
    for (gsize sent = 0; sent <= TN_QMP_CLIENT_MAX_REPLY; sent += 65536) {
        if (send(f->peer, piece, 65536, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    wait_for(f, f->disconnect_reason);
    g_assert_cmpstr(f->disconnect_reason, ==,
                    "The monitor broke the protocol: JSON token size limit exceeded");
}

static void
test_descriptors_go_with_their_command(Fixture *f, gconstpointer data)
{
    g_autofree char *line = NULL;
    int fds[TN_FD_PASS_MAX];
    unsigned n_fds = 0;
    int pipe_fds[2];
    char c = 0;

    negotiate(f);
    g_assert_cmpint(pipe2(pipe_fds, O_CLOEXEC), ==, 0);
    tn_qmp_client_call_async(f->client, "getfd", NULL, &pipe_fds[1], 1, -1, NULL, NULL);
    (void)close(pipe_fds[1]);
    line = peer_hear(f, fds, &n_fds);
    g_assert_cmpuint(n_fds, ==, 1);
    g_assert_cmpint(write(fds[0], "!", 1), ==, 1);
    g_assert_cmpint(read(pipe_fds[0], &c, 1), ==, 1);
    g_assert_cmpint(c, ==, '!');
    (void)close(fds[0]);
    (void)close(pipe_fds[0]);
}

static void
test_async_reply(Fixture *f, gconstpointer data)
{
    negotiate(f);
    tn_qmp_client_call_async(f->client, "a", NULL, NULL, 0, LIMIT_MS, on_reply, f);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    peer_say(f, "{\"return\": 7, \"id\": 1}\r\n");
    wait_for(f, f->async_calls == 1);
    g_assert_cmpint(json_object_get_int(f->async_reply), ==, 7);
}

static void
test_async_times_out(Fixture *f, gconstpointer data)
{
    negotiate(f);
    tn_qmp_client_call_async(f->client, "a", NULL, NULL, 0, 10, on_reply, f);
    wait_for(f, f->async_calls == 1);
    g_assert_error(f->async_error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_TIMEOUT);
}

static void
test_async_after_close_fails(Fixture *f, gconstpointer data)
{
    tn_qmp_client_close(f->client);
    tn_qmp_client_call_async(f->client, "a", NULL, NULL, 0, -1, on_reply, f);
    wait_for(f, f->async_calls == 1);
    g_assert_error(f->async_error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED);
}

static void
test_peer_that_does_not_read_is_bounded(Fixture *f, gconstpointer data)
{
    g_autofree char *large = g_strnfill(1024 * 1024, 'x');
    g_autoptr(GError) error = NULL;

    negotiate(f);
    for (int i = 0; i < 8; i++) {
        json_object *args = json_object_new_object();

        json_object_object_add(args, "x", json_object_new_string(large));
        tn_qmp_client_call_async(f->client, "a", args, NULL, 0, -1, NULL, NULL);
    }
    g_assert_null(tn_qmp_client_call(f->client, large, NULL, NULL, 0, LIMIT_MS, &error));
    g_assert_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_LIMIT);
}

static void
test_pending_calls_are_bounded(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < TN_QMP_CLIENT_MAX_PENDING; i++) {
        tn_qmp_client_call_async(f->client, "a", NULL, NULL, 0, -1, NULL, NULL);
    }
    g_assert_null(tn_qmp_client_call(f->client, "b", NULL, NULL, 0, LIMIT_MS, &error));
    g_assert_error(error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_LIMIT);
}

/* Whatever a monitor says, the client ends in a defined state and every caller wakes. */
static void
test_random_bytes_wake_the_caller(Fixture *f, gconstpointer data)
{
    static const char *const pieces[] = { "{", "}", "[", "]", ":", ",", "\"return\"", "\"error\"",
                                          "\"id\"", "1", "\"event\"", "\"data\"", "{}", "null",
                                          "\"class\"", "\"desc\"", "\n", "-", "\xff" };
    Caller c;

    negotiate(f);
    start_caller(&c, f, "a", LIMIT_MS);
    expect_line(f, "{\"execute\": \"a\", \"id\": 1}");
    for (int i = 0; i < 500 && tn_qmp_client_is_open(f->client); i++) {
        const char *piece = pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))];

        if (send(f->peer, piece, strlen(piece), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    (void)close(f->peer);
    f->peer = -1;
    g_thread_join(c.thread);
    g_assert_true(c.reply || c.error);
    json_object_put(c.reply);
    g_clear_error(&c.error);
    wait_for(f, f->disconnect_reason);
}

static void
test_peer_vanishing_at_the_greeting_fails_waiting_calls(Fixture *f, gconstpointer data)
{
    Caller c;

    start_caller(&c, f, "a", -1);
    (void)close(f->peer);
    f->peer = -1;
    g_thread_join(c.thread);
    g_assert_error(c.error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED);
    g_error_free(c.error);
}

int
main(int argc, char **argv)
{
    static const Garbage no_json = { "hello\r\n", "The monitor broke the protocol: JSON parse "
                                                  "error, invalid keyword 'hello'" };
    static const Garbage no_object = { "[]", "The monitor broke the protocol: a message that is "
                                             "no object" };
    static const Garbage no_id = { "{\"return\": {}}", "The monitor broke the protocol: a reply "
                                                       "without our id" };
    static const Garbage no_return = { "{\"id\": 1}", "The monitor broke the protocol: a reply "
                                                      "with neither return nor error" };
    static const Garbage bad_event = { "{\"event\": 1}", "The monitor broke the protocol: a "
                                                         "malformed event" };

    g_test_init(&argc, &argv, NULL);
#define ADD(path, data, func)                                                                      \
    g_test_add("/qmp/client/" path, Fixture, data, set_up, func, tear_down)
    ADD("negotiates", NULL, test_negotiates);
    ADD("call-before-greeting-waits", NULL, test_call_before_greeting_waits);
    ADD("replies-out-of-order-reach-their-callers", NULL,
        test_replies_out_of_order_reach_their_callers);
    ADD("error-keeps-class-and-desc", NULL, test_error_keeps_class_and_desc);
    ADD("arguments-are-exact", NULL, test_arguments_are_exact);
    ADD("pair/gets-both-replies", NULL, test_pair_gets_both_replies);
    ADD("pair/reports-the-command-alone", NULL, test_pair_reports_the_command_alone);
    ADD("pair/does-without-an-answer", NULL, test_pair_does_without_an_answer);
    ADD("hang-hits-its-caller-alone", NULL, test_hang_hits_its_caller_alone);
    ADD("unsent-command-is-withdrawn-at-timeout", NULL,
        test_unsent_command_is_withdrawn_at_timeout);
    ADD("vanishing-peer-wakes-callers", NULL, test_vanishing_peer_wakes_callers);
    ADD("vanishing-at-the-greeting-fails-waiting-calls", NULL,
        test_peer_vanishing_at_the_greeting_fails_waiting_calls);
    ADD("close-wakes-callers", NULL, test_close_wakes_callers);
    ADD("cancel-wakes-callers-and-keeps-the-connection", NULL,
        test_cancel_wakes_callers_and_keeps_the_connection);
    ADD("event-is-delivered-with-its-time", NULL, test_event_is_delivered_with_its_time);
    ADD("garbage/no-json", &no_json, test_garbage_ends_the_connection);
    ADD("garbage/no-object", &no_object, test_garbage_ends_the_connection);
    ADD("garbage/no-id", &no_id, test_garbage_ends_the_connection);
    ADD("garbage/no-return", &no_return, test_garbage_ends_the_connection);
    ADD("garbage/bad-event", &bad_event, test_garbage_ends_the_connection);
    ADD("garbage/bad-greeting", NULL, test_bad_greeting_ends_the_connection);
    ADD("garbage/oversized", NULL, test_oversized_message_ends_the_connection);
    for (int i = 0; i < 20; i++) {
        g_autofree char *path = g_strdup_printf("/qmp/client/garbage/random/%d", i);

        g_test_add(path, Fixture, NULL, set_up, test_random_bytes_wake_the_caller, tear_down);
    }
    ADD("silent-peer-times-out", NULL, test_silent_peer_times_out);
    ADD("descriptors-go-with-their-command", NULL, test_descriptors_go_with_their_command);
    ADD("async/reply", NULL, test_async_reply);
    ADD("async/times-out", NULL, test_async_times_out);
    ADD("async/after-close-fails", NULL, test_async_after_close_fails);
    ADD("peer-that-does-not-read-is-bounded", NULL, test_peer_that_does_not_read_is_bounded);
    ADD("pending-calls-are-bounded", NULL, test_pending_calls_are_bounded);
#undef ADD
    return g_test_run();
}
