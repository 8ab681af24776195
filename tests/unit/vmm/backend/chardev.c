/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices: each kind, its peers' comes and goes, and what a peer can do wrong. */
#include "vmm/backend/chardev-kinds.h"
#include "vmm/backend/chardev-options.h"

#include "tests/lib/test-platform.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

typedef struct Fixture {
    TnObject *root;
    TnObject *chardevs;
    char *dir;
    char *path; /* in dir; not made */

    /* What the frontend saw. */
    GString *input;
    gsize room;
    unsigned writable, opened, closed;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->root = tn_object_new_root();
    f->chardevs = tn_object_ensure_container(f->root, "chardevs");
    f->dir = g_dir_make_tmp("tenon-test-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "x", NULL);
    f->input = g_string_new(NULL);
    f->room = 4096;
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_object_unref(f->root);
    (void)g_unlink(f->path);
    g_assert_no_errno(g_rmdir(f->dir));
    g_string_free(f->input, TRUE);
    g_free(f->path);
    g_free(f->dir);
}

static gsize
on_can_read(void *opaque)
{
    return ((Fixture *)opaque)->room;
}

static void
on_read(void *opaque, const guint8 *buf, gsize len)
{
    Fixture *f = opaque;

    g_assert_cmpuint(len, <=, f->room);
    g_string_append_len(f->input, (const char *)buf, (gssize)len);
}

static void
on_writable(void *opaque)
{
    ((Fixture *)opaque)->writable++;
}

static void
on_event(void *opaque, TnChardevEvent event)
{
    Fixture *f = opaque;

    if (event == TN_CHARDEV_EVENT_OPENED) {
        f->opened++;
    } else {
        f->closed++;
    }
}

static const TnChardevHandlers handlers = { on_can_read, on_read, on_writable, on_event };

/* "-chardev @format" with id "c"; fails the test when it is refused. */
static TnChardev *G_GNUC_PRINTF(2, 3) open_chardev(Fixture *f, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    tn_chardev_options_add(f->chardevs, text, &error);
    g_assert_no_error(error);
    return tn_chardev_options_find(f->chardevs, "c", NULL);
}

static TnChardev *
attach(Fixture *f, TnChardev *chardev)
{
    g_autoptr(GError) error = NULL;

    tn_chardev_attach(chardev, &handlers, f, &error);
    g_assert_no_error(error);
    return chardev;
}

static void
close_chardev(Fixture *f)
{
    tn_object_unparent(TN_OBJECT(tn_chardev_options_find(f->chardevs, "c", NULL)));
}

static void
assert_refused(Fixture *f, const char *options, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_chardev_options_add(f->chardevs, options, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_null(tn_object_get_child(f->chardevs, "c"));
}

static void
assert_description(TnChardev *chardev, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
assert_description(TnChardev *chardev, const char *format, ...)
{
    g_autofree char *got = tn_chardev_describe(chardev);
    g_autofree char *expected = NULL;
    va_list args;

    va_start(args, format);
    expected = g_strdup_vprintf(format, args);
    va_end(args);
    g_assert_cmpstr(got, ==, expected);
}

typedef struct Wanted {
    Fixture *f;
    const char *input;
} Wanted;

static gboolean
input_is(gpointer user_data)
{
    const Wanted *w = user_data;

    return strcmp(w->f->input->str, w->input) == 0;
}

static void
wait_input(Fixture *f, const char *text)
{
    tn_test_wait(input_is, &(Wanted){ f, text });
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_no_errno(connect(fd, (struct sockaddr *)&address, sizeof(address)));
    return fd;
}

static void
send_text(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
}

static void
assert_reads(int fd, const char *text)
{
    char buf[256] = { 0 };

    g_assert_cmpint(read(fd, buf, sizeof(buf) - 1), ==, strlen(text));
    g_assert_cmpstr(buf, ==, text);
}

/* null */

static void
test_null(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "null,id=c"));

    g_assert_cmpuint(f->opened, ==, 1);
    g_assert_cmpuint(tn_chardev_write(chardev, "abc", 3), ==, 3);
    assert_description(chardev, "null");
    g_assert_cmpstr(tn_chardev_get_label(chardev), ==, "c");
}

static void
test_one_frontend(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = open_chardev(f, "null,id=c");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_chardev_is_frontend_open(chardev));
    attach(f, chardev);
    g_assert_true(tn_chardev_is_frontend_open(chardev));
    g_assert_false(tn_chardev_attach(chardev, &handlers, f, &error));
    g_assert_cmpstr(error->message, ==, "Device 'c' is in use");
    tn_chardev_detach(chardev);
    attach(f, chardev);
}

