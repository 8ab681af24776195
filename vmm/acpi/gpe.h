/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * General-purpose events (ACPI 6.3, 4.8.4.1): a block of status and enable
 * bits in I/O space, wired to the SCI. docs/specs/piix4-pm.md.
 * Threads: any.
 */
#pragma once

#include "vmm/acpi/sci.h"
#include "vmm/memory/region.h"

/* Two bytes of status, two of enable; at the port that QEMU gave them. */
#define TN_ACPI_GPE0_PORT 0xafe0
#define TN_ACPI_GPE0_LENGTH 4

/* Embedded by the PM device; fields are gpe.c's and its state table's. */
typedef struct TnAcpiGpe {
    TnMemoryRegion region;
    TnMemoryRegion *io;
    TnAcpiSci *sci;
    GSource *raiser; /* tells the SCI of what was raised */
    GMutex lock;
    /* Under @lock, held while the SCI is told. */
    guint16 status, enable;
} TnAcpiGpe;

/* Puts the block into the container @io at @port. @sci outlives it. */
void tn_acpi_gpe_init(TnAcpiGpe *gpe, TnMemory *memory, TnMemoryRegion *io, guint16 port,
                      TnAcpiSci *sci);
/* Takes the block away and waits for accesses that are still inside. */
void tn_acpi_gpe_done(TnAcpiGpe *gpe);

/* Sets status bit @bit (0..15) at once. The SCI follows, when the guest enabled it, as the first
 * thing that the main thread does back in its loop: a command of a monitor has been answered then,
 * and its client does not wait for a processor that the guest has taken. */
void tn_acpi_gpe_raise(TnAcpiGpe *gpe, unsigned bit);

/* Status and enable to zero. */
void tn_acpi_gpe_reset(TnAcpiGpe *gpe);

/* The SCI as the registers have it, after they were loaded. */
void tn_acpi_gpe_update(TnAcpiGpe *gpe);

/* For tests and monitors. */
guint16 tn_acpi_gpe_get_status(TnAcpiGpe *gpe);
guint16 tn_acpi_gpe_get_enable(TnAcpiGpe *gpe);
