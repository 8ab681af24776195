/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Base address registers as a guest programs them. */
#include "tests/unit/vmm/pci/fixture.h"

#define COMMAND TN_PCI_REG_COMMAND
#define BAR(n) (TN_PCI_REG_BAR0 + 4 * (n))
#define ALL_ONES 0xffffffffu

static gboolean
six_kinds(TnPciProbe *probe, GError **error)
{
    pci_add_bar(probe, 0, TN_PCI_BAR_MEM32, 0x1000);
    pci_add_bar(probe, 1, TN_PCI_BAR_IO, 0x20);
    pci_add_bar(probe, 2, TN_PCI_BAR_MEM64 | TN_PCI_BAR_PREFETCH, G_GUINT64_CONSTANT(1) << 33);
    pci_add_bar(probe, 4, TN_PCI_BAR_MEM32 | TN_PCI_BAR_PREFETCH, 16);
    pci_add_bar(probe, TN_PCI_ROM_BAR, TN_PCI_BAR_MEM32, 0x800);
    return TRUE;
}

static TnPciProbe *
add(PciFixture *f)
{
    TnPciProbe *probe = pci_add_probe(f, TN_PCI_DEVFN(2, 0), six_kinds);

    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_IO | TN_PCI_COMMAND_MEMORY, 2);
    return probe;
}

static guint64
where(TnPciProbe *probe, int n)
{
    return tn_pci_device_get_bar_address(TN_PCI_DEVICE(probe), n);
}

static void
test_sizing(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, COMMAND, 0, 2);
    for (unsigned n = 0; n < 6; n++) {
        pci_write(f, probe, BAR(n), ALL_ONES, 4);
    }
    pci_write(f, probe, TN_PCI_REG_ROM, ALL_ONES, 4);
    g_assert_cmphex(pci_read(f, probe, BAR(0), 4), ==, 0xfffff000);
    g_assert_cmphex(pci_read(f, probe, BAR(1), 4), ==, 0xffffffe1);
    g_assert_cmphex(pci_read(f, probe, BAR(2), 4), ==, 0x0000000c);
    g_assert_cmphex(pci_read(f, probe, BAR(3), 4), ==, 0xfffffffe);
    g_assert_cmphex(pci_read(f, probe, BAR(4), 4), ==, 0xfffffff8);
    g_assert_cmphex(pci_read(f, probe, BAR(5), 4), ==, 0);
    g_assert_cmphex(pci_read(f, probe, TN_PCI_REG_ROM, 4), ==, 0xfffff801);
    tn_test_drop(probe);
}

static void
test_memory_shows_and_moves(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0), 0xe0000000, 4);
    g_assert_cmphex(pci_mem_read(f, 0xe0000ffc, 1), ==, 0xa0);
    g_assert_cmphex(pci_mem_read(f, 0xe0001000, 1), ==, 0xff);
    pci_write(f, probe, BAR(0), 0xe0008000, 4);
    g_assert_cmphex(pci_mem_read(f, 0xe0000000, 1), ==, 0xff);
    g_assert_cmphex(pci_mem_read(f, 0xe0008000, 1), ==, 0xa0);
    g_assert_cmphex(where(probe, 0), ==, 0xe0008000);
    tn_test_drop(probe);
}

static void
test_bytes_of_a_register(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0) + 3, 0xe1, 1);
    pci_write(f, probe, BAR(0) + 1, 0x30, 1);
    g_assert_cmphex(where(probe, 0), ==, 0xe1003000);
    tn_test_drop(probe);
}

static void
test_ports(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(1), 0xc040, 4);
    g_assert_cmphex(pci_read(f, probe, BAR(1), 4), ==, 0xc041);
    g_assert_cmphex(tn_test_inb(f->p, 0xc05f), ==, 0xa1);
    g_assert_cmphex(tn_test_inb(f->p, 0xc060), ==, 0xff);
    pci_write(f, probe, BAR(1), 0x1c040, 4); /* past the last port */
    g_assert_cmphex(where(probe, 1), ==, TN_PCI_BAR_UNMAPPED);
    g_assert_cmphex(tn_test_inb(f->p, 0xc040), ==, 0xff);
    tn_test_drop(probe);
}

static void
test_command_disables_each_kind(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0), 0xe0000000, 4);
    pci_write(f, probe, BAR(1), 0xc040, 4);
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_IO, 2);
    g_assert_cmphex(where(probe, 0), ==, TN_PCI_BAR_UNMAPPED);
    g_assert_cmphex(where(probe, 1), ==, 0xc040);
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(where(probe, 0), ==, 0xe0000000);
    g_assert_cmphex(where(probe, 1), ==, TN_PCI_BAR_UNMAPPED);
    tn_test_drop(probe);
}

