/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: the unit that travels on a connection; taken apart as bytes arrive, and put together. */
#ifndef TN_DRIVER_RPC_FRAME_H
#define TN_DRIVER_RPC_FRAME_H

#include <glib.h>

#include "driver/rpc/proc-table.h"

G_BEGIN_DECLS

/** TN_RPC_FRAME_LENGTH_SIZE: bytes of the length word, which counts itself. */
#define TN_RPC_FRAME_LENGTH_SIZE 4
/** TN_RPC_FRAME_HEADER_SIZE: bytes before the payload, the length word included. */
#define TN_RPC_FRAME_HEADER_SIZE 28
/**
 * TN_RPC_FRAME_MAX: longest frame, the length word included, as stock peers have it: 32 MiB and
 * the length word.
 */
#define TN_RPC_FRAME_MAX (33554432 + TN_RPC_FRAME_LENGTH_SIZE)
/** TN_RPC_FRAME_ANONYMOUS_MAX: longest frame of a client that has yet to authenticate. */
#define TN_RPC_FRAME_ANONYMOUS_MAX 65536
/** TN_RPC_FRAME_FDS_MAX: most descriptors with one frame. */
#define TN_RPC_FRAME_FDS_MAX 32

/** TnRpcType: the `type` of a frame. */
typedef enum {
    TN_RPC_TYPE_CALL = 0,           /**< client to server: please do */
    TN_RPC_TYPE_REPLY = 1,          /**< server to client: done */
    TN_RPC_TYPE_MESSAGE = 2,        /**< either way, no answer: an event, a ping */
    TN_RPC_TYPE_STREAM = 3,         /**< either way: bytes of a stream */
    TN_RPC_TYPE_CALL_WITH_FDS = 4,  /**< a call, descriptors follow */
    TN_RPC_TYPE_REPLY_WITH_FDS = 5, /**< a reply, descriptors follow */
    TN_RPC_TYPE_STREAM_HOLE = 6,    /**< either way: a run of zeroes of a stream */
} TnRpcType;

/** TnRpcStatus: the `status` of a frame. */
typedef enum {
    TN_RPC_STATUS_OK = 0,       /**< a reply with its result; a stream's orderly end */
    TN_RPC_STATUS_ERROR = 1,    /**< the payload is an error; in a stream: aborted */
    TN_RPC_STATUS_CONTINUE = 2, /**< a stream goes on */
} TnRpcStatus;

/**
 * TnRpcHeader:
 * @program: program number
 * @version: program version
 * @procedure: procedure number
 * @type: a #TnRpcType, or anything else a peer makes up
 * @serial: pairs replies with calls; chosen by the caller
 * @status: a #TnRpcStatus, or anything else
 */
typedef struct {
    guint32 program;
    guint32 version;
    gint32 procedure;
    gint32 type;
    guint32 serial;
    gint32 status;
} TnRpcHeader;

/**
 * TnRpcFrame:
 * @header: the header
 * @n_fds: how many descriptors came with it
 * @payload: what follows the header (and the count of descriptors); not aligned
 * @payload_len: its bytes
 * @raw: the whole frame from the length word on
 * @raw_len: its bytes
 *
 * A frame as it lies in the decoder's input; valid until the decoder is used again.
 */
typedef struct {
    TnRpcHeader header;
    guint n_fds;
    const guint8 *payload;
    gsize payload_len;
    const guint8 *raw;
    gsize raw_len;
} TnRpcFrame;

/** TnRpcDecodeResult: what tn_rpc_decoder_next() found. */
typedef enum {
    TN_RPC_DECODE_MORE,  /**< nothing whole is left; the input has been kept */
    TN_RPC_DECODE_FRAME, /**< a frame */
    TN_RPC_DECODE_ERROR, /**< the peer does not speak the protocol */
} TnRpcDecodeResult;

/**
 * TnRpcDecoder:
 *
 * Takes frames out of a flow of bytes. A frame that lies whole in the input is not copied; one that
 * comes in pieces is gathered in memory that grows with what has arrived, never with what was
 * announced.  * Initialize with tn_rpc_decoder_init().
 */
