/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rendering: a region tree painted from the top down. What is painted first wins,
 * so regions come in falling priority and children before the region they lie in.
 *
 * The walk never holds "base addresses", which would be negative or past 2^64
 * under aliases. It holds a window: some offsets of a region, and the address at
 * which the first of them shows.
 */
#include "vmm/memory/memory-private.h"
#include "vmm/memory/mmio-private.h"

/* Deeper than any machine nests: an alias that shows itself. */
#define TN_RENDER_MAX_DEPTH 64

typedef struct Window {
    TnRange offsets; /* of the region, within its size */
    uint64_t addr;   /* of offsets.first in the address space */
    bool readonly;   /* inherited from what the window was reached through */
    bool nonvolatile;
} Window;

static void render_region(GArray *ranges, TnMemoryRegion *mr, const Window *window,
                          unsigned depth);

/* @window of @mr as one flat range. */
static TnFlatRange
make_range(TnMemoryRegion *mr, const Window *window)
{
    uint64_t length_1 = window->offsets.last - window->offsets.first;
    TnFlatRange flat = {
        .range = { window->addr, window->addr + length_1 },
        .region = mr,
        .offset_in_region = window->offsets.first,
        .readonly = window->readonly,
        .nonvolatile = window->nonvolatile,
        .region_last = mr->last_offset,
    };

    if (tn_memory_region_is_ram(mr) || (mr->kind == TN_REGION_ROM_DEVICE && mr->romd)) {
        flat.host = (uint8_t *)mr->ram.host + window->offsets.first;
        flat.ram_device = mr->ram_device;
        flat.dirty_clients = tn_dirty_clients_locked(mr);
    }
    if (mr->ops) {
        flat.ops = mr->ops;
        flat.opaque = mr->opaque;
        flat.has_eventfds = mr->eventfds && mr->eventfds->len > 0;
        flat.flush_coalesced = mr->flush_coalesced;
        tn_mmio_set_direct(&flat);
    }
    flat.iommu = mr->iommu_ops;
    return flat;
}

/* Cuts @first..@last, addresses within @flat, out of it. */
static TnFlatRange
cut(TnFlatRange flat, uint64_t first, uint64_t last)
{
    uint64_t skip = first - flat.range.first;

    flat.offset_in_region += skip;
    if (flat.host) {
        flat.host = (uint8_t *)flat.host + skip;
    }
    flat.range = (TnRange){ first, last };
    return flat;
}

