/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Regions and spaces as objects: making, ending, who keeps whom, mistakes.
 */
#include "tests/unit/vmm/memory/fixture.h"
#include "vmm/memory/memory-private.h"

static void
test_size(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(tn_memory_region_size(make_io(f, "one", 1)), ==, 1);
    g_assert_cmphex(tn_memory_region_size(make_io(f, "page", 0x1000)), ==, 0x1000);
    g_assert_cmphex(tn_memory_region_size(make_io(f, "all", TN_SIZE_WHOLE)), ==, TN_SIZE_WHOLE);
    g_assert_cmphex(tn_memory_region_size(make_io(f, "less", UINT64_MAX - 1)), ==,
                    UINT64_MAX - 1);
}

static void
test_is_ram(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "ram", 0x1000);

    g_assert_true(tn_memory_region_is_ram(ram));
    g_assert_true(tn_memory_region_is_ram(make_rom(f, "rom", 0x1000)));
    g_assert_false(tn_memory_region_is_ram(make_io(f, "io", 1)));
    g_assert_false(tn_memory_region_is_ram(make_alias(f, "alias", ram, 0, 1)));
}

static void
test_name_is_copied(Fixture *f, gconstpointer data)
{
    char name[] = "before";
    TnMemoryRegion *io = make_io(f, name, 1);

    name[0] = 'X';
    g_assert_cmpstr(io->name, ==, "before");
}

static void
test_done_of_zeroed(Fixture *f, gconstpointer data)
{
    TnMemoryRegion mr = { 0 };

    tn_memory_region_done(&mr);
}

static void
test_done_twice(Fixture *f, gconstpointer data)
{
    TnMemoryRegion mr;

    tn_memory_region_init(&mr, f->memory, NULL, "short", 1);
    tn_memory_region_done(&mr);
    tn_memory_region_done(&mr);
}

static void
test_done_takes_children_out(Fixture *f, gconstpointer data)
{
    TnMemoryRegion bus;
    TnMemoryRegion *io = make_io(f, "io", 1);

    tn_memory_region_init(&bus, f->memory, NULL, "bus", 0x1000);
    tn_memory_region_add_subregion(&bus, 0, io);
    tn_memory_region_done(&bus);
    g_assert_null(io->container);
}

static void
test_done_of_target_empties_alias(Fixture *f, gconstpointer data)
{
    TnMemoryRegion target;
    TnMemoryRegion *alias;

    tn_memory_region_init_io(&target, f->memory, NULL, &plain_ops, NULL, "target", 0x1000);
    alias = make_alias(f, "alias", &target, 0, 0x1000);
    tn_memory_region_add_subregion(&f->root, 0, alias);
    assert_space(f, "0-fff target +0");
    tn_memory_region_done(&target);
    assert_space(f, "");
    tn_memory_synchronize(f->memory);
}

static void
test_done_of_alias_leaves_target(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *target = make_io(f, "target", 1);
    TnMemoryRegion alias;

    tn_memory_region_init_alias(&alias, f->memory, NULL, "alias", target, 0, 1);
    tn_memory_region_done(&alias);
    g_assert_cmpuint(target->aliases->len, ==, 0);
}

static void
test_done_inside_container(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        TnMemoryRegion *io = make_io(f, "io", 1);

        tn_memory_region_add_subregion(&f->root, 0, io);
        tn_memory_region_done(io);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*region 'io' ends while it is in container 'root'*");
}

static void
test_plain_overlap(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x1000));
    g_test_expect_message(NULL, G_LOG_LEVEL_CRITICAL, "region 'b' overlaps 'a' in 'root'");
    tn_memory_region_add_subregion(&f->root, 0x1fff, make_io(f, "b", 0x1000));
    g_test_assert_expected_messages();
}

static void
test_plain_touching(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "a", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x2000, make_io(f, "b", 0x1000));
    tn_memory_region_add_subregion(&f->root, 0x0, make_io(f, "c", 0x1000));
    assert_space(f, "0-fff c +0; 1000-1fff a +0; 2000-2fff b +0");
}

static void
test_plain_over_overlapping(Fixture *f, gconstpointer data)
{
    tn_memory_region_add_subregion_overlap(&f->root, 0, make_io(f, "a", TN_SIZE_WHOLE), -1);
    tn_memory_region_add_subregion(&f->root, UINT64_MAX, make_io(f, "b", 1));
    assert_space(f, "0-fffffffffffffffe a +0; ffffffffffffffff-ffffffffffffffff b +0");
}

