/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests started, ended, hung and vanished: what the driver makes of them. */
#include <libvirt/libvirt.h>
#include <string.h>

#include "driver/core/hotplug.h"
#include "driver/core/lifecycle.h"
#include "driver/core/passthrough.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

static void
test_start_tells_and_records(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    fixture_wait_event(f, "g lifecycle 2 0");
    fixture_wait_event(f, "g lifecycle 4 0");
    g_mutex_lock(&domain->lock);
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_RUNNING_BOOTED);
    g_assert_cmpstr(tn_domain_def_serial(domain->live, 0)->source.path, ==, "/dev/pts/fake");
    g_mutex_unlock(&domain->lock);
    g_assert_true(fixture_has_file(f, f->state_dir, ".state"));
}

static void
test_program_that_dies_is_quoted(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "die=no-such-thing");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR);
    g_assert_nonnull(strstr(error->message, "tenon-vmm: no-such-thing"));
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_FAILED);
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 2 0"), ==, 0);
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 5 5"), ==, 0);
}

static void
test_refused_cont_leaves_nothing(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "refuse=cont");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_nonnull(strstr(error->message, "refused by the test"));
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
    g_assert_false(fixture_has_file(f, f->state_dir, ".state"));
    g_assert_false(fixture_has_file(f, f->state_dir, ".monitor"));
}

static void
test_second_start_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(error->message, ==, "domain is already running");
}

static void
test_destroy_tells_once(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_DESTROYED);
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 5 1"), ==, 1);
    g_assert_false(tn_lifecycle_destroy(domain, 0, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(error->message, ==, "domain is not running");
}

static void
test_destroy_kills_what_ignores_sigterm(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "ignore-term");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_SHUTOFF);
}

static gpointer
suspend_thread(gpointer data)
{
    GError *error = NULL;

    g_assert_false(tn_lifecycle_suspend(data, &error));
    return error;
}

/* Until somebody holds the domain's job. */
static void
wait_busy(TnDomain *domain)
{
    gint64 until = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    gboolean busy;

    do {
        g_mutex_lock(&domain->lock);
        busy = domain->job != NULL;
        g_mutex_unlock(&domain->lock);
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        g_thread_yield();
    } while (!busy);
}

static void
test_hung_monitor_stops_neither_reads_nor_destroy(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "hang=stop");
    g_autoptr(GThread) thread = g_thread_new("suspend", suspend_thread, g_steal_pointer(&domain));
    g_autoptr(TnDomain) found = tn_domain_list_find_name(tn_driver_get_domains(f->driver), "g",
                                                         NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) why = NULL;
    g_autofree char *name = NULL;

    g_assert_nonnull(found);
    /* The thread holds the job, and so waits for the monitor, which has not stopped anything. */
    wait_busy(found);
    g_assert_cmpint(found->state, ==, VIR_DOMAIN_RUNNING);
    name = tn_domain_dup_name(found);
    g_assert_cmpstr(name, ==, "g");
    g_assert_true(tn_lifecycle_destroy(found, 0, &error));
    why = g_thread_join(g_steal_pointer(&thread));
    g_assert_nonnull(why);
    g_assert_cmpint(found->state, ==, VIR_DOMAIN_SHUTOFF);
    tn_domain_unref(found); /* the thread's */
}

static void
test_guest_powers_off(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_shutdown(domain, 0, &error));
    fixture_wait_event(f, "g lifecycle 6 1");
    fixture_wait_event(f, "g lifecycle 5 0");
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
}

static void
test_reboot_resets_after_power_off(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_reboot(domain, 0, &error));
    fixture_wait_event(f, "g reboot ");
    fixture_wait_state(domain, VIR_DOMAIN_RUNNING);
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 5 0"), ==, 0);
}

static void
test_vanished_program_counts_as_crashed(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "vanish=stop");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_lifecycle_suspend(domain, &error));
    fixture_wait_event(f, "g lifecycle 5 2");
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_CRASHED);
    g_assert_false(fixture_has_file(f, f->state_dir, ".state"));
}

static void
test_transient_domain_is_forgotten(Fixture *f, gconstpointer data)
{
    g_autofree char *xml = fixture_xml("t", "");
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomain) domain = tn_lifecycle_create_xml(f->driver, xml, 0, NULL, &error);
    g_autoptr(TnDomain) found = NULL;

    g_assert_no_error(error);
    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
    found = tn_domain_list_find_name(tn_driver_get_domains(f->driver), "t", &error);
    g_assert_null(found);
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN);
    g_assert_cmpstr(error->message, ==, "no domain with matching name 't'");
}

static void
test_failed_transient_start_leaves_no_domain(Fixture *f, gconstpointer data)
{
    g_autofree char *xml = fixture_xml("t", "die=early");
    g_autoptr(GPtrArray) all = NULL;

    g_assert_null(tn_lifecycle_create_xml(f->driver, xml, 0, NULL, NULL));
    all = tn_domain_list_get_all(tn_driver_get_domains(f->driver));
    g_assert_cmpuint(all->len, ==, 0);
}