/* file */

static void
assert_file(const char *path, const char *text)
{
    g_autofree char *got = NULL;

    g_assert_true(g_file_get_contents(path, &got, NULL, NULL));
    g_assert_cmpstr(got, ==, text);
}

static void
test_file_truncates(Fixture *f, gconstpointer data)
{
    g_assert_true(g_file_set_contents(f->path, "old and long", -1, NULL));
    tn_chardev_write(open_chardev(f, "file,id=c,path=%s", f->path), "new", 3);
    assert_file(f->path, "new");
}

static void
test_file_appends(Fixture *f, gconstpointer data)
{
    g_assert_true(g_file_set_contents(f->path, "old ", -1, NULL));
    tn_chardev_write(open_chardev(f, "file,id=c,path=%s,append=on", f->path), "new", 3);
    assert_file(f->path, "old new");
}

static void
test_file_input(Fixture *f, gconstpointer data)
{
    TnChardev *chardev;

    g_assert_true(g_file_set_contents(f->path, "typed", -1, NULL));
    chardev = attach(f, open_chardev(f, "file,id=c,path=/dev/null,input-path=%s", f->path));
    wait_input(f, "typed");
    tn_test_iterate();
    g_assert_cmpuint(f->closed, ==, 0);
    g_assert_cmpuint(tn_chardev_write(chardev, "x", 1), ==, 1);
    assert_description(chardev, "file");
}

static void
test_file_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, "file,id=c", "chardev: file: no filename given");
    assert_refused(f, "file,id=c,path=/nonexistent/x",
                   "Could not open '/nonexistent/x': No such file or directory");
}

/* socket, server */

static void
test_server_describes_itself(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client;

    assert_description(chardev, "disconnected:unix:%s,server=on", f->path);
    g_assert_false(tn_chardev_is_open(chardev));
    client = connect_to(f->path);
    tn_test_wait_count(&f->opened, 1);
    assert_description(chardev, "unix:%s,server=on", f->path);
    close(client);
    tn_test_wait_count(&f->closed, 1);
    assert_description(chardev, "disconnected:unix:%s,server=on", f->path);
}

static void
test_server_both_ways(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client = connect_to(f->path);

    send_text(client, "to guest");
    wait_input(f, "to guest");
    g_assert_cmpuint(tn_chardev_write(chardev, "to host", 7), ==, 7);
    assert_reads(client, "to host");
    close(client);
}

static void
test_server_one_client_after_the_other(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int first = connect_to(f->path);
    int second;

    tn_test_wait_count(&f->opened, 1);
    second = connect_to(f->path);
    send_text(second, "second");
    tn_test_iterate();
    g_assert_cmpuint(f->opened, ==, 1);
    send_text(first, "first,");
    close(first);
    wait_input(f, "first,second");
    g_assert_cmpuint(f->closed, ==, 1);
    g_assert_cmpuint(f->opened, ==, 2);
    tn_chardev_write(chardev, "hello", 5);
    assert_reads(second, "hello");
    close(second);
}

static void
test_server_discards_without_client(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client;

    g_assert_cmpuint(tn_chardev_write(chardev, "lost", 4), ==, 4);
    client = connect_to(f->path);
    tn_test_wait_count(&f->opened, 1);
    g_assert_cmpuint(tn_chardev_write(chardev, "seen", 4), ==, 4);
    assert_reads(client, "seen");
    close(client);
}

static gpointer
connect_and_greet(gpointer user_data)
{
    Fixture *f = user_data;

    while (!g_file_test(f->path, G_FILE_TEST_EXISTS)) {
        g_thread_yield();
    }
    for (;;) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
            send_text(fd, "here I am");
            return GINT_TO_POINTER(fd);
        }
        close(fd); /* bound, not listening yet */
    }
}

