/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading XML with a memory: elements and attributes, marked as they are asked for. */
#include "xml/reader.h"

#include "xml/domain.h"

#include <errno.h>
#include <libxml/parser.h>

static char read_mark;

static gboolean
is_read(const void *private)
{
    return private == &read_mark;
}

static gboolean
is_plain_element(xmlNodePtr node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && node->ns == NULL &&
           g_str_equal((const char *) node->name, name);
}

static xmlNodePtr
find_from(xmlNodePtr node, const char *name)
{
    for (; node != NULL; node = node->next) {
        if (is_plain_element(node, name)) {
            tn_xml_mark(node);
            return node;
        }
    }
    return NULL;
}

void
tn_xml_mark(xmlNodePtr node)
{
    node->_private = &read_mark;
}

xmlNodePtr
tn_xml_child(xmlNodePtr parent, const char *name)
{
    return find_from(parent->children, name);
}

xmlNodePtr
tn_xml_child_next(xmlNodePtr child)
{
    return find_from(child->next, (const char *) child->name);
}

xmlNodePtr
tn_xml_element(xmlNodePtr node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE) {
        node = node->next;
    }
    return node;
}

void
tn_xml_skip(xmlNodePtr node)
{
    tn_xml_mark(node);
    for (xmlAttrPtr attr = node->properties; attr != NULL; attr = attr->next) {
        attr->_private = &read_mark;
    }
    for (xmlNodePtr child = tn_xml_element(node->children); child != NULL;
         child = tn_xml_element(child->next)) {
        tn_xml_skip(child);
    }
}

static char *
steal_xml_chars(xmlChar *chars)
{
    char *text = g_strdup(chars != NULL ? (const char *) chars : "");

    xmlFree(chars);
    return text;
}

char *
tn_xml_text(xmlNodePtr node)
{
    return steal_xml_chars(xmlNodeGetContent(node));
}

char *
tn_xml_child_text(xmlNodePtr parent, const char *name)
{
    xmlNodePtr child = tn_xml_child(parent, name);
    g_autofree char *text = NULL;

    if (child == NULL) {
        return NULL;
    }
    text = tn_xml_text(child);
    return text[0] != '\0' ? g_steal_pointer(&text) : NULL;
}

char *
tn_xml_attr(xmlNodePtr node, const char *name)
{
    for (xmlAttrPtr attr = node->properties; attr != NULL; attr = attr->next) {
        if (attr->ns == NULL && g_str_equal((const char *) attr->name, name)) {
            attr->_private = &read_mark;
            return steal_xml_chars(xmlNodeGetContent((xmlNodePtr) attr));
        }
    }
    return NULL;
}

static gboolean
missing_attr(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, GError **error)
{
    if ((flags & TN_XML_ATTR_REQUIRED) == 0) {
        return TRUE;
    }
    tn_xml_error_set(error, TN_XML_ERROR_XML,
                     "Missing required attribute '%s' in element '%s'", name, node->name);
    return FALSE;
}

gboolean
tn_xml_attr_enum(xmlNodePtr node, const char *name, const TnEnumTable *table,
                 TnXmlAttrFlags flags, int *ret_value, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, name);
    g_autofree char *path = NULL;
    int value;

    if (text == NULL) {
        return missing_attr(node, name, flags, error);
    }
    value = tn_enum_from_string(table, text);
    if (value >= 0) {
        *ret_value = value;
        return TRUE;
    }
    if (tn_enum_is_refused(table, text)) {
        path = tn_xml_path(node);
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "value '%s' of attribute '%s/@%s' is not supported", text, path, name);
    } else {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid value for attribute '%s' in element '%s': '%s'.", name,
                         node->name, text);
    }
    return FALSE;
}

gboolean
tn_xml_attr_tristate(xmlNodePtr node, const char *name, const TnEnumTable *table,
                     TnTristate *ret_value, GError **error)
{
    int value = -1;

    if (!tn_xml_attr_enum(node, name, table, TN_XML_ATTR_OPTIONAL, &value, error)) {
        return FALSE;
    }
    if (value >= 0) {
        *ret_value = (TnTristate) value;
    }
    return TRUE;
}

