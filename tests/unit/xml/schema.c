/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's own schemas: what they refuse is refused, and what Tenon writes they accept. */
#include "tests/unit/xml/xml-test.h"

#include "xml/capabilities.h"
#include "xml/domain-capabilities.h"
#include "xml/reader.h"


#define SCHEMAS "/usr/share/libvirt/schemas/"

static gboolean
has_schemas(void)
{
    if (g_file_test(SCHEMAS "domain.rng", G_FILE_TEST_EXISTS)) {
        return TRUE;
    }
    g_test_skip("libvirt's schemas are not installed");
    return FALSE;
}

static TnDomainDef *
parse_with_schema(const char *xml, const char *schema, GError **error)
{
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_INACTIVE);

    options.schema_path = schema;
    return tn_domain_def_parse(xml, &options, error);
}

static void
test_accepts_golden(gconstpointer data)
{
    g_autofree char *xml = tn_test_read(data);
    g_autoptr(TnDomainDef) def = NULL;
    g_autoptr(GError) error = NULL;

    if (!has_schemas()) {
        return;
    }
    def = parse_with_schema(xml, SCHEMAS "domain.rng", &error);
    g_assert_no_error(error);
}

static void
test_refuses_unknown_element(void)
{
    g_autofree char *xml = tn_test_minimal_xml("<nonsense/>", NULL);
    g_autoptr(TnDomainDef) def = NULL;
    g_autoptr(GError) error = NULL;

    if (!has_schemas()) {
        return;
    }
    def = parse_with_schema(xml, SCHEMAS "domain.rng", &error);
    g_assert_null(def);
    g_assert_error(error, TN_XML_ERROR, TN_XML_ERROR_INVALID_SCHEMA);
    g_assert_true(g_str_has_prefix(error->message,
                                   "XML document failed to validate against schema: Unable to "
                                   "validate doc against " SCHEMAS "domain.rng\n"));
}

static void
test_missing_schema(void)
{
    g_autofree char *xml = tn_test_minimal_xml(NULL, NULL);
    g_autoptr(TnDomainDef) def = NULL;
    g_autoptr(GError) error = NULL;

    def = parse_with_schema(xml, "/nonexistent/domain.rng", &error);
    g_assert_null(def);
    g_assert_error(error, TN_XML_ERROR, TN_XML_ERROR_INTERNAL);
    g_assert_true(g_str_has_prefix(error->message,
                                   "internal error: Unable to parse RNG /nonexistent/domain.rng"));
}

static void
assert_valid(const char *xml, const char *schema)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(xmlDoc) doc = tn_xml_doc_parse(xml, "test", &error);

    g_assert_no_error(error);
    g_assert_true(tn_xml_schema_validate(doc, schema, &error));
    g_assert_no_error(error);
}

static char *
format_capabilities(void)
{
    static const TnHostPages sizes[] = { { .size_kib = 4 }, { .size_kib = 2048 } };
    static const TnHostPages counts[] = { { .size_kib = 4, .count = 1104438 },
                                          { .size_kib = 2048, .count = 0 } };
    static const TnHostDistance distances[] = { { .id = 0, .value = 10 } };
    static const TnHostCpu cpus[] = {
        { .id = 0, .socket_id = 0, .die_id = 0, .core_id = 0, .siblings = "0" },
        { .id = 1, .socket_id = -1 },
    };
    static const TnHostCell cells[] = { {
        .id = 0, .memory_kib = 4417752, .pages = counts, .n_pages = 2,
        .distances = distances, .n_distances = 1, .cpus = cpus, .n_cpus = 2,
    } };
    static const TnMachineType machines[] = {
        { .name = "pc-i440fx-7.2", .max_cpus = 255 },
        { .name = "pc", .canonical = "pc-i440fx-7.2", .max_cpus = 255 },
    };
    static const char *const features[] = { "vme", "x2apic", NULL };
    const TnCapabilities caps = {
        .host_uuid = "4980d34e-702c-4913-ab79-5928f422900d", .arch = "x86_64",
        .cpu_model = "kvm64", .cpu_vendor = "AMD", .microcode = "16777317",
        .sockets = 1, .dies = 1, .cores = 2, .threads = 1, .cpu_features = features,
        .pages = sizes, .n_pages = 2, .suspend_mem = TRUE, .cells = cells, .n_cells = 1,
        .emulator = "/usr/bin/tenon-vmm", .machines = machines, .n_machines = 2, .kvm = TRUE,
    };

    return tn_capabilities_format(&caps);
}

static void
test_capabilities(void)
{
    g_autofree char *xml = format_capabilities();

    tn_test_compare("capabilities.out.xml", xml);
    if (has_schemas()) {
        assert_valid(xml, SCHEMAS "capability.rng");
    }
}

static void
test_capabilities_of_unknown_host(void)
{
    const TnCapabilities caps = { .arch = "x86_64", .emulator = "/usr/bin/tenon-vmm" };
    g_autofree char *xml = tn_capabilities_format(&caps);

    if (has_schemas()) {
        assert_valid(xml, SCHEMAS "capability.rng");
    }
}

static void
test_domain_capabilities(void)
{
    static const char *const buses[] = { "virtio", NULL };
    static const TnDomainCapsEnum disk_enums[] = { { "bus", buses }, { NULL, NULL } };
    static const TnDomainCapsDevice devices[] = { { "disk", TRUE, disk_enums } };
    static const TnDomainCapsCpuFeature features[] = { { "x2apic", FALSE }, { "pni", TRUE } };
    const TnDomainCapabilities caps = {
        .emulator = "/usr/bin/tenon-vmm", .machine = "pc-i440fx-7.2", .arch = "x86_64",
        .max_vcpus = 255, .host_model = "kvm64", .host_vendor = "AMD",
        .host_features = features, .n_host_features = 2, .devices = devices, .n_devices = 1,
    };
    g_autofree char *xml = tn_domain_capabilities_format(&caps);

    tn_test_compare("domain-capabilities.out.xml", xml);
    if (has_schemas()) {
        assert_valid(xml, SCHEMAS "domaincaps.rng");
    }
}

static const char *const golden[] = {
    "minimal.inactive.xml",
    "first-light.active.xml",
    "doc-memory-devices.active.xml",
    "doc-numa.inactive.xml",
    "virt-install-direct.active.xml",
    "hotplug-without-numa.inactive.xml",
    "pci-bridge.inactive.xml",
    "pci-bridge-full-bus.inactive.xml",
    "console-differs.active.xml",
    "hostdev.active.xml",
    "hostdev.inactive.xml",
    "hostdev.xml",
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(golden); i++) {
        g_autofree char *path = g_strconcat("/xml/schema/accepts/", golden[i], NULL);

        g_test_add_data_func(path, golden[i], test_accepts_golden);
    }
    g_test_add_func("/xml/schema/refuses-unknown-element", test_refuses_unknown_element);
    g_test_add_func("/xml/schema/missing", test_missing_schema);
    g_test_add_func("/xml/capabilities/golden", test_capabilities);
    g_test_add_func("/xml/capabilities/of-unknown-host", test_capabilities_of_unknown_host);
    g_test_add_func("/xml/domain-capabilities/golden", test_domain_capabilities);
    return g_test_run();
}
