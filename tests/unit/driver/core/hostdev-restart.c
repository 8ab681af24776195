/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices across the end of the daemon, at any moment, and of guests that nobody watches. */
#include "driver/core/hotplug.h"
#include "driver/core/monitor.h"
#include "driver/core/process.h"
#include "tests/unit/driver/core/hostdev-fixture.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ADD(path, func) g_test_add(path, Fixture, NULL, hostdev_set_up, func, fixture_tear_down)
#define LIVE VIR_DOMAIN_AFFECT_LIVE
#define LIMIT_MS 20000

static void
restart(Fixture *f)
{
    fixture_stop_driver(f);
    fixture_start_driver(f);
}

/* The domain as the new daemon knows it, when it has had its look at the guest. */
static TnDomain *
find(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    TnDomain *domain = tn_domain_list_find_name(tn_driver_get_domains(f->driver), "g", &error);

    g_assert_no_error(error);
    fixture_wait_job(domain);
    return domain;
}

static gpointer
attach_thread(gpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_attach(data, NVME_XML, LIVE, &error));
    return NULL;
}

/* Stops the daemon in the middle of an attach whose device_add gets no answer. */
static void
stop_in_attach(Fixture *f, const char *words)
{
    TnDomain *domain = fixture_start(f, "g", words);
    GThread *thread = g_thread_new("attach", attach_thread, domain);
    gint64 until = g_get_monotonic_time() + LIMIT_MS * 1000;
    gboolean asked = FALSE;

    while (!asked) {
        /* Past the domain's job, which the attach holds. */
        g_autoptr(TnQmpClient) qmp = tn_monitor_get(domain, NULL);
        json_object *reply = tn_qmp_client_call(qmp, "x-fake-hostdevs", NULL, NULL, 0, LIMIT_MS,
                                                NULL);

        asked = strstr(json_object_to_json_string(reply), "device_add") != NULL;
        json_object_put(reply);
        g_assert_cmpint(g_get_monotonic_time(), <, until);
    }
    /* As the daemon does when it ends: calls first. */
    tn_monitor_cancel(domain);
    g_thread_join(thread);
    tn_domain_unref(domain);
    fixture_stop_driver(f);
}

static void
test_assigned_device_stays(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    g_autoptr(TnDomain) again = NULL;

    hostdev_attach(domain, NVME_XML);
    fixture_wait_job(domain);
    restart(f);
    again = find(f);
    hostdev_assert_away(f);
    g_assert_cmpuint(hostdev_n_live(again), ==, 1);
    hostdev_refuse(again, NVME_XML, VIR_ERR_OPERATION_INVALID,
                   "Requested operation is not valid: PCI device " NVME
                   " is in use by driver QEMU, domain g");
    hostdev_detach(again, NVME_XML);
    hostdev_assert_home(f);
    hostdev_assert_monitor(again, "0 0 0");
}

static void
test_attach_that_never_came_is_put_right(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) again = NULL;

    stop_in_attach(f, "hang=device_add");
    hostdev_assert_away(f);
    fixture_start_driver(f);
    again = find(f);
    hostdev_wait_home(f);
    g_assert_cmpuint(hostdev_n_live(again), ==, 0);
    hostdev_assert_monitor(again, "0 0 0");
    g_assert_cmpuint(fixture_count_events(f, "g removed hostdev0"), ==, 0);
}

static void
test_attach_that_came_through_is_known(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) again = NULL;

    stop_in_attach(f, "lose=device_add unplug=never");
    fixture_start_driver(f);
    again = find(f);
    hostdev_assert_away(f);
    fixture_wait_event(f, "g added hostdev0");
    g_assert_cmpuint(hostdev_n_live(again), ==, 1);
    hostdev_assert_monitor(again, "1 1 0");
    fixture_tell_guest(again,
                       "{\"execute\":\"x-fake-eject\",\"arguments\":{\"id\":\"hostdev0\"}}");
    fixture_wait_event(f, "g removed hostdev0");
    hostdev_assert_home(f);
}

static void
test_device_that_went_meanwhile(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=never");
    g_autoptr(TnDomain) again = NULL;

    hostdev_attach(domain, NVME_XML);
    /* No event tells of it: as if it came while nobody listened. */
    fixture_tell_guest(domain,
                       "{\"execute\":\"x-fake-forget\",\"arguments\":{\"id\":\"hostdev0\"}}");
    restart(f);
    again = find(f);
    fixture_wait_event(f, "g removed hostdev0");
    hostdev_assert_home(f);
    g_assert_cmpuint(hostdev_n_live(again), ==, 0);
}

static void
test_guest_that_died_meanwhile(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    TnProcess process;

    hostdev_attach(domain, NVME_XML);
    g_assert_true(tn_process_reopen(domain->process.pid, domain->process.start_time, &process));
    fixture_stop_driver(f);
    tn_process_kill(process.pidfd, SIGKILL);
    g_assert_true(tn_process_wait(process.pidfd, LIMIT_MS));
    tn_process_reap(process.pidfd);
    hostdev_assert_away(f);
    fixture_start_driver(f);
    hostdev_wait_home(f);
    close(process.pidfd);
}

/* A daemon that was killed between record and bind, or between bind and the guest's start. */
static void
test_record_without_a_guest(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->state_dir, NVME ".hostdev", NULL);
    g_autoptr(GError) error = NULL;

    fixture_stop_driver(f);
    g_assert_true(g_file_set_contents(path,
                                      "[device]\naddress=" NVME "\ndriver=nvme\n"
                                      "owner=c7a5fdbd-cdaf-9455-926a-d65c16db1809\nowner-name=x\n"
                                      "alias=hostdev0\ndetached=false\nmanaged=true\ngroup=7\n",
                                      -1, NULL));
    fixture_start_driver(f);
    hostdev_wait_home(f);
    fixture_stop_driver(f);
    g_assert_true(tn_pci_host_bind(f->pci.host, NVME, NULL, "vfio-pci", &error));
    g_assert_true(g_file_set_contents(path,
                                      "[device]\naddress=" NVME "\ndriver=nvme\n"
                                      "detached=false\nmanaged=true\ngroup=7\n",
                                      -1, NULL));
    fixture_start_driver(f);
    hostdev_wait_home(f);
}

static void
test_broken_record_is_passed_over(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->state_dir, NVME ".hostdev", NULL);

    fixture_stop_driver(f);
    g_assert_true(g_file_set_contents(path, "[device]\nowner=x\n", -1, NULL));
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*is no record of a host device*");
    fixture_start_driver(f);
    g_test_assert_expected_messages();
    fake_pci_assert(&f->pci, NVME, "nvme", "-");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/hostdev/restart/assigned-device-stays", test_assigned_device_stays);
    ADD("/driver/hostdev/restart/attach-that-never-came-is-put-right",
        test_attach_that_never_came_is_put_right);
    ADD("/driver/hostdev/restart/attach-that-came-through-is-known",
        test_attach_that_came_through_is_known);
    ADD("/driver/hostdev/restart/device-that-went-meanwhile", test_device_that_went_meanwhile);
    ADD("/driver/hostdev/restart/guest-that-died-meanwhile", test_guest_that_died_meanwhile);
    ADD("/driver/hostdev/restart/record-without-a-guest", test_record_without_a_guest);
    ADD("/driver/hostdev/restart/broken-record-is-passed-over",
        test_broken_record_is_passed_over);
    return g_test_run();
}
