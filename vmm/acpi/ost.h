/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest says by _OST (ACPI 6.3, 6.3.5), and the events that pass it on.
 * Threads: any.
 */
#pragma once

#include "vmm/core/device.h"
#include "vmm/core/events.h"

/* Whether @source and @status say that an ejection was refused: it failed and is not under way. */
gboolean tn_acpi_ost_is_refusal(guint32 source, guint32 status);

/* One word of a guest's on one slot. */
typedef struct TnAcpiOstReport {
    TnDevice *device;      /* (transfer none), NULL: the slot is empty */
    unsigned slot;
    const char *slot_type; /* "DIMM", "CPU" */
    guint32 source, status;
} TnAcpiOstReport;

/* ACPI_DEVICE_OST. */
void tn_acpi_ost_emit(TnEvents *events, const TnAcpiOstReport *report);

/* DEVICE_UNPLUG_GUEST_ERROR for @device. */
void tn_acpi_ost_emit_refusal(TnEvents *events, TnDevice *device);

/* The reason of a refusal in words: static. */
const char *tn_acpi_ost_status_text(guint32 status);
