/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rendering, rule by rule: which region shows where.
 */
#include "tests/unit/vmm/memory/fixture.h"

static void
test_empty(Fixture *f, gconstpointer data)
{
    assert_space(f, "");
}

static void
test_null_root(Fixture *f, gconstpointer data)
{
    g_autoptr(TnFlatView) view = tn_flat_view_render(f->memory, NULL);
    unsigned count = 7;

    tn_flat_view_ranges(view, &count);
    g_assert_cmpuint(count, ==, 0);
    g_assert_null(tn_flat_view_find(view, 0));
}

static void
test_leaf_root(Fixture *f, gconstpointer data)
{
    g_autoptr(TnFlatView) view = tn_flat_view_render(f->memory, make_io(f, "io", TN_SIZE_WHOLE));
    g_autofree char *text = view_text(view);

    g_assert_cmpstr(text, ==, "0-ffffffffffffffff io +0");
}

static void
test_one_region(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "io", 0x100));
    assert_space(f, "1000-10ff io +0");
}

static void
test_one_byte_at_the_end(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, UINT64_MAX, make_io(f, "io", 1));
    assert_space(f, "ffffffffffffffff-ffffffffffffffff io +0");
}

static void
test_higher_priority_wins(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion_overlap(&f->root, 0x1800, make_io(f, "high", 0x100), 1);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, make_io(f, "low", 0x1000), 0);
    assert_space(f, "1000-17ff low +0; 1800-18ff high +0; 1900-1fff low +900");
}

static void
test_both_end_at_one_address(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion_overlap(&f->root, 0x1800, make_io(f, "high", 0x800), 1);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, make_io(f, "low", 0x1000), 0);
    assert_space(f, "1000-17ff low +0; 1800-1fff high +0");
}

static void
test_negative_priority_loses(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "ram", 0x1000));
    tn_memory_region_add_subregion_overlap(&f->root, 0, make_io(f, "pci", 0x3000), -1);
    assert_space(f, "0-fff pci +0; 1000-1fff ram +0; 2000-2fff pci +2000");
}

static void
test_later_added_wins(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, make_io(f, "first", 0x1000), 5);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1800, make_io(f, "second", 0x1000), 5);
    assert_space(f, "1000-17ff first +0; 1800-27ff second +0");
}

static void
test_moved_counts_as_added_last(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *first = make_io(f, "first", 0x1000);

    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, first, 5);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1800, make_io(f, "second", 0x1000), 5);
    tn_memory_region_set_address(first, 0x1400);
    assert_space(f, "1400-23ff first +0; 2400-27ff second +c00");
}

static void
test_priority_is_local(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *low = make_container(f, "low", 0x1000);

    /* 100 counts among the children of "low" only, which as a whole has 0. */
    tn_memory_region_add_subregion_overlap(low, 0, make_io(f, "child", 0x1000), 100);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, low, 0);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, make_io(f, "high", 0x800), 1);
    assert_space(f, "1000-17ff high +0; 1800-1fff child +800");
}

static void
test_child_hides_its_parent(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *parent = make_io(f, "parent", 0x1000);

    tn_memory_region_add_subregion_overlap(parent, 0x400, make_io(f, "child", 0x100), -7);
    tn_memory_region_add_subregion(&f->root, 0, parent);
    assert_space(f, "0-3ff parent +0; 400-4ff child +0; 500-fff parent +500");
}

static void
test_hole_in_container_shows_what_is_below(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bus = make_container(f, "bus", 0x3000);

    tn_memory_region_add_subregion(bus, 0, make_io(f, "a", 0x1000));
    tn_memory_region_add_subregion(bus, 0x2000, make_io(f, "b", 0x1000));
    tn_memory_region_add_subregion_overlap(&f->root, 0, bus, 1);
    tn_memory_region_add_subregion_overlap(&f->root, 0, make_io(f, "below", 0x4000), 0);
    assert_space(f, "0-fff a +0; 1000-1fff below +1000; 2000-2fff b +0; 3000-3fff below +3000");
}

