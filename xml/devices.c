/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices of a definition as lists: look-up, insertion, removal, addresses and aliases. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

guint
tn_domain_def_n_devices(const TnDomainDef *def, TnDeviceKind kind)
{
    return def->devices[kind]->len;
}

TnDevice *
tn_domain_def_device(const TnDomainDef *def, TnDeviceKind kind, guint index)
{
    g_return_val_if_fail(index < def->devices[kind]->len, NULL);
    return g_ptr_array_index(def->devices[kind], index);
}

TnMemoryDevice *
tn_domain_def_memory_device(const TnDomainDef *def, guint index)
{
    return (TnMemoryDevice *) tn_domain_def_device(def, TN_DEVICE_MEMORY, index);
}

TnHostdevDevice *
tn_domain_def_hostdev(const TnDomainDef *def, guint index)
{
    return (TnHostdevDevice *) tn_domain_def_device(def, TN_DEVICE_HOSTDEV, index);
}

TnSerialDevice *
tn_domain_def_serial(const TnDomainDef *def, guint index)
{
    return (TnSerialDevice *) tn_domain_def_device(def, TN_DEVICE_SERIAL, index);
}

TnConsoleDevice *
tn_domain_def_console(const TnDomainDef *def, guint index)
{
    return (TnConsoleDevice *) tn_domain_def_device(def, TN_DEVICE_CONSOLE, index);
}

static void
set_path(TnChardevSource *source, const char *path)
{
    char *copy = g_strdup(path);

    g_free(source->path);
    source->path = copy;
}

void
tn_domain_def_set_serial_path(TnDomainDef *def, guint index, const char *path)
{
    set_path(&tn_domain_def_serial(def, index)->source, path);
    if (index == 0 && tn_domain_def_n_devices(def, TN_DEVICE_CONSOLE) > 0 &&
        tn_domain_def_console(def, 0)->twin) {
        set_path(&tn_domain_def_console(def, 0)->source, path);
    }
}

TnDevice *
tn_domain_def_find_alias(const TnDomainDef *def, const char *alias)
{
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        /* A console twin bears its serial port's alias and is not the device of that name. */
        if (kind == TN_DEVICE_CONSOLE) {
            continue;
        }
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            TnDevice *device = g_ptr_array_index(def->devices[kind], i);

            if (g_strcmp0(device->info.alias, alias) == 0) {
                return device;
            }
        }
    }
    return NULL;
}

int
tn_domain_def_find_device(const TnDomainDef *def, const TnDevice *like, GError **error)
{
    const TnDeviceOps *ops = tn_device_ops(like->kind);
    g_autofree char *what = NULL;

    if (ops->matches == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_OPERATION_UNSUPPORTED,
                         "device type '%s' cannot be detached", tn_device_kind_name(like->kind));
        return -1;
    }
    for (guint i = 0; i < def->devices[like->kind]->len; i++) {
        const TnDevice *device = g_ptr_array_index(def->devices[like->kind], i);

        if (tn_device_info_matches(&device->info, &like->info) && ops->matches(device, like)) {
            return (int) i;
        }
    }
    what = ops->describe != NULL ? ops->describe(like)
                                 : g_strdup_printf("matching %s device was",
                                                   tn_device_kind_name(like->kind));
    tn_xml_error_set(error, TN_XML_ERROR_DEVICE_MISSING, "%s not found", what);
    return -1;
}

int
tn_domain_def_free_memory_slot(const TnDomainDef *def)
{
    g_autoptr(TnBitmap) taken = tn_bitmap_new();

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
        const TnDeviceInfo *info = &tn_domain_def_memory_device(def, i)->base.info;

        if (info->address_type == TN_ADDRESS_DIMM && info->address.dimm.slot >= 0 &&
            info->address.dimm.slot < TN_XML_BITMAP_MAX) {
            tn_bitmap_add(taken, (guint) info->address.dimm.slot);
        }
    }
    for (guint slot = 0; slot < MIN(def->memory.slots, TN_XML_BITMAP_MAX); slot++) {
        if (!tn_bitmap_contains(taken, slot)) {
            return (int) slot;
        }
    }
    return -1;
}

