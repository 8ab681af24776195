/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map of physical memory that a kernel is told at its start: sorted, disjoint
 * entries, as E820 and PVH's memmap both want them (ACPI 6.4, 15.1). A plain value.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TN_E820_RAM = 1,
    TN_E820_RESERVED = 2,
    TN_E820_ACPI = 3, /* tables; may be reclaimed once read */
    TN_E820_NVS = 4,
    TN_E820_UNUSABLE = 5,
} TnE820Type;

typedef struct TnE820Entry {
    uint64_t addr;
    uint64_t size; /* not 0; addr + size - 1 does not wrap */
    TnE820Type type;
} TnE820Entry;

/* As many as the zero page of Linux holds. */
#define TN_E820_MAX_ENTRIES 128

typedef struct TnE820Map {
    TnE820Entry entries[TN_E820_MAX_ENTRIES]; /* ascending, disjoint */
    unsigned num_entries;
} TnE820Map;

/**
 * tn_e820_add:
 * Lays @size bytes of @type over what the map says of @addr; neighbours of one type
 * become one. FALSE, with @map as it was, when the range is empty or wraps, or the
 * map would have too many entries.
 */
gboolean tn_e820_add(TnE820Map *map, uint64_t addr, uint64_t size, TnE820Type type);

/* The entry that holds @addr, NULL for a hole. Owned by @map. */
const TnE820Entry *tn_e820_find(const TnE820Map *map, uint64_t addr);

/* Whether all of @addr..@addr+@size-1 is RAM. */
bool tn_e820_is_ram(const TnE820Map *map, uint64_t addr, uint64_t size);

/**
 * tn_e820_find_room:
 * The highest address, a multiple of @align (a power of two), at which @size bytes of RAM
 * lie at or above @min and end at or below @max (inclusive), touching none of
 * @avoid_addr..@avoid_addr+@avoid_size-1.
 * Returns: FALSE when there is none; @ret_addr is untouched then.
 */
typedef struct TnE820Request {
    uint64_t size;
    uint64_t align;
    uint64_t min, max;
    uint64_t avoid_addr, avoid_size;
} TnE820Request;
gboolean tn_e820_find_room(const TnE820Map *map, const TnE820Request *request,
                           uint64_t *ret_addr);

/* How a pc of i440FX kind splits @ram_size bytes around the PCI hole: all below
 * 0xe0000000 where they fit, else 3 GiB below and the rest from 4 GiB on. */
void tn_e820_split_ram(uint64_t ram_size, uint64_t *ret_below_4g, uint64_t *ret_above_4g);

/* The map of such a pc: RAM as split, the area from the EBDA to 1 MiB and the pages
 * that KVM keeps reserved. ACPI tables are for the caller to add. @ram_size is at
 * least 1 MiB. Replaces @map. */
void tn_e820_init_pc(TnE820Map *map, uint64_t ram_size);
