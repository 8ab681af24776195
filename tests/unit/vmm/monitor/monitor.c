/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitors over real sockets: clients come and go, vanish, send too much, read nothing. */
#include "fake-machine.h"
#include "qmp/fd-pass.h"
#include "vmm/backend/chardev.h"
#include "vmm/monitor/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT_MS 10000

typedef struct Fixture {
    char *dir;
    char *path;
    TnMachine *machine;
    TnChardev *chardev;
    TnMonitor *monitor;
    int client;
} Fixture;

static TnChardev *
new_socket_chardev(TnMachine *machine, const char *id, const char *path)
{
    json_object *props = json_object_new_object();
    GError *error = NULL;
    TnChardev *chardev;

    json_object_object_add(props, "path", json_object_new_string(path));
    json_object_object_add(props, "server", json_object_new_boolean(TRUE));
    json_object_object_add(props, "wait", json_object_new_boolean(FALSE));
    chardev = tn_chardev_new("socket", props, TN_PROPERTY_STRICT, &error);
    g_assert_no_error(error);
    json_object_put(props);
    g_assert_true(tn_object_add_child(tn_object_resolve(tn_machine_get_root(machine), "/chardevs",
                                                        NULL),
                                      id, TN_OBJECT(chardev), NULL));
    return chardev;
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void
set_up(Fixture *f, gconstpointer mode)
{
    GError *error = NULL;

    f->dir = g_dir_make_tmp("tenon-monitor-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "qmp", NULL);
    f->machine = fake_machine_new("guest");
    f->chardev = new_socket_chardev(f->machine, "mon", f->path);
    f->monitor = tn_monitor_new(f->machine, f->chardev, GPOINTER_TO_INT(mode), &error);
    g_assert_no_error(error);
    f->client = connect_to(f->path);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    /* The tree outlives its machine: the fixture holds the root's one reference. */
    TnObject *root = tn_machine_get_root(f->machine);

    if (f->client >= 0) {
        (void)close(f->client);
    }
    tn_monitor_free(f->monitor);
    tn_object_unparent(TN_OBJECT(f->chardev));
    g_object_unref(f->chardev);
    tn_object_unparent(TN_OBJECT(f->machine));
    g_object_unref(f->machine);
    g_object_unref(root);
    (void)g_unlink(f->path);
    (void)g_rmdir(f->dir);
    g_free(f->path);
    g_free(f->dir);
}

static gboolean
on_limit(gpointer flag)
{
    *(gboolean *)flag = TRUE;
    return G_SOURCE_REMOVE;
}

/* Runs the main loop until @fd has something to say. FALSE at its end. */
static gboolean
hear_some(int fd, GString *heard)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add(LIMIT_MS, on_limit, &late);
    char buf[65536];
    ssize_t n;

    while ((n = recv(fd, buf, sizeof(buf), 0)) < 0 && errno == EAGAIN) {
        g_assert_false(late);
        g_main_context_iteration(NULL, g_main_context_pending(NULL));
    }
    g_source_remove(timer);
    if (n <= 0) {
        return FALSE;
    }
    g_string_append_len(heard, buf, n);
    return TRUE;
}

static void
say(int fd, const char *text)
{
    g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (gssize)strlen(text));
}

/* Says @text and hears exactly @expected (NULL: anything that ends a line). */
static void
converse(int fd, const char *text, const char *expected)
{
    g_autoptr(GString) heard = g_string_new(NULL);

    say(fd, text);
    while (expected ? heard->len < strlen(expected) : !g_str_has_suffix(heard->str, "\n")) {
        g_assert_true(hear_some(fd, heard));
    }
    if (expected) {
        g_assert_cmpstr(heard->str, ==, expected);
    }
}

static void
negotiate(int fd)
{
    converse(fd, "", NULL);
    converse(fd, "{\"execute\":\"qmp_capabilities\"}", "{\"return\": {}}\r\n");
}

