/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accesses: who answers, with which bytes, by calls of which size.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>
#include <string.h>

/* A register file in which the byte at offset n is 0x10 + n. */
static uint64_t
device_read(void *opaque, uint64_t addr, unsigned size)
{
    Fixture *f = opaque;
    uint64_t value = 0;

    g_string_append_printf(f->log, "r%u@%" PRIx64 " ", size, addr);
    for (unsigned i = size; i > 0; i--) {
        value = value << 8 | ((0x10 + addr + i - 1) & 0xff);
    }
    return value;
}

static void
device_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "w%u@%" PRIx64 "=%" PRIx64 " ", size, addr, value);
}

#define DEVICE_OPS .read = device_read, .write = device_write

/* A region of these ops at 0x1000, 0x10 bytes long. */
static void
place(Fixture *f, const TnMemoryRegionOps *ops)
{
    tn_memory_region_add_subregion(&f->root, 0x1000, make_device(f, ops, 0x10));
}

static uint64_t
read_one(Fixture *f, uint64_t addr, unsigned size, TnMemResult expected)
{
    TnAccessCache cache = { 0 };
    uint64_t value = 0;

    g_assert_cmpint(tn_address_space_access(f->as, &cache, addr, &value, size, false), ==,
                    expected);
    return value;
}

static void
write_one(Fixture *f, uint64_t addr, uint64_t value, unsigned size, TnMemResult expected)
{
    TnAccessCache cache = { 0 };

    g_assert_cmpint(tn_address_space_access(f->as, &cache, addr, &value, size, true), ==,
                    expected);
}

static void
test_read(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.max = 8, .impl.max = 8 };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1001, 1, TN_MEM_OK), ==, 0x11);
    g_assert_cmphex(read_one(f, 0x1002, 2, TN_MEM_OK), ==, 0x1312);
    g_assert_cmphex(read_one(f, 0x1004, 4, TN_MEM_OK), ==, 0x17161514);
    g_assert_cmphex(read_one(f, 0x1008, 8, TN_MEM_OK), ==, 0x1f1e1d1c1b1a1918);
    g_assert_cmpstr(f->log->str, ==, "r1@1 r2@2 r4@4 r8@8 ");
}

static void
test_write(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.max = 8, .impl.max = 8 };

    place(f, &ops);
    write_one(f, 0x1001, 0xffffffffffffff12, 1, TN_MEM_OK);
    write_one(f, 0x1002, 0xffffffffffff1234, 2, TN_MEM_OK);
    write_one(f, 0x1004, 0xffffffff12345678, 4, TN_MEM_OK);
    write_one(f, 0x1008, 0x123456789abcdef0, 8, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w1@1=12 w2@2=1234 w4@4=12345678 w8@8=123456789abcdef0 ");
}

static void
test_offset_through_alias(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    TnMemoryRegion *device = make_device(f, &ops, 0x100);

    tn_memory_region_add_subregion(&f->root, 0x1000, make_alias(f, "alias", device, 0x40, 0x10));
    read_one(f, 0x1004, 4, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "r4@44 ");
}

static void
test_unassigned_read(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(read_one(f, 0x5000, 4, TN_MEM_UNASSIGNED), ==, 0xffffffff);
}

static void
test_unassigned_write(Fixture *f, gconstpointer data)
{
    write_one(f, 0x5000, 1, 4, TN_MEM_UNASSIGNED);
}

static void
test_default_refuses_8(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1000, 8, TN_MEM_INVALID_SIZE), ==, UINT64_MAX);
    write_one(f, 0x1000, 1, 8, TN_MEM_INVALID_SIZE);
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_smaller_than_valid(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid = { .min = 4, .max = 4 } };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1000, 2, TN_MEM_INVALID_SIZE), ==, 0xffff);
    write_one(f, 0x1000, 1, 1, TN_MEM_INVALID_SIZE);
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_unaligned_refused(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1002, 4, TN_MEM_INVALID_SIZE), ==, 0xffffffff);
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_unaligned_emulated(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.unaligned = true };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1001, 4, TN_MEM_OK), ==, 0x14131211);
    g_assert_cmpstr(f->log->str, ==, "r1@1 r2@2 r1@4 ");
}