static void
test_child_is_clipped_to_container(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bus = make_container(f, "bus", 0x1000);

    tn_memory_region_add_subregion(bus, 0x800, make_io(f, "io", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x10000, bus);
    assert_space(f, "10800-10fff io +0");
}

static void
test_child_outside_of_container(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bus = make_container(f, "bus", 0x1000);

    tn_memory_region_add_subregion(bus, 0x1000, make_io(f, "io", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0, bus);
    assert_space(f, "");
}

static void
test_clipped_at_2_64(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0xfffffffffffff000, make_io(f, "io", 0x2000));
    assert_space(f, "fffffffffffff000-ffffffffffffffff io +0");
}

static void
test_whole_child_at_offset(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "io", TN_SIZE_WHOLE));
    assert_space(f, "1000-ffffffffffffffff io +0");
}

static void
test_disabled_shows_nothing(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, io);
    tn_memory_region_set_enabled(io, false);
    assert_space(f, "");
    tn_memory_region_set_enabled(io, true);
    assert_space(f, "0-fff io +0");
}

static void
test_disabled_container_hides_children(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bus = make_container(f, "bus", 0x1000);

    tn_memory_region_add_subregion(bus, 0, make_io(f, "io", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0, bus);
    tn_memory_region_set_enabled(bus, false);
    assert_space(f, "");
}

static void
test_disabled_root(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0, make_io(f, "io", 0x1000));
    tn_memory_region_set_enabled(&f->root, false);
    assert_space(f, "");
}

static void
test_alias(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x4000);

    tn_memory_region_add_subregion(&f->root, 0x10000, make_alias(f, "alias", io, 0x1000, 0x800));
    assert_space(f, "10000-107ff io +1000");
}

static void
test_alias_ignores_targets_place(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0x5000, io);
    tn_memory_region_add_subregion(&f->root, 0x10000, make_alias(f, "alias", io, 0, 0x1000));
    assert_space(f, "5000-5fff io +0; 10000-10fff io +0");
}

static void
test_alias_past_targets_end(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "alias", io, 0xc00, 0x1000));
    assert_space(f, "0-3ff io +c00");
}

static void
test_alias_beyond_target(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "alias", io, 0x1000, 0x1000));
    assert_space(f, "");
}

static void
test_alias_offset_does_not_wrap(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *all = make_io(f, "all", TN_SIZE_WHOLE);

    tn_memory_region_add_subregion(&f->root, 0x1000,
                                   make_alias(f, "alias", all, 0xffffffffffffff00, 0x1000));
    assert_space(f, "1000-10ff all +ffffffffffffff00");
}

static void
test_alias_of_container(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *pci = make_container(f, "pci", TN_SIZE_WHOLE);

    tn_memory_region_add_subregion(pci, 0xa0000, make_io(f, "vga", 0x20000));
    tn_memory_region_add_subregion(pci, 0xc0000, make_io(f, "rom", 0x10000));
    tn_memory_region_add_subregion(&f->root, 0xb0000,
                                   make_alias(f, "window", pci, 0xb0000, 0x18000));
    assert_space(f, "b0000-bffff vga +10000; c0000-c7fff rom +0");
}

static void
test_alias_of_alias(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x10000);
    TnMemoryRegion *inner = make_alias(f, "inner", io, 0x1000, 0x4000);

    tn_memory_region_add_subregion(&f->root, 0x80000,
                                   make_alias(f, "outer", inner, 0x800, 0x8000));
    assert_space(f, "80000-837ff io +1800");
}

static void
test_alias_of_disabled_target(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "alias", io, 0, 0x1000));
    tn_memory_region_set_enabled(io, false);
    assert_space(f, "");
}

static void
test_alias_offset_moves(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x4000);
    TnMemoryRegion *alias = make_alias(f, "alias", io, 0, 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, alias);
    tn_memory_region_set_alias_offset(alias, 0x2000);
    assert_space(f, "0-fff io +2000");
}

static void
test_neighbours_of_one_region_join(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x2000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "a", io, 0, 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x1000, make_alias(f, "b", io, 0x1000, 0x1000));
    assert_space(f, "0-1fff io +0");
}

static void
test_neighbours_out_of_step_stay_apart(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x2000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "a", io, 0, 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x1000, make_alias(f, "b", io, 0, 0x1000));
    assert_space(f, "0-fff io +0; 1000-1fff io +0");
}

static void
test_last_byte_and_first_stay_apart(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", UINT64_MAX);

    tn_memory_region_add_subregion(&f->root, 0,
                                   make_alias(f, "a", io, UINT64_MAX - 0xfff, 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x1000, make_alias(f, "b", io, 0, 0x1000));
    assert_space(f, "0-fff io +fffffffffffff000; 1000-1fff io +0");
}

static void
test_readonly_neighbour_stays_apart(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x2000);
    TnMemoryRegion *b = make_alias(f, "b", ram, 0x1000, 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "a", ram, 0, 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x1000, b);
    tn_memory_region_set_readonly(b, true);
    assert_space(f, "0-fff ram +0; 1000-1fff ram +1000 ro");
}

