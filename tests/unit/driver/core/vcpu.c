/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual CPUs that come and go: counts, single ones, refusals, silence, a daemon's restart. */
#include "driver/core/vcpu.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "driver/core/lifecycle.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
#define LIVE VIR_DOMAIN_AFFECT_LIVE
#define CONFIG VIR_DOMAIN_AFFECT_CONFIG

/* A running guest of at most four vCPUs; @vcpus are its XML, @words for fake-vmm.py. */
static TnDomain *
start(Fixture *f, const char *vcpus, const char *words)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='kvm'><name>g</name><memory unit='MiB'>128</memory>%s"
        "<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/dev/null</kernel>"
        "<cmdline>%s</cmdline></os><features><acpi/></features></domain>",
        vcpus, words);
    g_autoptr(GError) error = NULL;
    TnDomain *domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

    g_assert_no_error(error);
    (void)tn_lifecycle_create(domain, 0, &error);
    g_assert_no_error(error);
    return domain;
}

static void
set_count(TnDomain *domain, guint n, unsigned flags)
{
    g_autoptr(GError) error = NULL;

    (void)tn_vcpu_set_count(domain, n, flags, &error);
    g_assert_no_error(error);
}

static void
refuse_count(TnDomain *domain, guint n, unsigned flags, int code, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_vcpu_set_count(domain, n, flags, &error));
    g_assert_error(error, TN_VIR_ERROR, code);
    g_assert_cmpstr(error->message, ==, text);
}

static void
assert_xml(const TnDomainDef *def, const char *text)
{
    g_autofree char *xml = tn_domain_def_format(def, TN_XML_FORMAT_SECURE);

    if (!strstr(xml, text)) {
        g_test_message("%s", xml);
        g_test_fail();
    }
}

static void
test_running_guest_tells_vcpus_apart(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='2'>4</vcpu>", "");

    assert_xml(domain->live, "<vcpu id='1' enabled='yes' hotpluggable='no' order='2'/>");
    assert_xml(domain->live, "<vcpu id='2' enabled='no' hotpluggable='yes'/>");
    g_assert_null(domain->persistent->vcpu_states);
}

static void
test_plug(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "");

    set_count(domain, 3, LIVE);
    g_assert_cmpuint(domain->live->vcpus, ==, 3);
    assert_xml(domain->live, "<vcpu placement='static' current='3'>4</vcpu>");
    assert_xml(domain->live, "<vcpu id='2' enabled='yes' hotpluggable='yes' order='3'/>");
    g_assert_cmpuint(fixture_count_events(f, "g added vcpu1"), ==, 1);
    g_assert_cmpuint(fixture_count_events(f, "g added vcpu2"), ==, 1);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 1);
}

static void
test_live_and_config(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "");

    set_count(domain, 2, LIVE | CONFIG);
    g_assert_cmpuint(domain->live->vcpus, ==, 2);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 2);
    g_assert_null(domain->persistent->vcpu_states);
    set_count(domain, 3, LIVE | CONFIG | VIR_DOMAIN_VCPU_HOTPLUGGABLE);
    assert_xml(domain->persistent, "<vcpu id='1' enabled='yes' hotpluggable='no'/>");
    assert_xml(domain->persistent, "<vcpu id='2' enabled='yes' hotpluggable='yes'/>");
}

static void
test_unplug_takes_the_last(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "unplug=done");

    set_count(domain, 3, LIVE);
    set_count(domain, 2, LIVE);
    g_assert_false(tn_domain_def_get_vcpu(domain->live, 2).enabled);
    g_assert_true(tn_domain_def_get_vcpu(domain->live, 1).enabled);
    g_assert_cmpuint(fixture_count_events(f, "g removed vcpu2"), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
    set_count(domain, 3, LIVE);
    g_assert_cmpuint(domain->live->vcpus, ==, 3);
}

static void
test_those_of_the_start_stay(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='2'>4</vcpu>", "unplug=done");

    refuse_count(domain, 1, LIVE, VIR_ERR_OPERATION_INVALID,
                 "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu "
                 "count");
    g_assert_cmpuint(domain->live->vcpus, ==, 2);
}

static void
test_refused_unplug(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "unplug=refuse");

    set_count(domain, 2, LIVE | CONFIG);
    refuse_count(domain, 1, LIVE | CONFIG, VIR_ERR_OPERATION_FAILED,
                 "unplug of device was rejected by the guest");
    g_assert_cmpuint(domain->live->vcpus, ==, 2);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 2);
    g_assert_cmpuint(fixture_count_events(f, "g kept vcpu1"), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
}

