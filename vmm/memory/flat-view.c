/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flat views as objects: counting, comparing, finding.
 */
#include "vmm/memory/flat-view-private.h"

/* Neighbours mostly share an owner, so one reference each is held per run of them. */
static GPtrArray *
hold_owners(const TnFlatRange *ranges, unsigned count)
{
    GPtrArray *owners = g_ptr_array_new_with_free_func(g_object_unref);
    const GObject *last = NULL;

    for (unsigned i = 0; i < count; i++) {
        GObject *owner = ranges[i].region->owner;

        if (owner && owner != last) {
            g_ptr_array_add(owners, g_object_ref(owner));
            last = owner;
        }
    }
    return owners;
}

TnFlatView *
tn_flat_view_new(TnMemoryRegion *root, uint64_t generation, const TnFlatRange *ranges,
                 unsigned count)
{
    TnFlatView *view = g_malloc0(sizeof(*view) + count * (sizeof(*ranges) + sizeof(uint64_t)));
    uint64_t *lasts = (uint64_t *)&view->ranges[count];

    g_atomic_ref_count_init(&view->ref);
    view->generation = generation;
    view->root = root;
    view->owners = hold_owners(ranges, count);
    view->eventfds = tn_eventfds_collect(ranges, count);
    view->coalesced = tn_coalesced_collect(ranges, count);
    view->count = count;
    view->lasts = lasts;
    for (unsigned i = 0; i < count; i++) {
        view->ranges[i] = ranges[i];
        lasts[i] = ranges[i].range.last;
    }
    return view;
}

TnFlatView *
tn_flat_view_ref(TnFlatView *view)
{
    g_atomic_ref_count_inc(&view->ref);
    return view;
}

static void
free_all_but_owners(TnFlatView *view)
{
    g_array_unref(view->eventfds);
    g_array_unref(view->coalesced);
    g_free(view);
}

void
tn_flat_view_unref(TnFlatView *view)
{
    if (view && g_atomic_ref_count_dec(&view->ref)) {
        g_ptr_array_unref(view->owners);
        free_all_but_owners(view);
    }
}

void
tn_flat_view_unref_to(TnFlatView *view, GPtrArray *owners)
{
    if (g_atomic_ref_count_dec(&view->ref)) {
        g_ptr_array_extend_and_steal(owners, g_steal_pointer(&view->owners));
        free_all_but_owners(view);
    }
}

const TnFlatRange *
tn_flat_view_ranges(const TnFlatView *view, unsigned *ret_count)
{
    *ret_count = view->count;
    return view->ranges;
}

const TnMemoryEventfd *
tn_flat_view_eventfds(const TnFlatView *view, unsigned *ret_count)
{
    *ret_count = view->eventfds->len;
    return (const TnMemoryEventfd *)(void *)view->eventfds->data;
}

const TnRange *
tn_flat_view_coalesced(const TnFlatView *view, unsigned *ret_count)
{
    *ret_count = view->coalesced->len;
    return (const TnRange *)(void *)view->coalesced->data;
}

const TnFlatRange *
tn_flat_view_find(const TnFlatView *view, uint64_t addr)
{
    return tn_flat_view_find_inline(view, addr);
}

bool
tn_flat_range_same_section(const TnFlatRange *a, const TnFlatRange *b)
{
    return a->range.first == b->range.first && a->range.last == b->range.last &&
           a->region == b->region && a->offset_in_region == b->offset_in_region &&
           a->readonly == b->readonly && a->nonvolatile == b->nonvolatile &&
           a->host == b->host;
}

/* What else of two ranges that are the same section matters to an access. */
static bool
same_access(const TnFlatRange *a, const TnFlatRange *b)
{
    return a->region_last == b->region_last && a->ops == b->ops && a->opaque == b->opaque &&
           a->iommu == b->iommu && a->ram_device == b->ram_device &&
           a->has_eventfds == b->has_eventfds && a->flush_coalesced == b->flush_coalesced &&
           a->dirty_clients == b->dirty_clients;
}

bool
tn_flat_view_same(const TnFlatView *a, const TnFlatView *b)
{
    if (a->count != b->count || a->root != b->root) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        const TnFlatRange *x = &a->ranges[i];
        const TnFlatRange *y = &b->ranges[i];

        if (!tn_flat_range_same_section(x, y) || !same_access(x, y)) {
            return false;
        }
    }
    return tn_eventfds_same(a->eventfds, b->eventfds) &&
           tn_coalesced_same(a->coalesced, b->coalesced);
}
