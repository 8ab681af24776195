/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the XML tests share. */
#include "tests/unit/xml/xml-test.h"

#include <string.h>

static void
constant_uuid(guint8 *ret_uuid, gpointer user_data)
{
    memset(ret_uuid, 0x11, TN_UUID_LEN);
}

static const TnXmlHost test_host = {
    .emulator = "/usr/bin/tenon-vmm",
    .machine = "pc-i440fx-7.2",
    .new_uuid = constant_uuid,
};

TnXmlParseOptions
tn_test_options(TnXmlParseFlags flags)
{
    return (TnXmlParseOptions) { .flags = flags, .host = &test_host };
}

TnDomainDef *
tn_test_parse(const char *xml)
{
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_INACTIVE);
    g_autoptr(GError) error = NULL;
    TnDomainDef *def = tn_domain_def_parse(xml, &options, &error);

    g_assert_no_error(error);
    g_assert_nonnull(def);
    return def;
}

TnDevice *
tn_test_parse_device(const char *xml, const TnDomainDef *def)
{
    TnXmlParseOptions options = tn_test_options(TN_XML_PARSE_INACTIVE);
    g_autoptr(GError) error = NULL;
    TnDevice *device = tn_domain_device_parse(xml, def, &options, &error);

    g_assert_no_error(error);
    g_assert_nonnull(device);
    return device;
}

char *
tn_test_minimal_xml(const char *top, const char *devices)
{
    return g_strdup_printf("<domain type='kvm'><name>t</name><memory unit='MiB'>64</memory>%s"
                           "<os><type>hvm</type></os><devices>%s</devices></domain>",
                           top != NULL ? top : "", devices != NULL ? devices : "");
}

char *
tn_test_hotplug_xml(const char *devices)
{
    return tn_test_minimal_xml("<maxMemory slots='2' unit='GiB'>1</maxMemory><cpu><numa>"
                               "<cell id='0' memory='64' unit='MiB'/></numa></cpu>", devices);
}

static char *
data_path(const char *name)
{
    return g_build_filename(g_test_get_dir(G_TEST_DIST), "xml-data", name, NULL);
}

char *
tn_test_read(const char *name)
{
    g_autofree char *path = data_path(name);
    char *text = NULL;

    (void) g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

void
tn_test_compare(const char *name, const char *text)
{
    g_autofree char *path = data_path(name);
    g_autofree char *expected = NULL;

    if (g_getenv("TN_XML_REGENERATE") != NULL) {
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        return;
    }
    expected = tn_test_read(name);
    if (expected == NULL) {
        g_error("%s is missing", path);
    }
    g_assert_cmpstr(text, ==, expected);
}