gboolean
tn_xml_parse_uint64(const char *text, guint64 *ret_value)
{
    int base = 10;
    char *end = NULL;
    guint64 value;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (!g_ascii_isxdigit(text[0])) {
        return FALSE;
    }
    errno = 0;
    value = g_ascii_strtoull(text, &end, base);
    if (errno != 0 || end == text || *end != '\0') {
        return FALSE;
    }
    *ret_value = value;
    return TRUE;
}

gboolean
tn_xml_attr_uint64(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, guint64 max,
                   guint64 *ret_value, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, name);
    guint64 value;

    if (text == NULL) {
        return missing_attr(node, name, flags, error);
    }
    if (!tn_xml_parse_uint64(text, &value) || value > max) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid value for attribute '%s' in element '%s': '%s'. Expected "
                         "non-negative integer value", name, node->name, text);
        return FALSE;
    }
    if (value == 0 && (flags & TN_XML_ATTR_NONZERO) != 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid value for attribute '%s' in element '%s': Zero is not permitted",
                         name, node->name);
        return FALSE;
    }
    *ret_value = value;
    return TRUE;
}

gboolean
tn_xml_attr_uint(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, guint max,
                 guint *ret_value, GError **error)
{
    guint64 value = *ret_value;

    if (!tn_xml_attr_uint64(node, name, flags, max, &value, error)) {
        return FALSE;
    }
    *ret_value = (guint) value;
    return TRUE;
}

gboolean
tn_xml_attr_int(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, int *ret_value,
                GError **error)
{
    guint64 value = G_MAXUINT64;

    if (!tn_xml_attr_uint64(node, name, flags, G_MAXINT, &value, error)) {
        return FALSE;
    }
    *ret_value = value == G_MAXUINT64 ? -1 : (int) value;
    return TRUE;
}

/* Which one of its kind @node is among its siblings, from 1. */
static guint
position_of(xmlNodePtr node)
{
    guint position = 1;

    for (xmlNodePtr at = node->prev; at != NULL; at = at->prev) {
        if (at->type == XML_ELEMENT_NODE && xmlStrEqual(at->name, node->name)) {
            position++;
        }
    }
    return position;
}

char *
tn_xml_path(xmlNodePtr node)
{
    GString *path = g_string_new(NULL);

    for (; node != NULL && node->type == XML_ELEMENT_NODE; node = node->parent) {
        guint position = position_of(node);

        if (position > 1) {
            g_autofree char *suffix = g_strdup_printf("[%u]", position);

            g_string_prepend(path, suffix);
        }
        g_string_prepend(path, (const char *) node->name);
        if (node->ns != NULL && node->ns->prefix != NULL) {
            g_string_prepend_c(path, ':');
            g_string_prepend(path, (const char *) node->ns->prefix);
        }
        g_string_prepend_c(path, '/');
    }
    return g_string_free(path, FALSE);
}

void
tn_xml_unsupported(GError **error, xmlNodePtr node)
{
    g_autofree char *path = tn_xml_path(node);

    tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "element '%s' is not supported",
                     path);
}

gboolean
tn_xml_check_all_read(xmlNodePtr root, GError **error)
{
    if (!is_read(root->_private)) {
        tn_xml_unsupported(error, root);
        return FALSE;
    }
    for (xmlAttrPtr attr = root->properties; attr != NULL; attr = attr->next) {
        if (!is_read(attr->_private)) {
            g_autofree char *path = tn_xml_path(root);

            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                             "attribute '%s/@%s' is not supported", path, attr->name);
            return FALSE;
        }
    }
    for (xmlNodePtr child = tn_xml_element(root->children); child != NULL;
         child = tn_xml_element(child->next)) {
        if (!tn_xml_check_all_read(child, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
