/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory attached and detached: success, refusal, silence, and what is rolled back. */
#include "driver/core/hotplug.h"

#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <string.h>

#include "driver/core/lifecycle.h"
#include "driver/core/passthrough.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
#define LIVE VIR_DOMAIN_AFFECT_LIVE
#define CONFIG VIR_DOMAIN_AFFECT_CONFIG

static void
attach(TnDomain *domain, unsigned flags)
{
    g_autoptr(GError) error = NULL;

    (void)tn_hotplug_attach(domain, fixture_dimm, flags, &error);
    g_assert_no_error(error);
}

static char *
query(TnDomain *domain, const char *command)
{
    g_autofree char *json = g_strdup_printf("{\"execute\":\"%s\"}", command);
    g_autoptr(GError) error = NULL;
    char *reply = tn_passthrough_qmp(domain, json, &error);

    g_assert_no_error(error);
    return reply;
}

static void
test_attach_shows_address(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    const TnMemoryDevice *dimm;

    attach(domain, LIVE);
    fixture_wait_event(f, "g added memdimm0");
    dimm = tn_domain_def_memory_device(domain->live, 0);
    g_assert_cmpstr(dimm->base.info.alias, ==, "dimm0");
    g_assert_cmpint(dimm->base.info.address.dimm.slot, ==, 0);
    g_assert_cmpuint(dimm->base.info.address.dimm.base, ==, 0x100000000);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 0);
}

static void
test_attach_takes_next_slot(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    attach(domain, LIVE);
    attach(domain, LIVE);
    g_assert_cmpint(tn_domain_def_memory_device(domain->live, 1)->base.info.address.dimm.slot, ==,
                    1);
}

static void
test_attach_live_and_config(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autofree char *path = g_build_filename(f->config_dir, "g.xml", NULL);
    g_autofree char *text = NULL;

    attach(domain, LIVE | CONFIG);
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 1);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 1);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "<memory model='dimm'>"));
}

static void
test_refused_device_takes_backend_back(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "refuse=device_add");
    g_autoptr(GError) error = NULL;
    g_autofree char *backends = NULL;

    g_assert_false(tn_hotplug_attach(domain, fixture_dimm, LIVE | CONFIG, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpstr(error->message, ==,
                    "unable to execute QEMU command 'device_add': refused by the test");
    backends = query(domain, "query-memdev");
    g_assert_null(strstr(backends, "memdimm0"));
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 0);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 0);
    g_assert_false(fixture_has_file(f, f->config_dir, ".new"));
}

static void
test_unwritable_definition_leaves_guest_alone(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autofree char *obstacle = g_build_filename(f->config_dir, "g.xml.new", NULL);
    g_autofree char *dimms = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir(obstacle, 0700), ==, 0);
    g_assert_false(tn_hotplug_attach(domain, fixture_dimm, LIVE | CONFIG, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR);
    dimms = query(domain, "query-memory-devices");
    g_assert_cmpstr(dimms, ==, "{\"return\":[]}");
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 0);
}

static void
test_attach_beyond_slots_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 4; i++) {
        attach(domain, LIVE);
    }
    g_assert_false(tn_hotplug_attach(domain, fixture_dimm, LIVE, &error));
    g_assert_nonnull(error);
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 4);
}

static void
test_flags_must_fit_state(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_attach(domain, fixture_dimm, LIVE | CONFIG, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(error->message, ==, "domain is not running");
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 0);
    attach(domain, VIR_DOMAIN_AFFECT_CURRENT);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 1);
}

static void
test_detach_waits_for_the_guest(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    g_autoptr(GError) error = NULL;
    g_autofree char *backends = NULL;

    attach(domain, LIVE | CONFIG);
    g_assert_true(tn_hotplug_detach(domain, fixture_dimm, LIVE | CONFIG, &error));
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 0);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 0);
    g_assert_cmpuint(fixture_count_events(f, "g removed dimm0"), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
    backends = query(domain, "query-memdev");
    g_assert_null(strstr(backends, "memdimm0"));
}