static void
test_nonvolatile_neighbour_stays_apart(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x2000);
    TnMemoryRegion *b = make_alias(f, "b", ram, 0x1000, 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, make_alias(f, "a", ram, 0, 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x1000, b);
    tn_memory_region_set_nonvolatile(b, true);
    assert_space(f, "0-fff ram +0; 1000-1fff ram +1000 nv");
}

static void
test_readonly_container_is_inherited(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bus = make_container(f, "bus", 0x1000);

    tn_memory_region_add_subregion(bus, 0, make_ram(f, "ram", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0, bus);
    tn_memory_region_set_readonly(bus, true);
    assert_space(f, "0-fff ram +0 ro");
}

static void
test_rom_is_readonly(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0, make_rom(f, "rom", 0x1000));
    assert_space(f, "0-fff rom +0 ro");
}

static void
test_ram_becomes_rom_and_back(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_set_readonly(ram, true);
    assert_space(f, "0-fff ram +0 ro");
    tn_memory_region_set_readonly(ram, false);
    assert_space(f, "0-fff ram +0");
}

static void
test_nonvolatile_is_inherited(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bus = make_container(f, "bus", 0x1000);

    tn_memory_region_add_subregion(bus, 0, make_ram(f, "ram", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0, bus);
    tn_memory_region_set_nonvolatile(bus, true);
    assert_space(f, "0-fff ram +0 nv");
}

static void
test_resize(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0x1000, io);
    tn_memory_region_set_size(io, 0x400);
    assert_space(f, "1000-13ff io +0");
    tn_memory_region_set_size(io, TN_SIZE_WHOLE);
    assert_space(f, "1000-ffffffffffffffff io +0");
}

static void
test_host_address_follows_offset(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x3000);
    g_autoptr(TnFlatView) view = NULL;

    tn_memory_region_add_subregion(&f->root, 0, ram);
    tn_memory_region_add_subregion_overlap(&f->root, 0x1000, make_io(f, "io", 0x1000), 1);
    view = tn_address_space_get_view(f->as);
    g_assert_true(tn_flat_view_find(view, 0)->host == ram->ram.host);
    g_assert_true(tn_flat_view_find(view, 0x2000)->host == (char *)ram->ram.host + 0x2000);
    g_assert_null(tn_flat_view_find(view, 0x1000)->host);
}

static void
test_find_at_the_edges(Fixture *f, gconstpointer data)
{
    g_autoptr(TnFlatView) view = NULL;

    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x3000, make_io(f, "b", 0x1000));
    view = tn_address_space_get_view(f->as);
    g_assert_null(tn_flat_view_find(view, 0xfff));
    g_assert_cmpstr(tn_flat_view_find(view, 0x1000)->region->name, ==, "a");
    g_assert_cmpstr(tn_flat_view_find(view, 0x1fff)->region->name, ==, "a");
    g_assert_null(tn_flat_view_find(view, 0x2000));
    g_assert_cmpstr(tn_flat_view_find(view, 0x3000)->region->name, ==, "b");
    g_assert_null(tn_flat_view_find(view, 0x4000));
    g_assert_null(tn_flat_view_find(view, UINT64_MAX));
}

static void
test_views_are_immutable(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *io = make_io(f, "io", 0x1000);
    g_autoptr(TnFlatView) before = NULL;
    g_autofree char *text = NULL;

    tn_memory_region_add_subregion(&f->root, 0, io);
    before = tn_address_space_get_view(f->as);
    tn_memory_region_set_address(io, 0x8000);
    text = view_text(before);
    g_assert_cmpstr(text, ==, "0-fff io +0");
}

static void
test_self_alias(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        tn_memory_region_add_subregion(&f->root, 0,
                                       make_alias(f, "mirror", &f->root, 0, TN_SIZE_WHOLE));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*does an alias show itself?*");
}

