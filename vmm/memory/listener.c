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

/* After the nop of a section whose log changed. */
static void
tell_log(TnAddressSpace *as, const TnFlatRange *old, const TnFlatRange *new)
{
    const TnMemorySection section = { as, new };
    unsigned was = old->dirty_clients;
    unsigned is = new->dirty_clients;

    for (unsigned i = 0; i < as->listeners->len && is != was; i++) {
        TnMemoryListener *listener = as->listeners->pdata[i];

        if ((is & ~was) && listener->log_start) {
            listener->log_start(listener, &section, was, is);
        }
        if ((was & ~is) && listener->log_stop) {
            listener->log_stop(listener, &section, was, is);
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
                tell_log(as, old, new);
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

static void
tell_all_sections(TnMemoryListener *listener, TnAddressSpace *as,
                  void (*tell)(TnMemoryListener *, const TnMemorySection *))
{
    for (unsigned i = 0; tell && i < as->view->count; i++) {
        const TnMemorySection section = { as, &as->view->ranges[i] };

        tell(listener, &section);
    }
}

static void
tell_all_extras(TnMemoryListener *listener, TnAddressSpace *as,
                void (*tell_eventfd)(TnMemoryListener *, TnAddressSpace *,
                                     const TnMemoryEventfd *),
                void (*tell_zone)(TnMemoryListener *, TnAddressSpace *, TnRange))
{
    const TnFlatView *view = as->view;

    for (unsigned i = 0; tell_eventfd && i < view->eventfds->len; i++) {
        tell_eventfd(listener, as, &g_array_index(view->eventfds, TnMemoryEventfd, i));
    }
    for (unsigned i = 0; tell_zone && i < view->coalesced->len; i++) {
        tell_zone(listener, as, g_array_index(view->coalesced, TnRange, i));
    }
}

static void
begin_alone(TnMemoryListener *listener, TnAddressSpace *as)
{
    as->memory->telling = true;
    if (listener->begin) {
        listener->begin(listener);
    }
}

static void
commit_alone(TnMemoryListener *listener, TnAddressSpace *as)
{
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
    begin_alone(listener, as);
    tell_all_sections(listener, as, listener->region_add);
    tell_all_extras(listener, as, listener->eventfd_add, listener->coalesced_add);
    commit_alone(listener, as);
    tn_memory_commit(as->memory);
}

void
tn_memory_listener_unregister(TnMemoryListener *listener, TnAddressSpace *as)
{
    tn_memory_begin(as->memory);
    if (g_ptr_array_remove(as->listeners, listener)) {
        begin_alone(listener, as);
        tell_all_extras(listener, as, listener->eventfd_del, listener->coalesced_del);
        tell_all_sections(listener, as, listener->region_del);
        commit_alone(listener, as);
    }
    tn_memory_commit(as->memory);
}
