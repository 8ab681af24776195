/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<hostdev mode='subsystem' type='pci'>`: a PCI device of the host, driven by the guest. */
#include "xml/device-private.h"

#define ALIAS "hostdev"

static gboolean
parse_source(TnHostdevDevice *self, xmlNodePtr node, GError **error)
{
    xmlNodePtr source = tn_xml_child(node, "source");
    xmlNodePtr address = source != NULL ? tn_xml_child(source, "address") : NULL;
    const TnPciAddress none = { 0 };

    if (source == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Missing <source> element in hostdev device");
        return FALSE;
    }
    if (address == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Missing <address> element in the source of hostdev device");
        return FALSE;
    }
    if (!tn_pci_address_parse(&self->source, address, error)) {
        return FALSE;
    }
    if (tn_pci_address_equal(&self->source, &none)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Invalid PCI address 0000:00:00, at least one "
                         "of domain, bus, or slot must be > 0");
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_kind(TnHostdevDevice *self, xmlNodePtr node, GError **error)
{
    g_autofree char *mode = tn_xml_attr(node, "mode");
    g_autofree char *type = tn_xml_attr(node, "type");
    TnTristate managed = TN_TRISTATE_ABSENT;
    int value = 0;

    if (mode != NULL && tn_enum_from_string(&tn_hostdev_mode_table, mode) < 0 &&
        !tn_enum_is_refused(&tn_hostdev_mode_table, mode)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unknown hostdev mode '%s'", mode);
        return FALSE;
    }
    if (type == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "missing source address type");
        return FALSE;
    }
    if (tn_enum_from_string(&tn_hostdev_type_table, type) < 0 &&
        !tn_enum_is_refused(&tn_hostdev_type_table, type)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "unknown host device source address type '%s'", type);
        return FALSE;
    }
    if (!tn_xml_attr_enum(node, "mode", &tn_hostdev_mode_table, TN_XML_ATTR_OPTIONAL, &value,
                          error) ||
        !tn_xml_attr_enum(node, "type", &tn_hostdev_type_table, TN_XML_ATTR_REQUIRED, &value,
                          error) ||
        !tn_xml_attr_tristate(node, "managed", &tn_tristate_yes_no_table, &managed, error)) {
        return FALSE;
    }
    self->managed = managed == TN_TRISTATE_YES;
    return TRUE;
}

static gboolean
parse_rom(TnHostdevDevice *self, xmlNodePtr rom, GError **error)
{
    if (!tn_xml_attr_tristate(rom, "enabled", &tn_tristate_yes_no_table, &self->rom_enabled,
                              error) ||
        !tn_xml_attr_tristate(rom, "bar", &tn_tristate_on_off_table, &self->rom_bar, error)) {
        return FALSE;
    }
    self->rom_file = tn_xml_attr(rom, "file");
    return TRUE;
}

static gboolean
hostdev_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnHostdevDevice *self = (TnHostdevDevice *) device;
    xmlNodePtr driver = tn_xml_child(node, "driver");
    xmlNodePtr boot = tn_xml_child(node, "boot");
    xmlNodePtr rom = tn_xml_child(node, "rom");
    int name = TN_HOSTDEV_DRIVER_DEFAULT;

    if (!parse_kind(self, node, error) || !parse_source(self, node, error)) {
        return FALSE;
    }
    if (driver != NULL && !tn_xml_attr_enum(driver, "name", &tn_hostdev_driver_table,
                                            TN_XML_ATTR_OPTIONAL, &name, error)) {
        return FALSE;
    }
    self->driver = (TnHostdevDriver) name;
    if (boot != NULL &&
        !tn_xml_attr_uint(boot, "order", TN_XML_ATTR_REQUIRED | TN_XML_ATTR_NONZERO, G_MAXINT,
                          &self->boot_order, error)) {
        return FALSE;
    }
    return rom == NULL || parse_rom(self, rom, error);
}

static void
hostdev_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    const TnHostdevDevice *self = (const TnHostdevDevice *) device;

    tn_xml_put_attr(writer, "mode", "subsystem");
    tn_xml_put_attr(writer, "type", "pci");
    tn_xml_put_attr(writer, "managed", self->managed ? "yes" : "no");
    tn_xml_start(writer, "driver");
    tn_xml_put_attr(writer, "name", tn_enum_to_string(&tn_hostdev_driver_table,
                                                      (int) self->driver));
    tn_xml_end_unless_empty(writer);
    tn_xml_start(writer, "source");
    tn_xml_start(writer, "address");
    tn_pci_address_put(&self->source, writer);
    tn_xml_end(writer);
    tn_xml_end(writer);
    if (self->boot_order != 0) {
        tn_xml_start(writer, "boot");
        tn_xml_put_attr_f(writer, "order", "%u", self->boot_order);
        tn_xml_end(writer);
    }
}

/* After the alias: so libvirt orders it. */
static void
hostdev_format_after_alias(const TnDevice *device, TnXmlWriter *writer)
{
    const TnHostdevDevice *self = (const TnHostdevDevice *) device;

    tn_xml_start(writer, "rom");
    tn_xml_put_attr(writer, "enabled", tn_enum_to_string(&tn_tristate_yes_no_table,
                                                         (int) self->rom_enabled));
    tn_xml_put_attr(writer, "bar", tn_enum_to_string(&tn_tristate_on_off_table,
                                                     (int) self->rom_bar));
    tn_xml_put_attr(writer, "file", self->rom_file);
    tn_xml_end_unless_empty(writer);
}

static gboolean
hostdev_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnHostdevDevice *self = (const TnHostdevDevice *) device;

    if (device->info.address_type != TN_ADDRESS_NONE &&
        device->info.address_type != TN_ADDRESS_PCI) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL,
                         "PCI host devices must use 'pci' or 'unassigned' address type");
        return FALSE;
    }
    if (self->rom_enabled == TN_TRISTATE_NO &&
        (self->rom_bar != TN_TRISTATE_ABSENT || self->rom_file != NULL)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "ROM tuning is not supported when ROM is disabled");
        return FALSE;
    }
    return TRUE;
}

static gboolean
has_source(const TnDomainDef *def, const TnHostdevDevice *device)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV); i++) {
        const TnHostdevDevice *other = tn_domain_def_hostdev(def, i);

        if (other != device && tn_pci_address_equal(&other->source, &device->source)) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
tn_hostdevs_validate(const TnDomainDef *def, GError **error)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV); i++) {
        if (has_source(def, tn_domain_def_hostdev(def, i))) {
            tn_xml_error_set(error, TN_XML_ERROR_XML,
                             "Hostdev already exists in the domain configuration");
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
hostdev_check_insert(const TnDomainDef *def, const TnDevice *device, GError **error)
{
    const TnHostdevDevice *self = (const TnHostdevDevice *) device;
    char source[TN_PCI_ADDRESS_STRING_LEN];

    if (!has_source(def, self)) {
        return TRUE;
    }
    if (def->id < 0) {
        tn_xml_error_set(error, TN_XML_ERROR_OPERATION_INVALID,
                         "device is already in the domain configuration");
    } else {
        tn_pci_address_format(&self->source, source);
        tn_xml_error_set(error, TN_XML_ERROR_OPERATION_INVALID,
                         "PCI device %s is in use by driver QEMU, domain %s", source, def->name);
    }
    return FALSE;
}

static void
hostdev_own(TnDevice *device)
{
    TnHostdevDevice *self = (TnHostdevDevice *) device;

    self->rom_file = g_strdup(self->rom_file);
}

static void
hostdev_clear(TnDevice *device)
{
    TnHostdevDevice *self = (TnHostdevDevice *) device;

    g_free(self->rom_file);
}

/* Which device of the host is behind it is no business of the guest's. */
static gboolean
hostdev_check_abi(const TnDevice *src, const TnDevice *dst, GError **error)
{
    const TnHostdevDevice *a = (const TnHostdevDevice *) src;
    const TnHostdevDevice *b = (const TnHostdevDevice *) dst;

    if (a->rom_bar != b->rom_bar) {
        const char *words[2] = {
            tn_enum_to_string(&tn_tristate_on_off_table, (int) a->rom_bar),
            tn_enum_to_string(&tn_tristate_on_off_table, (int) b->rom_bar),
        };

        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target device rom bar '%s' does not match source '%s'",
                         words[1] != NULL ? words[1] : "default",
                         words[0] != NULL ? words[0] : "default");
        return FALSE;
    }
    return TRUE;
}

static gboolean
hostdev_matches(const TnDevice *device, const TnDevice *like)
{
    return tn_pci_address_equal(&((const TnHostdevDevice *) device)->source,
                                &((const TnHostdevDevice *) like)->source);
}

static char *
hostdev_describe(const TnDevice *like)
{
    char source[TN_PCI_ADDRESS_STRING_LEN];

    tn_pci_address_format(&((const TnHostdevDevice *) like)->source, source);
    return g_strdup_printf("host pci device %s", source);
}

static guint
hostdev_boot_order(const TnDevice *device)
{
    return ((const TnHostdevDevice *) device)->boot_order;
}

/* One above the highest in use: a name that was seen does not come to mean another device soon. */
static char *
hostdev_alias(const TnDomainDef *def, const TnDevice *device)
{
    guint64 next = 0;

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV); i++) {
        const char *alias = tn_domain_def_hostdev(def, i)->base.info.alias;
        guint64 index;

        if (alias != NULL && g_str_has_prefix(alias, ALIAS) &&
            tn_xml_parse_uint64(alias + sizeof(ALIAS) - 1, &index) && index < G_MAXINT) {
            next = MAX(next, index + 1);
        }
    }
    return g_strdup_printf(ALIAS "%" G_GUINT64_FORMAT, next);
}

static gboolean
hostdev_on_pci(const TnDevice *device)
{
    return TRUE;
}

const TnDeviceOps tn_hostdev_ops = {
    .size = sizeof(TnHostdevDevice),
    .parse = hostdev_parse,
    .format = hostdev_format,
    .format_after_alias = hostdev_format_after_alias,
    .validate = hostdev_validate,
    .own = hostdev_own,
    .clear = hostdev_clear,
    .check_abi = hostdev_check_abi,
    .matches = hostdev_matches,
    .describe = hostdev_describe,
    .check_insert = hostdev_check_insert,
    .boot_order = hostdev_boot_order,
    .alias = hostdev_alias,
    .on_pci = hostdev_on_pci,
};
