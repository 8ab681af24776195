/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "vfio-pci": a PCI function of the host, given to the guest. docs/specs/vfio.md.
 */
#pragma once

#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_TYPE_VFIO_PCI (tn_vfio_pci_get_type())
G_DECLARE_FINAL_TYPE(TnVfioPci, tn_vfio_pci, TN, VFIO_PCI, TnPciDevice)

/* "0000:00:06.0"; NULL while not realized. */
const char *tn_vfio_pci_get_name(TnVfioPci *self);

G_END_DECLS
