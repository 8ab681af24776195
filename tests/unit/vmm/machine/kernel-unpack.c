/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Payloads packed by the libraries' own encoders, then cut, bent and made to lie. */
#include "vmm/machine/kernel-unpack.h"

#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define UNPACKED_SIZE (9u << 20) /* more than one of LZ4's blocks */
#define LZ4_BLOCK (8u << 20)

typedef void (*Pack)(GByteArray *out, const uint8_t *data, size_t size);

typedef struct Packer {
    const char *name;
    Pack pack;
} Packer;

static void
append32(GByteArray *out, uint32_t value)
{
    uint32_t le = GUINT32_TO_LE(value);

    g_byte_array_append(out, (const guint8 *)&le, sizeof(le));
}

static void
pack_gzip(GByteArray *out, const uint8_t *data, size_t size)
{
    z_stream stream = { .next_in = (z_const Bytef *)data, .avail_in = (uInt)size };

    g_assert_cmpint(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                    ==, Z_OK);
    g_byte_array_set_size(out, (guint)deflateBound(&stream, size));
    stream.next_out = out->data;
    stream.avail_out = out->len;
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    g_byte_array_set_size(out, (guint)stream.total_out);
    (void)deflateEnd(&stream);
}

/* As Linux does: the filter for x86 code first. */
static void
pack_xz(GByteArray *out, const uint8_t *data, size_t size)
{
    lzma_options_lzma options;
    lzma_filter filters[] = {
        { .id = LZMA_FILTER_X86 },
        { .id = LZMA_FILTER_LZMA2, .options = &options },
        { .id = LZMA_VLI_UNKNOWN },
    };
    size_t at = 0;

    g_assert_false(lzma_lzma_preset(&options, 0));
    g_byte_array_set_size(out, (guint)lzma_stream_buffer_bound(size));
    g_assert_cmpint(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, data, size,
                                              out->data, &at, out->len),
                    ==, LZMA_OK);
    g_byte_array_set_size(out, (guint)at);
    append32(out, (uint32_t)size);
}

static void
pack_lz4(GByteArray *out, const uint8_t *data, size_t size)
{
    append32(out, 0x184c2102);
    for (size_t at = 0; at < size; at += LZ4_BLOCK) {
        int n = (int)MIN(size - at, LZ4_BLOCK);
        g_autofree char *block = g_malloc((gsize)LZ4_compressBound(n));
        int packed = LZ4_compress_default((const char *)data + at, block, n,
                                          LZ4_compressBound(n));

        g_assert_cmpint(packed, >, 0);
        append32(out, (uint32_t)packed);
        g_byte_array_append(out, (const guint8 *)block, (guint)packed);
    }
    append32(out, (uint32_t)size);
}

static void
pack_zstd(GByteArray *out, const uint8_t *data, size_t size)
{
    size_t n;

    g_byte_array_set_size(out, (guint)ZSTD_compressBound(size));
    n = ZSTD_compress(out->data, out->len, data, size, 1);
    g_assert_false(ZSTD_isError(n));
    g_byte_array_set_size(out, (guint)n);
    append32(out, (uint32_t)size);
}

static const Packer packers[] = {
    { "gzip", pack_gzip }, { "xz", pack_xz }, { "lz4", pack_lz4 }, { "zstd", pack_zstd },
};

/* Something between noise and zeroes, with calls in it for the filter. */
static uint8_t *
make_data(void)
{
    uint8_t *data = g_malloc0(UNPACKED_SIZE);
    uint32_t seed = 12345;

    for (size_t i = 0; i + 8 < UNPACKED_SIZE; i += 64) {
        seed = seed * 1664525 + 1013904223;
        data[i] = 0xe8;
        memcpy(data + i + 1, &seed, 3);
    }
    return data;
}

