/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers that break the rules, or sit there; and many of them at once. */
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/procedures.h"
#include "tests/wire/peer.h"

static gboolean
do_nothing(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return TRUE;
}

/* A reply of half a megabyte. */
static gboolean
big_reply(TnRpcCall *call, void *args, void *vret, GError **error)
{
    TnRpcConnectGetCapabilitiesRet *ret = vret;

    ret->capabilities = g_strnfill(512 * 1024, 'x');
    return TRUE;
}

static const TnRpcHandlerRow rows[] = {
    { TN_RPC_PROC_CONNECT_OPEN, do_nothing },
    { TN_RPC_PROC_CONNECT_GET_CAPABILITIES, big_reply },
    { 0, NULL },
};

typedef struct {
    Peer *peer;
    int fd;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->peer = peer_new(NULL, rows, NULL);
    f->fd = peer_connect(f->peer);
}

/* Whatever was done to it: the server serves the next one. */
static void
tear_down(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);

    close(fd);
    close(f->fd);
    peer_wait_clients(f->peer, 0);
    peer_free(f->peer);
}

static void
test_length_zero(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "00000000 20008086 00000001 00000042 00000000 00000001 00000000");
    peer_expect_end(f->fd);
}

static void
test_length_below_header(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001b"); /* 27 */
    peer_expect_end(f->fd);
}

static void
test_length_too_long(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "02000005"); /* 32 MiB, the length word, and one more */
    peer_expect_end(f->fd);
}

static void
test_all_ones(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff");
    peer_expect_end(f->fd);
}

static void
test_descriptors_announced_not_sent(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "00000020 20008086 00000001 00000042"
                         "00000004 00000001 00000000" /* call with descriptors */
                         "00000001"                   /* one */
                         "00");                       /* its byte, without it */
    peer_expect_end(f->fd);
}

static void
test_too_many_descriptors(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "00000020 20008086 00000001 00000042 00000004 00000001 00000000"
                         "00000021"); /* 33 */
    peer_expect_end(f->fd);
}

static void
test_descriptor_count_missing(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001c 20008086 00000001 00000042 00000004 00000001 00000000");
    peer_expect_end(f->fd);
}

/* A descriptor that belongs to no call must not stay open. */
static void
test_stray_descriptor(Fixture *f, gconstpointer data)
{
    int ends[2];
    struct iovec iov;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    static const guint8 frame[] = { 0, 0, 0, 0x1c, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0,
                                    0x42, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0 };
    char byte;

    g_assert_cmpint(pipe(ends), ==, 0);
    iov.iov_base = (void *)frame;
    iov.iov_len = sizeof(frame);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &ends[1], sizeof(int));
    g_assert_cmpint(sendmsg(f->fd, &msg, 0), ==, (gssize)sizeof(frame));
    close(ends[1]);
    peer_expect_reply(f->fd, TN_RPC_PROC_AUTH_LIST, 9, NULL);
    /* The pipe ends when the last copy of its writing side is closed. */
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    close(ends[0]);
}

static void
test_truncated_then_gone(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000ffff 20008086 00000001");
    g_assert_cmpint(shutdown(f->fd, SHUT_WR), ==, 0);
    peer_expect_end(f->fd);
}

static void
test_half_sent_holds_nobody_up(Fixture *f, gconstpointer data)
{
    int other = peer_connect(f->peer);

    peer_send_hex(f->fd, "0000001c 20008086 00000001");
    peer_send_call(other, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    peer_expect_reply(other, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    peer_send_hex(f->fd, "00000042 00000000 00000002 00000000");
    peer_expect_reply(f->fd, TN_RPC_PROC_AUTH_LIST, 2, NULL);
    close(other);
}

static gsize
own_memory_kb(void)
{
    g_autofree char *text = NULL;
    const char *line;

    g_assert_true(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
    line = strstr(text, "VmRSS:");
    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen("VmRSS:") + 1, NULL, 10);
}

/* 100 peers announce 32 MiB each and send little: memory follows what was sent. */
static void
test_announced_is_not_allocated(Fixture *f, gconstpointer data)
{
    int fds[100];
    gsize before = own_memory_kb();

    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = peer_connect(f->peer);
        peer_send_hex(fds[i], "02000000 20008086 00000001 00000007 00000000 00000001 00000000");
    }
    peer_wait_clients(f->peer, G_N_ELEMENTS(fds) + 1);
    g_assert_cmpuint(own_memory_kb(), <, before + 64 * 1024);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        close(fds[i]);
    }
}

