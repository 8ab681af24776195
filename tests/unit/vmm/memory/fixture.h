/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the memory core's tests share: a memory with one space, host memory, and
 * a device that writes down how it is called.
 */
#pragma once

#include "vmm/memory/listener.h"

typedef struct Fixture {
    TnMemory *memory;
    TnMemoryRegion root; /* a container of all 2^64 addresses */
    TnAddressSpace *as;
    GString *log; /* of the recording device and listener */
} Fixture;

/* For g_test_add(). */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);

/* A space of which every test in the group is given a fresh one. */
#define fixture_test(path, func) \
    g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

/* Text of the view: "1000-1fff ram +0; 2000-2fff uart +8 ro". */
char *view_text(const TnFlatView *view);
/* As view_text() of today's view of @f's space. */
char *space_text(Fixture *f);
#define assert_space(f, expected)                  \
    do {                                           \
        g_autofree char *text_ = space_text(f);    \
        g_assert_cmpstr(text_, ==, expected);      \
    } while (0)

/* Zeroed host memory of @size bytes as a RAM block; to be given to ram_block_free(). */
TnRamBlock ram_block_new(uint64_t size);
void ram_block_free(TnRamBlock *ram, uint64_t size);

/* Ops that answer with 0 and drop writes, for where only the map matters. */
extern const TnMemoryRegionOps plain_ops;
