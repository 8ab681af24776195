/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs: which handler answers which procedure, and what a handler may do with its call. */
#ifndef TN_DRIVER_RPC_PROGRAM_H
#define TN_DRIVER_RPC_PROGRAM_H

#include <glib.h>

#include "driver/rpc/client.h"
#include "driver/rpc/proc-table.h"

G_BEGIN_DECLS

/**
 * TnRpcCall:
 *
 * One call under way. It belongs to the dispatcher and is valid until its handler returns.
 */
typedef struct TnRpcCall TnRpcCall;

/**
 * TnRpcProgram:
 *
 * The handlers of one program. Filled before the server runs, read-only from then on.
 */
typedef struct TnRpcProgram TnRpcProgram;

/**
 * TnRpcHandler:
 * @call: the call
 * @args: the decoded arguments, of the C type that the procedure's row in proc-table.c names
 *   (`TnRpcDomainCreateArgs *` for TN_RPC_PROC_DOMAIN_CREATE); NULL when the row has none. They are
 *   freed after the handler; a handler may steal a string by setting its member to NULL
 * @ret: the result to fill, zeroed, of the row's C type; NULL when the row has none. All that it
 *   points to must come from g_malloc and friends; the dispatcher frees it after encoding, also
 *   after a failure. A mandatory string left NULL makes the reply fail
 * @error: in %TN_VIR_ERROR or a domain that driver/rpc/error.c maps
 *
 * Answers one call. Runs on a worker thread, where it may block; calls of one client may run at the
 * same time. Handlers of %TN_RPC_PROC_HIGH_PRIORITY rows must never wait for a guest, a monitor or
 * a job; those of %TN_RPC_PROC_INSTANT rows run on the I/O thread and must not wait for anything,
 * nor call tn_rpc_client_set_data(). The client has authenticated, opened its connection, and may
 * write if the row asks for it.
 *
 * Returns: TRUE with @ret filled, FALSE with @error set.
 */
typedef gboolean (*TnRpcHandler)(TnRpcCall *call, void *args, void *ret, GError **error);

/**
 * TnRpcHandlerRow:
 * @procedure: a number from protocol/procedures.h or protocol/qemu.h
 * @handler: who answers it
 */
typedef struct {
    gint32 procedure;
    TnRpcHandler handler;
} TnRpcHandlerRow;

/**
 * tn_rpc_program_new:
 * @number: %TN_RPC_PROGRAM_REMOTE or %TN_RPC_PROGRAM_QEMU
 *
 * Returns: (transfer full): a program in which nothing is served yet. A procedure of the table that
 *   has no handler answers VIR_ERR_NO_SUPPORT, a number outside of it VIR_ERR_RPC.
 */
TnRpcProgram *tn_rpc_program_new(guint32 number);

/**
 * tn_rpc_program_free:
 * @program: (nullable) (transfer full): a program
 */
void tn_rpc_program_free(TnRpcProgram *program);

/**
 * tn_rpc_program_add_handlers:
 * @program: a program
 * @rows: the rows to add; each procedure must stand in the table and have no handler yet
 * @n_rows: how many
 * @user_data: what tn_rpc_call_get_user_data() gives the handlers of these rows
 *
 * Adds handlers. Main thread, before the server listens.
 */
void tn_rpc_program_add_handlers(TnRpcProgram *program, const TnRpcHandlerRow *rows, gsize n_rows,
                                 gpointer user_data);

/**
 * tn_rpc_call_get_client:
 * @call: a call
 *
 * Returns: (transfer none): who called.
 */
TnRpcClient *tn_rpc_call_get_client(TnRpcCall *call);

/**
 * tn_rpc_call_get_user_data:
 * @call: a call
 *
 * Returns: what was given to tn_rpc_program_add_handlers() with the handler's row.
 */
gpointer tn_rpc_call_get_user_data(TnRpcCall *call);

/**
 * tn_rpc_call_get_procedure:
 * @call: a call
 *
 * Returns: the procedure's number.
 */
gint32 tn_rpc_call_get_procedure(TnRpcCall *call);

/**
 * tn_rpc_call_get_n_fds:
 * @call: a call
 *
 * Returns: how many descriptors came with the call, at most 32.
 */
guint tn_rpc_call_get_n_fds(TnRpcCall *call);

/**
 * tn_rpc_call_take_fd:
 * @call: a call
 * @index: which descriptor, below tn_rpc_call_get_n_fds()
 *
 * Returns: the descriptor, which is the handler's from now on, or -1 if it was taken before. Those
 *   not taken are closed after the handler.
 */
int tn_rpc_call_take_fd(TnRpcCall *call, guint index);

/**
 * tn_rpc_call_return_fd:
 * @call: a call
 * @fd: (transfer full): a descriptor to send with the reply; at most 32 a call
 *
 * Adds a descriptor to the reply; it is closed once sent, or if the call fails.
 */
void tn_rpc_call_return_fd(TnRpcCall *call, int fd);

/**
 * tn_rpc_call_client_is_gone:
 * @call: a call
 *
 * Returns: TRUE when nobody will read the reply any more, so that a long wait may end early.
 *   Any thread.
 */
gboolean tn_rpc_call_client_is_gone(TnRpcCall *call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnRpcProgram, tn_rpc_program_free)

G_END_DECLS

#endif
