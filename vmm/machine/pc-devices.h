/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sits on the board from the beginning: host bridge, PIIX, ISA devices, the
 * window for DIMMs; and the ACPI tables that tell of it. Main thread.
 */
#pragma once

#include "vmm/acpi/gpe.h"
#include "vmm/acpi/tables.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/pc-hotplug.h"
#include "vmm/machine/pc-ram.h"

G_BEGIN_DECLS

typedef struct TnPcDevices TnPcDevices;

/* Makes and realizes them, and installs the machine's hot-plug handler. Nothing is
 * left of them on failure. */
TnPcDevices *tn_pc_devices_new(TnMachine *machine, const TnPcRam *ram, GError **error);
/* Takes every DIMM out of the guest; before the tree lets go of the user's devices. */
void tn_pc_devices_stop_hotplug(TnPcDevices *devices);
/* After the tree has let go of every device. NULL is fine. */
void tn_pc_devices_free(TnPcDevices *devices);

/* The tables for the guest as it is configured, with the @num_cpus possible @cpus as they
 * are now. (transfer full): NULL when they are too large. */
GBytes *tn_pc_devices_build_acpi(TnPcDevices *devices, const TnAcpiCpu *cpus, unsigned num_cpus,
                                 GError **error);

/* fw_cfg says what is true now; vCPUs paused. */
void tn_pc_devices_refresh_fw_cfg(TnPcDevices *devices);
/* The user's cold-plugged devices are there: hot plug can tell of the buses behind bridges.
 * Once, before the tables are built. */
void tn_pc_devices_settle(TnPcDevices *devices);
/* After each reset: what firmware does before a kernel runs (pc-pci-setup.h). */
void tn_pc_devices_setup_pci(TnPcDevices *devices);

/* The last guest address that something may ever be at: the end of the 64-bit PCI hole. */
guint64 tn_pc_devices_get_last_address(TnPcDevices *devices);

/* (transfer none): the PM device's, for hot-plug controllers. */
TnAcpiGpe *tn_pc_devices_get_gpe(TnPcDevices *devices);

/* The power button: what "system_powerdown" does. */
void tn_pc_devices_press_power_button(TnPcDevices *devices);

/* The guest has gone to sleep; it wakes up, after the devices' reset. */
void tn_pc_devices_note_suspend(TnPcDevices *devices);
void tn_pc_devices_note_wakeup(TnPcDevices *devices, TnWakeupReason reason);

/* (transfer none) */
TnPcHotplug *tn_pc_devices_get_hotplug(TnPcDevices *devices);

G_END_DECLS
