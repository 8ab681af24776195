/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Help texts made from the type registry. */
#include "vmm/machine/help.h"

#include "vmm/core/device.h"
#include "vmm/core/property.h"
#include "vmm/core/type-registry.h"

#include <string.h>

static void
list_device(GType type, TnObjectClass *klass, gpointer user_data)
{
    const char *bus = TN_DEVICE_CLASS(klass)->bus;

    if (!klass->user_creatable) {
        return;
    }
    g_string_append_printf(user_data, "name \"%s\"", klass->type_name);
    if (bus) {
        g_string_append_printf(user_data, ", bus %s", bus);
    }
    if (klass->description) {
        g_string_append_printf(user_data, ", desc \"%s\"", klass->description);
    }
    g_string_append_c(user_data, '\n');
}

static void
list_object(GType type, TnObjectClass *klass, gpointer user_data)
{
    if (klass->user_creatable && !g_type_is_a(type, TN_TYPE_DEVICE)) {
        g_string_append_printf(user_data, "  %s\n", klass->type_name);
    }
}

char *
tn_help_list_devices(void)
{
    GString *text = g_string_new(NULL);

    tn_type_registry_foreach(TN_TYPE_DEVICE, list_device, text);
    return g_string_free(text, FALSE);
}

char *
tn_help_list_objects(void)
{
    GString *text = g_string_new("List of user creatable objects:\n");

    tn_type_registry_foreach(TN_TYPE_OBJECT, list_object, text);
    return g_string_free(text, FALSE);
}

static int
compare_specs(gconstpointer a, gconstpointer b)
{
    return strcmp((*(GParamSpec *const *)a)->name, (*(GParamSpec *const *)b)->name);
}

char *
tn_help_type(const char *name, GError **error)
{
    GType type = tn_type_registry_find(name);
    g_autoptr(GString) text = NULL;
    g_autofree GParamSpec **specs = NULL;
    guint n_specs;

    if (type == G_TYPE_INVALID) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "'%s' is not a valid type name", name);
        return NULL;
    }
    text = g_string_new(NULL);
    g_string_append_printf(text, "%s options:\n", name);
    specs = g_object_class_list_properties(g_type_class_peek(type), &n_specs);
    qsort(specs, n_specs, sizeof(*specs), compare_specs);
    for (guint i = 0; i < n_specs; i++) {
        g_autofree char *kind = tn_property_type_name(specs[i]);
        const char *blurb = g_param_spec_get_blurb(specs[i]);

        if (specs[i]->flags & G_PARAM_WRITABLE) {
            g_string_append_printf(text, "  %s=<%s>%s%s\n", g_param_spec_get_nick(specs[i]), kind,
                                   blurb && *blurb ? " - " : "", blurb ? blurb : "");
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}
