/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Address spaces: a root region and the flat view it has now. Accesses take no
 * lock: they read the published view inside an RCU read section.
 */
#pragma once

#include "vmm/memory/flat-view.h"

typedef struct TnAddressSpace TnAddressSpace;

/* @name is copied ("memory", "I/O"). @root outlives it. Never fails. Any thread. */
TnAddressSpace *tn_address_space_new(TnMemory *memory, TnMemoryRegion *root, const char *name);
/* No thread may use @as any more; its listeners are unregistered. NULL is fine. */
void tn_address_space_free(TnAddressSpace *as);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnAddressSpace, tn_address_space_free)
/* Owned by @as. */
const char *tn_address_space_name(const TnAddressSpace *as);

/* The core that it is a space of. */
TnMemory *tn_address_space_memory(const TnAddressSpace *as);
/* Of the region it was made with; valid under the topology lock. */
const char *tn_address_space_root_name(const TnAddressSpace *as);
/* @func for every space in order of creation, under the topology lock: views and the
 * names of their regions stand still. @func changes nothing. Any thread. */
void tn_memory_foreach_space(TnMemory *memory, void (*func)(TnAddressSpace *as, void *opaque),
                             void *opaque);

/* A reference to today's view. (transfer full) Any thread. */
TnFlatView *tn_address_space_get_view(TnAddressSpace *as);

/*
 * Every thread that accesses an address space registers, and unregisters before
 * it ends (liburcu's rule); the thread that made the TnMemory is registered as
 * long as that lives. Calls nest. An access on any other thread ends the process.
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
 * tn_address_space_dma_read / _write:
 * As read and write, but only RAM, a device's RAM and ROM answer, also behind an IOMMU;
 * MMIO counts as unassigned. For
 * devices: a guest that aims a device's DMA at its registers (its own among them)
 * cannot bring it into callbacks for which it holds the lock already.
 */
TnMemResult tn_address_space_dma_read(TnAddressSpace *as, uint64_t addr, void *buf, uint64_t len);
TnMemResult tn_address_space_dma_write(TnAddressSpace *as, uint64_t addr, const void *buf,
                                       uint64_t len);

/**
 * tn_address_space_access:
 * The hot path of an exit: one access of @size 1, 2, 4 or 8 bytes at @addr,
 * @data in guest byte order, read or filled. Falls back to read/write where the
 * access leaves the region it starts in. @cache: one per thread and space, zeroed
 * at start. Called with no lock held that a device callback takes.
 */
typedef struct TnAccessCache {
    uint64_t generation;     /* of the view that holds @last */
    const TnFlatRange *last;
} TnAccessCache;
TnMemResult tn_address_space_access(TnAddressSpace *as, TnAccessCache *cache, uint64_t addr,
                                    void *data, unsigned size, bool is_write);

/**
 * tn_address_space_ram_ptr:
 * @ret_len: how many bytes from @addr on are one piece of host memory.
 * Returns: host address when @addr is RAM (or ROM, for reading) of the guest, not of a
 * device, else NULL; what is written there is not logged as dirty. Valid
 * while the region stays; for start-up (kernel loading) on the main thread.
 */
void *tn_address_space_ram_ptr(TnAddressSpace *as, uint64_t addr, uint64_t *ret_len);
