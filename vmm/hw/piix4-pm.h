/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PIIX4 power management: PCI function 3 of the south bridge, with the PM1
 * registers and the timer at PMBASE, GPE0, and the SCI on ISA interrupt 9.
 * docs/specs/piix4-pm.md.
 */
#pragma once

#include "vmm/acpi/gpe.h"
#include "vmm/core/run-state.h"
#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_TYPE_PIIX4_PM (tn_piix4_pm_get_type())
G_DECLARE_FINAL_TYPE(TnPiix4Pm, tn_piix4_pm, TN, PIIX4_PM, TnPciDevice)

/* Where the registers are, as no firmware places them, and their interrupt. */
#define TN_PIIX4_PM_BASE 0x600
#define TN_PIIX4_SCI_IRQ 9

/* (transfer none): for hot-plug controllers; while realized. */
TnAcpiGpe *tn_piix4_pm_get_gpe(TnPiix4Pm *self);

/* Whether the user left the guest a kind of sleep: properties disable_s3, disable_s4. */
typedef enum { TN_PIIX4_S3, TN_PIIX4_S4 } TnPiix4Sleep;
gboolean tn_piix4_pm_has_sleep(TnPiix4Pm *self, TnPiix4Sleep sleep);
/* SUS_TYP of S4: property s4_val. */
guint8 tn_piix4_pm_get_s4_type(TnPiix4Pm *self);

/* The guest wakes up from S3; after the reset. Main thread. */
void tn_piix4_pm_wake_up(TnPiix4Pm *self, TnWakeupReason reason);

/* The properties acpi-root-pci-hotplug and acpi-pci-hotplug-with-bridge-support: on which
 * buses devices come and go. */
gboolean tn_piix4_pm_hotplugs_on_root(TnPiix4Pm *self);
gboolean tn_piix4_pm_hotplugs_behind_bridges(TnPiix4Pm *self);

/* The user presses the power button: for TnRunStateOps.powerdown. Main thread. */
void tn_piix4_pm_press_power_button(TnPiix4Pm *self);

G_END_DECLS