static void
test_unaligned_write_touches_no_neighbour(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.unaligned = true };

    place(f, &ops);
    write_one(f, 0x1003, 0x44332211, 4, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w1@3=11 w2@4=3322 w1@6=44 ");
}

static void
test_unaligned_implemented(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.unaligned = true,
                                           .impl.unaligned = true };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1003, 4, TN_MEM_OK), ==, 0x16151413);
    g_assert_cmpstr(f->log->str, ==, "r4@3 ");
}

static void
test_split(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .impl = { .max = 1 } };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1004, 4, TN_MEM_OK), ==, 0x17161514);
    write_one(f, 0x1008, 0x4321, 2, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "r1@4 r1@5 r1@6 r1@7 w1@8=21 w1@9=43 ");
}

static void
test_split_8_into_4(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.max = 8 };

    place(f, &ops);
    write_one(f, 0x1008, 0x1122334455667788, 8, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w4@8=55667788 w4@c=11223344 ");
}

static void
test_widen_read(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .impl = { .min = 4 } };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1006, 1, TN_MEM_OK), ==, 0x16);
    g_assert_cmphex(read_one(f, 0x1006, 2, TN_MEM_OK), ==, 0x1716);
    g_assert_cmpstr(f->log->str, ==, "r4@4 r4@4 ");
}

static void
test_widen_write(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .impl = { .min = 4 } };

    place(f, &ops);
    write_one(f, 0x1004, 0xab, 1, TN_MEM_OK);
    write_one(f, 0x1006, 0xcd, 1, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w4@4=ab w4@4=cd0000 ");
}

static void
test_widen_unaligned(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid.unaligned = true,
                                           .impl = { .min = 4 } };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1003, 4, TN_MEM_OK), ==, 0x16151413);
    g_assert_cmpstr(f->log->str, ==, "r4@0 r4@4 ");
}

/* A region whose size is no multiple of what it implements: nothing is called past its end. */
static void
test_widen_past_the_end(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .impl = { .min = 4 } };

    tn_memory_region_add_subregion(&f->root, 0x1000, make_device(f, &ops, 6));
    g_assert_cmphex(read_one(f, 0x1005, 1, TN_MEM_OK), ==, 0xff);
    write_one(f, 0x1004, 0x1234, 2, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_no_read_callback(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { .write = device_write };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1000, 2, TN_MEM_UNASSIGNED), ==, 0xffff);
    write_one(f, 0x1000, 7, 2, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w2@0=7 ");
}

static void
test_no_write_callback(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { .read = device_read };

    place(f, &ops);
    write_one(f, 0x1000, 7, 2, TN_MEM_UNASSIGNED);
    g_assert_cmphex(read_one(f, 0x1000, 2, TN_MEM_OK), ==, 0x1110);
}

/* Ports 0xcf8 and 0xcf9: a byte register inside of a wider one. */
static void
test_full_width_over_another_register(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };

    tn_memory_region_add_subregion(&f->root, 0xcf8, make_device(f, &ops, 4));
    tn_memory_region_add_subregion_overlap(&f->root, 0xcf9, make_io(f, "reset", 1), 1);
    write_one(f, 0xcf8, 0x80000000, 4, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w4@0=80000000 ");
}

/* What reaches past the region's end never reaches the callback. */
static void
test_past_regions_end(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };

    tn_memory_region_add_subregion(&f->root, 0x64, make_device(f, &ops, 1));
    g_assert_cmphex(read_one(f, 0x64, 4, TN_MEM_UNASSIGNED), ==, 0xffffff10);
    g_assert_cmpstr(f->log->str, ==, "r1@0 ");
}

static void
test_across_two_regions(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };

    tn_memory_region_add_subregion(&f->root, 0x60, make_device(f, &ops, 2));
    tn_memory_region_add_subregion(&f->root, 0x62, make_device(f, &ops, 2));
    write_one(f, 0x60, 0x44332211, 4, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "w2@0=2211 w2@0=4433 ");
}

static void
test_odd_sizes(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };

    place(f, &ops);
    g_assert_cmphex(read_one(f, 0x1001, 3, TN_MEM_OK), ==, 0x131211);
    g_assert_cmpstr(f->log->str, ==, "r1@1 r2@2 ");
}