static void
run_pending(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void
test_clients_one_after_another(Fixture *f, gconstpointer data)
{
    negotiate(f->client);
    say(f->client, "{\"execute\":\"query-st");
    (void)close(f->client);
    f->client = connect_to(f->path);
    negotiate(f->client);
    converse(f->client, "{\"execute\":\"query-status\"}",
             "{\"return\": {\"running\": false, \"singlestep\": false, \"status\": "
             "\"prelaunch\"}}\r\n");
}

/* As QEMU's pretty=on prints the same, strings and empty values included. */
static void
test_pretty(Fixture *f, gconstpointer data)
{
    converse(f->client, "", NULL);
    converse(f->client, "{\"execute\":\"qmp_capabilities\"}",
             "{\r\n    \"return\": {\r\n    }\r\n}\r\n");
    converse(f->client, "{\"execute\":\"query-fdsets\",\"id\":[1,{\"a, b\":\"{\\\"[\"}]}",
             "{\r\n    \"return\": [\r\n    ],\r\n    \"id\": [\r\n        1,\r\n"
             "        {\r\n            \"a, b\": \"{\\\"[\"\r\n        }\r\n    ]\r\n}\r\n");
}

/* A pipe's write end given to the monitor by getfd; the read end tells when it is closed. */
static int
give_pipe(Fixture *f)
{
    static const char command[] = "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"p\"}}";
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_cmpint(tn_fd_pass_send(f->client, command, strlen(command), &ends[1], 1), ==,
                    (gssize)strlen(command));
    (void)close(ends[1]);
    converse(f->client, "", "{\"return\": {}}\r\n");
    return ends[0];
}

static gboolean
is_hung_up(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

static void
test_descriptors_go_with_their_client(Fixture *f, gconstpointer data)
{
    int end;

    negotiate(f->client);
    end = give_pipe(f);
    g_assert_false(is_hung_up(end));
    (void)close(f->client);
    f->client = connect_to(f->path);
    negotiate(f->client);
    g_assert_true(is_hung_up(end));
    (void)close(end);
}

static void
test_two_monitors_both_hear_events(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "qmp2", NULL);
    g_autoptr(TnChardev) chardev = new_socket_chardev(f->machine, "mon2", path);
    TnMonitor *second = tn_monitor_new(f->machine, chardev, TN_MONITOR_CONTROL, NULL);
    g_autoptr(GString) heard = g_string_new(NULL);
    int client = connect_to(path);

    negotiate(f->client);
    negotiate(client);
    say(f->client, "{\"execute\":\"cont\"}");
    while (!strstr(heard->str, "\"event\": \"RESUME\"}\r\n")) {
        g_assert_true(hear_some(client, heard));
    }
    (void)close(client);
    tn_monitor_free(second);
    (void)g_unlink(path);
}

static void
test_chardev_in_use_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_monitor_new(f->machine, f->chardev, TN_MONITOR_CONTROL, &error));
    g_assert_cmpstr(error->message, ==, "Device 'mon' is in use");
}

/* Says the same until neither side takes any more. Returns how often it was taken whole. */
static unsigned
say_until_stuck(Fixture *f, const char *text)
{
    unsigned whole = 0;
    unsigned refusals = 0;

    while (refusals < 3) {
        ssize_t n = send(f->client, text, strlen(text), MSG_NOSIGNAL);

        if (n == (ssize_t)strlen(text)) {
            whole++;
            refusals = 0;
        } else {
            g_assert_cmpint(n, <, 0); /* small enough to be taken whole or not at all */
            refusals++;
        }
        run_pending();
    }
    return whole;
}

static void
test_client_that_does_not_read_is_served_later(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) heard = g_string_new(NULL);
    unsigned asked;
    unsigned answered = 0;

    negotiate(f->client);
    asked = say_until_stuck(f, "{\"execute\":\"query-commands\"}      ");
    g_assert_cmpuint(asked, >, 100);
    /* It reads at last, and misses nothing. */
    while (answered < asked) {
        const char *from = heard->str;
        const char *end;

        g_assert_true(hear_some(f->client, heard));
        from = heard->str;
        while ((end = strstr(from, "\r\n"))) {
            g_assert_true(g_str_has_prefix(from, "{\"return\": [{"));
            answered++;
            from = end + 2;
        }
        g_string_erase(heard, 0, from - heard->str);
    }
    converse(f->client, "{\"execute\":\"stop\"}", "{\"return\": {}}\r\n");
}

static void
test_client_that_never_reads_events_is_dropped(Fixture *f, gconstpointer data)
{
    TnEvents *events = tn_machine_get_platform(f->machine)->events;
    g_autofree char *long_text = g_strnfill(100000, 'x');
    g_autoptr(GString) heard = g_string_new(NULL);

    negotiate(f->client);
    for (int i = 0; i < 100; i++) {
        json_object *event_data = json_object_new_object();

        json_object_object_add(event_data, "path", json_object_new_string(long_text));
        tn_events_emit(events, "DEVICE_DELETED", event_data);
    }
    while (hear_some(f->client, heard)) {
    }
    g_assert_cmpuint(heard->len, <, 10 * 1000 * 1000);
    /* The monitor itself goes on. */
    (void)close(f->client);
    f->client = connect_to(f->path);
    negotiate(f->client);
}

