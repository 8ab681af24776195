/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions that come to and leave the buses of a running pc machine: a row of its
 * hotplug handler, and what it keeps. A slot is told and asked for as a whole. A bus has
 * hot-pluggable slots when it was there as the machine was finished and got a selector.
 * docs/specs/acpi-pci-hotplug.md. Main thread.
 */
#pragma once

#include "vmm/acpi/pci-hotplug.h"
#include "vmm/machine/pc-hotplug.h"
#include "vmm/pci/bus.h"

typedef struct TnPcPciHotplug TnPcPciHotplug;

/**
 * tn_pc_pci_hotplug_new:
 * Puts the controller's ports into place, and gives the root bus selector 0 when
 * @config says that it is hot-pluggable. What is on it already, and is not hotpluggable,
 * keeps its slot for good.
 * @config: pci_bus is not NULL; platform, gpe and pci_bus outlive the result.
 * @handler: (transfer none): gets the row for TN_TYPE_PCI_DEVICE; outlives it.
 */
TnPcPciHotplug *tn_pc_pci_hotplug_new(const TnPcHotplugConfig *config, TnPcHotplug *handler);
/* Takes the ports away; devices stay where they are. NULL is fine. */
void tn_pc_pci_hotplug_free(TnPcPciHotplug *self);

/* The user's cold-plugged devices are there: gives the buses behind bridges their selectors,
 * depth first by address, as many as there are. Once. */
void tn_pc_pci_hotplug_settle(TnPcPciHotplug *self);

/* For the tables: fills in at most TN_PC_PCI_HOTPLUG_MAX_BUSES of @ret_buses and returns how
 * many; 0 when nothing can come or go. */
#define TN_PC_PCI_HOTPLUG_MAX_BUSES (TN_ACPI_PCI_HOTPLUG_BUSES + 1)
unsigned tn_pc_pci_hotplug_describe(TnPcPciHotplug *self, TnAcpiPciBus *ret_buses);

/* Slots 0..31 of each bus in order; the info is valid during the callback. */
void tn_pc_pci_hotplug_foreach_slot(TnPcPciHotplug *self, TnAcpiSlotFunc func,
                                    gpointer user_data);
