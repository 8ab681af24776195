/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<domain>` from text: the parts that have no file of their own, and the order of the pipeline. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

#include <string.h>

/* Devices of one kind; all of a machine's slots and ports together are fewer. */
#define MAX_DEVICES 1024

static gboolean
parse_type(TnDomainDef *def, xmlNodePtr root, const TnXmlHost *host, GError **error)
{
    g_autofree char *type = tn_xml_attr(root, "type");
    int value;

    if (type == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "missing domain type attribute");
        return FALSE;
    }
    value = tn_enum_from_string(&tn_virt_type_table, type);
    if (value >= 0) {
        def->virt_type = (TnVirtType) value;
        return TRUE;
    }
    if (tn_enum_is_refused(&tn_virt_type_table, type)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "Emulator '%s' does not support virt type '%s'",
                         host != NULL && host->emulator != NULL ? host->emulator : "tenon-vmm",
                         type);
    } else {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "invalid domain type %s", type);
    }
    return FALSE;
}

static gboolean
parse_id(TnDomainDef *def, xmlNodePtr root, TnXmlParseFlags flags)
{
    g_autofree char *text = tn_xml_attr(root, "id");
    guint64 id;

    if (text != NULL && (flags & TN_XML_PARSE_INACTIVE) == 0 && tn_xml_parse_uint64(text, &id) &&
        id <= G_MAXINT) {
        def->id = (int) id;
    }
    return TRUE;
}

static gboolean
parse_names(TnDomainDef *def, xmlNodePtr root, GError **error)
{
    g_autofree char *uuid = NULL;

    def->name = tn_xml_child_text(root, "name");
    if (def->name == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_NO_NAME, "%s", "");
        return FALSE;
    }
    uuid = tn_xml_child_text(root, "uuid");
    if (uuid != NULL) {
        if (!tn_uuid_parse(uuid, def->uuid)) {
            tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "malformed uuid element");
            return FALSE;
        }
        def->has_uuid = TRUE;
    }
    def->title = tn_xml_child_text(root, "title");
    if (def->title != NULL && strchr(def->title, '\n') != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Domain title can't contain newlines");
        return FALSE;
    }
    def->description = tn_xml_child_text(root, "description");
    return TRUE;
}

static gboolean
parse_vcpu_count(const char *text, const char *what, guint *ret_count, GError **error)
{
    guint64 count;

    if (!tn_xml_parse_uint64(text, &count) || count > G_MAXUINT16) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "%s vcpus count must be an integer", what);
        return FALSE;
    }
    if (count == 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "%s vcpus count must not be zero", what);
        return FALSE;
    }
    *ret_count = (guint) count;
    return TRUE;
}

static gboolean
parse_vcpu(TnDomainDef *def, xmlNodePtr root, GError **error)
{
    xmlNodePtr vcpu = tn_xml_child(root, "vcpu");
    g_autofree char *maximum = NULL;
    g_autofree char *current = NULL;
    g_autofree char *cpuset = NULL;
    int placement = 0;

    def->vcpus_max = 1;
    if (vcpu != NULL) {
        maximum = g_strstrip(tn_xml_text(vcpu));
        current = tn_xml_attr(vcpu, "current");
        cpuset = tn_xml_attr(vcpu, "cpuset");
        if (!parse_vcpu_count(maximum, "maximum", &def->vcpus_max, error) ||
            !tn_xml_attr_enum(vcpu, "placement", &tn_vcpu_placement_table, TN_XML_ATTR_OPTIONAL,
                              &placement, error)) {
            return FALSE;
        }
    }
    def->vcpus = def->vcpus_max;
    if (current != NULL && !parse_vcpu_count(current, "current", &def->vcpus, error)) {
        return FALSE;
    }
    if (cpuset != NULL) {
        def->cpuset = tn_bitmap_parse(cpuset);
        if (def->cpuset == NULL) {
            tn_xml_error_set(error, TN_XML_ERROR_INVALID_ARG, "Failed to parse bitmap '%s'",
                             cpuset);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
parse_resource(TnDomainDef *def, xmlNodePtr root, GError **error)
{
    xmlNodePtr resource = tn_xml_child(root, "resource");

    if (resource == NULL) {
        return TRUE;
    }
    def->partition = tn_xml_child_text(resource, "partition");
    if (def->partition == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "missing resource partition attribute");
        return FALSE;
    }
    return TRUE;
}

static gboolean
parse_action(xmlNodePtr root, const char *name, TnLifecycleAction *ret_action, GError **error)
{
    g_autofree char *text = tn_xml_child_text(root, name);
    int action;

    if (text == NULL) {
        return TRUE;
    }
    action = tn_enum_from_string(&tn_lifecycle_table, text);
    /* Only a crash can leave a core behind. */
    if (action >= TN_LIFECYCLE_COREDUMP_DESTROY && !g_str_equal(name, "on_crash")) {
        action = -1;
    }
    if (action < 0) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unknown %s action: %s", name,
                         text);
        return FALSE;
    }
    *ret_action = (TnLifecycleAction) action;
    return TRUE;
}

static gboolean
parse_actions(TnDomainDef *def, xmlNodePtr root, GError **error)
{
    return parse_action(root, "on_poweroff", &def->on_poweroff, error) &&
           parse_action(root, "on_reboot", &def->on_reboot, error) &&
           parse_action(root, "on_crash", &def->on_crash, error);
}

static gboolean
parse_pm(TnDomainDef *def, xmlNodePtr root, GError **error)
{
    xmlNodePtr pm = tn_xml_child(root, "pm");
    xmlNodePtr mem = pm != NULL ? tn_xml_child(pm, "suspend-to-mem") : NULL;
    xmlNodePtr disk = pm != NULL ? tn_xml_child(pm, "suspend-to-disk") : NULL;

    return (mem == NULL || tn_xml_attr_tristate(mem, "enabled", &tn_tristate_yes_no_table,
                                                &def->suspend_to_mem, error)) &&
           (disk == NULL || tn_xml_attr_tristate(disk, "enabled", &tn_tristate_yes_no_table,
                                                 &def->suspend_to_disk, error));
}

static gboolean
parse_devices(TnDomainDef *def, xmlNodePtr root, TnXmlParseFlags flags, GError **error)
{
    xmlNodePtr devices = tn_xml_child(root, "devices");

    if (devices == NULL) {
        return TRUE;
    }
    def->emulator = tn_xml_child_text(devices, "emulator");
    for (xmlNodePtr node = tn_xml_element(devices->children); node != NULL;
         node = tn_xml_element(node->next)) {
        int kind = node->ns != NULL ? -1 : tn_enum_from_string(&tn_device_kind_table,
                                                               (const char *) node->name);
        TnDevice *device;

        /* What is no kind stays unread and is refused by its path at the end. */
        if (kind < 0) {
            continue;
        }
        device = tn_device_parse_node((TnDeviceKind) kind, node, flags, error);
        if (device == NULL) {
            return FALSE;
        }
        g_ptr_array_add(def->devices[kind], device);
        if (def->devices[kind]->len > MAX_DEVICES) {
            tn_xml_error_set(error, TN_XML_ERROR_XML, "more than %d '%s' devices", MAX_DEVICES,
                             node->name);
            return FALSE;
        }
    }
    return TRUE;
}

TnDomainDef *
tn_domain_def_parse_node(xmlNodePtr root, const TnXmlParseOptions *options, GError **error)
{
    const TnXmlHost *host = options != NULL ? options->host : NULL;
    TnXmlParseFlags flags = options != NULL ? options->flags : TN_XML_PARSE_DEFAULT;
    g_autoptr(TnDomainDef) def = tn_domain_def_new();

    if (root->ns != NULL || !g_str_equal((const char *) root->name, "domain")) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "expecting root element of 'domain', not '%s'",
                         root->name);
        return NULL;
    }
    tn_xml_mark(root);
    if (!parse_type(def, root, host, error) || !parse_id(def, root, flags) ||
        !parse_names(def, root, error) || !tn_metadata_parse(def, root, error) ||
        !tn_domain_memory_parse(&def->memory, root, error) ||
        !tn_memtune_parse(&def->memtune, root, error) || !parse_vcpu(def, root, error) ||
        !tn_vcpus_parse(def, root, error) || !tn_cputune_parse(def, root, error) ||
        !tn_numatune_parse(&def->numatune, root, error) || !parse_resource(def, root, error) ||
        !tn_domain_os_parse(&def->os, root, host, error) ||
        !tn_domain_features_parse(&def->features, root, error) ||
        !tn_domain_cpu_parse(&def->cpu, root, error) ||
        !tn_domain_clock_parse(&def->clock, root, error) || !parse_actions(def, root, error) ||
        !parse_pm(def, root, error) || !parse_devices(def, root, flags, error) ||
        !tn_seclabels_parse(def->seclabels, root, flags, error) ||
        !tn_xml_check_all_read(root, error)) {
        return NULL;
    }
    return g_steal_pointer(&def);
}

TnDomainDef *
tn_domain_def_parse(const char *xml, const TnXmlParseOptions *options, GError **error)
{
    g_autoptr(xmlDoc) doc = tn_xml_doc_parse(xml, "domain_definition", error);
    g_autoptr(TnDomainDef) def = NULL;

    if (doc == NULL) {
        return NULL;
    }
    if (options != NULL && options->schema_path != NULL &&
        !tn_xml_schema_validate(doc, options->schema_path, error)) {
        return NULL;
    }
    def = tn_domain_def_parse_node(xmlDocGetRootElement(doc), options, error);
    if (def == NULL ||
        !tn_domain_def_postparse(def, options != NULL ? options->host : NULL, error)) {
        return NULL;
    }
    if ((options == NULL || (options->flags & TN_XML_PARSE_SKIP_VALIDATE) == 0) &&
        !tn_domain_def_validate(def, error)) {
        return NULL;
    }
    return g_steal_pointer(&def);
}
