/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flat views: a region tree rendered into sorted, disjoint sections. Immutable
 * and reference counted once made; published RCU-style by address-space.c.
 */
#pragma once

#include "vmm/memory/eventfd.h"

/* One run of addresses shown by one region. */
typedef struct TnFlatRange {
    TnRange range;
    TnMemoryRegion *region;     /* never container or alias */
    uint64_t offset_in_region;  /* of range.first */
    bool readonly;
    bool nonvolatile;
    uint8_t dirty_clients; /* 1 << TnDirtyClient: who logs writes to this RAM */
    /* Copies for accesses, which run while the region itself is being changed. */
    bool ram_device;
    bool has_eventfds;    /* the region has some, here or elsewhere */
    bool flush_coalesced;
    /* [is_write] bit n: n aligned bytes go to the callback as they are */
    uint16_t direct_sizes[2];
    uint64_t region_last;         /* last offset of the whole region */
    void *host;                   /* of range.first; NULL for MMIO */
    const TnMemoryRegionOps *ops; /* NULL for RAM and ROM; beside @host: a ROM device in
                                   * romd mode, reads are @host's */
    void *opaque;
    const struct TnIommuOps *iommu; /* neither @host nor @ops: what translates */
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

/* What answers there: "ram", "rom", "romd", "ramd", "i/o" or "iommu". Static. */
const char *tn_flat_range_kind(const TnFlatRange *flat);

/* The event descriptors that show, at the guest's addresses, sorted; owned by @view. */
const TnMemoryEventfd *tn_flat_view_eventfds(const TnFlatView *view, unsigned *ret_count);
/* The zones whose writes KVM may queue, sorted, disjoint; owned by @view. */
const TnRange *tn_flat_view_coalesced(const TnFlatView *view, unsigned *ret_count);

/* The range that holds @addr or NULL. Binary search, no lock; @view must stay alive. */
const TnFlatRange *tn_flat_view_find(const TnFlatView *view, uint64_t addr);
