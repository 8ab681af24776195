/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI-to-PCI bridge: numbers, windows, reset and pins of what is behind it. */
#include "vmm/hw/pci-bridge.h"

#include "tests/unit/vmm/pci/fixture.h"

#define BRIDGE TN_PCI_DEVFN(3, 0)
#define BEHIND TN_PCI_DEVFN(2, 0)
#define ABOVE_4G G_GUINT64_CONSTANT(0x4000000000)

typedef struct Fixture {
    PciFixture pci;
    TnPciBridge *bridge;
    TnPciProbe *probe;
} Fixture;

static gboolean
with_bars(TnPciProbe *probe, GError **error)
{
    pci_add_bar(probe, 0, TN_PCI_BAR_MEM32, 0x1000);
    pci_add_bar(probe, 1, TN_PCI_BAR_IO, 0x20);
    pci_add_bar(probe, 2, TN_PCI_BAR_MEM64 | TN_PCI_BAR_PREFETCH, 0x1000);
    return TRUE;
}

static TnPciBridge *
new_bridge(Fixture *f, TnPciBus *bus, int devfn, unsigned chassis)
{
    TnPciBridge *bridge = g_object_new(TN_TYPE_PCI_BRIDGE, "chassis-nr", chassis, NULL);

    tn_device_set_platform(TN_DEVICE(bridge), &f->pci.p->platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(bridge), bus, devfn);
    return bridge;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    pci_set_up(&f->pci, data);
    f->bridge = tn_test_realize(f->pci.p, new_bridge(f, f->pci.bus, BRIDGE, 7));
    f->probe = pci_new_probe(&f->pci, BEHIND);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->probe), tn_pci_bridge_get_bus(f->bridge), BEHIND);
    f->probe->set_up = with_bars;
    tn_test_realize(f->pci.p, f->probe);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    if (f->probe) {
        tn_test_drop(f->probe);
    }
    if (f->bridge) {
        tn_test_drop(f->bridge);
    }
    pci_tear_down(&f->pci, data);
}

static guint32
routed_read(Fixture *f, unsigned bus, int devfn, unsigned offset, unsigned size)
{
    return tn_pci_bus_routed_read(f->pci.bus, bus, devfn, offset, size);
}

static void
routed_write(Fixture *f, unsigned bus, int devfn, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_bus_routed_write(f->pci.bus, bus, devfn, offset, value, size);
}

/* Bus 1 up to @subordinate. */
static void
number(Fixture *f, unsigned subordinate)
{
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PRIMARY, subordinate << 16 | 1 << 8, 4);
}

/* Windows of 0xe0000000..0xe00fffff, 0x4000000000..0x40000fffff and 0xc000..0xcfff, open. */
static void
open_windows(Fixture *f)
{
    number(f, 1);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_MEMORY_BASE, 0xe000e000, 4);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_BASE, 0, 4);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_BASE_UPPER, 0x40, 4);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER, 0x40, 4);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_IO_BASE, 0xc0c0, 2);
    routed_write(f, 0, BRIDGE, TN_PCI_REG_COMMAND, TN_PCI_COMMAND_IO | TN_PCI_COMMAND_MEMORY, 2);
    routed_write(f, 1, BEHIND, TN_PCI_REG_BAR0, 0xe0001000, 4);
    routed_write(f, 1, BEHIND, TN_PCI_REG_BAR0 + 4, 0xc040, 4);
    routed_write(f, 1, BEHIND, TN_PCI_REG_BAR0 + 12, 0x40, 4);
    routed_write(f, 1, BEHIND, TN_PCI_REG_COMMAND, TN_PCI_COMMAND_IO | TN_PCI_COMMAND_MEMORY, 2);
}

static void
test_header(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0, 4), ==, 0x00011b36);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_REG_REVISION, 4), ==, 0x06040000);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_REG_HEADER_TYPE, 1), ==, 1);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_REG_CAPABILITIES, 1), ==, 0x40);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x40, 4), ==, 0x07000004);
    for (unsigned at = TN_PCI_REG_BAR0; at < TN_PCI_REG_FIRST_OWN; at += 4) {
        routed_write(f, 0, BRIDGE, at, 0xffffffff, 4);
    }
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x10, 4), ==, 0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x14, 4), ==, 0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x18, 4), ==, 0xffffffff);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x1c, 4), ==, 0x00a0f0f0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x20, 4), ==, 0xfff0fff0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x24, 4), ==, 0xfff1fff1);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x28, 4), ==, 0xffffffff);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x2c, 4), ==, 0xffffffff);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x38, 4), ==, 0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, 0x3c, 4), ==, 0x0bff00ff);
}

