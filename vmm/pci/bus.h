/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PCI bus: 256 function addresses, the regions on which their BARs show, and the locks
 * of the configuration space and the interrupt lines; buses behind bridges share those
 * of the host's.
 *
 * Threads: functions come and go on the main thread; config accesses come from
 * any thread. The config lock is taken before the memory core's topology lock,
 * never after it, and no MMIO callback takes it. The irq lock is taken after the config
 * lock and before the interrupt router's.
 */
#pragma once

#include "vmm/core/object.h"
#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_PCI_BUS_DEVFNS 256
/* Interrupt lines of a host. */
#define TN_PCI_NUM_LINES 4

#define TN_TYPE_PCI_BUS (tn_pci_bus_get_type())
G_DECLARE_FINAL_TYPE(TnPciBus, tn_pci_bus, TN, PCI_BUS, TnObject)

/* An empty host's bus. (transfer full) */
TnPciBus *tn_pci_bus_new(void);
/* The bus behind @bridge, which is on a bus and outlives it. (transfer full) */
TnPciBus *tn_pci_bus_new_secondary(TnPciDevice *bridge);

/* The regions that memory and I/O BARs show in, with priority 1. Before the first function
 * with a BAR; both outlive the last. */
void tn_pci_bus_set_spaces(TnPciBus *self, TnMemoryRegion *memory, TnMemoryRegion *io);
/* (transfer none) */
TnMemoryRegion *tn_pci_bus_get_memory(TnPciBus *self);
TnMemoryRegion *tn_pci_bus_get_io(TnPciBus *self);

/**
 * TnPciIrqRouter:
 * @set_line: line 0 (PIRQA) .. 3 changes to @level; irq lock held.
 * @get_gsi: where it goes now, -1 for nowhere. Any thread.
 */
typedef struct TnPciIrqRouter {
    void (*set_line)(void *opaque, unsigned line, int level);
    int (*get_gsi)(void *opaque, unsigned line);
} TnPciIrqRouter;

/* Of a host's bus. Pin p (0: INTA) of slot s is on line (s + p - 1) mod 4, as the machine's
 * ACPI tables say. @router NULL: no more. Main thread, no line up. */
void tn_pci_bus_set_irq_router(TnPciBus *self, const TnPciIrqRouter *router, void *opaque);
/* The router's word that lines may go elsewhere now; config lock held. Tells every function
 * that asked (intx.h). */
void tn_pci_bus_irq_routes_changed(TnPciBus *self);

/* (transfer none): the bus of @name ("pci.0", a bridge's id) in the tree under @root, or
 * NULL. Main thread. */
TnPciBus *tn_pci_bus_find(TnObject *root, const char *name);

/* (transfer none): the bridge that leads to it, NULL for a host's bus. */
TnPciDevice *tn_pci_bus_get_bridge(TnPciBus *self);

/* The number that the guest gave it; 0 for a host's bus. Config lock or main thread with
 * vCPUs paused. */
unsigned tn_pci_bus_get_number(TnPciBus *self);

/**
 * tn_pci_bus_add:
 * @device: its bus is @self, its devfn an address or TN_PCI_DEVFN_AUTO, which
 *   becomes function 0 of the first free slot.
 * @error: GENERIC when the address is taken, when function 0 of its slot is not
 *   multifunction, or when no slot is free. Nothing changes then.
 * Called by TnPciDevice's realize: the address is its own, but it does not answer yet.
 */
gboolean tn_pci_bus_add(TnPciBus *self, TnPciDevice *device, GError **error);
/* From now on config accesses reach it. */
void tn_pci_bus_open(TnPciBus *self, TnPciDevice *device);

/* No access is inside the function once it returns. Absent is fine. */
void tn_pci_bus_remove(TnPciBus *self, TnPciDevice *device);

/* (transfer none): the function at @devfn or NULL. Main thread. */
TnPciDevice *tn_pci_bus_get_device(TnPciBus *self, int devfn);

/* One guest's access of @size 1, 2 or 4 bytes, aligned to it. Where nothing
 * answers, a read gives all ones. Any thread. */
guint32 tn_pci_bus_config_read(TnPciBus *self, int devfn, unsigned offset, unsigned size);
void tn_pci_bus_config_write(TnPciBus *self, int devfn, unsigned offset, guint32 value,
                             unsigned size);

/* The same for the function of bus @number, through the bridges behind @self, a host's bus. */
guint32 tn_pci_bus_routed_read(TnPciBus *self, unsigned number, int devfn, unsigned offset,
                               unsigned size);
void tn_pci_bus_routed_write(TnPciBus *self, unsigned number, int devfn, unsigned offset,
                             guint32 value, unsigned size);

/* Resets every function on it, and on the buses behind it. Config lock held; any thread. */
void tn_pci_bus_reset_locked(TnPciBus *self);

/* The config lock, for an owner that changes its registers on its own account. */
void tn_pci_bus_lock(TnPciBus *self);
void tn_pci_bus_unlock(TnPciBus *self);

G_END_DECLS
