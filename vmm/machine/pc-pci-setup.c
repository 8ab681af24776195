/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers and windows of PCI bridges. PCI-to-PCI Bridge Architecture 1.2, 3.2.5.
 *
 * A bridge's window holds its devices' BARs and its inner bridges' windows. All are sized
 * from the far end, then placed from the root, downwards, the greatest alignment first: as
 * each size is a multiple of its alignment nothing is lost between them.
 */
#include "vmm/machine/pc-pci-setup.h"

#include "vmm/pci/bar.h"

#define MAX_BUS 255u
#define IO_END 0x10000u

/* What a window has to hold. */
typedef struct Need {
    guint64 memory, align; /* bytes */
    unsigned io;           /* bytes, a multiple of the step */
} Need;

/* How far the setup of one bus has come. */
typedef struct Setup {
    guint64 memory; /* what lies below is free; 0: windows stay shut */
    unsigned io;    /* what lies above is free */
} Setup;

/* A bridge, and where what is behind it goes. */
typedef struct Bridge {
    TnPciDevice *device;
    Need need;
    Setup behind;
} Bridge;

static guint64
round_up(guint64 value, guint64 step)
{
    return (value + step - 1) / step * step;
}

static void
add_bars(Need *need, TnPciDevice *device)
{
    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        const TnPciBar *bar = &device->bars[n];
        guint64 size = bar->region ? tn_memory_region_size(bar->region) : 0;

        if (size && !(bar->kind & TN_PCI_BAR_IO) && !(bar->kind & TN_PCI_BAR_PREFETCH)) {
            need->memory += size;
            need->align = MAX(need->align, size);
        }
    }
}

/* Of the window that leads to @bus. */
static Need
measure(TnPciBus *bus)
{
    Need need = { .align = TN_PC_PCI_MEMORY_STEP, .io = TN_PC_PCI_IO_STEP };

    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, devfn);

        if (!device) {
            continue;
        }
        add_bars(&need, device);
        if (device->secondary) {
            Need inner = measure(device->secondary);

            need.memory += inner.memory;
            need.align = MAX(need.align, inner.align);
            need.io += inner.io;
        }
    }
    /* In units of its alignment whatever lies within can be placed in any order. */
    need.memory = round_up(need.memory + TN_PC_PCI_SPARE_MEMORY, need.align);
    return need;
}

static void
write_config(TnPciDevice *bridge, unsigned offset, unsigned value, unsigned size)
{
    tn_pci_bus_config_write(bridge->bus, bridge->devfn, offset, value, size);
}

static void
open_memory(TnPciDevice *bridge, guint64 first, guint64 size)
{
    write_config(bridge, TN_PCI_BRIDGE_REG_MEMORY_BASE, (unsigned)(first >> 16), 2);
    write_config(bridge, TN_PCI_BRIDGE_REG_MEMORY_LIMIT, (unsigned)((first + size - 1) >> 16), 2);
}

static void
open_io(TnPciDevice *bridge, unsigned first, unsigned size)
{
    write_config(bridge, TN_PCI_BRIDGE_REG_IO_BASE, first >> 8, 1);
    write_config(bridge, TN_PCI_BRIDGE_REG_IO_LIMIT, (first + size - 1) >> 8, 1);
}

static gint
by_alignment(gconstpointer a, gconstpointer b)
{
    const Bridge *const *x = a, *const *y = b;

    return ((*x)->need.align < (*y)->need.align) - ((*x)->need.align > (*y)->need.align);
}

/* Opens the windows of a bus's bridges, within what @setup has free. */
static void
open_windows(GArray *bridges, Setup setup)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();

    for (guint i = 0; i < bridges->len; i++) {
        g_ptr_array_add(sorted, &g_array_index(bridges, Bridge, i));
    }
    g_ptr_array_sort(sorted, by_alignment);
    for (guint i = 0; i < sorted->len; i++) {
        Bridge *bridge = g_ptr_array_index(sorted, i);

        bridge->behind = (Setup){ .io = IO_END };
        if (setup.memory) {
            bridge->behind.memory = setup.memory / bridge->need.align * bridge->need.align;
            setup.memory = bridge->behind.memory - bridge->need.memory;
            open_memory(bridge->device, setup.memory, bridge->need.memory);
        }
        if (setup.io + bridge->need.io <= IO_END) {
            bridge->behind.io = setup.io;
            open_io(bridge->device, setup.io, bridge->need.io);
            setup.io += bridge->need.io;
        }
    }
}

/* Returns: the greatest number of a bus behind @bus, whose own is @number. */
static unsigned
set_up_behind(TnPciBus *bus, unsigned number, Setup setup)
{
    g_autoptr(GArray) bridges = g_array_new(FALSE, FALSE, sizeof(Bridge));
    unsigned last = number;

    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        Bridge bridge = { .device = tn_pci_bus_get_device(bus, devfn) };

        if (bridge.device && bridge.device->secondary) {
            bridge.need = measure(bridge.device->secondary);
            g_array_append_val(bridges, bridge);
        }
    }
    open_windows(bridges, setup);
    for (guint i = 0; i < bridges->len && last < MAX_BUS; i++) {
        const Bridge *bridge = &g_array_index(bridges, Bridge, i);

        write_config(bridge->device, TN_PCI_BRIDGE_REG_PRIMARY, number, 1);
        write_config(bridge->device, TN_PCI_BRIDGE_REG_SECONDARY, last + 1, 1);
        last = set_up_behind(bridge->device->secondary, last + 1, bridge->behind);
        write_config(bridge->device, TN_PCI_BRIDGE_REG_SUBORDINATE, last, 1);
    }
    return last;
}

void
tn_pc_pci_setup_bridges(TnPciBus *root, TnRange hole)
{
    Need all = measure(root);
    /* What is needed, and what the alignment may cost at the end. */
    gboolean fits = all.memory + all.align <= tn_range_size(hole) / 2;
    const Setup setup = { .memory = fits ? hole.last + 1 : 0, .io = TN_PC_PCI_IO_FIRST };

    (void)set_up_behind(root, 0, setup);
}
