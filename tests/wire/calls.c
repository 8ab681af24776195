/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls side by side: workers, priorities, limits, descriptors, events, and clients that leave. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/domain-resource.h"
#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/protocol/event.h"
#include "driver/rpc/protocol/procedures.h"
#include "tests/wire/peer.h"

/* What handlers and tests tell each other. */
typedef struct {
    Peer *peer;
    GMutex lock;
    GCond changed;
    guint n_blocked; /* handlers that wait for the gate */
    guint max_blocked;
    gboolean gate_open;
    guint n_destroyed; /* clients' data */
    gboolean several_clients; /* handlers at the gate are not all of one client */
    gboolean saw_client_go;
    TnRpcClient *client;
} Fixture;

static void
wait_until(Fixture *f, const guint *value, guint at_least)
{
    gint64 deadline = g_get_monotonic_time() + PEER_LIMIT_MS * G_TIME_SPAN_MILLISECOND;

    g_mutex_lock(&f->lock);
    while (*value < at_least) {
        g_assert_true(g_cond_wait_until(&f->changed, &f->lock, deadline));
    }
    g_mutex_unlock(&f->lock);
}

static void
open_gate(Fixture *f)
{
    g_mutex_lock(&f->lock);
    f->gate_open = TRUE;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static void
count_destroyed(gpointer data)
{
    Fixture *f = data;

    g_mutex_lock(&f->lock);
    /* The driver's data outlives every handler that may use it. */
    g_assert_true(f->several_clients || f->n_blocked == 0);
    f->n_destroyed++;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static gboolean
open_connection(TnRpcCall *call, void *args, void *ret, GError **error)
{
    Fixture *f = tn_rpc_call_get_user_data(call);

    tn_rpc_client_set_data(tn_rpc_call_get_client(call), f, count_destroyed);
    return TRUE;
}

static gboolean
close_connection(TnRpcCall *call, void *args, void *ret, GError **error)
{
    tn_rpc_client_set_data(tn_rpc_call_get_client(call), NULL, NULL);
    return TRUE;
}

static gboolean
block_at_gate(TnRpcCall *call, void *args, void *ret, GError **error)
{
    Fixture *f = tn_rpc_call_get_user_data(call);

    g_mutex_lock(&f->lock);
    f->n_blocked++;
    f->max_blocked = MAX(f->max_blocked, f->n_blocked);
    g_cond_broadcast(&f->changed);
    while (!f->gate_open) {
        g_cond_wait(&f->changed, &f->lock);
    }
    f->saw_client_go = tn_rpc_call_client_is_gone(call);
    f->n_blocked--;
    g_mutex_unlock(&f->lock);
    return TRUE;
}

static gboolean
do_nothing(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return TRUE;
}

static gboolean
fail_without_error(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return FALSE;
}

static gboolean
forget_result(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return TRUE;
}

static gboolean
get_info(TnRpcCall *call, void *args, void *vret, GError **error)
{
    TnRpcDomainGetInfoRet *ret = vret;

    *ret = (TnRpcDomainGetInfoRet){ .state = 1, .max_mem = 1048576, .memory = 524288,
                                    .nr_virt_cpu = 2, .cpu_time = 123456789012345 };
    return TRUE;
}

/* Gives back the descriptor it was given, and one more. */
static gboolean
echo_fd(TnRpcCall *call, void *args, void *ret, GError **error)
{
    g_assert_cmpuint(tn_rpc_call_get_n_fds(call), ==, 1);
    tn_rpc_call_return_fd(call, tn_rpc_call_take_fd(call, 0));
    g_assert_cmpint(tn_rpc_call_take_fd(call, 0), ==, -1);
    return TRUE;
}

static gboolean
keep_client(TnRpcCall *call, void *args, void *vret, GError **error)
{
    Fixture *f = tn_rpc_call_get_user_data(call);
    TnRpcConnectDomainEventCallbackRegisterAnyRet *ret = vret;

    f->client = tn_rpc_client_ref(tn_rpc_call_get_client(call));
    ret->callback_id = 7;
    return TRUE;
}

static const TnRpcHandlerRow rows[] = {
    { TN_RPC_PROC_CONNECT_OPEN, open_connection },
    { TN_RPC_PROC_CONNECT_CLOSE, close_connection },
    { TN_RPC_PROC_DOMAIN_ATTACH_DEVICE, block_at_gate },
    { TN_RPC_PROC_DOMAIN_DESTROY, do_nothing },
    { TN_RPC_PROC_DOMAIN_CREATE, fail_without_error },
    { TN_RPC_PROC_CONNECT_GET_HOSTNAME, forget_result },
    { TN_RPC_PROC_DOMAIN_GET_INFO, get_info },
    { TN_RPC_PROC_DOMAIN_OPEN_GRAPHICS_FD, echo_fd },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, keep_client },
    { 0, NULL },
};

static void
set_up(Fixture *f, gconstpointer data)
{
    g_mutex_init(&f->lock);
    g_cond_init(&f->changed);
    f->peer = peer_new(NULL, rows, f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    peer_free(f->peer);
    g_mutex_clear(&f->lock);
    g_cond_clear(&f->changed);
}

static char dom_name[] = "guest";
static char device_xml[] = "<memory/>";

static void
send_attach(int fd, guint32 serial)
{
    TnRpcDomainAttachDeviceArgs args = { .dom = { .name = dom_name, .id = 1 }, .xml = device_xml };

    peer_send_call(fd, TN_RPC_PROC_DOMAIN_ATTACH_DEVICE, serial, &args);
}

static void
destroy_works(int fd, guint32 serial)
{
    TnRpcDomainDestroyArgs args = { .dom = { .name = dom_name, .id = 1 } };

    peer_send_call(fd, TN_RPC_PROC_DOMAIN_DESTROY, serial, &args);
    peer_expect_reply(fd, TN_RPC_PROC_DOMAIN_DESTROY, serial, NULL);
}

static void
test_info_bytes(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);

    peer_send_hex(fd, "0000003c 20008086 00000001 00000010 00000000 00000002 00000000"
                      "00000005 67756573 74000000"          /* name: "guest" */
                      "00112233 44556677 8899aabb ccddeeff" /* uuid */
                      "00000001");                          /* id */
    peer_expect_hex(fd, "0000003c 20008086 00000001 00000010 00000001 00000002 00000000"
                        "00000001"            /* state, a char */
                        "00000000 00100000"   /* maximum memory, KiB */
                        "00000000 00080000"   /* memory, KiB */
                        "00000002"            /* processors, a short */
                        "00007048 860ddf79"); /* processor time, ns */
    close(fd);
}

/* Five blocked calls, and more that wait: destroy still gets through, on the same connection. */
static void
test_rescue_on_same_connection(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);

    for (guint i = 0; i < 10; i++) {
        send_attach(fd, 100 + i);
    }
    wait_until(f, &f->n_blocked, 5);
    destroy_works(fd, 1);
    g_assert_cmpuint(f->max_blocked, ==, 5);
    open_gate(f);
    for (guint i = 0; i < 10; i++) {
        PeerFrame frame;

        peer_read_frame(fd, &frame);
        g_assert_cmpint(frame.frame.header.status, ==, TN_RPC_STATUS_OK);
        peer_frame_clear(&frame);
    }
    g_assert_cmpuint(f->max_blocked, ==, 5);
    close(fd);
}

