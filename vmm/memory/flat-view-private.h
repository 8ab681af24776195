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
    GPtrArray *owners; /* GObject *: one reference each */
    TnFlatRange ranges[];
};

/* A view of @ranges (sorted, disjoint, joined), which takes a reference on every
 * owner. (transfer full) */
TnFlatView *tn_flat_view_new(TnMemoryRegion *root, uint64_t generation, const TnFlatRange *ranges,
                             unsigned count);

/* The index of the first range that ends at or after @addr; count when there is none. */
unsigned tn_flat_view_lower_bound(const TnFlatView *view, uint64_t addr);

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
