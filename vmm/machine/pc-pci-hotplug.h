/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions that come to and leave the root bus of a running pc machine: a row of
 * its hotplug handler, and what it keeps. A slot is told and asked for as a whole.
 * docs/specs/acpi-pci-hotplug.md. Main thread.
 */
#pragma once

#include "vmm/machine/pc-hotplug.h"
#include "vmm/pci/bus.h"

typedef struct TnPcPciHotplug TnPcPciHotplug;

/**
 * tn_pc_pci_hotplug_new:
 * Puts the controller's ports into place. What is on the bus already, and is not
 * hotpluggable, keeps its slot for good.
 * @platform, @gpe, @bus: outlive it.
 * @handler: (transfer none): gets the row for TN_TYPE_PCI_DEVICE; outlives it.
 */
TnPcPciHotplug *tn_pc_pci_hotplug_new(const TnPlatform *platform, TnAcpiGpe *gpe, TnPciBus *bus,
                                      TnPcHotplug *handler);
/* Takes the ports away; devices stay where they are. NULL is fine. */
void tn_pc_pci_hotplug_free(TnPcPciHotplug *self);

/* For the tables: the slots, a bit each, whose devices can come and go. */
guint32 tn_pc_pci_hotplug_get_slots(TnPcPciHotplug *self);

/* Slots 0..31 in order; the info is valid during the callback. */
void tn_pc_pci_hotplug_foreach_slot(TnPcPciHotplug *self, TnAcpiSlotFunc func,
                                    gpointer user_data);