static void
test_flush_hands_over_the_last_words(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) heard = g_string_new(NULL);

    negotiate(f->client);
    say(f->client, "{\"execute\":\"quit\"}");
    while (fake_machine_counts(f->machine)->quit == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    tn_monitor_flush(f->monitor, LIMIT_MS);
    tn_monitor_free(g_steal_pointer(&f->monitor));
    while (!strstr(heard->str, "\"event\": \"SHUTDOWN\"")) {
        g_assert_true(hear_some(f->client, heard));
    }
    g_assert_true(g_str_has_prefix(heard->str, "{\"return\": {}}\r\n"));
}

static void
test_random_bytes_over_the_socket(Fixture *f, gconstpointer data)
{
    for (int round = 0; round < 50; round++) {
        char noise[2048];
        g_autoptr(GString) heard = g_string_new(NULL);

        negotiate(f->client);
        for (gsize i = 0; i < sizeof(noise); i++) {
            noise[i] = (char)g_test_rand_int_range(0, 256);
        }
        g_assert_cmpint(send(f->client, noise, sizeof(noise), MSG_NOSIGNAL), ==, sizeof(noise));
        say(f->client, "\xff{\"execute\":\"stop\",\"id\":\"end\"}");
        while (!g_str_has_suffix(heard->str, "{\"return\": {}, \"id\": \"end\"}\r\n")) {
            g_assert_true(hear_some(f->client, heard));
        }
        (void)close(f->client);
        f->client = connect_to(f->path);
    }
    negotiate(f->client);
}

/* Not a timed test: prints what a round trip costs. */
static void
test_query_status_round_trip(Fixture *f, gconstpointer data)
{
    gint64 start;

    negotiate(f->client);
    start = g_get_monotonic_time();
    for (int i = 0; i < 1000; i++) {
        converse(f->client, "{\"execute\":\"query-status\"}",
                 "{\"return\": {\"running\": false, \"singlestep\": false, \"status\": "
                 "\"prelaunch\"}}\r\n");
    }
    g_test_message("query-status: %.1f us a round trip",
                   (double)(g_get_monotonic_time() - start) / 1000);
}

static void
test_text_mode(Fixture *f, gconstpointer data)
{
    converse(f->client, "", "QEMU 7.2.0 monitor - type 'help' for more information\r\n(qemu) ");
    converse(f->client, "info statusx\x7f\r\n",
             "info statusx\b \b\r\nVM status: paused (prelaunch)\r\n(qemu) ");
    converse(f->client, "nope\n", "nope\r\nunknown command: 'nope'\r\n(qemu) ");
    converse(f->client, "\033[Ainfo kvm\r", "info kvm\r\nkvm support: enabled\r\n(qemu) ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fake_machine_register_types();
#define ADD(path, func, mode)                                                                      \
    g_test_add("/monitor/" path, Fixture, GINT_TO_POINTER(mode), set_up, func, tear_down)
    ADD("clients-one-after-another", test_clients_one_after_another, TN_MONITOR_CONTROL);
    ADD("descriptors-go-with-their-client", test_descriptors_go_with_their_client,
        TN_MONITOR_CONTROL);
    ADD("two-monitors-both-hear-events", test_two_monitors_both_hear_events, TN_MONITOR_CONTROL);
    ADD("chardev-in-use-is-refused", test_chardev_in_use_is_refused, TN_MONITOR_CONTROL);
    ADD("client-that-does-not-read-is-served-later",
        test_client_that_does_not_read_is_served_later, TN_MONITOR_CONTROL);
    ADD("client-that-never-reads-events-is-dropped",
        test_client_that_never_reads_events_is_dropped, TN_MONITOR_CONTROL);
    ADD("flush-hands-over-the-last-words", test_flush_hands_over_the_last_words,
        TN_MONITOR_CONTROL);
    ADD("random-bytes-over-the-socket", test_random_bytes_over_the_socket, TN_MONITOR_CONTROL);
    ADD("query-status-round-trip", test_query_status_round_trip, TN_MONITOR_CONTROL);
    ADD("pretty", test_pretty, TN_MONITOR_CONTROL_PRETTY);
    ADD("text-mode", test_text_mode, TN_MONITOR_READLINE);
#undef ADD
    return g_test_run();
}
