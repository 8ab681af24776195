/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of a definition: what attach-device and detach-device need. */
#include "tests/unit/xml/xml-test.h"

#define DIMM(attrs, source, size, node, rest)                                                     \
    "<memory model='dimm'" attrs ">" source "<target><size unit='MiB'>" size "</size>" node       \
    "</target>" rest "</memory>"
#define DIMM_64 DIMM("", "", "64", "<node>0</node>", "")

static TnDomainDef *
new_def(const char *devices)
{
    g_autofree char *xml = tn_test_hotplug_xml(devices);

    return tn_test_parse(xml);
}

/* The steps of a hot plug up to the plug itself. */
static gboolean
plug(TnDomainDef *def, const char *xml, GError **error)
{
    g_autoptr(TnDevice) device = tn_test_parse_device(xml, def);

    if (!tn_domain_def_assign_address(def, device, error) ||
        !tn_domain_def_check_insert(def, device, error)) {
        return FALSE;
    }
    tn_domain_def_assign_alias(def, device);
    tn_domain_def_insert(def, g_steal_pointer(&device));
    return TRUE;
}

static void
assert_plugs(TnDomainDef *def, const char *xml)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(plug(def, xml, &error));
    g_assert_no_error(error);
}

static void
assert_plug_fails(TnDomainDef *def, const char *xml, int code, const char *message)
{
    g_autofree char *before = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(plug(def, xml, &error));
    g_assert_error(error, TN_XML_ERROR, code);
    g_assert_cmpstr(error->message, ==, message);
    after = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_assert_cmpstr(after, ==, before);
}

static void
assert_finds(const TnDomainDef *def, const char *xml, int expected)
{
    g_autoptr(TnDevice) like = tn_test_parse_device(xml, def);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(tn_domain_def_find_device(def, like, &error), ==, expected);
    if (expected < 0) {
        g_assert_error(error, TN_XML_ERROR, TN_XML_ERROR_DEVICE_MISSING);
        g_assert_cmpstr(error->message, ==,
                        "device not found: matching memory device was not found");
    } else {
        g_assert_no_error(error);
    }
}

static void
test_parse_leaves_slot_open(void)
{
    g_autoptr(TnDomainDef) def = new_def(NULL);
    g_autoptr(TnDevice) device = tn_test_parse_device(DIMM_64, def);
    g_autofree char *xml = tn_domain_device_format(device, TN_XML_FORMAT_DEFAULT);

    g_assert_cmpint(device->kind, ==, TN_DEVICE_MEMORY);
    g_assert_cmpint(device->info.address_type, ==, TN_ADDRESS_NONE);
    g_assert_cmpstr(xml, ==,
                    "<memory model='dimm'>\n  <target>\n    <size unit='KiB'>65536</size>\n"
                    "    <node>0</node>\n  </target>\n</memory>\n");
}

static void
test_plug_takes_lowest_slot(void)
{
    g_autoptr(TnDomainDef) def = new_def(
        DIMM("", "", "64", "<node>0</node>", "<address type='dimm' slot='0'/>"));

    assert_plugs(def, DIMM_64);
    g_assert_cmpint(tn_domain_def_memory_device(def, 1)->base.info.address.dimm.slot, ==, 1);
    g_assert_cmpstr(tn_domain_def_memory_device(def, 1)->base.info.alias, ==, "dimm1");
}

static void
test_plug_counts_into_memory(void)
{
    g_autoptr(TnDomainDef) def = new_def(NULL);

    def->memory.current_kib = 32 * 1024;
    assert_plugs(def, DIMM_64);
    g_assert_cmpuint(tn_domain_def_memory_total(def), ==, 128 * 1024);
    g_assert_cmpuint(def->memory.current_kib, ==, 96 * 1024);
}

static void
test_plug_without_free_slot(void)
{
    g_autoptr(TnDomainDef) def = new_def(DIMM_64 DIMM_64);

    assert_plug_fails(def, DIMM_64, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                      "unsupported configuration: no free memory device slot available");
}

