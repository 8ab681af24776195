/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What firmware does with PCI bridges before a kernel runs, as there is no firmware: bus
 * numbers, and windows with room for what comes behind a bridge later. A kernel such as
 * Linux opens no window for an empty bus, and keeps one that it finds.
 * docs/specs/pci.md, "Bridges". Main thread, vCPUs paused.
 */
#pragma once

#include "vmm/memory/range.h"
#include "vmm/pci/bus.h"

/* Memory behind each bridge beyond what its devices need, and the windows' steps. */
#define TN_PC_PCI_SPARE_MEMORY (2u << 20)
#define TN_PC_PCI_MEMORY_STEP (1u << 20)
/* I/O ports behind each bridge, and where bridges' windows begin. */
#define TN_PC_PCI_IO_STEP 0x1000u
#define TN_PC_PCI_IO_FIRST 0xc000u

/**
 * tn_pc_pci_setup_bridges:
 * @root: the host's bus, its functions as reset leaves them.
 * @hole: where 32-bit memory BARs can go; windows are taken from its end.
 * Numbers buses depth first by address, up to 255. Windows that would take more than half of
 * the hole, or go beyond the I/O ports, stay shut: the guest has to place them by itself.
 * Windows for prefetchable memory are the guest's, too.
 */
void tn_pc_pci_setup_bridges(TnPciBus *root, TnRange hole);