static void
test_64bit_above_4g(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(3), 0x40, 4);
    g_assert_cmphex(where(probe, 2), ==, G_GUINT64_CONSTANT(0x4000000000));
    g_assert_cmphex(pci_mem_read(f, G_GUINT64_CONSTANT(0x41fffffff8), 8), ==, 0xa2);
    g_assert_cmphex(pci_mem_read(f, G_GUINT64_CONSTANT(0x4200000000), 1), ==, 0xff);
    tn_test_drop(probe);
}

static void
test_all_ones_show_nowhere(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    for (unsigned n = 0; n < 6; n++) {
        pci_write(f, probe, BAR(n), ALL_ONES, 4);
    }
    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        g_assert_cmphex(where(probe, n), ==, TN_PCI_BAR_UNMAPPED);
    }
    g_assert_cmphex(pci_mem_read(f, 0xfffff000, 4), ==, 0xffffffff);
    tn_test_drop(probe);
}

static void
test_zero_shows_nowhere(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0), 0xe0000000, 4);
    pci_write(f, probe, BAR(0), 0, 4);
    g_assert_cmphex(where(probe, 0), ==, TN_PCI_BAR_UNMAPPED);
    tn_test_drop(probe);
}

static void
test_past_physical_addresses_shows_nowhere(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(3), 0x00100000, 4); /* 2^52 */
    g_assert_cmphex(where(probe, 2), ==, TN_PCI_BAR_UNMAPPED);
    pci_write(f, probe, BAR(3), 0x000ffffe, 4); /* ends with it */
    g_assert_cmphex(where(probe, 2), ==, G_GUINT64_CONSTANT(0xffffe00000000));
    tn_test_drop(probe);
}

static void
test_over_ram_hides_none(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    ((guint8 *)f->ram)[0x100000] = 0x5a;
    pci_write(f, probe, BAR(0), 0x100000, 4);
    g_assert_cmphex(where(probe, 0), ==, 0x100000);
    g_assert_cmphex(pci_mem_read(f, 0x100000, 1), ==, 0x5a);
    tn_test_drop(probe);
}

static void
test_overlapping_latest_wins(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0), 0xe0000000, 4);
    pci_write(f, probe, BAR(4), 0xe0000010, 4);
    g_assert_cmphex(pci_mem_read(f, 0xe0000000, 1), ==, 0xa0);
    g_assert_cmphex(pci_mem_read(f, 0xe0000010, 1), ==, 0xa4);
    pci_write(f, probe, BAR(4), 0xe0008000, 4);
    g_assert_cmphex(pci_mem_read(f, 0xe0000010, 1), ==, 0xa0);
    tn_test_drop(probe);
}

static void
test_rom_has_an_enable_bit(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, TN_PCI_REG_ROM, 0xe0000000, 4);
    g_assert_cmphex(where(probe, TN_PCI_ROM_BAR), ==, TN_PCI_BAR_UNMAPPED);
    pci_write(f, probe, TN_PCI_REG_ROM, 0xe0000001, 4);
    g_assert_cmphex(pci_mem_read(f, 0xe0000000, 1), ==, 0xa6);
    pci_write(f, probe, COMMAND, 0, 2);
    g_assert_cmphex(where(probe, TN_PCI_ROM_BAR), ==, TN_PCI_BAR_UNMAPPED);
    tn_test_drop(probe);
}

static void
test_rombar_off(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = pci_new_probe(f, TN_PCI_DEVFN(2, 0));

    g_object_set(probe, "rombar", 0, NULL);
    probe->set_up = six_kinds;
    tn_test_realize(f->p, probe);
    pci_write(f, probe, TN_PCI_REG_ROM, ALL_ONES, 4);
    g_assert_cmphex(pci_read(f, probe, TN_PCI_REG_ROM, 4), ==, 0);
    tn_test_drop(probe);
}

static void
test_reset_unmaps(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0), 0xe0000000, 4);
    pci_write(f, probe, BAR(3), 0x40, 4);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(where(probe, 0), ==, TN_PCI_BAR_UNMAPPED);
    g_assert_cmphex(pci_read(f, probe, BAR(0), 4), ==, 0);
    g_assert_cmphex(pci_read(f, probe, BAR(1), 4), ==, 1);
    g_assert_cmphex(pci_read(f, probe, BAR(2), 4), ==, 0xc);
    g_assert_cmphex(pci_read(f, probe, BAR(3), 4), ==, 0);
    g_assert_cmphex(pci_mem_read(f, 0xe0000000, 1), ==, 0xff);
    tn_test_drop(probe);
}