typedef struct {
    gsize max_frame;      /* longest frame accepted */
    const guint8 *input;  /* what is left of the input */
    gsize input_len;
    GByteArray *partial;  /* the beginning of a frame whose end has yet to arrive, or NULL */
    gboolean partial_out; /* partial is whole and was given out */
    guint8 *held;         /* input kept by tn_rpc_decoder_hold(), or NULL */
} TnRpcDecoder;

/**
 * tn_rpc_decoder_init:
 * @decoder: the decoder
 * @max_frame: longest frame accepted, in bytes
 */
void tn_rpc_decoder_init(TnRpcDecoder *decoder, gsize max_frame);

/**
 * tn_rpc_decoder_clear:
 * @decoder: a decoder
 *
 * Frees what it has gathered.
 */
void tn_rpc_decoder_clear(TnRpcDecoder *decoder);

/**
 * tn_rpc_decoder_set_input:
 * @decoder: a decoder whose last input is used up (tn_rpc_decoder_next() said
 *   %TN_RPC_DECODE_MORE)
 * @data: bytes that arrived; must stay in place until they are used up or held
 * @len: how many
 */
void tn_rpc_decoder_set_input(TnRpcDecoder *decoder, const guint8 *data, gsize len);

/**
 * tn_rpc_decoder_next:
 * @decoder: a decoder
 * @ret_frame: (out): the frame
 * @error: VIR_ERR_RPC, saying what is wrong with the frame
 *
 * Takes the next frame out of the input. A frame of type %TN_RPC_TYPE_CALL_WITH_FDS or
 * %TN_RPC_TYPE_REPLY_WITH_FDS is given out when the bytes that carry its descriptors have arrived.
 *
 * Returns: what was found; after %TN_RPC_DECODE_ERROR the connection is of no more use.
 */
TnRpcDecodeResult tn_rpc_decoder_next(TnRpcDecoder *decoder, TnRpcFrame *ret_frame, GError **error);

/**
 * tn_rpc_decoder_hold:
 * @decoder: a decoder
 *
 * Copies what is left of the input, because the caller's buffer is needed for something else and
 * the frames in it cannot be worked on yet.
 */
void tn_rpc_decoder_hold(TnRpcDecoder *decoder);

/**
 * tn_rpc_decoder_has_input:
 * @decoder: a decoder
 *
 * Returns: TRUE when tn_rpc_decoder_next() may find something without new input.
 */
gboolean tn_rpc_decoder_has_input(const TnRpcDecoder *decoder);

/**
 * tn_rpc_frame_encode:
 * @header: the header
 * @payload: the payload's filter, or a zeroed one for none
 * @data: (nullable): what @payload's filter encodes
 * @n_fds: how many descriptors will follow; counted in the frame when @header's type is one with
 *   descriptors
 * @error: VIR_ERR_RPC when @data cannot be encoded or is too long
 *
 * Returns: (transfer full) (nullable): the frame's bytes.
 */
GByteArray *tn_rpc_frame_encode(const TnRpcHeader *header, TnRpcPayload payload, const void *data,
                                guint n_fds, GError **error);

/**
 * tn_rpc_frame_encode_raw:
 * @header: the header
 * @data: (nullable): payload that is encoded already
 * @len: its bytes; together with the header at most %TN_RPC_FRAME_MAX
 *
 * Returns: (transfer full): the frame's bytes.
 */
GByteArray *tn_rpc_frame_encode_raw(const TnRpcHeader *header, const void *data, gsize len);

/**
 * tn_rpc_frame_encode_error:
 * @header: the header; its status is taken as %TN_RPC_STATUS_ERROR
 * @error: what went wrong
 *
 * Returns: (transfer full): the frame's bytes.
 */
GByteArray *tn_rpc_frame_encode_error(const TnRpcHeader *header, const GError *error);

/**
 * tn_rpc_frame_decode_payload:
 * @frame: a frame
 * @payload: the filter and size
 * @ret_data: zeroed memory of @payload's size; on failure nothing is left in it to free
 * @error: VIR_ERR_RPC
 *
 * Returns: TRUE when the payload could be decoded. Bytes beyond it are ignored, as stock peers do.
 */
gboolean tn_rpc_frame_decode_payload(const TnRpcFrame *frame, TnRpcPayload payload, void *ret_data,
                                     GError **error);

G_END_DECLS

#endif
