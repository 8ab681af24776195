/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calling another daemon: a client of the protocol, small and synchronous. */
#ifndef TN_DRIVER_RPC_CALLER_H
#define TN_DRIVER_RPC_CALLER_H

#include <glib.h>

G_BEGIN_DECLS

/** TnRpcCaller: a connection to another daemon. One thread at a time. */
typedef struct TnRpcCaller TnRpcCaller;

/**
 * tn_rpc_caller_connect:
 * @path: the daemon's socket
 * @timeout_ms: how long each call may take, in milliseconds
 * @error: VIR_ERR_SYSTEM_ERROR naming @path
 *
 * Returns: (transfer full) (nullable): a connection on which nothing has been said. Blocks at most
 *   @timeout_ms.
 */
TnRpcCaller *tn_rpc_caller_connect(const char *path, int timeout_ms, GError **error);

/**
 * tn_rpc_caller_call:
 * @caller: a connection
 * @program: a program with a table of procedures
 * @procedure: a procedure whose row says how its arguments look
 * @args: (nullable): the arguments, of the row's C type; NULL if the row has none
 * @ret: (nullable): the result, zeroed, of the row's C type, to be freed with xdr_free(); NULL if
 *   the row has none
 * @error: what the daemon answered, or VIR_ERR_RPC, VIR_ERR_SYSTEM_ERROR, VIR_ERR_OPERATION_TIMEOUT
 *
 * Calls and waits for the reply. Events that arrive meanwhile are dropped.
 *
 * Returns: TRUE on success.
 */
gboolean tn_rpc_caller_call(TnRpcCaller *caller, guint32 program, gint32 procedure, void *args,
                            void *ret, GError **error);

/**
 * tn_rpc_caller_steal_fd:
 * @caller: (transfer full): a connection; freed
 *
 * Returns: (transfer full): its socket, from which no byte has been read that was not answered.
 */
int tn_rpc_caller_steal_fd(TnRpcCaller *caller);

/**
 * tn_rpc_caller_free:
 * @caller: (nullable) (transfer full): a connection
 */
void tn_rpc_caller_free(TnRpcCaller *caller);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnRpcCaller, tn_rpc_caller_free)

G_END_DECLS

#endif
