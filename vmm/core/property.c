/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties by name: from JSON or command-line text into GObject properties and back. */
#include "vmm/core/property.h"

#include "vmm/core/device.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define U16_LIST_MAX 1024 /* members of one list: MPOL's node mask has no more bits */

static GQuark
size_quark(void)
{
    return g_quark_from_static_string("tn-size");
}

GParamSpec *
tn_param_spec_size(const char *name, const char *blurb, guint64 default_value, GParamFlags flags)
{
    GParamSpec *pspec = g_param_spec_uint64(name, NULL, blurb, 0, G_MAXUINT64, default_value,
                                            flags);

    g_param_spec_set_qdata(pspec, size_quark(), GINT_TO_POINTER(1));
    return pspec;
}

GParamSpec *
tn_param_spec_u16_list(const char *name, const char *blurb, GParamFlags flags)
{
    return g_param_spec_variant(name, NULL, blurb, G_VARIANT_TYPE("aq"), NULL, flags);
}

static GQuark
int_text_quark(void)
{
    return g_quark_from_static_string("tn-int-text");
}

GParamSpec *
tn_param_spec_int_text(const char *name, const char *blurb, const TnIntText *text,
                       GParamFlags flags)
{
    GParamSpec *pspec = g_param_spec_int(name, NULL, blurb, text->min, text->max,
                                         text->default_value, flags);

    g_param_spec_set_qdata(pspec, int_text_quark(), (gpointer)text);
    return pspec;
}

const TnIntText *
tn_param_spec_get_int_text(GParamSpec *pspec)
{
    return g_param_spec_get_qdata(pspec, int_text_quark());
}

gboolean
tn_parse_size(const char *text, guint64 default_unit, guint64 *ret_bytes)
{
    static const char suffixes[] = "BKMGTPE";
    char *end;
    guint64 whole, unit = default_unit;
    double fraction = 0;
    gboolean hex = g_ascii_strncasecmp(text, "0x", 2) == 0;

    if (!g_ascii_isdigit(*text)) {
        return FALSE;
    }
    errno = 0;
    whole = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    if (errno) {
        return FALSE;
    }
    if (*end == '.' && !hex) {
        char *digits = end;

        fraction = g_ascii_strtod(digits, &end);
        if (end == digits + 1) {
            return FALSE;
        }
    }
    if (*end) {
        const char *suffix = strchr(suffixes, g_ascii_toupper(*end));

        if (!suffix || end[1]) {
            return FALSE;
        }
        unit = 1ULL << (10 * (suffix - suffixes));
    }
    if (fraction != 0 && unit == 1) {
        return FALSE;
    }
    if (whole != 0 && unit > G_MAXUINT64 / whole) {
        return FALSE;
    }
    whole *= unit;
    unit = (guint64)(fraction * (double)unit);
    if (whole + unit < whole) {
        return FALSE;
    }
    *ret_bytes = whole + unit;
    return TRUE;
}

static gboolean
fail_type(GError **error, const char *name, const char *expected)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                "Invalid parameter type for '%s', expected: %s", name, expected);
    return FALSE;
}

static gboolean
fail_value(GError **error, const char *name, const char *expected)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Parameter '%s' expects %s", name,
                expected);
    return FALSE;
}

/* An integer as sign and magnitude, so that all of int64 and uint64 pass. */
typedef struct Integer {
    gboolean negative;
    guint64 magnitude;
} Integer;

static gboolean
parse_integer(const char *text, Integer *ret)
{
    Integer v = { *text == '-', 0 };
    const char *digits = text + (v.negative ? 1 : 0);
    char *end;

    if (!g_ascii_isdigit(*digits)) {
        return FALSE;
    }
    errno = 0;
    v.magnitude = g_ascii_strtoull(digits, &end,
                                   g_ascii_strncasecmp(digits, "0x", 2) == 0 ? 16 : 10);
    if (errno || *end) {
        return FALSE;
    }
    *ret = v;
    return TRUE;
}

static gboolean
get_integer(const char *name, json_object *value, TnPropertyInput input, gboolean is_size,
            Integer *ret, GError **error)
{
    if (json_object_is_type(value, json_type_int)) {
        gint64 v = json_object_get_int64(value);

        *ret = v < 0 ? (Integer){ TRUE, -(guint64)v }
                     : (Integer){ FALSE, json_object_get_uint64(value) };
        return TRUE;
    }
    if (input == TN_PROPERTY_STRICT || !json_object_is_type(value, json_type_string)) {
        return fail_type(error, name, "integer");
    }
    if (is_size) {
        guint64 bytes;

        if (!tn_parse_size(json_object_get_string(value), 1, &bytes)) {
            return fail_value(error, name, "a non-negative number below 2^64");
        }
        *ret = (Integer){ FALSE, bytes };
        return TRUE;
    }
    if (!parse_integer(json_object_get_string(value), ret)) {
        return fail_value(error, name, "an integer");
    }
    return TRUE;
}

