/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners: the difference of two views, told in two passes.
 */
#include "vmm/memory/memory-private.h"

void
tn_listeners_tell_begin_locked(TnAddressSpace *as)
{
    for (unsigned i = 0; i < as->listeners->len; i++) {
        TnMemoryListener *listener = as->listeners->pdata[i];

        if (listener->begin) {
            listener->begin(listener);
        }
    }
}

void
tn_listeners_tell_commit_locked(TnAddressSpace *as)
{
    for (unsigned i = 0; i < as->listeners->len; i++) {
        TnMemoryListener *listener = as->listeners->pdata[i];

        if (listener->commit) {
            listener->commit(listener);
        }
    }
}

static void
tell_del(TnAddressSpace *as, const TnFlatRange *flat)
{
    const TnMemorySection section = { as, flat };

    for (unsigned i = as->listeners->len; i > 0; i--) {
        TnMemoryListener *listener = as->listeners->pdata[i - 1];

        if (listener->region_del) {
            listener->region_del(listener, &section);
        }
    }
}

static void
tell_add(TnAddressSpace *as, const TnFlatRange *flat)
{
    const TnMemorySection section = { as, flat };

    for (unsigned i = 0; i < as->listeners->len; i++) {
        TnMemoryListener *listener = as->listeners->pdata[i];

        if (listener->region_add) {
            listener->region_add(listener, &section);
        }
    }
}

static void
tell_nop(TnAddressSpace *as, const TnFlatRange *flat)
{
    const TnMemorySection section = { as, flat };

    for (unsigned i = 0; i < as->listeners->len; i++) {
        TnMemoryListener *listener = as->listeners->pdata[i];

        if (listener->region_nop) {
            listener->region_nop(listener, &section);
        }
    }
}

/* One walk through both views side by side; tells removals or the rest. */
static void
tell_pass(TnAddressSpace *as, const TnFlatView *old_view, const TnFlatView *new_view, bool adding)
{
    unsigned o = 0;
    unsigned n = 0;

    while (o < old_view->count || n < new_view->count) {
        const TnFlatRange *old = o < old_view->count ? &old_view->ranges[o] : NULL;
        const TnFlatRange *new = n < new_view->count ? &new_view->ranges[n] : NULL;

        if (old && new && tn_flat_range_same_section(old, new)) {
            if (adding) {
                tell_nop(as, new);
            }
            o++;
            n++;
        } else if (old && (!new || old->range.first <= new->range.first)) {
            if (!adding) {
                tell_del(as, old);
            }
            o++;
        } else {
            if (adding) {
                tell_add(as, new);
            }
            n++;
        }
    }
}

void
tn_listeners_tell_changes_locked(TnAddressSpace *as, const TnFlatView *old_view,
                                 const TnFlatView *new_view)
{
    if (as->listeners->len > 0) {
        tell_pass(as, old_view, new_view, false);
        tell_pass(as, old_view, new_view, true);
    }
}

/* @tell for every section of today's view, between begin and commit. */
static void
tell_all_locked(TnMemoryListener *listener, TnAddressSpace *as,
                void (*tell)(TnMemoryListener *, const TnMemorySection *))
{
    as->memory->telling = true;
    if (listener->begin) {
        listener->begin(listener);
    }
    for (unsigned i = 0; tell && i < as->view->count; i++) {
        const TnMemorySection section = { as, &as->view->ranges[i] };

        tell(listener, &section);
    }
    if (listener->commit) {
        listener->commit(listener);
    }
    as->memory->telling = false;
}

void
tn_memory_listener_register(TnMemoryListener *listener, TnAddressSpace *as)
{
    unsigned i = 0;

    tn_memory_begin(as->memory);
    while (i < as->listeners->len &&
           ((TnMemoryListener *)as->listeners->pdata[i])->priority <= listener->priority) {
        i++;
    }
    g_ptr_array_insert(as->listeners, (int)i, listener);
    tell_all_locked(listener, as, listener->region_add);
    tn_memory_commit(as->memory);
}

void
tn_memory_listener_unregister(TnMemoryListener *listener, TnAddressSpace *as)
{
    tn_memory_begin(as->memory);
    if (g_ptr_array_remove(as->listeners, listener)) {
        tell_all_locked(listener, as, listener->region_del);
    }
    tn_memory_commit(as->memory);
}
