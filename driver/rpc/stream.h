/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: bytes that flow between a client and a descriptor of ours after a call was answered. */
#ifndef TN_DRIVER_RPC_STREAM_H
#define TN_DRIVER_RPC_STREAM_H

#include <glib.h>

#include "driver/rpc/program.h"

G_BEGIN_DECLS

/**
 * TnRpcStream:
 *
 * A stream under way. Reference counted.
 */
typedef struct TnRpcStream TnRpcStream;

/**
 * TnRpcStreamClosed:
 * @stream: the stream
 * @user_data: from #TnRpcStreamOptions
 *
 * Told once when a stream has ended, in whatever way, its descriptors are closed and nothing of it
 * will be read or written any more. I/O thread: must not block.
 */
typedef void (*TnRpcStreamClosed)(TnRpcStream *stream, gpointer user_data);

/**
 * TnRpcStreamOptions:
 * @read_fd: (transfer full): what is read here goes to the client, -1 for nothing. Its end finishes
 *   the stream in an orderly way
 * @write_fd: (transfer full): what the client sends is written here, -1 for nothing: data is then
 *   an error. May be the same number as @read_fd (a pty, a socket)
 * @closed: (nullable): told when the stream ends
 * @user_data: for @closed
 */
typedef struct {
    int read_fd;
    int write_fd;
    TnRpcStreamClosed closed;
    gpointer user_data;
} TnRpcStreamOptions;

/**
 * tn_rpc_call_open_stream:
 * @call: the call that opens the stream; one stream a call
 * @options: what flows where; the descriptors are taken over also on failure
 * @error: VIR_ERR_INTERNAL_ERROR when the call has a stream already
 *
 * Attaches a stream to the call. Bytes flow once the call's reply has been queued; if the handler
 * fails, or the client already has 64 streams or one of the call's serial, the stream is dropped
 * (and @closed told). Both directions have flow control: a client that does
 * not read stops the reading of @read_fd, a descriptor that takes nothing stops the client.
 *
 * Returns: (transfer full) (nullable): the stream, to be dropped with tn_rpc_stream_unref() once
 *   the caller has no use for tn_rpc_stream_abort(). Handlers only.
 */
TnRpcStream *tn_rpc_call_open_stream(TnRpcCall *call, const TnRpcStreamOptions *options,
                                     GError **error);

/**
 * tn_rpc_stream_abort:
 * @stream: a stream
 * @error: why, as the client will be told
 *
 * Ends a stream from our side, for instance because somebody else took the console by force. Does
 * nothing to a stream that has ended. Any thread; the end follows on the I/O thread.
 */
void tn_rpc_stream_abort(TnRpcStream *stream, const GError *error);

/**
 * tn_rpc_stream_ref:
 * @stream: a stream
 *
 * Returns: (transfer full): @stream. Any thread.
 */
TnRpcStream *tn_rpc_stream_ref(TnRpcStream *stream);

/**
 * tn_rpc_stream_unref:
 * @stream: (nullable) (transfer full): a stream
 *
 * Any thread; the stream itself goes on.
 */
void tn_rpc_stream_unref(TnRpcStream *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnRpcStream, tn_rpc_stream_unref)

G_END_DECLS

#endif