static void
test_server_waits(Fixture *f, gconstpointer data)
{
    GThread *thread = g_thread_new("client", connect_and_greet, f);
    TnChardev *chardev = open_chardev(f, "socket,id=c,path=%s,server=on", f->path);

    g_assert_true(tn_chardev_is_open(chardev));
    attach(f, chardev);
    g_assert_cmpuint(f->opened, ==, 1);
    wait_input(f, "here I am");
    close(GPOINTER_TO_INT(g_thread_join(thread)));
    /* And goes on like any other. */
    tn_test_wait_count(&f->closed, 1);
    close(connect_to(f->path));
    tn_test_wait_count(&f->closed, 2);
}

static void
test_server_replaces_and_removes_its_file(Fixture *f, gconstpointer data)
{
    g_assert_true(g_file_set_contents(f->path, "stale", -1, NULL));
    open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path);
    close(connect_to(f->path));
    close_chardev(f);
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void
test_server_by_fd(Fixture *f, gconstpointer data)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    TnChardev *chardev;
    int client;

    g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
    g_assert_no_errno(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    g_assert_no_errno(listen(fd, 1));
    chardev = attach(f, open_chardev(f, "socket,id=c,fd=%d,server=on,wait=off", fd));
    assert_description(chardev, "disconnected:fd:%d,server=on", fd);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    client = connect_to(f->path);
    send_text(client, "x");
    wait_input(f, "x");
    assert_description(chardev, "unix:%s,server=on", f->path);
    close(client);
    close_chardev(f);
    /* Not ours to remove. */
    g_assert_true(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void
test_disconnect(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client = connect_to(f->path);
    char c;

    tn_test_wait_count(&f->opened, 1);
    f->room = 0;
    send_text(client, "never read");
    tn_chardev_disconnect(chardev);
    g_assert_cmpuint(f->closed, ==, 0);
    tn_test_wait_count(&f->closed, 1);
    g_assert_cmpint(read(client, &c, 1), <=, 0);
    close(client);
    f->room = 10;
    client = connect_to(f->path);
    tn_test_wait_count(&f->opened, 2);
    close(client);
}

static void
test_room_holds_input_back(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client = connect_to(f->path);

    f->room = 3;
    tn_test_wait_count(&f->opened, 1);
    send_text(client, "abcdef");
    tn_test_wait(input_is, &(Wanted){ f, "abc" });
    f->room = 0;
    tn_chardev_accept_input(chardev);
    tn_test_iterate();
    /* The one dispatch that was due may have read three more; then it stops. */
    g_assert_cmpuint(f->input->len, <=, 6);
    send_text(client, "gh");
    close(client);
    tn_test_iterate();
    g_assert_cmpuint(f->closed, ==, 0);
    f->room = 100;
    tn_chardev_accept_input(chardev);
    wait_input(f, "abcdefgh");
    tn_test_wait_count(&f->closed, 1);
}

static void
test_full_peer_takes_a_part(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client = connect_to(f->path);
    g_autofree char *big = g_malloc0(8 << 20);
    g_autofree char *sink = g_malloc(8 << 20);
    gsize taken;

    tn_test_wait_count(&f->opened, 1);
    taken = tn_chardev_write(chardev, big, 8 << 20);
    g_assert_cmpuint(taken, >, 0);
    g_assert_cmpuint(taken, <, 8 << 20);
    tn_test_iterate();
    g_assert_cmpuint(f->writable, ==, 0);
    g_assert_false(tn_chardev_wait_writable(chardev, 0));
    g_assert_cmpint(recv(client, sink, taken, MSG_WAITALL), ==, taken);
    tn_test_wait_count(&f->writable, 1);
    tn_test_iterate();
    g_assert_cmpuint(f->writable, ==, 1);
    close(client);
}

static void
test_full_peer_leaves(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client = connect_to(f->path);
    g_autofree char *big = g_malloc0(8 << 20);

    tn_test_wait_count(&f->opened, 1);
    f->room = 0;
    g_assert_cmpuint(tn_chardev_write(chardev, big, 8 << 20), <, 8 << 20);
    tn_test_iterate();
    close(client);
    /* Nothing is read, but whoever waits for room must go on. */
    tn_test_wait_count(&f->writable, 1);
}

/* descriptors */

static void
send_fds(int fd, const char *text, const int *fds, unsigned count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * 32)];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec iov = { (void *)text, strlen(text) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr *c;

    msg.msg_control = control.bytes;
    msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
    g_assert_cmpint(sendmsg(fd, &msg, 0), ==, strlen(text));
}

static unsigned
count_open_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned count = 0;

    while (g_dir_read_name(dir)) {
        count++;
    }
    return count;
}

