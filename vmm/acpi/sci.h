/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The System Control Interrupt: one level-triggered line, asserted while any of
 * its sources is. Threads: any.
 */
#pragma once

#include "vmm/core/hotplug-trace.h"
#include "vmm/core/irq-line.h"

#include <glib.h>

typedef enum {
    TN_ACPI_SCI_PM1,
    TN_ACPI_SCI_GPE,
} TnAcpiSciSource;

/* Embedded by the PM device. */
typedef struct TnAcpiSci {
    GMutex lock;
    /* Under @lock, held while the line is set so that levels reach it in order. */
    unsigned asserted; /* one bit a source */
    const TnIrqLine *line;
    TnHotplugTrace *trace; /* constant while accesses can come; may be NULL */
} TnAcpiSci;

/* @line: (transfer none), outlives @sci. */
void tn_acpi_sci_init(TnAcpiSci *sci, const TnIrqLine *line);
/* Rises of the line, and of GPE bits that lead to it, are told to @trace, which outlives
 * @sci; NULL: to nobody. Right after init. */
void tn_acpi_sci_set_trace(TnAcpiSci *sci, TnHotplugTrace *trace);
void tn_acpi_sci_done(TnAcpiSci *sci);
void tn_acpi_sci_set(TnAcpiSci *sci, TnAcpiSciSource source, gboolean level);