/* All 20 ordinary workers are stuck. */
static void
test_rescue_when_all_workers_block(Fixture *f, gconstpointer data)
{
    int fds[5];
    int other = peer_open(f->peer);

    f->several_clients = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = peer_open(f->peer);
        for (guint j = 0; j < 5; j++) {
            send_attach(fds[i], j);
        }
    }
    wait_until(f, &f->n_blocked, 20);
    destroy_works(other, 1);
    open_gate(f);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        for (guint j = 0; j < 5; j++) {
            PeerFrame frame;

            peer_read_frame(fds[i], &frame);
            g_assert_cmpint(frame.frame.header.status, ==, TN_RPC_STATUS_OK);
            peer_frame_clear(&frame);
        }
        close(fds[i]);
    }
    close(other);
}

/* Beyond 32 calls the socket is not read; what was sent is done all the same, later. */
static void
test_more_calls_than_read(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);

    for (guint i = 0; i < 100; i++) {
        send_attach(fd, i);
    }
    wait_until(f, &f->n_blocked, 5);
    open_gate(f);
    for (guint i = 0; i < 100; i++) {
        PeerFrame frame;

        peer_read_frame(fd, &frame);
        g_assert_cmpint(frame.frame.header.status, ==, TN_RPC_STATUS_OK);
        peer_frame_clear(&frame);
    }
    close(fd);
}

static void
test_ping_while_calls_block(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);

    for (guint i = 0; i < 10; i++) {
        send_attach(fd, i);
    }
    wait_until(f, &f->n_blocked, 5);
    peer_send_hex(fd, "0000001c 6b656570 00000001 00000001 00000002 00000000 00000000"); /* PING */
    peer_expect_hex(fd, "0000001c 6b656570 00000001 00000002 00000002 00000000 00000000");
    open_gate(f);
    close(fd);
}

