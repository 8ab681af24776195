/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes with units, as `<memory unit='MiB'>` and its relatives give them. */
#ifndef TN_XML_UNITS_H
#define TN_XML_UNITS_H

#include "xml/error.h"

#include <libxml/tree.h>

/**
 * tn_xml_scale_to_kib: @value in @unit as KiB, rounded up.
 * @unit: b, bytes, KB, K, KiB ... EiB in any case; NULL: KiB.
 * Returns: FALSE with INVALID_ARG (no such unit) or OVERFLOW (2^63 bytes or more).
 */
gboolean tn_xml_scale_to_kib(guint64 value, const char *unit, guint64 *ret_kib, GError **error);

/**
 * tn_xml_child_kib: read a size element such as `<memory unit='MiB'>512</memory>`.
 * @ret_kib: untouched when the element is absent and not required.
 */
gboolean tn_xml_child_kib(xmlNodePtr parent, const char *name, gboolean required,
                          guint64 *ret_kib, GError **error);

/**
 * tn_xml_child_kib_at: as tn_xml_child_kib() for an element that may be absent.
 * @place: names it in messages: "memtune/hard_limit[1]".
 */
gboolean tn_xml_child_kib_at(xmlNodePtr parent, const char *name, const char *place,
                             guint64 *ret_kib, GError **error);

/**
 * tn_xml_attr_kib: read a size attribute whose unit is the attribute "unit" of the same element.
 * @ret_kib: untouched when the attribute is absent and not required.
 */
gboolean tn_xml_attr_kib(xmlNodePtr node, const char *name, gboolean required, guint64 *ret_kib,
                         GError **error);

#endif
