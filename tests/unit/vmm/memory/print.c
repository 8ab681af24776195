/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "info mtree" and "info mtree -f", to the letter.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <string.h>

/* A little of a pc: RAM below and above a PCI hole, a BIOS, ports, a bus master. */
typedef struct Board {
    TnMemoryRegion *ram, *pci, *bios, *master, *dma;
    TnAddressSpace *io, *edu;
} Board;

static void
board_init(Board *b, Fixture *f)
{
    TnMemoryRegion *ports = make_io(f, "io", 0x10000);
    TnMemoryRegion *pm = make_container(f, "piix4-pm", 0x40);

    b->ram = make_ram(f, "pc.ram", 0x8000000);
    b->pci = make_container(f, "pci", TN_SIZE_WHOLE);
    b->bios = make_rom(f, "pc.bios", 0x40000);
    b->dma = make_container(f, "bus master container", TN_SIZE_WHOLE);
    b->master = make_alias(f, "bus master", &f->root, 0, TN_SIZE_WHOLE);

    tn_memory_region_add_subregion(&f->root, 0,
                                   make_alias(f, "ram-below-4g", b->ram, 0, 0x8000000));
    tn_memory_region_add_subregion_overlap(&f->root, 0, b->pci, -1);
    tn_memory_region_add_subregion(b->pci, 0xfffc0000, b->bios);
    tn_memory_region_add_subregion_overlap(
        b->pci, 0xe0000, make_alias(f, "isa-bios", b->bios, 0x20000, 0x20000), 1);
    tn_memory_region_add_subregion_overlap(
        &f->root, 0xe0000, make_alias(f, "pam-pci", b->pci, 0xe0000, 0x20000), 1);
    tn_memory_region_add_subregion(ports, 0x3f8, make_io(f, "serial", 8));
    tn_memory_region_set_enabled(pm, false);
    tn_memory_region_add_subregion(pm, 4, make_io(f, "acpi-cnt", 2));
    tn_memory_region_add_subregion(ports, 0x600, pm);
    tn_memory_region_set_enabled(b->master, false);
    tn_memory_region_add_subregion(b->dma, 0, b->master);
    b->io = tn_address_space_new(f->memory, ports, "I/O");
    b->edu = tn_address_space_new(f->memory, b->dma, "edu");
}

static void
board_done(Board *b)
{
    tn_address_space_free(b->io);
    tn_address_space_free(b->edu);
}

#define TREE_OF_ROOT                                                                          \
    "  0000000000000000-ffffffffffffffff (prio 0, i/o): root\n"                               \
    "    00000000000e0000-00000000000fffff (prio 1, i/o): alias pam-pci @pci "                \
    "00000000000e0000-00000000000fffff\n"                                                     \
    "    0000000000000000-0000000007ffffff (prio 0, ram): alias ram-below-4g @pc.ram "        \
    "0000000000000000-0000000007ffffff\n"                                                     \
    "    0000000000000000-ffffffffffffffff (prio -1, i/o): pci\n"                             \
    "      00000000000e0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios "         \
    "0000000000020000-000000000003ffff\n"                                                     \
    "      00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios\n"

static void
test_tree(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    TnAddressSpace *cpu = tn_address_space_new(f->memory, &f->root, "cpu-memory-0");
    Board b;

    board_init(&b, f);
    text = tn_memory_print_tree(f->memory);
    g_assert_cmpstr(text, ==,
                    "address-space: space\n"
                    "address-space: cpu-memory-0\n" TREE_OF_ROOT "\n"
                    "address-space: I/O\n"
                    "  0000000000000000-000000000000ffff (prio 0, i/o): io\n"
                    "      0000000000000604-0000000000000605 (prio 0, i/o): acpi-cnt\n"
                    "    00000000000003f8-00000000000003ff (prio 0, i/o): serial\n"
                    "\n"
                    "address-space: edu\n"
                    "  0000000000000000-ffffffffffffffff (prio 0, i/o): bus master container\n"
                    "\n"
                    "memory-region: pci\n"
                    "  0000000000000000-ffffffffffffffff (prio -1, i/o): pci\n"
                    "    00000000000e0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios "
                    "0000000000020000-000000000003ffff\n"
                    "    00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios\n"
                    "\n"
                    "memory-region: pc.ram\n"
                    "  0000000000000000-0000000007ffffff (prio 0, ram): pc.ram\n"
                    "\n"
                    "memory-region: pc.bios\n"
                    "  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios\n"
                    "\n"
                    "memory-region: root\n" TREE_OF_ROOT "\n");
    board_done(&b);
    tn_address_space_free(cpu);
}

