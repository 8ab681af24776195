/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dirty bitmaps. Whoever marks comes through a view that says who logs; bitmaps are made
 * before such a view is published and live as long as the region, so marking needs no lock.
 */
#include "vmm/memory/dirty-log.h"

#include "vmm/memory/memory-private.h"

#include <string.h>

#define TN_WORD_BITS 64u

struct TnDirtyBitmap {
    uint64_t pages;
    uint64_t words[]; /* atomic */
};

struct TnDirtySnapshot {
    uint64_t first_page;
    uint64_t pages;
    uint64_t words[]; /* from the page first_page rounded down to a word's on */
};

static uint64_t
words_for(uint64_t pages)
{
    return (pages + TN_WORD_BITS - 1) / TN_WORD_BITS;
}

/* The bits of word @word that are pages @first..@last. */
static uint64_t
word_mask(uint64_t word, uint64_t first, uint64_t last)
{
    uint64_t mask = UINT64_MAX;

    if (first / TN_WORD_BITS == word) {
        mask &= UINT64_MAX << (first % TN_WORD_BITS);
    }
    if (last / TN_WORD_BITS == word) {
        mask &= UINT64_MAX >> (TN_WORD_BITS - 1 - last % TN_WORD_BITS);
    }
    return mask;
}

static struct TnDirtyBitmap *
get_bitmap(const TnMemoryRegion *mr, unsigned client)
{
    return __atomic_load_n(&mr->dirty[client], __ATOMIC_ACQUIRE);
}

static void
clear_bitmap(struct TnDirtyBitmap *bitmap)
{
    for (uint64_t i = 0; i < words_for(bitmap->pages); i++) {
        __atomic_store_n(&bitmap->words[i], 0, __ATOMIC_RELAXED);
    }
}

/* With an empty bitmap for @client, which did not log before. */
static void
activate_locked(TnMemoryRegion *mr, unsigned client)
{
    struct TnDirtyBitmap *bitmap = get_bitmap(mr, client);

    if (bitmap) {
        clear_bitmap(bitmap);
        return;
    }
    {
        uint64_t pages = mr->last_offset / TN_DIRTY_PAGE_SIZE + 1;

        bitmap = g_malloc0(sizeof(*bitmap) + words_for(pages) * sizeof(uint64_t));
        bitmap->pages = pages;
    }
    __atomic_store_n(&mr->dirty[client], bitmap, __ATOMIC_RELEASE);
}

uint8_t
tn_dirty_clients_locked(TnMemoryRegion *mr)
{
    uint8_t clients = mr->log_clients;

    if (mr->memory->global_log && !mr->ram_device) {
        clients |= 1u << TN_DIRTY_MIGRATION;
    }
    for (unsigned i = 0; i < TN_DIRTY_MAX; i++) {
        if ((clients & ~mr->log_active) >> i & 1) {
            activate_locked(mr, i);
        }
    }
    __atomic_store_n(&mr->log_active, clients, __ATOMIC_RELAXED);
    return clients;
}

void
tn_dirty_bitmaps_free(TnMemoryRegion *mr)
{
    for (unsigned i = 0; i < TN_DIRTY_MAX; i++) {
        g_clear_pointer(&mr->dirty[i], g_free);
    }
}

void
tn_dirty_mark(TnMemoryRegion *mr, uint8_t clients, uint64_t offset, uint64_t len)
{
    for (unsigned i = 0; i < TN_DIRTY_MAX; i++) {
        struct TnDirtyBitmap *bitmap = clients >> i & 1 ? get_bitmap(mr, i) : NULL;
        uint64_t first = offset / TN_DIRTY_PAGE_SIZE;
        uint64_t last;

        if (!bitmap || len == 0 || first >= bitmap->pages) {
            continue;
        }
        last = MIN((offset + (len - 1)) / TN_DIRTY_PAGE_SIZE, bitmap->pages - 1);
        for (uint64_t w = first / TN_WORD_BITS; w <= last / TN_WORD_BITS; w++) {
            /* After the write to the page, which a snapshot's clearing orders itself to. */
            __atomic_fetch_or(&bitmap->words[w], word_mask(w, first, last), __ATOMIC_SEQ_CST);
        }
    }
}

void
tn_memory_region_set_dirty(TnMemoryRegion *mr, uint64_t offset, uint64_t len)
{
    tn_dirty_mark(mr, __atomic_load_n(&mr->log_active, __ATOMIC_RELAXED), offset, len);
}

void
tn_memory_region_set_log(TnMemoryRegion *mr, TnDirtyClient client, bool log)
{
    uint8_t bit = (uint8_t)(1u << client);

    g_assert(client < TN_DIRTY_MAX);
    g_assert(tn_memory_region_is_ram(mr) && !mr->ram_device);
    tn_memory_begin(mr->memory);
    if (!(mr->log_clients & bit) != !log) {
        mr->log_clients ^= bit;
        tn_memory_mark_changed_locked(mr->memory);
    }
    tn_memory_commit(mr->memory);
}

static void
set_global(TnMemory *memory, bool log)
{
    tn_memory_begin(memory);
    if (memory->global_log != log) {
        memory->global_log = log;
        tn_memory_mark_changed_locked(memory);
    }
    tn_memory_commit(memory);
}

void
tn_memory_global_log_start(TnMemory *memory)
{
    set_global(memory, true);
    tn_memory_synchronize(memory);
}

