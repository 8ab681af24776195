/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: incremental decoding with limits, and encoding. See docs/specs/rpc.md. */
#include "driver/rpc/frame.h"

#include <string.h>

#include "driver/rpc/error.h"
#include "driver/rpc/xdr-buffer.h"

/* Most frames are shorter: one allocation does. */
#define FRAME_FIRST_SIZE 256

static guint32
word_at(const guint8 *bytes, gsize index)
{
    guint32 word;

    memcpy(&word, bytes + index * sizeof(word), sizeof(word));
    return GUINT32_FROM_BE(word);
}

static void
put_word(guint8 *bytes, gsize index, guint32 value)
{
    guint32 word = GUINT32_TO_BE(value);

    memcpy(bytes + index * sizeof(word), &word, sizeof(word));
}

void
tn_rpc_decoder_init(TnRpcDecoder *decoder, gsize max_frame)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->max_frame = max_frame;
}

void
tn_rpc_decoder_clear(TnRpcDecoder *decoder)
{
    g_clear_pointer(&decoder->partial, g_byte_array_unref);
    g_clear_pointer(&decoder->held, g_free);
    decoder->input = NULL;
    decoder->input_len = 0;
}

void
tn_rpc_decoder_set_input(TnRpcDecoder *decoder, const guint8 *data, gsize len)
{
    g_assert(decoder->input_len == 0);
    decoder->input = data;
    decoder->input_len = len;
}

gboolean
tn_rpc_decoder_has_input(const TnRpcDecoder *decoder)
{
    return decoder->input_len > 0;
}

void
tn_rpc_decoder_hold(TnRpcDecoder *decoder)
{
    guint8 *copy = NULL;

    if (decoder->input_len > 0) {
        copy = g_memdup2(decoder->input, decoder->input_len);
    }
    g_free(decoder->held);
    decoder->held = copy;
    decoder->input = copy;
}

/* How many bytes the frame that begins with @len known bytes has, its descriptors' bytes included;
 * as much as can be told so far, FALSE when the frame is against the rules. */
static gboolean
measure_frame(const TnRpcDecoder *decoder, const guint8 *bytes, gsize len, gsize *ret_total,
              guint *ret_n_fds, GError **error)
{
    gsize length;
    guint n_fds = 0;
    gboolean with_fds;

    *ret_n_fds = 0;
    if (len < TN_RPC_FRAME_LENGTH_SIZE) {
        *ret_total = TN_RPC_FRAME_LENGTH_SIZE;
        return TRUE;
    }
    length = word_at(bytes, 0);
    if (length < TN_RPC_FRAME_HEADER_SIZE || length > decoder->max_frame) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC,
                    "packet of %" G_GSIZE_FORMAT " bytes is not between %d and %" G_GSIZE_FORMAT,
                    length, TN_RPC_FRAME_HEADER_SIZE, decoder->max_frame);
        return FALSE;
    }
    *ret_total = length;
    if (len < TN_RPC_FRAME_HEADER_SIZE) {
        return TRUE;
    }
    with_fds = word_at(bytes, 4) == TN_RPC_TYPE_CALL_WITH_FDS ||
               word_at(bytes, 4) == TN_RPC_TYPE_REPLY_WITH_FDS;
    if (!with_fds) {
        return TRUE;
    }
    if (length < TN_RPC_FRAME_HEADER_SIZE + 4) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC,
                    "packet with descriptors does not say how many");
        return FALSE;
    }
    if (len < TN_RPC_FRAME_HEADER_SIZE + 4) {
        return TRUE;
    }
    n_fds = word_at(bytes, 7);
    if (n_fds > TN_RPC_FRAME_FDS_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC,
                    "packet with %u descriptors, at most %d are possible", n_fds,
                    TN_RPC_FRAME_FDS_MAX);
        return FALSE;
    }
    *ret_total = length + n_fds;
    *ret_n_fds = n_fds;
    return TRUE;
}

static void
fill_frame(const guint8 *bytes, guint n_fds, TnRpcFrame *ret_frame)
{
    gsize header_size = TN_RPC_FRAME_HEADER_SIZE;

    ret_frame->header.program = word_at(bytes, 1);
    ret_frame->header.version = word_at(bytes, 2);
    ret_frame->header.procedure = (gint32)word_at(bytes, 3);
    ret_frame->header.type = (gint32)word_at(bytes, 4);
    ret_frame->header.serial = word_at(bytes, 5);
    ret_frame->header.status = (gint32)word_at(bytes, 6);
    if (ret_frame->header.type == TN_RPC_TYPE_CALL_WITH_FDS ||
        ret_frame->header.type == TN_RPC_TYPE_REPLY_WITH_FDS) {
        header_size += 4;
    }
    ret_frame->n_fds = n_fds;
    ret_frame->raw = bytes;
    ret_frame->raw_len = word_at(bytes, 0);
    ret_frame->payload = bytes + header_size;
    ret_frame->payload_len = ret_frame->raw_len - header_size;
}

static void
consume(TnRpcDecoder *decoder, gsize n)
{
    decoder->input += n;
    decoder->input_len -= n;
}

