/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<memory model='dimm'>`: memory that can be plugged, an ACPI PNP0C80 device for the guest. */
#include "xml/device-private.h"

#include "xml/units.h"

static gboolean
parse_source(TnMemoryDevice *self, xmlNodePtr source, GError **error)
{
    g_autofree char *nodes = tn_xml_child_text(source, "nodemask");

    if (nodes != NULL) {
        self->source_nodes = tn_bitmap_parse(nodes);
        if (self->source_nodes == NULL) {
            tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "Failed to parse bitmap '%s'",
                             nodes);
            return FALSE;
        }
    }
    return tn_xml_child_kib(source, "pagesize", FALSE, &self->pagesize_kib, error);
}

static gboolean
parse_target(TnMemoryDevice *self, xmlNodePtr target, GError **error)
{
    g_autofree char *node = NULL;
    guint64 value;

    if (!tn_xml_child_kib(target, "size", TRUE, &self->size_kib, error)) {
        return FALSE;
    }
    node = tn_xml_child_text(target, "node");
    if (node == NULL) {
        return TRUE;
    }
    if (!tn_xml_parse_uint64(g_strstrip(node), &value) || value > G_MAXINT) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "invalid value of memory device node");
        return FALSE;
    }
    self->target_node = (int) value;
    return TRUE;
}

static gboolean
memory_parse(TnDevice *device, xmlNodePtr node, TnXmlParseFlags flags, GError **error)
{
    TnMemoryDevice *self = (TnMemoryDevice *) device;
    xmlNodePtr source;
    xmlNodePtr target;
    int model = 0;
    int access = TN_MEMORY_ACCESS_DEFAULT;

    self->target_node = -1;
    if (!tn_xml_attr_enum(node, "model", &tn_memory_model_table, TN_XML_ATTR_REQUIRED, &model,
                          error) ||
        !tn_xml_attr_enum(node, "access", &tn_memory_access_table, TN_XML_ATTR_OPTIONAL, &access,
                          error) ||
        !tn_xml_attr_tristate(node, "discard", &tn_tristate_yes_no_table, &self->discard, error)) {
        return FALSE;
    }
    self->access = (TnMemoryAccess) access;
    source = tn_xml_child(node, "source");
    if (source != NULL && !parse_source(self, source, error)) {
        return FALSE;
    }
    target = tn_xml_child(node, "target");
    if (target == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "missing <target> element for <memory> device");
        return FALSE;
    }
    return parse_target(self, target, error);
}

static void
memory_format(const TnDevice *device, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    const TnMemoryDevice *self = (const TnMemoryDevice *) device;
    g_autofree char *nodes = NULL;

    tn_xml_put_attr(writer, "model", "dimm");
    tn_xml_put_attr(writer, "access",
                    tn_enum_to_string(&tn_memory_access_table, (int) self->access));
    tn_xml_put_attr(writer, "discard",
                    tn_enum_to_string(&tn_tristate_yes_no_table, (int) self->discard));
    tn_xml_start(writer, "source");
    if (self->source_nodes != NULL) {
        nodes = tn_bitmap_format(self->source_nodes);
        tn_xml_put_element(writer, "nodemask", nodes);
    }
    if (self->pagesize_kib != 0) {
        tn_xml_put_kib(writer, "pagesize", self->pagesize_kib);
    }
    tn_xml_end_unless_empty(writer);
    tn_xml_start(writer, "target");
    tn_xml_put_kib(writer, "size", self->size_kib);
    if (self->target_node >= 0) {
        tn_xml_put_element_f(writer, "node", "%d", self->target_node);
    }
    tn_xml_end(writer);
}

static gboolean
validate_node(const TnMemoryDevice *self, const TnDomainDef *def, GError **error)
{
    guint n_nodes = def->cpu.cells->len;

    if (self->target_node < 0 && n_nodes > 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "target NUMA node needs to be specified for memory device");
        return FALSE;
    }
    /* Without cells the machine has one node all the same: 0. */
    if (self->target_node >= (int) MAX(n_nodes, 1)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML_DETAIL,
                         "can't add memory backend for guest node '%d' as the guest has only '%u' "
                         "NUMA nodes configured", self->target_node, MAX(n_nodes, 1));
        return FALSE;
    }
    return TRUE;
}

static gboolean
memory_validate(const TnDevice *device, const TnDomainDef *def, GError **error)
{
    const TnMemoryDevice *self = (const TnMemoryDevice *) device;
    const TnDeviceInfo *info = &device->info;

    if (self->size_kib == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "memory device size must not be zero");
        return FALSE;
    }
    if (def->memory.max_kib == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "cannot use/hotplug a memory device when domain 'maxMemory' is not "
                         "defined");
        return FALSE;
    }
    if (info->address_type == TN_ADDRESS_NONE) {
        return validate_node(self, def, error);
    }
    if (info->address_type != TN_ADDRESS_DIMM) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "only 'dimm' addresses are supported for the dimm memory device");
        return FALSE;
    }
    if (info->address.dimm.slot >= (int) def->memory.slots) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "memory device slot '%d' exceeds slots count '%u'",
                         info->address.dimm.slot, def->memory.slots);
        return FALSE;
    }
    return validate_node(self, def, error);
}

static void
memory_own(TnDevice *device)
{
    TnMemoryDevice *self = (TnMemoryDevice *) device;

    self->source_nodes = tn_bitmap_copy(self->source_nodes);
}

static void
memory_clear(TnDevice *device)
{
    TnMemoryDevice *self = (TnMemoryDevice *) device;

    tn_bitmap_free(self->source_nodes);
}

static gboolean
memory_check_abi(const TnDevice *src, const TnDevice *dst, GError **error)
{
    const TnMemoryDevice *a = (const TnMemoryDevice *) src;
    const TnMemoryDevice *b = (const TnMemoryDevice *) dst;

    if (a->target_node != b->target_node) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target memory device targetNode '%d' doesn't match source targetNode "
                         "'%d'", b->target_node, a->target_node);
        return FALSE;
    }
    if (a->size_kib != b->size_kib) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Target memory device size '%" G_GUINT64_FORMAT "' doesn't match source "
                         "memory device size '%" G_GUINT64_FORMAT "'", b->size_kib, a->size_kib);
        return FALSE;
    }
    return TRUE;
}

static gboolean
memory_matches(const TnDevice *device, const TnDevice *like)
{
    const TnMemoryDevice *self = (const TnMemoryDevice *) device;
    const TnMemoryDevice *other = (const TnMemoryDevice *) like;

    return self->size_kib == other->size_kib && self->access == other->access &&
           (other->target_node < 0 || self->target_node == other->target_node) &&
           self->pagesize_kib == other->pagesize_kib &&
           tn_bitmap_equal(self->source_nodes, other->source_nodes);
}

/* The slot numbers the DIMMs; one that has none yet comes after all that are there. */
static char *
memory_alias(const TnDomainDef *def, const TnDevice *device)
{
    int number = 0;

    if (device->info.address_type == TN_ADDRESS_DIMM && device->info.address.dimm.slot >= 0) {
        return g_strdup_printf("dimm%d", device->info.address.dimm.slot);
    }
    while (TRUE) {
        g_autofree char *alias = g_strdup_printf("dimm%d", number++);

        if (tn_domain_def_find_alias(def, alias) == NULL) {
            return g_steal_pointer(&alias);
        }
    }
}

const TnDeviceOps tn_memory_ops = {
    .size = sizeof(TnMemoryDevice),
    .parse = memory_parse,
    .format = memory_format,
    .validate = memory_validate,
    .own = memory_own,
    .clear = memory_clear,
    .check_abi = memory_check_abi,
    .matches = memory_matches,
    .alias = memory_alias,
};
