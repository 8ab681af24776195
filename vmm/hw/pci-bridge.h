/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PCI-to-PCI bridge (1b36:0001) and the bus behind it. docs/specs/pci.md, "Bridges".
 */
#pragma once

#include "vmm/pci/bus.h"

G_BEGIN_DECLS

#define TN_TYPE_PCI_BRIDGE (tn_pci_bridge_get_type())
G_DECLARE_FINAL_TYPE(TnPciBridge, tn_pci_bridge, TN, PCI_BRIDGE, TnPciDevice)

/* (transfer none): the secondary bus; NULL before realize. */
TnPciBus *tn_pci_bridge_get_bus(TnPciBridge *self);

G_END_DECLS
