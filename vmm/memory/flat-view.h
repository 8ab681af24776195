/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flat views: a region tree rendered into sorted, disjoint sections. Immutable
 * and reference counted once made; published RCU-style by address-space.c.
 */
#pragma once

#include "vmm/memory/region.h"

/* One run of addresses shown by one region. */
typedef struct TnFlatRange {
    TnRange range;
    TnMemoryRegion *region;     /* RAM, ROM or MMIO, never container or alias */
    uint64_t offset_in_region;  /* of range.first */
    bool readonly;
    bool nonvolatile;
    /* Copies for accesses, which run while the region itself is being changed. */
    uint16_t direct_sizes; /* bit n: n aligned bytes go to the callbacks as they are */
    uint64_t region_last;  /* last offset of the whole region */
    void *host;            /* of range.first; NULL for MMIO */
    const TnMemoryRegionOps *ops; /* NULL for RAM and ROM */
    void *opaque;
} TnFlatRange;

typedef struct TnFlatView TnFlatView;

/* Renders @root (may be NULL: an empty view), now, whatever transaction is open. Takes the
 * topology lock; any thread. (transfer full) */
TnFlatView *tn_flat_view_render(TnMemory *memory, TnMemoryRegion *root);
/* Another reference. Any thread that has one. */
TnFlatView *tn_flat_view_ref(TnFlatView *view);
/* The last reference drops those on the regions' owners, on the calling thread. NULL is fine. */
void tn_flat_view_unref(TnFlatView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnFlatView, tn_flat_view_unref)

/* The ranges in ascending order, joined where they continue each other. Owned by @view. */
const TnFlatRange *tn_flat_view_ranges(const TnFlatView *view, unsigned *ret_count);

/* The range that holds @addr or NULL. Binary search, no lock; @view must stay alive. */
const TnFlatRange *tn_flat_view_find(const TnFlatView *view, uint64_t addr);
