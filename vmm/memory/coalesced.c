/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Coalesced writes as the memory core knows them: zones on regions, collected into flat
 * views and told to listeners, and the hook that empties the queue.
 */
#include "vmm/memory/coalesced.h"

#include "vmm/memory/memory-private.h"
#include "vmm/memory/rcu-private.h"

void
tn_memory_region_add_coalescing(TnMemoryRegion *mr, uint64_t offset, uint64_t size)
{
    TnRange zone;

    g_assert(mr->kind == TN_REGION_MMIO);
    g_assert(tn_range_make(offset, size, &zone));
    tn_memory_begin(mr->memory);
    if (!mr->coalesced) {
        mr->coalesced = g_array_new(FALSE, FALSE, sizeof(TnRange));
    }
    g_array_append_val(mr->coalesced, zone);
    mr->flush_coalesced = true;
    tn_memory_mark_changed_locked(mr->memory);
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_coalescing(TnMemoryRegion *mr)
{
    tn_memory_begin(mr->memory);
    tn_memory_region_clear_coalescing(mr);
    tn_memory_region_add_coalescing(mr, 0, tn_memory_region_size(mr));
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_clear_coalescing(TnMemoryRegion *mr)
{
    /* begin does what is queued. */
    tn_memory_begin(mr->memory);
    if (mr->coalesced && mr->coalesced->len > 0) {
        g_array_set_size(mr->coalesced, 0);
        mr->flush_coalesced = false;
        tn_memory_mark_changed_locked(mr->memory);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_flush_coalesced(TnMemoryRegion *mr, bool flush)
{
    tn_memory_begin(mr->memory);
    if (mr->flush_coalesced != flush) {
        mr->flush_coalesced = flush;
        tn_memory_mark_changed_locked(mr->memory);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_set_coalesced_flush(TnMemory *memory, void (*flush)(void *opaque), void *opaque)
{
    memory->flush_opaque = opaque;
    __atomic_store_n(&memory->flush, flush, __ATOMIC_RELEASE);
}

void
tn_memory_flush_coalesced(TnMemory *memory)
{
    void (*flush)(void *) = __atomic_load_n(&memory->flush, __ATOMIC_ACQUIRE);

    /* A drainer's callback may be waiting for the transaction that this thread is in. */
    if (flush && __atomic_load_n(&memory->transaction, __ATOMIC_RELAXED) != g_thread_self()) {
        /* It accesses address spaces; a thread that only changes the map may be a stranger. */
        tn_memory_register_thread();
        flush(memory->flush_opaque);
        tn_memory_unregister_thread();
    }
}

void
tn_coalesced_flush_before_begin(TnMemory *memory)
{
    /*
     * Inside of a callback there is no need: what was queued before the exit was done
     * when it arrived, and what came since is no older than the change. Nor could it be
     * done, as the device may hold a lock that another drainer's callback waits for.
     */
    if (__atomic_load_n(&memory->flush, __ATOMIC_RELAXED) &&
        !(tn_rcu_is_registered() && tn_rcu_in_read_section())) {
        tn_memory_flush_coalesced(memory);
    }
}

static void
collect_range(GArray *found, const TnFlatRange *flat)
{
    const GArray *list = flat->region->coalesced;
    TnRange shown = { flat->offset_in_region,
                      flat->offset_in_region + (flat->range.last - flat->range.first) };

    for (unsigned i = 0; list && i < list->len; i++) {
        TnRange zone;

        if (tn_range_intersect(g_array_index(list, TnRange, i), shown, &zone)) {
            zone.first = flat->range.first + (zone.first - shown.first);
            zone.last = flat->range.first + (zone.last - shown.first);
            g_array_append_val(found, zone);
        }
    }
}

static int
compare(gconstpointer a, gconstpointer b)
{
    const TnRange *x = a;
    const TnRange *y = b;

    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    return (x->last > y->last) - (x->last < y->last);
}

/* Zones that overlap or touch become one: KVM would take, and later drop, each of them. */
static void
join(GArray *zones)
{
    TnRange *all = (TnRange *)(void *)zones->data;
    unsigned kept = 0;

    for (unsigned i = 1; i < zones->len; i++) {
        if (all[kept].last == UINT64_MAX || all[i].first <= all[kept].last + 1) {
            all[kept].last = MAX(all[kept].last, all[i].last);
        } else {
            all[++kept] = all[i];
        }
    }
    if (zones->len > 0) {
        g_array_set_size(zones, kept + 1);
    }
}

GArray *
tn_coalesced_collect(const TnFlatRange *ranges, unsigned count)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(TnRange));

    for (unsigned i = 0; i < count; i++) {
        collect_range(found, &ranges[i]);
    }
    g_array_sort(found, compare);
    join(found);
    return found;
}

bool
tn_coalesced_same(const GArray *a, const GArray *b)
{
    if (a->len != b->len) {
        return false;
    }
    for (unsigned i = 0; i < a->len; i++) {
        if (compare(&g_array_index(a, TnRange, i), &g_array_index(b, TnRange, i)) != 0) {
            return false;
        }
    }
    return true;
}

static void
tell_one(TnAddressSpace *as, TnRange zone, bool adding)
{
    unsigned n = as->listeners->len;

    for (unsigned i = 0; i < n; i++) {
        TnMemoryListener *listener = as->listeners->pdata[adding ? i : n - 1 - i];

        if (adding && listener->coalesced_add) {
            listener->coalesced_add(listener, as, zone);
        } else if (!adding && listener->coalesced_del) {
            listener->coalesced_del(listener, as, zone);
        }
    }
}

/* Tells what is in @list and not in @other. */
static void
tell_missing(TnAddressSpace *as, const GArray *list, const GArray *other, bool adding)
{
    unsigned o = 0;

    for (unsigned i = 0; i < list->len; i++) {
        const TnRange *zone = &g_array_index(list, TnRange, i);

        while (o < other->len && compare(&g_array_index(other, TnRange, o), zone) < 0) {
            o++;
        }
        if (o == other->len || compare(&g_array_index(other, TnRange, o), zone) != 0) {
            tell_one(as, *zone, adding);
        }
    }
}

void
tn_coalesced_tell_changes_locked(TnAddressSpace *as, const GArray *old_list,
                                 const GArray *new_list)
{
    tell_missing(as, old_list, new_list, false);
    tell_missing(as, new_list, old_list, true);
}