void
tn_memory_global_log_stop(TnMemory *memory)
{
    set_global(memory, false);
}

/* @mr NULL: every region. */
static void
sync_space(TnAddressSpace *as, const TnMemoryRegion *mr)
{
    for (unsigned i = 0; i < as->view->count; i++) {
        const TnMemorySection section = { as, &as->view->ranges[i] };

        if (section.flat->dirty_clients == 0 || (mr && section.flat->region != mr)) {
            continue;
        }
        for (unsigned j = 0; j < as->listeners->len; j++) {
            TnMemoryListener *listener = as->listeners->pdata[j];

            if (listener->log_sync) {
                listener->log_sync(listener, &section);
            }
        }
    }
}

static void
sync_all(TnMemory *memory, const TnMemoryRegion *mr)
{
    tn_memory_lock(memory);
    for (unsigned i = 0; i < memory->spaces->len; i++) {
        sync_space(memory->spaces->pdata[i], mr);
    }
    tn_memory_unlock(memory);
}

void
tn_memory_region_sync_log(TnMemoryRegion *mr)
{
    sync_all(mr->memory, mr);
}

void
tn_memory_global_log_sync(TnMemory *memory)
{
    sync_all(memory, NULL);
}

/* Tells listeners that @offsets of @mr were taken. */
static void
tell_clear_locked(TnMemoryRegion *mr, TnAddressSpace *as, TnRange offsets)
{
    for (unsigned i = 0; i < as->view->count; i++) {
        const TnFlatRange *flat = &as->view->ranges[i];
        const TnMemorySection section = { as, flat };
        TnRange shown = { flat->offset_in_region,
                          flat->offset_in_region + (flat->range.last - flat->range.first) };

        if (flat->region != mr || flat->dirty_clients == 0 ||
            !tn_range_intersect(shown, offsets, &shown)) {
            continue;
        }
        for (unsigned j = 0; j < as->listeners->len; j++) {
            TnMemoryListener *listener = as->listeners->pdata[j];

            if (listener->log_clear) {
                listener->log_clear(listener, &section, shown);
            }
        }
    }
}

TnDirtySnapshot *
tn_memory_region_snapshot_and_clear_dirty(TnMemoryRegion *mr, TnDirtyClient client,
                                          uint64_t offset, uint64_t len)
{
    uint64_t first = MIN(offset, mr->last_offset) / TN_DIRTY_PAGE_SIZE;
    uint64_t room = mr->last_offset - MIN(offset, mr->last_offset);
    uint64_t last = (MIN(offset, mr->last_offset) + MIN(len - 1, room)) / TN_DIRTY_PAGE_SIZE;
    uint64_t base = first / TN_WORD_BITS;
    uint64_t count = last / TN_WORD_BITS - base + 1;
    TnDirtySnapshot *snapshot = g_malloc0(sizeof(*snapshot) + count * sizeof(uint64_t));
    struct TnDirtyBitmap *bitmap;

    g_assert(len > 0);
    snapshot->first_page = first;
    snapshot->pages = last - first + 1;
    tn_memory_lock(mr->memory);
    bitmap = mr->log_active >> client & 1 ? get_bitmap(mr, client) : NULL;
    for (uint64_t i = 0; bitmap && i < count; i++) {
        uint64_t mask = word_mask(base + i, first, last);

        snapshot->words[i] =
            __atomic_fetch_and(&bitmap->words[base + i], ~mask, __ATOMIC_SEQ_CST) & mask;
    }
    /* Before the caller reads a page: what is written from now on is logged again. */
    if (bitmap) {
        TnRange offsets = { first * TN_DIRTY_PAGE_SIZE,
                            last * TN_DIRTY_PAGE_SIZE + (TN_DIRTY_PAGE_SIZE - 1) };

        for (unsigned i = 0; i < mr->memory->spaces->len; i++) {
            tell_clear_locked(mr, mr->memory->spaces->pdata[i], offsets);
        }
    }
    tn_memory_unlock(mr->memory);
    return snapshot;
}

bool
tn_dirty_snapshot_get(const TnDirtySnapshot *snapshot, uint64_t offset, uint64_t len)
{
    uint64_t base = snapshot->first_page / TN_WORD_BITS;
    TnRange wanted;
    TnRange have = { snapshot->first_page, snapshot->first_page + snapshot->pages - 1 };

    if (!tn_range_make(offset, len, &wanted) ||
        !tn_range_intersect(have,
                            (TnRange){ wanted.first / TN_DIRTY_PAGE_SIZE,
                                       wanted.last / TN_DIRTY_PAGE_SIZE },
                            &wanted)) {
        return false;
    }
    for (uint64_t w = wanted.first / TN_WORD_BITS; w <= wanted.last / TN_WORD_BITS; w++) {
        if (snapshot->words[w - base] & word_mask(w, wanted.first, wanted.last)) {
            return true;
        }
    }
    return false;
}

uint64_t
tn_dirty_snapshot_count(const TnDirtySnapshot *snapshot)
{
    uint64_t base = snapshot->first_page / TN_WORD_BITS;
    uint64_t last = snapshot->first_page + snapshot->pages - 1;
    uint64_t count = 0;

    for (uint64_t w = base; w <= last / TN_WORD_BITS; w++) {
        count += (unsigned)__builtin_popcountll(snapshot->words[w - base]);
    }
    return count;
}

void
tn_dirty_snapshot_free(TnDirtySnapshot *snapshot)
{
    g_free(snapshot);
}