/* 2,000 calls of which each is answered by half a megabyte, and nobody reads: the server stops
 * reading calls instead of piling up answers. */
static void
test_slow_reader(Fixture *f, gconstpointer data)
{
    gsize before;
    struct timeval limit = { .tv_usec = 500000 };
    static const char call[] = { 0, 0, 0, 0x1c, 0x20, 0,   (char)0x80, (char)0x86, 0, 0,
                                 0, 1, 0, 0,    0,    7,   0,          0,          0, 0,
                                 0, 0, 0, 9,    0,    0,   0,          0 };
    guint sent = 0;
    TnRpcConnectGetCapabilitiesRet ret = { 0 };

    close(f->fd);
    f->fd = peer_open(f->peer);
    before = own_memory_kb();
    (void)setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    while (sent < 200000 && send(f->fd, call, sizeof(call), MSG_NOSIGNAL) == sizeof(call)) {
        sent++;
    }
    /* Calls under way may each bring their answer, no more. */
    g_assert_cmpuint(own_memory_kb(), <, before + 64 * 1024);
    peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_GET_CAPABILITIES, 9, &ret);
    g_assert_cmpuint(strlen(ret.capabilities), ==, 512 * 1024);
    xdr_free((xdrproc_t)xdr_TnRpcConnectGetCapabilitiesRet, &ret);
    for (guint i = 0; i < 100; i++) {
        peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_GET_CAPABILITIES, 9, NULL);
    }
}

static void
test_thousand_connections(Fixture *f, gconstpointer data)
{
    struct rlimit files;
    guint n = 1000;
    g_autofree int *fds = NULL;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &files), ==, 0);
    /* Both ends are in this process. */
    files.rlim_cur = MIN(files.rlim_max, 4096);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &files), ==, 0);
    if (files.rlim_cur < 2 * n + 100) {
        g_test_skip("not enough descriptors for 1000 connections");
        return;
    }
    fds = g_new(int, n);
    for (guint i = 0; i < n; i++) {
        fds[i] = peer_connect(f->peer);
        peer_send_call(fds[i], TN_RPC_PROC_AUTH_LIST, i, NULL);
    }
    for (guint i = 0; i < n; i++) {
        peer_expect_reply(fds[i], TN_RPC_PROC_AUTH_LIST, i, NULL);
    }
    g_assert_cmpuint(peer_get_n_clients(f->peer), ==, n + 1);
    for (guint i = 0; i < n; i++) {
        close(fds[i]);
    }
    peer_wait_clients(f->peer, 1);
}

static void
test_max_clients_wait(void)
{
    TnRpcServerOptions options = TN_RPC_SERVER_OPTIONS_DEFAULT;
    Peer *peer;
    int fds[3];

    options.max_clients = 2;
    peer = peer_new(&options, rows, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = peer_connect(peer);
        peer_send_call(fds[i], TN_RPC_PROC_AUTH_LIST, i, NULL);
    }
    peer_expect_reply(fds[0], TN_RPC_PROC_AUTH_LIST, 0, NULL);
    peer_expect_reply(fds[1], TN_RPC_PROC_AUTH_LIST, 1, NULL);
    g_assert_cmpuint(peer_get_n_clients(peer), ==, 2);
    close(fds[0]);
    peer_expect_reply(fds[2], TN_RPC_PROC_AUTH_LIST, 2, NULL);
    close(fds[1]);
    close(fds[2]);
    peer_free(peer);
}

