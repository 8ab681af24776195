/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map of physical memory: overlays, look-ups, placement, the pc's own map. */
#include "vmm/machine/e820.h"

#define GIB (UINT64_C(1) << 30)

static void
assert_entry(const TnE820Map *map, unsigned i, uint64_t addr, uint64_t size, TnE820Type type)
{
    g_assert_cmpuint(i, <, map->num_entries);
    g_assert_cmphex(map->entries[i].addr, ==, addr);
    g_assert_cmphex(map->entries[i].size, ==, size);
    g_assert_cmpint(map->entries[i].type, ==, type);
}

static void
test_overlay_splits(void)
{
    TnE820Map map = { .num_entries = 0 };

    g_assert_true(tn_e820_add(&map, 0, 0x10000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x4000, 0x1000, TN_E820_ACPI));
    g_assert_cmpuint(map.num_entries, ==, 3);
    assert_entry(&map, 0, 0, 0x4000, TN_E820_RAM);
    assert_entry(&map, 1, 0x4000, 0x1000, TN_E820_ACPI);
    assert_entry(&map, 2, 0x5000, 0xb000, TN_E820_RAM);
}

static void
test_overlay_covers_several(void)
{
    TnE820Map map = { .num_entries = 0 };

    g_assert_true(tn_e820_add(&map, 0x3000, 0x1000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x1000, 0x1000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x5000, 0x1000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x1800, 0x4000, TN_E820_RESERVED));
    g_assert_cmpuint(map.num_entries, ==, 3);
    assert_entry(&map, 0, 0x1000, 0x800, TN_E820_RAM);
    assert_entry(&map, 1, 0x1800, 0x4000, TN_E820_RESERVED);
    assert_entry(&map, 2, 0x5800, 0x800, TN_E820_RAM);
}

static void
test_neighbours_join(void)
{
    TnE820Map map = { .num_entries = 0 };

    g_assert_true(tn_e820_add(&map, 0, 0x1000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x2000, 0x1000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x1000, 0x1000, TN_E820_RAM));
    g_assert_cmpuint(map.num_entries, ==, 1);
    assert_entry(&map, 0, 0, 0x3000, TN_E820_RAM);
}

static void
test_last_byte(void)
{
    TnE820Map map = { .num_entries = 0 };

    g_assert_true(tn_e820_add(&map, UINT64_MAX, 1, TN_E820_RAM));
    g_assert_nonnull(tn_e820_find(&map, UINT64_MAX));
    g_assert_null(tn_e820_find(&map, UINT64_MAX - 1));
    g_assert_false(tn_e820_add(&map, UINT64_MAX, 2, TN_E820_RAM));
    g_assert_false(tn_e820_add(&map, 5, 0, TN_E820_RAM));
    g_assert_cmpuint(map.num_entries, ==, 1);
}

static void
test_full_map_is_left_alone(void)
{
    g_autofree TnE820Map *map = g_new0(TnE820Map, 1);

    for (unsigned i = 0; i < TN_E820_MAX_ENTRIES; i++) {
        g_assert_true(tn_e820_add(map, i * 0x2000, 0x1000, TN_E820_RAM));
    }
    g_assert_false(tn_e820_add(map, 0x800, 0x100, TN_E820_ACPI));
    g_assert_cmpuint(map->num_entries, ==, TN_E820_MAX_ENTRIES);
    assert_entry(map, 0, 0, 0x1000, TN_E820_RAM);
    g_assert_true(tn_e820_add(map, 0x1000, 0x1000, TN_E820_RAM));
    g_assert_cmpuint(map->num_entries, ==, TN_E820_MAX_ENTRIES - 1);
}

static void
test_is_ram(void)
{
    TnE820Map map = { .num_entries = 0 };

    g_assert_true(tn_e820_add(&map, 0x1000, 0x1000, TN_E820_RAM));
    g_assert_true(tn_e820_add(&map, 0x2000, 0x1000, TN_E820_ACPI));
    g_assert_true(tn_e820_is_ram(&map, 0x1000, 0x1000));
    g_assert_false(tn_e820_is_ram(&map, 0x1000, 0x1001));
    g_assert_false(tn_e820_is_ram(&map, 0x2000, 1));
    g_assert_false(tn_e820_is_ram(&map, 0x1000, 0));
    g_assert_false(tn_e820_is_ram(&map, 0x1800, UINT64_MAX));
}

static void
test_room_is_high_and_avoids(void)
{
    TnE820Map map = { .num_entries = 0 };
    TnE820Request request = {
        .size = 0x1800, .align = 0x1000, .min = 0, .max = UINT64_MAX,
        .avoid_addr = 0xe000, .avoid_size = 0x1000,
    };
    uint64_t addr = 1;

    g_assert_true(tn_e820_add(&map, 0, 0x10000, TN_E820_RAM));
    g_assert_true(tn_e820_find_room(&map, &request, &addr));
    g_assert_cmphex(addr, ==, 0xc000);
    request.size = 0x1000;
    g_assert_true(tn_e820_find_room(&map, &request, &addr));
    g_assert_cmphex(addr, ==, 0xf000);
    request.max = 0xfffe;
    g_assert_true(tn_e820_find_room(&map, &request, &addr));
    g_assert_cmphex(addr, ==, 0xd000);
    request.min = 0xd001;
    g_assert_false(tn_e820_find_room(&map, &request, &addr));
    g_assert_cmphex(addr, ==, 0xd000);
    request = (TnE820Request){ .size = 0, .align = 1, .max = UINT64_MAX };
    g_assert_false(tn_e820_find_room(&map, &request, &addr));
}

static void
test_split(void)
{
    uint64_t below, above;

    tn_e820_split_ram(0xe0000000 - 1, &below, &above);
    g_assert_cmphex(below, ==, 0xe0000000 - 1);
    g_assert_cmphex(above, ==, 0);
    tn_e820_split_ram(0xe0000000, &below, &above);
    g_assert_cmphex(below, ==, 0xc0000000);
    g_assert_cmphex(above, ==, 0x20000000);
    tn_e820_split_ram(64 * GIB, &below, &above);
    g_assert_cmphex(below + above, ==, 64 * GIB);
}

static void
test_pc_map(void)
{
    TnE820Map map;

    tn_e820_init_pc(&map, 4 * GIB);
    g_assert_cmpuint(map.num_entries, ==, 5);
    assert_entry(&map, 0, 0, 0x9fc00, TN_E820_RAM);
    assert_entry(&map, 1, 0x9fc00, 0x60400, TN_E820_RESERVED);
    assert_entry(&map, 2, 0x100000, 0xbff00000, TN_E820_RAM);
    assert_entry(&map, 3, 0xfeffc000, 0x4000, TN_E820_RESERVED);
    assert_entry(&map, 4, 0x100000000, 0x40000000, TN_E820_RAM);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/e820/overlay-splits", test_overlay_splits);
    g_test_add_func("/machine/e820/overlay-covers-several", test_overlay_covers_several);
    g_test_add_func("/machine/e820/neighbours-join", test_neighbours_join);
    g_test_add_func("/machine/e820/last-byte", test_last_byte);
    g_test_add_func("/machine/e820/full-map-is-left-alone", test_full_map_is_left_alone);
    g_test_add_func("/machine/e820/is-ram", test_is_ram);
    g_test_add_func("/machine/e820/room-is-high-and-avoids", test_room_is_high_and_avoids);
    g_test_add_func("/machine/e820/split", test_split);
    g_test_add_func("/machine/e820/pc-map", test_pc_map);
    return g_test_run();
}