static void
test_without_chassis_is_refused(Fixture *f, gconstpointer data)
{
    TnPciBridge *bridge = new_bridge(f, f->pci.bus, TN_PCI_DEVFN(4, 0), 0);
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(bridge), &error));
    g_assert_cmpstr(error->message, ==,
                    "Bridge chassis not specified. Each bridge is required to be assigned a unique "
                    "chassis id > 0.");
    g_assert_null(tn_pci_bus_get_device(f->pci.bus, TN_PCI_DEVFN(4, 0)));
    g_object_unref(bridge);
}

static void
test_config_cycles_follow_numbers(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(routed_read(f, 1, BEHIND, 0, 4), ==, 0xffffffff);
    number(f, 1);
    g_assert_cmphex(routed_read(f, 1, BEHIND, 0, 4), ==, 0x56781234);
    g_assert_cmphex(routed_read(f, 1, BEHIND + 8, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(routed_read(f, 0, BEHIND, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(routed_read(f, 2, BEHIND, 0, 4), ==, 0xffffffff);
    g_assert_cmpuint(tn_pci_bus_get_number(tn_pci_bridge_get_bus(f->bridge)), ==, 1);
}

static void
test_config_cycles_by_port(Fixture *f, gconstpointer data)
{
    number(f, 1);
    tn_test_out(f->pci.p, 0xcf8, 0x80011000, 4);
    g_assert_cmphex(tn_test_in(f->pci.p, 0xcfc, 4), ==, 0x56781234);
}

static void
test_bridge_behind_bridge(Fixture *f, gconstpointer data)
{
    TnPciBridge *inner = tn_test_realize(
        f->pci.p, new_bridge(f, tn_pci_bridge_get_bus(f->bridge), TN_PCI_DEVFN(5, 0), 8));
    TnPciProbe *probe = pci_new_probe(&f->pci, BEHIND);

    tn_pci_device_set_address(TN_PCI_DEVICE(probe), tn_pci_bridge_get_bus(inner), BEHIND);
    tn_test_realize(f->pci.p, probe);
    number(f, 2);
    routed_write(f, 1, TN_PCI_DEVFN(5, 0), TN_PCI_BRIDGE_REG_PRIMARY, 0x00020201, 4);
    g_assert_cmphex(routed_read(f, 2, BEHIND, 0, 4), ==, 0x56781234);
    /* INTA: slot 2 makes it C, slot 5 D on, which is A + 7 mod 4; slot 3 of the root. */
    tn_pci_device_set_irq(TN_PCI_DEVICE(probe), 1);
    g_assert_cmpint(f->pci.levels[(3 + (2 + 5) % 4 + 3) % 4], ==, 1);
    number(f, 1);
    g_assert_cmphex(routed_read(f, 2, BEHIND, 0, 4), ==, 0xffffffff);
    tn_test_drop(probe);
    tn_test_drop(inner);
}

static void
test_windows(Fixture *f, gconstpointer data)
{
    open_windows(f);
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0001000, 1), ==, 0xa0);
    g_assert_cmphex(tn_test_inb(f->pci.p, 0xc040), ==, 0xa1);
    g_assert_cmphex(pci_mem_read(&f->pci, ABOVE_4G, 1), ==, 0xa2);
    /* Outside of a window nobody forwards. */
    routed_write(f, 1, BEHIND, TN_PCI_REG_BAR0, 0xe0101000, 4);
    routed_write(f, 1, BEHIND, TN_PCI_REG_BAR0 + 4, 0xd040, 4);
    routed_write(f, 1, BEHIND, TN_PCI_REG_BAR0 + 12, 0x41, 4);
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0101000, 1), ==, 0xff);
    g_assert_cmphex(tn_test_inb(f->pci.p, 0xd040), ==, 0xff);
    g_assert_cmphex(pci_mem_read(&f->pci, ABOVE_4G + G_GUINT64_CONSTANT(0x100000000), 1), ==, 0xff);
    /* Until the window is moved there. */
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_MEMORY_BASE, 0xe010e010, 4);
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0101000, 1), ==, 0xa0);
}

static void
test_windows_close(Fixture *f, gconstpointer data)
{
    open_windows(f);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_MEMORY_BASE, 0xdff0e000, 4); /* base over limit */
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0001000, 1), ==, 0xff);
    routed_write(f, 0, BRIDGE, TN_PCI_REG_COMMAND, TN_PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(tn_test_inb(f->pci.p, 0xc040), ==, 0xff);
    g_assert_cmphex(pci_mem_read(&f->pci, ABOVE_4G, 1), ==, 0xa2);
    routed_write(f, 0, BRIDGE, TN_PCI_REG_COMMAND, 0, 2);
    g_assert_cmphex(pci_mem_read(&f->pci, ABOVE_4G, 1), ==, 0xff);
}

static void
test_window_over_ram_hides_none(Fixture *f, gconstpointer data)
{
    open_windows(f);
    *(guint8 *)f->pci.ram = 0x5a;
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_MEMORY_BASE, 0xfff00000, 4); /* all of 32 bits */
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_BASE_UPPER, 0, 4);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER, 0xffffffff, 4);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_BASE, 0xfff00000, 4); /* of 64 bits */
    g_assert_cmphex(pci_mem_read(&f->pci, 0, 1), ==, 0x5a);
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0001000, 1), ==, 0xa0);
}

