/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The board's own devices and the tables that describe them. */
#include "vmm/machine/pc-devices.h"

#include "vmm/machine/machine-private.h"
#include "vmm/machine/pc-acpi.h"

#define GIB (1ULL << 30)
#define IOAPIC_ADDRESS 0xfec00000ULL

struct TnPcDevices {
    TnMachine *machine;
    guint64 below_4g, above_4g;
};

TnPcDevices *
tn_pc_devices_new(TnMachine *machine, const TnPcRam *ram, GError **error)
{
    TnPcDevices *devices = g_new0(TnPcDevices, 1);

    devices->machine = machine;
    devices->below_4g = tn_pc_ram_below_4g(ram);
    devices->above_4g = tn_pc_ram_above_4g(ram);
    return devices;
}

void
tn_pc_devices_free(TnPcDevices *devices)
{
    g_free(devices);
}

GBytes *
tn_pc_devices_build_acpi(TnPcDevices *devices)
{
    const TnMachineConfig *c = devices->machine->config;
    g_autofree guint64 *node_sizes = g_new0(guint64, MAX(1, c->num_numa));
    g_autofree guint8 *cpu_nodes = g_new0(guint8, TN_MAX_CPUS);
    TnPcAcpiConfig acpi = {
        .cpus = c->cpus,
        .cpu_nodes = cpu_nodes,
        .node_sizes = node_sizes,
        .num_nodes = c->num_numa,
        .below_4g = devices->below_4g,
        .above_4g = devices->above_4g,
        .ram_slots = c->ram_slots,
        .pci_hole = { devices->below_4g, IOAPIC_ADDRESS - 1 },
        .com1 = TRUE,
    };

    for (unsigned i = 0; i < c->num_numa; i++) {
        node_sizes[i] = c->numa[i].size;
        for (unsigned cpu = 0; cpu < c->cpus; cpu++) {
            if ((c->numa[i].cpus[cpu / 64] >> (cpu % 64)) & 1) {
                cpu_nodes[cpu] = (guint8)i;
            }
        }
    }
    return tn_pc_acpi_build(&acpi);
}

void
tn_pc_devices_press_power_button(TnPcDevices *devices)
{
}
