/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host memory for guests: one mapping, placed, bound, advised and preallocated
 * as a memory backend was told. Plain functions over plain data.
 * Threads: any; a mapping belongs to whoever made it.
 */
#pragma once

#include <glib.h>

/* The highest host NUMA node that can be named, plus one. */
#define TN_HOST_MAX_NODES 128

/* How pages are chosen among the host's NUMA nodes. The values are those of set_mempolicy(2). */
typedef enum {
    TN_HOST_MEM_POLICY_DEFAULT = 0,
    TN_HOST_MEM_POLICY_PREFERRED = 1,
    TN_HOST_MEM_POLICY_BIND = 2,
    TN_HOST_MEM_POLICY_INTERLEAVE = 3,
} TnHostMemPolicy;

/**
 * TnHostMemorySpec:
 * @fd: what to map, or -1 for anonymous memory; stays the caller's.
 * @size: bytes, not 0; rounded up to @page_size by the mapping.
 * @page_size: of the backing store, a power of two, at least the host's.
 * @align: wished alignment of the host address, a power of two; at least the page
 *   size and, for what is large enough, the size of a transparent huge page are used.
 * @share: MAP_SHARED.
 * @readonly: mapped without PROT_WRITE.
 * @reserve: swap space (or huge pages) is reserved; FALSE asks for MAP_NORESERVE.
 */
typedef struct TnHostMemorySpec {
    int fd;
    guint64 size;
    guint64 page_size;
    guint64 align;
    gboolean share;
    gboolean readonly;
    gboolean reserve;
} TnHostMemorySpec;

/* A mapping; all zero: none. */
typedef struct TnHostMemory {
    void *base;   /* page aligned */
    guint64 size; /* a multiple of the page size */
} TnHostMemory;

/**
 * tn_host_memory_map:
 * @error: G_FILE_ERROR by errno; the message is strerror's text alone, so that
 *   the caller can say what could not be mapped.
 * Returns: FALSE with @ret_memory untouched when it fails.
 */
gboolean tn_host_memory_map(const TnHostMemorySpec *spec, TnHostMemory *ret_memory,
                            GError **error);

/* Unmaps; a mapping that is none is fine. @memory is none afterwards. */
void tn_host_memory_unmap(TnHostMemory *memory);

/**
 * tn_host_memory_bind:
 * @nodes: bit mask of host nodes, TN_HOST_MAX_NODES bits.
 * Applies mbind(2) to the whole mapping. The default policy without nodes does nothing.
 * @error: "cannot bind memory to host NUMA nodes: ...".
 */
gboolean tn_host_memory_bind(const TnHostMemory *memory, TnHostMemPolicy policy,
                             const gulong *nodes, GError **error);

/* Same-page merging on or off; a kernel without it takes no notice. */
void tn_host_memory_set_merge(const TnHostMemory *memory, gboolean merge);

/* Whether core dumps hold the memory. */
void tn_host_memory_set_dump(const TnHostMemory *memory, gboolean dump);

/* Transparent huge pages wanted; children of fork() do without the memory. */
void tn_host_memory_advise(const TnHostMemory *memory);

/**
 * tn_host_memory_prealloc:
 * @threads: how many threads share the work, at least 1.
 * Makes every page present and writable (readable for a @readonly mapping).
 * @error: "preallocating memory failed: ..." (a lack of pages or of MADV_POPULATE_WRITE,
 *   which Linux has since 5.14). Pages made until then stay.
 */
gboolean tn_host_memory_prealloc(const TnHostMemory *memory, guint64 page_size, gboolean readonly,
                                 unsigned threads, GError **error);

/* Page size of what @fd is on: the huge page's on hugetlbfs, else the host's. */
guint64 tn_host_memory_fd_page_size(int fd);
/* The host's page size. */
guint64 tn_host_memory_page_size(void);
