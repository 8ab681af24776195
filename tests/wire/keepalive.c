/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keepalive from the server's side: who is asked, and who counts as gone. */
#include <unistd.h>

#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/procedures.h"
#include "tests/wire/peer.h"

#define PING "0000001c 6b656570 00000001 00000001 00000002 00000000 00000000"
#define PONG "0000001c 6b656570 00000001 00000002 00000002 00000000 00000000"

typedef struct {
    Peer *peer;
    int fd;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    TnRpcServerOptions options = TN_RPC_SERVER_OPTIONS_DEFAULT;

    options.keepalive_interval = 1;
    options.keepalive_count = 1;
    f->peer = peer_new(&options, NULL, NULL);
    f->fd = peer_connect(f->peer);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    peer_free(f->peer);
}

static void
ask_feature(Fixture *f)
{
    TnRpcConnectSupportsFeatureArgs args = { .feature = 10 };

    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, 1, &args);
    peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, 1, NULL);
}

static void
test_answered(Fixture *f, gconstpointer data)
{
    ask_feature(f);
    for (guint i = 0; i < 3; i++) {
        peer_expect_hex(f->fd, PING);
        peer_send_hex(f->fd, PONG);
    }
    peer_send_call(f->fd, TN_RPC_PROC_AUTH_LIST, 2, NULL);
    peer_expect_reply(f->fd, TN_RPC_PROC_AUTH_LIST, 2, NULL);
}

static void
test_unanswered(Fixture *f, gconstpointer data)
{
    ask_feature(f);
    peer_expect_hex(f->fd, PING);
    peer_expect_end(f->fd);
    peer_wait_clients(f->peer, 0);
}

/* A client that never said it knows keepalive is left in peace: it would not know what to do. */
static void
test_not_asked_for(Fixture *f, gconstpointer data)
{
    int other = peer_connect(f->peer);
    TnRpcConnectSupportsFeatureArgs args = { .feature = 10 };

    peer_send_call(other, TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, 1, &args);
    peer_expect_reply(other, TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, 1, NULL);
    peer_expect_hex(other, PING);
    /* By now the silent one would have been pinged as well. */
    peer_send_call(f->fd, TN_RPC_PROC_AUTH_LIST, 2, NULL);
    peer_expect_reply(f->fd, TN_RPC_PROC_AUTH_LIST, 2, NULL);
    close(other);
}

#define ADD(path, func) g_test_add("/wire/keepalive/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("pings-answered", test_answered);
    ADD("pings-unanswered", test_unanswered);
    ADD("client-that-knows-no-pings", test_not_asked_for);
    return g_test_run();
}
