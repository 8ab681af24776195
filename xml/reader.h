/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading XML with a memory: every element and attribute that a parser asks for is marked as read,
 * so that at the end whatever nobody asked for can be refused by its path.
 */
#ifndef TN_XML_READER_H
#define TN_XML_READER_H

#include "xml/enums.h"
#include "xml/error.h"

#include <libxml/tree.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/**
 * tn_xml_doc_parse: turn text into a tree, without network, DTD or entities.
 * @xml: NUL-terminated text of at most TN_XML_MAX_DOCUMENT bytes.
 * @label: names the input in messages, e.g. "domain_definition".
 * Returns: the document (free with xmlFreeDoc()), or NULL with XML_DETAIL or XML.
 */
xmlDocPtr tn_xml_doc_parse(const char *xml, const char *label, GError **error);

/**
 * tn_xml_schema_validate: check @doc against the RelaxNG schema in the file @schema_path.
 * Returns: FALSE with INVALID_SCHEMA (the document) or INTERNAL (the schema itself is unusable).
 */
gboolean tn_xml_schema_validate(xmlDocPtr doc, const char *schema_path, GError **error);

/** tn_xml_child: the first child element @name without namespace, marked; NULL: none. */
xmlNodePtr tn_xml_child(xmlNodePtr parent, const char *name);

/** tn_xml_child_next: the next sibling of @child with the same name, marked; NULL: no more. */
xmlNodePtr tn_xml_child_next(xmlNodePtr child);

/** tn_xml_element: the first element at or after @node, of any name, not marked; NULL: none.
 *  Start with parent->children, go on with node->next. */
xmlNodePtr tn_xml_element(xmlNodePtr node);

/** tn_xml_mark: say that @node itself was read (its attributes and children are not). */
void tn_xml_mark(xmlNodePtr node);

/** tn_xml_skip: say that @node and all below it are left out on purpose. */
void tn_xml_skip(xmlNodePtr node);

/** tn_xml_text: text of @node (never NULL, may be ""); caller frees. */
char *tn_xml_text(xmlNodePtr node);

/** tn_xml_child_text: text of the first child @name, marked; NULL: there is no such child or it
 *  is empty. Caller frees. */
char *tn_xml_child_text(xmlNodePtr parent, const char *name);

/** tn_xml_attr: value of attribute @name, marked; NULL: absent. Caller frees. */
char *tn_xml_attr(xmlNodePtr node, const char *name);

/** TnXmlAttrFlags: how tn_xml_attr_...() functions treat absence and the value. */
typedef enum {
    TN_XML_ATTR_OPTIONAL = 0,
    TN_XML_ATTR_REQUIRED = 1 << 0, /**< absence is an XML error */
    TN_XML_ATTR_NONZERO = 1 << 1,  /**< zero is an XML error */
} TnXmlAttrFlags;

/**
 * tn_xml_attr_enum: read an attribute that is a word of @table.
 * @ret_value: untouched when the attribute is absent.
 * Returns: FALSE with XML (no such word) or CONFIG_UNSUPPORTED (a word of libvirt that Tenon
 * refuses).
 */
gboolean tn_xml_attr_enum(xmlNodePtr node, const char *name, const TnEnumTable *table,
                          TnXmlAttrFlags flags, int *ret_value, GError **error);

/** tn_xml_attr_tristate: read a yes/no or on/off attribute, see tn_xml_attr_enum(). */
gboolean tn_xml_attr_tristate(xmlNodePtr node, const char *name, const TnEnumTable *table,
                              TnTristate *ret_value, GError **error);

/**
 * tn_xml_attr_uint64: read a non-negative number, decimal or 0x hexadecimal, up to @max.
 * @ret_value: untouched when the attribute is absent.
 */
gboolean tn_xml_attr_uint64(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, guint64 max,
                            guint64 *ret_value, GError **error);

/** tn_xml_attr_uint: the same for a guint. */
gboolean tn_xml_attr_uint(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, guint max,
                          guint *ret_value, GError **error);

/** tn_xml_attr_int: the same for an int that is -1 when absent. */
gboolean tn_xml_attr_int(xmlNodePtr node, const char *name, TnXmlAttrFlags flags, int *ret_value,
                         GError **error);

/** tn_xml_parse_uint64: the whole of @text as a number (decimal or 0x...); FALSE when not one. */
gboolean tn_xml_parse_uint64(const char *text, guint64 *ret_value);

/** tn_xml_path: "/domain/devices/disk" of @node, for messages; "disk[2]" for the second one.
 *  Caller frees. */
char *tn_xml_path(xmlNodePtr node);

/** tn_xml_unsupported: set CONFIG_UNSUPPORTED naming the element @node. */
void tn_xml_unsupported(GError **error, xmlNodePtr node);

/** tn_xml_check_all_read: FALSE with CONFIG_UNSUPPORTED naming the first element or attribute at
 *  or below @root that nobody asked for. */
gboolean tn_xml_check_all_read(xmlNodePtr root, GError **error);

#endif