static void
test_fds_are_kept(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    int client = connect_to(f->path);
    int pipe_fds[2], fds[TN_CHARDEV_MAX_FDS], none[TN_CHARDEV_MAX_FDS];

    g_assert_no_errno(pipe2(pipe_fds, O_CLOEXEC));
    send_fds(client, "take", &pipe_fds[1], 1);
    wait_input(f, "take");
    g_assert_cmpuint(tn_chardev_take_fds(chardev, fds), ==, 1);
    g_assert_cmpuint(tn_chardev_take_fds(chardev, none), ==, 0);
    g_assert_cmpint(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    send_text(fds[0], "through");
    assert_reads(pipe_fds[0], "through");
    close(fds[0]);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(client);
}

static void
test_fds_not_taken_are_closed(Fixture *f, gconstpointer data)
{
    int client, fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int many[20];
    unsigned before;

    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++) {
        many[i] = fd;
    }
    attach(f, open_chardev(f, "socket,id=c,path=%s,server=on,wait=off", f->path));
    client = connect_to(f->path);
    tn_test_wait_count(&f->opened, 1);
    before = count_open_fds();
    for (int i = 0; i < 50; i++) {
        send_fds(client, "x", many, i % 2 ? 3 : 20);
        tn_test_iterate();
    }
    g_assert_cmpuint(f->input->len, ==, 50);
    g_assert_cmpuint(count_open_fds(), <=, before + TN_CHARDEV_MAX_FDS);
    close(client);
    tn_test_wait_count(&f->closed, 1);
    /* The client's end and ours. */
    g_assert_cmpuint(count_open_fds(), ==, before - 2);
    close(fd);
}

/* socket, client */

static int
listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_no_errno(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    g_assert_no_errno(listen(fd, 1));
    return fd;
}

static void
test_client(Fixture *f, gconstpointer data)
{
    int listener = listen_at(f->path);
    TnChardev *chardev = attach(f, open_chardev(f, "socket,id=c,path=%s", f->path));
    int peer = accept(listener, NULL, NULL);

    assert_description(chardev, "unix:%s", f->path);
    send_text(peer, "hi");
    wait_input(f, "hi");
    close(peer);
    tn_test_wait_count(&f->closed, 1);
    assert_description(chardev, "disconnected:unix:%s", f->path);
    close(listener);
}

static void
test_client_reconnects(Fixture *f, gconstpointer data)
{
    TnChardev *chardev =
        attach(f, open_chardev(f, "socket,id=c,path=%s,reconnect=1", f->path));
    int listener, peer;

    g_assert_false(tn_chardev_is_open(chardev));
    listener = listen_at(f->path);
    tn_test_wait_count(&f->opened, 1);
    peer = accept(listener, NULL, NULL);
    close(peer);
    tn_test_wait_count(&f->opened, 2);
    close(listener);
}

