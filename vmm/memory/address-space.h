/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Address spaces: a root region and the flat view it has now. Accesses take no
 * lock: they read the published view inside an RCU read section.
 */
#pragma once

#include "vmm/memory/flat-view.h"

typedef struct TnAddressSpace TnAddressSpace;

/* @name is copied ("memory", "I/O"). @root outlives it. */
TnAddressSpace *tn_address_space_new(TnMemory *memory, TnMemoryRegion *root, const char *name);
void tn_address_space_free(TnAddressSpace *as);
const char *tn_address_space_name(const TnAddressSpace *as);

/* A reference to today's view. (transfer full) Any thread. */
TnFlatView *tn_address_space_get_view(TnAddressSpace *as);

/*
 * Every thread that accesses an address space from outside of the main thread
 * registers once, and unregisters before it ends (liburcu's rule).
 */
void tn_memory_register_thread(void);
void tn_memory_unregister_thread(void);

/**
 * tn_address_space_read / _write:
 * Any length, across regions; the first failure is returned, the rest still done,
 * and every byte of @buf is filled (all ones where nothing answers).
 */
TnMemResult tn_address_space_read(TnAddressSpace *as, uint64_t addr, void *buf, uint64_t len);
TnMemResult tn_address_space_write(TnAddressSpace *as, uint64_t addr, const void *buf,
                                   uint64_t len);

/**
 * tn_address_space_access:
 * The hot path of an exit: one access of @size 1, 2, 4 or 8 bytes at @addr,
 * @data in guest byte order, read or filled. Falls back to read/write where the
 * access crosses a range. @cache: one per thread and space, zeroed at start.
 */
typedef struct TnAccessCache {
    const void *view;
    const TnFlatRange *last;
} TnAccessCache;
TnMemResult tn_address_space_access(TnAddressSpace *as, TnAccessCache *cache, uint64_t addr,
                                    void *data, unsigned size, bool is_write);

/**
 * tn_address_space_ram_ptr:
 * @ret_len: how many bytes from @addr on are one piece of host memory.
 * Returns: host address when @addr is RAM (or ROM, for reading), else NULL. Valid
 * while the region stays; for start-up (kernel loading) on the main thread.
 */
void *tn_address_space_ram_ptr(TnAddressSpace *as, uint64_t addr, uint64_t *ret_len);
