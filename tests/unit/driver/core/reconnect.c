/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A daemon ends, things happen, another one comes. */
#include "driver/core/reconnect.h"

#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/core/hotplug.h"
#include "driver/core/lifecycle.h"
#include "driver/core/process.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

static TnDomain *
find(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    TnDomain *domain = tn_domain_list_find_name(tn_driver_get_domains(f->driver), "g", &error);

    g_assert_no_error(error);
    return domain;
}

/* Talks to the guest's monitor while no daemon does: negotiates and runs @command. */
static void
tell_orphan(const char *monitor, const char *command)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    g_autofree char *text = g_strdup_printf("{\"execute\":\"qmp_capabilities\"}\n%s\n", command);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    guint returns = 0;
    char buffer[4096];

    g_strlcpy(addr.sun_path, monitor, sizeof(addr.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t)strlen(text));
    while (returns < 2) {
        ssize_t n = read(fd, buffer, sizeof(buffer) - 1);

        g_assert_cmpint(n, >, 0);
        buffer[n] = '\0';
        for (const char *at = buffer; (at = strstr(at, "\"return\"")); at++) {
            returns++;
        }
    }
    close(fd);
}

/* Ends the daemon, has the guest do @command, brings a daemon back. (transfer full) */
static TnDomain *
restart(Fixture *f, TnDomain *domain, const char *command)
{
    g_autofree char *monitor = g_strdup(domain->process.monitor_path);
    TnDomain *found;

    tn_domain_unref(domain);
    fixture_stop_driver(f);
    if (command) {
        tell_orphan(monitor, command);
    }
    fixture_start_driver(f);
    found = find(f);
    fixture_wait_job(found);
    return found;
}

static void
test_running_guest_is_found(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "");
    pid_t pid = before->process.pid;
    g_autoptr(TnDomain) domain = restart(f, before, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(domain->process.pid, ==, pid);
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpint(domain->live->id, ==, 1);
    g_assert_cmpstr(tn_domain_def_serial(domain->live, 0)->source.path, ==, "/dev/pts/fake");
    g_assert_true(tn_lifecycle_suspend(domain, &error));
    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
}

static void
test_new_ids_follow_old_ones(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = restart(f, fixture_start(f, "g", ""), NULL);
    g_autoptr(TnDomain) other = fixture_start(f, "h", "");

    g_assert_cmpint(other->live->id, >, domain->live->id);
}

static void
test_pause_meanwhile_is_told(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = restart(f, fixture_start(f, "g", ""), "{\"execute\":\"stop\"}");

    fixture_wait_event(f, "g lifecycle 3 0");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PAUSED);
}

static void
test_sleep_meanwhile_is_told(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = restart(f, fixture_start(f, "g", ""),
                                         "{\"execute\":\"x-fake-suspend\"}");

    fixture_wait_event(f, "g lifecycle 7 0");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PMSUSPENDED);
}

static void
test_power_off_meanwhile_is_told(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = restart(f, fixture_start(f, "g", ""),
                                         "{\"execute\":\"system_powerdown\"}");

    fixture_wait_event(f, "g lifecycle 6 1");
    fixture_wait_event(f, "g lifecycle 5 0");
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
}

static void
test_guest_that_died_is_forgotten(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "");
    int pidfd = before->process.pidfd;
    g_autoptr(TnDomain) domain = NULL;

    pidfd = dup(pidfd);
    tn_domain_unref(before);
    fixture_stop_driver(f);
    tn_process_kill(pidfd, SIGKILL);
    g_assert_true(tn_process_wait(pidfd, 10000));
    tn_process_reap(pidfd);
    close(pidfd);
    g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE, "*ended while no daemon was there*");
    fixture_start_driver(f);
    g_test_assert_expected_messages();
    domain = find(f);
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_SHUTOFF);
    g_assert_false(fixture_has_file(f, f->state_dir, ".state"));
}

static void
test_dimm_that_went_is_told(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "unplug=never");
    g_autoptr(TnDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_hotplug_attach(before, fixture_dimm, VIR_DOMAIN_AFFECT_LIVE, &error));
    g_assert_true(tn_hotplug_detach_alias(before, "dimm0", VIR_DOMAIN_AFFECT_LIVE, &error));
    domain = restart(f, before, "{\"execute\":\"x-fake-eject\",\"arguments\":{\"id\":\"dimm0\"}}");
    fixture_wait_event(f, "g removed dimm0");
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 0);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
}

static void
test_refusal_meanwhile_is_told(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "unplug=never");
    g_autoptr(TnDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_hotplug_attach(before, fixture_dimm, VIR_DOMAIN_AFFECT_LIVE, &error));
    g_assert_true(tn_hotplug_detach_alias(before, "dimm0", VIR_DOMAIN_AFFECT_LIVE, &error));
    domain = restart(f, before,
                     "{\"execute\":\"x-fake-refuse\",\"arguments\":{\"id\":\"dimm0\"}}");
    fixture_wait_event(f, "g kept dimm0");
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 1);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 0);
}

