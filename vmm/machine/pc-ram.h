/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's RAM: where its backends show in the guest's address space.
 *
 *   0 .. below_4g            RAM (at most 3.5 GiB, or 3 GiB when there is more)
 *   below_4g .. 4 GiB        PCI hole, IOAPIC, local APICs
 *   4 GiB .. 4 GiB+above_4g  the rest of RAM
 *   device memory            after that, for DIMMs (device-memory.h)
 */
#pragma once

#include "vmm/machine/machine.h"
#include "vmm/memory/region.h"

G_BEGIN_DECLS

typedef struct TnPcRam TnPcRam;

/**
 * tn_pc_ram_new:
 * Makes or finds the backends (-machine memory-backend, -numa memdev, else
 * "pc.ram") and maps them into system memory.
 * Errors: "memory backend 'x' not found", "... is used multiple times", sizes that do not agree,
 * RAM that a listener refuses (the accelerator has no slot for it). Nothing is mapped then.
 */
TnPcRam *tn_pc_ram_new(TnMachine *machine, GError **error);
/* Unmaps. NULL is fine. */
void tn_pc_ram_free(TnPcRam *ram);

/* Bytes below and above 4 GiB. */
guint64 tn_pc_ram_below_4g(const TnPcRam *ram);
guint64 tn_pc_ram_above_4g(const TnPcRam *ram);

/* Whether all of it is zeroes before anybody writes to it. */
gboolean tn_pc_ram_is_zero(const TnPcRam *ram);

G_END_DECLS
