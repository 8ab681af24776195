/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that open a connection, and the answers to those that do not fit, byte by byte. */
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/protocol/procedures.h"
#include "tests/wire/peer.h"

#include <unistd.h>

#include "driver/error.h"

static gboolean
do_nothing(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return TRUE;
}

static gboolean
get_type(TnRpcCall *call, void *args, void *vret, GError **error)
{
    TnRpcConnectGetTypeRet *ret = vret;

    ret->type = g_strdup("Tenon");
    return TRUE;
}

static gboolean
open_read_only(TnRpcCall *call, void *vargs, void *ret, GError **error)
{
    const TnRpcConnectOpenArgs *args = vargs;

    if (args->flags & 1) {
        tn_rpc_client_set_read_only(tn_rpc_call_get_client(call));
    }
    return TRUE;
}

static gboolean
not_found(TnRpcCall *call, void *vargs, void *ret, GError **error)
{
    const TnRpcDomainLookupByNameArgs *args = vargs;

    g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'",
                args->name);
    return FALSE;
}

static const TnRpcHandlerRow rows[] = {
    { TN_RPC_PROC_CONNECT_OPEN, open_read_only },
    { TN_RPC_PROC_CONNECT_CLOSE, do_nothing },
    { TN_RPC_PROC_CONNECT_GET_TYPE, get_type },
    { TN_RPC_PROC_DOMAIN_LOOKUP_BY_NAME, not_found },
    { TN_RPC_PROC_DOMAIN_CREATE, do_nothing },
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

static void
tear_down(Fixture *f, gconstpointer data)
{
    if (f->fd >= 0) {
        close(f->fd);
    }
    peer_free(f->peer);
}

/* The frame with which every test opens its connection. */
#define SEND_OPEN                                                                                  \
    "00000038"                          /* length: 56 */                                           \
    "20008086 00000001 00000001"        /* program, version, procedure: CONNECT_OPEN */            \
    "00000000 00000007 00000000"        /* type: call, serial, status: ok */                       \
    "00000001"                          /* the name is there */                                    \
    "0000000f"                          /* its length: 15 */                                       \
    "74656e6f 6e3a2f2f 2f737973 74656d00" /* "tenon:///system", padded to 16 */                    \
    "00000000"                          /* flags */
#define EXPECT_OPEN                                                                                \
    "0000001c"                   /* length: 28, no result */                                       \
    "20008086 00000001 00000001"                                                                   \
    "00000001 00000007 00000000" /* type: reply */

static void
test_auth_list(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001c"                   /* length: 28, no arguments */
                         "20008086 00000001 00000042" /* AUTH_LIST = 66 */
                         "00000000 00000001 00000000");
    peer_expect_hex(f->fd, "00000024"
                           "20008086 00000001 00000042"
                           "00000001 00000001 00000000"
                           "00000001"   /* one kind of authentication */
                           "00000000"); /* none */
}

static void
test_open_and_type(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_hex(f->fd, "0000001c"
                         "20008086 00000001 00000003" /* CONNECT_GET_TYPE */
                         "00000000 00000008 00000000");
    peer_expect_hex(f->fd, "00000028"
                           "20008086 00000001 00000003"
                           "00000001 00000008 00000000"
                           "00000005"            /* length of the string */
                           "54656e6f 6e000000"); /* "Tenon", padded */
}

static void
test_open_in_pieces(Fixture *f, gconstpointer data)
{
    const char *hex = "0000001c 20008086 00000001 00000042 00000000 00000001 00000000";

    for (const char *at = hex; *at != '\0'; at += 2) {
        char byte[3] = { at[0], at[1], '\0' };

        if (*at == ' ') {
            at--;
            continue;
        }
        peer_send_hex(f->fd, byte);
    }
    peer_expect_hex(f->fd, "00000024 20008086 00000001 00000042 00000001 00000001 00000000"
                           "00000001 00000000");
}

