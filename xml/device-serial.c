/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<serial>`: a 16550A at one of the four ISA places. */
#include "xml/device-private.h"

/* COM1 .. COM4 of a PC; a port of another number or place does not exist. */
#define N_PORTS 4

static const TnIsaAddress isa_places[N_PORTS] = {
    { .iobase = 0x3f8, .irq = 4 },
    { .iobase = 0x2f8, .irq = 3 },
    { .iobase = 0x3e8, .irq = 4 },
    { .iobase = 0x2e8, .irq = 3 },
};

static gboolean
parse_model(xmlNodePtr target, GError **error)
{
    xmlNodePtr model = tn_xml_child(target, "model");
    g_autofree char *name = NULL;
    int value = 0;

    if (model == NULL) {
        return TRUE;
    }
    name = tn_xml_attr(model, "name");
    if (name != NULL && tn_enum_from_string(&tn_serial_model_table, name) < 0 &&
        !tn_enum_is_refused(&tn_serial_model_table, name)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unknown target model '%s' specified for character device", name);
        return FALSE;
    }
    return tn_xml_attr_enum(model, "name", &tn_serial_model_table, TN_XML_ATTR_OPTIONAL, &value,
                            error);
}

static gboolean
parse_target(TnSerialDevice *self, xmlNodePtr target, GError **error)
{
    g_autofree char *type = tn_xml_attr(target, "type");
    int value = 0;

    if (type != NULL && tn_enum_from_string(&tn_serial_target_table, type) < 0 &&
        !tn_enum_is_refused(&tn_serial_target_table, type)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unknown target type '%s' specified for character device", type);
        return FALSE;
    }
    return tn_xml_attr_enum(target, "type", &tn_serial_target_table, TN_XML_ATTR_OPTIONAL, &value,
                            error) &&
           tn_chardev_parse_port(target, &self->port, error) && parse_model(target, error);
}

static gboolean
serial_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnSerialDevice *self = (TnSerialDevice *) device;
    xmlNodePtr target;

    self->port = -1;
    if (!tn_chardev_parse(&self->source, node, flags, error)) {
        return FALSE;
    }
    target = tn_xml_child(node, "target");
    return target == NULL || parse_target(self, target, error);
}

static void
serial_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    const TnSerialDevice *self = (const TnSerialDevice *) device;

    tn_chardev_put_type(&self->source, writer);
    tn_chardev_format(&self->source, writer, flags);
    tn_xml_start(writer, "target");
    tn_xml_put_attr(writer, "type", "isa-serial");
    if (self->port >= 0) {
        tn_xml_put_attr_f(writer, "port", "%d", self->port);
    }
    tn_xml_start(writer, "model");
    tn_xml_put_attr(writer, "name", "isa-serial");
    tn_xml_end(writer);
    tn_xml_end(writer);
}

static gboolean
validate_address(const TnSerialDevice *self, GError **error)
{
    const TnDeviceInfo *info = &self->base.info;
    const TnIsaAddress *place;

    if (info->address_type == TN_ADDRESS_NONE) {
        return TRUE;
    }
    if (info->address_type != TN_ADDRESS_ISA) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target type 'isa-serial' requires address type 'isa'");
        return FALSE;
    }
    place = &isa_places[self->port];
    if ((info->address.isa.iobase != 0 && info->address.isa.iobase != place->iobase) ||
        (info->address.isa.irq != 0 && info->address.isa.irq != place->irq)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "isa address 0x%x irq 0x%x of serial port %d is not supported: it is at "
                         "0x%x irq 0x%x", info->address.isa.iobase, info->address.isa.irq,
                         self->port, place->iobase, place->irq);
        return FALSE;
    }
    return TRUE;
}

static gboolean
serial_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnSerialDevice *self = (const TnSerialDevice *) device;

    if (!tn_chardev_validate(&self->source, error)) {
        return FALSE;
    }
    if (self->port < 0) {
        return TRUE;
    }
    if (self->port >= N_PORTS) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "serial port %d exceeds the %d ports of the machine", self->port,
                         N_PORTS);
        return FALSE;
    }
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_SERIAL); i++) {
        const TnSerialDevice *other = tn_domain_def_serial(def, i);

        if (other != self && other->port == self->port) {
            tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                             "serial port '%d' is already being used by another serial device",
                             self->port);
            return FALSE;
        }
    }
    return validate_address(self, error);
}

static void
serial_own(TnDevice *device)
{
    TnSerialDevice *self = (TnSerialDevice *) device;

    self->source.path = g_strdup(self->source.path);
}

static void
serial_clear(TnDevice *device)
{
    TnSerialDevice *self = (TnSerialDevice *) device;

    g_free(self->source.path);
}

static gboolean
serial_check_abi(const TnDevice *src, const TnDevice *dst, GError **error)
{
    int src_port = ((const TnSerialDevice *) src)->port;
    int dst_port = ((const TnSerialDevice *) dst)->port;

    if (src_port != dst_port) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target serial port %d does not match source %d", dst_port, src_port);
        return FALSE;
    }
    return TRUE;
}

static gboolean
serial_matches(const TnDevice *device, const TnDevice *like)
{
    const TnSerialDevice *self = (const TnSerialDevice *) device;
    const TnSerialDevice *other = (const TnSerialDevice *) like;

    return (other->port < 0 || other->port == self->port) &&
           tn_chardev_equal(&self->source, &other->source);
}

static char *
serial_alias(const TnDomainDef *def, const TnDevice *device)
{
    return g_strdup_printf("serial%d", ((const TnSerialDevice *) device)->port);
}

const TnDeviceOps tn_serial_ops = {
    .size = sizeof(TnSerialDevice),
    .parse = serial_parse,
    .format = serial_format,
    .validate = serial_validate,
    .own = serial_own,
    .clear = serial_clear,
    .check_abi = serial_check_abi,
    .matches = serial_matches,
    .alias = serial_alias,
};
