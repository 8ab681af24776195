/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's ACPI tables, built once per boot configuration.
 *
 * Where they go: a blob at TN_PC_ACPI_BASE in the BIOS area, which the machine
 * backs with plain RAM and reports as reserved (E820 type 2, 0xe0000..0xfffff).
 * The RSDP is the blob's first 36 bytes: found by the scan of that area and
 * also passed by address (boot_params.acpi_rsdp_addr, PVH start_info.rsdp_paddr).
 * The guest may write to the blob (FACS); the machine writes it anew on reset.
 */
#pragma once

#include "vmm/acpi/pci-hotplug.h"
#include "vmm/acpi/tables.h"

#include <glib.h>

#define TN_PC_ACPI_BASE 0xe0000
#define TN_PC_ACPI_MAX_SIZE 0x1f000 /* the last page is vmm/machine/bios-state.h's */

/* Fixed places of the PIIX4's blocks, as no firmware sets others up. */
#define TN_PC_PM_BASE 0x600
#define TN_PC_SCI_IRQ 9

/**
 * TnPcAcpiConfig:
 * @cpus, @num_cpus: every possible CPU, 1..255 of them.
 * @node_sizes: bytes of boot RAM by NUMA node, @num_nodes of them, laid out one
 *   after the other; none: one node, described only where memory can be plugged.
 * @distances: @num_nodes squared, NULL: no SLIT.
 * @below_4g: RAM at 0. @above_4g: RAM at 4 GiB.
 * @device_memory_base, @device_memory_size: where DIMMs appear; size 0: nowhere.
 * @ram_slots: DIMM slots, 0..256.
 * @pci_buses: whose slots can be hot-plugged, as tn_acpi_pci_hotplug_aml() wants them;
 *   @num_pci_buses 0: no hot plug.
 * @pci_hole: first and last address of 32-bit PCI memory.
 * @pci_hole64: likewise above 4 GiB; last 0: none.
 * @com1, @com2, @rtc: which ISA devices there are.
 * @i8042: a keyboard controller with keyboard and mouse (not only its reset line).
 * @hpet, @fw_cfg: whether the timer block and the firmware configuration are there.
 * @s3, @s4, @s4_type: whether the DSDT offers sleep and sleep to disk, and what PIIX4 calls
 *   the latter.
 * @reset_port, @reset_value: the FADT's reset register, 0: none.
 */
typedef struct TnPcAcpiConfig {
    const TnAcpiCpu *cpus;
    unsigned num_cpus;
    const guint64 *node_sizes;
    unsigned num_nodes;
    const guint8 *distances;
    guint64 below_4g, above_4g;
    guint64 device_memory_base, device_memory_size;
    unsigned ram_slots;
    const TnAcpiPciBus *pci_buses;
    unsigned num_pci_buses;
    struct {
        guint64 first, last;
    } pci_hole, pci_hole64;
    gboolean com1, com2, rtc, i8042;
    gboolean hpet, fw_cfg;
    gboolean s3, s4;
    guint8 s4_type;
    guint16 reset_port;
    guint8 reset_value;
} TnPcAcpiConfig;

/**
 * tn_pc_acpi_build:
 * @error: GENERIC: there is too much to tell: slots, CPUs, bridges and nodes may each be the most
 *   there can be; distances between 128 nodes and the slots of 15 bridges together may not.
 * Returns: (transfer full): bytes to copy to TN_PC_ACPI_BASE, at most
 *   TN_PC_ACPI_MAX_SIZE of them.
 */
GBytes *tn_pc_acpi_build(const TnPcAcpiConfig *config, GError **error);

/* The guest addresses of the RSDP and the FACS. */
#define TN_PC_ACPI_RSDP TN_PC_ACPI_BASE
#define TN_PC_ACPI_FACS (TN_PC_ACPI_BASE + 0x40)
