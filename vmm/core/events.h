/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asynchronous events on their way to the monitor's clients. Devices emit by
 * QMP's event name; the monitor subscribes and checks them against the schema.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

typedef struct TnEvents TnEvents;

/* Main thread. @data may be NULL; (transfer none). @time_us: wall clock. */
typedef void (*TnEventFunc)(void *opaque, const char *name, json_object *data, gint64 time_us);

TnEvents *tn_events_new(void);
void tn_events_free(TnEvents *events);

/**
 * tn_events_emit:
 * @name: "DEVICE_DELETED"; static.
 * @data: (transfer full): the event's members; NULL for none.
 * Any thread: stamped now, delivered on the main thread in the order of emission.
 * On the main thread delivery is immediate unless older ones are still queued.
 */
void tn_events_emit(TnEvents *events, const char *name, json_object *data);

void tn_events_subscribe(TnEvents *events, TnEventFunc func, void *opaque);
void tn_events_unsubscribe(TnEvents *events, TnEventFunc func, void *opaque);
