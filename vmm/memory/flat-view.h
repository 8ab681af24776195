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
} TnFlatRange;

typedef struct TnFlatView TnFlatView;

/* Renders @root (may be NULL: an empty view). Needs the topology lock. (transfer full) */
TnFlatView *tn_flat_view_render(TnMemory *memory, TnMemoryRegion *root);
TnFlatView *tn_flat_view_ref(TnFlatView *view);
void tn_flat_view_unref(TnFlatView *view);

/* The ranges in ascending order, joined where they continue each other. Owned by @view. */
const TnFlatRange *tn_flat_view_ranges(const TnFlatView *view, unsigned *ret_count);

/* The range that holds @addr or NULL. Binary search, no lock; @view must stay alive. */
const TnFlatRange *tn_flat_view_find(const TnFlatView *view, uint64_t addr);
