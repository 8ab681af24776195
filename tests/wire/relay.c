/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relays, with another daemon that does what the test tells it. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/procedures.h"
#include "tests/wire/peer.h"

typedef struct {
    Peer *peer;
    int fd;       /* our client's socket */
    int listener; /* the other daemon's */
    char *path;
} Fixture;

static gboolean
connect_open(TnRpcCall *call, void *vargs, void *ret, GError **error)
{
    const TnRpcConnectOpenArgs *args = vargs;

    if (args->flags & 1) {
        tn_rpc_client_set_read_only(tn_rpc_call_get_client(call));
    }
    return TRUE;
}

static const TnRpcHandlerRow rows[] = { { TN_RPC_PROC_CONNECT_OPEN, connect_open }, { 0, NULL } };

static int
listen_as(Fixture *f, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    f->path = g_build_filename(peer_get_folder(f->peer), name, NULL);
    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, 5), ==, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->peer = peer_new(NULL, rows, NULL);
    f->fd = peer_open(f->peer);
    f->listener = -1;
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    peer_wait_clients(f->peer, 0);
    if (f->listener >= 0) {
        close(f->listener);
        unlink(f->path);
    }
    g_free(f->path);
    peer_free(f->peer);
}

#define NUM_OF_NETWORKS                                                                            \
    "0000001c 20008086 00000001 00000034" /* CONNECT_NUM_OF_NETWORKS = 52 */                       \
    "00000000 00000011 00000000"
#define NETWORKS_ARE_3                                                                             \
    "00000020 20008086 00000001 00000034 00000001 00000011 00000000 00000003"

/* Takes the daemon's call and says what a daemon says to somebody who opens a connection. */
static int
accept_opening(Fixture *f, const char *open_hex)
{
    struct timeval limit = { .tv_sec = 20 };
    int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    peer_expect_hex(fd, "0000001c 20008086 00000001 00000042 00000000 00000001 00000000");
    peer_send_hex(fd, "00000024 20008086 00000001 00000042 00000001 00000001 00000000"
                      "00000001 00000000"); /* authentication: none */
    peer_expect_hex(fd, open_hex);
    peer_send_hex(fd, "0000001c 20008086 00000001 00000001 00000001 00000002 00000000");
    return fd;
}

#define OPEN_NETWORK                                                                               \
    "0000003c 20008086 00000001 00000001 00000000 00000002 00000000"                               \
    "00000001 00000011"                            /* the name, 17 bytes */                        \
    "6e657477 6f726b3a 2f2f2f73 79737465 6d000000" /* "network:///system" */                       \
    "00000000"                                     /* flags */

static int
open_network_daemon(Fixture *f)
{
    f->listener = listen_as(f, "virtnetworkd-sock");
    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    return accept_opening(f, OPEN_NETWORK);
}

static void
test_call_and_reply(Fixture *f, gconstpointer data)
{
    int daemon = open_network_daemon(f);

    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    peer_send_hex(daemon, NETWORKS_ARE_3);
    peer_expect_hex(f->fd, NETWORKS_ARE_3);
    /* The second call finds the connection open. */
    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    peer_send_hex(daemon, NETWORKS_ARE_3);
    peer_expect_hex(f->fd, NETWORKS_ARE_3);
    close(daemon);
}

static void
test_monolithic_daemon(Fixture *f, gconstpointer data)
{
    int daemon;

    f->listener = listen_as(f, "libvirt-sock");
    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    daemon = accept_opening(f, OPEN_NETWORK);
    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    peer_send_hex(daemon, NETWORKS_ARE_3);
    peer_expect_hex(f->fd, NETWORKS_ARE_3);
    close(daemon);
}

static void
test_no_daemon(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    g_assert_cmpint(peer_expect_error(f->fd, 0x11, &message), ==, VIR_ERR_NO_SUPPORT);
    g_assert_cmpstr(message, ==,
                    "this function is not supported by the connection driver: "
                    "virConnectNumOfNetworks");
}

static void
test_daemon_appears_later(Fixture *f, gconstpointer data)
{
    int daemon;

    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    g_assert_cmpint(peer_expect_error(f->fd, 0x11, NULL), ==, VIR_ERR_NO_SUPPORT);
    daemon = open_network_daemon(f);
    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    peer_send_hex(daemon, NETWORKS_ARE_3);
    peer_expect_hex(f->fd, NETWORKS_ARE_3);
    close(daemon);
}

static void
test_daemon_dies(Fixture *f, gconstpointer data)
{
    int daemon = open_network_daemon(f);
    g_autofree char *message = NULL;

    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    close(daemon);
    g_assert_cmpint(peer_expect_error(f->fd, 0x11, &message), ==, VIR_ERR_RPC);
    g_assert_true(g_str_has_prefix(message, "the network daemon is gone"));
    /* It is called anew for the next call. */
    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    daemon = accept_opening(f, OPEN_NETWORK);
    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    peer_send_hex(daemon, NETWORKS_ARE_3);
    peer_expect_hex(f->fd, NETWORKS_ARE_3);
    close(daemon);
}

