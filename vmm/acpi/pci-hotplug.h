/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller: I/O ports through which the guest learns which slots of
 * the root bus got or shall lose a device, and answers. A slot is one bit of 32; which
 * devices are in it, its owner knows. docs/specs/acpi-pci-hotplug.md.
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

typedef struct TnAcpiPciHotplug TnAcpiPciHotplug;

/* What a guest said of a slot. */
typedef struct TnAcpiPciOst {
    unsigned slot;
    guint32 source, status;
} TnAcpiPciOst;

/**
 * TnAcpiPciHotplugConfig:
 * @memory, @io: the ports go into the container @io at offset @port; outlive the controller.
 * @gpe: whose bit 1 is raised; outlives it too.
 * @trace: may be NULL.
 * @ejected: the guest has let go of all that is in @slot: unplug it now.
 * @refused: the guest will not let go of it; @ost says why.
 */
typedef struct TnAcpiPciHotplugConfig {
    TnMemory *memory;
    TnMemoryRegion *io;
    guint16 port;
    TnAcpiGpe *gpe;
    TnHotplugTrace *trace;
    void (*ejected)(void *opaque, unsigned slot);
    void (*refused)(void *opaque, const TnAcpiPciOst *ost);
    void *opaque;
} TnAcpiPciHotplugConfig;

TnAcpiPciHotplug *tn_acpi_pci_hotplug_new(const TnAcpiPciHotplugConfig *config);
/* Takes the ports away. What the guest asked for and nobody did yet is dropped. NULL is fine. */
void tn_acpi_pci_hotplug_free(TnAcpiPciHotplug *self);

/* Whether what is in @slot, or may come there, can be ejected: all can at first. */
void tn_acpi_pci_hotplug_set_removable(TnAcpiPciHotplug *self, unsigned slot,
                                       gboolean removable);
/* What the acpi-index register tells of @slot; 0: none. */
void tn_acpi_pci_hotplug_set_index(TnAcpiPciHotplug *self, unsigned slot, guint32 index);

/* Tells the guest that a device came into @slot. */
void tn_acpi_pci_hotplug_plug(TnAcpiPciHotplug *self, unsigned slot);
/* Asks the guest to let go of @slot; asking again is fine. */
void tn_acpi_pci_hotplug_unplug_request(TnAcpiPciHotplug *self, unsigned slot);
/* @slot is empty: nothing is left to tell of it. */
void tn_acpi_pci_hotplug_unplug(TnAcpiPciHotplug *self, unsigned slot);

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
void tn_acpi_pci_hotplug_get_slot(TnAcpiPciHotplug *self, unsigned slot, TnAcpiPciSlot *ret_slot);

/* The registers' state: what save and restore walk, from a TnAcpiPciHotplug. Which slots are
 * removable, and their indices, follow from the devices. */
extern const TnStateTable tn_acpi_pci_hotplug_state;

/**
 * tn_acpi_pci_hotplug_aml:
 * Adds to the DSDT @dsdt, below \_SB.PCI0, a device for each slot of the mask @slots, and
 * the GPE handler \_GPE._E01, for a controller at @port.
 */
void tn_acpi_pci_hotplug_aml(TnAml *dsdt, guint32 slots, guint16 port);