/* The client leaves in the middle of a call: its data is destroyed, but after the call. */
static void
test_client_vanishes(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);
    int other;

    send_attach(fd, 1);
    wait_until(f, &f->n_blocked, 1);
    close(fd);
    /* The next client's answer comes after the server has seen the end of the first. */
    other = peer_connect(f->peer);
    peer_send_call(other, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    peer_expect_reply(other, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    g_assert_cmpuint(f->n_destroyed, ==, 0);
    open_gate(f);
    wait_until(f, &f->n_destroyed, 1);
    g_assert_true(f->saw_client_go);
    close(other);
    peer_wait_clients(f->peer, 0);
}

/* Close comes while calls run: it waits for them, for it takes away what they use. What comes after
 * it waits in turn. */
static void
test_close_waits_for_calls(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);
    int other = peer_connect(f->peer);

    send_attach(fd, 1);
    send_attach(fd, 2);
    wait_until(f, &f->n_blocked, 2);
    peer_send_call(fd, TN_RPC_PROC_CONNECT_CLOSE, 3, NULL);
    send_attach(fd, 4);
    /* Another client's answer: the server has had time to do the wrong thing. */
    peer_send_call(other, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    peer_expect_reply(other, TN_RPC_PROC_AUTH_LIST, 1, NULL);
    close(other);
    g_assert_cmpuint(f->n_blocked, ==, 2);
    open_gate(f);
    for (guint i = 0; i < 2; i++) {
        PeerFrame frame;

        peer_read_frame(fd, &frame);
        g_assert_cmpuint(frame.frame.header.serial, <, 3);
        peer_frame_clear(&frame);
    }
    peer_expect_reply(fd, TN_RPC_PROC_CONNECT_CLOSE, 3, NULL);
    g_assert_cmpint(peer_expect_error(fd, 4, NULL), ==, VIR_ERR_INTERNAL_ERROR);
    close(fd);
}

/* All of a session in one go, nobody waiting for an answer. */
static void
test_pipelined_session(Fixture *f, gconstpointer data)
{
    TnRpcConnectOpenArgs open = { .flags = 0 };
    TnRpcDomainDestroyArgs destroy = { .dom = { .name = dom_name, .id = 1 } };
    int fd = peer_connect(f->peer);

    peer_send_call(fd, TN_RPC_PROC_CONNECT_OPEN, 1, &open);
    peer_send_call(fd, TN_RPC_PROC_DOMAIN_DESTROY, 2, &destroy);
    peer_send_call(fd, TN_RPC_PROC_CONNECT_CLOSE, 3, NULL);
    peer_send_call(fd, TN_RPC_PROC_DOMAIN_DESTROY, 4, &destroy);
    peer_expect_reply(fd, TN_RPC_PROC_CONNECT_OPEN, 1, NULL);
    peer_expect_reply(fd, TN_RPC_PROC_DOMAIN_DESTROY, 2, NULL);
    peer_expect_reply(fd, TN_RPC_PROC_CONNECT_CLOSE, 3, NULL);
    g_assert_cmpint(peer_expect_error(fd, 4, NULL), ==, VIR_ERR_INTERNAL_ERROR);
    close(fd);
}

static void
test_handler_without_reason(Fixture *f, gconstpointer data)
{
    TnRpcDomainCreateArgs args = { .dom = { .name = dom_name } };
    int fd = peer_open(f->peer);

    peer_send_call(fd, TN_RPC_PROC_DOMAIN_CREATE, 1, &args);
    g_assert_cmpint(peer_expect_error(fd, 1, NULL), ==, VIR_ERR_INTERNAL_ERROR);
    close(fd);
}

static void
test_result_with_null_string(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);

    peer_send_call(fd, TN_RPC_PROC_CONNECT_GET_HOSTNAME, 1, NULL);
    g_assert_cmpint(peer_expect_error(fd, 1, NULL), ==, VIR_ERR_RPC);
    close(fd);
}

static void
send_call_with_fd(int fd, int passed)
{
    char byte = 0;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    peer_send_hex(fd, "00000048 20008086 00000001 00000157" /* DOMAIN_OPEN_GRAPHICS_FD = 343 */
                      "00000004 00000005 00000000"          /* call with descriptors */
                      "00000001"                            /* one */
                      "00000005 67756573 74000000"
                      "00112233 44556677 8899aabb ccddeeff 00000001"
                      "00000000"   /* index */
                      "00000000"); /* flags */
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &passed, sizeof(int));
    g_assert_cmpint(sendmsg(fd, &msg, 0), ==, 1);
}

