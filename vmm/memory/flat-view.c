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

void
tn_flat_view_unref(TnFlatView *view)
{
    if (view && g_atomic_ref_count_dec(&view->ref)) {
        g_ptr_array_unref(view->owners);
        g_free(view);
    }
}

void
tn_flat_view_unref_to(TnFlatView *view, GPtrArray *owners)
{
    if (g_atomic_ref_count_dec(&view->ref)) {
        g_ptr_array_extend_and_steal(owners, g_steal_pointer(&view->owners));
        g_free(view);
    }
}

const TnFlatRange *
tn_flat_view_ranges(const TnFlatView *view, unsigned *ret_count)
{
    *ret_count = view->count;
    return view->ranges;
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

bool
tn_flat_view_same(const TnFlatView *a, const TnFlatView *b)
{
    if (a->count != b->count || a->root != b->root) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        const TnFlatRange *x = &a->ranges[i];
        const TnFlatRange *y = &b->ranges[i];

        if (!tn_flat_range_same_section(x, y) || x->region_last != y->region_last ||
            x->ops != y->ops || x->opaque != y->opaque) {
            return false;
        }
    }
    return true;
}
