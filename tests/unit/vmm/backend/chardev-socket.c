/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* chardev-socket: clients' comes and goes, descriptors, and what a peer can do wrong. */
#include "tests/unit/vmm/backend/chardev-fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
    wait_input(f, "abc");
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

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    chardev_test("server/describes-itself", test_server_describes_itself);
    chardev_test("server/both-ways", test_server_both_ways);
    chardev_test("server/one-client-after-the-other", test_server_one_client_after_the_other);
    chardev_test("server/discards-without-client", test_server_discards_without_client);
    chardev_test("server/waits", test_server_waits);
    chardev_test("server/replaces-and-removes-its-file", test_server_replaces_and_removes_its_file);
    chardev_test("server/by-fd", test_server_by_fd);
    chardev_test("server/disconnect", test_disconnect);
    chardev_test("server/room-holds-input-back", test_room_holds_input_back);
    chardev_test("server/full-peer-takes-a-part", test_full_peer_takes_a_part);
    chardev_test("server/full-peer-leaves", test_full_peer_leaves);
    chardev_test("fds/are-kept", test_fds_are_kept);
    chardev_test("fds/not-taken-are-closed", test_fds_not_taken_are_closed);
    chardev_test("client/both-ways", test_client);
    chardev_test("client/reconnects", test_client_reconnects);
    chardev_test("socket/refusals", test_socket_refusals);
    chardev_test("socket/kind-of-fd", test_socket_kind_of_fd);
    return g_test_run();
}