static void
test_not_open(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_GET_TYPE, 3, NULL);
    g_assert_cmpint(peer_expect_error(f->fd, 3, &message), ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpstr(message, ==, "internal error: hypervisor connection not open");
}

static void
test_close_closes(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_CLOSE, 8, NULL);
    peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_CLOSE, 8, NULL);
    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_GET_TYPE, 9, NULL);
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_INTERNAL_ERROR);
}

static void
test_unknown_procedure(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_hex(f->fd, "0000001c"
                         "20008086 00000001 0000270f" /* procedure 9999 */
                         "00000000 00000009 00000000");
    peer_expect_hex(f->fd, "00000088"
                           "20008086 00000001 0000270f"
                           "00000001 00000009 00000001" /* reply, error */
                           "00000027 00000007"          /* code 39, from the RPC layer */
                           "00000001 00000017"          /* message, 23 bytes */
                           "756e6b6e 6f776e20 70726f63 65647572 653a2039 39393900"
                           "00000002"                   /* level: error */
                           "00000000"                   /* no domain */
                           "00000001 00000002 25730000" /* str1: "%s" */
                           "00000001 00000017"          /* str2: the detail */
                           "756e6b6e 6f776e20 70726f63 65647572 653a2039 39393900"
                           "00000000"                   /* no str3 */
                           "ffffffff ffffffff"          /* int1, int2 */
                           "00000000");                 /* no network */
}

static void
test_event_is_no_call(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_call(f->fd, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, 9, NULL);
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_RPC);
}

static void
test_known_but_not_served(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_call(f->fd, TN_RPC_PROC_DOMAIN_MIGRATE_PREPARE3, 9, NULL);
    g_assert_cmpint(peer_expect_error(f->fd, 9, &message), ==, VIR_ERR_NO_SUPPORT);
    g_assert_cmpstr(message, ==,
                    "this function is not supported by the connection driver: "
                    "virDomainMigratePrepare3");
}

static void
test_unknown_program(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    peer_send_hex(f->fd, "0000001c 12345678 00000001 00000003 00000000 00000009 00000000");
    g_assert_cmpint(peer_expect_error(f->fd, 9, &message), ==, VIR_ERR_RPC);
    g_assert_cmpstr(message, ==, "Cannot find program 305419896 version 1");
}

static void
test_unknown_version(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001c 20008086 00000002 00000003 00000000 00000009 00000000");
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_RPC);
}

static void
test_bad_status(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001c 20008086 00000001 00000042 00000000 00000009 00000001");
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_RPC);
}

static void
test_bad_type(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001c 20008086 00000001 00000042 00000009 00000009 00000000");
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_RPC);
}

static void
test_reply_is_ignored(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, "0000001c 20008086 00000001 00000042 00000001 00000009 00000000");
    peer_send_call(f->fd, TN_RPC_PROC_AUTH_LIST, 10, NULL);
    peer_expect_reply(f->fd, TN_RPC_PROC_AUTH_LIST, 10, NULL);
}

static void
test_short_arguments(Fixture *f, gconstpointer data)
{
    g_autofree char *message = NULL;

    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_call(f->fd, TN_RPC_PROC_DOMAIN_LOOKUP_BY_NAME, 9, NULL);
    g_assert_cmpint(peer_expect_error(f->fd, 9, &message), ==, VIR_ERR_RPC);
    g_assert_cmpstr(message, ==, "Unable to decode message payload");
}

static void
test_string_beyond_frame(Fixture *f, gconstpointer data)
{
    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_hex(f->fd, "00000024 20008086 00000001 00000017 00000000 00000009 00000000"
                         "003fffff"   /* a string of 4 MiB, almost */
                         "61626364"); /* of which four bytes are here */
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_RPC);
}

