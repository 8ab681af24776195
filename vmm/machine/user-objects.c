/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* object-add, object-del, device_add, device_del. */
#include "vmm/machine/user-objects.h"

#include "vmm/backend/memory-backend.h"
#include "vmm/core/hotplug-handler.h"
#include "vmm/core/type-registry.h"
#include "vmm/machine/machine-private.h"
#include "vmm/pci/bus.h"

#include <string.h>

#define MAX_OBJECTS 4096 /* per kind: what a monitor client can make the process hold */

typedef struct ColdDevice {
    json_object *props;
    TnPropertyInput input;
} ColdDevice;

static void
cold_device_free(gpointer data)
{
    ColdDevice *cold = data;

    json_object_put(cold->props);
    g_free(cold);
}

GPtrArray *
tn_user_objects_new_cold_list(void)
{
    return g_ptr_array_new_with_free_func(cold_device_free);
}

/* QEMU's rule for ids: a letter, then letters, digits, '-', '.', '_'. */
static gboolean
check_id(const char *id, GError **error)
{
    gboolean ok = g_ascii_isalpha(*id) && strlen(id) < 256;

    for (const char *p = id; ok && *p; p++) {
        ok = g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    if (!ok) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Parameter 'id' expects an identifier");
    }
    return ok;
}

static void
count_child(TnObject *child, gpointer user_data)
{
    (*(unsigned *)user_data)++;
}

static gboolean
check_room(TnObject *container, GError **error)
{
    unsigned count = 0;

    tn_object_foreach_child(container, count_child, &count);
    if (count >= MAX_OBJECTS) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "%s holds %u entries already, the limit is %d",
                    tn_object_get_name(container), count, MAX_OBJECTS);
        return FALSE;
    }
    return TRUE;
}

static TnObject *
new_user_object(TnMachine *self, const char *type, GError **error)
{
    GType gtype = tn_type_registry_find(type);
    TnObjectClass *klass = gtype != G_TYPE_INVALID ? g_type_class_peek(gtype) : NULL;
    TnObject *object;

    if (!klass || !klass->user_creatable || g_type_is_a(gtype, TN_TYPE_DEVICE)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter 'qom-type' does not accept value '%s'", type);
        return NULL;
    }
    object = g_object_new(gtype, NULL);
    if (TN_IS_MEMORY_BACKEND(object)) {
        g_object_set(object, "merge", self->config->mem_merge, "dump",
                     self->config->dump_guest_core, NULL);
    }
    return object;
}

gboolean
tn_machine_object_add(TnMachine *self, const char *type, const char *id, json_object *props,
                      TnPropertyInput input, GError **error)
{
    static const char *const skip[] = { "qom-type", "id", NULL };
    g_autoptr(TnObject) object = NULL;
    TnObjectClass *klass;

    if (!check_id(id, error) || !check_room(self->objects, error)) {
        return FALSE;
    }
    object = new_user_object(self, type, error);
    /* In the tree first: names its region, and a duplicate id costs no memory. */
    if (!object || !tn_object_add_child(self->objects, id, object, error)) {
        return FALSE;
    }
    klass = TN_OBJECT_GET_CLASS(object);
    if ((props &&
         !tn_object_set_properties_json(object, props, skip, input, self->root, error)) ||
        (klass->complete && !klass->complete(object, error))) {
        tn_object_unparent(object);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_machine_object_del(TnMachine *self, const char *id, GError **error)
{
    TnObject *object = tn_object_get_child(self->objects, id);
    TnObjectClass *klass;

    if (!object) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "object '%s' not found", id);
        return FALSE;
    }
    klass = TN_OBJECT_GET_CLASS(object);
    if (klass->can_be_deleted && !klass->can_be_deleted(object)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "object '%s' is in use, can not be deleted", id);
        return FALSE;
    }
    tn_object_unparent(object);
    return TRUE;
}

/* The string member @key of @props, NULL when it is absent or no string. */
static const char *
get_text(json_object *props, const char *key)
{
    json_object *member;

    if (!json_object_object_get_ex(props, key, &member) ||
        !json_object_is_type(member, json_type_string)) {
        return NULL;
    }
    return json_object_get_string(member);
}

static TnDevice *
new_device(TnMachine *self, const char *driver, GError **error)
{
    GType type = tn_type_registry_find(driver);
    TnObjectClass *klass = type != G_TYPE_INVALID ? g_type_class_peek(type) : NULL;

    if (!klass || !g_type_is_a(type, TN_TYPE_DEVICE)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "'%s' is not a valid device model name", driver);
        return NULL;
    }
    if (!klass->user_creatable) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Parameter 'driver' expects a pluggable device type");
        return NULL;
    }
    if (self->started && !TN_DEVICE_CLASS(klass)->hotpluggable) {
        if (g_strcmp0(TN_DEVICE_CLASS(klass)->bus, "ISA") == 0) {
            g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                                "Bus 'isa.0' does not support hotplugging");
        } else {
            g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                                "Parameter 'driver' expects a pluggable device type");
        }
        return NULL;
    }
    return g_object_new(type, NULL);
}