static void
test_silent_guest(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "unplug=never");

    set_count(domain, 2, LIVE);
    refuse_count(domain, 1, LIVE, VIR_ERR_OPERATION_TIMEOUT,
                 "vcpu unplug request timed out. Unplug result must be manually inspected in the "
                 "domain");
    g_assert_cmpuint(domain->live->vcpus, ==, 2);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 1);
    fixture_tell_guest(domain, "{\"execute\":\"x-fake-eject\",\"arguments\":{\"id\":\"vcpu1\"}}");
    fixture_wait_event(f, "g removed vcpu1");
    g_assert_cmpuint(domain->live->vcpus, ==, 1);
}

static void
test_refused_plug(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "refuse=device_add");

    refuse_count(domain, 2, LIVE | CONFIG, VIR_ERR_INTERNAL_ERROR,
                 "unable to execute QEMU command 'device_add': refused by the test");
    g_assert_cmpuint(domain->live->vcpus, ==, 1);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 1);
    g_assert_false(fixture_has_file(f, f->config_dir, ".new"));
}

static void
test_limits(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "");

    refuse_count(domain, 5, LIVE, VIR_ERR_INVALID_ARG,
                 "requested vcpus is greater than max allowable vcpus for the live domain: 5 > 4");
    refuse_count(domain, 5, CONFIG, VIR_ERR_INVALID_ARG,
                 "requested vcpus is greater than max allowable vcpus for the persistent domain: "
                 "5 > 4");
    refuse_count(domain, 0, LIVE, VIR_ERR_INVALID_ARG,
                 "the number of virtual CPUs must be 1 to 255, not 0");
    refuse_count(domain, 6, LIVE | VIR_DOMAIN_VCPU_MAXIMUM, VIR_ERR_INVALID_ARG,
                 "maximum vcpu count of a live domain can't be modified");
    set_count(domain, 6, CONFIG | VIR_DOMAIN_VCPU_MAXIMUM);
    g_assert_cmpuint(domain->persistent->vcpus_max, ==, 6);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 1);
    set_count(domain, 5, CONFIG);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 5);
    g_assert_cmpuint(domain->live->vcpus, ==, 1);
}

static void
test_single_one(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "unplug=done");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_vcpu_set_enabled(domain, "3", TRUE, LIVE, &error));
    assert_xml(domain->live, "<vcpu id='3' enabled='yes' hotpluggable='yes' order='2'/>");
    assert_xml(domain->live, "<vcpu id='1' enabled='no' hotpluggable='yes'/>");
    g_assert_true(tn_vcpu_set_enabled(domain, "3", FALSE, LIVE, &error));
    g_assert_cmpuint(domain->live->vcpus, ==, 1);
    g_assert_true(tn_vcpu_set_enabled(domain, "2-3", TRUE, CONFIG, &error));
    assert_xml(domain->persistent, "<vcpu id='2' enabled='yes' hotpluggable='yes'/>");
}

static void
refuse_single(TnDomain *domain, const char *ids, gboolean enabled, unsigned flags, int code,
              const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_vcpu_set_enabled(domain, ids, enabled, flags, &error));
    g_assert_nonnull(error);
    g_assert_cmpint(error->code, ==, code);
    g_assert_cmpstr(error->message, ==, text);
}

static void
test_single_ones_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='2'>4</vcpu>", "");
    g_autoptr(GError) error = NULL;

    refuse_single(domain, "", TRUE, LIVE, VIR_ERR_INVALID_ARG,
                  "no vcpus selected for modification");
    refuse_single(domain, "1-x", TRUE, LIVE, VIR_ERR_INVALID_ARG,
                  "no vcpus selected for modification");
    refuse_single(domain, "4", TRUE, LIVE, VIR_ERR_INVALID_ARG,
                  "vcpu 4 is not present in live config");
    refuse_single(domain, "9", TRUE, CONFIG, VIR_ERR_INVALID_ARG,
                  "vcpu 9 is not present in persistent config");
    refuse_single(domain, "2-3", TRUE, LIVE, VIR_ERR_INVALID_ARG,
                  "only one hotpluggable entity can be selected");
    refuse_single(domain, "1", FALSE, LIVE, VIR_ERR_OPERATION_UNSUPPORTED,
                  "vcpu '1' can't be unplugged");
    g_assert_false(tn_vcpu_set_enabled(domain, "0", FALSE, CONFIG, &error));
    g_assert_cmpstr(error->message, ==, "XML error: vcpu 0 can't be offline");
    g_assert_cmpuint(domain->live->vcpus, ==, 2);
    g_assert_cmpuint(domain->persistent->vcpus, ==, 2);
}

