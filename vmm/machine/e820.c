/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map of physical memory that a kernel is told at its start. */
#include "vmm/machine/e820.h"

#include "vmm/accel/kvm.h"

#include <string.h>

#define LOW_LIMIT 0xe0000000u       /* RAM up to here when all of it fits */
#define LOW_LIMIT_SPLIT 0xc0000000u /* RAM below 4 GiB when it does not */
#define ABOVE_4G UINT64_C(0x100000000)
#define EBDA 0x9fc00u
#define ONE_MIB 0x100000u

static uint64_t
entry_last(const TnE820Entry *entry)
{
    return entry->addr + (entry->size - 1);
}

/* Appends first..last of @type to a sorted list, joining it with the entry before. */
static bool
append(TnE820Map *map, uint64_t first, uint64_t last, TnE820Type type)
{
    if (map->num_entries > 0) {
        TnE820Entry *before = &map->entries[map->num_entries - 1];

        if (before->type == type && entry_last(before) + 1 == first) {
            before->size += last - first + 1;
            return true;
        }
    }
    if (map->num_entries == TN_E820_MAX_ENTRIES) {
        return false;
    }
    map->entries[map->num_entries++] = (TnE820Entry){ first, last - first + 1, type };
    return true;
}

gboolean
tn_e820_add(TnE820Map *map, uint64_t addr, uint64_t size, TnE820Type type)
{
    g_autofree TnE820Map *result = g_new0(TnE820Map, 1);
    uint64_t last = addr + (size - 1);
    bool placed = false;

    /* All of 2^64 bytes in one entry could not say its size. */
    if (size == 0 || last < addr || (addr == 0 && last == UINT64_MAX)) {
        return FALSE;
    }
    for (unsigned i = 0; i < map->num_entries; i++) {
        const TnE820Entry *old = &map->entries[i];
        uint64_t old_last = entry_last(old);

        if (old->addr < addr &&
            !append(result, old->addr, MIN(old_last, addr - 1), old->type)) {
            return FALSE;
        }
        if (!placed && old_last >= addr) {
            if (!append(result, addr, last, type)) {
                return FALSE;
            }
            placed = true;
        }
        if (old_last > last && !append(result, MAX(old->addr, last + 1), old_last, old->type)) {
            return FALSE;
        }
    }
    if (!placed && !append(result, addr, last, type)) {
        return FALSE;
    }
    *map = *result;
    return TRUE;
}

const TnE820Entry *
tn_e820_find(const TnE820Map *map, uint64_t addr)
{
    for (unsigned i = 0; i < map->num_entries; i++) {
        const TnE820Entry *entry = &map->entries[i];

        if (addr >= entry->addr && addr <= entry_last(entry)) {
            return entry;
        }
    }
    return NULL;
}

bool
tn_e820_is_ram(const TnE820Map *map, uint64_t addr, uint64_t size)
{
    const TnE820Entry *entry = tn_e820_find(map, addr);

    return size > 0 && entry && entry->type == TN_E820_RAM &&
           size - 1 <= entry_last(entry) - addr;
}

/* The highest fit in first..last (inclusive). */
static bool
fit(const TnE820Request *request, uint64_t first, uint64_t last, uint64_t *ret_addr)
{
    uint64_t addr;

    first = MAX(first, request->min);
    last = MIN(last, request->max);
    if (first > last || last - first < request->size - 1) {
        return false;
    }
    addr = (last - (request->size - 1)) & ~(request->align - 1);
    if (addr < first) {
        return false;
    }
    *ret_addr = addr;
    return true;
}

/* In one entry, above or else below what is to be avoided. */
static bool
fit_entry(const TnE820Entry *entry, const TnE820Request *request, uint64_t *ret_addr)
{
    uint64_t first = entry->addr;
    uint64_t last = entry_last(entry);
    uint64_t avoid_last = request->avoid_addr + (request->avoid_size - 1);

    if (request->avoid_size == 0 || request->avoid_addr > last || avoid_last < first) {
        return fit(request, first, last, ret_addr);
    }
    if (avoid_last < last && fit(request, avoid_last + 1, last, ret_addr)) {
        return true;
    }
    return request->avoid_addr > first && fit(request, first, request->avoid_addr - 1, ret_addr);
}

gboolean
tn_e820_find_room(const TnE820Map *map, const TnE820Request *request, uint64_t *ret_addr)
{
    if (request->size == 0) {
        return FALSE;
    }
    for (unsigned i = map->num_entries; i > 0; i--) {
        const TnE820Entry *entry = &map->entries[i - 1];

        if (entry->type == TN_E820_RAM && fit_entry(entry, request, ret_addr)) {
            return TRUE;
        }
    }
    return FALSE;
}

void
tn_e820_split_ram(uint64_t ram_size, uint64_t *ret_below_4g, uint64_t *ret_above_4g)
{
    uint64_t below = ram_size < LOW_LIMIT ? ram_size : LOW_LIMIT_SPLIT;

    *ret_below_4g = below;
    *ret_above_4g = ram_size - below;
}

void
tn_e820_init_pc(TnE820Map *map, uint64_t ram_size)
{
    uint64_t below, above;

    memset(map, 0, sizeof(*map));
    tn_e820_split_ram(ram_size, &below, &above);
    /* None of these can fail: a handful of ranges, none empty. */
    (void)tn_e820_add(map, 0, below, TN_E820_RAM);
    (void)tn_e820_add(map, EBDA, ONE_MIB - EBDA, TN_E820_RESERVED);
    (void)tn_e820_add(map, TN_KVM_RESERVED_BASE, TN_KVM_RESERVED_SIZE, TN_E820_RESERVED);
    if (above > 0) {
        (void)tn_e820_add(map, ABOVE_4G, above, TN_E820_RAM);
    }
}