static void
test_unrealize_takes_them_out(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);

    pci_write(f, probe, BAR(0), 0xe0000000, 4);
    pci_write(f, probe, BAR(1), 0xc040, 4);
    tn_test_drop(probe);
    g_assert_cmphex(pci_mem_read(f, 0xe0000000, 1), ==, 0xff);
    g_assert_cmphex(tn_test_inb(f->p, 0xc040), ==, 0xff);
}

/* The header's values as another machine saved them. */
static void
test_loaded_state_maps(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);
    g_autoptr(GError) error = NULL;

    tn_pci_config_set_long(&TN_PCI_DEVICE(probe)->config, BAR(0), 0xe0000000);
    g_assert_true(tn_pci_device_post_load(TN_PCI_DEVICE(probe), &error));
    g_assert_no_error(error);
    g_assert_cmphex(where(probe, 0), ==, 0xe0000000);
    tn_test_drop(probe);
}

static void
test_loaded_state_of_another_size_is_refused(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);
    g_autoptr(GError) error = NULL;

    tn_pci_config_set_long(&TN_PCI_DEVICE(probe)->config, BAR(0), 0xe0000100);
    g_assert_false(tn_pci_device_post_load(TN_PCI_DEVICE(probe), &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==,
                    "Bad config data: i=0x11 read: 1 device: 0 cmask: ff wmask: f0 w1cmask:0");
    g_assert_cmphex(where(probe, 0), ==, TN_PCI_BAR_UNMAPPED);
    tn_test_drop(probe);
}

static TnMemResult
dma(TnPciProbe *probe, guint64 addr, guint32 *value)
{
    return tn_address_space_read(tn_pci_device_get_dma_space(TN_PCI_DEVICE(probe)), addr, value,
                                 sizeof *value);
}

static void
test_bus_master_bit(PciFixture *f, gconstpointer data)
{
    TnPciProbe *probe = add(f);
    guint32 value;

    *(guint32 *)f->ram = 0x12345678;
    g_assert_cmpint(dma(probe, 0, &value), ==, TN_MEM_UNASSIGNED);
    pci_write(f, probe, COMMAND, TN_PCI_COMMAND_MASTER, 2);
    g_assert_cmpint(dma(probe, 0, &value), ==, TN_MEM_OK);
    g_assert_cmphex(value, ==, 0x12345678);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(dma(probe, 0, &value), ==, TN_MEM_UNASSIGNED);
    g_assert_cmpstr(tn_address_space_name(tn_pci_device_get_dma_space(TN_PCI_DEVICE(probe))), ==,
                    "pci-probe");
    tn_test_drop(probe);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    PCI_TEST("/pci/bar/sizing", test_sizing);
    PCI_TEST("/pci/bar/memory-shows-and-moves", test_memory_shows_and_moves);
    PCI_TEST("/pci/bar/bytes-of-a-register", test_bytes_of_a_register);
    PCI_TEST("/pci/bar/ports", test_ports);
    PCI_TEST("/pci/bar/command-disables-each-kind", test_command_disables_each_kind);
    PCI_TEST("/pci/bar/64bit-above-4g", test_64bit_above_4g);
    PCI_TEST("/pci/bar/all-ones-show-nowhere", test_all_ones_show_nowhere);
    PCI_TEST("/pci/bar/zero-shows-nowhere", test_zero_shows_nowhere);
    PCI_TEST("/pci/bar/past-physical-addresses-shows-nowhere",
             test_past_physical_addresses_shows_nowhere);
    PCI_TEST("/pci/bar/over-ram-hides-none", test_over_ram_hides_none);
    PCI_TEST("/pci/bar/overlapping-latest-wins", test_overlapping_latest_wins);
    PCI_TEST("/pci/bar/rom-has-an-enable-bit", test_rom_has_an_enable_bit);
    PCI_TEST("/pci/bar/rombar-off", test_rombar_off);
    PCI_TEST("/pci/bar/reset-unmaps", test_reset_unmaps);
    PCI_TEST("/pci/bar/unrealize-takes-them-out", test_unrealize_takes_them_out);
    PCI_TEST("/pci/bar/loaded-state-maps", test_loaded_state_maps);
    PCI_TEST("/pci/bar/loaded-state-of-another-size-is-refused",
             test_loaded_state_of_another_size_is_refused);
    PCI_TEST("/pci/bar/bus-master-bit", test_bus_master_bit);
    return g_test_run();
}