static void
test_refused_detach_is_an_error(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=refuse");
    g_autoptr(GError) error = NULL;

    attach(domain, LIVE | CONFIG);
    g_assert_false(tn_hotplug_detach(domain, fixture_dimm, LIVE | CONFIG, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 1);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 1);
    /* The monitor says it in three ways. */
    g_assert_cmpuint(fixture_count_events(f, "g kept dimm0"), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
}

static void
test_late_answer_is_told(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=never");
    g_autoptr(GError) error = NULL;

    attach(domain, LIVE);
    g_assert_true(tn_hotplug_detach_alias(domain, "dimm0", LIVE, &error));
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 1);
    fixture_tell_guest(domain, "{\"execute\":\"x-fake-eject\",\"arguments\":{\"id\":\"dimm0\"}}");
    fixture_wait_event(f, "g removed dimm0");
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 0);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
}

static void
test_silent_guest_is_pending(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=never");
    g_autoptr(GError) error = NULL;

    attach(domain, LIVE);
    g_assert_true(tn_hotplug_detach(domain, fixture_dimm, LIVE, &error));
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 1);
    fixture_tell_guest(domain, "{\"execute\":\"x-fake-refuse\",\"arguments\":{\"id\":\"dimm0\"}}");
    fixture_wait_event(f, "g kept dimm0");
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
}

static void
test_unknown_device_cannot_be_detached(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_detach(domain, fixture_dimm, LIVE, &error));
    g_assert_cmpint(error->code, ==, VIR_ERR_DEVICE_MISSING);
    g_clear_error(&error);
    g_assert_false(tn_hotplug_detach_alias(domain, "dimm9", LIVE, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_DEVICE_MISSING);
}

static void
test_other_kinds_are_refused_live(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_attach(domain, "<serial type='pty'/>", LIVE, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_UNSUPPORTED);
}

static void
test_monitor_that_vanishes_in_an_attach(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "vanish=device_add");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_attach(domain, fixture_dimm, LIVE | CONFIG, &error));
    fixture_wait_event(f, "g lifecycle 5 2");
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 0);
}

static gpointer
destroy_thread(gpointer data)
{
    (void)tn_lifecycle_destroy(data, 0, NULL);
    return NULL;
}

static void
test_destroy_during_a_detach(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=never");
    g_autoptr(GError) error = NULL;
    GThread *thread;

    attach(domain, LIVE | CONFIG);
    thread = g_thread_new("destroy", destroy_thread, domain);
    /* Before, at, or after the destruction: never a success, never stuck. */
    g_assert_false(tn_hotplug_detach(domain, fixture_dimm, LIVE | CONFIG, &error));
    g_thread_join(thread);
    g_assert_cmpuint(fixture_n_config_dimms(domain), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/hotplug/attach-shows-address", test_attach_shows_address);
    ADD("/driver/hotplug/attach-takes-next-slot", test_attach_takes_next_slot);
    ADD("/driver/hotplug/attach-live-and-config", test_attach_live_and_config);
    ADD("/driver/hotplug/refused-device-takes-backend-back",
        test_refused_device_takes_backend_back);
    ADD("/driver/hotplug/unwritable-definition-leaves-guest-alone",
        test_unwritable_definition_leaves_guest_alone);
    ADD("/driver/hotplug/attach-beyond-slots-is-refused", test_attach_beyond_slots_is_refused);
    ADD("/driver/hotplug/flags-must-fit-state", test_flags_must_fit_state);
    ADD("/driver/hotplug/detach-waits-for-the-guest", test_detach_waits_for_the_guest);
    ADD("/driver/hotplug/refused-detach-is-an-error", test_refused_detach_is_an_error);
    ADD("/driver/hotplug/late-answer-is-told", test_late_answer_is_told);
    ADD("/driver/hotplug/silent-guest-is-pending", test_silent_guest_is_pending);
    ADD("/driver/hotplug/unknown-device-cannot-be-detached",
        test_unknown_device_cannot_be_detached);
    ADD("/driver/hotplug/other-kinds-are-refused-live", test_other_kinds_are_refused_live);
    ADD("/driver/hotplug/monitor-that-vanishes-in-an-attach",
        test_monitor_that_vanishes_in_an_attach);
    ADD("/driver/hotplug/destroy-during-a-detach", test_destroy_during_a_detach);
    return g_test_run();
}
