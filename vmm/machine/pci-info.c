/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI buses as query-pci tells of them. */
#include "vmm/machine/machine.h"
#include "vmm/pci/bar.h"
#include "vmm/pci/bus.h"

#define TN_PCI_CLASS_REG (TN_PCI_REG_CLASS + 1) /* sub-class and base class */

typedef struct ClassName {
    guint16 class;
    const char *name;
} ClassName;

/* Those that devices of ours and of hosts are likely to have, in QEMU's words. */
static const ClassName class_names[] = {
    { 0x0100, "SCSI controller" },     { 0x0101, "IDE controller" },
    { 0x0106, "SATA controller" },     { 0x0180, "Storage controller" },
    { 0x0200, "Ethernet controller" }, { 0x0280, "Network controller" },
    { 0x0300, "VGA controller" },      { 0x0380, "Display controller" },
    { 0x0600, "Host bridge" },         { 0x0601, "ISA bridge" },
    { 0x0604, "PCI bridge" },          { 0x0680, "Bridge" },
    { 0x0c03, "USB controller" },      { 0x0c05, "SMBus" },
};

static json_object *list_functions(TnPciBus *bus);

static void
add_int(json_object *object, const char *key, gint64 value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

static json_object *
describe_class(const TnPciConfig *config)
{
    json_object *info = json_object_new_object();
    guint16 class = tn_pci_config_get_word(config, TN_PCI_CLASS_REG);

    for (gsize i = 0; i < G_N_ELEMENTS(class_names); i++) {
        if (class_names[i].class == class) {
            json_object_object_add(info, "desc", json_object_new_string(class_names[i].name));
        }
    }
    add_int(info, "class", class);
    return info;
}

static json_object *
describe_ids(const TnPciDevice *device)
{
    json_object *ids = json_object_new_object();

    add_int(ids, "device", tn_pci_config_get_word(&device->config, TN_PCI_REG_DEVICE_ID));
    add_int(ids, "vendor", tn_pci_config_get_word(&device->config, TN_PCI_REG_VENDOR_ID));
    if (!device->secondary) {
        add_int(ids, "subsystem",
                tn_pci_config_get_word(&device->config, TN_PCI_REG_SUBSYSTEM_ID));
        add_int(ids, "subsystem-vendor",
                tn_pci_config_get_word(&device->config, TN_PCI_REG_SUBSYSTEM_VENDOR_ID));
    }
    return ids;
}

static json_object *
list_regions(TnPciDevice *device)
{
    json_object *regions = json_object_new_array();

    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        const TnPciBar *bar = &device->bars[n];
        gboolean is_io = (bar->kind & TN_PCI_BAR_IO) != 0;
        json_object *region;

        if (!bar->region) {
            continue;
        }
        region = json_object_new_object();
        add_int(region, "bar", n);
        json_object_object_add(region, "type", json_object_new_string(is_io ? "io" : "memory"));
        add_int(region, "address", (gint64)bar->address);
        add_int(region, "size", (gint64)tn_memory_region_size(bar->region));
        if (!is_io) {
            json_object_object_add(
                region, "prefetch",
                json_object_new_boolean((bar->kind & TN_PCI_BAR_PREFETCH) != 0));
            json_object_object_add(region, "mem_type_64",
                                   json_object_new_boolean((bar->kind & TN_PCI_BAR_MEM64) != 0));
        }
        json_object_array_add(regions, region);
    }
    return regions;
}

static void
add_range(json_object *bus, const char *key, guint64 base, guint64 limit)
{
    json_object *range = json_object_new_object();

    add_int(range, "base", (gint64)base);
    add_int(range, "limit", (gint64)limit);
    json_object_object_add(bus, key, range);
}

static void
add_ranges(json_object *bus, const TnPciConfig *config)
{
    guint64 base_upper = tn_pci_config_get_long(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE_UPPER);
    guint64 limit_upper = tn_pci_config_get_long(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER);

    add_range(bus, "io_range",
              (tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_IO_BASE) & 0xf0u) << 8,
              (tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_IO_LIMIT) & 0xf0u) << 8 | 0xfff);
    add_range(bus, "memory_range",
              (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_MEMORY_BASE) & 0xfff0u)
                  << 16,
              (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_MEMORY_LIMIT) & 0xfff0u)
                      << 16 |
                  0xfffff);
    add_range(bus, "prefetchable_range",
              base_upper << 32 |
                  (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE) &
                            0xfff0u)
                      << 16,
              limit_upper << 32 |
                  (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT) &
                            0xfff0u)
                      << 16 |
                  0xfffff);
}

static json_object *
describe_bridge(const TnPciDevice *device)
{
    const TnPciConfig *config = &device->config;
    json_object *bridge = json_object_new_object();
    json_object *bus = json_object_new_object();
    unsigned secondary = tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_SECONDARY);

    add_int(bus, "number", tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_PRIMARY));
    add_int(bus, "secondary", secondary);
    add_int(bus, "subordinate", tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_SUBORDINATE));
    add_ranges(bus, config);
    json_object_object_add(bridge, "bus", bus);
    if (secondary) {
        json_object_object_add(bridge, "devices", list_functions(device->secondary));
    }
    return bridge;
}

static json_object *
describe_function(TnPciDevice *device)
{
    const TnPciConfig *config = &device->config;
    const char *id = tn_device_get_id(TN_DEVICE(device));
    guint8 pin = tn_pci_config_get_byte(config, TN_PCI_REG_INTERRUPT_PIN);
    json_object *info = json_object_new_object();

    add_int(info, "bus", tn_pci_bus_get_number(device->bus));
    add_int(info, "slot", TN_PCI_SLOT(device->devfn));
    add_int(info, "function", TN_PCI_FUNCTION(device->devfn));
    json_object_object_add(info, "class_info", describe_class(config));
    json_object_object_add(info, "id", describe_ids(device));
    if (pin) {
        add_int(info, "irq", tn_pci_config_get_byte(config, TN_PCI_REG_INTERRUPT_LINE));
    }
    add_int(info, "irq_pin", pin);
    json_object_object_add(info, "qdev_id", json_object_new_string(id ? id : ""));
    if (device->secondary) {
        json_object_object_add(info, "pci_bridge", describe_bridge(device));
    }
    json_object_object_add(info, "regions", list_regions(device));
    return info;
}

static json_object *
list_functions(TnPciBus *bus)
{
    json_object *list = json_object_new_array();

    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, devfn);

        if (device) {
            json_object_array_add(list, describe_function(device));
        }
    }
    return list;
}

json_object *
tn_machine_query_pci(TnMachine *self)
{
    json_object *reply = json_object_new_array();
    TnPciBus *bus = tn_pci_bus_find(tn_machine_get_root(self), "pci.0");

    if (bus) {
        json_object *info = json_object_new_object();

        /* The guest's CPUs write the registers meanwhile. */
        tn_pci_bus_lock(bus);
        add_int(info, "bus", 0);
        json_object_object_add(info, "devices", list_functions(bus));
        tn_pci_bus_unlock(bus);
        json_object_array_add(reply, info);
    }
    return reply;
}
