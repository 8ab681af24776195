/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that look into hot plug: slots as the guest's ACPI sees them, and the trace. */
#include "vmm/core/hotplug-trace.h"
#include "vmm/monitor/monitor-private.h"

static void
add_slot(const TnAcpiSlotInfo *info, gpointer reply)
{
    json_object *slot = json_object_new_object();

    tn_reply_add_string(slot, "slot-type", info->kind);
    if (info->bus) {
        tn_reply_add_string(slot, "bus", info->bus);
    }
    tn_reply_add_int(slot, "slot", info->slot);
    if (info->device) {
        tn_reply_add_string(slot, "device", info->device);
    }
    if (info->path) {
        tn_reply_add_string(slot, "qom-path", info->path);
    }
    if (info->functions) {
        tn_reply_add_int(slot, "functions", info->functions);
    }
    tn_reply_add_bool(slot, "enabled", info->enabled);
    tn_reply_add_bool(slot, "inserting", info->inserting);
    tn_reply_add_bool(slot, "removing", info->removing);
    tn_reply_add_bool(slot, "removable", info->removable);
    tn_reply_add_bool(slot, "pending", info->pending);
    if (info->has_ost) {
        json_object *ost = json_object_new_object();

        tn_reply_add_uint(ost, "source", info->ost_source);
        tn_reply_add_uint(ost, "status", info->ost_status);
        json_object_object_add(slot, "ost", ost);
    }
    json_object_array_add(reply, slot);
}

TN_MONITOR_HANDLER(x_query_acpi_slots)
{
    json_object *reply = json_object_new_array();

    tn_machine_foreach_acpi_slot(tn_monitor_machine(call), add_slot, reply);
    return reply;
}

TN_MONITOR_HANDLER(x_trace_hotplug)
{
    tn_hotplug_trace_set(tn_machine_get_platform(tn_monitor_machine(call))->trace,
                         json_object_get_boolean(json_object_object_get(args, "enable")));
    return NULL;
}