static void
test_read_only_is_passed_on(Fixture *f, gconstpointer data)
{
    TnRpcConnectOpenArgs args = { .flags = 1 };
    int daemon;

    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_OPEN, 8, &args);
    peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_OPEN, 8, NULL);
    f->listener = listen_as(f, "virtnetworkd-sock");
    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    daemon = accept_opening(f, "0000003c 20008086 00000001 00000001 00000000 00000002 00000000"
                               "00000001 00000011 6e657477 6f726b3a 2f2f2f73 79737465 6d000000"
                               "00000001");
    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    close(daemon);
    g_assert_cmpint(peer_expect_error(f->fd, 0x11, NULL), ==, VIR_ERR_RPC);
}

static void
test_write_on_read_only(Fixture *f, gconstpointer data)
{
    TnRpcConnectOpenArgs args = { .flags = 1 };

    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_OPEN, 8, &args);
    peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_OPEN, 8, NULL);
    peer_send_hex(f->fd, "0000001c 20008086 00000001 0000002a 00000000 00000009 00000000");
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_OPERATION_DENIED);
}

static void
test_events_and_only_its_own(Fixture *f, gconstpointer data)
{
    int daemon = open_network_daemon(f);

    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    peer_send_hex(daemon,
                  /* An event of a network: lifecycle = 315. */
                  "00000024 20008086 00000001 0000013b 00000002 00000000 00000000 00000001 aabbccdd"
                  /* A domain's event, a reply to no call, a call: none of its business. */
                  "00000020 20008086 00000001 0000013e 00000002 00000000 00000000 00000001"
                  "00000020 20008086 00000001 00000034 00000001 00000099 00000000 00000001"
                  "0000001c 20008086 00000001 00000034 00000000 00000001 00000000");
    peer_send_hex(daemon, NETWORKS_ARE_3);
    peer_expect_hex(f->fd, "00000024 20008086 00000001 0000013b 00000002 00000000 00000000"
                           "00000001 aabbccdd");
    peer_expect_hex(f->fd, NETWORKS_ARE_3);
    close(daemon);
}

static void
test_stream(Fixture *f, gconstpointer data)
{
    int daemon;
    static const char download[] = "0000001c 20008086 00000001 000000d1" /* download = 209 */
                                   "00000000 00000021 00000000";
    static const char accepted[] = "0000001c 20008086 00000001 000000d1"
                                   "00000001 00000021 00000000";
    static const char bytes[] = "0000001f 20008086 00000001 000000d1"
                                "00000003 00000021 00000002 616263";
    static const char hole[] = "00000028 20008086 00000001 000000d1"
                               "00000006 00000021 00000002 00000000 00100000 00000000";
    static const char finish[] = "0000001c 20008086 00000001 000000d1"
                                 "00000003 00000021 00000000";

    f->listener = listen_as(f, "virtstoraged-sock");
    peer_send_hex(f->fd, download);
    daemon = accept_opening(f, "0000003c 20008086 00000001 00000001 00000000 00000002 00000000"
                               "00000001 00000011 73746f72 6167653a 2f2f2f73 79737465 6d000000"
                               "00000000");
    peer_expect_hex(daemon, download);
    peer_send_hex(daemon, accepted);
    peer_expect_hex(f->fd, accepted);
    peer_send_hex(daemon, bytes);
    peer_expect_hex(f->fd, bytes);
    peer_send_hex(daemon, hole);
    peer_expect_hex(f->fd, hole);
    peer_send_hex(f->fd, finish);
    peer_expect_hex(daemon, finish);
    peer_send_hex(daemon, finish);
    peer_expect_hex(f->fd, finish);
    close(daemon);
}

static void
test_client_leaves_during_call(Fixture *f, gconstpointer data)
{
    int daemon = open_network_daemon(f);

    peer_expect_hex(daemon, NUM_OF_NETWORKS);
    close(f->fd);
    /* The other daemon is left at once, too. */
    peer_expect_end(daemon);
    close(daemon);
    peer_wait_clients(f->peer, 0);
    f->fd = peer_open(f->peer);
}

static void
test_daemon_wants_password(Fixture *f, gconstpointer data)
{
    int daemon;

    f->listener = listen_as(f, "virtnetworkd-sock");
    peer_send_hex(f->fd, NUM_OF_NETWORKS);
    daemon = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
    peer_expect_hex(daemon, "0000001c 20008086 00000001 00000042 00000000 00000001 00000000");
    peer_send_hex(daemon, "00000024 20008086 00000001 00000042 00000001 00000001 00000000"
                          "00000001 00000002");
    g_assert_cmpint(peer_expect_error(f->fd, 0x11, NULL), ==, VIR_ERR_NO_SUPPORT);
    close(daemon);
}

#define ADD(path, func) g_test_add("/wire/relay/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("call-and-reply", test_call_and_reply);
    ADD("monolithic-daemon", test_monolithic_daemon);
    ADD("no-daemon", test_no_daemon);
    ADD("daemon-appears-later", test_daemon_appears_later);
    ADD("daemon-dies", test_daemon_dies);
    ADD("read-only-is-passed-on", test_read_only_is_passed_on);
    ADD("write-on-read-only", test_write_on_read_only);
    ADD("events-and-only-its-own", test_events_and_only_its_own);
    ADD("stream", test_stream);
    ADD("client-leaves-during-call", test_client_leaves_during_call);
    ADD("daemon-wants-password", test_daemon_wants_password);
    return g_test_run();
}