/* Limits of an integer property; the type's own where the spec has none narrower. */
static void
integer_limits(GParamSpec *pspec, gint64 *ret_min, guint64 *ret_max)
{
    if (G_IS_PARAM_SPEC_INT(pspec)) {
        *ret_min = G_PARAM_SPEC_INT(pspec)->minimum;
        *ret_max = G_PARAM_SPEC_INT(pspec)->maximum;
    } else if (G_IS_PARAM_SPEC_UINT(pspec)) {
        *ret_min = G_PARAM_SPEC_UINT(pspec)->minimum;
        *ret_max = G_PARAM_SPEC_UINT(pspec)->maximum;
    } else if (G_IS_PARAM_SPEC_INT64(pspec)) {
        *ret_min = G_PARAM_SPEC_INT64(pspec)->minimum;
        *ret_max = G_PARAM_SPEC_INT64(pspec)->maximum;
    } else {
        *ret_min = 0;
        *ret_max = G_PARAM_SPEC_UINT64(pspec)->maximum;
    }
}

static gboolean
load_integer(GParamSpec *pspec, const char *name, json_object *value, TnPropertyInput input,
             GValue *out, GError **error)
{
    gboolean is_size = g_param_spec_get_qdata(pspec, size_quark()) != NULL;
    Integer v;
    gint64 min;
    guint64 max;

    if (!get_integer(name, value, input, is_size, &v, error)) {
        return FALSE;
    }
    integer_limits(pspec, &min, &max);
    if (v.negative ? (min >= 0 || v.magnitude > -(guint64)min) : v.magnitude > max) {
        g_autofree char *type = tn_property_type_name(pspec);
        g_autofree char *expected = g_strdup_printf(
            "%s in the range %" G_GINT64_FORMAT "..%" G_GUINT64_FORMAT, type, min, max);

        return fail_value(error, name, expected);
    }
    switch (G_TYPE_FUNDAMENTAL(G_PARAM_SPEC_VALUE_TYPE(pspec))) {
    case G_TYPE_INT:
        g_value_set_int(out, (int)(v.negative ? -(gint64)v.magnitude : (gint64)v.magnitude));
        break;
    case G_TYPE_UINT:
        g_value_set_uint(out, (guint)v.magnitude);
        break;
    case G_TYPE_INT64:
        g_value_set_int64(out, (gint64)(v.negative ? -v.magnitude : v.magnitude));
        break;
    default:
        g_value_set_uint64(out, v.magnitude);
        break;
    }
    return TRUE;
}

static gboolean
load_boolean(const char *name, json_object *value, TnPropertyInput input, GValue *out,
             GError **error)
{
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };

    if (json_object_is_type(value, json_type_boolean)) {
        g_value_set_boolean(out, json_object_get_boolean(value));
        return TRUE;
    }
    if (input == TN_PROPERTY_STRICT || !json_object_is_type(value, json_type_string)) {
        return fail_type(error, name, "boolean");
    }
    if (g_strv_contains(on, json_object_get_string(value))) {
        g_value_set_boolean(out, TRUE);
    } else if (g_strv_contains(off, json_object_get_string(value))) {
        g_value_set_boolean(out, FALSE);
    } else {
        return fail_value(error, name, "'on' or 'off'");
    }
    return TRUE;
}

static gboolean
load_enum(GParamSpec *pspec, const char *name, json_object *value, GValue *out, GError **error)
{
    const char *nick = json_object_get_string(value);
    GEnumValue *found = g_enum_get_value_by_nick(G_PARAM_SPEC_ENUM(pspec)->enum_class, nick);

    if (!found) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter '%s' does not accept value '%s'", name, nick);
        return FALSE;
    }
    g_value_set_enum(out, found->value);
    return TRUE;
}

static gboolean
load_link(GParamSpec *pspec, const char *name, json_object *value, TnObject *root, GValue *out,
          GError **error)
{
    const char *path = json_object_get_string(value);
    TnObject *target;

    if (!*path) {
        g_value_set_object(out, NULL);
        return TRUE;
    }
    target = tn_object_resolve(root, path, error);
    if (!target) {
        return FALSE;
    }
    if (!g_type_is_a(G_OBJECT_TYPE(target), G_PARAM_SPEC_VALUE_TYPE(pspec))) {
        g_autofree char *type = tn_property_type_name(pspec);

        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Invalid parameter type for '%s', expected: %s", name, type);
        return FALSE;
    }
    g_value_set_object(out, target);
    return TRUE;
}

