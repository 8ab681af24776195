/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accesses: who answers, with which bytes, in calls of which size.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>

static uint64_t
recorded_read(void *opaque, uint64_t addr, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "r%u@%" PRIx64 " ", size, addr);
    return UINT64_C(0x8877665544332211) >> (8 * (addr & 7));
}

static void
recorded_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "w%u@%" PRIx64 "=%" PRIx64 " ", size, addr, value);
}

static TnMemResult
access_one(Fixture *f, uint64_t addr, void *data, unsigned size, bool is_write)
{
    TnAccessCache cache = { 0 };

    return tn_address_space_access(f->as, &cache, addr, data, size, is_write);
}

static void
test_mmio_read(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { .read = recorded_read, .write = recorded_write };
    TnMemoryRegion io;
    uint32_t value = 0;

    tn_memory_region_init_io(&io, f->memory, NULL, &ops, f, "io", 0x100);
    tn_memory_region_add_subregion(&f->root, 0x1000, &io);

    g_assert_cmpint(access_one(f, 0x1010, &value, 4, false), ==, TN_MEM_OK);

    g_assert_cmphex(value, ==, 0x44332211);
    g_assert_cmpstr(f->log->str, ==, "r4@10 ");
    tn_memory_region_del_subregion(&f->root, &io);
    tn_memory_synchronize(f->memory);
    tn_memory_region_done(&io);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/access/mmio-read-calls-the-device", test_mmio_read);
    return g_test_run();
}