/* Goes on with a frame of which a first piece lies in decoder->partial. */
static TnRpcDecodeResult
continue_partial(TnRpcDecoder *decoder, TnRpcFrame *ret_frame, GError **error)
{
    for (;;) {
        gsize total = 0;
        gsize n;
        guint n_fds = 0;

        if (!measure_frame(decoder, decoder->partial->data, decoder->partial->len, &total, &n_fds,
                           error)) {
            return TN_RPC_DECODE_ERROR;
        }
        if (decoder->partial->len >= TN_RPC_FRAME_HEADER_SIZE && decoder->partial->len == total) {
            decoder->partial_out = TRUE;
            fill_frame(decoder->partial->data, n_fds, ret_frame);
            return TN_RPC_DECODE_FRAME;
        }
        if (decoder->input_len == 0) {
            return TN_RPC_DECODE_MORE;
        }
        /* The header comes first: what it says decides how much more belongs to this frame. */
        if (decoder->partial->len < TN_RPC_FRAME_LENGTH_SIZE) {
            n = TN_RPC_FRAME_LENGTH_SIZE - decoder->partial->len;
        } else if (decoder->partial->len < TN_RPC_FRAME_HEADER_SIZE + 4) {
            n = MIN(TN_RPC_FRAME_HEADER_SIZE + 4, total) - decoder->partial->len;
        } else {
            n = total - decoder->partial->len;
        }
        n = MIN(n, decoder->input_len);
        g_byte_array_append(decoder->partial, decoder->input, n);
        consume(decoder, n);
    }
}

TnRpcDecodeResult
tn_rpc_decoder_next(TnRpcDecoder *decoder, TnRpcFrame *ret_frame, GError **error)
{
    TnRpcDecodeResult result;
    gsize total = 0;
    guint n_fds = 0;

    if (decoder->partial_out) {
        decoder->partial_out = FALSE;
        g_clear_pointer(&decoder->partial, g_byte_array_unref);
    }
    if (decoder->partial != NULL) {
        result = continue_partial(decoder, ret_frame, error);
    } else if (decoder->input_len == 0) {
        result = TN_RPC_DECODE_MORE;
    } else if (!measure_frame(decoder, decoder->input, decoder->input_len, &total, &n_fds,
                              error)) {
        result = TN_RPC_DECODE_ERROR;
    } else if (decoder->input_len >= total && total >= TN_RPC_FRAME_HEADER_SIZE) {
        fill_frame(decoder->input, n_fds, ret_frame);
        consume(decoder, total);
        result = TN_RPC_DECODE_FRAME;
    } else {
        decoder->partial = g_byte_array_new();
        g_byte_array_append(decoder->partial, decoder->input, decoder->input_len);
        consume(decoder, decoder->input_len);
        result = TN_RPC_DECODE_MORE;
    }
    if (result == TN_RPC_DECODE_MORE) {
        g_clear_pointer(&decoder->held, g_free);
    }
    return result;
}

static GByteArray *
begin_frame(const TnRpcHeader *header, gsize payload_hint)
{
    GByteArray *frame = g_byte_array_sized_new(TN_RPC_FRAME_HEADER_SIZE + payload_hint);

    g_byte_array_set_size(frame, TN_RPC_FRAME_HEADER_SIZE);
    put_word(frame->data, 1, header->program);
    put_word(frame->data, 2, header->version);
    put_word(frame->data, 3, (guint32)header->procedure);
    put_word(frame->data, 4, (guint32)header->type);
    put_word(frame->data, 5, header->serial);
    put_word(frame->data, 6, (guint32)header->status);
    return frame;
}

GByteArray *
tn_rpc_frame_encode(const TnRpcHeader *header, TnRpcPayload payload, const void *data, guint n_fds,
                    GError **error)
{
    g_autoptr(GByteArray) frame = begin_frame(header, FRAME_FIRST_SIZE);

    if (header->type == TN_RPC_TYPE_CALL_WITH_FDS || header->type == TN_RPC_TYPE_REPLY_WITH_FDS) {
        guint8 count[4];

        put_word(count, 0, n_fds);
        g_byte_array_append(frame, count, sizeof(count));
    }
    if (payload.filter != NULL) {
        XDR xdrs;

        tn_xdr_buffer_init(&xdrs, frame, TN_RPC_FRAME_MAX);
        if (!payload.filter(&xdrs, data)) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC, "Unable to encode message payload");
            return NULL;
        }
    }
    put_word(frame->data, 0, frame->len);
    return g_steal_pointer(&frame);
}

GByteArray *
tn_rpc_frame_encode_raw(const TnRpcHeader *header, const void *data, gsize len)
{
    GByteArray *frame = begin_frame(header, len);

    g_assert(len <= TN_RPC_FRAME_MAX - TN_RPC_FRAME_HEADER_SIZE);
    if (len > 0) {
        g_byte_array_append(frame, data, len);
    }
    put_word(frame->data, 0, frame->len);
    return frame;
}

GByteArray *
tn_rpc_frame_encode_error(const TnRpcHeader *header, const GError *error)
{
    TnRpcPayload payload = { (xdrproc_t)xdr_TnRpcWireError, sizeof(TnRpcWireError) };
    TnRpcHeader error_header = *header;
    TnRpcWireError wire = { 0 };
    GByteArray *frame;

    error_header.status = TN_RPC_STATUS_ERROR;
    tn_rpc_error_to_wire(error, &wire);
    frame = tn_rpc_frame_encode(&error_header, payload, &wire, 0, NULL);
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
    /* An error's text is cut to what a string may hold, so that there is nothing left to fail. */
    g_assert(frame != NULL);
    return frame;
}

gboolean
tn_rpc_frame_decode_payload(const TnRpcFrame *frame, TnRpcPayload payload, void *ret_data,
                            GError **error)
{
    XDR xdrs;

    if (payload.filter == NULL) {
        return TRUE;
    }
    xdrmem_create(&xdrs, (char *)frame->payload, (u_int)frame->payload_len, XDR_DECODE);
    if (!payload.filter(&xdrs, ret_data)) {
        xdr_free(payload.filter, ret_data);
        memset(ret_data, 0, payload.size);
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC, "Unable to decode message payload");
        return FALSE;
    }
    return TRUE;
}
