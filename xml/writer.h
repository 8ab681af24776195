/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing XML as libvirt does: two spaces a level, single quotes, empty elements closed at once. */
#ifndef TN_XML_WRITER_H
#define TN_XML_WRITER_H

#include <glib.h>

/** TnXmlWriter: text in the making. Elements are started and ended in pairs; attributes come
 *  right after the start. */
typedef struct TnXmlWriter TnXmlWriter;

/** tn_xml_writer_new: an empty text. */
TnXmlWriter *tn_xml_writer_new(void);

/** tn_xml_writer_free: drop the writer and its text; NULL does nothing. */
void tn_xml_writer_free(TnXmlWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnXmlWriter, tn_xml_writer_free)

/** tn_xml_writer_finish: the text (caller frees); @self is gone. All elements must be ended. */
char *tn_xml_writer_finish(TnXmlWriter *self);

/** tn_xml_start: open an element. @name must outlive its end. */
void tn_xml_start(TnXmlWriter *self, const char *name);

/** tn_xml_end: close the innermost element, as "<x/>" when nothing was written into it. */
void tn_xml_end(TnXmlWriter *self);

/** tn_xml_end_unless_empty: as tn_xml_end(), but take an element without attributes and content
 *  out of the text again. */
void tn_xml_end_unless_empty(TnXmlWriter *self);

/** tn_xml_put_attr: an attribute of the element just started, escaped; NULL @value: none. */
void tn_xml_put_attr(TnXmlWriter *self, const char *name, const char *value);

/** tn_xml_put_attr_f: an attribute with a formatted value. */
void tn_xml_put_attr_f(TnXmlWriter *self, const char *name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/** tn_xml_put_text: text of the element just started, escaped; it can have no child then. */
void tn_xml_put_text(TnXmlWriter *self, const char *text);

/** tn_xml_put_text_f: the same with a format. */
void tn_xml_put_text_f(TnXmlWriter *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** tn_xml_put_element: "<name>text</name>", escaped; NULL @text: nothing. */
void tn_xml_put_element(TnXmlWriter *self, const char *name, const char *text);

/** tn_xml_put_element_f: an element with formatted text. */
void tn_xml_put_element_f(TnXmlWriter *self, const char *name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/** tn_xml_put_kib: "<name unit='KiB'>size</name>". */
void tn_xml_put_kib(TnXmlWriter *self, const char *name, guint64 kib);

/** tn_xml_put_empty_line: a line with nothing in it. */
void tn_xml_put_empty_line(TnXmlWriter *self);

/** tn_xml_put_raw: a child that is XML already, on lines of its own at the right level. */
void tn_xml_put_raw(TnXmlWriter *self, const char *xml);

/** tn_xml_writer_depth: how many elements are open. */
guint tn_xml_writer_depth(const TnXmlWriter *self);

#endif