static gboolean
u16_list_add_text(GVariantBuilder *list, const char *text, unsigned *count)
{
    g_auto(GStrv) terms = g_strsplit_set(text, ",:", -1);

    for (char **term = terms; *term; term++) {
        g_auto(GStrv) ends = g_strsplit(*term, "-", 2);
        Integer first, last;

        if (!ends[0] || !parse_integer(ends[0], &first) || first.negative ||
            !parse_integer(ends[1] ? ends[1] : ends[0], &last) || last.negative ||
            last.magnitude > G_MAXUINT16 || first.magnitude > last.magnitude) {
            return FALSE;
        }
        for (guint64 n = first.magnitude; n <= last.magnitude; n++) {
            if (++*count > U16_LIST_MAX) {
                return FALSE;
            }
            g_variant_builder_add(list, "q", (guint16)n);
        }
    }
    return TRUE;
}

static gboolean
load_u16_list(const char *name, json_object *value, TnPropertyInput input, GValue *out,
              GError **error)
{
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aq"));
    unsigned count = 0;

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            json_object *item = json_object_array_get_idx(value, i);
            gint64 n = json_object_is_type(item, json_type_int) ? json_object_get_int64(item) : -1;

            if (n < 0 || n > G_MAXUINT16 || ++count > U16_LIST_MAX) {
                return fail_value(error, name, "a list of at most 1024 numbers up to 65535");
            }
            g_variant_builder_add(&list, "q", (guint16)n);
        }
    } else if (input == TN_PROPERTY_STRICT || !json_object_is_type(value, json_type_string)) {
        return fail_type(error, name, "array");
    } else if (!u16_list_add_text(&list, json_object_get_string(value), &count)) {
        return fail_value(error, name, "an int64 value or range");
    }
    g_value_take_variant(out, g_variant_ref_sink(g_variant_builder_end(&list)));
    return TRUE;
}

/* Fills @out, initialized to the property's type, from @value. */
static gboolean
load_value(GParamSpec *pspec, const char *name, json_object *value, TnPropertyInput input,
           TnObject *root, GValue *out, GError **error)
{
    GType fundamental = G_TYPE_FUNDAMENTAL(G_PARAM_SPEC_VALUE_TYPE(pspec));

    switch (fundamental) {
    case G_TYPE_BOOLEAN:
        return load_boolean(name, value, input, out, error);
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
        return load_integer(pspec, name, value, input, out, error);
    case G_TYPE_VARIANT:
        return load_u16_list(name, value, input, out, error);
    default:
        break;
    }
    if (!json_object_is_type(value, json_type_string)) {
        return fail_type(error, name, "string");
    }
    if (fundamental == G_TYPE_ENUM) {
        return load_enum(pspec, name, value, out, error);
    }
    if (fundamental == G_TYPE_OBJECT) {
        return load_link(pspec, name, value, root, out, error);
    }
    g_value_set_string(out, json_object_get_string(value));
    return TRUE;
}

static GParamSpec *
find_property(TnObject *self, const char *name, GError **error)
{
    GParamSpec *pspec = g_object_class_find_property(G_OBJECT_GET_CLASS(self), name);

    if (!pspec) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Property '%s.%s' not found",
                    tn_object_get_type_name(self), name);
    }
    return pspec;
}

/* Whether the object has left the phase in which its user may set it up. */
static gboolean
check_writable(TnObject *self, GParamSpec *pspec, GError **error)
{
    TnObjectClass *klass = TN_OBJECT_GET_CLASS(self);

    if (!(pspec->flags & G_PARAM_WRITABLE)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Property '%s.%s' is not writable",
                    tn_object_get_type_name(self), pspec->name);
        return FALSE;
    }
    if (klass->is_complete && klass->is_complete(self) &&
        !(pspec->flags & TN_PARAM_LIVE_WRITABLE)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "cannot change property value");
        return FALSE;
    }
    if (TN_IS_DEVICE(self) && tn_device_is_realized(TN_DEVICE(self)) &&
        !(pspec->flags & TN_PARAM_LIVE_WRITABLE)) {
        const char *id = tn_device_get_id(TN_DEVICE(self));

        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Attempt to set property '%s' on device '%s' (type '%s') after it was realized",
                    pspec->name, id ? id : "", tn_object_get_type_name(self));
        return FALSE;
    }
    return TRUE;
}

/* Text for an int that has a form of its own; named with the object's type, not the class
 * that declared the property. */
