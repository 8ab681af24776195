/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller: I/O ports through which the guest learns which slots of
 * a bus got or shall lose a device, and answers. A bus is known by its selector, a slot is
 * one bit of 32; which devices are in it, its owner knows. docs/specs/acpi-pci-hotplug.md.
 *
 * Threads: ports are read and written on any thread; everything else is called on the
 * main thread, where the callbacks run as well.
 */
#pragma once

#include "vmm/acpi/aml.h"
#include "vmm/acpi/gpe.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/core/state-table.h"
#include "vmm/memory/region.h"

#define TN_ACPI_PCI_HOTPLUG_PORT 0xae00
/* QEMU's 24 bytes, then what _OST writes. */
#define TN_ACPI_PCI_HOTPLUG_LENGTH 0x24
/* The GPE that announces a change. */
#define TN_ACPI_PCI_HOTPLUG_GPE 1
#define TN_ACPI_PCI_HOTPLUG_SLOTS 32
/* Selectors 0..15 have slots: the root bus and 15 bridges. Each bus costs the guest's tables
 * 3.4 KiB, and these lie in the 128 KiB of the BIOS area. */
#define TN_ACPI_PCI_HOTPLUG_BUSES 16

typedef struct TnAcpiPciHotplug TnAcpiPciHotplug;

/* What a guest said of a slot of the bus with the selector @bus. */
typedef struct TnAcpiPciOst {
    unsigned bus, slot;
    guint32 source, status;
} TnAcpiPciOst;

/**
 * TnAcpiPciHotplugConfig:
 * @memory, @io: the ports go into the container @io at offset @port; outlive the controller.
 * @gpe: whose bit 1 is raised; outlives it too.
 * @trace: may be NULL.
 * @ejected: the guest has let go of all that is in @slot of @bus, which may be a bus that
 *   nobody has: unplug it now.
 * @refused: the guest will not let go of it; @ost says why.
 */
typedef struct TnAcpiPciHotplugConfig {
    TnMemory *memory;
    TnMemoryRegion *io;
    guint16 port;
    TnAcpiGpe *gpe;
    TnHotplugTrace *trace;
    void (*ejected)(void *opaque, unsigned bus, unsigned slot);
    void (*refused)(void *opaque, const TnAcpiPciOst *ost);
    void *opaque;
} TnAcpiPciHotplugConfig;

TnAcpiPciHotplug *tn_acpi_pci_hotplug_new(const TnAcpiPciHotplugConfig *config);
/* Takes the ports away. What the guest asked for and nobody did yet is dropped. NULL is fine. */
void tn_acpi_pci_hotplug_free(TnAcpiPciHotplug *self);

/* In all of these @bus is a selector below TN_ACPI_PCI_HOTPLUG_BUSES. */

/* Whether what is in @slot, or may come there, can be ejected: all can at first. */
void tn_acpi_pci_hotplug_set_removable(TnAcpiPciHotplug *self, unsigned bus, unsigned slot,
                                       gboolean removable);
/* What the acpi-index register tells of @slot; 0: none. */
void tn_acpi_pci_hotplug_set_index(TnAcpiPciHotplug *self, unsigned bus, unsigned slot,
                                   guint32 index);

/* Tells the guest that a device came into @slot. */
void tn_acpi_pci_hotplug_plug(TnAcpiPciHotplug *self, unsigned bus, unsigned slot);
/* Asks the guest to let go of @slot; asking again is fine. */
void tn_acpi_pci_hotplug_unplug_request(TnAcpiPciHotplug *self, unsigned bus, unsigned slot);
/* @slot is empty: nothing is left to tell of it. */
void tn_acpi_pci_hotplug_unplug(TnAcpiPciHotplug *self, unsigned bus, unsigned slot);

/* A machine's reset: a guest that begins anew uses nothing, so what it was asked to let go
 * of is ejected before this returns. */
void tn_acpi_pci_hotplug_reset(TnAcpiPciHotplug *self);

/* One slot as query commands and tests show it. */
typedef struct TnAcpiPciSlot {
    gboolean inserting; /* the guest has not read of it yet */
    gboolean removing;  /* asked for and not done */
    gboolean removable;
    gboolean has_ost; /* else the two below are 0 */
    guint32 ost_source, ost_status;
} TnAcpiPciSlot;
void tn_acpi_pci_hotplug_get_slot(TnAcpiPciHotplug *self, unsigned bus, unsigned slot,
                                  TnAcpiPciSlot *ret_slot);

/* The registers' state: what save and restore walk, from a TnAcpiPciHotplug. Which slots are
 * removable, and their indices, follow from the devices. */
extern const TnStateTable tn_acpi_pci_hotplug_state;

/**
 * TnAcpiPciBus:
 * A bus as the tables describe it.
 * @parent: of the bus that its bridge is on, an index below its own; -1 for the root bus.
 * @devfn: the bridge's address there.
 * @selector: -1: nothing comes or goes on it.
 * @slots: which can be ejected, a bit each; of no meaning without a selector.
 */
typedef struct TnAcpiPciBus {
    int parent;
    unsigned devfn;
    int selector;
    guint32 slots;
} TnAcpiPciBus;

/**
 * tn_acpi_pci_hotplug_aml:
 * @buses: the root bus first; @num_buses of them, at least 1 and at most one more than there
 *   are selectors.
 * Adds to the DSDT @dsdt, below \_SB.PCI0, a device for each bridge and each slot that can
 * be ejected, and the GPE handler \_GPE._E01, for a controller at @port.
 */
void tn_acpi_pci_hotplug_aml(TnAml *dsdt, const TnAcpiPciBus *buses, unsigned num_buses,
                             guint16 port);
