/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing XML as libvirt does. */
#include "xml/writer.h"

#include <stdarg.h>
#include <string.h>

/* An element that is open: where its text began, and how far it has come. */
typedef struct {
    const char *name;
    gsize start;
    gsize tag_length; /* length of the text after its name, to see if attributes were added */
    gboolean closed_parent;
    gboolean tag_open;
    gboolean has_text;
} Level;

struct TnXmlWriter {
    GString *text;
    GArray *levels;
};

TnXmlWriter *
tn_xml_writer_new(void)
{
    TnXmlWriter *self = g_new0(TnXmlWriter, 1);

    self->text = g_string_new(NULL);
    self->levels = g_array_new(FALSE, TRUE, sizeof(Level));
    return self;
}

void
tn_xml_writer_free(TnXmlWriter *self)
{
    if (self == NULL) {
        return;
    }
    if (self->text != NULL) {
        g_string_free(self->text, TRUE);
    }
    g_array_unref(self->levels);
    g_free(self);
}

char *
tn_xml_writer_finish(TnXmlWriter *self)
{
    char *text = g_string_free(g_steal_pointer(&self->text), FALSE);

    g_assert(self->levels->len == 0);
    tn_xml_writer_free(self);
    return text;
}

guint
tn_xml_writer_depth(const TnXmlWriter *self)
{
    return self->levels->len;
}

static Level *
innermost(TnXmlWriter *self)
{
    g_assert(self->levels->len > 0);
    return &g_array_index(self->levels, Level, self->levels->len - 1);
}

static void
indent(TnXmlWriter *self)
{
    for (guint i = 0; i < self->levels->len; i++) {
        g_string_append(self->text, "  ");
    }
}

/* Before content: close the start tag of the element around it. Tells if it was open. */
static gboolean
close_tag(TnXmlWriter *self)
{
    Level *level;

    if (self->levels->len == 0) {
        return FALSE;
    }
    level = innermost(self);
    if (!level->tag_open) {
        return FALSE;
    }
    g_string_append(self->text, ">\n");
    level->tag_open = FALSE;
    return TRUE;
}

void
tn_xml_start(TnXmlWriter *self, const char *name)
{
    Level level = { .name = name, .tag_open = TRUE };

    level.start = self->text->len;
    level.closed_parent = close_tag(self);
    indent(self);
    g_string_append_printf(self->text, "<%s", name);
    level.tag_length = self->text->len;
    g_array_append_val(self->levels, level);
}

static void
drop_level(TnXmlWriter *self)
{
    g_array_set_size(self->levels, self->levels->len - 1);
}

void
tn_xml_end(TnXmlWriter *self)
{
    Level level = *innermost(self);

    drop_level(self);
    if (level.tag_open) {
        g_string_append(self->text, "/>\n");
        return;
    }
    if (!level.has_text) {
        indent(self);
    }
    g_string_append_printf(self->text, "</%s>\n", level.name);
}

void
tn_xml_end_unless_empty(TnXmlWriter *self)
{
    Level level = *innermost(self);

    if (level.tag_open && self->text->len == level.tag_length) {
        g_string_truncate(self->text, level.start);
        drop_level(self);
        if (level.closed_parent) {
            innermost(self)->tag_open = TRUE;
        }
        return;
    }
    tn_xml_end(self);
}

/* Escapes as libvirt does; what XML 1.0 cannot carry is left out. Inside attributes white space
 * other than the blank is written as a reference, or reading it back would lose it. */
static void
append_escaped(GString *text, const char *value, gboolean in_attribute)
{
    for (const char *c = value; *c != '\0'; c++) {
        switch (*c) {
        case '<':
            g_string_append(text, "&lt;");
            break;
        case '>':
            g_string_append(text, "&gt;");
            break;
        case '&':
            g_string_append(text, "&amp;");
            break;
        case '"':
            g_string_append(text, "&quot;");
            break;
        case '\'':
            g_string_append(text, "&apos;");
            break;
        case '\r':
            g_string_append(text, "&#13;");
            break;
        case '\n':
        case '\t':
            if (in_attribute) {
                g_string_append_printf(text, "&#%d;", *c);
            } else {
                g_string_append_c(text, *c);
            }
            break;
        default:
            if ((guchar) *c >= 0x20) {
                g_string_append_c(text, *c);
            }
            break;
        }
    }
}

void
tn_xml_put_attr(TnXmlWriter *self, const char *name, const char *value)
{
    g_assert(innermost(self)->tag_open);
    if (value == NULL) {
        return;
    }
    g_string_append_printf(self->text, " %s='", name);
    append_escaped(self->text, value, TRUE);
    g_string_append_c(self->text, '\'');
}

void
tn_xml_put_attr_f(TnXmlWriter *self, const char *name, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    tn_xml_put_attr(self, name, value);
}

void
tn_xml_put_text(TnXmlWriter *self, const char *text)
{
    Level *level = innermost(self);

    g_assert(level->tag_open);
    g_string_append_c(self->text, '>');
    append_escaped(self->text, text, FALSE);
    level->tag_open = FALSE;
    level->has_text = TRUE;
}

void
tn_xml_put_text_f(TnXmlWriter *self, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    tn_xml_put_text(self, text);
}

void
tn_xml_put_element(TnXmlWriter *self, const char *name, const char *text)
{
    if (text == NULL) {
        return;
    }
    tn_xml_start(self, name);
    tn_xml_put_text(self, text);
    tn_xml_end(self);
}

void
tn_xml_put_element_f(TnXmlWriter *self, const char *name, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    tn_xml_put_element(self, name, text);
}

void
tn_xml_put_kib(TnXmlWriter *self, const char *name, guint64 kib)
{
    tn_xml_start(self, name);
    tn_xml_put_attr(self, "unit", "KiB");
    tn_xml_put_text_f(self, "%" G_GUINT64_FORMAT, kib);
    tn_xml_end(self);
}

void
tn_xml_put_empty_line(TnXmlWriter *self)
{
    (void) close_tag(self);
    g_string_append_c(self->text, '\n');
}

void
tn_xml_put_raw(TnXmlWriter *self, const char *xml)
{
    (void) close_tag(self);
    indent(self);
    g_string_append(self->text, xml);
    g_string_append_c(self->text, '\n');
}
