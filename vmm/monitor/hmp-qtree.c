/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "info qtree": devices by the kind of bus they sit on, with their properties. */
#include "qmp/json-text.h"
#include "vmm/monitor/hmp.h"

#include <string.h>

/* A kind of bus and the name of the one there is. */
typedef struct Bus {
    const char *kind; /* NULL: none */
    const char *name;
    const char *type;
    int indent;
} Bus;

static const Bus buses[] = {
    { NULL, "main-system-bus", "System", 0 },
    { "PCI", "pci.0", "PCI", 2 },
    { "ISA", "isa.0", "ISA", 2 },
};

typedef struct Walk {
    GString *out;
    const Bus *bus;
} Walk;

/* "128 MiB" for whole multiples, as people read sizes. */
static void
print_size(GString *out, guint64 size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    guint64 rest = size;

    while (rest >= 1024 && rest % 1024 == 0) {
        rest /= 1024;
        unit++;
    }
    g_string_append_printf(out, "%" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT " %s)", size, rest,
                           units[unit]);
}

static void
print_value(GString *out, GParamSpec *pspec, json_object *value)
{
    g_autofree char *type = tn_property_type_name(pspec);
    const TnIntText *text = tn_param_spec_get_int_text(pspec);

    if (text) {
        g_autofree char *printed = text->print(json_object_get_int(value));

        g_string_append(out, printed);
    } else if (strcmp(type, "size") == 0) {
        print_size(out, json_object_get_uint64(value));
    } else if (json_object_is_type(value, json_type_int)) {
        g_string_append_printf(out, "%s (0x%" G_GINT64_MODIFIER "x)",
                               json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                               json_object_get_uint64(value));
    } else {
        tn_json_print(out, value);
    }
}

static void
print_device(const Walk *walk, TnDevice *device)
{
    int indent = walk->bus->indent + 2;
    const char *id = tn_device_get_id(device);
    guint n;
    g_autofree GParamSpec **pspecs = g_object_class_list_properties(G_OBJECT_GET_CLASS(device),
                                                                    &n);

    g_string_append_printf(walk->out, "%*sdev: %s, id \"%s\"\n", indent, "",
                           tn_object_get_type_name(TN_OBJECT(device)), id ? id : "");
    for (guint i = 0; i < n; i++) {
        json_object *value;

        if (!(pspecs[i]->flags & G_PARAM_READABLE)) {
            continue;
        }
        value = tn_object_get_property_json(TN_OBJECT(device), pspecs[i]->name, NULL);
        g_string_append_printf(walk->out, "%*s%s = ", indent + 2, "",
                               g_param_spec_get_nick(pspecs[i]));
        print_value(walk->out, pspecs[i], value);
        g_string_append_c(walk->out, '\n');
        json_object_put(value);
    }
}

static void
visit(TnObject *object, gpointer data)
{
    Walk *walk = data;

    if (TN_IS_DEVICE(object) && tn_device_is_realized(TN_DEVICE(object)) &&
        g_strcmp0(TN_DEVICE_GET_CLASS(object)->bus, walk->bus->kind) == 0) {
        print_device(walk, TN_DEVICE(object));
    }
    tn_object_foreach_child(object, visit, walk);
}

void
tn_hmp_info_qtree(TnHmpCall *call)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(buses); i++) {
        Walk walk = { call->out, &buses[i] };

        g_string_append_printf(call->out, "%*sbus: %s\n%*stype %s\n", buses[i].indent, "",
                               buses[i].name, buses[i].indent + 2, "", buses[i].type);
        visit(tn_machine_get_root(call->hub->machine), &walk);
    }
}