static void
test_descriptors_run_out(void)
{
    TnRpcServerOptions options = TN_RPC_SERVER_OPTIONS_DEFAULT;
    Peer *peer = peer_new(&options, rows, NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct rlimit old;
    struct rlimit none;
    int inside = peer_open(peer);
    int outside = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    none = old;
    none.rlim_cur = 3; /* what is open stays open, nothing can be added */
    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", peer_get_folder(peer));
    g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "no descriptors left*");
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    g_assert_cmpint(connect(outside, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    /* Who is in is served while nobody else can come in. */
    peer_send_call(inside, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    peer_expect_reply(inside, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
    peer_send_call(outside, TN_RPC_PROC_AUTH_LIST, 2, NULL);
    peer_expect_reply(outside, TN_RPC_PROC_AUTH_LIST, 2, NULL);
    g_test_assert_expected_messages();
    close(inside);
    close(outside);
    peer_free(peer);
}

/* ---- strangers: clients of another user, who must authenticate ---- */

#define STRANGER 65534

typedef struct {
    GMutex lock;
    GCond changed;
    guint n_asked;
    gboolean answer_now;
} Doorkeeper;

static gboolean
ask_doorkeeper(const TnRpcIdentity *identity, gboolean read_only, gpointer data, GError **error)
{
    Doorkeeper *keeper = data;

    g_mutex_lock(&keeper->lock);
    keeper->n_asked++;
    g_cond_broadcast(&keeper->changed);
    while (!keeper->answer_now) {
        g_cond_wait(&keeper->changed, &keeper->lock);
    }
    g_mutex_unlock(&keeper->lock);
    g_assert_cmpuint(identity->uid, ==, STRANGER);
    g_assert_cmpint(identity->pid, ==, getpid());
    g_assert_cmpuint(identity->start_time, >, 0);
    if (read_only) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_FAILED, "not today");
    return FALSE;
}

static void
answer(Doorkeeper *keeper)
{
    g_mutex_lock(&keeper->lock);
    keeper->answer_now = TRUE;
    g_cond_broadcast(&keeper->changed);
    g_mutex_unlock(&keeper->lock);
}

static void
wait_asked(Doorkeeper *keeper, guint n)
{
    gint64 deadline = g_get_monotonic_time() + PEER_LIMIT_MS * G_TIME_SPAN_MILLISECOND;

    g_mutex_lock(&keeper->lock);
    while (keeper->n_asked < n) {
        g_assert_true(g_cond_wait_until(&keeper->changed, &keeper->lock, deadline));
    }
    g_mutex_unlock(&keeper->lock);
}

/* A server that asks @keeper about strangers, whom its sockets let through; NULL without root. */
static Peer *
guarded_peer(Doorkeeper *keeper, guint max_clients)
{
    TnRpcServerOptions options = TN_RPC_SERVER_OPTIONS_DEFAULT;
    g_autofree char *path = NULL;
    g_autofree char *path_ro = NULL;
    Peer *peer;

    if (getuid() != 0) {
        g_test_skip("only root can become somebody else");
        return NULL;
    }
    options.authorize_rw = ask_doorkeeper;
    options.authorize_ro = ask_doorkeeper;
    options.authorize_data = keeper;
    options.max_anonymous_clients = 3;
    options.max_clients = max_clients;
    peer = peer_new(&options, rows, NULL);
    path = g_build_filename(peer_get_folder(peer), "sock", NULL);
    path_ro = g_build_filename(peer_get_folder(peer), "sock-ro", NULL);
    g_assert_cmpint(chmod(peer_get_folder(peer), 0755), ==, 0);
    g_assert_cmpint(chmod(path, 0666), ==, 0);
    g_assert_cmpint(chmod(path_ro, 0666), ==, 0);
    return peer;
}

/* The system call changes this thread alone; who connects is who the thread is at that moment. */
static int
connect_as_stranger(Peer *peer, gboolean read_only)
{
    int fd;

    g_assert_cmpint(syscall(SYS_setresuid, -1, STRANGER, -1), ==, 0);
    fd = read_only ? peer_connect_read_only(peer) : peer_connect(peer);
    g_assert_cmpint(syscall(SYS_setresuid, -1, 0, -1), ==, 0);
    return fd;
}

static void
expect_auth(int fd, int kind)
{
    TnRpcAuthListRet ret = { 0 };

    peer_send_call(fd, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    peer_expect_reply(fd, TN_RPC_PROC_AUTH_LIST, 1, &ret);
    g_assert_cmpuint(ret.types.types_len, ==, 1);
    g_assert_cmpint(ret.types.types_val[0], ==, kind);
    xdr_free((xdrproc_t)xdr_TnRpcAuthListRet, &ret);
}

static void
test_root_is_not_asked(void)
{
    Doorkeeper keeper = { 0 };
    Peer *peer = guarded_peer(&keeper, 100);
    int fd;

    if (peer == NULL) {
        return;
    }
    fd = peer_connect(peer);
    expect_auth(fd, 0);
    g_assert_cmpuint(keeper.n_asked, ==, 0);
    close(fd);
    peer_free(peer);
}

static void
test_stranger_refused(void)
{
    Doorkeeper keeper = { .answer_now = TRUE };
    Peer *peer = guarded_peer(&keeper, 100);
    g_autofree char *message = NULL;
    int fd;

    if (peer == NULL) {
        return;
    }
    fd = connect_as_stranger(peer, FALSE);
    expect_auth(fd, 2);
    peer_send_call(fd, TN_RPC_PROC_CONNECT_GET_CAPABILITIES, 2, NULL);
    g_assert_cmpint(peer_expect_error(fd, 2, &message), ==, VIR_ERR_RPC);
    g_assert_cmpstr(message, ==, "authentication required");
    peer_send_call(fd, TN_RPC_PROC_AUTH_POLKIT, 3, NULL);
    g_assert_cmpint(peer_expect_error(fd, 3, NULL), ==, VIR_ERR_AUTH_FAILED);
    peer_send_call(fd, TN_RPC_PROC_CONNECT_GET_CAPABILITIES, 4, NULL);
    g_assert_cmpint(peer_expect_error(fd, 4, NULL), ==, VIR_ERR_RPC);
    close(fd);
    peer_free(peer);
}

static void
test_stranger_let_in(void)
{
    Doorkeeper keeper = { .answer_now = TRUE };
    Peer *peer = guarded_peer(&keeper, 100);
    TnRpcAuthPolkitRet ret = { 0 };
    int fd;

    if (peer == NULL) {
        return;
    }
    fd = connect_as_stranger(peer, TRUE);
    expect_auth(fd, 2);
    peer_send_call(fd, TN_RPC_PROC_AUTH_POLKIT, 3, NULL);
    peer_expect_reply(fd, TN_RPC_PROC_AUTH_POLKIT, 3, &ret);
    g_assert_cmpint(ret.complete, ==, 1);
    expect_auth(fd, 0);
    close(fd);
    peer_free(peer);
}

static void
test_long_frame_of_stranger(void)
{
    Doorkeeper keeper = { .answer_now = TRUE };
    Peer *peer = guarded_peer(&keeper, 100);
    int fd;

    if (peer == NULL) {
        return;
    }
    fd = connect_as_stranger(peer, FALSE);
    peer_send_hex(fd, "00010001"); /* 64 KiB and one */
    peer_expect_end(fd);
    close(fd);
    peer_free(peer);
}

/* Strangers who connect and say nothing make room for strangers, and root never notices. */
static void
test_silent_strangers(void)
{
    Doorkeeper keeper = { 0 };
    Peer *peer = guarded_peer(&keeper, 100);
    int fds[6];
    int root;

    if (peer == NULL) {
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = connect_as_stranger(peer, FALSE);
        peer_wait_clients(peer, MIN(i + 1, 3));
    }
    root = peer_connect(peer);
    expect_auth(root, 0);
    peer_expect_end(fds[0]);
    peer_expect_end(fds[2]);
    expect_auth(fds[3], 2);
    expect_auth(fds[5], 2);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        close(fds[i]);
    }
    close(root);
    peer_free(peer);
}

/* Two questions of one user at a time; who is being asked is not sent home for newcomers. */
static void
test_many_questions(void)
{
    Doorkeeper keeper = { 0 };
    Peer *peer = guarded_peer(&keeper, 100);
    int fds[3];

    if (peer == NULL) {
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = connect_as_stranger(peer, TRUE);
        peer_send_call(fds[i], TN_RPC_PROC_AUTH_POLKIT, i, NULL);
        wait_asked(&keeper, MIN(i + 1, 2));
    }
    g_assert_cmpint(peer_expect_error(fds[2], 2, NULL), ==, VIR_ERR_AUTH_UNAVAILABLE);
    answer(&keeper);
    peer_expect_reply(fds[0], TN_RPC_PROC_AUTH_POLKIT, 0, NULL);
    peer_expect_reply(fds[1], TN_RPC_PROC_AUTH_POLKIT, 1, NULL);
    g_assert_cmpuint(keeper.n_asked, ==, 2);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        close(fds[i]);
    }
    peer_free(peer);
}

static void
test_one_user_half_of_places(void)
{
    Doorkeeper keeper = { .answer_now = TRUE };
    Peer *peer = guarded_peer(&keeper, 6);
    int fds[4];
    int root[3];

    if (peer == NULL) {
        return;
    }
    g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "*half of all connections*");
    for (guint i = 0; i < 3; i++) {
        fds[i] = connect_as_stranger(peer, TRUE);
        peer_send_call(fds[i], TN_RPC_PROC_AUTH_POLKIT, i, NULL);
        peer_expect_reply(fds[i], TN_RPC_PROC_AUTH_POLKIT, i, NULL);
    }
    fds[3] = connect_as_stranger(peer, TRUE);
    peer_expect_end(fds[3]);
    for (guint i = 0; i < 3; i++) {
        root[i] = peer_connect(peer);
        expect_auth(root[i], 0);
        close(root[i]);
    }
    g_test_assert_expected_messages();
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        close(fds[i]);
    }
    peer_free(peer);
}

