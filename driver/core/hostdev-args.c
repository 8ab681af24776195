/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* object-add vfio-group and device_add vfio-pci. */
#include "driver/core/hostdev-args.h"

static void
add_string(json_object *object, const char *key, const char *value)
{
    json_object_object_add(object, key, json_object_new_string(value));
}

char *
tn_hostdev_args_group_id(int group)
{
    return g_strdup_printf("vfiogroup%d", group);
}

json_object *
tn_hostdev_args_group(int group, const char *fd, const char *container_fd)
{
    g_autofree char *id = tn_hostdev_args_group_id(group);
    json_object *object = json_object_new_object();

    add_string(object, "qom-type", "vfio-group");
    add_string(object, "id", id);
    json_object_object_add(object, "group", json_object_new_int(group));
    add_string(object, "fd", fd);
    add_string(object, "container-fd", container_fd);
    return object;
}

void
tn_hostdev_args_add_address(json_object *object, const TnDomainDef *def, const TnPciAddress *pci)
{
    const char *bus = tn_domain_def_pci_bus_name(def, pci->bus);
    g_autofree char *text = pci->function != 0
                                ? g_strdup_printf("0x%x.0x%x", pci->slot, pci->function)
                                : g_strdup_printf("0x%x", pci->slot);

    g_return_if_fail(bus);
    add_string(object, "bus", bus);
    if (pci->multifunction != TN_TRISTATE_ABSENT) {
        json_object_object_add(object, "multifunction",
                               json_object_new_boolean(pci->multifunction == TN_TRISTATE_YES));
    }
    add_string(object, "addr", text);
}

static void
add_rom(json_object *object, const TnHostdevDevice *device)
{
    if (device->rom_enabled == TN_TRISTATE_NO) {
        add_string(object, "romfile", "");
        return;
    }
    if (device->rom_bar != TN_TRISTATE_ABSENT) {
        json_object_object_add(object, "rombar",
                               json_object_new_int(device->rom_bar == TN_TRISTATE_YES));
    }
    if (device->rom_file) {
        add_string(object, "romfile", device->rom_file);
    }
}

json_object *
tn_hostdev_args_device(const TnDomainDef *def, const TnHostdevDevice *device)
{
    json_object *object = json_object_new_object();
    char host[TN_PCI_ADDRESS_STRING_LEN];

    tn_pci_address_format(&device->source, host);
    add_string(object, "driver", "vfio-pci");
    add_string(object, "host", host);
    add_string(object, "id", device->base.info.alias);
    if (device->boot_order != 0) {
        json_object_object_add(object, "bootindex",
                               json_object_new_int64((gint64)device->boot_order));
    }
    if (device->base.info.address_type == TN_ADDRESS_PCI) {
        tn_hostdev_args_add_address(object, def, &device->base.info.address.pci);
    }
    add_rom(object, device);
    return object;
}
