/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bridges as a kernel without firmware finds them: numbered, with windows. */
#include "vmm/machine/pc-pci-setup.h"

#include "tests/unit/vmm/pci/fixture.h"
#include "vmm/hw/pci-bridge.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define MAX_DEVICES 24

static const TnRange hole = { 0xe0000000, 0xfebfffff };

typedef struct Fixture {
    PciFixture pci;
    gpointer made[MAX_DEVICES]; /* in the order of realization */
    unsigned count;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    pci_set_up(&f->pci, data);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    while (f->count > 0) {
        tn_test_drop(f->made[--f->count]);
    }
    pci_tear_down(&f->pci, data);
}

static TnPciBridge *
add_bridge(Fixture *f, TnPciBus *bus, int slot)
{
    TnPciBridge *bridge = g_object_new(TN_TYPE_PCI_BRIDGE, "chassis-nr", 1, NULL);

    tn_device_set_platform(TN_DEVICE(bridge), &f->pci.p->platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(bridge), bus, TN_PCI_DEVFN(slot, 0));
    f->made[f->count++] = tn_test_realize(f->pci.p, bridge);
    return bridge;
}

static gboolean
with_bars(TnPciProbe *probe, GError **error)
{
    pci_add_bar(probe, 0, TN_PCI_BAR_MEM32, 16 * MIB);
    pci_add_bar(probe, 1, TN_PCI_BAR_IO, 0x20);
    pci_add_bar(probe, 2, TN_PCI_BAR_MEM64 | TN_PCI_BAR_PREFETCH, 64 * MIB);
    return TRUE;
}

static void
add_probe(Fixture *f, TnPciBridge *behind, int slot)
{
    TnPciProbe *probe = pci_new_probe(&f->pci, TN_PCI_DEVFN(slot, 0));

    tn_pci_device_set_address(TN_PCI_DEVICE(probe), tn_pci_bridge_get_bus(behind),
                              TN_PCI_DEVFN(slot, 0));
    probe->set_up = with_bars;
    f->made[f->count++] = tn_test_realize(f->pci.p, probe);
}

static void
assert_numbers(TnPciBridge *bridge, unsigned primary, unsigned secondary, unsigned subordinate)
{
    const guint8 *value = TN_PCI_DEVICE(bridge)->config.value;

    g_assert_cmpuint(value[TN_PCI_BRIDGE_REG_PRIMARY], ==, primary);
    g_assert_cmpuint(value[TN_PCI_BRIDGE_REG_SECONDARY], ==, secondary);
    g_assert_cmpuint(value[TN_PCI_BRIDGE_REG_SUBORDINATE], ==, subordinate);
}

/* First and last address of the memory window. */
static TnRange
memory_window(TnPciBridge *bridge)
{
    const TnPciConfig *config = &TN_PCI_DEVICE(bridge)->config;
    guint64 base = tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_MEMORY_BASE);
    guint64 limit = tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_MEMORY_LIMIT);

    return (TnRange){ base << 16, limit << 16 | 0xfffff };
}

static TnRange
io_window(TnPciBridge *bridge)
{
    const guint8 *value = TN_PCI_DEVICE(bridge)->config.value;

    return (TnRange){ (guint64)value[TN_PCI_BRIDGE_REG_IO_BASE] << 8,
                      (guint64)value[TN_PCI_BRIDGE_REG_IO_LIMIT] << 8 | 0xfff };
}

static void
assert_range(TnRange range, guint64 first, guint64 last)
{
    g_assert_cmphex(range.first, ==, first);
    g_assert_cmphex(range.last, ==, last);
}

static void
test_empty_bridge_has_room(Fixture *f, gconstpointer data)
{
    TnPciBridge *bridge = add_bridge(f, f->pci.bus, 3);

    tn_pc_pci_setup_bridges(f->pci.bus, hole);
    assert_numbers(bridge, 0, 1, 1);
    assert_range(memory_window(bridge), 0xfea00000, 0xfebfffff);
    assert_range(io_window(bridge), 0xc000, 0xcfff);
}

static void
test_numbers_are_depth_first(Fixture *f, gconstpointer data)
{
    TnPciBridge *first = add_bridge(f, f->pci.bus, 3);
    TnPciBridge *last = add_bridge(f, f->pci.bus, 9);
    TnPciBridge *outer = add_bridge(f, tn_pci_bridge_get_bus(first), 1);
    TnPciBridge *inner = add_bridge(f, tn_pci_bridge_get_bus(outer), 1);

    tn_pc_pci_setup_bridges(f->pci.bus, hole);
    assert_numbers(first, 0, 1, 3);
    assert_numbers(outer, 1, 2, 3);
    assert_numbers(inner, 2, 3, 3);
    assert_numbers(last, 0, 4, 4);
}

static void
test_windows_lie_in_the_outer_ones(Fixture *f, gconstpointer data)
{
    TnPciBridge *outer = add_bridge(f, f->pci.bus, 3);
    TnPciBridge *small = add_bridge(f, tn_pci_bridge_get_bus(outer), 1);
    TnPciBridge *large = add_bridge(f, tn_pci_bridge_get_bus(outer), 2);

    add_probe(f, large, 4);
    tn_pc_pci_setup_bridges(f->pci.bus, hole);
    g_assert_true(tn_range_covers(hole, memory_window(outer)));
    g_assert_true(tn_range_covers(memory_window(outer), memory_window(small)));
    g_assert_true(tn_range_covers(memory_window(outer), memory_window(large)));
    g_assert_false(tn_range_overlaps(memory_window(small), memory_window(large)));
    g_assert_cmphex(memory_window(large).first % (16 * MIB), ==, 0);
    /* The BAR of 16 MiB and the spare ones, rounded up; what is prefetchable is not there. */
    g_assert_cmphex(tn_range_size(memory_window(large)), ==, 32 * MIB);
    g_assert_true(tn_range_covers(io_window(outer), io_window(small)));
    g_assert_true(tn_range_covers(io_window(outer), io_window(large)));
    g_assert_false(tn_range_overlaps(io_window(small), io_window(large)));
}

static void
test_windows_that_do_not_fit_stay_shut(Fixture *f, gconstpointer data)
{
    const TnRange small = { 0xfe000000, 0xfe2fffff };
    TnPciBridge *bridge = add_bridge(f, f->pci.bus, 3);

    tn_pc_pci_setup_bridges(f->pci.bus, small);
    assert_numbers(bridge, 0, 1, 1);
    assert_range(memory_window(bridge), 0, 0xfffff);
}

static void
test_ports_run_out(Fixture *f, gconstpointer data)
{
    TnPciBridge *bridges[5];

    for (unsigned i = 0; i < 5; i++) {
        bridges[i] = add_bridge(f, f->pci.bus, (int)(3 + i));
    }
    tn_pc_pci_setup_bridges(f->pci.bus, hole);
    assert_range(io_window(bridges[3]), 0xf000, 0xffff);
    assert_range(io_window(bridges[4]), 0, 0xfff);
    assert_numbers(bridges[4], 0, 5, 5);
}

#define ADD(path, func)                                                                         \
    g_test_add("/machine/pc-pci-setup/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("empty-bridge-has-room", test_empty_bridge_has_room);
    ADD("numbers-are-depth-first", test_numbers_are_depth_first);
    ADD("windows-lie-in-the-outer-ones", test_windows_lie_in_the_outer_ones);
    ADD("windows-that-do-not-fit-stay-shut", test_windows_that_do_not_fit_stay_shut);
    ADD("ports-run-out", test_ports_run_out);
    return g_test_run();
}