/* Puts @device on the bus that the client named, or on its kind's first one. */
static gboolean
choose_bus(TnMachine *self, TnDevice *device, const char *name, GError **error)
{
    const char *kind = TN_DEVICE_GET_CLASS(device)->bus;
    gboolean is_pci = g_strcmp0(kind, "PCI") == 0;
    gboolean is_isa = g_strcmp0(kind, "ISA") == 0;
    gboolean names_isa = g_strcmp0(name, "isa.0") == 0;
    /* The search visits every object there is: not for a DIMM, which has no bus. */
    TnPciBus *pci = name || is_pci ? tn_pci_bus_find(self->root, name ? name : "pci.0") : NULL;

    if (name && !pci && !names_isa) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Bus '%s' not found", name);
        return FALSE;
    }
    if (name && !(names_isa ? is_isa : is_pci)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Device '%s' can't go on %s bus",
                    tn_object_get_type_name(TN_OBJECT(device)), names_isa ? "ISA" : "PCI");
        return FALSE;
    }
    if (is_pci && pci) {
        tn_pci_device_set_address(TN_PCI_DEVICE(device), pci, TN_PCI_DEVFN_AUTO);
    }
    return TRUE;
}

static gboolean
hang_into_tree(TnMachine *self, TnDevice *device, const char *id, GError **error)
{
    TnObject *container = id ? self->peripheral : self->peripheral_anon;

    if (id && !check_id(id, error)) {
        return FALSE;
    }
    if (id && tn_object_get_child(container, id)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Duplicate device ID '%s'", id);
        return FALSE;
    }
    if (!check_room(container, error)) {
        return FALSE;
    }
    tn_device_set_id(device, id);
    if (id) {
        return tn_object_add_child(container, id, TN_OBJECT(device), error);
    }
    tn_object_add_child_numbered(container, "device", TN_OBJECT(device));
    return TRUE;
}

gboolean
tn_user_objects_set_globals(TnMachine *self, TnDevice *device, GError **error)
{
    const GPtrArray *globals = self->config->globals;
    const char *driver = tn_object_get_type_name(TN_OBJECT(device));

    for (guint i = 0; globals && i < globals->len; i++) {
        const TnGlobal *global = g_ptr_array_index(globals, i);
        json_object *value;
        gboolean ok;

        if (strcmp(global->driver, driver) != 0) {
            continue;
        }
        value = json_object_new_string(global->value);
        ok = tn_object_set_property_json(TN_OBJECT(device), global->property, value,
                                         TN_PROPERTY_KEYVAL, self->root, error);
        json_object_put(value);
        if (!ok) {
            g_prefix_error(error, "can't apply global %s.%s=%s: ", driver, global->property,
                           global->value);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
create_device(TnMachine *self, json_object *props, TnPropertyInput input, GError **error)
{
    static const char *const skip[] = { "driver", "id", "bus", NULL };
    const char *driver = get_text(props, "driver");
    g_autoptr(TnDevice) device = NULL;

    if (!driver) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Parameter 'driver' is missing");
        return FALSE;
    }
    device = new_device(self, driver, error);
    if (!device || !choose_bus(self, device, get_text(props, "bus"), error) ||
        !hang_into_tree(self, device, get_text(props, "id"), error)) {
        return FALSE;
    }
    tn_device_set_platform(device, &self->platform);
    tn_device_set_hotplugged(device, self->started);
    if (!tn_user_objects_set_globals(self, device, error) ||
        !tn_object_set_properties_json(TN_OBJECT(device), props, skip, input, self->root, error) ||
        !tn_device_realize(device, error)) {
        tn_object_unparent(TN_OBJECT(device));
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_machine_device_add(TnMachine *self, json_object *props, TnPropertyInput input, GError **error)
{
    ColdDevice *cold;

    if (self->board) {
        return create_device(self, props, input, error);
    }
    cold = g_new(ColdDevice, 1);
    cold->props = json_object_get(props);
    cold->input = input;
    g_ptr_array_add(self->cold_devices, cold);
    return TRUE;
}

gboolean
tn_user_objects_realize_cold_devices(TnMachine *machine, GError **error)
{
    for (guint i = 0; i < machine->cold_devices->len; i++) {
        ColdDevice *cold = g_ptr_array_index(machine->cold_devices, i);

        if (!create_device(machine, cold->props, cold->input, error)) {
            g_prefix_error(error, "-device %s: ",
                           json_object_to_json_string_ext(cold->props, JSON_C_TO_STRING_PLAIN));
            return FALSE;
        }
    }
    g_ptr_array_set_size(machine->cold_devices, 0);
    return TRUE;
}

gboolean
tn_machine_device_del(TnMachine *self, const char *id, GError **error)
{
    TnObject *object = *id == '/' ? tn_object_resolve(self->root, id, NULL)
                                  : tn_object_get_child(self->peripheral, id);

    if (!object || !TN_IS_DEVICE(object)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND, "Device '%s' not found", id);
        return FALSE;
    }
    if (g_strcmp0(TN_DEVICE_GET_CLASS(object)->bus, "ISA") == 0) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Bus 'isa.0' does not support hotplugging");
        return FALSE;
    }
    if (!TN_DEVICE_GET_CLASS(object)->hotpluggable || !self->platform.hotplug) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Device '%s' does not support hotplugging", tn_object_get_type_name(object));
        return FALSE;
    }
    return tn_hotplug_handler_unplug_request(self->platform.hotplug, TN_DEVICE(object), error);
}