static void
test_socket_refusals(Fixture *f, gconstpointer data)
{
    g_autofree char *longest = g_strnfill(200, 'x');
    g_autofree char *long_path = g_strdup_printf("socket,id=c,server=on,path=%s", longest);
    g_autofree char *long_text = g_strdup_printf(
        "UNIX socket path '%s' is too long: Path must be less than 108 bytes", longest);

    assert_refused(f, "socket,id=c", "chardev: socket: no path or fd given");
    assert_refused(f, "socket,id=c,path=/x,fd=3",
                   "chardev: socket: 'path' and 'fd' are mutually exclusive");
    assert_refused(f, "socket,id=c,path=/x,wait=off",
                   "'wait' option is incompatible with socket in client connect mode");
    assert_refused(f, "socket,id=c,path=/x,server=on,reconnect=1",
                   "'reconnect' option is incompatible with socket in server listen mode");
    assert_refused(f, "socket,id=c,path=/nonexistent/x",
                   "Failed to connect to '/nonexistent/x': No such file or directory");
    assert_refused(f, "socket,id=c,path=/nonexistent/x,server=on,wait=off",
                   "Failed to bind socket to /nonexistent/x: No such file or directory");
    assert_refused(f, "socket,id=c,fd=x", "File descriptor 'x' is not a number");
    assert_refused(f, "socket,id=c,fd=0", "File descriptor '0' is not a socket");
    assert_refused(f, long_path, long_text);
}

static void
test_socket_kind_of_fd(Fixture *f, gconstpointer data)
{
    int pair[2];
    g_autofree char *options = NULL;
    g_autofree char *message = NULL;

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    options = g_strdup_printf("socket,id=c,fd=%d,server=on,wait=off", pair[0]);
    message = g_strdup_printf("File descriptor '%d' is not a listening socket", pair[0]);
    assert_refused(f, options, message);
    close(pair[0]);
    close(pair[1]);
}

/* pty */

static int
open_pty(TnChardev *chardev)
{
    g_autofree char *name = tn_chardev_describe(chardev);
    int fd;

    g_assert_true(g_str_has_prefix(name, "pty:/dev/pts/"));
    fd = open(name + strlen("pty:"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_no_errno(fd);
    return fd;
}

static void
test_pty_both_ways(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));
    int terminal;

    g_assert_cmpuint(f->opened, ==, 0);
    terminal = open_pty(chardev);
    tn_test_wait_count(&f->opened, 1);
    send_text(terminal, "\003a\r\n");
    wait_input(f, "\003a\r\n");
    g_assert_cmpuint(tn_chardev_write(chardev, "\r\nb", 3), ==, 3);
    assert_reads(terminal, "\r\nb");
    close(terminal);
    tn_test_wait_count(&f->closed, 1);
}

static void
test_pty_again_and_again(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));

    for (unsigned i = 1; i <= 5; i++) {
        int terminal = open_pty(chardev);

        tn_test_wait_count(&f->opened, i);
        send_text(terminal, "x");
        close(terminal);
        tn_test_wait_count(&f->closed, i);
        g_assert_cmpuint(f->input->len, ==, i);
    }
}

static void
test_pty_discards_without_terminal(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));
    g_autofree char *big = g_malloc0(1 << 20);

    g_assert_cmpuint(tn_chardev_write(chardev, big, 1 << 20), ==, 1 << 20);
}

static void
test_pty_full_terminal(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));
    g_autofree char *big = g_malloc0(1 << 20);
    int terminal = open_pty(chardev);

    tn_test_wait_count(&f->opened, 1);
    g_assert_cmpuint(tn_chardev_write(chardev, big, 1 << 20), <, 1 << 20);
    close(terminal);
    tn_test_wait_count(&f->writable, 1);
    tn_test_wait_count(&f->closed, 1);
}

/* stdio */

typedef struct Stdio {
    int in, out;             /* the test's ends */
    int saved_in, saved_out; /* the process's own */
} Stdio;

static Stdio
replace_stdio(void)
{
    Stdio s;
    int in[2], out[2];

    g_assert_no_errno(pipe2(in, O_CLOEXEC));
    g_assert_no_errno(pipe2(out, O_CLOEXEC));
    fflush(stdout);
    s.saved_in = dup(STDIN_FILENO);
    s.saved_out = dup(STDOUT_FILENO);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    close(in[0]);
    close(out[1]);
    s.in = in[1];
    s.out = out[0];
    return s;
}

static void
restore_stdio(Stdio *s)
{
    dup2(s->saved_in, STDIN_FILENO);
    dup2(s->saved_out, STDOUT_FILENO);
    close(s->saved_in);
    close(s->saved_out);
    close(s->in);
    close(s->out);
}

