/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every device has: its alias and its address in the guest. */
#include "xml/device-private.h"

#include <string.h>

/* What libvirt accepts in a user's alias; anything else would not survive a command line. */
#define ALIAS_CHARACTERS                                                                          \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
/* Bytes of an alias: it becomes an object id of the monitor. */
#define ALIAS_MAX 128

gboolean
tn_device_info_is_user_alias(const char *alias)
{
    return alias != NULL && g_str_has_prefix(alias, "ua-") &&
           strspn(alias, ALIAS_CHARACTERS) == strlen(alias) && strlen(alias) <= ALIAS_MAX;
}

/* A live document (the daemon's own state) brings the aliases that the daemon gave. */
static gboolean
is_known_alias(const char *alias)
{
    gsize length = strlen(alias);

    return length > 0 && length <= ALIAS_MAX && strspn(alias, ALIAS_CHARACTERS ".") == length;
}

static void
parse_alias(TnDeviceInfo *info, xmlNodePtr node, TnXmlParseFlags flags)
{
    xmlNodePtr alias = tn_xml_child(node, "alias");
    g_autofree char *name = NULL;

    if (alias == NULL) {
        return;
    }
    name = tn_xml_attr(alias, "name");
    if (name == NULL) {
        return;
    }
    if (tn_device_info_is_user_alias(name) ||
        ((flags & TN_XML_PARSE_INACTIVE) == 0 && is_known_alias(name))) {
        info->alias = g_steal_pointer(&name);
    }
}

gboolean
tn_pci_address_parse(TnPciAddress *pci, xmlNodePtr node, GError **error)
{
    return tn_xml_attr_uint(node, "domain", TN_XML_ATTR_OPTIONAL, 0xffff, &pci->domain, error) &&
           tn_xml_attr_uint(node, "bus", TN_XML_ATTR_OPTIONAL, 0xff, &pci->bus, error) &&
           tn_xml_attr_uint(node, "slot", TN_XML_ATTR_OPTIONAL, 0x1f, &pci->slot, error) &&
           tn_xml_attr_uint(node, "function", TN_XML_ATTR_OPTIONAL, 7, &pci->function, error) &&
           tn_xml_attr_tristate(node, "multifunction", &tn_tristate_on_off_table,
                                &pci->multifunction, error);
}

static gboolean
parse_isa(TnIsaAddress *isa, xmlNodePtr node, GError **error)
{
    return tn_xml_attr_uint(node, "iobase", TN_XML_ATTR_OPTIONAL, 0xffff, &isa->iobase, error) &&
           tn_xml_attr_uint(node, "irq", TN_XML_ATTR_OPTIONAL, 0xf, &isa->irq, error);
}

static gboolean
parse_dimm(TnDimmAddress *dimm, xmlNodePtr node, GError **error)
{
    return tn_xml_attr_int(node, "slot", TN_XML_ATTR_REQUIRED, &dimm->slot, error) &&
           tn_xml_attr_uint64(node, "base", TN_XML_ATTR_OPTIONAL, G_MAXUINT64, &dimm->base, error);
}

static gboolean
parse_address(TnDeviceInfo *info, xmlNodePtr node, GError **error)
{
    xmlNodePtr address = tn_xml_child(node, "address");
    g_autofree char *type = NULL;
    int value = TN_ADDRESS_NONE;

    if (address == NULL) {
        return TRUE;
    }
    type = tn_xml_attr(address, "type");
    if (type == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "No type specified for device address");
        return FALSE;
    }
    if (tn_enum_from_string(&tn_address_type_table, type) < 0 &&
        !tn_enum_is_refused(&tn_address_type_table, type)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unknown address type '%s'",
                         type);
        return FALSE;
    }
    if (!tn_xml_attr_enum(address, "type", &tn_address_type_table, TN_XML_ATTR_REQUIRED, &value,
                          error)) {
        return FALSE;
    }
    info->address_type = (TnAddressType) value;
    switch (info->address_type) {
    case TN_ADDRESS_PCI:
        return tn_pci_address_parse(&info->address.pci, address, error);
    case TN_ADDRESS_ISA:
        return parse_isa(&info->address.isa, address, error);
    case TN_ADDRESS_DIMM:
        return parse_dimm(&info->address.dimm, address, error);
    case TN_ADDRESS_NONE:
    case TN_ADDRESS_LAST:
        break;
    }
    return TRUE;
}

gboolean
tn_device_info_parse(TnDeviceInfo *info, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    parse_alias(info, node, flags);
    return parse_address(info, node, error);
}