static void
test_secondary_bus_reset(Fixture *f, gconstpointer data)
{
    open_windows(f);
    tn_pci_device_set_irq(TN_PCI_DEVICE(f->probe), 1);
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_CONTROL, TN_PCI_BRIDGE_CONTROL_RESET, 2);
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0001000, 1), ==, 0xff);
    g_assert_cmphex(routed_read(f, 1, BEHIND, 0, 4), ==, 0xffffffff);
    for (unsigned i = 0; i < TN_PCI_NUM_LINES; i++) {
        g_assert_cmpint(f->pci.levels[i], ==, 0);
    }
    routed_write(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_CONTROL, 0, 2);
    g_assert_cmphex(routed_read(f, 1, BEHIND, TN_PCI_REG_BAR0, 4), ==, 0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_MEMORY_BASE, 4), ==, 0xe000e000);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    open_windows(f);
    tn_reset_run(f->pci.p->platform.reset);
    g_assert_cmphex(routed_read(f, 1, BEHIND, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PRIMARY, 4), ==, 0);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_BASE, 4), ==, 0x00010001);
    g_assert_cmphex(routed_read(f, 0, BRIDGE, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER, 4), ==, 0);
}

static void
test_pins_turn_by_the_slot(Fixture *f, gconstpointer data)
{
    tn_pci_device_set_irq(TN_PCI_DEVICE(f->probe), 1);
    /* INTA of slot 2 is INTC of the bridge; INTC of slot 3: (3 + 2 - 1) mod 4. */
    g_assert_cmpint(f->pci.levels[0], ==, 1);
    g_assert_cmpint(tn_pci_device_get_intx_gsi(TN_PCI_DEVICE(f->probe)), ==, 10);
    tn_pci_device_set_irq(TN_PCI_DEVICE(f->probe), 0);
}

static void
test_bus_names(Fixture *f, gconstpointer data)
{
    TnPciBridge *named = new_bridge(f, f->pci.bus, TN_PCI_DEVFN(4, 0), 1);

    tn_device_set_id(TN_DEVICE(named), "br1");
    g_assert_true(
        tn_object_add_child(f->pci.p->platform.root, "br1", TN_OBJECT(named), NULL));
    tn_test_realize(f->pci.p, named);
    g_assert_true(tn_pci_bus_find(f->pci.p->platform.root, "br1") == tn_pci_bridge_get_bus(named));
    g_assert_null(tn_pci_bus_find(f->pci.p->platform.root, "br2"));
    g_assert_cmpstr(tn_object_get_name(TN_OBJECT(tn_pci_bridge_get_bus(f->bridge))), ==, "pci.1");
    tn_test_drop(named);
}

static void
test_unrealize_takes_what_is_behind(Fixture *f, gconstpointer data)
{
    open_windows(f);
    tn_test_drop(f->bridge);
    f->bridge = NULL;
    g_assert_false(tn_device_is_realized(TN_DEVICE(f->probe)));
    g_assert_cmphex(pci_mem_read(&f->pci, 0xe0001000, 1), ==, 0xff);
    g_assert_cmphex(routed_read(f, 1, BEHIND, 0, 4), ==, 0xffffffff);
}

#define BRIDGE_TEST(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    BRIDGE_TEST("/hw/pci-bridge/header", test_header);
    BRIDGE_TEST("/hw/pci-bridge/without-chassis-is-refused", test_without_chassis_is_refused);
    BRIDGE_TEST("/hw/pci-bridge/config-cycles-follow-numbers", test_config_cycles_follow_numbers);
    BRIDGE_TEST("/hw/pci-bridge/config-cycles-by-port", test_config_cycles_by_port);
    BRIDGE_TEST("/hw/pci-bridge/bridge-behind-bridge", test_bridge_behind_bridge);
    BRIDGE_TEST("/hw/pci-bridge/windows", test_windows);
    BRIDGE_TEST("/hw/pci-bridge/windows-close", test_windows_close);
    BRIDGE_TEST("/hw/pci-bridge/window-over-ram-hides-none", test_window_over_ram_hides_none);
    BRIDGE_TEST("/hw/pci-bridge/secondary-bus-reset", test_secondary_bus_reset);
    BRIDGE_TEST("/hw/pci-bridge/reset", test_reset);
    BRIDGE_TEST("/hw/pci-bridge/pins-turn-by-the-slot", test_pins_turn_by_the_slot);
    BRIDGE_TEST("/hw/pci-bridge/bus-names", test_bus_names);
    BRIDGE_TEST("/hw/pci-bridge/unrealize-takes-what-is-behind",
                test_unrealize_takes_what_is_behind);
    return g_test_run();
}
