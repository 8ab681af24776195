/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain capabilities XML: what xml/ accepts, said in libvirt's words and order. */
#include "xml/domain-capabilities.h"

#include "xml/writer.h"

/* Kinds that libvirt 9.0 lists; a caller's row of the same name replaces "no". */
static const char *const device_names[] = {
    "disk", "graphics", "video", "hostdev", "rng", "filesystem", "tpm", "redirdev", "channel",
};

static const char *const feature_names[] = {
    "gic", "vmcoreinfo", "genid", "backingStoreInput", "backup", "sev", "sgx", "hyperv",
};

static const char *
yes_no(gboolean value)
{
    return value ? "yes" : "no";
}

static void
start_supported(TnXmlWriter *writer, const char *name, gboolean supported)
{
    tn_xml_start(writer, name);
    tn_xml_put_attr(writer, "supported", yes_no(supported));
}

static void
put_supported(TnXmlWriter *writer, const char *name, gboolean supported)
{
    start_supported(writer, name, supported);
    tn_xml_end(writer);
}

static void
put_enum(TnXmlWriter *writer, const char *name, const char *const *values)
{
    tn_xml_start(writer, "enum");
    tn_xml_put_attr(writer, "name", name);
    for (guint i = 0; values != NULL && values[i] != NULL; i++) {
        tn_xml_put_element(writer, "value", values[i]);
    }
    tn_xml_end(writer);
}

static void
format_os(const TnDomainCapabilities *caps, TnXmlWriter *writer)
{
    static const char *const loader_types[] = { "rom", NULL };
    static const char *const readonly[] = { "yes", NULL };
    static const char *const secure[] = { "no", NULL };

    start_supported(writer, "os", TRUE);
    put_enum(writer, "firmware", NULL);
    start_supported(writer, "loader", caps->firmware_loaders != NULL);
    if (caps->firmware_loaders != NULL) {
        for (guint i = 0; caps->firmware_loaders[i] != NULL; i++) {
            tn_xml_put_element(writer, "value", caps->firmware_loaders[i]);
        }
        put_enum(writer, "type", loader_types);
        put_enum(writer, "readonly", readonly);
        put_enum(writer, "secure", secure);
    }
    tn_xml_end(writer);
    tn_xml_end(writer);
}

static void
format_host_mode(TnXmlWriter *writer, const char *mode, const char *migratable)
{
    static const char *const on_off[] = { "on", "off", NULL };

    tn_xml_start(writer, "mode");
    tn_xml_put_attr(writer, "name", mode);
    tn_xml_put_attr(writer, "supported", "yes");
    put_enum(writer, migratable, on_off);
    tn_xml_end(writer);
}

static void
format_host_model(const TnDomainCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "mode");
    tn_xml_put_attr(writer, "name", "host-model");
    tn_xml_put_attr(writer, "supported", yes_no(caps->host_model != NULL));
    if (caps->host_model != NULL) {
        tn_xml_start(writer, "model");
        tn_xml_put_attr(writer, "fallback", "forbid");
        tn_xml_put_text(writer, caps->host_model);
        tn_xml_end(writer);
        tn_xml_put_element(writer, "vendor", caps->host_vendor);
        for (guint i = 0; i < caps->n_host_features; i++) {
            tn_xml_start(writer, "feature");
            tn_xml_put_attr(writer, "policy",
                            caps->host_features[i].disable ? "disable" : "require");
            tn_xml_put_attr(writer, "name", caps->host_features[i].name);
            tn_xml_end(writer);
        }
    }
    tn_xml_end(writer);
}

static void
format_cpu(const TnDomainCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "cpu");
    format_host_mode(writer, "host-passthrough", "hostPassthroughMigratable");
    format_host_mode(writer, "maximum", "maximumMigratable");
    format_host_model(caps, writer);
    tn_xml_start(writer, "mode");
    tn_xml_put_attr(writer, "name", "custom");
    tn_xml_put_attr(writer, "supported", "no");
    tn_xml_end(writer);
    tn_xml_end(writer);
}

static void
format_memory_backing(TnXmlWriter *writer)
{
    static const char *const sources[] = { "file", "anonymous", "memfd", NULL };

    start_supported(writer, "memoryBacking", TRUE);
    put_enum(writer, "sourceType", sources);
    tn_xml_end(writer);
}

static const TnDomainCapsDevice *
find_row(const TnDomainCapabilities *caps, const char *name)
{
    for (guint i = 0; i < caps->n_devices; i++) {
        if (g_str_equal(caps->devices[i].name, name)) {
            return &caps->devices[i];
        }
    }
    return NULL;
}

static void
format_device(const TnDomainCapsDevice *row, TnXmlWriter *writer)
{
    start_supported(writer, row->name, row->supported);
    for (const TnDomainCapsEnum *e = row->enums; e != NULL && e->name != NULL; e++) {
        put_enum(writer, e->name, e->values);
    }
    tn_xml_end(writer);
}

static gboolean
is_built_in(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(device_names); i++) {
        if (g_str_equal(device_names[i], name)) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
format_devices(const TnDomainCapabilities *caps, TnXmlWriter *writer)
{
    tn_xml_start(writer, "devices");
    for (guint i = 0; i < G_N_ELEMENTS(device_names); i++) {
        const TnDomainCapsDevice *row = find_row(caps, device_names[i]);

        if (row != NULL) {
            format_device(row, writer);
        } else {
            put_supported(writer, device_names[i], FALSE);
        }
    }
    for (guint i = 0; i < caps->n_devices; i++) {
        if (!is_built_in(caps->devices[i].name)) {
            format_device(&caps->devices[i], writer);
        }
    }
    tn_xml_end(writer);
}

char *
tn_domain_capabilities_format(const TnDomainCapabilities *caps)
{
    g_autoptr(TnXmlWriter) writer = tn_xml_writer_new();

    tn_xml_start(writer, "domainCapabilities");
    tn_xml_put_element(writer, "path", caps->emulator);
    tn_xml_put_element(writer, "domain", "kvm");
    tn_xml_put_element(writer, "machine", caps->machine);
    tn_xml_put_element(writer, "arch", caps->arch);
    tn_xml_start(writer, "vcpu");
    tn_xml_put_attr_f(writer, "max", "%u", caps->max_vcpus);
    tn_xml_end(writer);
    put_supported(writer, "iothreads", caps->iothreads);
    format_os(caps, writer);
    format_cpu(caps, writer);
    format_memory_backing(writer);
    format_devices(caps, writer);
    tn_xml_start(writer, "features");
    for (guint i = 0; i < G_N_ELEMENTS(feature_names); i++) {
        put_supported(writer, feature_names[i], FALSE);
    }
    tn_xml_end(writer);
    tn_xml_end(writer);
    return tn_xml_writer_finish(g_steal_pointer(&writer));
}