void
tn_pci_address_put(const TnPciAddress *pci, TnXmlWriter *writer)
{
    tn_xml_put_attr_f(writer, "domain", "0x%04x", pci->domain);
    tn_xml_put_attr_f(writer, "bus", "0x%02x", pci->bus);
    tn_xml_put_attr_f(writer, "slot", "0x%02x", pci->slot);
    tn_xml_put_attr_f(writer, "function", "0x%x", pci->function);
    tn_xml_put_attr(writer, "multifunction",
                    tn_enum_to_string(&tn_tristate_on_off_table, (int) pci->multifunction));
}

static void
format_isa(const TnIsaAddress *isa, TnXmlWriter *writer)
{
    if (isa->iobase != 0) {
        tn_xml_put_attr_f(writer, "iobase", "0x%x", isa->iobase);
    }
    if (isa->irq != 0) {
        tn_xml_put_attr_f(writer, "irq", "0x%x", isa->irq);
    }
}

static void
format_dimm(const TnDimmAddress *dimm, TnXmlWriter *writer)
{
    tn_xml_put_attr_f(writer, "slot", "%d", dimm->slot);
    if (dimm->base != 0) {
        tn_xml_put_attr_f(writer, "base", "0x%" G_GINT64_MODIFIER "x", dimm->base);
    }
}

void
tn_device_info_format_alias(const TnDeviceInfo *info, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    gboolean is_given = (flags & TN_XML_FORMAT_MIGRATABLE) == 0 ||
                        tn_device_info_is_user_alias(info->alias);

    if (info->alias != NULL && is_given) {
        tn_xml_start(writer, "alias");
        tn_xml_put_attr(writer, "name", info->alias);
        tn_xml_end(writer);
    }
}

void
tn_device_info_format_address(const TnDeviceInfo *info, TnXmlWriter *writer)
{
    if (info->address_type == TN_ADDRESS_NONE ||
        (info->address_type == TN_ADDRESS_DIMM && info->address.dimm.slot < 0)) {
        return;
    }
    tn_xml_start(writer, "address");
    tn_xml_put_attr(writer, "type",
                    tn_enum_to_string(&tn_address_type_table, (int) info->address_type));
    switch (info->address_type) {
    case TN_ADDRESS_PCI:
        tn_pci_address_put(&info->address.pci, writer);
        break;
    case TN_ADDRESS_ISA:
        format_isa(&info->address.isa, writer);
        break;
    case TN_ADDRESS_DIMM:
        format_dimm(&info->address.dimm, writer);
        break;
    case TN_ADDRESS_NONE:
    case TN_ADDRESS_LAST:
        break;
    }
    tn_xml_end(writer);
}

static gboolean
same_address(const TnDeviceInfo *a, const TnDeviceInfo *b, gboolean as_far_as_given)
{
    switch (a->address_type) {
    case TN_ADDRESS_PCI:
        return a->address.pci.domain == b->address.pci.domain &&
               a->address.pci.bus == b->address.pci.bus &&
               a->address.pci.slot == b->address.pci.slot &&
               a->address.pci.function == b->address.pci.function;
    case TN_ADDRESS_ISA:
        return a->address.isa.iobase == b->address.isa.iobase &&
               a->address.isa.irq == b->address.isa.irq;
    case TN_ADDRESS_DIMM:
        if (a->address.dimm.slot != b->address.dimm.slot) {
            return FALSE;
        }
        return a->address.dimm.base == b->address.dimm.base ||
               (as_far_as_given && b->address.dimm.base == 0);
    case TN_ADDRESS_NONE:
    case TN_ADDRESS_LAST:
        break;
    }
    return TRUE;
}

gboolean
tn_device_info_matches(const TnDeviceInfo *info, const TnDeviceInfo *like)
{
    if (like->alias != NULL && g_strcmp0(info->alias, like->alias) != 0) {
        return FALSE;
    }
    if (like->address_type == TN_ADDRESS_NONE) {
        return TRUE;
    }
    return info->address_type == like->address_type && same_address(info, like, TRUE);
}

gboolean
tn_device_info_check_abi(const TnDeviceInfo *src, const TnDeviceInfo *dst, GError **error)
{
    const char *src_type = tn_enum_to_string(&tn_address_type_table, (int) src->address_type);
    const char *dst_type = tn_enum_to_string(&tn_address_type_table, (int) dst->address_type);

    if (src->address_type != dst->address_type) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target device address type %s does not match source %s",
                         dst_type != NULL ? dst_type : "none",
                         src_type != NULL ? src_type : "none");
        return FALSE;
    }
    if (!same_address(src, dst, FALSE)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target device %s address does not match source", src_type);
        return FALSE;
    }
    return TRUE;
}