static void
test_stdio(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    TnChardev *chardev = attach(f, open_chardev(f, "stdio,id=c"));
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    tn_chardev_write(chardev, "out", 3);
    send_text(s.in, "in");
    wait_input(f, "in");
    close_chardev(f);
    assert_reads(s.out, "out");
    restore_stdio(&s);
    /* Whoever shares it sees no change. */
    g_assert_cmpint(flags & O_NONBLOCK, ==, 0);
}

static void
test_stdio_end_of_input(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    TnChardev *chardev = attach(f, open_chardev(f, "stdio,id=c"));

    dup2(STDERR_FILENO, s.in);
    tn_test_iterate();
    g_assert_cmpuint(tn_chardev_write(chardev, "on", 2), ==, 2);
    g_assert_cmpuint(f->closed, ==, 0);
    close_chardev(f);
    assert_reads(s.out, "on");
    restore_stdio(&s);
}

static void
test_stdio_terminal_is_raw_and_restored(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before, during, after;
    int terminal;

    g_assert_no_errno(grantpt(master));
    g_assert_no_errno(unlockpt(master));
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    dup2(terminal, STDIN_FILENO);
    g_assert_no_errno(tcgetattr(terminal, &before));
    open_chardev(f, "stdio,id=c,signal=off");
    g_assert_no_errno(tcgetattr(terminal, &during));
    close_chardev(f);
    g_assert_no_errno(tcgetattr(terminal, &after));
    restore_stdio(&s);
    g_assert_cmphex(during.c_lflag & (ECHO | ICANON | ISIG), ==, 0);
    g_assert_cmphex(after.c_lflag, ==, before.c_lflag);
    g_assert_cmphex(after.c_iflag, ==, before.c_iflag);
    close(terminal);
    close(master);
}

static void
test_stdio_only_once(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    g_autoptr(GError) error = NULL;

    open_chardev(f, "stdio,id=c");
    g_assert_false(tn_chardev_options_add(f->chardevs, "stdio,id=d", &error));
    close_chardev(f);
    restore_stdio(&s);
    g_assert_cmpstr(error->message, ==, "cannot use stdio by multiple character devices");
}

/* options */

static void
test_options_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, "null", "chardev: Parameter 'id' is missing");
    assert_refused(f, "id=c", "chardev: Parameter 'backend' is missing");
    assert_refused(f, "spicevmc,id=c", "'spicevmc' is not a valid char driver name");
    assert_refused(f, "null,id=c,path=/x", "Invalid parameter 'path'");
    assert_refused(f, "pty,id=c,colour=red", "Invalid parameter 'colour'");
    assert_refused(f, "null,id=1c", "Parameter 'id' expects an identifier");
    assert_refused(f, "null,id=a/b", "Parameter 'id' expects an identifier");
    assert_refused(f, "socket,id=c,path=/x,server=maybe",
                   "Parameter 'server' expects 'on' or 'off'");
}

static void
test_options_duplicate_id(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    open_chardev(f, "null,id=c");
    g_assert_false(tn_chardev_options_add(f->chardevs, "null,id=c", &error));
    g_assert_cmpstr(error->message, ==, "Duplicate ID 'c' for chardev");
}

static void
test_options_old_spelling(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = open_chardev(f, "socket,id=c,path=%s,server,nowait", f->path);

    assert_description(chardev, "disconnected:unix:%s,server=on", f->path);
}

static void
test_options_comma(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "a,b", NULL);

    open_chardev(f, "file,id=c,path=%s/a,,b", f->dir);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_no_errno(g_unlink(path));
}

static TnChardevTarget
open_target(Fixture *f, const char *text)
{
    TnChardevTarget target = { 0 };
    g_autoptr(GError) error = NULL;

    tn_chardev_options_open(f->chardevs, text, "serial0", &target, &error);
    g_assert_no_error(error);
    return target;
}

static void
test_target_none(Fixture *f, gconstpointer data)
{
    g_assert_null(open_target(f, "none").chardev);
}

static void
test_target_null(Fixture *f, gconstpointer data)
{
    TnChardevTarget target = open_target(f, "null");

    g_assert_true(TN_IS_CHARDEV_NULL(target.chardev));
    g_assert_cmpstr(tn_chardev_get_label(target.chardev), ==, "serial0");
    g_assert_false(target.mux);
}

