/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of device kinds, and what is the same for all of them. */
#include "xml/device-private.h"

static const TnDeviceOps *const ops_table[] = {
    [TN_DEVICE_CONTROLLER] = &tn_controller_ops,
    [TN_DEVICE_SERIAL] = &tn_serial_ops,
    [TN_DEVICE_CONSOLE] = &tn_console_ops,
    [TN_DEVICE_AUDIO] = &tn_audio_ops,
    [TN_DEVICE_HOSTDEV] = &tn_hostdev_ops,
    [TN_DEVICE_MEMBALLOON] = &tn_memballoon_ops,
    [TN_DEVICE_MEMORY] = &tn_memory_ops,
};
G_STATIC_ASSERT(G_N_ELEMENTS(ops_table) == TN_DEVICE_LAST);

const TnDeviceOps *
tn_device_ops(TnDeviceKind kind)
{
    return ops_table[kind];
}

const char *
tn_device_kind_name(TnDeviceKind kind)
{
    return tn_enum_to_string(&tn_device_kind_table, (int) kind);
}

TnDevice *
tn_device_new(TnDeviceKind kind)
{
    TnDevice *device = g_malloc0(ops_table[kind]->size);

    device->kind = kind;
    return device;
}

void
tn_device_free(TnDevice *device)
{
    if (device == NULL) {
        return;
    }
    if (ops_table[device->kind]->clear != NULL) {
        ops_table[device->kind]->clear(device);
    }
    g_free(device->info.alias);
    g_free(device);
}

TnDevice *
tn_device_copy(const TnDevice *device)
{
    TnDevice *copy;

    if (device == NULL) {
        return NULL;
    }
    copy = g_memdup2(device, ops_table[device->kind]->size);
    copy->info.alias = g_strdup(device->info.alias);
    if (ops_table[copy->kind]->own != NULL) {
        ops_table[copy->kind]->own(copy);
    }
    return copy;
}

void
tn_device_info_set_alias(TnDeviceInfo *info, const char *alias)
{
    char *copy = g_strdup(alias);

    g_free(info->alias);
    info->alias = copy;
}

TnDevice *
tn_device_parse_node(TnDeviceKind kind, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    g_autoptr(TnDevice) device = tn_device_new(kind);

    tn_xml_mark(node);
    if (!tn_device_info_parse(&device->info, node, flags, error) ||
        !ops_table[kind]->parse(device, node, flags, error)) {
        return NULL;
    }
    return g_steal_pointer(&device);
}

void
tn_device_format_node(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    tn_xml_start(writer, tn_device_kind_name(device->kind));
    ops_table[device->kind]->format(device, writer, flags);
    tn_device_info_format_alias(&device->info, writer, flags);
    if (ops_table[device->kind]->format_after_alias != NULL) {
        ops_table[device->kind]->format_after_alias(device, writer);
    }
    tn_device_info_format_address(&device->info, writer);
    tn_xml_end(writer);
}

gboolean
tn_device_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnDeviceOps *ops = ops_table[device->kind];

    return ops->validate == NULL || ops->validate(device, def, error);
}

char *
tn_domain_device_format(const TnDevice *device, TnXmlFormatFlags flags)
{
    g_autoptr(TnXmlWriter) writer = tn_xml_writer_new();

    tn_device_format_node(device, writer, flags);
    return tn_xml_writer_finish(g_steal_pointer(&writer));
}

static gboolean
find_kind(xmlNodePtr root, TnDeviceKind *ret_kind, GError **error)
{
    const char *name = (const char *) root->name;
    int kind = root->ns == NULL ? tn_enum_from_string(&tn_device_kind_table, name) : -1;

    if (kind >= 0) {
        *ret_kind = (TnDeviceKind) kind;
        return TRUE;
    }
    if (tn_enum_is_refused(&tn_device_kind_table, name)) {
        tn_xml_unsupported(error, root);
    } else {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unknown device type '%s'",
                         name);
    }
    return FALSE;
}

TnDevice *
tn_domain_device_parse(const char *xml, const TnDomainDef *def, const TnXmlParseOptions *options,
                       GError **error)
{
    TnXmlParseFlags flags = options != NULL ? options->flags : TN_XML_PARSE_DEFAULT;
    g_autoptr(xmlDoc) doc = tn_xml_doc_parse(xml, "device_definition", error);
    g_autoptr(TnDevice) device = NULL;
    xmlNodePtr root;
    TnDeviceKind kind;

    if (doc == NULL) {
        return NULL;
    }
    root = xmlDocGetRootElement(doc);
    if (!find_kind(root, &kind, error)) {
        return NULL;
    }
    device = tn_device_parse_node(kind, root, flags, error);
    if (device == NULL || !tn_xml_check_all_read(root, error)) {
        return NULL;
    }
    if ((flags & TN_XML_PARSE_SKIP_VALIDATE) == 0 && !tn_device_validate(device, def, error)) {
        return NULL;
    }
    return g_steal_pointer(&device);
}

gboolean
tn_device_is_on_pci(const TnDevice *device)
{
    const TnDeviceOps *ops = tn_device_ops(device->kind);

    return ops->on_pci != NULL && ops->on_pci(device);
}