static void
test_guest_may_move_onto_sibling(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *pm = make_io(f, "pm", 0x40);

    tn_memory_region_add_subregion(&f->root, 0x3f8, make_io(f, "serial", 8));
    tn_memory_region_add_subregion(&f->root, 0x600, pm);
    tn_memory_region_set_address(pm, 0x3e0);
    assert_space(f, "3e0-41f pm +0");
}

static void
test_shared_view(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *dma = make_container(f, "bus master container", TN_SIZE_WHOLE);
    TnMemoryRegion *enable = make_alias(f, "bus master", &f->root, 0, TN_SIZE_WHOLE);
    g_autoptr(TnAddressSpace) as = NULL;
    g_autoptr(TnFlatView) mine = NULL;
    g_autoptr(TnFlatView) theirs = NULL;

    tn_memory_region_add_subregion(&f->root, 0, make_io(f, "io", 1));
    tn_memory_region_add_subregion_overlap(&f->root, 0, make_io(f, "io", 1), 1);
    tn_memory_region_add_subregion(dma, 0, enable);
    as = tn_address_space_new(f->memory, dma, "edu");
    mine = tn_address_space_get_view(f->as);
    theirs = tn_address_space_get_view(as);
    g_assert_true(mine->root == theirs->root);
    tn_memory_region_add_subregion(&f->root, 0x1000, make_io(f, "more", 1));
    g_clear_pointer(&mine, tn_flat_view_unref);
    g_clear_pointer(&theirs, tn_flat_view_unref);
    mine = tn_address_space_get_view(f->as);
    theirs = tn_address_space_get_view(as);
    g_assert_true(mine == theirs);
}

static void
test_no_view_of_the_middle(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *a = make_io(f, "a", 0x10);

    tn_memory_begin(f->memory);
    tn_memory_region_add_subregion(&f->root, 0x1000, a);
    assert_space(f, "");
    tn_memory_region_set_address(a, 0x2000);
    tn_memory_commit(f->memory);
    assert_space(f, "2000-200f a +0");
}

static void
test_space_keeps_its_name(Fixture *f, gconstpointer data)
{
    g_assert_cmpstr(tn_address_space_name(f->as), ==, "space");
}

static void
test_null_frees(Fixture *f, gconstpointer data)
{
    tn_memory_free(NULL);
    tn_address_space_free(NULL);
    tn_flat_view_unref(NULL);
}

/* A weak pointer on @owner tells when it is gone. */
static GObject *
owner_new(gpointer *weak)
{
    GObject *owner = g_object_new(G_TYPE_OBJECT, NULL);

    *weak = owner;
    g_object_add_weak_pointer(owner, weak);
    return owner;
}

static void
test_view_keeps_owner(Fixture *f, gconstpointer data)
{
    TnMemoryRegion mr;
    gpointer weak;
    GObject *owner = owner_new(&weak);

    tn_memory_region_init_io(&mr, f->memory, owner, &plain_ops, NULL, "io", 1);
    tn_memory_region_add_subregion(&f->root, 0, &mr);
    g_object_unref(owner);
    g_assert_nonnull(weak);
    tn_memory_region_del_subregion(&f->root, &mr);
    g_assert_nonnull(weak);
    tn_memory_region_done(&mr);
    tn_memory_synchronize(f->memory);
    g_assert_null(weak);
}

static void
test_main_context_drops_owner(Fixture *f, gconstpointer data)
{
    TnMemoryRegion mr;
    gpointer weak;
    GObject *owner = owner_new(&weak);

    tn_memory_region_init_io(&mr, f->memory, owner, &plain_ops, NULL, "io", 1);
    tn_memory_region_add_subregion(&f->root, 0, &mr);
    tn_memory_region_del_subregion(&f->root, &mr);
    tn_memory_region_done(&mr);
    g_object_unref(owner);
    g_assert_nonnull(weak);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_null(weak);
    g_assert_false(g_main_context_pending(NULL));
}