static void
test_pending_unplug_stays_pending(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "unplug=never");
    g_autoptr(TnDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_hotplug_attach(before, fixture_dimm, VIR_DOMAIN_AFFECT_LIVE, &error));
    g_assert_true(tn_hotplug_detach_alias(before, "dimm0", VIR_DOMAIN_AFFECT_LIVE, &error));
    domain = restart(f, before, NULL);
    g_assert_cmpuint(g_hash_table_size(domain->unplugs), ==, 1);
    fixture_tell_guest(domain, "{\"execute\":\"x-fake-eject\",\"arguments\":{\"id\":\"dimm0\"}}");
    fixture_wait_event(f, "g removed dimm0");
}

static void
test_attach_cut_short_is_completed(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "");
    g_autoptr(TnDomain) domain = NULL;

    /* As if the daemon had been killed after device_add and before it noted it. */
    fixture_tell_guest(before, "{\"execute\":\"object-add\",\"arguments\":{\"id\":\"memdimm0\","
                               "\"size\":268435456}}");
    domain = restart(f, before,
                     "{\"execute\":\"x-fake-plug\",\"arguments\":{\"id\":\"dimm0\","
                     "\"memdev\":\"memdimm0\",\"slot\":2}}");
    fixture_wait_event(f, "g added memdimm0");
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 1);
    g_assert_cmpint(tn_domain_def_memory_device(domain->live, 0)->base.info.address.dimm.slot, ==,
                    2);
}

static void
test_orphaned_backend_is_deleted(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "");
    g_autoptr(TnDomain) domain = NULL;

    fixture_tell_guest(before, "{\"execute\":\"object-add\",\"arguments\":{\"id\":\"memdimm0\","
                               "\"size\":268435456}}");
    domain = restart(f, before, NULL);
    /* Its place is free: the fake refuses nothing, but a second one would have the same name. */
    fixture_tell_guest(domain, "{\"execute\":\"object-add\",\"arguments\":{\"id\":\"x\","
                               "\"size\":1}}");
    fixture_tell_guest(domain, "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"x\"}}");
    g_assert_true(tn_hotplug_attach(domain, fixture_dimm, VIR_DOMAIN_AFFECT_LIVE, NULL));
}

static void
test_silent_monitor_leaves_guest_alone(Fixture *f, gconstpointer data)
{
    TnDomain *before = fixture_start(f, "g", "");
    g_autofree char *monitor = g_strdup(before->process.monitor_path);
    g_autoptr(TnDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    tn_domain_unref(before);
    fixture_stop_driver(f);
    g_assert_cmpint(g_unlink(monitor), ==, 0);
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*its monitor does not answer*");
    fixture_start_driver(f);
    domain = find(f);
    fixture_wait_job(domain);
    g_test_assert_expected_messages();
    g_assert_false(tn_lifecycle_suspend(domain, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR);
    g_clear_error(&error);
    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
}

static void
test_broken_files_are_passed_over(Fixture *f, gconstpointer data)
{
    g_autofree char *state = g_build_filename(f->state_dir, "x.state", NULL);
    g_autofree char *xml = g_build_filename(f->config_dir, "x.xml", NULL);
    g_autoptr(TnDomain) domain = NULL;

    tn_domain_unref(fixture_define(f, "g", ""));
    fixture_stop_driver(f);
    g_assert_true(g_file_set_contents(state, "[run]\nid=", -1, NULL));
    g_assert_true(g_file_set_contents(xml, "<domain", -1, NULL));
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*x.xml*passed over");
    g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*x.state*passed over");
    fixture_start_driver(f);
    g_test_assert_expected_messages();
    domain = find(f);
    g_assert_nonnull(domain->persistent);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/reconnect/running-guest-is-found", test_running_guest_is_found);
    ADD("/driver/reconnect/new-ids-follow-old-ones", test_new_ids_follow_old_ones);
    ADD("/driver/reconnect/pause-meanwhile-is-told", test_pause_meanwhile_is_told);
    ADD("/driver/reconnect/sleep-meanwhile-is-told", test_sleep_meanwhile_is_told);
    ADD("/driver/reconnect/power-off-meanwhile-is-told", test_power_off_meanwhile_is_told);
    ADD("/driver/reconnect/guest-that-died-is-forgotten", test_guest_that_died_is_forgotten);
    ADD("/driver/reconnect/dimm-that-went-is-told", test_dimm_that_went_is_told);
    ADD("/driver/reconnect/refusal-meanwhile-is-told", test_refusal_meanwhile_is_told);
    ADD("/driver/reconnect/pending-unplug-stays-pending", test_pending_unplug_stays_pending);
    ADD("/driver/reconnect/attach-cut-short-is-completed", test_attach_cut_short_is_completed);
    ADD("/driver/reconnect/orphaned-backend-is-deleted", test_orphaned_backend_is_deleted);
    ADD("/driver/reconnect/silent-monitor-leaves-guest-alone",
        test_silent_monitor_leaves_guest_alone);
    ADD("/driver/reconnect/broken-files-are-passed-over", test_broken_files_are_passed_over);
    return g_test_run();
}
