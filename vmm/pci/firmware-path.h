/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a function is, in Open Firmware's words. */
#pragma once

#include "vmm/pci/device.h"

G_BEGIN_DECLS

/**
 * tn_pci_device_get_firmware_path:
 * The path from the root through bridges, as QEMU writes it for SeaBIOS: each function is
 * NAME@SLOT[,FUNCTION] in hexadecimal, NAME that of its class in the Open Firmware PCI binding,
 * or "pciVVVV,DDDD" for a class without one.
 * Returns: (transfer full). @self is on a bus and its ids are set. Main thread.
 */
char *tn_pci_device_get_firmware_path(TnPciDevice *self);

G_END_DECLS
