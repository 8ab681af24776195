/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the machine's events to the clients of its monitors. */
#include "vmm/monitor/monitor-private.h"

static void
on_event(void *opaque, const char *name, json_object *data, gint64 time_us)
{
    TnMonitorHub *hub = opaque;

    tn_qmp_server_emit(hub->server, name, data, time_us);
}

void
tn_monitor_events_connect(TnMonitorHub *hub)
{
    tn_events_subscribe(tn_machine_get_platform(hub->machine)->events, on_event, hub);
}

void
tn_monitor_events_disconnect(TnMonitorHub *hub)
{
    tn_events_unsubscribe(tn_machine_get_platform(hub->machine)->events, on_event, hub);
}
