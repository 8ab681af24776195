/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<console>`: another name of the first serial port, as it is for every hvm guest. */
#include "xml/device-private.h"

static gboolean
parse_target(TnConsoleDevice *self, xmlNodePtr target, GError **error)
{
    g_autofree char *type = tn_xml_attr(target, "type");
    int value = 0;

    if (type != NULL && tn_enum_from_string(&tn_console_target_table, type) < 0 &&
        !tn_enum_is_refused(&tn_console_target_table, type)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unknown target type '%s' specified for character device", type);
        return FALSE;
    }
    return tn_xml_attr_enum(target, "type", &tn_console_target_table, TN_XML_ATTR_OPTIONAL,
                            &value, error) &&
           tn_chardev_parse_port(target, &self->port, error);
}

static gboolean
console_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnConsoleDevice *self = (TnConsoleDevice *) device;
    g_autofree char *tty = tn_xml_attr(node, "tty");
    xmlNodePtr target;

    self->port = -1;
    if (!tn_chardev_parse(&self->source, node, flags, error)) {
        return FALSE;
    }
    if (tty != NULL && self->source.type == TN_CHARDEV_PTY && self->source.path == NULL &&
        (flags & TN_XML_PARSE_INACTIVE) == 0) {
        self->source.path = g_steal_pointer(&tty);
    }
    target = tn_xml_child(node, "target");
    return target == NULL || parse_target(self, target, error);
}

static void
console_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    const TnConsoleDevice *self = (const TnConsoleDevice *) device;

    tn_chardev_put_type(&self->source, writer);
    if (self->source.type == TN_CHARDEV_PTY && tn_chardev_shows_path(&self->source, flags)) {
        tn_xml_put_attr(writer, "tty", self->source.path);
    }
    tn_chardev_format(&self->source, writer, flags);
    tn_xml_start(writer, "target");
    tn_xml_put_attr(writer, "type", "serial");
    if (self->port >= 0) {
        tn_xml_put_attr_f(writer, "port", "%d", self->port);
    }
    tn_xml_end(writer);
}

static gboolean
console_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnConsoleDevice *self = (const TnConsoleDevice *) device;

    if (!self->twin) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Only the first console can be a serial port");
        return FALSE;
    }
    return tn_chardev_validate(&self->source, error);
}

static void
console_own(TnDevice *device)
{
    TnConsoleDevice *self = (TnConsoleDevice *) device;

    self->source.path = g_strdup(self->source.path);
}

static void
console_clear(TnDevice *device)
{
    TnConsoleDevice *self = (TnConsoleDevice *) device;

    g_free(self->source.path);
}

/* The twin bears the alias of the port that it stands for. */
static char *
console_alias(const TnDomainDef *def, const TnDevice *device)
{
    if (tn_domain_def_n_devices(def, TN_DEVICE_SERIAL) == 0) {
        return NULL;
    }
    return g_strdup(tn_domain_def_serial(def, 0)->base.info.alias);
}

const TnDeviceOps tn_console_ops = {
    .size = sizeof(TnConsoleDevice),
    .parse = console_parse,
    .format = console_format,
    .validate = console_validate,
    .own = console_own,
    .clear = console_clear,
    .alias = console_alias,
};
