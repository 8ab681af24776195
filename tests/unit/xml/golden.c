/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Golden pairs: tests/xml-data/CASE.xml is defined, and its inactive form, its live form or its
 * error must be what CASE.inactive.xml, CASE.active.xml or CASE.err say.
 */
#include "tests/unit/xml/xml-test.h"

#include <locale.h>

/* A live domain as the daemon would have it: numbered, aliases given, pty known. */
static void
make_live(TnDomainDef *def)
{
    def->id = 1;
    tn_domain_def_assign_aliases(def);
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_SERIAL); i++) {
        if (tn_domain_def_serial(def, i)->source.type == TN_CHARDEV_PTY) {
            tn_domain_def_set_serial_path(def, i, "/dev/pts/1");
        }
    }
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
        TnDimmAddress *dimm = &tn_domain_def_memory_device(def, i)->base.info.address.dimm;

        dimm->base = dimm->base != 0 ? dimm->base : G_GUINT64_CONSTANT(0x100000000)
                                                        + (guint64) i * 0x40000000;
    }
}

static void
check_idempotent(const char *xml, TnXmlParseFlags parse, TnXmlFormatFlags format)
{
    TnXmlParseOptions options = tn_test_options(parse);
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomainDef) def = tn_domain_def_parse(xml, &options, &error);
    g_autofree char *again = NULL;

    g_assert_no_error(error);
    again = tn_domain_def_format(def, format);
    g_assert_cmpstr(again, ==, xml);
}

static char *
read_case(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);

    return tn_test_read(file);
}

static void
compare_case(const char *name, const char *suffix, const char *text)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);

    tn_test_compare(file, text);
}

static void
test_accepted(gconstpointer data)
{
    const char *name = data;
    g_autofree char *xml = read_case(name, ".xml");
    g_autoptr(TnDomainDef) def = tn_test_parse(xml);
    g_autoptr(TnDomainDef) copy = tn_domain_def_copy(def);
    g_autofree char *inactive = tn_domain_def_format(def, TN_XML_FORMAT_INACTIVE);
    g_autofree char *copied = tn_domain_def_format(copy, TN_XML_FORMAT_INACTIVE);
    g_autofree char *active = NULL;
    g_autofree char *migratable = NULL;

    compare_case(name, ".inactive.xml", inactive);
    g_assert_cmpstr(copied, ==, inactive);
    check_idempotent(inactive, TN_XML_PARSE_INACTIVE, TN_XML_FORMAT_INACTIVE);
    make_live(def);
    active = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    compare_case(name, ".active.xml", active);
    check_idempotent(active, TN_XML_PARSE_DEFAULT, TN_XML_FORMAT_DEFAULT);
    migratable = tn_domain_def_format(def, TN_XML_FORMAT_MIGRATABLE);
    check_idempotent(migratable, TN_XML_PARSE_INACTIVE, TN_XML_FORMAT_MIGRATABLE);
}

static void
test_refused(gconstpointer data)
{
    const char *name = data;
    g_autofree char *xml = read_case(name, ".xml");
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_INACTIVE);
    g_autoptr(GError) error = NULL;
    TnDomainDef *def = tn_domain_def_parse(xml, &options, &error);
    g_autofree char *line = NULL;

    g_assert_null(def);
    g_assert_nonnull(error);
    line = g_strdup_printf("%d: %s\n", error->code, error->message);
    compare_case(name, ".err", line);
}

static const char *const accepted[] = {
    "minimal",
    "first-light",
    "everything",
    "doc-memory-devices",
    "doc-direct-kernel",
    "doc-numa",
    "doc-hugepages",
    "doc-clock-timers",
    "doc-metadata",
    "doc-serial-file",
    "doc-serial-pty",
    "doc-serial-unix",
    "console-only",
    "console-differs",
    "hotplug-without-numa",
    "virt-install-direct",
    "hostdev",
    "pci-bridge",
    "pci-bridge-full-bus",
    "pci-bridge-not-yet",
    "escapes",
    "numa-distances",
    "tuning",
    "vcpus",
};

static const char *const refused[] = {
    "bad-billion-laughs",
    "bad-external-entity",
    "bad-qemu-commandline",
    "bad-truncated",
    "bad-disk",
    "bad-interface",
    "bad-hostdev",
    "bad-ioapic",
    "bad-virt-install-defaults",
    "bad-attribute",
    "bad-nested-element",
    "bad-second-memory",
    "bad-root",
};

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(accepted); i++) {
        g_autofree char *path = g_strconcat("/xml/golden/accepted/", accepted[i], NULL);

        g_test_add_data_func(path, accepted[i], test_accepted);
    }
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *path = g_strconcat("/xml/golden/refused/", refused[i], NULL);

        g_test_add_data_func(path, refused[i], test_refused);
    }
    return g_test_run();
}
