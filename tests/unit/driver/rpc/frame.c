/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: taken apart wherever they are cut, measured against every limit, put together exactly. */
#include <string.h>

#include "driver/error.h"
#include "driver/rpc/error.h"
#include "driver/rpc/frame.h"
#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/xdr-buffer.h"

/* A call of procedure 3 with four bytes of payload. */
static const guint8 call[] = {
    0x00, 0x00, 0x00, 0x20, /* length: 32 */
    0x20, 0x00, 0x80, 0x86, /* program */
    0x00, 0x00, 0x00, 0x01, /* version */
    0x00, 0x00, 0x00, 0x03, /* procedure */
    0x00, 0x00, 0x00, 0x00, /* type: call */
    0x00, 0x00, 0x00, 0x2a, /* serial */
    0x00, 0x00, 0x00, 0x00, /* status: ok */
    0xde, 0xad, 0xbe, 0xef, /* payload */
};

static void
check_call(const TnRpcFrame *frame)
{
    g_assert_cmpuint(frame->header.program, ==, TN_RPC_PROGRAM_REMOTE);
    g_assert_cmpuint(frame->header.version, ==, 1);
    g_assert_cmpint(frame->header.procedure, ==, 3);
    g_assert_cmpint(frame->header.type, ==, TN_RPC_TYPE_CALL);
    g_assert_cmpuint(frame->header.serial, ==, 42);
    g_assert_cmpint(frame->header.status, ==, TN_RPC_STATUS_OK);
    g_assert_cmpuint(frame->n_fds, ==, 0);
    g_assert_cmpmem(frame->payload, frame->payload_len, call + 28, 4);
    g_assert_cmpmem(frame->raw, frame->raw_len, call, sizeof(call));
}

static void
test_whole(void)
{
    TnRpcDecoder decoder;
    TnRpcFrame frame;

    tn_rpc_decoder_init(&decoder, 1024);
    tn_rpc_decoder_set_input(&decoder, call, sizeof(call));
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_FRAME);
    check_call(&frame);
    /* It lies where it arrived. */
    g_assert_true(frame.raw == call);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_MORE);
    tn_rpc_decoder_clear(&decoder);
}

static void
test_cut_anywhere(void)
{
    for (gsize cut = 1; cut < sizeof(call); cut++) {
        TnRpcDecoder decoder;
        TnRpcFrame frame;

        tn_rpc_decoder_init(&decoder, 1024);
        tn_rpc_decoder_set_input(&decoder, call, cut);
        g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_MORE);
        tn_rpc_decoder_set_input(&decoder, call + cut, sizeof(call) - cut);
        g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_FRAME);
        check_call(&frame);
        g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_MORE);
        tn_rpc_decoder_clear(&decoder);
    }
}

static void
test_joined_and_cut(void)
{
    guint8 three[3 * sizeof(call)];

    for (guint i = 0; i < 3; i++) {
        memcpy(three + i * sizeof(call), call, sizeof(call));
    }
    for (gsize piece = 1; piece <= sizeof(three); piece++) {
        TnRpcDecoder decoder;
        TnRpcFrame frame;
        guint n = 0;

        tn_rpc_decoder_init(&decoder, 1024);
        for (gsize at = 0; at < sizeof(three); at += piece) {
            tn_rpc_decoder_set_input(&decoder, three + at, MIN(piece, sizeof(three) - at));
            while (tn_rpc_decoder_next(&decoder, &frame, NULL) == TN_RPC_DECODE_FRAME) {
                check_call(&frame);
                n++;
            }
        }
        g_assert_cmpuint(n, ==, 3);
        tn_rpc_decoder_clear(&decoder);
    }
}

static void
test_hold(void)
{
    guint8 *buffer = g_malloc(2 * sizeof(call) + 5);
    TnRpcDecoder decoder;
    TnRpcFrame frame;

    memcpy(buffer, call, sizeof(call));
    memcpy(buffer + sizeof(call), call, sizeof(call));
    memcpy(buffer + 2 * sizeof(call), call, 5);
    tn_rpc_decoder_init(&decoder, 1024);
    tn_rpc_decoder_set_input(&decoder, buffer, 2 * sizeof(call) + 5);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_FRAME);
    tn_rpc_decoder_hold(&decoder);
    memset(buffer, 0xff, 2 * sizeof(call) + 5);
    g_free(buffer);
    g_assert_true(tn_rpc_decoder_has_input(&decoder));
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_FRAME);
    check_call(&frame);
    tn_rpc_decoder_hold(&decoder);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_MORE);
    tn_rpc_decoder_set_input(&decoder, call + 5, sizeof(call) - 5);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_FRAME);
    check_call(&frame);
    tn_rpc_decoder_clear(&decoder);
}