static void
test_descriptors_both_ways(Fixture *f, gconstpointer data)
{
    int fd = peer_open(f->peer);
    int ends[2];
    int back;
    char byte;

    g_assert_cmpint(pipe(ends), ==, 0);
    send_call_with_fd(fd, ends[1]);
    close(ends[1]);
    peer_expect_hex(fd, "00000020 20008086 00000001 00000157"
                        "00000005 00000005 00000000" /* reply with descriptors */
                        "00000001");                 /* one */
    back = peer_receive_fd(fd);
    g_assert_cmpint(write(back, "x", 1), ==, 1);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    close(back);
    /* Ours was the last copy: the server kept none. */
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    close(ends[0]);
    close(fd);
}

static int
register_event(Fixture *f)
{
    TnRpcConnectDomainEventCallbackRegisterAnyArgs args = { .event_id = 0 };
    TnRpcConnectDomainEventCallbackRegisterAnyRet ret = { 0 };
    int fd = peer_open(f->peer);

    peer_send_call(fd, TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, 1, &args);
    peer_expect_reply(fd, TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, 1, &ret);
    g_assert_cmpint(ret.callback_id, ==, 7);
    return fd;
}

static void
send_lifecycle(Fixture *f)
{
    TnRpcDomainEventCallbackLifecycleMsg msg = {
        .callback_id = 7,
        .msg = { .dom = { .name = dom_name, .id = 1 }, .event = 2, .detail = 0 },
    };

    tn_rpc_client_send_event(f->client, TN_RPC_PROGRAM_REMOTE,
                             TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &msg);
}

static void
test_event_bytes(Fixture *f, gconstpointer data)
{
    int fd = register_event(f);

    send_lifecycle(f);
    peer_expect_hex(fd, "00000048 20008086 00000001 0000013e" /* lifecycle = 318 */
                        "00000002 00000000 00000000"          /* message, serial 0, ok */
                        "00000007"                            /* callback */
                        "00000005 67756573 74000000"          /* name */
                        "00000000 00000000 00000000 00000000" /* uuid */
                        "00000001"                            /* id */
                        "00000002"                            /* event: started */
                        "00000000");                          /* detail: booted */
    close(fd);
    tn_rpc_client_unref(f->client);
}

static void
test_event_after_client_left(Fixture *f, gconstpointer data)
{
    int fd = register_event(f);

    close(fd);
    peer_wait_clients(f->peer, 0);
    send_lifecycle(f);
    tn_rpc_client_unref(f->client);
}

/* A client that reads no events is sent home before it costs the daemon its memory. */
static void
test_event_reader_asleep(Fixture *f, gconstpointer data)
{
    int fd = register_event(f);
    guint i;

    g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "*events unread*");
    for (i = 0; i < 1000000 && peer_get_n_clients(f->peer) > 0; i++) {
        send_lifecycle(f);
    }
    peer_wait_clients(f->peer, 0);
    g_test_assert_expected_messages();
    /* 16 MiB of 72 bytes each. */
    g_assert_cmpuint(i, >, 100000);
    close(fd);
    tn_rpc_client_unref(f->client);
}

static void
test_close_from_handler_side(Fixture *f, gconstpointer data)
{
    int fd = register_event(f);

    tn_rpc_client_close(f->client);
    peer_expect_end(fd);
    peer_wait_clients(f->peer, 0);
    g_assert_cmpuint(f->n_destroyed, ==, 1);
    close(fd);
    tn_rpc_client_unref(f->client);
}

#define ADD(path, func) g_test_add("/wire/calls/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("info-bytes", test_info_bytes);
    ADD("destroy-while-own-calls-block", test_rescue_on_same_connection);
    ADD("destroy-while-all-workers-block", test_rescue_when_all_workers_block);
    ADD("more-calls-than-are-read", test_more_calls_than_read);
    ADD("ping-while-calls-block", test_ping_while_calls_block);
    ADD("client-vanishes-mid-call", test_client_vanishes);
    ADD("close-waits-for-calls", test_close_waits_for_calls);
    ADD("pipelined-session", test_pipelined_session);
    ADD("handler-fails-without-reason", test_handler_without_reason);
    ADD("result-with-null-string", test_result_with_null_string);
    ADD("descriptors-both-ways", test_descriptors_both_ways);
    ADD("event-bytes", test_event_bytes);
    ADD("event-after-client-left", test_event_after_client_left);
    ADD("event-reader-asleep", test_event_reader_asleep);
    ADD("close-by-driver", test_close_from_handler_side);
    return g_test_run();
}
