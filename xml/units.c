/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes with units, checked for overflow. */
#include "xml/units.h"

#include "xml/reader.h"

#include <string.h>

/* The factor of a unit: 1024^n for "k" and "KiB", 1000^n for "KB"; 0: no such unit. */
static guint64
unit_factor(const char *unit)
{
    static const char prefixes[] = "kmgtpe";
    const char *prefix;
    guint64 base;
    guint64 factor = 1;

    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0 ||
        g_ascii_strcasecmp(unit, "bytes") == 0) {
        return 1;
    }
    if (unit[0] == '\0') {
        return 0;
    }
    prefix = strchr(prefixes, g_ascii_tolower(unit[0]));
    if (prefix == NULL) {
        return 0;
    }
    if (unit[1] == '\0' || g_ascii_strcasecmp(unit + 1, "ib") == 0) {
        base = 1024;
    } else if (g_ascii_strcasecmp(unit + 1, "b") == 0) {
        base = 1000;
    } else {
        return 0;
    }
    for (const char *at = prefixes; at <= prefix; at++) {
        factor *= base;
    }
    return factor;
}

gboolean
tn_xml_scale_to_kib(guint64 value, const char *unit, guint64 *ret_kib, GError **error)
{
    guint64 factor = unit_factor(unit != NULL ? unit : "KiB");
    guint64 bytes;

    if (factor == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "unknown suffix '%s'", unit);
        return FALSE;
    }
    if (!g_uint64_checked_mul(&bytes, value, factor) || bytes > G_MAXINT64) {
        tn_xml_error_set(error, TN_XML_ERROR_OVERFLOW, "value too large: %" G_GUINT64_FORMAT "%s",
                         value, unit != NULL ? unit : "KiB");
        return FALSE;
    }
    *ret_kib = bytes / 1024 + (bytes % 1024 != 0 ? 1 : 0);
    return TRUE;
}

static gboolean
scale_text(xmlNodePtr unit_node, const char *text, const char *place, guint64 *ret_kib,
           GError **error)
{
    g_autofree char *unit = tn_xml_attr(unit_node, "unit");
    guint64 value;

    if (!tn_xml_parse_uint64(text, &value)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid value '%s' for element or attribute './%s'", text, place);
        return FALSE;
    }
    return tn_xml_scale_to_kib(value, unit, ret_kib, error);
}

static gboolean
missing(const char *place, gboolean required, GError **error)
{
    if (required) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "missing element or attribute './%s'", place);
    }
    return !required;
}

static gboolean
scale_element(xmlNodePtr node, const char *place, guint64 *ret_kib, GError **error)
{
    g_autofree char *text = g_strstrip(tn_xml_text(node));

    return scale_text(node, text, place, ret_kib, error);
}

gboolean
tn_xml_child_kib(xmlNodePtr parent, const char *name, gboolean required, guint64 *ret_kib,
                 GError **error)
{
    xmlNodePtr child = tn_xml_child(parent, name);
    /* libvirt's messages name the sizes of <domain> itself as "./memory[1]". */
    gboolean is_top = parent->parent == NULL || parent->parent->type != XML_ELEMENT_NODE;
    g_autofree char *place = g_strdup_printf("%s%s", name, is_top ? "[1]" : "");

    return child != NULL ? scale_element(child, place, ret_kib, error)
                         : missing(place, required, error);
}

gboolean
tn_xml_child_kib_at(xmlNodePtr parent, const char *name, const char *place, guint64 *ret_kib,
                    GError **error)
{
    xmlNodePtr child = tn_xml_child(parent, name);

    return child == NULL || scale_element(child, place, ret_kib, error);
}

gboolean
tn_xml_attr_kib(xmlNodePtr node, const char *name, gboolean required, guint64 *ret_kib,
                GError **error)
{
    g_autofree char *text = tn_xml_attr(node, name);
    g_autofree char *place = g_strdup_printf("@%s", name);

    if (text == NULL) {
        return missing(place, required, error);
    }
    return scale_text(node, text, place, ret_kib, error);
}