static void
test_ram(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0x1000, ram);
    write_one(f, 0x1008, 0x1122334455667788, 8, TN_MEM_OK);
    g_assert_cmphex(((uint64_t *)ram->ram.host)[1], ==, 0x1122334455667788);
    g_assert_cmphex(read_one(f, 0x1009, 4, TN_MEM_OK), ==, 0x44556677);
}

static void
test_rom_write_dropped(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *rom = make_rom(f, "rom", 0x1000);

    *(uint32_t *)rom->ram.host = 0x55aa;
    tn_memory_region_add_subregion(&f->root, 0x1000, rom);
    write_one(f, 0x1000, 1, 4, TN_MEM_READONLY);
    g_assert_cmphex(read_one(f, 0x1000, 4, TN_MEM_OK), ==, 0x55aa);
}

/* i440FX PAM: the same RAM can be written elsewhere, not through this window. */
static void
test_readonly_alias_write_dropped(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);
    TnMemoryRegion *alias = make_alias(f, "pam", ram, 0, 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_add_subregion(&f->root, 0x10000, alias);
    tn_memory_region_set_readonly(alias, true);
    write_one(f, 0x10000, 1, 4, TN_MEM_READONLY);
    write_one(f, 4, 2, 4, TN_MEM_OK);
    g_assert_cmphex(read_one(f, 0x10000, 8, TN_MEM_OK), ==, UINT64_C(2) << 32);
}

static void
test_cache_sees_new_views(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    TnMemoryRegion *device = make_device(f, &ops, 0x10);
    TnAccessCache cache = { 0 };
    uint32_t value;

    tn_memory_region_add_subregion(&f->root, 0x1000, device);
    tn_address_space_access(f->as, &cache, 0x1000, &value, 4, false);
    tn_memory_region_del_subregion(&f->root, device);
    tn_memory_synchronize(f->memory);
    g_assert_cmpint(tn_address_space_access(f->as, &cache, 0x1000, &value, 4, false), ==,
                    TN_MEM_UNASSIGNED);
    g_assert_cmphex(value, ==, 0xffffffff);
}

static void
test_cache_survives_what_changes_nothing(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    TnAccessCache cache = { 0 };
    TnAccessCache before;
    uint32_t value;

    place(f, &ops);
    tn_address_space_access(f->as, &cache, 0x1000, &value, 4, false);
    before = cache;
    /* Hidden entirely by the device. */
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, make_io(f, "below", 4), -1);
    tn_address_space_access(f->as, &cache, 0x1000, &value, 4, false);
    g_assert_cmpuint(cache.generation, ==, before.generation);
    g_assert_true(cache.last == before.last);
}

static void
test_cache_knows_a_resized_region(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    TnMemoryRegion *device = make_device(f, &ops, 0x10);
    TnMemoryRegion *cover = make_io(f, "cover", 0x100);
    TnAccessCache cache = { 0 };
    uint32_t value = 0;

    /* Only the first two bytes show; how far the region goes on below is not visible. */
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, device, 0);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1002, cover, 1);
    tn_address_space_access(f->as, &cache, 0x1000, &value, 4, false);
    tn_memory_region_set_size(device, 2);
    tn_address_space_access(f->as, &cache, 0x1000, &value, 4, false);
    g_assert_cmpstr(f->log->str, ==, "r4@0 r2@0 ");
}

static void
test_bulk_over_everything(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);
    uint8_t buf[16];
    static const uint8_t expected[16] = { 0xaa, 0xbb, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    memcpy((uint8_t *)ram->ram.host + 0xffe, "\xaa\xbb", 2);
    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_device(f, &ops, 6));
    g_assert_cmpint(tn_address_space_read(f->as, 0xffe, buf, sizeof(buf)), ==, TN_MEM_UNASSIGNED);
    g_assert_cmpmem(buf, sizeof(buf), expected, sizeof(expected));
    g_assert_cmpstr(f->log->str, ==, "r4@0 r2@4 ");
}

