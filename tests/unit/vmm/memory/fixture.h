/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the memory core's tests share: a memory with one space, and regions that
 * are cleaned up with it.
 */
#pragma once

#include "vmm/memory/listener.h"

typedef struct Fixture {
    TnMemory *memory;
    TnMemoryRegion root; /* a container of all 2^64 addresses */
    TnAddressSpace *as;
    GPtrArray *regions; /* made by the functions below */
    GPtrArray *ram;     /* their host memory */
    GString *log;       /* of recording devices and listeners */
} Fixture;

/* For g_test_add(). */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);

/* A test that is given a fresh memory with one space. */
#define fixture_test(path, func) \
    g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

/* Regions that live as long as @f, in no container yet. RAM is real and zeroed. */
TnMemoryRegion *make_container(Fixture *f, const char *name, uint64_t size);
TnMemoryRegion *make_io(Fixture *f, const char *name, uint64_t size);
TnMemoryRegion *make_device(Fixture *f, const TnMemoryRegionOps *ops, uint64_t size);
TnMemoryRegion *make_ram(Fixture *f, const char *name, uint64_t size);
TnMemoryRegion *make_rom(Fixture *f, const char *name, uint64_t size);
TnMemoryRegion *make_ram_device(Fixture *f, const char *name, uint64_t size);
/* Named "device"; @ops get @f. */
TnMemoryRegion *make_rom_device(Fixture *f, const TnMemoryRegionOps *ops, uint64_t size);
TnMemoryRegion *make_alias(Fixture *f, const char *name, TnMemoryRegion *target, uint64_t offset,
                           uint64_t size);

/* Text of a view: "1000-1fff ram +0; 2000-2fff uart +8 ro". (transfer full) */
char *view_text(const TnFlatView *view);
char *space_text(TnAddressSpace *as);
#define assert_space(f, expected)                     \
    do {                                              \
        g_autofree char *text_ = space_text((f)->as); \
        g_assert_cmpstr(text_, ==, expected);         \
    } while (0)

/* Ops that answer with 0 and drop writes, for where only the map matters. */
extern const TnMemoryRegionOps plain_ops;
