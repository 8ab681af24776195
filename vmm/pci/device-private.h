/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of vmm/pci tell each other about a function's life. Unless said
 * otherwise called with the config lock held, or before the function answers.
 */
#pragma once

#include "vmm/core/fast-path.h"
#include "vmm/pci/device.h"

/* All functions of one host share these two locks: config lock first, then the irq lock,
 * then whatever lock the router has. */
void tn_pci_bus_lock_irq(TnPciBus *self);
void tn_pci_bus_unlock_irq(TnPciBus *self);
/* Sets one of the host's four lines; irq lock held. */
void tn_pci_bus_count_irq_locked(TnPciBus *self, unsigned line, int change);
/* The GSI of one of the host's lines, -1 for none. Any thread. */
int tn_pci_bus_get_line_gsi(TnPciBus *self, unsigned line);
/* The root bus and the slot on it behind which @self's bus lies, with the pin as it
 * arrives there: line 0..3 of the host. */
unsigned tn_pci_bus_route(const TnPciDevice *device, unsigned pin);

/* After registers of the header were written: command, BARs. */
void tn_pci_bars_update(TnPciDevice *self);
/* BARs read as unprogrammed and show nowhere. */
void tn_pci_bars_reset(TnPciDevice *self);
/* Takes all out and forgets them. Takes no config lock: the function answers no more. */
void tn_pci_bars_remove(TnPciDevice *self);
/* Where the register of BAR @n is in this header. */
unsigned tn_pci_bar_register(const TnPciDevice *self, int n);

/* Follows the command register. */
void tn_pci_intx_update(TnPciDevice *self);
/* Releases the pin, whoever thought to hold it. Any thread. */
void tn_pci_intx_release(TnPciDevice *self);
/* What the status register's interrupt bit is now. Any thread. */
gboolean tn_pci_intx_is_asserted(TnPciDevice *self);

/* After a write of @size bytes at @offset. */
void tn_pci_msi_written(TnPciDevice *self, unsigned offset, unsigned size);
/* Lays the pending bits over @value, as read from @offset. */
guint32 tn_pci_msi_overlay(TnPciDevice *self, unsigned offset, guint32 value, unsigned size);
void tn_pci_msi_reset(TnPciDevice *self);
void tn_pci_msi_free(TnPciDevice *self);

void tn_pci_msix_written(TnPciDevice *self, unsigned offset, unsigned size);
void tn_pci_msix_reset(TnPciDevice *self);

/* The space for DMA, and what the command register makes of it. */
void tn_pci_master_new(TnPciDevice *self);
void tn_pci_master_update(TnPciDevice *self);
void tn_pci_master_free(TnPciDevice *self);
/* Sends @message as the bus master that it is; dropped when it may not be one, or when it
 * goes elsewhere than to the local APICs. Any thread, no lock of PCI's but a leaf. */
void tn_pci_master_send(TnPciDevice *self, const TnMsiMessage *message);

/* As tn_device's reset, the config lock held already. */
void tn_pci_device_reset_locked(TnPciDevice *self);