static void
test_held_view_keeps_owner(Fixture *f, gconstpointer data)
{
    TnMemoryRegion mr;
    TnFlatView *view;
    gpointer weak;
    GObject *owner = owner_new(&weak);

    tn_memory_region_init_io(&mr, f->memory, owner, &plain_ops, NULL, "io", 1);
    tn_memory_region_add_subregion(&f->root, 0, &mr);
    view = tn_address_space_get_view(f->as);
    tn_memory_region_del_subregion(&f->root, &mr);
    g_object_unref(owner);
    tn_memory_synchronize(f->memory);
    g_assert_nonnull(weak);
    tn_memory_region_done(&mr);
    tn_flat_view_unref(view);
    g_assert_null(weak);
}

static void
test_free_drops_pending_source(Fixture *f, gconstpointer data)
{
    TnMemory *memory = tn_memory_new();
    TnMemoryRegion root;
    TnAddressSpace *as;

    tn_memory_region_init(&root, memory, NULL, "root", 1);
    as = tn_address_space_new(memory, &root, "brief");
    tn_address_space_free(as);
    tn_memory_region_done(&root);
    tn_memory_free(memory);
    g_assert_false(g_main_context_pending(NULL));
}

static uint64_t
read_synchronizing(void *opaque, uint64_t addr, unsigned size)
{
    tn_memory_synchronize(opaque);
    return 0;
}

static void
test_synchronize_in_callback(Fixture *f, gconstpointer data)
{
    static const TnMemoryRegionOps ops = { .read = read_synchronizing };

    if (g_test_subprocess()) {
        TnMemoryRegion mr;
        uint8_t byte;

        tn_memory_region_init_io(&mr, f->memory, NULL, &ops, f->memory, "io", 1);
        tn_memory_region_add_subregion(&f->root, 0, &mr);
        tn_address_space_read(f->as, 0, &byte, 1);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*tn_rcu_in_read_section*");
}

static void
test_synchronize_in_transaction(Fixture *f, gconstpointer data)
{
    if (g_test_subprocess()) {
        tn_memory_begin(f->memory);
        tn_memory_synchronize(f->memory);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*transaction*");
}

static void
add_region_tests(void)
{
    fixture_test("/memory/region/size", test_size);
    fixture_test("/memory/region/is-ram", test_is_ram);
    fixture_test("/memory/region/name-is-copied", test_name_is_copied);
    fixture_test("/memory/region/done-of-zeroed", test_done_of_zeroed);
    fixture_test("/memory/region/done-twice", test_done_twice);
    fixture_test("/memory/region/done-takes-children-out", test_done_takes_children_out);
    fixture_test("/memory/region/done-of-target-empties-alias",
                 test_done_of_target_empties_alias);
    fixture_test("/memory/region/done-of-alias-leaves-target", test_done_of_alias_leaves_target);
    fixture_test("/memory/region/done-inside-container-is-fatal", test_done_inside_container);
    fixture_test("/memory/region/plain-overlap-is-critical", test_plain_overlap);
    fixture_test("/memory/region/plain-touching-is-fine", test_plain_touching);
    fixture_test("/memory/region/plain-over-overlapping-is-fine", test_plain_over_overlapping);
    fixture_test("/memory/region/guest-may-move-onto-sibling", test_guest_may_move_onto_sibling);
}

static void
add_space_tests(void)
{
    fixture_test("/memory/address-space/wrapped-root-shares-the-view", test_shared_view);
    fixture_test("/memory/address-space/transaction-publishes-its-end-only",
                 test_no_view_of_the_middle);
    fixture_test("/memory/address-space/name", test_space_keeps_its_name);
    fixture_test("/memory/address-space/free-of-null", test_null_frees);
    fixture_test("/memory/lifetime/view-keeps-owner", test_view_keeps_owner);
    fixture_test("/memory/lifetime/main-context-drops-owner", test_main_context_drops_owner);
    fixture_test("/memory/lifetime/held-view-keeps-owner", test_held_view_keeps_owner);
    fixture_test("/memory/lifetime/free-drops-pending-source", test_free_drops_pending_source);
    fixture_test("/memory/lifetime/synchronize-in-callback-is-fatal",
                 test_synchronize_in_callback);
    fixture_test("/memory/lifetime/synchronize-in-transaction-is-fatal",
                 test_synchronize_in_transaction);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_region_tests();
    add_space_tests();
    return g_test_run();
}