static void
add_overlap_tests(void)
{
    fixture_test("/memory/flat-view/empty", test_empty);
    fixture_test("/memory/flat-view/null-root-is-empty", test_null_root);
    fixture_test("/memory/flat-view/root-without-children", test_leaf_root);
    fixture_test("/memory/flat-view/one-region", test_one_region);
    fixture_test("/memory/flat-view/one-byte-at-the-end", test_one_byte_at_the_end);
    fixture_test("/memory/flat-view/overlap-higher-priority-wins", test_higher_priority_wins);
    fixture_test("/memory/flat-view/overlap-ending-at-one-address", test_both_end_at_one_address);
    fixture_test("/memory/flat-view/overlap-negative-priority-loses",
                 test_negative_priority_loses);
    fixture_test("/memory/flat-view/overlap-later-added-wins-among-equals",
                 test_later_added_wins);
    fixture_test("/memory/flat-view/overlap-moved-counts-as-added-last",
                 test_moved_counts_as_added_last);
    fixture_test("/memory/flat-view/priority-is-local-to-the-container", test_priority_is_local);
    fixture_test("/memory/flat-view/child-hides-its-parent", test_child_hides_its_parent);
    fixture_test("/memory/flat-view/hole-in-container-shows-what-is-below",
                 test_hole_in_container_shows_what_is_below);
    fixture_test("/memory/flat-view/child-clipped-to-container",
                 test_child_is_clipped_to_container);
    fixture_test("/memory/flat-view/child-outside-of-container", test_child_outside_of_container);
    fixture_test("/memory/flat-view/clipped-at-the-end-of-the-space", test_clipped_at_2_64);
    fixture_test("/memory/flat-view/whole-size-at-an-offset", test_whole_child_at_offset);
    fixture_test("/memory/flat-view/disabled-shows-nothing", test_disabled_shows_nothing);
    fixture_test("/memory/flat-view/disabled-container-hides-children",
                 test_disabled_container_hides_children);
    fixture_test("/memory/flat-view/disabled-root", test_disabled_root);
}

static void
add_alias_tests(void)
{
    fixture_test("/memory/flat-view/alias", test_alias);
    fixture_test("/memory/flat-view/alias-ignores-the-targets-place",
                 test_alias_ignores_targets_place);
    fixture_test("/memory/flat-view/alias-past-the-targets-end", test_alias_past_targets_end);
    fixture_test("/memory/flat-view/alias-beyond-the-target", test_alias_beyond_target);
    fixture_test("/memory/flat-view/alias-offset-does-not-wrap", test_alias_offset_does_not_wrap);
    fixture_test("/memory/flat-view/alias-of-container", test_alias_of_container);
    fixture_test("/memory/flat-view/alias-of-alias", test_alias_of_alias);
    fixture_test("/memory/flat-view/alias-of-disabled-target", test_alias_of_disabled_target);
    fixture_test("/memory/flat-view/alias-offset-moves", test_alias_offset_moves);
    fixture_test("/memory/flat-view/alias-of-itself-is-fatal", test_self_alias);
}

static void
add_attribute_tests(void)
{
    fixture_test("/memory/flat-view/neighbours-of-one-region-join",
                 test_neighbours_of_one_region_join);
    fixture_test("/memory/flat-view/last-byte-and-first-stay-apart",
                 test_last_byte_and_first_stay_apart);
    fixture_test("/memory/flat-view/neighbours-out-of-step-stay-apart",
                 test_neighbours_out_of_step_stay_apart);
    fixture_test("/memory/flat-view/readonly-neighbour-stays-apart",
                 test_readonly_neighbour_stays_apart);
    fixture_test("/memory/flat-view/nonvolatile-neighbour-stays-apart",
                 test_nonvolatile_neighbour_stays_apart);
    fixture_test("/memory/flat-view/readonly-container-is-inherited",
                 test_readonly_container_is_inherited);
    fixture_test("/memory/flat-view/rom-is-readonly", test_rom_is_readonly);
    fixture_test("/memory/flat-view/ram-becomes-rom-and-back", test_ram_becomes_rom_and_back);
    fixture_test("/memory/flat-view/nonvolatile-is-inherited", test_nonvolatile_is_inherited);
    fixture_test("/memory/flat-view/resize", test_resize);
    fixture_test("/memory/flat-view/host-address-follows-offset",
                 test_host_address_follows_offset);
    fixture_test("/memory/flat-view/find-at-the-edges", test_find_at_the_edges);
    fixture_test("/memory/flat-view/views-are-immutable", test_views_are_immutable);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_overlap_tests();
    add_alias_tests();
    add_attribute_tests();
    return g_test_run();
}