static unsigned
lower_bound(const GArray *ranges, uint64_t addr)
{
    unsigned low = 0;
    unsigned high = ranges->len;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (g_array_index(ranges, TnFlatRange, mid).range.last < addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Puts @flat wherever nothing is yet. */
static void
paint(GArray *ranges, TnFlatRange flat)
{
    uint64_t pos = flat.range.first;
    unsigned i = lower_bound(ranges, pos);

    for (;;) {
        TnRange next = { 0, 0 };
        bool has_next = i < ranges->len;

        if (has_next) {
            next = g_array_index(ranges, TnFlatRange, i).range;
        }
        if (!has_next || next.first > flat.range.last) {
            TnFlatRange piece = cut(flat, pos, flat.range.last);

            g_array_insert_val(ranges, i, piece);
            return;
        }
        if (next.first > pos) {
            TnFlatRange piece = cut(flat, pos, next.first - 1);

            g_array_insert_val(ranges, i, piece);
            i++;
        }
        if (next.last >= flat.range.last) {
            return;
        }
        pos = next.last + 1;
        i++;
    }
}

static void
render_alias(GArray *ranges, TnMemoryRegion *mr, const Window *window, unsigned depth)
{
    uint64_t room;
    uint64_t length_1 = window->offsets.last - window->offsets.first;
    Window inner = *window;

    if (!mr->alias || window->offsets.first > UINT64_MAX - mr->alias_offset) {
        return;
    }
    inner.offsets.first += mr->alias_offset;
    if (inner.offsets.first > mr->alias->last_offset) {
        return;
    }
    room = mr->alias->last_offset - inner.offsets.first;
    inner.offsets.last = inner.offsets.first + MIN(length_1, room);
    render_region(ranges, mr->alias, &inner, depth + 1);
}

static void
render_child(GArray *ranges, TnMemoryRegion *child, const Window *window, unsigned depth)
{
    TnRange place = { child->addr,
                      child->addr + MIN(child->last_offset, UINT64_MAX - child->addr) };
    TnRange seen;
    Window inner = *window;

    if (!tn_range_intersect(place, window->offsets, &seen)) {
        return;
    }
    inner.offsets = (TnRange){ seen.first - child->addr, seen.last - child->addr };
    inner.addr = window->addr + (seen.first - window->offsets.first);
    render_region(ranges, child, &inner, depth + 1);
}

static void
render_region(GArray *ranges, TnMemoryRegion *mr, const Window *window, unsigned depth)
{
    Window own = *window;

    if (!mr->enabled) {
        return;
    }
    if (depth > TN_RENDER_MAX_DEPTH) {
        g_error("region '%s' is nested more than %d deep: does an alias show itself?", mr->name,
                TN_RENDER_MAX_DEPTH);
    }
    own.readonly |= mr->readonly || mr->kind == TN_REGION_ROM;
    own.nonvolatile |= mr->nonvolatile;
    if (mr->kind == TN_REGION_ALIAS) {
        render_alias(ranges, mr, &own, depth);
        return;
    }
    for (unsigned i = 0; mr->subregions && i < mr->subregions->len; i++) {
        render_child(ranges, mr->subregions->pdata[i], &own, depth);
    }
    if (mr->kind != TN_REGION_CONTAINER) {
        paint(ranges, make_range(mr, &own));
    }
}

/* The end of a region of all 2^64 bytes does not go on at its beginning. */
static bool
continues(const TnFlatRange *a, const TnFlatRange *b)
{
    return a->range.last != UINT64_MAX && a->range.last + 1 == b->range.first &&
           a->region == b->region && b->offset_in_region != 0 &&
           a->offset_in_region + (a->range.last - a->range.first) + 1 == b->offset_in_region &&
           a->readonly == b->readonly && a->nonvolatile == b->nonvolatile;
}

/* Joins neighbours that an overlap with something disabled, or two aliases, tore apart. */
static void
join(GArray *ranges)
{
    TnFlatRange *all = (TnFlatRange *)(void *)ranges->data;
    unsigned kept = 0;

    for (unsigned i = 1; i < ranges->len; i++) {
        if (continues(&all[kept], &all[i])) {
            all[kept].range.last = all[i].range.last;
        } else {
            all[++kept] = all[i];
        }
    }
    if (ranges->len > 0) {
        g_array_set_size(ranges, kept + 1);
    }
}

TnFlatView *
tn_flat_view_render(TnMemory *memory, TnMemoryRegion *root)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(TnFlatRange));
    TnFlatView *view;

    tn_memory_lock(memory);
    if (root) {
        const Window all = { .offsets = { 0, root->last_offset } };

        render_region(ranges, root, &all, 0);
        join(ranges);
    }
    view = tn_flat_view_new(root, ++memory->last_generation,
                            (const TnFlatRange *)(void *)ranges->data, ranges->len);
    tn_memory_unlock(memory);
    return view;
}

/* The one enabled subregion of a container that is as large and starts where it does, if
 * nothing else is in there. @ret_empty: nothing enabled at all. */
static TnMemoryRegion *
only_child(const TnMemoryRegion *mr, bool *ret_empty)
{
    TnMemoryRegion *found = NULL;
    unsigned enabled = 0;

    for (unsigned i = 0; mr->subregions && i < mr->subregions->len; i++) {
        TnMemoryRegion *child = mr->subregions->pdata[i];

        if (child->enabled) {
            enabled++;
            found = child;
        }
    }
    *ret_empty = enabled == 0;
    if (enabled != 1 || found->addr != 0 || found->last_offset > mr->last_offset) {
        return NULL;
    }
    return found;
}

TnMemoryRegion *
tn_flat_view_resolve_root(TnMemoryRegion *root)
{
    TnMemoryRegion *mr = root;

    for (unsigned depth = 0; mr && mr->enabled && depth <= TN_RENDER_MAX_DEPTH; depth++) {
        TnMemoryRegion *inner;
        bool empty;

        if (mr->readonly || mr->nonvolatile) {
            return mr;
        }
        if (mr->kind == TN_REGION_ALIAS) {
            if (mr->alias_offset != 0 || !mr->alias ||
                mr->alias->last_offset > mr->last_offset) {
                return mr;
            }
            mr = mr->alias;
            continue;
        }
        if (mr->kind != TN_REGION_CONTAINER) {
            return mr;
        }
        inner = only_child(mr, &empty);
        if (empty) {
            return NULL;
        }
        if (!inner) {
            return mr;
        }
        mr = inner;
    }
    return mr && mr->enabled ? mr : NULL;
}
