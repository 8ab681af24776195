/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host end of serial ports and consoles: type attribute and `<source>`. */
#include "xml/device-private.h"

#include <string.h>

/* sun_path of a unix socket, with its final NUL (unix(7)). */
#define UNIX_PATH_MAX 108

static gboolean
parse_type(TnChardevSource *source, xmlNodePtr node, GError **error)
{
    g_autofree char *text = tn_xml_attr(node, "type");
    int value = TN_CHARDEV_PTY;

    if (text != NULL && tn_enum_from_string(&tn_chardev_type_table, text) < 0 &&
        !tn_enum_is_refused(&tn_chardev_type_table, text)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unknown type presented to host for character device: %s", text);
        return FALSE;
    }
    if (!tn_xml_attr_enum(node, "type", &tn_chardev_type_table, TN_XML_ATTR_OPTIONAL, &value,
                          error)) {
        return FALSE;
    }
    source->type = (TnChardevType) value;
    return TRUE;
}

static gboolean
parse_source(TnChardevSource *source, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    int mode = 0;

    switch (source->type) {
    case TN_CHARDEV_NULL:
    case TN_CHARDEV_STDIO:
        return TRUE;
    case TN_CHARDEV_PTY:
        source->path = tn_xml_attr(node, "path");
        if ((flags & TN_XML_PARSE_INACTIVE) != 0) {
            g_clear_pointer(&source->path, g_free);
        }
        return TRUE;
    case TN_CHARDEV_FILE:
        source->path = tn_xml_attr(node, "path");
        return tn_xml_attr_tristate(node, "append", &tn_tristate_on_off_table, &source->append,
                                    error);
    case TN_CHARDEV_UNIX:
        source->path = tn_xml_attr(node, "path");
        if (!tn_xml_attr_enum(node, "mode", &tn_unix_mode_table, TN_XML_ATTR_OPTIONAL, &mode,
                              error)) {
            return FALSE;
        }
        source->listen = mode == 1;
        return TRUE;
    case TN_CHARDEV_LAST:
        break;
    }
    return TRUE;
}

gboolean
tn_chardev_parse(TnChardevSource *source, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    xmlNodePtr child;

    if (!parse_type(source, node, error)) {
        return FALSE;
    }
    child = tn_xml_child(node, "source");
    return child == NULL || parse_source(source, child, flags, error);
}

void
tn_chardev_put_type(const TnChardevSource *source, TnXmlWriter *writer)
{
    tn_xml_put_attr(writer, "type", tn_enum_to_string(&tn_chardev_type_table, (int) source->type));
}

gboolean
tn_chardev_shows_path(const TnChardevSource *source, TnXmlFormatFlags flags)
{
    if (source->path == NULL) {
        return FALSE;
    }
    return source->type != TN_CHARDEV_PTY ||
           (flags & (TN_XML_FORMAT_INACTIVE | TN_XML_FORMAT_MIGRATABLE)) == 0;
}

void
tn_chardev_format(const TnChardevSource *source, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    if (!tn_chardev_shows_path(source, flags)) {
        return;
    }
    tn_xml_start(writer, "source");
    if (source->type == TN_CHARDEV_UNIX) {
        tn_xml_put_attr(writer, "mode", source->listen ? "bind" : "connect");
    }
    tn_xml_put_attr(writer, "path", source->path);
    if (source->type == TN_CHARDEV_FILE) {
        tn_xml_put_attr(writer, "append",
                        tn_enum_to_string(&tn_tristate_on_off_table, (int) source->append));
    }
    tn_xml_end(writer);
}

gboolean
tn_chardev_validate(const TnChardevSource *source, GError **error)
{
    gboolean needs_path = source->type == TN_CHARDEV_FILE || source->type == TN_CHARDEV_UNIX;

    if (needs_path && (source->path == NULL || source->path[0] == '\0')) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL,
                         "Missing source path attribute for char device");
        return FALSE;
    }
    if (source->type == TN_CHARDEV_UNIX && strlen(source->path) >= UNIX_PATH_MAX) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "socket path '%s' of char device is longer than %d bytes", source->path,
                         UNIX_PATH_MAX - 1);
        return FALSE;
    }
    return TRUE;
}

void
tn_chardev_assign(TnChardevSource *dst, const TnChardevSource *src)
{
    char *path = g_strdup(src->path);

    g_free(dst->path);
    *dst = *src;
    dst->path = path;
}

gboolean
tn_chardev_equal(const TnChardevSource *a, const TnChardevSource *b)
{
    if (a->type != b->type) {
        return FALSE;
    }
    switch (a->type) {
    case TN_CHARDEV_NULL:
    case TN_CHARDEV_PTY:
    case TN_CHARDEV_STDIO:
        return TRUE;
    case TN_CHARDEV_FILE:
        return g_strcmp0(a->path, b->path) == 0 && a->append == b->append;
    case TN_CHARDEV_UNIX:
        return g_strcmp0(a->path, b->path) == 0 && a->listen == b->listen;
    case TN_CHARDEV_LAST:
        break;
    }
    return FALSE;
}

gboolean
tn_chardev_parse_port(xmlNodePtr target, int *ret_port, GError **error)
{
    g_autofree char *text = tn_xml_attr(target, "port");
    guint64 port;

    if (text == NULL) {
        *ret_port = -1;
        return TRUE;
    }
    if (!tn_xml_parse_uint64(text, &port) || port > G_MAXINT) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Invalid port number: %s", text);
        return FALSE;
    }
    *ret_port = (int) port;
    return TRUE;
}
