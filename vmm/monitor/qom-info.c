/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties and types as QMP shows them. */
#include "vmm/monitor/qom-info.h"

#include "vmm/monitor/monitor-private.h"

json_object *
tn_qom_property_info(const char *name, const char *type, const char *description)
{
    json_object *info = json_object_new_object();

    tn_reply_add_string(info, "name", name);
    tn_reply_add_string(info, "type", type);
    if (description) {
        tn_reply_add_string(info, "description", description);
    }
    return info;
}

json_object *
tn_qom_default_value(GParamSpec *pspec)
{
    const GValue *value = g_param_spec_get_default_value(pspec);

    switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value))) {
    case G_TYPE_BOOLEAN:
        return json_object_new_boolean(g_value_get_boolean(value));
    case G_TYPE_INT:
        return json_object_new_int(g_value_get_int(value));
    case G_TYPE_UINT:
        return json_object_new_uint64(g_value_get_uint(value));
    case G_TYPE_INT64:
        return json_object_new_int64(g_value_get_int64(value));
    case G_TYPE_UINT64:
        return json_object_new_uint64(g_value_get_uint64(value));
    case G_TYPE_STRING:
        return g_value_get_string(value) ? json_object_new_string(g_value_get_string(value)) : NULL;
    case G_TYPE_ENUM: {
        GEnumValue *found = g_enum_get_value(G_PARAM_SPEC_ENUM(pspec)->enum_class,
                                             g_value_get_enum(value));

        return found ? json_object_new_string(found->value_nick) : NULL;
    }
    default:
        return NULL;
    }
}

json_object *
tn_qom_list_class_properties(GType type, unsigned flags)
{
    GObjectClass *klass = g_type_class_ref(type);
    json_object *list = json_object_new_array();
    guint n;
    g_autofree GParamSpec **pspecs = g_object_class_list_properties(klass, &n);

    for (guint i = 0; i < n; i++) {
        g_autofree char *type_name = tn_property_type_name(pspecs[i]);
        json_object *info;
        json_object *value;

        if ((flags & TN_QOM_SETTABLE) && !(pspecs[i]->flags & G_PARAM_WRITABLE)) {
            continue;
        }
        info = tn_qom_property_info(g_param_spec_get_nick(pspecs[i]), type_name,
                                    g_param_spec_get_blurb(pspecs[i]));
        value = flags & TN_QOM_DEFAULTS ? tn_qom_default_value(pspecs[i]) : NULL;
        if (value) {
            json_object_object_add(info, "default-value", value);
        }
        json_object_array_add(list, info);
    }
    g_type_class_unref(klass);
    return list;
}
