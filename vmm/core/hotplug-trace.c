/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps of a hot plug as events. docs/specs/acpi-pci-hotplug.md. */
#include "vmm/core/hotplug-trace.h"

#include <time.h>

#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

/* X-HotplugStep of the schema, by TnHotplugStep. */
static const char *const step_names[] = {
    "realize", "memory-slot", "dma-map", "gpe", "sci", "acpi-read", "ost", "eject", "unrealize",
};

TnHotplugTrace *
tn_hotplug_trace_new(TnEvents *events)
{
    TnHotplugTrace *trace = g_new0(TnHotplugTrace, 1);

    trace->events = events;
    g_mutex_init(&trace->lock);
    return trace;
}

void
tn_hotplug_trace_free(TnHotplugTrace *trace)
{
    if (trace) {
        g_mutex_clear(&trace->lock);
        g_free(trace);
    }
}

void
tn_hotplug_trace_set(TnHotplugTrace *trace, gboolean on)
{
    g_atomic_int_set(&trace->on, on ? 1 : 0);
}

static gint64
now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

/* Whether one more may be told; then *@ret_left_out is how many could not be before it. */
static gboolean
may_tell(TnHotplugTrace *trace, gint64 now, guint *ret_left_out)
{
    gboolean may;

    g_mutex_lock(&trace->lock);
    if (now - trace->second_ns >= NS_PER_SECOND) {
        trace->second_ns = now;
        trace->told = 0;
    }
    may = trace->told < TN_HOTPLUG_TRACE_MAX_RATE;
    if (may) {
        trace->told++;
        *ret_left_out = trace->left_out;
        trace->left_out = 0;
    } else if (trace->left_out < G_MAXINT) {
        trace->left_out++;
    }
    g_mutex_unlock(&trace->lock);
    return may;
}

void
tn_hotplug_trace_step(TnHotplugTrace *trace, TnHotplugStep step, const char *device,
                      const char *format, ...)
{
    gint64 now = now_ns();
    g_autofree char *detail = NULL;
    json_object *data;
    guint left_out;
    va_list args;

    if (!may_tell(trace, now, &left_out)) {
        return;
    }
    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    data = json_object_new_object();
    json_object_object_add(data, "step", json_object_new_string(step_names[step]));
    if (device) {
        json_object_object_add(data, "device", json_object_new_string(device));
    }
    json_object_object_add(data, "detail", json_object_new_string(detail));
    json_object_object_add(data, "ns", json_object_new_int64(now));
    if (left_out) {
        json_object_object_add(data, "left-out", json_object_new_int64(left_out));
    }
    tn_events_emit(trace->events, "X_HOTPLUG_TRACE", data);
}
