/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<metadata>`: any XML of any application, one element a namespace, kept and given back. */
#include "xml/metadata.h"

#include "xml/domain-private.h"

#include <string.h>

static gboolean
has_namespace(xmlNodePtr node, const char *uri)
{
    return node->ns != NULL && g_strcmp0((const char *) node->ns->href, uri) == 0;
}

static xmlNodePtr
find_element(xmlNodePtr metadata, const char *uri)
{
    xmlNodePtr node = metadata != NULL ? tn_xml_element(metadata->children) : NULL;

    while (node != NULL && !has_namespace(node, uri)) {
        node = tn_xml_element(node->next);
    }
    return node;
}

/* As libvirt: an element without namespace, or the second of one namespace, is left out. */
static void
drop_homeless(xmlNodePtr metadata)
{
    xmlNodePtr next;

    for (xmlNodePtr node = tn_xml_element(metadata->children); node != NULL; node = next) {
        next = tn_xml_element(node->next);
        if (node->ns == NULL ||
            find_element(metadata, (const char *) node->ns->href) != node) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
        }
    }
}

gboolean
tn_metadata_parse(TnDomainDef *def, xmlNodePtr domain, GError **error)
{
    xmlNodePtr node = tn_xml_child(domain, "metadata");

    if (node == NULL) {
        return TRUE;
    }
    tn_xml_skip(node);
    def->metadata = xmlDocCopyNode(node, NULL, 1);
    if (def->metadata == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "Failed to copy XML node");
        return FALSE;
    }
    drop_homeless(def->metadata);
    return TRUE;
}

/* @node as text, its children indented for an element @depth levels deep. */
static char *
dump(xmlNodePtr node, guint depth)
{
    xmlBufferPtr buffer = xmlBufferCreate();
    char *text = NULL;

    if (xmlNodeDump(buffer, NULL, node, (int) depth, 1) >= 0) {
        text = g_strdup((const char *) xmlBufferContent(buffer));
    }
    xmlBufferFree(buffer);
    return text;
}

void
tn_metadata_format(const TnDomainDef *def, TnXmlWriter *writer)
{
    g_autofree char *text = NULL;

    if (def->metadata == NULL) {
        return;
    }
    text = dump(def->metadata, tn_xml_writer_depth(writer));
    if (text != NULL) {
        tn_xml_put_raw(writer, text);
    }
}

static gboolean
check_type(int type, const char *uri, GError **error)
{
    if (type < 0 || type >= TN_METADATA_LAST) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "unknown metadata type");
        return FALSE;
    }
    if (type == TN_METADATA_ELEMENT && uri == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG,
                         "uri argument must not be NULL for metadata elements");
        return FALSE;
    }
    return TRUE;
}

/* Calls for @node and every element below it. */
static void
for_each_element(xmlNodePtr node, void (*visit)(xmlNodePtr node, xmlNsPtr ns), xmlNsPtr ns)
{
    visit(node, ns);
    for (xmlNodePtr child = tn_xml_element(node->children); child != NULL;
         child = tn_xml_element(child->next)) {
        for_each_element(child, visit, ns);
    }
}

static void
leave_namespace(xmlNodePtr node, xmlNsPtr ns)
{
    if (node->ns != NULL && xmlStrEqual(node->ns->href, ns->href)) {
        node->ns = NULL;
    }
}

static void
enter_namespace(xmlNodePtr node, xmlNsPtr ns)
{
    if (node->ns == NULL) {
        node->ns = ns;
    }
}

/* Takes the declarations of @ns off @node; nothing below may refer to them any more. */
static void
drop_declaration(xmlNodePtr node, xmlNsPtr ns)
{
    xmlNsPtr *link = &node->nsDef;

    while (*link != NULL) {
        xmlNsPtr declared = *link;

        if (xmlStrEqual(declared->href, ns->href)) {
            *link = declared->next;
            xmlFreeNs(declared);
        } else {
            link = &declared->next;
        }
    }
}

/* Attributes in the namespace would be left without their declaration. */
static gboolean
has_qualified_attribute(xmlNodePtr node, const char *uri)
{
    for (xmlAttrPtr attr = node->properties; attr != NULL; attr = attr->next) {
        if (attr->ns != NULL && g_strcmp0((const char *) attr->ns->href, uri) == 0) {
            return TRUE;
        }
    }
    for (xmlNodePtr child = tn_xml_element(node->children); child != NULL;
         child = tn_xml_element(child->next)) {
        if (has_qualified_attribute(child, uri)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* The caller knows the namespace that it asked for: it is taken out, as libvirt does. */
static char *
dump_element(xmlNodePtr node, const char *uri)
{
    xmlNodePtr copy = xmlDocCopyNode(node, NULL, 1);
    xmlNsPtr ns = xmlNewNs(NULL, (const xmlChar *) uri, NULL);
    char *text;

    if (!has_qualified_attribute(copy, uri)) {
        for_each_element(copy, leave_namespace, ns);
        for_each_element(copy, drop_declaration, ns);
    }
    text = dump(copy, 0);
    xmlFreeNs(ns);
    xmlFreeNode(copy);
    return text;
}

char *
tn_domain_def_get_metadata(const TnDomainDef *def, int type, const char *uri, GError **error)
{
    xmlNodePtr node;
    char *text = NULL;

    if (!check_type(type, uri, error)) {
        return NULL;
    }
    switch ((TnMetadataType) type) {
    case TN_METADATA_DESCRIPTION:
        text = g_strdup(def->description);
        break;
    case TN_METADATA_TITLE:
        text = g_strdup(def->title);
        break;
    case TN_METADATA_ELEMENT:
        node = find_element(def->metadata, uri);
        text = node != NULL ? dump_element(node, uri) : NULL;
        break;
    case TN_METADATA_LAST:
        break;
    }
    if (text == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_NO_DOMAIN_METADATA,
                         "Requested metadata element is not present");
    }
    return text;
}

static void
set_string(char **field, const char *text)
{
    g_free(*field);
    *field = text != NULL && text[0] != '\0' ? g_strdup(text) : NULL;
}

/* The element in @text, in the namespace @uri with prefix @key; NULL with an error. */
static xmlNodePtr
parse_element(const char *text, const char *key, const char *uri, GError **error)
{
    g_autoptr(xmlDoc) doc = NULL;
    xmlNodePtr node;
    xmlNsPtr ns;

    if (key == NULL || xmlValidateNCName((const xmlChar *) key, 0) != 0) {
        tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG,
                         "metadata key must be a valid namespace prefix");
        return NULL;
    }
    doc = tn_xml_doc_parse(text, "metadata_xml", error);
    if (doc == NULL) {
        return NULL;
    }
    node = xmlDocCopyNode(xmlDocGetRootElement(doc), NULL, 1);
    ns = xmlNewNs(node, (const xmlChar *) uri, (const xmlChar *) key);
    if (ns == NULL) {
        xmlFreeNode(node);
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "Failed to create a namespace '%s'", key);
        return NULL;
    }
    for_each_element(node, enter_namespace, ns);
    return node;
}

static gboolean
set_element(TnDomainDef *def, const char *text, const char *key, const char *uri, GError **error)
{
    xmlNodePtr added = NULL;
    xmlNodePtr old;

    if (text != NULL) {
        added = parse_element(text, key, uri, error);
        if (added == NULL) {
            return FALSE;
        }
    }
    old = find_element(def->metadata, uri);
    if (old != NULL) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (added != NULL) {
        if (def->metadata == NULL) {
            def->metadata = xmlNewNode(NULL, (const xmlChar *) "metadata");
        }
        xmlAddChild(def->metadata, added);
    }
    return TRUE;
}

gboolean
tn_domain_def_set_metadata(TnDomainDef *def, int type, const char *text, const char *key,
                           const char *uri, GError **error)
{
    if (!check_type(type, uri, error)) {
        return FALSE;
    }
    switch ((TnMetadataType) type) {
    case TN_METADATA_DESCRIPTION:
        set_string(&def->description, text);
        return TRUE;
    case TN_METADATA_TITLE:
        if (text != NULL && strchr(text, '\n') != NULL) {
            tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG,
                             "metadata title can't contain newlines");
            return FALSE;
        }
        set_string(&def->title, text);
        return TRUE;
    case TN_METADATA_ELEMENT:
        return set_element(def, text, key, uri, error);
    case TN_METADATA_LAST:
        break;
    }
    return TRUE;
}
