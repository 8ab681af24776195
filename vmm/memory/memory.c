/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory core's transactions, and the life of views after they are replaced.
 */
#include "vmm/memory/memory-private.h"
#include "vmm/memory/rcu-private.h"

/* liburcu keeps one registration per thread; this counts ours on top of it. */
static _Thread_local unsigned thread_registrations;

void
tn_memory_register_thread(void)
{
    if (thread_registrations++ == 0) {
        urcu_memb_register_thread();
    }
}

void
tn_memory_unregister_thread(void)
{
    g_return_if_fail(thread_registrations > 0);
    if (--thread_registrations == 0) {
        urcu_memb_unregister_thread();
    }
}

bool
tn_rcu_is_registered(void)
{
    return thread_registrations > 0;
}

void
tn_rcu_die_unregistered(void)
{
    g_error("memory accessed on a thread that did not call tn_memory_register_thread()");
}

static GHashTable *
new_orphans(void)
{
    return g_hash_table_new_full(NULL, NULL, g_object_unref, NULL);
}

TnMemory *
tn_memory_new(void)
{
    TnMemory *memory = g_new0(TnMemory, 1);

    g_rec_mutex_init(&memory->topology_lock);
    pthread_mutex_init(&memory->retired_lock, NULL);
    memory->spaces = g_ptr_array_new();
    memory->retired = g_ptr_array_new();
    memory->orphans = new_orphans();
    memory->context = g_main_context_ref_thread_default();
    tn_memory_register_thread();
    return memory;
}

void
tn_memory_free(TnMemory *memory)
{
    if (!memory) {
        return;
    }
    g_assert(memory->spaces->len == 0);
    g_assert(memory->depth == 0);
    tn_memory_synchronize(memory);
    /* Owners that were finalized just now may have retired nothing: no space is left. */
    g_assert(memory->retired->len == 0);
    tn_memory_unregister_thread();
    g_main_context_unref(memory->context);
    g_hash_table_unref(memory->orphans);
    g_ptr_array_unref(memory->retired);
    g_ptr_array_unref(memory->spaces);
    pthread_mutex_destroy(&memory->retired_lock);
    g_rec_mutex_clear(&memory->topology_lock);
    g_free(memory);
}

void
tn_memory_begin(TnMemory *memory)
{
    tn_coalesced_flush_before_begin(memory);
    tn_memory_lock(memory);
    if (G_UNLIKELY(memory->telling)) {
        g_error("a memory listener changes the topology");
    }
    if (memory->depth++ == 0) {
        __atomic_store_n(&memory->transaction, g_thread_self(), __ATOMIC_RELAXED);
    }
}

void
tn_memory_commit(TnMemory *memory)
{
    g_assert(memory->depth > 0);
    if (memory->depth == 1 && memory->update_pending) {
        memory->update_pending = false;
        tn_address_spaces_update_locked(memory);
    }
    if (--memory->depth == 0) {
        __atomic_store_n(&memory->transaction, NULL, __ATOMIC_RELAXED);
    }
    tn_memory_unlock(memory);
}

bool
tn_memory_commit_checked(TnMemory *memory, GError **error)
{
    g_autoptr(GError) refusal = NULL;

    g_assert(memory->depth == 1);
    memory->checked = true;
    if (memory->update_pending) {
        memory->update_pending = false;
        tn_address_spaces_update_locked(memory);
    }
    memory->checked = false;
    refusal = g_steal_pointer(&memory->refusal);
    tn_memory_commit(memory);
    if (refusal) {
        g_propagate_error(error, g_steal_pointer(&refusal));
        return false;
    }
    return true;
}

bool
tn_memory_section_refuse(const TnMemorySection *section, const GError *error)
{
    TnMemory *memory = section->space->memory;

    g_assert(memory->telling);
    if (memory->checked && !memory->refusal) {
        memory->refusal = g_error_copy(error);
    }
    return memory->checked;
}

void
tn_memory_mark_changed_locked(TnMemory *memory)
{
    g_assert(memory->depth > 0);
    memory->update_pending = true;
}

static GPtrArray *
steal_retired(TnMemory *memory)
{
    GPtrArray *views;

    pthread_mutex_lock(&memory->retired_lock);
    views = g_steal_pointer(&memory->retired);
    memory->retired = g_ptr_array_new();
    __atomic_store_n(&memory->crowded, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&memory->retired_lock);
    return views;
}

void
tn_memory_relieve(TnMemory *memory)
{
    g_autoptr(GPtrArray) views = steal_retired(memory);
    g_autoptr(GPtrArray) owners = g_ptr_array_new();

    tn_rcu_synchronize();
    for (unsigned i = 0; i < views->len; i++) {
        tn_flat_view_unref_to(views->pdata[i], owners);
    }
    pthread_mutex_lock(&memory->retired_lock);
    for (unsigned i = 0; i < owners->len; i++) {
        /* A second reference on the same owner takes the first one's place. */
        g_hash_table_add(memory->orphans, owners->pdata[i]);
    }
    pthread_mutex_unlock(&memory->retired_lock);
}

/* Drops every view that was retired before the call. */
static void
reclaim(TnMemory *memory)
{
    g_autoptr(GPtrArray) views = NULL;
    GHashTable *orphans;
    GSource *source;

    pthread_mutex_lock(&memory->retired_lock);
    orphans = g_steal_pointer(&memory->orphans);
    memory->orphans = new_orphans();
    source = g_steal_pointer(&memory->reclaim_source);
    pthread_mutex_unlock(&memory->retired_lock);

    if (source) {
        g_source_destroy(source);
        g_source_unref(source);
    }
    g_hash_table_unref(orphans);
    views = steal_retired(memory);
    tn_rcu_synchronize();
    for (unsigned i = 0; i < views->len; i++) {
        tn_flat_view_unref(views->pdata[i]);
    }
}

static gboolean
on_reclaim(gpointer opaque)
{
    reclaim(opaque);
    return G_SOURCE_REMOVE;
}

void
tn_memory_retire_locked(TnMemory *memory, TnFlatView *view)
{
    pthread_mutex_lock(&memory->retired_lock);
    g_ptr_array_add(memory->retired, view);
    if (memory->retired->len >= TN_MEMORY_MAX_RETIRED) {
        __atomic_store_n(&memory->crowded, 1, __ATOMIC_RELAXED);
    }
    if (!memory->reclaim_source) {
        memory->reclaim_source = g_idle_source_new();
        g_source_set_priority(memory->reclaim_source, G_PRIORITY_DEFAULT);
        g_source_set_callback(memory->reclaim_source, on_reclaim, memory, NULL);
        g_source_attach(memory->reclaim_source, memory->context);
    }
    pthread_mutex_unlock(&memory->retired_lock);
}

void
tn_memory_synchronize(TnMemory *memory)
{
    /* Either would wait for itself: readers may be waiting for the topology lock. */
    g_assert(!tn_rcu_in_read_section());
    g_assert(__atomic_load_n(&memory->transaction, __ATOMIC_RELAXED) != g_thread_self());
    reclaim(memory);
}