static void
test_handlers_error(Fixture *f, gconstpointer data)
{
    char name[] = "x";
    TnRpcDomainLookupByNameArgs args = { .name = name };
    g_autofree char *message = NULL;

    peer_send_hex(f->fd, SEND_OPEN);
    peer_expect_hex(f->fd, EXPECT_OPEN);
    peer_send_call(f->fd, TN_RPC_PROC_DOMAIN_LOOKUP_BY_NAME, 9, &args);
    g_assert_cmpint(peer_expect_error(f->fd, 9, &message), ==, VIR_ERR_NO_DOMAIN);
    g_assert_cmpstr(message, ==, "Domain not found: no domain with matching name 'x'");
}

static void
expect_create_denied(int fd)
{
    char name[] = "x";
    TnRpcDomainCreateArgs args = { .dom = { .name = name, .id = -1 } };
    g_autofree char *message = NULL;

    peer_send_call(fd, TN_RPC_PROC_DOMAIN_CREATE, 9, &args);
    g_assert_cmpint(peer_expect_error(fd, 9, &message), ==, VIR_ERR_OPERATION_DENIED);
    g_assert_cmpstr(message, ==,
                    "operation forbidden: read only access prevents virDomainCreate");
}

static void
test_read_only_socket(Fixture *f, gconstpointer data)
{
    int fd = peer_connect_read_only(f->peer);

    peer_send_hex(fd, SEND_OPEN);
    peer_expect_hex(fd, EXPECT_OPEN);
    expect_create_denied(fd);
    close(fd);
}

static void
test_read_only_open(Fixture *f, gconstpointer data)
{
    TnRpcConnectOpenArgs args = { .flags = 1 };

    peer_send_call(f->fd, TN_RPC_PROC_CONNECT_OPEN, 8, &args);
    peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_OPEN, 8, NULL);
    expect_create_denied(f->fd);
}

static void
test_features(Fixture *f, gconstpointer data)
{
    static const struct {
        int feature;
        int supported;
    } features[] = { { 1, 0 }, { 4, 0 }, { 9, 1 }, { 10, 1 }, { 14, 1 }, { 15, 1 }, { 9999, 0 } };

    for (guint i = 0; i < G_N_ELEMENTS(features); i++) {
        TnRpcConnectSupportsFeatureArgs args = { .feature = features[i].feature };
        TnRpcConnectSupportsFeatureRet ret = { 0 };

        peer_send_call(f->fd, TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, i, &args);
        peer_expect_reply(f->fd, TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, i, &ret);
        g_assert_cmpint(ret.supported, ==, features[i].supported);
    }
}

static void
test_polkit_unasked(Fixture *f, gconstpointer data)
{
    peer_send_call(f->fd, TN_RPC_PROC_AUTH_POLKIT, 9, NULL);
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_AUTH_FAILED);
}

#define ADD(path, func) g_test_add("/wire/connection/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("auth-list-offers-none", test_auth_list);
    ADD("open-then-type", test_open_and_type);
    ADD("frame-in-single-bytes", test_open_in_pieces);
    ADD("call-before-open", test_not_open);
    ADD("call-after-close", test_close_closes);
    ADD("unknown-procedure", test_unknown_procedure);
    ADD("event-number-called", test_event_is_no_call);
    ADD("known-procedure-not-served", test_known_but_not_served);
    ADD("unknown-program", test_unknown_program);
    ADD("unknown-version", test_unknown_version);
    ADD("call-with-error-status", test_bad_status);
    ADD("unknown-type", test_bad_type);
    ADD("reply-from-client-is-ignored", test_reply_is_ignored);
    ADD("arguments-too-short", test_short_arguments);
    ADD("string-longer-than-frame", test_string_beyond_frame);
    ADD("error-of-handler", test_handlers_error);
    ADD("write-on-read-only-socket", test_read_only_socket);
    ADD("write-on-read-only-open", test_read_only_open);
    ADD("features", test_features);
    ADD("polkit-not-asked-for", test_polkit_unasked);
    return g_test_run();
}
