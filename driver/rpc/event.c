/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: messages the daemon sends to a client that asked for them. */
#include "driver/error.h"
#include "driver/rpc/server-private.h"

void
tn_rpc_client_send_event(TnRpcClient *client, guint32 program, gint32 procedure,
                         const void *message)
{
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(program, procedure);
    g_autoptr(GError) error = NULL;
    TnRpcHeader header = {
        .program = program,
        .version = TN_RPC_PROGRAM_VERSION,
        .procedure = procedure,
        .type = TN_RPC_TYPE_MESSAGE,
        .status = TN_RPC_STATUS_OK,
    };
    GByteArray *frame;

    g_return_if_fail(proc != NULL && (proc->flags & TN_RPC_PROC_EVENT));
    if (g_atomic_int_get(&client->gone)) {
        return;
    }
    frame = tn_rpc_frame_encode(&header, proc->args, message, 0, &error);
    if (frame == NULL) {
        g_warning("event %s: %s", proc->name, error->message);
        return;
    }
    tn_rpc_client_queue(client, frame, NULL);
    if (tn_rpc_client_unsent(client) > TN_RPC_CLIENT_UNSENT_MAX) {
        g_message("client %" G_GUINT64_FORMAT ": it leaves %d bytes of events unread, closing",
                  client->id, TN_RPC_CLIENT_UNSENT_MAX);
        tn_rpc_client_close(client);
    }
}