#define VIEW_OF_ROOT                                                                \
    "  0000000000000000-00000000000dffff (prio 0, ram): pc.ram\n"                   \
    "  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000\n" \
    "  0000000000100000-0000000007ffffff (prio 0, ram): pc.ram @0000000000100000\n" \
    "  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios\n\n"
#define VIEW_OF_PORTS                                              \
    " AS \"I/O\", root: io\n"                                      \
    " Root memory region: io\n"                                    \
    "  0000000000000000-00000000000003f7 (prio 0, i/o): io\n"      \
    "  00000000000003f8-00000000000003ff (prio 0, i/o): serial\n"  \
    "  0000000000000400-000000000000ffff (prio 0, i/o): io @0000000000000400\n\n"

static void
test_views(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    Board b;

    board_init(&b, f);
    text = tn_memory_print_flat_views(f->memory);
    g_assert_cmpstr(text, ==,
                    "FlatView #0\n"
                    " AS \"space\", root: root\n"
                    " Root memory region: root\n" VIEW_OF_ROOT
                    "FlatView #1\n" VIEW_OF_PORTS
                    "FlatView #2\n"
                    " AS \"edu\", root: bus master container\n"
                    " Root memory region: (none)\n"
                    "  No rendered FlatView\n\n");
    board_done(&b);
}

static void
test_shared_view_once(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    Board b;

    board_init(&b, f);
    tn_memory_region_set_enabled(b.master, true);
    text = tn_memory_print_flat_views(f->memory);
    g_assert_cmpstr(text, ==,
                    "FlatView #0\n"
                    " AS \"space\", root: root\n"
                    " AS \"edu\", root: bus master container\n"
                    " Root memory region: root\n" VIEW_OF_ROOT
                    "FlatView #1\n" VIEW_OF_PORTS);
    board_done(&b);
}

static void
test_readonly_window(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "pc.ram", 0x100000);
    TnMemoryRegion *pam = make_alias(f, "pam-rom", ram, 0xf0000, 0x10000);
    g_autofree char *text = NULL;

    tn_memory_region_add_subregion(&f->root, 0xf0000, pam);
    tn_memory_region_set_readonly(pam, true);
    text = tn_memory_print_flat_views(f->memory);
    g_assert_nonnull(strstr(text, "  00000000000f0000-00000000000fffff (prio 0, rom): pc.ram "
                                  "@00000000000f0000\n"));
}

static void
test_nonvolatile(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *ram = make_ram(f, "nvdimm", 0x1000);
    g_autofree char *tree = NULL;
    g_autofree char *views = NULL;

    tn_memory_region_set_nonvolatile(ram, true);
    tn_memory_region_add_subregion(&f->root, 0, ram);
    tree = tn_memory_print_tree(f->memory);
    views = tn_memory_print_flat_views(f->memory);
    g_assert_nonnull(strstr(tree, "(prio 0, nv-ram): nvdimm\n"));
    g_assert_nonnull(strstr(views, "(prio 0, nv-ram): nvdimm\n"));
}

static void
test_past_the_end(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;

    tn_memory_region_add_subregion(&f->root, 0xfffffffffffff000, make_io(f, "bar", 0x4000));
    text = tn_memory_print_tree(f->memory);
    g_assert_nonnull(strstr(text, "    fffffffffffff000-ffffffffffffffff (prio 0, i/o): bar\n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/print/tree", test_tree);
    fixture_test("/memory/print/flat-views", test_views);
    fixture_test("/memory/print/shared-view-once", test_shared_view_once);
    fixture_test("/memory/print/readonly-window-is-rom", test_readonly_window);
    fixture_test("/memory/print/nonvolatile", test_nonvolatile);
    fixture_test("/memory/print/past-the-end-is-clipped", test_past_the_end);
    return g_test_run();
}
