/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PCI bus: 256 function addresses and the lock of their configuration space.
 *
 * Threads: functions come and go on the main thread; config accesses come from
 * any thread. The config lock is taken before the memory core's topology lock,
 * never after it, and no MMIO callback takes it.
 */
#pragma once

#include "vmm/core/object.h"
#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_PCI_BUS_DEVFNS 256

#define TN_TYPE_PCI_BUS (tn_pci_bus_get_type())
G_DECLARE_FINAL_TYPE(TnPciBus, tn_pci_bus, TN, PCI_BUS, TnObject)

/* An empty bus. (transfer full) */
TnPciBus *tn_pci_bus_new(void);

/**
 * tn_pci_bus_add:
 * @device: its bus is @self, its devfn an address or TN_PCI_DEVFN_AUTO, which
 *   becomes function 0 of the first free slot.
 * @error: GENERIC when the address is taken, when function 0 of its slot is not
 *   multifunction, or when no slot is free. Nothing changes then.
 * Called by TnPciDevice's realize.
 */
gboolean tn_pci_bus_add(TnPciBus *self, TnPciDevice *device, GError **error);

/* No access is inside the function once it returns. Absent is fine. */
void tn_pci_bus_remove(TnPciBus *self, TnPciDevice *device);

/* (transfer none): the function at @devfn or NULL. Main thread. */
TnPciDevice *tn_pci_bus_get_device(TnPciBus *self, int devfn);

/* One guest's access of @size 1, 2 or 4 bytes, aligned to it. Where nothing
 * answers, a read gives all ones. Any thread. */
guint32 tn_pci_bus_config_read(TnPciBus *self, int devfn, unsigned offset, unsigned size);
void tn_pci_bus_config_write(TnPciBus *self, int devfn, unsigned offset, guint32 value,
                             unsigned size);

/* The config lock, for an owner that changes its registers on its own account. */
void tn_pci_bus_lock(TnPciBus *self);
void tn_pci_bus_unlock(TnPciBus *self);

G_END_DECLS