#define ADD(path, func) g_test_add("/wire/hostile/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("length-zero", test_length_zero);
    ADD("length-below-header", test_length_below_header);
    ADD("length-beyond-maximum", test_length_too_long);
    ADD("all-ones", test_all_ones);
    ADD("descriptors-announced-not-sent", test_descriptors_announced_not_sent);
    ADD("too-many-descriptors", test_too_many_descriptors);
    ADD("descriptor-count-missing", test_descriptor_count_missing);
    ADD("stray-descriptor-is-closed", test_stray_descriptor);
    ADD("truncated-then-gone", test_truncated_then_gone);
    ADD("half-sent-frame-holds-nobody-up", test_half_sent_holds_nobody_up);
    ADD("announced-length-is-not-allocated", test_announced_is_not_allocated);
    ADD("slow-reader", test_slow_reader);
    ADD("thousand-connections", test_thousand_connections);
    g_test_add_func("/wire/hostile/max-clients-wait-their-turn", test_max_clients_wait);
    g_test_add_func("/wire/hostile/descriptors-run-out", test_descriptors_run_out);
    g_test_add_func("/wire/strangers/root-is-not-asked", test_root_is_not_asked);
    g_test_add_func("/wire/strangers/refused", test_stranger_refused);
    g_test_add_func("/wire/strangers/let-in", test_stranger_let_in);
    g_test_add_func("/wire/strangers/long-frame", test_long_frame_of_stranger);
    g_test_add_func("/wire/strangers/silent-ones-make-room", test_silent_strangers);
    g_test_add_func("/wire/strangers/two-questions-a-user", test_many_questions);
    g_test_add_func("/wire/strangers/half-of-the-places", test_one_user_half_of_places);
    return g_test_run();
}
