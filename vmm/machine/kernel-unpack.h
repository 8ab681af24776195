/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compressed payload of a bzImage, unpacked on the host (docs/specs/boot.md).
 * Threads: any; nothing is shared.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* No kernel is near it; what claims to be larger is left to unpack itself. */
#define TN_UNPACKED_MAX (UINT64_C(256) << 20)

/* Memory for one use, given back to the host as a whole. */
typedef struct TnScratch {
    uint8_t *data; /* NULL: none */
    size_t size;
} TnScratch;

/* Zeroes. Returns: whether there is so much memory; @size is not 0. */
bool tn_scratch_init(TnScratch *scratch, size_t size);
void tn_scratch_clear(TnScratch *scratch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TnScratch, tn_scratch_clear)

/**
 * tn_kernel_unpacked_size:
 * @payload: as the setup header's payload_offset and payload_length bound it, @size bytes,
 *   not trusted.
 * Returns: what its last four bytes say of its unpacked size if it is compressed in a way
 * that is known here (gzip, xz, lz4, zstd) and that size is sane, else 0. When it is not 0, the
 * library that unpacks it is loaded.
 */
size_t tn_kernel_unpacked_size(const uint8_t *payload, size_t size);

/**
 * tn_kernel_unpack:
 * Unpacks @payload into @out, which it must fill to its last byte.
 * Returns: whether it did; if not, @out's contents are anything.
 */
bool tn_kernel_unpack(const uint8_t *payload, size_t size, TnScratch *out);