static void
test_plug_beyond_max_memory(void)
{
    g_autoptr(TnDomainDef) def = new_def(NULL);

    assert_plug_fails(def, DIMM("", "", "1024", "<node>0</node>", ""),
                      TN_XML_ERROR_CONFIG_UNSUPPORTED,
                      "unsupported configuration: Attaching memory device with size '1048576' "
                      "would exceed domain's maxMemory config size '1048576'");
}

static void
test_plug_up_to_max_memory(void)
{
    g_autoptr(TnDomainDef) def = new_def(NULL);

    assert_plugs(def, DIMM("", "", "960", "<node>0</node>", ""));
}

static void
test_plug_taken_slot(void)
{
    g_autoptr(TnDomainDef) def = new_def(DIMM_64);

    assert_plug_fails(def, DIMM("", "", "64", "<node>0</node>", "<address type='dimm' slot='0'/>"),
                      TN_XML_ERROR_CONFIG_UNSUPPORTED,
                      "unsupported configuration: memory device slot '0' is already being used by "
                      "another memory device");
}

static void
test_plug_taken_alias(void)
{
    g_autoptr(TnDomainDef) def = new_def(
        DIMM("", "", "64", "<node>0</node>", "<alias name='ua-a'/>"));

    assert_plug_fails(def, DIMM("", "", "64", "<node>0</node>", "<alias name='ua-a'/>"),
                      TN_XML_ERROR_CONFIG_UNSUPPORTED,
                      "unsupported configuration: non unique alias detected: ua-a");
}

static void
test_find_by_what_is_given(void)
{
    g_autoptr(TnDomainDef) def = new_def(
        DIMM("", "", "64", "<node>0</node>", "<address type='dimm' slot='1'/>")
        DIMM(" access='shared'", "", "64", "<node>0</node>", "<alias name='ua-b'/>"));

    assert_finds(def, DIMM_64, 0);
    assert_finds(def, DIMM("", "", "64", "<node>0</node>", "<address type='dimm' slot='1'/>"), 0);
    assert_finds(def, DIMM("", "", "64", "<node>0</node>", "<address type='dimm' slot='0'/>"), -1);
    assert_finds(def, DIMM(" access='shared'", "", "64", "<node>0</node>", ""), 1);
    assert_finds(def, DIMM(" access='shared'", "", "64", "<node>0</node>",
                           "<alias name='ua-b'/>"), 1);
    assert_finds(def, DIMM("", "", "64", "<node>0</node>", "<alias name='ua-c'/>"), -1);
    assert_finds(def, DIMM("", "", "32", "<node>0</node>", ""), -1);
    assert_finds(def, DIMM("", "<source><nodemask>0</nodemask></source>", "64", "<node>0</node>",
                           ""), -1);
}

static void
test_find_base_as_far_as_given(void)
{
    g_autoptr(TnDomainDef) def = new_def(DIMM_64);

    tn_domain_def_memory_device(def, 0)->base.info.address.dimm.base = 0x100000000;
    assert_finds(def, DIMM("", "", "64", "<node>0</node>", "<address type='dimm' slot='0'/>"), 0);
    assert_finds(def, DIMM("", "", "64", "<node>0</node>",
                           "<address type='dimm' slot='0' base='0x100000000'/>"), 0);
    assert_finds(def, DIMM("", "", "64", "<node>0</node>",
                           "<address type='dimm' slot='0' base='0x140000000'/>"), -1);
}

static void
test_find_kind_that_stays(void)
{
    g_autoptr(TnDomainDef) def = new_def(NULL);
    TnDevice *like = tn_domain_def_device(def, TN_DEVICE_MEMBALLOON, 0);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(tn_domain_def_find_device(def, like, &error), ==, -1);
    g_assert_error(error, TN_XML_ERROR, TN_XML_ERROR_OPERATION_UNSUPPORTED);
}

static void
test_remove_keeps_current_within_total(void)
{
    g_autoptr(TnDomainDef) def = new_def(DIMM_64);
    g_autoptr(TnDevice) device = tn_domain_def_remove(def, TN_DEVICE_MEMORY, 0);

    g_assert_cmpint(device->kind, ==, TN_DEVICE_MEMORY);
    g_assert_cmpuint(def->memory.current_kib, ==, 64 * 1024);
    g_assert_false(tn_domain_def_remove_device(def, device));
}