static void
check_refused(guint32 length, gsize max_frame, gboolean refused)
{
    guint32 word = GUINT32_TO_BE(length);
    g_autoptr(GError) error = NULL;
    TnRpcDecoder decoder;
    TnRpcFrame frame;

    tn_rpc_decoder_init(&decoder, max_frame);
    tn_rpc_decoder_set_input(&decoder, (const guint8 *)&word, sizeof(word));
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, &error), ==,
                    refused ? TN_RPC_DECODE_ERROR : TN_RPC_DECODE_MORE);
    if (refused) {
        g_assert_error(error, TN_VIR_ERROR, VIR_ERR_RPC);
    }
    tn_rpc_decoder_clear(&decoder);
}

static void
test_length_limits(void)
{
    check_refused(0, 1024, TRUE);
    check_refused(27, 1024, TRUE);
    check_refused(28, 1024, FALSE);
    check_refused(1024, 1024, FALSE);
    check_refused(1025, 1024, TRUE);
    check_refused(0xffffffff, TN_RPC_FRAME_MAX, TRUE);
}

/* A frame with @n_fds descriptors, of which the bytes that carry them follow. */
static GByteArray *
frame_with_fds(guint32 n_fds)
{
    TnRpcHeader header = { TN_RPC_PROGRAM_REMOTE, 1, 343, TN_RPC_TYPE_CALL_WITH_FDS, 42, 0 };
    TnRpcPayload none = { 0 };

    return tn_rpc_frame_encode(&header, none, NULL, n_fds, NULL);
}

static void
test_waits_for_descriptors(void)
{
    g_autoptr(GByteArray) bytes = frame_with_fds(2);
    TnRpcDecoder decoder;
    TnRpcFrame frame;

    tn_rpc_decoder_init(&decoder, 1024);
    tn_rpc_decoder_set_input(&decoder, bytes->data, bytes->len);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_MORE);
    tn_rpc_decoder_set_input(&decoder, (const guint8 *)"", 1);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_MORE);
    tn_rpc_decoder_set_input(&decoder, (const guint8 *)"", 1);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, NULL), ==, TN_RPC_DECODE_FRAME);
    g_assert_cmpuint(frame.n_fds, ==, 2);
    g_assert_cmpuint(frame.payload_len, ==, 0);
    g_assert_cmpuint(frame.raw_len, ==, 32);
    tn_rpc_decoder_clear(&decoder);
}

static void
test_descriptor_limit(void)
{
    g_autoptr(GByteArray) bytes = frame_with_fds(33);
    g_autoptr(GError) error = NULL;
    TnRpcDecoder decoder;
    TnRpcFrame frame;

    tn_rpc_decoder_init(&decoder, 1024);
    tn_rpc_decoder_set_input(&decoder, bytes->data, bytes->len);
    g_assert_cmpint(tn_rpc_decoder_next(&decoder, &frame, &error), ==, TN_RPC_DECODE_ERROR);
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_RPC);
    tn_rpc_decoder_clear(&decoder);
}

static void
test_encode_bytes(void)
{
    static const guint8 expected[] = {
        0x00, 0x00, 0x00, 0x40, 0x20, 0x00, 0x80, 0x86, 0x00, 0x00, 0x00, 0x01,
        0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07,
        0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x01, 'g',  0x00, 0x00, 0x00, /* name */
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, /* uuid */
        0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
        0xff, 0xff, 0xff, 0xff,                         /* id: -1, not running */
        0x00, 0x00, 0x00, 0x04, '<',  'm',  '/',  '>',  /* XML */
    };
    TnRpcHeader header = { TN_RPC_PROGRAM_REMOTE, 1, 8, TN_RPC_TYPE_CALL, 7, 0 };
    TnRpcDomainAttachDeviceArgs args = {
        .dom = { .name = (char *)"g", .id = -1 }, .xml = (char *)"<m/>"
    };
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, 8);
    g_autoptr(GByteArray) frame = NULL;

    for (guint i = 0; i < 16; i++) {
        args.dom.uuid[i] = (char)i;
    }
    frame = tn_rpc_frame_encode(&header, proc->args, &args, 0, NULL);
    g_assert_cmpmem(frame->data, frame->len, expected, sizeof(expected));
}

