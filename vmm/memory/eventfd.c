/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event descriptors: kept sorted on their region, collected into flat views, told to
 * listeners as differences, and matched in software.
 */
#include "vmm/memory/eventfd.h"

#include "vmm/memory/memory-private.h"

#include <unistd.h>

#define TN_ORDER(a, b) (((a) > (b)) - ((a) < (b)))

int
tn_memory_eventfd_compare(const TnMemoryEventfd *a, const TnMemoryEventfd *b)
{
    if (a->addr != b->addr) {
        return TN_ORDER(a->addr, b->addr);
    }
    if (a->size != b->size) {
        return TN_ORDER(a->size, b->size);
    }
    if (a->match_data != b->match_data) {
        return TN_ORDER(a->match_data, b->match_data);
    }
    if (a->data != b->data) {
        return TN_ORDER(a->data, b->data);
    }
    return TN_ORDER(a->fd, b->fd);
}

static uint64_t
low_bytes(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & ((UINT64_C(1) << (8 * size)) - 1);
}

/* The first of @list that is not before @e; its length when there is none. */
static unsigned
position(const GArray *list, const TnMemoryEventfd *e)
{
    unsigned i = 0;

    while (i < list->len &&
           tn_memory_eventfd_compare(&g_array_index(list, TnMemoryEventfd, i), e) < 0) {
        i++;
    }
    return i;
}

static TnMemoryEventfd
make(const TnMemoryRegion *mr, uint64_t addr, unsigned size, bool match_data, uint64_t data,
     int fd)
{
    g_assert(mr->kind == TN_REGION_MMIO || mr->kind == TN_REGION_ROM_DEVICE);
    g_assert(size == 1 || size == 2 || size == 4 || size == 8 || (size == 0 && !match_data));
    return (TnMemoryEventfd){ addr, size, match_data, match_data ? low_bytes(data, size) : 0,
                              fd };
}

static bool
is_at(const GArray *list, unsigned i, const TnMemoryEventfd *e)
{
    return i < list->len &&
           tn_memory_eventfd_compare(&g_array_index(list, TnMemoryEventfd, i), e) == 0;
}

void
tn_memory_region_add_eventfd(TnMemoryRegion *mr, uint64_t addr, unsigned size, bool match_data,
                             uint64_t data, int fd)
{
    TnMemoryEventfd e = make(mr, addr, size, match_data, data, fd);
    unsigned i;

    tn_memory_begin(mr->memory);
    if (!mr->eventfds) {
        mr->eventfds = g_array_new(FALSE, FALSE, sizeof(TnMemoryEventfd));
    }
    i = position(mr->eventfds, &e);
    if (is_at(mr->eventfds, i, &e)) {
        g_error("region '%s' has this event descriptor already", mr->name);
    }
    g_array_insert_val(mr->eventfds, i, e);
    tn_memory_mark_changed_locked(mr->memory);
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_del_eventfd(TnMemoryRegion *mr, uint64_t addr, unsigned size, bool match_data,
                             uint64_t data, int fd)
{
    TnMemoryEventfd e = make(mr, addr, size, match_data, data, fd);
    unsigned i;

    tn_memory_begin(mr->memory);
    i = mr->eventfds ? position(mr->eventfds, &e) : 0;
    if (!mr->eventfds || !is_at(mr->eventfds, i, &e)) {
        g_error("region '%s' does not have this event descriptor", mr->name);
    }
    g_array_remove_index(mr->eventfds, i);
    tn_memory_mark_changed_locked(mr->memory);
    tn_memory_commit(mr->memory);
}

/* One shows wherever the byte shows that a write to it begins at. */
static void
collect_range(GArray *found, const TnFlatRange *flat)
{
    const GArray *list = flat->region->eventfds;

    for (unsigned i = 0; list && i < list->len; i++) {
        TnMemoryEventfd e = g_array_index(list, TnMemoryEventfd, i);

        if (e.addr >= flat->offset_in_region &&
            e.addr - flat->offset_in_region <= flat->range.last - flat->range.first) {
            e.addr = flat->range.first + (e.addr - flat->offset_in_region);
            g_array_append_val(found, e);
        }
    }
}

/* Ranges ascend and are disjoint, and a region's list is sorted: so is the whole. */
GArray *
tn_eventfds_collect(const TnFlatRange *ranges, unsigned count)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(TnMemoryEventfd));

    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].has_eventfds) {
            collect_range(found, &ranges[i]);
        }
    }
    return found;
}

bool
tn_eventfds_same(const GArray *a, const GArray *b)
{
    if (a->len != b->len) {
        return false;
    }
    for (unsigned i = 0; i < a->len; i++) {
        if (tn_memory_eventfd_compare(&g_array_index(a, TnMemoryEventfd, i),
                                      &g_array_index(b, TnMemoryEventfd, i)) != 0) {
            return false;
        }
    }
    return true;
}

static void
tell_one(TnAddressSpace *as, const TnMemoryEventfd *e, bool adding)
{
    unsigned n = as->listeners->len;

    for (unsigned i = 0; i < n; i++) {
        TnMemoryListener *listener = as->listeners->pdata[adding ? i : n - 1 - i];

        if (adding && listener->eventfd_add) {
            listener->eventfd_add(listener, as, e);
        } else if (!adding && listener->eventfd_del) {
            listener->eventfd_del(listener, as, e);
        }
    }
}

/* Tells what is in @list and not in @other. */
static void
tell_missing(TnAddressSpace *as, const GArray *list, const GArray *other, bool adding)
{
    unsigned o = 0;

    for (unsigned i = 0; i < list->len; i++) {
        const TnMemoryEventfd *e = &g_array_index(list, TnMemoryEventfd, i);

        while (o < other->len &&
               tn_memory_eventfd_compare(&g_array_index(other, TnMemoryEventfd, o), e) < 0) {
            o++;
        }
        if (!is_at(other, o, e)) {
            tell_one(as, e, adding);
        }
    }
}

void
tn_eventfds_tell_changes_locked(TnAddressSpace *as, const GArray *old_list,
                                const GArray *new_list)
{
    tell_missing(as, old_list, new_list, false);
    tell_missing(as, new_list, old_list, true);
}

static bool
matches(const TnMemoryEventfd *e, uint64_t value, unsigned size)
{
    return e->size == 0 || (e->size == size && (!e->match_data || e->data == value));
}

/* The first of the view's at or after @addr. */
static unsigned
lower_bound(const GArray *list, uint64_t addr)
{
    unsigned low = 0;
    unsigned high = list->len;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (g_array_index(list, TnMemoryEventfd, mid).addr < addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

bool
tn_eventfds_signal(const TnFlatView *view, uint64_t addr, uint64_t value, unsigned size)
{
    static const uint64_t one = 1;
    const GArray *list = view->eventfds;

    for (unsigned i = lower_bound(list, addr); i < list->len; i++) {
        const TnMemoryEventfd *e = &g_array_index(list, TnMemoryEventfd, i);

        if (e->addr != addr) {
            return false;
        }
        if (matches(e, value, size)) {
            /* Fails only when the counter is full, and then the reader is awake already. */
            ssize_t ignored = write(e->fd, &one, sizeof(one));

            (void)ignored;
            return true;
        }
    }
    return false;
}
