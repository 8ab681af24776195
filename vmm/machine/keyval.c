/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsing of "value,key=value,..." option texts. */
#include "vmm/machine/keyval.h"

#include "vmm/core/object.h"

#include <errno.h>
#include <string.h>

/* Cuts the next term off *@at, undoing ",,". NULL at the end. */
static char *
next_term(const char **at)
{
    g_autoptr(GString) term = NULL;
    const char *p = *at;

    if (!*p) {
        return NULL;
    }
    term = g_string_new(NULL);
    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                p++;
                break;
            }
            p++;
        }
        g_string_append_c(term, *p);
    }
    *at = p;
    return g_string_free(g_steal_pointer(&term), FALSE);
}

static gboolean
add_term(json_object *object, const char *term, const char *implied_key, GError **error)
{
    const char *equals = strchr(term, '=');
    g_autofree char *key = NULL;
    const char *value;

    if (equals) {
        key = g_strndup(term, (gsize)(equals - term));
        value = equals + 1;
    } else if (implied_key) {
        key = g_strdup(implied_key);
        value = term;
    } else {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Expected '=' after parameter '%s'", term);
        return FALSE;
    }
    if (!*key) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Invalid parameter '%s'", term);
        return FALSE;
    }
    /* Like QEMU, the last of several wins ("accel=kvm,accel=kvm"). */
    json_object_object_add(object, key, json_object_new_string(value));
    return TRUE;
}

json_object *
tn_keyval_parse(const char *text, const char *implied_key, GError **error)
{
    json_object *object;
    const char *at = text;
    gboolean first = TRUE;

    if (strlen(text) > TN_KEYVAL_MAX) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "option text of %zu bytes is longer than the limit of %d", strlen(text),
                    TN_KEYVAL_MAX);
        return NULL;
    }
    object = json_object_new_object();
    for (;;) {
        g_autofree char *term = next_term(&at);

        if (!term) {
            return object;
        }
        if (!add_term(object, term, first ? implied_key : NULL, error)) {
            json_object_put(object);
            return NULL;
        }
        first = FALSE;
    }
}

json_object *
tn_keyval_parse_or_json(const char *text, const char *implied_key, GError **error)
{
    enum json_tokener_error status;
    json_object *object;

    if (*text != '{') {
        return tn_keyval_parse(text, implied_key, error);
    }
    object = json_tokener_parse_verbose(text, &status);
    if (!json_object_is_type(object, json_type_object)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "JSON parse error, %s",
                    json_tokener_error_desc(status));
        if (object) {
            json_object_put(object);
        }
        return NULL;
    }
    return object;
}

char *
tn_keyval_take(json_object *object, const char *key)
{
    json_object *member;
    char *value;

    if (!json_object_object_get_ex(object, key, &member)) {
        return NULL;
    }
    value = g_strdup(json_object_get_string(member));
    json_object_object_del(object, key);
    return value;
}

gboolean
tn_keyval_check_empty(json_object *object, GError **error)
{
    json_object_object_foreach(object, key, value) {
        (void)value;
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Invalid parameter '%s'", key);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_keyval_take_bool(json_object *object, const char *key, gboolean *ret_value, GError **error)
{
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };
    g_autofree char *text = tn_keyval_take(object, key);

    if (!text) {
        return TRUE;
    }
    if (g_strv_contains(on, text)) {
        *ret_value = TRUE;
    } else if (g_strv_contains(off, text)) {
        *ret_value = FALSE;
    } else {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter '%s' expects 'on' or 'off'", key);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_keyval_take_uint(json_object *object, const char *key, guint64 min, guint64 max,
                    unsigned *ret_value, GError **error)
{
    g_autofree char *text = tn_keyval_take(object, key);
    char *end = text;
    guint64 value = 0;

    if (!text) {
        return TRUE;
    }
    errno = 0;
    if (g_ascii_isdigit(*text)) {
        value = g_ascii_strtoull(text, &end, 0);
    }
    if (end == text || errno || *end || value < min || value > max) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter '%s' expects a number in the range %" G_GUINT64_FORMAT
                    "..%" G_GUINT64_FORMAT ", not '%s'",
                    key, min, max, text);
        return FALSE;
    }
    *ret_value = (unsigned)value;
    return TRUE;
}