static void
test_encode_null_string(void)
{
    TnRpcHeader header = { TN_RPC_PROGRAM_REMOTE, 1, 8, TN_RPC_TYPE_CALL, 7, 0 };
    TnRpcDomainAttachDeviceArgs args = { .dom = { .name = NULL } };
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_rpc_frame_encode(&header,
                                      tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, 8)->args,
                                      &args, 0, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_RPC);
}

static void
test_encode_beyond_limit(void)
{
    g_autoptr(GByteArray) array = g_byte_array_new();
    char text[] = "0123456789";
    char *string = text;
    XDR xdrs;

    tn_xdr_buffer_init(&xdrs, array, 15);
    g_assert_false(xdr_TnRpcString(&xdrs, &string));
    g_byte_array_set_size(array, 0);
    tn_xdr_buffer_init(&xdrs, array, 16);
    g_assert_true(xdr_TnRpcString(&xdrs, &string));
    g_assert_cmpuint(array->len, ==, 16);
}

/* Every row's filters take apart what they put together, and refuse every shorter beginning. */
static void
test_zeroed_payloads_round_trip(void)
{
    for (gint32 i = 0; i < (gint32)tn_rpc_proc_table_length(TN_RPC_PROGRAM_REMOTE); i++) {
        const TnRpcProc *proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, i);
        TnRpcFrame frame = { 0 };
        g_autofree guint8 *noise = g_malloc0(4096);
        g_autofree guint8 *data = NULL;

        if (proc == NULL || proc->args.filter == NULL) {
            continue;
        }
        /* Zeroes decode as empty strings, empty lists and absent options; a union has no type 0. */
        data = g_malloc0(proc->args.size);
        frame.payload = noise;
        frame.payload_len = 4096;
        if (tn_rpc_frame_decode_payload(&frame, proc->args, data, NULL)) {
            xdr_free(proc->args.filter, data);
        }
        memset(data, 0, proc->args.size);
        frame.payload_len = 3;
        g_assert_false(tn_rpc_frame_decode_payload(&frame, proc->args, data, NULL));
    }
}

/* Random bytes never crash a filter nor leave something behind. */
static void
test_random_payloads(void)
{
    guint8 noise[512];

    for (guint round = 0; round < 20000; round++) {
        gint32 number = g_test_rand_int_range(1, 454);
        const TnRpcProc *proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, number);
        TnRpcFrame frame = { .payload = noise,
                             .payload_len = (gsize)g_test_rand_int_range(0, sizeof(noise)) };
        g_autofree guint8 *data = NULL;

        if (proc->args.filter == NULL) {
            continue;
        }
        for (guint i = 0; i < sizeof(noise); i++) {
            /* Small numbers make lengths that are believed. */
            noise[i] = i % 4 == 3 ? (guint8)g_test_rand_int_range(0, 24)
                                  : (guint8)(g_test_rand_int_range(0, 40) == 0);
        }
        data = g_malloc0(proc->args.size);
        if (tn_rpc_frame_decode_payload(&frame, proc->args, data, NULL)) {
            xdr_free(proc->args.filter, data);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/frame/whole", test_whole);
    g_test_add_func("/rpc/frame/cut-anywhere", test_cut_anywhere);
    g_test_add_func("/rpc/frame/joined-and-cut", test_joined_and_cut);
    g_test_add_func("/rpc/frame/hold", test_hold);
    g_test_add_func("/rpc/frame/length-limits", test_length_limits);
    g_test_add_func("/rpc/frame/waits-for-descriptors", test_waits_for_descriptors);
    g_test_add_func("/rpc/frame/descriptor-limit", test_descriptor_limit);
    g_test_add_func("/rpc/frame/encode-bytes", test_encode_bytes);
    g_test_add_func("/rpc/frame/encode-null-string", test_encode_null_string);
    g_test_add_func("/rpc/frame/encode-beyond-limit", test_encode_beyond_limit);
    g_test_add_func("/rpc/frame/zeroed-payloads", test_zeroed_payloads_round_trip);
    g_test_add_func("/rpc/frame/random-payloads", test_random_payloads);
    return g_test_run();
}
