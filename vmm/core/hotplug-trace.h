/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trace of a hot plug: each layer tells when its step is done, and clients of the
 * monitor that asked see it as the event X_HOTPLUG_TRACE. Off it costs one load and one
 * branch:
 *
 *   if (G_UNLIKELY(tn_hotplug_trace_is_on(trace))) {
 *       tn_hotplug_trace_step(trace, TN_HOTPLUG_STEP_GPE, NULL, "bit %u", bit);
 *   }
 *
 * docs/specs/acpi-pci-hotplug.md. Threads: any, unless said otherwise.
 */
#pragma once

#include "vmm/core/events.h"

/* Events a second at most: a guest that reads a register in a loop makes no more. */
#define TN_HOTPLUG_TRACE_MAX_RATE 1000

/* In the order in which a plug and then an unplug takes them. */
typedef enum {
    TN_HOTPLUG_STEP_REALIZE,     /* the device lives; nobody was told of it yet */
    TN_HOTPLUG_STEP_MEMORY_SLOT, /* its memory is KVM's, or is so no longer */
    TN_HOTPLUG_STEP_DMA_MAP,     /* host devices reach its memory, or no longer */
    TN_HOTPLUG_STEP_GPE,         /* a general-purpose event's status bit was set */
    TN_HOTPLUG_STEP_SCI,         /* the SCI's line rose */
    TN_HOTPLUG_STEP_ACPI_READ,   /* the guest found out what happened */
    TN_HOTPLUG_STEP_OST,         /* the guest reported by _OST */
    TN_HOTPLUG_STEP_EJECT,       /* the guest let go of it */
    TN_HOTPLUG_STEP_UNREALIZE,   /* the device is dead */
} TnHotplugStep;

/* A machine's. @on is atomic, the rest hotplug-trace.c's. */
typedef struct TnHotplugTrace {
    gint on;
    TnEvents *events;
    GMutex lock;
    /* Under @lock: what was told in the second that began at @second_ns. */
    gint64 second_ns;
    guint told, left_out;
} TnHotplugTrace;

/* @events: (transfer none): outlives the trace. Off. */
TnHotplugTrace *tn_hotplug_trace_new(TnEvents *events);
/* NULL is fine. */
void tn_hotplug_trace_free(TnHotplugTrace *trace);

void tn_hotplug_trace_set(TnHotplugTrace *trace, gboolean on);

/* @trace: NULL: nobody listens. */
static inline gboolean
tn_hotplug_trace_is_on(const TnHotplugTrace *trace)
{
    return trace && g_atomic_int_get(&trace->on);
}

/**
 * tn_hotplug_trace_step:
 * @device: its id; NULL: none, or not known to who calls.
 * @format: more words on it.
 * Only after tn_hotplug_trace_is_on(). The event is stamped now and delivered on the main
 * thread; beyond TN_HOTPLUG_TRACE_MAX_RATE it is only counted, and the next one tells the
 * number.
 */
void tn_hotplug_trace_step(TnHotplugTrace *trace, TnHotplugStep step, const char *device,
                           const char *format, ...) G_GNUC_PRINTF(4, 5);
