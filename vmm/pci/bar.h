/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Base address registers: which region of a function shows where, as the guest
 * programs it. Spec: PCI Local Bus 3.0, 6.2.5; docs/specs/pci.md.
 *
 * What a write means is decided as data first (which regions move, appear, go),
 * then applied to the bus's two containers in one transaction.
 */
#pragma once

#include "vmm/memory/region.h"
#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_PCI_NUM_BARS 6
/* The expansion ROM's number. */
#define TN_PCI_ROM_BAR 6
#define TN_PCI_NUM_REGIONS 7
/* Where a region shows nowhere: not decoded, or programmed past the end. */
#define TN_PCI_BAR_UNMAPPED G_MAXUINT64

/* Kinds, the low bits of the register (PCI 3.0, figures 6-5 and 6-6). */
typedef enum {
    TN_PCI_BAR_IO = 0x1,
    TN_PCI_BAR_MEM32 = 0x0,
    TN_PCI_BAR_MEM64 = 0x4,
    TN_PCI_BAR_PREFETCH = 0x8, /* flag, beside MEM32 or MEM64 */
} TnPciBarKind;

/**
 * tn_pci_device_register_bar:
 * @n: 0..5, or TN_PCI_ROM_BAR (kind MEM32). MEM64 takes @n and @n + 1.
 * @region: what it shows; not in a container. Its size is the BAR's: a power of
 *   two, at least 4 (I/O) or 16 bytes, at most 256 bytes for I/O and 2^31 for MEM32
 *   (programmer's error otherwise). Outlives the registration.
 * In the class's realize. The core takes all BARs out again before its unrealize.
 */
void tn_pci_device_register_bar(TnPciDevice *self, int n, unsigned kind, TnMemoryRegion *region);

/* Where BAR @n shows now; TN_PCI_BAR_UNMAPPED when it does not. Config lock or
 * main thread with vCPUs paused. */
guint64 tn_pci_device_get_bar_address(TnPciDevice *self, int n);

/* (transfer none): the region that was registered, or NULL. */
TnMemoryRegion *tn_pci_device_get_bar_region(TnPciDevice *self, int n);

G_END_DECLS