static void
test_target_pty(Fixture *f, gconstpointer data)
{
    g_assert_true(TN_IS_CHARDEV_PTY(open_target(f, "pty").chardev));
}

static void
test_target_file(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strdup_printf("file:%s", f->path);

    g_assert_true(TN_IS_CHARDEV_FILE(open_target(f, text).chardev));
    g_assert_true(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void
test_target_unix(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strdup_printf("unix:%s,server=on,wait=off", f->path);

    assert_description(open_target(f, text).chardev, "disconnected:unix:%s,server=on", f->path);
}

static void
test_target_chardev(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = open_chardev(f, "null,id=c");

    g_assert_true(open_target(f, "chardev:c").chardev == chardev);
}

static void
test_target_mon_stdio(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    TnChardevTarget target = open_target(f, "mon:stdio");
    gboolean signal_keys;

    g_object_get(target.chardev, "signal", &signal_keys, NULL);
    tn_object_unparent(TN_OBJECT(target.chardev));
    restore_stdio(&s);
    g_assert_true(target.mux);
    g_assert_false(signal_keys);
}

static void
test_target_refusals(Fixture *f, gconstpointer data)
{
    TnChardevTarget target = { 0 };
    g_autoptr(GError) unknown = NULL;
    g_autoptr(GError) missing = NULL;

    g_assert_false(tn_chardev_options_open(f->chardevs, "tcp::4444", "s", &target, &unknown));
    g_assert_cmpstr(unknown->message, ==, "'tcp::4444' is not a supported character device");
    g_assert_false(tn_chardev_options_open(f->chardevs, "chardev:x", "s", &target, &missing));
    g_assert_error(missing, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND);
    g_assert_cmpstr(missing->message, ==, "chardev 'x' not found");
}

#define add(path, func) g_test_add("/backend/chardev/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("null", test_null);
    add("one-frontend", test_one_frontend);
    add("file/truncates", test_file_truncates);
    add("file/appends", test_file_appends);
    add("file/input", test_file_input);
    add("file/refusals", test_file_refusals);
    add("server/describes-itself", test_server_describes_itself);
    add("server/both-ways", test_server_both_ways);
    add("server/one-client-after-the-other", test_server_one_client_after_the_other);
    add("server/discards-without-client", test_server_discards_without_client);
    add("server/waits", test_server_waits);
    add("server/replaces-and-removes-its-file", test_server_replaces_and_removes_its_file);
    add("server/by-fd", test_server_by_fd);
    add("server/disconnect", test_disconnect);
    add("server/room-holds-input-back", test_room_holds_input_back);
    add("server/full-peer-takes-a-part", test_full_peer_takes_a_part);
    add("server/full-peer-leaves", test_full_peer_leaves);
    add("fds/are-kept", test_fds_are_kept);
    add("fds/not-taken-are-closed", test_fds_not_taken_are_closed);
    add("client/both-ways", test_client);
    add("client/reconnects", test_client_reconnects);
    add("socket/refusals", test_socket_refusals);
    add("socket/kind-of-fd", test_socket_kind_of_fd);
    add("pty/both-ways", test_pty_both_ways);
    add("pty/again-and-again", test_pty_again_and_again);
    add("pty/discards-without-terminal", test_pty_discards_without_terminal);
    add("pty/full-terminal", test_pty_full_terminal);
    add("stdio/both-ways", test_stdio);
    add("stdio/end-of-input", test_stdio_end_of_input);
    add("stdio/terminal-is-raw-and-restored", test_stdio_terminal_is_raw_and_restored);
    add("stdio/only-once", test_stdio_only_once);
    add("options/refusals", test_options_refusals);
    add("options/duplicate-id", test_options_duplicate_id);
    add("options/old-spelling", test_options_old_spelling);
    add("options/comma", test_options_comma);
    add("target/none", test_target_none);
    add("target/null", test_target_null);
    add("target/pty", test_target_pty);
    add("target/file", test_target_file);
    add("target/unix", test_target_unix);
    add("target/chardev", test_target_chardev);
    add("target/mon-stdio", test_target_mon_stdio);
    add("target/refusals", test_target_refusals);
    return g_test_run();
}