static void
test_start_plugs_hotpluggable_ones_in_order(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(
        f,
        "<vcpu current='3'>4</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no' order='1'/>"
        "<vcpu id='1' enabled='yes' hotpluggable='yes' order='3'/>"
        "<vcpu id='2' enabled='no'/>"
        "<vcpu id='3' enabled='yes' hotpluggable='yes' order='2'/></vcpus>",
        "unplug=done");

    g_assert_cmpuint(domain->live->vcpus, ==, 3);
    set_count(domain, 1, LIVE);
    g_assert_cmpuint(fixture_count_events(f, "g removed vcpu3"), ==, 1);
    g_assert_cmpuint(fixture_count_events(f, "g removed vcpu1"), ==, 1);
}

static void
test_start_that_cannot_plug_fails(Fixture *f, gconstpointer data)
{
    g_autofree char *xml = g_strdup(
        "<domain type='kvm'><name>g</name><memory unit='MiB'>128</memory><vcpu>2</vcpu>"
        "<vcpus><vcpu id='0' enabled='yes'/><vcpu id='1' enabled='yes' hotpluggable='yes'/></vcpus>"
        "<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/dev/null</kernel>"
        "<cmdline>refuse=device_add</cmdline></os></domain>");
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomain) domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

    g_assert_no_error(error);
    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_cmpstr(error->message, ==,
                    "unable to execute QEMU command 'device_add': refused by the test");
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
}

static void
test_restart_keeps_them(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = start(f, "<vcpu current='1'>4</vcpu>", "unplug=never");
    g_autoptr(TnDomain) again = NULL;
    g_autoptr(GError) error = NULL;

    set_count(domain, 2, LIVE);
    /* Unseen by the daemon's definition, as if it had ended in between. */
    fixture_tell_guest(domain, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":"
                               "\"host-x86_64-cpu\",\"id\":\"vcpu3\",\"socket-id\":3}}");
    fixture_tell_guest(domain, "{\"execute\":\"x-fake-forget-cpu\",\"arguments\":{\"n\":1}}");
    fixture_stop_driver(f);
    fixture_start_driver(f);
    again = tn_domain_list_find_name(tn_driver_get_domains(f->driver), "g", &error);
    g_assert_no_error(error);
    fixture_wait_job(again);
    g_assert_false(tn_domain_def_get_vcpu(again->live, 1).enabled);
    g_assert_true(tn_domain_def_get_vcpu(again->live, 3).enabled);
    g_assert_cmpuint(again->live->vcpus, ==, 2);
    fixture_wait_event(f, "g removed vcpu1");
    fixture_wait_event(f, "g added vcpu3");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/vcpu/running-guest-tells-vcpus-apart", test_running_guest_tells_vcpus_apart);
    ADD("/driver/vcpu/plug", test_plug);
    ADD("/driver/vcpu/live-and-config", test_live_and_config);
    ADD("/driver/vcpu/unplug-takes-the-last", test_unplug_takes_the_last);
    ADD("/driver/vcpu/those-of-the-start-stay", test_those_of_the_start_stay);
    ADD("/driver/vcpu/refused-unplug", test_refused_unplug);
    ADD("/driver/vcpu/silent-guest", test_silent_guest);
    ADD("/driver/vcpu/refused-plug", test_refused_plug);
    ADD("/driver/vcpu/limits", test_limits);
    ADD("/driver/vcpu/single-one", test_single_one);
    ADD("/driver/vcpu/single-ones-refused", test_single_ones_refused);
    ADD("/driver/vcpu/start-plugs-hotpluggable-ones-in-order",
        test_start_plugs_hotpluggable_ones_in_order);
    ADD("/driver/vcpu/start-that-cannot-plug-fails", test_start_that_cannot_plug_fails);
    ADD("/driver/vcpu/restart-keeps-them", test_restart_keeps_them);
    return g_test_run();
}
