/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may change when a definition takes another's place, and what may not. */
#include "tests/unit/xml/xml-test.h"

static char *
source_xml(void)
{
    return tn_test_read("first-light.xml");
}

/* The definition with @from replaced by @to. */
static TnDomainDef *
changed(const char *from, const char *to)
{
    g_autofree char *xml = source_xml();
    g_auto(GStrv) parts = g_strsplit(xml, from, 2);
    g_autofree char *text = NULL;

    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    text = g_strjoinv(to, parts);
    return tn_test_parse(text);
}

static void
assert_same(const char *from, const char *to)
{
    g_autofree char *xml = source_xml();
    g_autoptr(TnDomainDef) src = tn_test_parse(xml);
    g_autoptr(TnDomainDef) dst = changed(from, to);
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_domain_def_check_abi(src, dst, &error));
    g_assert_no_error(error);
}

static void
assert_differs(const char *from, const char *to, const char *message)
{
    g_autofree char *xml = source_xml();
    g_autoptr(TnDomainDef) src = tn_test_parse(xml);
    g_autoptr(TnDomainDef) dst = changed(from, to);
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_domain_def_check_abi(src, dst, &error));
    g_assert_error(error, TN_XML_ERROR, TN_XML_ERROR_CONFIG_UNSUPPORTED);
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_host_side_may_change(void)
{
    assert_same("<uuid>", "<title>new</title><uuid>");
    assert_same("<serial type='pty'/>", "<serial type='file'><source path='/a'/></serial>");
    assert_same("/boot/vmlinuz", "/boot/other");
    assert_same("<os>", "<on_crash>restart</on_crash><os>");
    assert_same("<memory model='dimm'>", "<memory model='dimm' access='shared'>");
}

static void
test_identity(void)
{
    assert_differs("c7a5fdbd", "c7a5fdbe",
                   "unsupported configuration: Target domain uuid "
                   "c7a5fdbe-edaf-9455-926a-d65c16db1809 does not match source "
                   "c7a5fdbd-edaf-9455-926a-d65c16db1809");
    assert_differs("<name>g<", "<name>h<",
                   "unsupported configuration: Target domain name 'h' does not match source 'g'");
}

static void
test_machine(void)
{
    g_autofree char *xml = source_xml();
    g_autoptr(TnDomainDef) src = tn_test_parse(xml);
    g_autoptr(TnDomainDef) dst = tn_domain_def_copy(src);
    g_autoptr(GError) error = NULL;

    g_free(dst->os.machine);
    dst->os.machine = g_strdup("pc-i440fx-9.0");
    g_assert_false(tn_domain_def_check_abi(src, dst, &error));
    g_assert_cmpstr(error->message, ==,
                    "unsupported configuration: Target domain machine type pc-i440fx-9.0 does not "
                    "match source pc-i440fx-7.2");
}

static void
test_memory(void)
{
    assert_differs("unit='GiB'>4<", "unit='GiB'>8<",
                   "unsupported configuration: Target domain maximum memory size 8388608 does not "
                   "match source 4194304");
    assert_differs("slots='16'", "slots='8'",
                   "unsupported configuration: Target domain memory slots 8 does not match source "
                   "16");
    assert_differs("unit='MiB'>256<", "unit='MiB'>128<",
                   "unsupported configuration: Target domain max memory 655360 does not match "
                   "source 786432");
}

static void
test_cpu(void)
{
    assert_differs("<vcpu>2<", "<vcpu current='1'>2<",
                   "unsupported configuration: Target domain vCPU current 1 does not match source "
                   "2");
    assert_differs("mode='host-passthrough'", "mode='host-model'",
                   "unsupported configuration: Target domain CPU mode host-model does not match "
                   "source host-passthrough");
    assert_differs("<numa>", "<topology sockets='1' cores='2' threads='1'/><numa>",
                   "unsupported configuration: Target domain CPU sockets 1 does not match source "
                   "0");
    assert_differs("<numa>", "<feature name='x2apic'/><numa>",
                   "unsupported configuration: Target domain CPU feature count 1 does not match "
                   "source 0");
}

static void
test_features(void)
{
    assert_differs("<acpi/>", "",
                   "unsupported configuration: Target domain acpi feature 0 does not match source "
                   "1");
}

static void
test_devices(void)
{
    assert_differs("<serial type='pty'/>", "<serial type='pty'/><serial type='pty'/>",
                   "unsupported configuration: Target domain serial device count 2 does not match "
                   "source 1");
    assert_differs("<serial type='pty'/>", "<serial type='pty'><target port='1'/></serial>",
                   "unsupported configuration: Target serial port 1 does not match source 0");
    assert_differs("</target>", "</target><address type='dimm' slot='3'/>",
                   "unsupported configuration: Target device dimm address does not match source");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/abi-check/host-side-may-change", test_host_side_may_change);
    g_test_add_func("/xml/abi-check/identity", test_identity);
    g_test_add_func("/xml/abi-check/machine", test_machine);
    g_test_add_func("/xml/abi-check/memory", test_memory);
    g_test_add_func("/xml/abi-check/cpu", test_cpu);
    g_test_add_func("/xml/abi-check/features", test_features);
    g_test_add_func("/xml/abi-check/devices", test_devices);
    return g_test_run();
}
