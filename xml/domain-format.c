/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<domain>` as text, in libvirt's order of elements. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

static void
format_head(const TnDomainDef *def, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    char uuid[TN_UUID_STRING_LEN];

    tn_xml_put_attr(writer, "type", tn_enum_to_string(&tn_virt_type_table,
                                                      (int) def->virt_type));
    if (def->id >= 0 && (flags & (TN_XML_FORMAT_INACTIVE | TN_XML_FORMAT_MIGRATABLE)) == 0) {
        tn_xml_put_attr_f(writer, "id", "%d", def->id);
    }
    tn_xml_put_element(writer, "name", def->name);
    if (def->has_uuid) {
        tn_uuid_format(def->uuid, uuid);
        tn_xml_put_element(writer, "uuid", uuid);
    }
    tn_xml_put_element(writer, "title", def->title);
    tn_xml_put_element(writer, "description", def->description);
    tn_metadata_format(def, writer);
}

static void
format_vcpu(const TnDomainDef *def, TnXmlWriter *writer)
{
    g_autofree char *cpuset = def->cpuset != NULL ? tn_bitmap_format(def->cpuset) : NULL;

    tn_xml_start(writer, "vcpu");
    tn_xml_put_attr(writer, "placement", "static");
    tn_xml_put_attr(writer, "cpuset", cpuset);
    if (def->vcpus != def->vcpus_max) {
        tn_xml_put_attr_f(writer, "current", "%u", def->vcpus);
    }
    tn_xml_put_text_f(writer, "%u", def->vcpus_max);
    tn_xml_end(writer);
}

static void
format_resource(const TnDomainDef *def, TnXmlWriter *writer)
{
    if (def->partition != NULL) {
        tn_xml_start(writer, "resource");
        tn_xml_put_element(writer, "partition", def->partition);
        tn_xml_end(writer);
    }
}

static void
put_action(TnXmlWriter *writer, const char *name, TnLifecycleAction action)
{
    tn_xml_put_element(writer, name, tn_enum_to_string(&tn_lifecycle_table, (int) action));
}

static void
put_suspend(TnXmlWriter *writer, const char *name, TnTristate enabled)
{
    if (enabled != TN_TRISTATE_ABSENT) {
        tn_xml_start(writer, name);
        tn_xml_put_attr(writer, "enabled", tn_enum_to_string(&tn_tristate_yes_no_table,
                                                             (int) enabled));
        tn_xml_end(writer);
    }
}

static void
format_power(const TnDomainDef *def, TnXmlWriter *writer)
{
    put_action(writer, "on_poweroff", def->on_poweroff);
    put_action(writer, "on_reboot", def->on_reboot);
    put_action(writer, "on_crash", def->on_crash);
    tn_xml_start(writer, "pm");
    put_suspend(writer, "suspend-to-mem", def->suspend_to_mem);
    put_suspend(writer, "suspend-to-disk", def->suspend_to_disk);
    tn_xml_end_unless_empty(writer);
}

static void
format_devices(const TnDomainDef *def, TnXmlWriter *writer, TnXmlFormatFlags flags)
{
    tn_xml_start(writer, "devices");
    tn_xml_put_element(writer, "emulator", def->emulator);
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        const TnDeviceOps *ops = tn_device_ops((TnDeviceKind) kind);

        for (guint i = 0; i < def->devices[kind]->len; i++) {
            const TnDevice *device = g_ptr_array_index(def->devices[kind], i);

            if ((flags & TN_XML_FORMAT_MIGRATABLE) == 0 || ops->is_implicit == NULL ||
                !ops->is_implicit(device)) {
                tn_device_format_node(device, writer, flags);
            }
        }
    }
    tn_xml_end(writer);
}

char *
tn_domain_def_format(const TnDomainDef *def, TnXmlFormatFlags flags)
{
    g_autoptr(TnXmlWriter) writer = tn_xml_writer_new();

    tn_xml_start(writer, "domain");
    format_head(def, writer, flags);
    tn_domain_memory_format_sizes(def, writer);
    tn_memtune_format(&def->memtune, writer);
    tn_domain_memory_format_backing(&def->memory, writer);
    format_vcpu(def, writer);
    tn_vcpus_format(def, writer);
    tn_cputune_format(def, writer);
    tn_numatune_format(&def->numatune, writer);
    format_resource(def, writer);
    tn_domain_os_format(&def->os, writer);
    tn_domain_features_format(&def->features, writer);
    tn_domain_cpu_format(&def->cpu, writer);
    tn_domain_clock_format(&def->clock, writer);
    format_power(def, writer);
    format_devices(def, writer, flags);
    tn_seclabels_format(def->seclabels, writer, flags);
    tn_xml_end(writer);
    return tn_xml_writer_finish(g_steal_pointer(&writer));
}
