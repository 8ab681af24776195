/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connected client, as handlers and event sources see it. */
#ifndef TN_DRIVER_RPC_CLIENT_H
#define TN_DRIVER_RPC_CLIENT_H

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/**
 * TnRpcClient:
 *
 * One connection to the daemon. Reference counted; a reference keeps the structure alive, not the
 * connection: everything sent to a client that has gone is dropped without a word.
 */
typedef struct TnRpcClient TnRpcClient;

/**
 * TnRpcIdentity:
 * @uid: the peer's user, as the kernel reports it
 * @gid: the peer's group
 * @pid: the peer's process
 * @start_time: when that process started, in clock ticks after boot; 0 if it could not be read.
 *   With @pid it names the process even after the number is used again
 */
typedef struct {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    guint64 start_time;
} TnRpcIdentity;

/**
 * tn_rpc_client_ref:
 * @client: a client
 *
 * Returns: (transfer full): @client. Any thread.
 */
TnRpcClient *tn_rpc_client_ref(TnRpcClient *client);

/**
 * tn_rpc_client_unref:
 * @client: (nullable) (transfer full): a client
 *
 * Any thread.
 */
void tn_rpc_client_unref(TnRpcClient *client);

/**
 * tn_rpc_client_get_id:
 * @client: a client
 *
 * Returns: the client's number, unique while the daemon runs, from 1 on. Any thread.
 */
guint64 tn_rpc_client_get_id(TnRpcClient *client);

/**
 * tn_rpc_client_get_identity:
 * @client: a client
 *
 * Returns: (transfer none): who the client is; never changes. Any thread.
 */
const TnRpcIdentity *tn_rpc_client_get_identity(TnRpcClient *client);

/**
 * tn_rpc_client_is_read_only:
 * @client: a client
 *
 * Returns: TRUE when the client came by the read-only socket or opened its connection read-only.
 *   The dispatcher refuses writing procedures by itself; handlers ask only where a flag of a
 *   readable procedure needs more (VIR_DOMAIN_XML_SECURE). Any thread.
 */
gboolean tn_rpc_client_is_read_only(TnRpcClient *client);

/**
 * tn_rpc_client_set_read_only:
 * @client: a client
 *
 * Makes the client read-only from now on; there is no way back. For CONNECT_OPEN with flag
 * VIR_CONNECT_RO. Any thread.
 */
void tn_rpc_client_set_read_only(TnRpcClient *client);

/**
 * tn_rpc_client_set_data:
 * @client: a client
 * @data: (nullable): what the driver keeps for this connection
 * @destroy: (nullable): frees @data
 *
 * Hangs data on the client, for CONNECT_OPEN (and NULL for CONNECT_CLOSE). What was there before is
 * destroyed at once, in this thread. When the client leaves, @destroy runs on a worker thread (it
 * may block), after the client's last handler has returned. Worker threads.
 */
void tn_rpc_client_set_data(TnRpcClient *client, gpointer data, GDestroyNotify destroy);

/**
 * tn_rpc_client_get_data:
 * @client: a client
 *
 * Returns: (transfer none) (nullable): what tn_rpc_client_set_data() hung there. In handlers.
 */
gpointer tn_rpc_client_get_data(TnRpcClient *client);

/**
 * tn_rpc_client_send_event:
 * @client: a client
 * @program: %TN_RPC_PROGRAM_REMOTE or %TN_RPC_PROGRAM_QEMU
 * @procedure: the event's number; its row in the table says what @message is
 * @message: (transfer none): the message, of the row's C type
 *
 * Sends an event. Any thread, never blocks; events sent by one thread arrive in their order. A
 * client that leaves more than 16 MiB unread is disconnected.
 */
void tn_rpc_client_send_event(TnRpcClient *client, guint32 program, gint32 procedure,
                              const void *message);

/**
 * tn_rpc_client_close:
 * @client: a client
 *
 * Ends the connection, as if the client had left. Any thread.
 */
void tn_rpc_client_close(TnRpcClient *client);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnRpcClient, tn_rpc_client_unref)

G_END_DECLS

#endif
