/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI buses: query-pci, and the same for people, "info pci". */
#include "vmm/monitor/hmp.h"
#include "vmm/monitor/monitor-private.h"

TN_MONITOR_HANDLER(query_pci)
{
    return tn_machine_query_pci(tn_monitor_machine(call));
}

static gint64
get_int(json_object *object, const char *key)
{
    return json_object_get_int64(json_object_object_get(object, key));
}

static void
print_range(GString *out, json_object *bus, const char *key, const char *name, int digits)
{
    json_object *range = json_object_object_get(bus, key);

    g_string_append_printf(out,
                           "      %s range [0x%0*" G_GINT64_MODIFIER "x, 0x%0*" G_GINT64_MODIFIER
                           "x]\n",
                           name, digits, get_int(range, "base"), digits, get_int(range, "limit"));
}

static void
print_bridge(GString *out, json_object *bus)
{
    g_string_append_printf(out, "      BUS %d.\n", (int)get_int(bus, "number"));
    g_string_append_printf(out, "      secondary bus %d.\n", (int)get_int(bus, "secondary"));
    g_string_append_printf(out, "      subordinate bus %d.\n", (int)get_int(bus, "subordinate"));
    print_range(out, bus, "io_range", "IO", 4);
    print_range(out, bus, "memory_range", "memory", 8);
    print_range(out, bus, "prefetchable_range", "prefetchable memory", 8);
}

static void
print_region(GString *out, json_object *region)
{
    guint64 address = (guint64)get_int(region, "address");
    guint64 last = address + (guint64)get_int(region, "size") - 1;

    g_string_append_printf(out, "      BAR%d: ", (int)get_int(region, "bar"));
    if (g_str_equal(json_object_get_string(json_object_object_get(region, "type")), "io")) {
        g_string_append_printf(
            out, "I/O at 0x%04" G_GINT64_MODIFIER "x [0x%04" G_GINT64_MODIFIER "x].\n", address,
            last);
    } else {
        gboolean wide = json_object_get_boolean(json_object_object_get(region, "mem_type_64"));
        gboolean prefetch = json_object_get_boolean(json_object_object_get(region, "prefetch"));

        g_string_append_printf(out,
                               "%d bit%s memory at 0x%08" G_GINT64_MODIFIER
                               "x [0x%08" G_GINT64_MODIFIER "x].\n",
                               wide ? 64 : 32, prefetch ? " prefetchable" : "", address, last);
    }
}

static void print_functions(GString *out, json_object *list);

static void
print_ids(GString *out, json_object *function)
{
    json_object *info = json_object_object_get(function, "class_info");
    json_object *ids = json_object_object_get(function, "id");
    json_object *name = json_object_object_get(info, "desc");

    if (name) {
        g_string_append_printf(out, "    %s", json_object_get_string(name));
    } else {
        g_string_append_printf(out, "    Class %04d", (int)get_int(info, "class"));
    }
    g_string_append_printf(out, ": PCI device %04x:%04x\n", (unsigned)get_int(ids, "vendor"),
                           (unsigned)get_int(ids, "device"));
    if (json_object_object_get(ids, "subsystem")) {
        g_string_append_printf(out, "      PCI subsystem %04x:%04x\n",
                               (unsigned)get_int(ids, "subsystem-vendor"),
                               (unsigned)get_int(ids, "subsystem"));
    }
}

static void
print_function(GString *out, json_object *function)
{
    json_object *bridge = json_object_object_get(function, "pci_bridge");
    json_object *regions = json_object_object_get(function, "regions");

    g_string_append_printf(out, "  Bus %2d, device %3d, function %d:\n",
                           (int)get_int(function, "bus"), (int)get_int(function, "slot"),
                           (int)get_int(function, "function"));
    print_ids(out, function);
    if (json_object_object_get(function, "irq")) {
        g_string_append_printf(out, "      IRQ %d, pin %c\n", (int)get_int(function, "irq"),
                               (char)('A' + get_int(function, "irq_pin") - 1));
    }
    if (bridge) {
        print_bridge(out, json_object_object_get(bridge, "bus"));
    }
    for (size_t i = 0; i < json_object_array_length(regions); i++) {
        print_region(out, json_object_array_get_idx(regions, i));
    }
    g_string_append_printf(out, "      id \"%s\"\n",
                           json_object_get_string(json_object_object_get(function, "qdev_id")));
    if (bridge) {
        print_functions(out, json_object_object_get(bridge, "devices"));
    }
}

static void
print_functions(GString *out, json_object *list)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        print_function(out, json_object_array_get_idx(list, i));
    }
}

void
tn_hmp_info_pci(TnHmpCall *call)
{
    json_object *buses = tn_machine_query_pci(call->hub->machine);

    for (size_t i = 0; i < json_object_array_length(buses); i++) {
        print_functions(call->out,
                        json_object_object_get(json_object_array_get_idx(buses, i), "devices"));
    }
    json_object_put(buses);
}
