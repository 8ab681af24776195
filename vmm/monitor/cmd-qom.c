/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that look at the object tree and at types. */
#include "vmm/core/type-registry.h"
#include "vmm/monitor/monitor-private.h"
#include "vmm/monitor/qom-info.h"

#include <string.h>

static TnObject *
resolve(const TnQmpCall *call, json_object *args, GError **error)
{
    return tn_object_resolve(tn_machine_get_root(tn_monitor_machine(call)),
                             tn_monitor_arg(args, "path"), error);
}

static void
add_child(TnObject *child, gpointer reply)
{
    g_autofree char *type = g_strdup_printf("child<%s>", tn_object_get_type_name(child));

    json_object_array_add(reply, tn_qom_property_info(tn_object_get_name(child), type, NULL));
}

/* What QEMU shows of every device, kept outside of GObject's properties. */
static const struct {
    const char *name;
    gboolean (*get)(TnDevice *device);
} device_states[] = {
    { "realized", tn_device_is_realized },
    { "hotplugged", tn_device_is_hotplugged },
};

/* (transfer full): a device's own state @name, NULL when it is none. */
static json_object *
get_device_state(TnObject *object, const char *name)
{
    for (unsigned i = 0; TN_IS_DEVICE(object) && i < G_N_ELEMENTS(device_states); i++) {
        if (strcmp(device_states[i].name, name) == 0) {
            return json_object_new_boolean(device_states[i].get(TN_DEVICE(object)));
        }
    }
    return NULL;
}

TN_MONITOR_HANDLER(qom_list)
{
    TnObject *object = resolve(call, args, error);
    json_object *reply;
    guint n;
    g_autofree GParamSpec **pspecs = NULL;

    if (!object) {
        return NULL;
    }
    reply = json_object_new_array();
    json_object_array_add(reply, tn_qom_property_info("type", "string", NULL));
    for (unsigned i = 0; TN_IS_DEVICE(object) && i < G_N_ELEMENTS(device_states); i++) {
        json_object_array_add(reply, tn_qom_property_info(device_states[i].name, "bool", NULL));
    }
    pspecs = g_object_class_list_properties(G_OBJECT_GET_CLASS(object), &n);
    for (guint i = 0; i < n; i++) {
        g_autofree char *type = tn_property_type_name(pspecs[i]);

        json_object_array_add(
            reply, tn_qom_property_info(g_param_spec_get_nick(pspecs[i]), type, NULL));
    }
    tn_object_foreach_child(object, add_child, reply);
    return reply;
}

TN_MONITOR_HANDLER(qom_get)
{
    TnObject *object = resolve(call, args, error);
    const char *name = tn_monitor_arg(args, "property");
    json_object *state;
    TnObject *child;

    if (!object) {
        return NULL;
    }
    if (strcmp(name, "type") == 0 &&
        !g_object_class_find_property(G_OBJECT_GET_CLASS(object), name)) {
        return json_object_new_string(tn_object_get_type_name(object));
    }
    child = tn_object_get_child(object, name);
    if (child) {
        g_autofree char *path = tn_object_get_path(child);

        return json_object_new_string(path);
    }
    state = get_device_state(object, name);
    if (state) {
        return state;
    }
    return tn_object_get_property_json(object, name, error);
}

TN_MONITOR_HANDLER(qom_set)
{
    TnObject *object = resolve(call, args, error);

    if (object) {
        (void)tn_object_set_property_json(object, tn_monitor_arg(args, "property"),
                                          json_object_object_get(args, "value"),
                                          TN_PROPERTY_STRICT,
                                          tn_machine_get_root(tn_monitor_machine(call)), error);
    }
    return NULL;
}

/* The QEMU name of the nearest ancestor of @type that has one of its own. */
static const char *
parent_name(GType type)
{
    for (GType t = g_type_parent(type); g_type_is_a(t, TN_TYPE_OBJECT); t = g_type_parent(t)) {
        TnObjectClass *klass = g_type_class_peek(t);

        if (klass && klass->type_name) {
            return klass->type_name;
        }
    }
    return g_type_is_a(type, TN_TYPE_DEVICE) ? "device" : "object";
}

/* Whether @type is one of those that QEMU calls @name. */
static gboolean
implements(GType type, const char *name)
{
    if (strcmp(name, "object") == 0) {
        return TRUE;
    }
    if (strcmp(name, "device") == 0 && g_type_is_a(type, TN_TYPE_DEVICE)) {
        return TRUE;
    }
    for (GType t = type; g_type_is_a(t, TN_TYPE_OBJECT); t = g_type_parent(t)) {
        TnObjectClass *klass = g_type_class_peek(t);

        if (klass && klass->type_name && strcmp(klass->type_name, name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

typedef struct TypeQuery {
    const char *implements; /* NULL: all */
    gboolean abstract;
    GHashTable *seen; /* GType of abstract ones told already */
    json_object *reply;
} TypeQuery;

static void
tell_type(TypeQuery *query, GType type, const char *name)
{
    json_object *info;

    if (query->implements && !implements(type, query->implements)) {
        return;
    }
    info = json_object_new_object();
    tn_reply_add_string(info, "name", name);
    if (G_TYPE_IS_ABSTRACT(type)) {
        tn_reply_add_bool(info, "abstract", TRUE);
    }
    tn_reply_add_string(info, "parent", parent_name(type));
    json_object_array_add(query->reply, info);
}

static void
add_type(GType type, TnObjectClass *klass, gpointer data)
{
    TypeQuery *query = data;

    tell_type(query, type, klass->type_name);
    for (GType t = g_type_parent(type); query->abstract && g_type_is_a(t, TN_TYPE_OBJECT);
         t = g_type_parent(t)) {
        TnObjectClass *ancestor = g_type_class_peek(t);

        if (ancestor && ancestor->type_name && G_TYPE_IS_ABSTRACT(t) &&
            g_hash_table_add(query->seen, GSIZE_TO_POINTER(t))) {
            tell_type(query, t, ancestor->type_name);
        }
    }
}

TN_MONITOR_HANDLER(qom_list_types)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    TypeQuery query = {
        .implements = tn_monitor_arg(args, "implements"),
        .abstract = json_object_get_boolean(json_object_object_get(args, "abstract")),
        .seen = seen,
        .reply = json_object_new_array(),
    };

    tn_type_registry_foreach(TN_TYPE_OBJECT, add_type, &query);
    return query.reply;
}

TN_MONITOR_HANDLER(qom_list_properties)
{
    const char *name = tn_monitor_arg(args, "typename");
    GType type = tn_type_registry_find(name);

    if (type == G_TYPE_INVALID) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_DEVICE_NOT_FOUND, "Class '%s' not found",
                    name);
        return NULL;
    }
    return tn_qom_list_class_properties(type, 0);
}
