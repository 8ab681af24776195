/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A DIMM: a memory backend in a slot of the machine. It holds what the user
 * said; where it goes is the machine's hotplug handler's business.
 * docs/specs/acpi-memory-hotplug.md. Main thread.
 */
#pragma once

#include "vmm/backend/memory-backend.h"
#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_PC_DIMM (tn_pc_dimm_get_type())
G_DECLARE_FINAL_TYPE(TnPcDimm, tn_pc_dimm, TN, PC_DIMM, TnDevice)

/* The "slot" that leaves the choice to the machine. */
#define TN_PC_DIMM_ANY_SLOT (-1)

/* (transfer none), NULL while "memdev" is not set. */
TnMemoryBackend *tn_pc_dimm_get_memdev(TnPcDimm *self);
/* As set by the user or chosen since; 0 and -1 mean "choose". */
guint64 tn_pc_dimm_get_addr(TnPcDimm *self);
int tn_pc_dimm_get_slot(TnPcDimm *self);
guint32 tn_pc_dimm_get_node(TnPcDimm *self);

/* Before realize: the place that was found for it. */
void tn_pc_dimm_set_place(TnPcDimm *self, guint64 addr, unsigned slot);

/* The memory it shows; NULL without "memdev". Bytes are tn_memory_region_size(). */
TnMemoryRegion *tn_pc_dimm_get_region(TnPcDimm *self);

G_END_DECLS