static int
next_serial_port(const TnDomainDef *def)
{
    int highest = -1;

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_SERIAL); i++) {
        highest = MAX(highest, tn_domain_def_serial(def, i)->port);
    }
    return highest < G_MAXINT ? highest + 1 : highest;
}

gboolean
tn_domain_def_assign_address(const TnDomainDef *def, TnDevice *device, GError **error)
{
    TnDeviceInfo *info = &device->info;
    int slot;

    if (device->kind == TN_DEVICE_SERIAL && ((TnSerialDevice *) device)->port < 0) {
        ((TnSerialDevice *) device)->port = next_serial_port(def);
    }
    if (tn_device_is_on_pci(device)) {
        return tn_device_assign_pci(def, device, error);
    }
    if (device->kind != TN_DEVICE_MEMORY || info->address_type != TN_ADDRESS_NONE) {
        return TRUE;
    }
    slot = tn_domain_def_free_memory_slot(def);
    if (slot < 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "no free memory device slot available");
        return FALSE;
    }
    info->address_type = TN_ADDRESS_DIMM;
    info->address.dimm.slot = slot;
    info->address.dimm.base = 0;
    return TRUE;
}

gboolean
tn_domain_def_make_room(TnDomainDef *def, const TnDevice *device, GError **error)
{
    return !tn_device_is_on_pci(device) || tn_pci_buses_complete(def, device, error);
}

static gboolean
check_dimm(const TnDomainDef *def, const TnMemoryDevice *added, GError **error)
{
    guint64 total = tn_xml_add_saturated(tn_domain_def_memory_total(def), added->size_kib);

    if (total > def->memory.max_kib) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Attaching memory device with size '%" G_GUINT64_FORMAT "' would exceed "
                         "domain's maxMemory config size '%" G_GUINT64_FORMAT "'", added->size_kib,
                         def->memory.max_kib);
        return FALSE;
    }
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
        if (!tn_memory_device_check_clash(tn_domain_def_memory_device(def, i), added, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_domain_def_check_insert(const TnDomainDef *def, const TnDevice *device, GError **error)
{
    const TnDeviceOps *ops = tn_device_ops(device->kind);
    const char *alias = device->info.alias;

    if (!tn_device_validate(device, def, error)) {
        return FALSE;
    }
    if (alias != NULL && tn_domain_def_find_alias(def, alias) != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "non unique alias detected: %s", alias);
        return FALSE;
    }
    if (ops->check_insert != NULL && !ops->check_insert(def, device, error)) {
        return FALSE;
    }
    if (device->kind == TN_DEVICE_MEMORY) {
        return check_dimm(def, (const TnMemoryDevice *) device, error);
    }
    return tn_device_check_pci(def, device, error) &&
           tn_boot_order_check_insert(def, device, error);
}

void
tn_domain_def_insert(TnDomainDef *def, TnDevice *device)
{
    g_ptr_array_add(def->devices[device->kind], device);
    if (device->kind == TN_DEVICE_MEMORY) {
        def->memory.current_kib = tn_xml_add_saturated(def->memory.current_kib,
                                                       ((TnMemoryDevice *) device)->size_kib);
    }
}

TnDevice *
tn_domain_def_remove(TnDomainDef *def, TnDeviceKind kind, guint index)
{
    TnDevice *device = g_ptr_array_steal_index(def->devices[kind], index);

    def->memory.current_kib = MIN(def->memory.current_kib, tn_domain_def_memory_total(def));
    return device;
}

gboolean
tn_domain_def_remove_device(TnDomainDef *def, TnDevice *device)
{
    guint index;

    if (!g_ptr_array_find(def->devices[device->kind], device, &index)) {
        return FALSE;
    }
    (void) tn_domain_def_remove(def, device->kind, index);
    return TRUE;
}

void
tn_domain_def_assign_alias(const TnDomainDef *def, TnDevice *device)
{
    const TnDeviceOps *ops = tn_device_ops(device->kind);

    if (device->info.alias == NULL && ops->alias != NULL) {
        device->info.alias = ops->alias(def, device);
    }
}

void
tn_domain_def_assign_aliases(TnDomainDef *def)
{
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            tn_domain_def_assign_alias(def, g_ptr_array_index(def->devices[kind], i));
        }
    }
}
