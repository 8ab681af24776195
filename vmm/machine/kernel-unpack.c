/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compressed payload of a bzImage: Linux's Documentation/x86/boot.rst
 * (payload_offset, payload_length) says where it is; its first bytes say how it is
 * compressed, its last four how long it is unpacked, little endian.
 */
#include "vmm/machine/kernel-unpack.h"

#include <dlfcn.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#define SIZE_BYTES 4u
/* Linux compresses with dictionaries of up to 128 MiB. */
#define XZ_MEMORY_LIMIT (UINT64_C(192) << 20)
/* The old form of LZ4's files, lz4_Frame_format.md, "Legacy frame". */
#define LZ4_MAGIC 0x184c2102u
#define LZ4_BLOCK_MAX (8u << 20)

typedef struct Format Format;
typedef bool (*Unpack)(const Format *format, const uint8_t *payload, size_t size, TnScratch *out);

/* Libraries are loaded when a payload needs one: most starts need none (kernel-image.h), and
 * loading all four was a good part of what such a start did. */
struct Format {
    uint8_t magic[6];
    uint8_t magic_size;
    const char *library;
    Unpack unpack;
};

static uint32_t
get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool
tn_scratch_init(TnScratch *scratch, size_t size)
{
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (data == MAP_FAILED) {
        return false;
    }
    (void)madvise(data, size, MADV_HUGEPAGE);
    *scratch = (TnScratch){ .data = data, .size = size };
    return true;
}

void
tn_scratch_clear(TnScratch *scratch)
{
    if (scratch->data) {
        (void)munmap(scratch->data, scratch->size);
        *scratch = (TnScratch){ 0 };
    }
}

/* Once loaded a library stays. NULL: it is not installed. */
static void *
load_library(const Format *format)
{
    return dlopen(format->library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

/* Sets *@ret_function, a pointer to a function of the right type. */
static bool
find_function(const Format *format, const char *name, void *ret_function)
{
    void *library = load_library(format);
    void *symbol = library ? dlsym(library, name) : NULL;

    if (library) {
        (void)dlclose(library);
    }
    memcpy(ret_function, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* The size at its end is a part of the format. */
static bool
unpack_gzip(const Format *format, const uint8_t *payload, size_t size, TnScratch *out)
{
    __typeof__(inflateInit2_) *init;
    __typeof__(inflate) *run;
    __typeof__(inflateEnd) *end;
    z_stream stream = { .next_in = (z_const Bytef *)payload, .avail_in = (uInt)size,
                        .next_out = out->data, .avail_out = (uInt)out->size };
    const int gzip_window = 16 + MAX_WBITS;
    int status;

    if (!find_function(format, "inflateInit2_", &init) ||
        !find_function(format, "inflate", &run) || !find_function(format, "inflateEnd", &end) ||
        init(&stream, gzip_window, ZLIB_VERSION, (int)sizeof(stream)) != Z_OK) {
        return false;
    }
    status = run(&stream, Z_FINISH);
    (void)end(&stream);
    return status == Z_STREAM_END && stream.avail_out == 0;
}

/* The filter for x86 code that Linux puts before LZMA2 is liblzma's to undo. */
static bool
unpack_xz(const Format *format, const uint8_t *payload, size_t size, TnScratch *out)
{
    __typeof__(lzma_stream_buffer_decode) *decode;
    uint64_t limit = XZ_MEMORY_LIMIT;
    size_t in_at = 0, out_at = 0;

    return find_function(format, "lzma_stream_buffer_decode", &decode) &&
           decode(&limit, 0, NULL, payload, &in_at, size - SIZE_BYTES, out->data, &out_at,
                  out->size) == LZMA_OK &&
           out_at == out->size;
}

static bool
unpack_zstd(const Format *format, const uint8_t *payload, size_t size, TnScratch *out)
{
    __typeof__(ZSTD_decompress) *decompress;

    return find_function(format, "ZSTD_decompress", &decompress) &&
           decompress(out->data, out->size, payload, size - SIZE_BYTES) == out->size;
}

/* A magic number, then blocks: their packed size and as much data. */
static bool
unpack_lz4(const Format *format, const uint8_t *payload, size_t size, TnScratch *out)
{
    __typeof__(LZ4_decompress_safe) *decompress;
    size_t at = sizeof(uint32_t), end = size - SIZE_BYTES;
    size_t done = 0;

    if (!find_function(format, "LZ4_decompress_safe", &decompress)) {
        return false;
    }

    while (done < out->size) {
        uint32_t packed;
        int n;

        if (end - at < sizeof(packed)) {
            return false;
        }
        packed = get32(payload + at);
        at += sizeof(packed);
        if (packed == LZ4_MAGIC) {
            continue; /* one file behind the other */
        }
        if (packed > end - at) {
            return false;
        }
        n = decompress((const char *)payload + at, (char *)out->data + done, (int)packed,
                       (int)MIN(out->size - done, LZ4_BLOCK_MAX));
        if (n <= 0) {
            return false;
        }
        at += packed;
        done += (size_t)n;
    }
    return true;
}

static const Format formats[] = {
    { { 0x1f, 0x8b }, 2, "libz.so.1", unpack_gzip },
    { { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, 6, "liblzma.so.5", unpack_xz },
    { { 0x02, 0x21, 0x4c, 0x18 }, 4, "liblz4.so.1", unpack_lz4 },
    { { 0x28, 0xb5, 0x2f, 0xfd }, 4, "libzstd.so.1", unpack_zstd },
};

static const Format *
find_format(const uint8_t *payload, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (size >= sizeof(formats[i].magic) + SIZE_BYTES &&
            memcmp(payload, formats[i].magic, formats[i].magic_size) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}

size_t
tn_kernel_unpacked_size(const uint8_t *payload, size_t size)
{
    const Format *format = size <= TN_UNPACKED_MAX ? find_format(payload, size) : NULL;
    uint32_t unpacked;

    if (!format || !load_library(format)) {
        return 0;
    }
    unpacked = get32(payload + size - SIZE_BYTES);
    return unpacked <= TN_UNPACKED_MAX ? unpacked : 0;
}

bool
tn_kernel_unpack(const uint8_t *payload, size_t size, TnScratch *out)
{
    const Format *format = size <= TN_UNPACKED_MAX ? find_format(payload, size) : NULL;

    return format && format->unpack(format, payload, size, out);
}
