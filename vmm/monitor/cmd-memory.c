/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about memory: sums, backends, plugged devices, what the guest said of them, views. */
#include "vmm/backend/memory-backend.h"
#include "vmm/memory/address-space.h"
#include "vmm/monitor/monitor-private.h"

static void
add_size(const TnMemoryDeviceInfo *info, gpointer sum)
{
    *(guint64 *)sum += info->size;
}

TN_MONITOR_HANDLER(query_memory_size_summary)
{
    TnMachine *machine = tn_monitor_machine(call);
    json_object *reply = json_object_new_object();
    guint64 plugged = 0;

    tn_machine_foreach_memory_device(machine, add_size, &plugged);
    tn_reply_add_uint(reply, "base-memory", tn_machine_get_config(machine)->ram_size);
    tn_reply_add_uint(reply, "plugged-memory", plugged);
    return reply;
}

#define BITS_PER_LONG (8 * sizeof(gulong))

static json_object *
host_nodes_to_json(const gulong *nodes)
{
    json_object *list = json_object_new_array();

    for (unsigned n = 0; nodes && n < TN_HOST_MAX_NODES; n++) {
        if (nodes[n / BITS_PER_LONG] >> (n % BITS_PER_LONG) & 1) {
            json_object_array_add(list, json_object_new_int((int)n));
        }
    }
    return list;
}

static void
add_memdev(TnObject *object, gpointer reply)
{
    json_object *memdev;
    TnMemoryBackendInfo info;

    if (!TN_IS_MEMORY_BACKEND(object)) {
        return;
    }
    tn_memory_backend_get_info(TN_MEMORY_BACKEND(object), &info);
    memdev = json_object_new_object();
    tn_reply_add_string(memdev, "id", tn_object_get_name(object));
    tn_reply_add_uint(memdev, "size", info.size);
    tn_reply_add_bool(memdev, "merge", info.merge);
    tn_reply_add_bool(memdev, "dump", info.dump);
    tn_reply_add_bool(memdev, "prealloc", info.prealloc);
    tn_reply_add_bool(memdev, "share", info.share);
    tn_reply_add_bool(memdev, "reserve", info.reserve);
    json_object_object_add(memdev, "host-nodes", host_nodes_to_json(info.host_nodes));
    tn_reply_add_string(memdev, "policy", tn_host_mem_policy_to_string(info.policy));
    json_object_array_add(reply, memdev);
}

TN_MONITOR_HANDLER(query_memdev)
{
    TnObject *objects = tn_object_get_child(tn_machine_get_root(tn_monitor_machine(call)),
                                            "objects");
    json_object *reply = json_object_new_array();

    if (objects) {
        tn_object_foreach_child(objects, add_memdev, reply);
    }
    return reply;
}

static void
add_memory_device(const TnMemoryDeviceInfo *info, gpointer reply)
{
    json_object *device = json_object_new_object();
    json_object *data = json_object_new_object();

    if (info->id) {
        tn_reply_add_string(data, "id", info->id);
    }
    tn_reply_add_uint(data, "addr", info->addr);
    tn_reply_add_uint(data, "size", info->size);
    tn_reply_add_int(data, "slot", info->slot);
    tn_reply_add_int(data, "node", info->node);
    tn_reply_add_string(data, "memdev", info->memdev_path);
    tn_reply_add_bool(data, "hotplugged", info->hotplugged);
    tn_reply_add_bool(data, "hotpluggable", info->hotpluggable);
    tn_reply_add_string(device, "type", "dimm");
    json_object_object_add(device, "data", data);
    json_object_array_add(reply, device);
}

TN_MONITOR_HANDLER(query_memory_devices)
{
    json_object *reply = json_object_new_array();

    tn_machine_foreach_memory_device(tn_monitor_machine(call), add_memory_device, reply);
    return reply;
}

static void
add_ospm_status(const TnOspmInfo *info, gpointer reply)
{
    json_object *status = json_object_new_object();

    if (info->device) {
        tn_reply_add_string(status, "device", info->device);
    }
    tn_reply_add_string(status, "slot", info->slot);
    tn_reply_add_string(status, "slot-type", info->slot_type);
    tn_reply_add_int(status, "source", info->source);
    tn_reply_add_int(status, "status", info->status);
    json_object_array_add(reply, status);
}

TN_MONITOR_HANDLER(query_acpi_ospm_status)
{
    json_object *reply = json_object_new_array();

    tn_machine_foreach_ospm_status(tn_monitor_machine(call), add_ospm_status, reply);
    return reply;
}

static json_object *
flat_range_to_json(const TnFlatRange *flat)
{
    json_object *range = json_object_new_object();

    tn_reply_add_uint(range, "addr", flat->range.first);
    tn_reply_add_uint(range, "size", tn_range_size(flat->range));
    tn_reply_add_string(range, "name", flat->region->name);
    tn_reply_add_string(range, "kind", tn_flat_range_kind(flat));
    tn_reply_add_uint(range, "offset-in-region", flat->offset_in_region);
    tn_reply_add_bool(range, "readonly", flat->readonly || (flat->host && flat->ops));
    tn_reply_add_int(range, "priority", flat->region->priority);
    return range;
}

static json_object *
eventfd_to_json(const TnMemoryEventfd *e)
{
    json_object *eventfd = json_object_new_object();

    tn_reply_add_uint(eventfd, "addr", e->addr);
    tn_reply_add_int(eventfd, "size", e->size);
    if (e->match_data) {
        tn_reply_add_uint(eventfd, "data", e->data);
    }
    return eventfd;
}

static json_object *
zone_to_json(TnRange range)
{
    json_object *zone = json_object_new_object();

    tn_reply_add_uint(zone, "addr", range.first);
    tn_reply_add_uint(zone, "size", tn_range_size(range));
    return zone;
}

static void
add_flat_view(TnAddressSpace *as, void *reply)
{
    g_autoptr(TnFlatView) view = tn_address_space_get_view(as);
    json_object *info = json_object_new_object();
    json_object *ranges = json_object_new_array();
    json_object *eventfds = json_object_new_array();
    json_object *zones = json_object_new_array();
    unsigned count;
    const TnFlatRange *flat = tn_flat_view_ranges(view, &count);
    const TnMemoryEventfd *e;
    const TnRange *zone;

    for (unsigned i = 0; i < count; i++) {
        json_object_array_add(ranges, flat_range_to_json(&flat[i]));
    }
    e = tn_flat_view_eventfds(view, &count);
    for (unsigned i = 0; i < count; i++) {
        json_object_array_add(eventfds, eventfd_to_json(&e[i]));
    }
    zone = tn_flat_view_coalesced(view, &count);
    for (unsigned i = 0; i < count; i++) {
        json_object_array_add(zones, zone_to_json(zone[i]));
    }
    tn_reply_add_string(info, "name", tn_address_space_name(as));
    tn_reply_add_string(info, "root", tn_address_space_root_name(as));
    json_object_object_add(info, "ranges", ranges);
    json_object_object_add(info, "ioeventfds", eventfds);
    json_object_object_add(info, "coalesced", zones);
    json_object_array_add(reply, info);
}

TN_MONITOR_HANDLER(x_query_flatview)
{
    TnMemory *memory = tn_machine_get_platform(tn_monitor_machine(call))->memory;
    json_object *reply = json_object_new_array();

    tn_memory_foreach_space(memory, add_flat_view, reply);
    return reply;
}
