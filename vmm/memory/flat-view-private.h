/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of flat views, for the files of this folder and their tests.
 */
#pragma once

#include "vmm/memory/flat-view.h"

struct TnFlatView {
    gatomicrefcount ref;
    unsigned count;
    /* Tells this view from every other of its TnMemory, freed ones too; never 0. */
    uint64_t generation;
    /* What was rendered, for printing; dangles once the view is not published. */
    TnMemoryRegion *root;
    GPtrArray *owners;     /* GObject *: one reference each */
    GArray *eventfds;      /* TnMemoryEventfd at absolute addresses, sorted */
    GArray *coalesced;     /* TnRange, sorted, disjoint */
    const uint64_t *lasts; /* of the ranges' addresses, close together for searching */
    TnFlatRange ranges[];
};

/* A view of @ranges (sorted, disjoint, joined), which takes a reference on every
 * owner. (transfer full) */
TnFlatView *tn_flat_view_new(TnMemoryRegion *root, uint64_t generation, const TnFlatRange *ranges,
                             unsigned count);

/* As tn_flat_view_unref(), but hands the references on owners over to @owners. */
void tn_flat_view_unref_to(TnFlatView *view, GPtrArray *owners);

/* The index of the first range that ends at or after @addr; count when there is none. */
static inline unsigned
tn_flat_view_lower_bound(const TnFlatView *view, uint64_t addr)
{
    const uint64_t *lasts = view->lasts;
    unsigned left = view->count;

    if (left == 0) {
        return 0;
    }
    /* Without a branch in the loop: exits of a busy guest alternate between devices. */
    while (left > 1) {
        unsigned half = left / 2;

        lasts = lasts[half - 1] < addr ? lasts + half : lasts;
        left -= half;
    }
    return (unsigned)(lasts - view->lasts) + (*lasts < addr);
}

static inline const TnFlatRange *
tn_flat_view_find_inline(const TnFlatView *view, uint64_t addr)
{
    unsigned i = tn_flat_view_lower_bound(view, addr);

    return i < view->count && view->ranges[i].range.first <= addr ? &view->ranges[i] : NULL;
}

/* eventfd.c: what @ranges show of their regions' event descriptors. (transfer full) */
GArray *tn_eventfds_collect(const TnFlatRange *ranges, unsigned count);
bool tn_eventfds_same(const GArray *a, const GArray *b);
/* Signals the first descriptor that a write of @value matches; false when none does. */
bool tn_eventfds_signal(const TnFlatView *view, uint64_t addr, uint64_t value, unsigned size);

/* coalesced.c: likewise for zones. (transfer full) */
GArray *tn_coalesced_collect(const TnFlatRange *ranges, unsigned count);
bool tn_coalesced_same(const GArray *a, const GArray *b);

/* Whether a listener takes both for one section that stayed. */
bool tn_flat_range_same_section(const TnFlatRange *a, const TnFlatRange *b);

/* Whether readers, too, cannot tell the two views apart. */
bool tn_flat_view_same(const TnFlatView *a, const TnFlatView *b);

/*
 * The region below @root that alone decides what @root shows, so that spaces
 * whose roots are mere wrappers (an alias of all of system memory) share its view.
 * NULL when nothing is shown at all. Needs the topology lock.
 */
TnMemoryRegion *tn_flat_view_resolve_root(TnMemoryRegion *root);