static void
test_bulk_goes_on_after_a_failure(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);
    uint8_t buf[0x20];

    memset(buf, 0x5a, sizeof(buf));
    tn_memory_region_add_subregion(&f->root, 0x1000, make_rom(f, "rom", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x2000, ram);
    g_assert_cmpint(tn_address_space_write(f->as, 0x1ff0, buf, sizeof(buf)), ==, TN_MEM_READONLY);
    g_assert_cmpmem(ram->ram.host, 0x10, buf, 0x10);
}

static void
test_bulk_first_failure_is_returned(Fixture *f, gconstpointer data)
{
    uint8_t buf[0x20];

    tn_memory_region_add_subregion(&f->root, 0x1000, make_rom(f, "rom", 0x1000));
    g_assert_cmpint(tn_address_space_write(f->as, 0xff0, buf, sizeof(buf)), ==,
                    TN_MEM_UNASSIGNED);
    g_assert_cmpint(tn_address_space_write(f->as, 0x1ff0, buf, sizeof(buf)), ==, TN_MEM_READONLY);
}

static void
test_bulk_splits_to_valid_sizes(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    uint8_t buf[11] = { 0 };

    place(f, &ops);
    g_assert_cmpint(tn_address_space_read(f->as, 0x1001, buf, sizeof(buf)), ==, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "r1@1 r2@2 r4@4 r4@8 ");
    g_assert_cmphex(buf[10], ==, 0x1b);
}

static void
test_bulk_below_valid_min(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS, .valid = { .min = 4 } };
    uint8_t buf[6] = { 0 };

    place(f, &ops);
    g_assert_cmpint(tn_address_space_read(f->as, 0x1000, buf, sizeof(buf)), ==,
                    TN_MEM_INVALID_SIZE);
    g_assert_cmphex(buf[3], ==, 0x13);
    g_assert_cmphex(buf[4], ==, 0xff);
    g_assert_cmphex(buf[5], ==, 0xff);
}

static void
test_bulk_past_the_last_address(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);
    uint8_t buf[4] = { 0 };

    tn_memory_region_add_subregion(&f->root, 0xfffffffffffff000, ram);
    tn_memory_region_add_subregion(&f->root, 0, make_ram(f, "zero", 0x1000));
    ((uint8_t *)ram->ram.host)[0xfff] = 0x77;
    g_assert_cmpint(tn_address_space_read(f->as, UINT64_MAX, buf, 4), ==, TN_MEM_UNASSIGNED);
    g_assert_cmphex(buf[0], ==, 0x77);
    g_assert_cmphex(buf[1], ==, 0xff);
    g_assert_cmphex(buf[3], ==, 0xff);
}

static void
test_bulk_of_nothing(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(tn_address_space_read(f->as, 0x1000, NULL, 0), ==, TN_MEM_OK);
    g_assert_cmpint(tn_address_space_write(f->as, UINT64_MAX, NULL, 0), ==, TN_MEM_OK);
}