static gboolean
load_int_text(TnObject *self, GParamSpec *pspec, const char *text, GValue *out, GError **error)
{
    int value;

    if (!tn_param_spec_get_int_text(pspec)->parse(text, &value)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Property '%s.%s' doesn't take value '%s'", tn_object_get_type_name(self),
                    pspec->name, text);
        return FALSE;
    }
    g_value_set_int(out, value);
    return TRUE;
}

gboolean
tn_object_set_property_json(TnObject *self, const char *name, json_object *value,
                            TnPropertyInput input, TnObject *root, GError **error)
{
    GParamSpec *pspec = find_property(self, name, error);
    g_auto(GValue) out = G_VALUE_INIT;

    if (!pspec || !check_writable(self, pspec, error)) {
        return FALSE;
    }
    g_value_init(&out, G_PARAM_SPEC_VALUE_TYPE(pspec));
    if (tn_param_spec_get_int_text(pspec) && json_object_is_type(value, json_type_string)
            ? !load_int_text(self, pspec, json_object_get_string(value), &out, error)
            : !load_value(pspec, name, value, input, root, &out, error)) {
        return FALSE;
    }
    g_object_set_property(G_OBJECT(self), pspec->name, &out);
    return TRUE;
}

gboolean
tn_object_set_properties_json(TnObject *self, json_object *props, const char *const *skip,
                              TnPropertyInput input, TnObject *root, GError **error)
{
    json_object_object_foreach(props, name, value) {
        if (skip && g_strv_contains(skip, name)) {
            continue;
        }
        if (!tn_object_set_property_json(self, name, value, input, root, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static json_object *
save_list(GVariant *list)
{
    json_object *array = json_object_new_array();

    for (gsize i = 0; list && i < g_variant_n_children(list); i++) {
        guint16 n;

        g_variant_get_child(list, i, "q", &n);
        json_object_array_add(array, json_object_new_int(n));
    }
    return array;
}

static json_object *
save_value(const GValue *value)
{
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
    case G_TYPE_VARIANT:
        return save_list(g_value_get_variant(value));
    case G_TYPE_ENUM: {
        GEnumClass *klass = g_type_class_peek(G_VALUE_TYPE(value));
        GEnumValue *found = g_enum_get_value(klass, g_value_get_enum(value));

        return json_object_new_string(found ? found->value_nick : "");
    }
    case G_TYPE_OBJECT: {
        GObject *target = g_value_get_object(value);
        g_autofree char *path = target && TN_IS_OBJECT(target)
                                    ? tn_object_get_path(TN_OBJECT(target))
                                    : NULL;

        return json_object_new_string(path ? path : "");
    }
    default: {
        const char *text = g_value_get_string(value);

        return json_object_new_string(text ? text : "");
    }
    }
}

json_object *
tn_object_get_property_json(TnObject *self, const char *name, GError **error)
{
    GParamSpec *pspec = find_property(self, name, error);
    g_auto(GValue) value = G_VALUE_INIT;

    if (!pspec) {
        return NULL;
    }
    if (!(pspec->flags & G_PARAM_READABLE)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Property '%s.%s' is not readable",
                    tn_object_get_type_name(self), name);
        return NULL;
    }
    g_value_init(&value, G_PARAM_SPEC_VALUE_TYPE(pspec));
    g_object_get_property(G_OBJECT(self), pspec->name, &value);
    return save_value(&value);
}

char *
tn_property_type_name(GParamSpec *pspec)
{
    GType type = G_PARAM_SPEC_VALUE_TYPE(pspec);
    gint64 min;
    guint64 max;

    switch (G_TYPE_FUNDAMENTAL(type)) {
    case G_TYPE_BOOLEAN:
        return g_strdup("bool");
    case G_TYPE_INT:
        return g_strdup("int32");
    case G_TYPE_INT64:
        return g_strdup("int64");
    case G_TYPE_UINT:
        integer_limits(pspec, &min, &max);
        return g_strdup(max <= G_MAXUINT8 ? "uint8" : max <= G_MAXUINT16 ? "uint16" : "uint32");
    case G_TYPE_UINT64:
        return g_strdup(g_param_spec_get_qdata(pspec, size_quark()) ? "size" : "uint64");
    case G_TYPE_VARIANT:
        return g_strdup("int"); /* as QEMU names its host-nodes list */
    case G_TYPE_ENUM:
        return g_strdup(g_type_name(type));
    case G_TYPE_OBJECT: {
        TnObjectClass *klass = g_type_is_a(type, TN_TYPE_OBJECT) ? g_type_class_ref(type) : NULL;
        char *name = g_strdup_printf("link<%s>", klass && klass->type_name ? klass->type_name
                                                                            : g_type_name(type));

        if (klass) {
            g_type_class_unref(klass);
        }
        return name;
    }
    default:
        return g_strdup("str");
    }
}