static void
test_plug_and_remove_leaves_all_as_it_was(void)
{
    g_autoptr(TnDomainDef) def = new_def(DIMM_64);
    g_autofree char *before = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_autofree char *after = NULL;
    TnDevice *device;

    assert_plugs(def, DIMM_64);
    device = tn_domain_def_device(def, TN_DEVICE_MEMORY, 1);
    g_assert_true(tn_domain_def_remove_device(def, device));
    tn_device_free(device);
    after = tn_domain_def_format(def, TN_XML_FORMAT_DEFAULT);
    g_assert_cmpstr(after, ==, before);
}

static void
test_alias_of_user_is_kept(void)
{
    g_autoptr(TnDomainDef) def = new_def(
        DIMM("", "", "64", "<node>0</node>", "<alias name='ua-mine'/>"));

    tn_domain_def_assign_aliases(def);
    g_assert_cmpstr(tn_domain_def_memory_device(def, 0)->base.info.alias, ==, "ua-mine");
    g_assert_true(tn_domain_def_find_alias(def, "ua-mine") ==
                  tn_domain_def_device(def, TN_DEVICE_MEMORY, 0));
}

static void
test_alias_of_daemon_is_dropped_on_define(void)
{
    g_autoptr(TnDomainDef) def = new_def(
        DIMM("", "", "64", "<node>0</node>", "<alias name='dimm7'/>"));

    g_assert_null(tn_domain_def_memory_device(def, 0)->base.info.alias);
}

static void
test_copy_is_deep(void)
{
    g_autoptr(TnDomainDef) def = new_def(NULL);
    g_autoptr(TnDevice) device = tn_test_parse_device(
        DIMM(" access='private'", "<source><nodemask>0-1</nodemask></source>", "64",
             "<node>0</node>", "<alias name='ua-x'/>"), def);
    g_autofree char *before = tn_domain_device_format(device, TN_XML_FORMAT_DEFAULT);
    g_autoptr(TnDevice) copy = tn_device_copy(device);
    g_autofree char *after = NULL;

    g_clear_pointer(&device, tn_device_free);
    after = tn_domain_device_format(copy, TN_XML_FORMAT_DEFAULT);
    g_assert_cmpstr(after, ==, before);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/devices/parse/leaves-slot-open", test_parse_leaves_slot_open);
    g_test_add_func("/xml/devices/plug/takes-lowest-slot", test_plug_takes_lowest_slot);
    g_test_add_func("/xml/devices/plug/counts-into-memory", test_plug_counts_into_memory);
    g_test_add_func("/xml/devices/plug/without-free-slot", test_plug_without_free_slot);
    g_test_add_func("/xml/devices/plug/beyond-max-memory", test_plug_beyond_max_memory);
    g_test_add_func("/xml/devices/plug/up-to-max-memory", test_plug_up_to_max_memory);
    g_test_add_func("/xml/devices/plug/taken-slot", test_plug_taken_slot);
    g_test_add_func("/xml/devices/plug/taken-alias", test_plug_taken_alias);
    g_test_add_func("/xml/devices/find/by-what-is-given", test_find_by_what_is_given);
    g_test_add_func("/xml/devices/find/base-as-far-as-given", test_find_base_as_far_as_given);
    g_test_add_func("/xml/devices/find/kind-that-stays", test_find_kind_that_stays);
    g_test_add_func("/xml/devices/remove/keeps-current-within-total",
                    test_remove_keeps_current_within_total);
    g_test_add_func("/xml/devices/plug-and-remove-leaves-all-as-it-was",
                    test_plug_and_remove_leaves_all_as_it_was);
    g_test_add_func("/xml/devices/alias/of-user-is-kept", test_alias_of_user_is_kept);
    g_test_add_func("/xml/devices/alias/of-daemon-is-dropped-on-define",
                    test_alias_of_daemon_is_dropped_on_define);
    g_test_add_func("/xml/devices/copy-is-deep", test_copy_is_deep);
    return g_test_run();
}