static void
test_suspend_and_resume_tell_once(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_suspend(domain, &error));
    g_assert_true(tn_lifecycle_suspend(domain, &error));
    g_assert_true(tn_lifecycle_resume(domain, &error));
    g_assert_false(tn_lifecycle_resume(domain, &error));
    g_assert_cmpstr(error->message, ==, "domain is already running");
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 3 0"), ==, 1);
    g_assert_cmpuint(fixture_count_events(f, "g lifecycle 4 0"), ==, 2);
}

static void
test_guest_that_stops_by_itself_shows(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    fixture_tell_guest(domain, "{\"execute\":\"stop\"}");
    fixture_wait_event(f, "g lifecycle 3 0");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PAUSED);
}

static void
test_guest_that_sleeps_shows(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    fixture_tell_guest(domain, "{\"execute\":\"x-fake-suspend\"}");
    fixture_wait_event(f, "g lifecycle 7 0");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PMSUSPENDED);
    g_assert_false(tn_lifecycle_suspend(domain, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(error->message, ==, "domain is pmsuspended");
    g_clear_error(&error);
    g_assert_false(tn_lifecycle_resume(domain, &error));
    g_assert_cmpstr(error->message, ==, "domain is pmsuspended");
}

/* The news may come before the answer to our "cont". */
static void
test_guest_that_sleeps_when_resumed_shows(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_suspend(domain, &error));
    fixture_tell_guest(domain, "{\"execute\":\"x-fake-suspend\"}");
    fixture_wait_event(f, "g lifecycle 7 0");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PMSUSPENDED);
}

static void
test_wakeup_ends_sleep(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    fixture_tell_guest(domain, "{\"execute\":\"x-fake-suspend\"}");
    fixture_wait_event(f, "g lifecycle 7 0");
    g_assert_true(tn_lifecycle_pm_wakeup(domain, &error));
    fixture_wait_event(f, "g lifecycle 2 4");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_RUNNING_WAKEUP);
}

static void
test_refused_wakeup_is_quoted(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "refuse=system_wakeup");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_lifecycle_pm_wakeup(domain, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpstr(error->message, ==,
                    "unable to execute QEMU command 'system_wakeup': refused by the test");
}

static void
test_reset_of_sleeping_guest_leaves_it_paused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    fixture_tell_guest(domain, "{\"execute\":\"x-fake-suspend\"}");
    fixture_wait_event(f, "g lifecycle 7 0");
    g_assert_true(tn_lifecycle_reset(domain, &error));
    fixture_wait_event(f, "g lifecycle 3 0");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PAUSED);
    g_assert_true(tn_lifecycle_resume(domain, &error));
}

static void
test_passthrough_shows_monitor_errors(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "refuse=query-status");
    g_autoptr(GError) error = NULL;
    g_autofree char *reply = tn_passthrough_qmp(domain, "{\"execute\":\"query-status\",\"id\":7}",
                                                &error);
    g_autofree char *said = tn_passthrough_human(domain, "info x", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(reply, ==,
                    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"refused by the test\"},"
                    "\"id\":7}");
    g_assert_cmpstr(said, ==, "you said info x");
    g_assert_null(tn_passthrough_qmp(domain, "{\"execute\":", &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/run/start-tells-and-records", test_start_tells_and_records);
    ADD("/driver/run/program-that-dies-is-quoted", test_program_that_dies_is_quoted);
    ADD("/driver/run/refused-cont-leaves-nothing", test_refused_cont_leaves_nothing);
    ADD("/driver/run/second-start-is-refused", test_second_start_is_refused);
    ADD("/driver/run/destroy-tells-once", test_destroy_tells_once);
    ADD("/driver/run/destroy-kills-what-ignores-sigterm", test_destroy_kills_what_ignores_sigterm);
    ADD("/driver/run/hung-monitor-stops-neither-reads-nor-destroy",
        test_hung_monitor_stops_neither_reads_nor_destroy);
    ADD("/driver/run/guest-powers-off", test_guest_powers_off);
    ADD("/driver/run/reboot-resets-after-power-off", test_reboot_resets_after_power_off);
    ADD("/driver/run/vanished-program-counts-as-crashed", test_vanished_program_counts_as_crashed);
    ADD("/driver/run/transient-domain-is-forgotten", test_transient_domain_is_forgotten);
    ADD("/driver/run/failed-transient-start-leaves-no-domain",
        test_failed_transient_start_leaves_no_domain);
    ADD("/driver/run/suspend-and-resume-tell-once", test_suspend_and_resume_tell_once);
    ADD("/driver/run/guest-that-stops-by-itself-shows", test_guest_that_stops_by_itself_shows);
    ADD("/driver/run/guest-that-sleeps-shows", test_guest_that_sleeps_shows);
    ADD("/driver/run/guest-that-sleeps-when-resumed-shows",
        test_guest_that_sleeps_when_resumed_shows);
    ADD("/driver/run/wakeup-ends-sleep", test_wakeup_ends_sleep);
    ADD("/driver/run/refused-wakeup-is-quoted", test_refused_wakeup_is_quoted);
    ADD("/driver/run/reset-of-sleeping-guest-leaves-it-paused",
        test_reset_of_sleeping_guest_leaves_it_paused);
    ADD("/driver/run/passthrough-shows-monitor-errors", test_passthrough_shows_monitor_errors);
    return g_test_run();
}