static void
test_unpack(gconstpointer packer)
{
    g_autofree uint8_t *data = make_data();
    g_autoptr(GByteArray) payload = g_byte_array_new();
    g_auto(TnScratch) out = { 0 };

    ((const Packer *)packer)->pack(payload, data, UNPACKED_SIZE);
    g_assert_cmpuint(tn_kernel_unpacked_size(payload->data, payload->len), ==, UNPACKED_SIZE);
    g_assert_true(tn_scratch_init(&out, UNPACKED_SIZE));
    g_assert_true(tn_kernel_unpack(payload->data, payload->len, &out));
    g_assert_cmpmem(out.data, out.size, data, UNPACKED_SIZE);
}

/* What it unpacks to must be as long as was said, no shorter and no longer. */
static void
test_other_size(gconstpointer packer)
{
    g_autofree uint8_t *data = make_data();
    g_autoptr(GByteArray) payload = g_byte_array_new();
    g_auto(TnScratch) less = { 0 };
    g_auto(TnScratch) more = { 0 };

    ((const Packer *)packer)->pack(payload, data, UNPACKED_SIZE);
    g_assert_true(tn_scratch_init(&less, UNPACKED_SIZE - 1));
    g_assert_false(tn_kernel_unpack(payload->data, payload->len, &less));
    g_assert_true(tn_scratch_init(&more, UNPACKED_SIZE + 1));
    g_assert_false(tn_kernel_unpack(payload->data, payload->len, &more));
}

/* Cut anywhere or with a bit turned, a payload never writes outside of what it is given. */
static void
test_bent(gconstpointer packer)
{
    g_autofree uint8_t *data = make_data();
    g_autoptr(GByteArray) payload = g_byte_array_new();
    g_auto(TnScratch) out = { 0 };
    const size_t size = 64u << 10;

    ((const Packer *)packer)->pack(payload, data, size);
    g_assert_true(tn_scratch_init(&out, size));
    for (guint len = 0; len < payload->len; len += 1 + len / 16) {
        g_autofree uint8_t *cut = g_memdup2(payload->data, MAX(len, 1));

        g_assert_false(len + 12 < payload->len && tn_kernel_unpack(cut, len, &out));
    }
    for (guint i = 0; i < payload->len; i += 1 + i / 32) {
        payload->data[i] ^= 0x40;
        (void)tn_kernel_unpacked_size(payload->data, payload->len);
        (void)tn_kernel_unpack(payload->data, payload->len, &out);
        payload->data[i] ^= 0x40;
    }
    g_assert_true(tn_kernel_unpack(payload->data, payload->len, &out));
}

static void
test_unknown(void)
{
    const uint8_t bzip2[32] = "BZh91AY&SY";
    g_auto(TnScratch) out = { 0 };

    g_assert_true(tn_scratch_init(&out, 4096));
    g_assert_cmpuint(tn_kernel_unpacked_size(bzip2, sizeof(bzip2)), ==, 0);
    g_assert_false(tn_kernel_unpack(bzip2, sizeof(bzip2), &out));
}

static void
test_size_that_cannot_be(void)
{
    uint8_t payload[32] = { 0x02, 0x21, 0x4c, 0x18 };

    memset(payload + 28, 0xff, 4);
    g_assert_cmpuint(tn_kernel_unpacked_size(payload, sizeof(payload)), ==, 0);
    memset(payload + 28, 0, 4);
    g_assert_cmpuint(tn_kernel_unpacked_size(payload, sizeof(payload)), ==, 0);
    g_assert_cmpuint(tn_kernel_unpacked_size(payload, 3), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(packers); i++) {
        g_autofree char *good = g_strdup_printf("/machine/kernel-unpack/%s", packers[i].name);
        g_autofree char *size = g_strdup_printf("%s/other-size", good);
        g_autofree char *bent = g_strdup_printf("%s/bent", good);

        g_test_add_data_func(good, &packers[i], test_unpack);
        g_test_add_data_func(size, &packers[i], test_other_size);
        g_test_add_data_func(bent, &packers[i], test_bent);
    }
    g_test_add_func("/machine/kernel-unpack/unknown", test_unknown);
    g_test_add_func("/machine/kernel-unpack/size-that-cannot-be", test_size_that_cannot_be);
    return g_test_run();
}
