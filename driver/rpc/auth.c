/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The procedures of the connection itself: who may come in, and what both sides know. */
#include "driver/error.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/server-private.h"

/* Kinds of authentication on the wire. */
#define AUTH_NONE 0
#define AUTH_POLKIT 2

/* Questions to polkit at a time, each of which holds a worker; and those of one user. */
#define AUTHORIZING_MAX 8
#define AUTHORIZING_USER_MAX 2

/* Features a client may ask for; the numbers are ABI. */
enum {
    FEATURE_FD_PASSING = 8,
    FEATURE_TYPED_PARAM_STRING = 9,
    FEATURE_PROGRAM_KEEPALIVE = 10,
    FEATURE_REMOTE_EVENT_CALLBACK = 14,
    FEATURE_REMOTE_CLOSE_CALLBACK = 15,
    FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER = 16,
};

static TnRpcAuthorize
doorkeeper(TnRpcServer *server, gboolean read_only)
{
    return read_only ? server->options.authorize_ro : server->options.authorize_rw;
}

gboolean
tn_rpc_auth_is_trusted(TnRpcServer *server, const TnRpcIdentity *identity, gboolean read_only)
{
    return identity->uid == 0 || server->options.session ||
           doorkeeper(server, read_only) == NULL;
}

static gboolean
auth_list(TnRpcCall *call, void *args, void *vret, GError **error)
{
    TnRpcClient *client = tn_rpc_call_get_client(call);
    TnRpcAuthListRet *ret = vret;

    ret->types.types_val = g_new0(int, 1);
    ret->types.types_len = 1;
    ret->types.types_val[0] = g_atomic_int_get(&client->authenticated) ? AUTH_NONE : AUTH_POLKIT;
    return TRUE;
}

static void
authenticated_posted(gpointer data)
{
    TnRpcClient *client = data;

    tn_rpc_server_not_anonymous(client->server, client);
    tn_rpc_client_unref(client);
}

static gboolean
begin_authorizing(TnRpcServer *server, uid_t uid, GError **error)
{
    guint same = 0;
    guint all;

    g_mutex_lock(&server->authorizing_lock);
    all = server->authorizing->len;
    for (guint i = 0; i < all; i++) {
        same += g_array_index(server->authorizing, uid_t, i) == uid;
    }
    if (all < AUTHORIZING_MAX && same < AUTHORIZING_USER_MAX) {
        g_array_append_val(server->authorizing, uid);
        g_mutex_unlock(&server->authorizing_lock);
        return TRUE;
    }
    g_mutex_unlock(&server->authorizing_lock);
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_UNAVAILABLE,
                "%u clients are being authenticated at the moment, %u of them of user %u", all,
                same, uid);
    return FALSE;
}

static void
end_authorizing(TnRpcServer *server, uid_t uid)
{
    g_mutex_lock(&server->authorizing_lock);
    for (guint i = 0; i < server->authorizing->len; i++) {
        if (g_array_index(server->authorizing, uid_t, i) == uid) {
            g_array_remove_index_fast(server->authorizing, i);
            break;
        }
    }
    g_mutex_unlock(&server->authorizing_lock);
}

static gboolean
auth_polkit(TnRpcCall *call, void *args, void *vret, GError **error)
{
    TnRpcServer *server = tn_rpc_call_get_user_data(call);
    TnRpcClient *client = tn_rpc_call_get_client(call);
    TnRpcAuthPolkitRet *ret = vret;
    gboolean ok;

    if (g_atomic_int_get(&client->authenticated)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_FAILED,
                    "the daemon did not ask for polkit authentication");
        return FALSE;
    }
    if (!begin_authorizing(server, client->identity.uid, error)) {
        return FALSE;
    }
    ok = doorkeeper(server, client->read_only_socket)(&client->identity, client->read_only_socket,
                                                      server->options.authorize_data, error);
    end_authorizing(server, client->identity.uid);
    if (!ok) {
        return FALSE;
    }
    g_atomic_int_set(&client->authenticated, TRUE);
    tn_rpc_server_post(server, authenticated_posted, tn_rpc_client_ref(client));
    ret->complete = 1;
    return TRUE;
}

static void
keepalive_posted(gpointer data)
{
    TnRpcClient *client = data;

    tn_rpc_server_reschedule(client->server);
    tn_rpc_client_unref(client);
}

static gboolean
supports_feature(TnRpcCall *call, void *vargs, void *vret, GError **error)
{
    const TnRpcConnectSupportsFeatureArgs *args = vargs;
    TnRpcConnectSupportsFeatureRet *ret = vret;
    TnRpcClient *client = tn_rpc_call_get_client(call);

    switch (args->feature) {
    case FEATURE_PROGRAM_KEEPALIVE:
        /* A client that asks knows the program; one that does not would take pings amiss. */
        g_atomic_int_set(&client->wants_keepalive, TRUE);
        tn_rpc_server_post(client->server, keepalive_posted, tn_rpc_client_ref(client));
        ret->supported = 1;
        break;
    case FEATURE_FD_PASSING:
    case FEATURE_TYPED_PARAM_STRING:
    case FEATURE_REMOTE_EVENT_CALLBACK:
    case FEATURE_REMOTE_CLOSE_CALLBACK:
    case FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER:
        ret->supported = 1;
        break;
    default:
        ret->supported = 0;
        break;
    }
    return TRUE;
}

/* The callback tells a client that the daemon lost its hypervisor. This daemon is its own, so that
 * there is nothing to tell; the connection's own end is seen by the client itself. */
static gboolean
close_callback(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return TRUE;
}

/* Another daemon says on whose behalf it calls. Nothing is decided by the caller's identity after
 * the door, so it is enough that a stranger cannot claim one. */
static gboolean
set_identity(TnRpcCall *call, void *args, void *ret, GError **error)
{
    TnRpcClient *client = tn_rpc_call_get_client(call);
    TnRpcServer *server = tn_rpc_call_get_user_data(call);

    if (client->identity.uid != 0 && !server->options.session) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_ACCESS_DENIED,
                    "user %u may not act for others", client->identity.uid);
        return FALSE;
    }
    return TRUE;
}

static const TnRpcHandlerRow rows[] = {
    { TN_RPC_PROC_AUTH_LIST, auth_list },
    { TN_RPC_PROC_AUTH_POLKIT, auth_polkit },
    { TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE, supports_feature },
    { TN_RPC_PROC_CONNECT_REGISTER_CLOSE_CALLBACK, close_callback },
    { TN_RPC_PROC_CONNECT_UNREGISTER_CLOSE_CALLBACK, close_callback },
    { TN_RPC_PROC_CONNECT_SET_IDENTITY, set_identity },
};

void
tn_rpc_auth_add_handlers(TnRpcProgram *program, TnRpcServer *server)
{
    tn_rpc_program_set_own_handlers(program, rows, G_N_ELEMENTS(rows), server);
}
