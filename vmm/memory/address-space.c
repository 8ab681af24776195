/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Address spaces: which view each has, and how a new one takes its place.
 */
#include "vmm/memory/memory-private.h"

TnAddressSpace *
tn_address_space_new(TnMemory *memory, TnMemoryRegion *root, const char *name)
{
    TnAddressSpace *as = g_new0(TnAddressSpace, 1);

    g_assert(root->memory == memory);
    as->memory = memory;
    as->root = root;
    as->name = g_strdup(name);
    as->listeners = g_ptr_array_new();
    tn_memory_begin(memory);
    as->view = tn_flat_view_render(memory, NULL);
    g_ptr_array_add(memory->spaces, as);
    tn_memory_mark_changed_locked(memory);
    tn_memory_commit(memory);
    return as;
}

void
tn_address_space_free(TnAddressSpace *as)
{
    if (!as) {
        return;
    }
    tn_memory_begin(as->memory);
    if (as->listeners->len > 0) {
        const TnMemoryListener *listener = as->listeners->pdata[0];

        g_error("address space '%s' ends while listener '%s' is registered", as->name,
                listener->name);
    }
    g_ptr_array_remove(as->memory->spaces, as);
    tn_memory_retire_locked(as->memory, as->view);
    tn_memory_commit(as->memory);
    g_ptr_array_unref(as->listeners);
    g_free(as->name);
    g_free(as);
}

const char *
tn_address_space_name(const TnAddressSpace *as)
{
    return as->name;
}

void
tn_memory_foreach_space(TnMemory *memory, void (*func)(TnAddressSpace *as, void *opaque),
                        void *opaque)
{
    tn_memory_lock(memory);
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        func(memory->spaces->pdata[i], opaque);
    }
    tn_memory_unlock(memory);
}

TnMemory *
tn_address_space_memory(const TnAddressSpace *as)
{
    return as->memory;
}

const char *
tn_address_space_root_name(const TnAddressSpace *as)
{
    return as->root->name;
}

TnFlatView *
tn_address_space_get_view(TnAddressSpace *as)
{
    TnFlatView *view;

    /* The lock, not a read section: callers need not be registered for this. */
    tn_memory_lock(as->memory);
    view = tn_flat_view_ref(as->view);
    tn_memory_unlock(as->memory);
    return view;
}

/* What @root shows now; the very view that a space has already where nothing changed, so
 * that threads keep what they cached. (transfer full) */
static TnFlatView *
render_or_keep_locked(TnMemory *memory, TnMemoryRegion *root)
{
    g_autoptr(TnFlatView) view = tn_flat_view_render(memory, root);

    for (unsigned i = 0; i < memory->spaces->len; i++) {
        const TnAddressSpace *as = memory->spaces->pdata[i];

        if (tn_flat_view_same(as->view, view)) {
            return tn_flat_view_ref(as->view);
        }
    }
    return g_steal_pointer(&view);
}

static void
update_space_locked(TnAddressSpace *as, TnFlatView *new_view)
{
    TnFlatView *old_view = as->view;

    tn_listeners_tell_changes_locked(as, old_view, new_view);
    if (old_view != new_view) {
        __atomic_store_n(&as->view, tn_flat_view_ref(new_view), __ATOMIC_RELEASE);
        tn_eventfds_tell_changes_locked(as, old_view->eventfds, new_view->eventfds);
        tn_coalesced_tell_changes_locked(as, old_view->coalesced, new_view->coalesced);
        tn_memory_retire_locked(as->memory, old_view);
    }
}

void
tn_address_spaces_update_locked(TnMemory *memory)
{
    /* By root: spaces that show the same share one view. */
    g_autoptr(GHashTable) views = g_hash_table_new_full(NULL, NULL, NULL,
                                                        (GDestroyNotify)tn_flat_view_unref);

    memory->telling = true;
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        tn_listeners_tell_begin_locked(memory->spaces->pdata[i]);
    }
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        TnAddressSpace *as = memory->spaces->pdata[i];
        TnMemoryRegion *root = tn_flat_view_resolve_root(as->root);
        TnFlatView *view = g_hash_table_lookup(views, root);

        if (!view) {
            view = render_or_keep_locked(memory, root);
            g_hash_table_insert(views, root, view);
        }
        update_space_locked(as, view);
    }
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        tn_listeners_tell_commit_locked(memory->spaces->pdata[i]);
    }
    memory->telling = false;
}
