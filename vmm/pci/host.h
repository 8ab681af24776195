/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host side of a PCI root bus: configuration mechanism #1 at ports 0xcf8 and
 * 0xcfc, and the region "pci" in which memory BARs show, below system memory's RAM.
 * QEMU's type "i440FX-pcihost"; its bus is the child "pci.0".
 * Spec: PCI Local Bus 3.0, 3.2.2.3.2; docs/specs/pci.md.
 */
#pragma once

#include "vmm/core/device.h"
#include "vmm/memory/region.h"
#include "vmm/pci/bus.h"

G_BEGIN_DECLS

#define TN_TYPE_PCI_HOST (tn_pci_host_get_type())
G_DECLARE_FINAL_TYPE(TnPciHost, tn_pci_host, TN, PCI_HOST, TnDevice)

/* With @platform set, not realized. (transfer full) */
TnPciHost *tn_pci_host_new(const TnPlatform *platform);

/* (transfer none): the root bus; there from the beginning. */
TnPciBus *tn_pci_host_get_bus(TnPciHost *self);

/**
 * tn_pci_host_set_reset_port:
 * Byte accesses to port 0xcf9, which lies inside of the address register, go to
 * @ops (offset 0, size 1); NULL: nobody. @opaque outlives the host's realization or
 * is taken back. Main thread, while no vCPU runs.
 */
void tn_pci_host_set_reset_port(TnPciHost *self, const TnMemoryRegionOps *ops, void *opaque);

G_END_DECLS
