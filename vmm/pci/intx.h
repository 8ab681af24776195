/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A function's INTx pin, through bridges and the PIRQ router, to a GSI.
 * Spec: PCI Local Bus 3.0, 2.2.6; docs/specs/pci.md.
 */
#pragma once

#include "vmm/pci/device.h"

G_BEGIN_DECLS

/**
 * tn_pci_device_set_irq:
 * The function asserts (1) or releases (0) the pin of its class. The status
 * register's interrupt bit follows; command's interrupt-disable keeps the line
 * down. Levels of functions that share a line are or-ed. Any thread, with or without
 * the config lock; takes the bus's irq lock, which is a leaf.
 */
void tn_pci_device_set_irq(TnPciDevice *self, int level);

/**
 * tn_pci_device_get_intx_gsi:
 * Returns: the GSI that the function's pin drives now, -1 when it is routed
 * nowhere. Any thread.
 */
int tn_pci_device_get_intx_gsi(TnPciDevice *self);

/* Called after the route of the function's pin may have changed (PIRQ register,
 * reset); any thread, no lock of PCI's held but maybe the config lock. @notify NULL: no more. */
typedef void (*TnPciIntxNotify)(TnPciDevice *self);
void tn_pci_device_set_intx_notify(TnPciDevice *self, TnPciIntxNotify notify);

G_END_DECLS