static void
test_dma_reaches_ram_only(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { DEVICE_OPS };
    uint8_t buf[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    place(f, &ops);
    g_assert_cmpint(tn_address_space_dma_write(f->as, 0xffc, buf, 8), ==, TN_MEM_UNASSIGNED);
    g_assert_cmpmem((uint8_t *)ram->ram.host + 0xffc, 4, buf, 4);
    g_assert_cmpint(tn_address_space_dma_read(f->as, 0xffc, buf, 8), ==, TN_MEM_UNASSIGNED);
    g_assert_cmpmem(buf, 8, "\1\2\3\4\xff\xff\xff\xff", 8);
    g_assert_cmpint(tn_address_space_dma_read(f->as, 0xff8, buf, 8), ==, TN_MEM_OK);
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_ram_ptr(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x3000);
    uint64_t len = 7;

    tn_memory_region_add_subregion(&f->root, 0x1000, ram);
    tn_memory_region_add_subregion_overlap(&f->root, 0x3000, make_io(f, "io", 0x1000), 1);
    g_assert_true(tn_address_space_ram_ptr(f->as, 0x1800, &len) ==
                  (uint8_t *)ram->ram.host + 0x800);
    g_assert_cmphex(len, ==, 0x1800);
    len = 7;
    g_assert_null(tn_address_space_ram_ptr(f->as, 0x3000, &len));
    g_assert_null(tn_address_space_ram_ptr(f->as, 0x9000, &len));
    g_assert_cmphex(len, ==, 7);
}

static gpointer
access_unregistered(gpointer opaque)
{
    Fixture *f = opaque;
    uint8_t byte;

    tn_address_space_read(f->as, 0, &byte, 1);
    return NULL;
}

static void
test_unregistered_thread(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        g_thread_join(g_thread_new("stranger", access_unregistered, f));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*did not call tn_memory_register_thread*");
}

static void
add_size_tests(void)
{
    fixture_test("/memory/access/read-of-each-size", test_read);
    fixture_test("/memory/access/write-of-each-size", test_write);
    fixture_test("/memory/access/offset-through-alias", test_offset_through_alias);
    fixture_test("/memory/access/unassigned-reads-all-ones", test_unassigned_read);
    fixture_test("/memory/access/unassigned-write-dropped", test_unassigned_write);
    fixture_test("/memory/access/valid-default-refuses-8", test_default_refuses_8);
    fixture_test("/memory/access/valid-min-refuses-smaller", test_smaller_than_valid);
    fixture_test("/memory/access/valid-refuses-unaligned", test_unaligned_refused);
    fixture_test("/memory/access/unaligned-emulated-by-aligned", test_unaligned_emulated);
    fixture_test("/memory/access/unaligned-write-touches-no-neighbour",
                 test_unaligned_write_touches_no_neighbour);
    fixture_test("/memory/access/unaligned-implemented-by-device", test_unaligned_implemented);
    fixture_test("/memory/access/impl-max-splits", test_split);
    fixture_test("/memory/access/impl-max-splits-8-into-4", test_split_8_into_4);
    fixture_test("/memory/access/impl-min-widens-reads", test_widen_read);
    fixture_test("/memory/access/impl-min-widens-writes-with-zeros", test_widen_write);
    fixture_test("/memory/access/impl-min-widens-unaligned", test_widen_unaligned);
    fixture_test("/memory/access/impl-min-never-widens-past-the-end", test_widen_past_the_end);
    fixture_test("/memory/access/no-read-callback", test_no_read_callback);
    fixture_test("/memory/access/no-write-callback", test_no_write_callback);
    fixture_test("/memory/access/full-width-over-another-register",
                 test_full_width_over_another_register);
    fixture_test("/memory/access/past-the-regions-end", test_past_regions_end);
    fixture_test("/memory/access/across-two-regions", test_across_two_regions);
    fixture_test("/memory/access/odd-size-is-split", test_odd_sizes);
}

static void
add_memory_tests(void)
{
    fixture_test("/memory/access/ram", test_ram);
    fixture_test("/memory/access/rom-write-dropped", test_rom_write_dropped);
    fixture_test("/memory/access/readonly-alias-write-dropped",
                 test_readonly_alias_write_dropped);
    fixture_test("/memory/access/cache-sees-new-views", test_cache_sees_new_views);
    fixture_test("/memory/access/cache-survives-what-changes-nothing",
                 test_cache_survives_what_changes_nothing);
    fixture_test("/memory/access/cache-knows-a-resized-region",
                 test_cache_knows_a_resized_region);
    fixture_test("/memory/access/bulk-over-ram-mmio-and-hole", test_bulk_over_everything);
    fixture_test("/memory/access/bulk-goes-on-after-a-failure",
                 test_bulk_goes_on_after_a_failure);
    fixture_test("/memory/access/bulk-first-failure-is-returned",
                 test_bulk_first_failure_is_returned);
    fixture_test("/memory/access/bulk-splits-to-valid-sizes", test_bulk_splits_to_valid_sizes);
    fixture_test("/memory/access/bulk-below-valid-min", test_bulk_below_valid_min);
    fixture_test("/memory/access/bulk-past-the-last-address", test_bulk_past_the_last_address);
    fixture_test("/memory/access/bulk-of-nothing", test_bulk_of_nothing);
    fixture_test("/memory/access/dma-reaches-ram-only", test_dma_reaches_ram_only);
    fixture_test("/memory/access/ram-ptr", test_ram_ptr);
    fixture_test("/memory/access/unregistered-thread-is-fatal", test_unregistered_thread);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_size_tests();
    add_memory_tests();
    return g_test_run();
}
