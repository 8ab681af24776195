/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups in the schema's tables, and values checked against its types. */
#include "qmp/schema-table.h"

#include "qmp/error.h"

#include <stdlib.h>
#include <string.h>

/* Where a value stands within the arguments; a list up to the outermost. */
typedef struct Place {
    const struct Place *within; /* NULL at the outermost */
    const char *member;         /* NULL for an element */
    size_t index;
} Place;

static int
compare_command(const void *name, const void *row)
{
    return strcmp(name, ((const TnQmpCommand *)row)->name);
}

const TnQmpCommand *
tn_qmp_command_find(const char *name)
{
    return bsearch(name, tn_qmp_commands, tn_qmp_n_commands, sizeof(TnQmpCommand),
                   compare_command);
}

static int
compare_event(const void *name, const void *row)
{
    return strcmp(name, ((const TnQmpEvent *)row)->name);
}

const TnQmpEvent *
tn_qmp_event_find(const char *name)
{
    return bsearch(name, tn_qmp_events, tn_qmp_n_events, sizeof(TnQmpEvent), compare_event);
}

/* "props.core-id", "host-nodes[0]". */
static void
append_place(GString *text, const Place *place)
{
    if (place->within) {
        append_place(text, place->within);
    }
    if (!place->member) {
        g_string_append_printf(text, "[%zu]", place->index);
    } else if (place->member[0]) {
        g_string_append_printf(text, "%s%s", text->len > 0 ? "." : "", place->member);
    }
}

/* FALSE, with @format filled in with the place's name and @what. */
static gboolean G_GNUC_PRINTF(2, 0)
refuse(const Place *place, const char *format, const char *what, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);

    append_place(name, place);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR, format, name->str, what);
#pragma GCC diagnostic pop
    return FALSE;
}

static gboolean
refuse_type(const Place *place, const char *expected, GError **error)
{
    return refuse(place, "Invalid parameter type for '%s', expected: %s", expected, error);
}

static gboolean
check_int(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    gint64 n = json_object_get_int64(value);

    /* json-c clamps what is beyond int64. */
    if (!json_object_is_type(value, json_type_int) ||
        (n == G_MAXINT64 && json_object_get_uint64(value) > G_MAXINT64)) {
        return refuse_type(place, "integer", error);
    }
    if (n < type->min || (n > 0 && (guint64)n > type->max)) {
        return refuse(place, "Parameter '%s' expects %s", type->name, error);
    }
    return TRUE;
}

static gboolean
check_uint(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    if (!json_object_is_type(value, json_type_int)) {
        return refuse(place, "Parameter '%s' expects %s", "uint64", error);
    }
    if (json_object_get_int64(value) < 0 || json_object_get_uint64(value) > type->max) {
        return refuse(place, "Parameter '%s' expects %s", type->name, error);
    }
    return TRUE;
}

static gboolean
check_enum(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    const char *text;

    if (!json_object_is_type(value, json_type_string)) {
        return refuse_type(place, "string", error);
    }
    text = json_object_get_string(value);
    for (const char *const *v = type->values; *v; v++) {
        if (strcmp(*v, text) == 0) {
            return TRUE;
        }
    }
    return refuse(place, "Parameter '%s' does not accept value '%s'", text, error);
}

static gboolean check(const TnQmpType *type, json_object *value, const Place *place,
                      GError **error);

static gboolean
check_array(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    if (!json_object_is_type(value, json_type_array)) {
        return refuse_type(place, "array", error);
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        const Place element = { .within = place, .index = i };

        if (!check(type->element, json_object_array_get_idx(value, i), &element, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The object type that @value's tag adds to @type, NULL for none. The tag was checked. */
static const TnQmpType *
find_variant(const TnQmpType *type, json_object *value)
{
    const char *tag;

    if (type->n_variants == 0) {
        return NULL;
    }
    tag = json_object_get_string(json_object_object_get(value, type->members[type->tag].name));
    for (unsigned i = 0; i < type->n_variants; i++) {
        if (strcmp(type->variants[i].value, tag) == 0) {
            return type->variants[i].type;
        }
    }
    return NULL;
}

/* The members of @type alone that @value must or may have. */
static gboolean
check_members(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        const TnQmpMember *m = &type->members[i];
        const Place at = { .within = place, .member = m->name };
        json_object *member = NULL;

        if (!json_object_object_get_ex(value, m->name, &member)) {
            if (!m->optional) {
                return refuse(&at, "Parameter '%s' is missing%s", "", error);
            }
        } else if (!check(m->type, member, &at, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
has_member(const TnQmpType *type, const char *name)
{
    for (unsigned i = 0; type && i < type->n_members; i++) {
        if (strcmp(type->members[i].name, name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
check_object(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    const TnQmpType *variant;

    if (!json_object_is_type(value, json_type_object)) {
        return refuse_type(place, "object", error);
    }
    if (!check_members(type, value, place, error)) {
        return FALSE;
    }
    variant = find_variant(type, value);
    if (variant && !check_members(variant, value, place, error)) {
        return FALSE;
    }
    if (!type->open) {
        json_object_object_foreach(value, key, member) {
            const Place at = { .within = place, .member = key };

            (void)member;
            if (!has_member(type, key) && !has_member(variant, key)) {
                return refuse(&at, "Parameter '%s' is unexpected%s", "", error);
            }
        }
    }
    return TRUE;
}

static gboolean
check(const TnQmpType *type, json_object *value, const Place *place, GError **error)
{
    switch (type->kind) {
    case TN_QMP_TYPE_STR:
        return json_object_is_type(value, json_type_string) || refuse_type(place, "string", error);
    case TN_QMP_TYPE_BOOL:
        return json_object_is_type(value, json_type_boolean) ||
               refuse_type(place, "boolean", error);
    case TN_QMP_TYPE_NUMBER:
        return json_object_is_type(value, json_type_int) ||
               json_object_is_type(value, json_type_double) || refuse_type(place, "number", error);
    case TN_QMP_TYPE_NULL:
        return json_object_is_type(value, json_type_null) || refuse_type(place, "null", error);
    case TN_QMP_TYPE_ANY:
        return TRUE;
    case TN_QMP_TYPE_INT:
        return check_int(type, value, place, error);
    case TN_QMP_TYPE_UINT:
        return check_uint(type, value, place, error);
    case TN_QMP_TYPE_ENUM:
        return check_enum(type, value, place, error);
    case TN_QMP_TYPE_ARRAY:
        return check_array(type, value, place, error);
    case TN_QMP_TYPE_OBJECT:
        return check_object(type, value, place, error);
    }
    g_return_val_if_reached(FALSE);
}

gboolean
tn_qmp_type_check(const TnQmpType *type, json_object *value, const char *name, GError **error)
{
    const Place place = { .member = name ? name : "" };

    return check(type, value, &place, error);
}
