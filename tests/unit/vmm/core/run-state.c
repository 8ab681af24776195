/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run states, their events, and the clock that stands while the guest does. */
#include "vmm/core/run-state.h"

#include "vmm/core/clock.h"
#include "vmm/core/events.h"

typedef struct Fixture {
    TnClock *clock;
    TnEvents *events;
    TnRunStateControl *rs;
    GString *log; /* what happened, in order */
    gboolean lost; /* the guest does not say where it wakes up */
} Fixture;

static void
log_event(void *opaque, const char *name, json_object *data, gint64 time_us)
{
    g_string_append_printf(((Fixture *)opaque)->log, "%s ", name);
}

static void
op_pause(void *opaque)
{
    g_string_append(((Fixture *)opaque)->log, "pause ");
}

static void
op_resume(void *opaque)
{
    g_string_append(((Fixture *)opaque)->log, "resume ");
}

static void
op_reset(void *opaque)
{
    g_string_append(((Fixture *)opaque)->log, "reset ");
}

static void
op_powerdown(void *opaque)
{
    g_string_append(((Fixture *)opaque)->log, "button ");
}

static void
op_quit(void *opaque, int status)
{
    g_string_append(((Fixture *)opaque)->log, "quit ");
}

static void
op_hold(void *opaque)
{
    g_string_append(((Fixture *)opaque)->log, "hold ");
}

static void
op_suspend(void *opaque)
{
    g_string_append(((Fixture *)opaque)->log, "suspend ");
}

static gboolean
op_wake(void *opaque, TnWakeupReason reason)
{
    g_string_append_printf(((Fixture *)opaque)->log, "wake%d ", reason);
    return !((Fixture *)opaque)->lost;
}

static const TnRunStateOps ops = {
    .pause_vcpus = op_pause,
    .resume_vcpus = op_resume,
    .reset = op_reset,
    .powerdown = op_powerdown,
    .quit = op_quit,
    .hold_vcpu = op_hold,
    .suspend = op_suspend,
    .wake = op_wake,
};

static void
set_up(Fixture *f, gconstpointer data)
{
    f->clock = tn_clock_new();
    f->events = tn_events_new();
    f->rs = tn_run_state_new(f->clock, f->events, &ops, f);
    f->log = g_string_new(NULL);
    tn_events_subscribe(f->events, log_event, f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_run_state_free(f->rs);
    tn_events_free(f->events);
    tn_clock_free(f->clock);
    g_string_free(f->log, TRUE);
}

static void
iterate(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void
test_cont_stop(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_PRELAUNCH);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    tn_run_state_stop(f->rs);
    tn_run_state_stop(f->rs);
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_PAUSED);
    g_assert_cmpstr(f->log->str, ==, "RESUME resume pause STOP ");
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_string_truncate(f->log, 0);
    tn_run_state_request_reset(f->rs, TN_SHUTDOWN_CAUSE_GUEST_RESET);
    tn_run_state_request_reset(f->rs, TN_SHUTDOWN_CAUSE_GUEST_RESET);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "pause reset RESET resume ");
}

static void
test_no_reboot(Fixture *f, gconstpointer data)
{
    tn_run_state_set_no_reboot(f->rs, TRUE);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_string_truncate(f->log, 0);
    tn_run_state_request_reset(f->rs, TN_SHUTDOWN_CAUSE_GUEST_RESET);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "SHUTDOWN pause STOP quit ");
}

static void
test_no_shutdown(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    tn_run_state_set_no_shutdown(f->rs, TRUE);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_string_truncate(f->log, 0);
    tn_run_state_request_shutdown(f->rs, TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "SHUTDOWN pause STOP ");
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_SHUTDOWN);
    g_assert_false(tn_run_state_cont(f->rs, &error));
    g_assert_cmpstr(error->message, ==, "Resetting the Virtual Machine is required");
}

static void
test_powerdown(Fixture *f, gconstpointer data)
{
    tn_run_state_request_powerdown(f->rs);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "POWERDOWN button ");
}

/* A guest that sleeps, with an empty log. */
static void
suspend(Fixture *f)
{
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    tn_run_state_request_suspend(f->rs);
    iterate();
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_SUSPENDED);
    g_string_truncate(f->log, 0);
}

static void
test_suspend(Fixture *f, gconstpointer data)
{
    gint64 before;

    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_string_truncate(f->log, 0);
    tn_run_state_request_suspend(f->rs);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "hold pause suspend SUSPEND ");
    before = tn_clock_now_ns(f->clock);
    while (tn_clock_now_ns(f->clock) == before) {
        /* time goes on */
    }
}

static void
test_suspended_is_neither_stopped_nor_continued(Fixture *f, gconstpointer data)
{
    suspend(f);
    tn_run_state_stop(f->rs);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_SUSPENDED);
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_wakeup_by_user(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    suspend(f);
    g_assert_true(tn_run_state_wakeup(f->rs, NULL));
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_RUNNING);
    g_assert_cmpstr(f->log->str, ==, "wake2 WAKEUP resume ");
    g_assert_false(tn_run_state_wakeup(f->rs, &error));
    g_assert_cmpstr(error->message, ==, "Unable to wake up: guest is not in suspended state");
}

static void
test_wakeup_needs_enabling(Fixture *f, gconstpointer data)
{
    suspend(f);
    tn_run_state_request_wakeup(f->rs, TN_WAKEUP_RTC);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "");
    tn_run_state_enable_wakeup(f->rs, TN_WAKEUP_RTC, TRUE);
    tn_run_state_request_wakeup(f->rs, TN_WAKEUP_RTC);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "wake0 WAKEUP resume ");
}

/* The alarm rings between the guest's write and the main thread's turn. */
static void
test_wakeup_before_sleep_is_not_lost(Fixture *f, gconstpointer data)
{
    tn_run_state_enable_wakeup(f->rs, TN_WAKEUP_RTC, TRUE);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    tn_run_state_request_suspend(f->rs);
    tn_run_state_request_wakeup(f->rs, TN_WAKEUP_RTC);
    iterate();
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_RUNNING);
    g_assert_cmpstr(f->log->str, ==,
                    "RESUME resume hold pause suspend SUSPEND wake0 WAKEUP resume ");
}

static void
test_wakeup_of_waking_guest_is_nothing(Fixture *f, gconstpointer data)
{
    tn_run_state_enable_wakeup(f->rs, TN_WAKEUP_RTC, TRUE);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_string_truncate(f->log, 0);
    tn_run_state_request_wakeup(f->rs, TN_WAKEUP_RTC);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "");
}

static void
test_wakeup_to_nowhere_is_a_reset(Fixture *f, gconstpointer data)
{
    suspend(f);
    f->lost = TRUE;
    g_assert_true(tn_run_state_wakeup(f->rs, NULL));
    g_assert_cmpstr(f->log->str, ==, "wake2 WAKEUP pause reset RESET resume ");
}

static void
test_sleep_of_stopped_guest_waits(Fixture *f, gconstpointer data)
{
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    tn_run_state_request_suspend(f->rs);
    tn_run_state_stop(f->rs);
    iterate();
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_PAUSED);
    g_string_truncate(f->log, 0);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_SUSPENDED);
    g_assert_cmpstr(f->log->str, ==, "RESUME suspend SUSPEND ");
}

static void
test_reset_ends_sleep(Fixture *f, gconstpointer data)
{
    gint64 before;

    suspend(f);
    tn_run_state_request_reset(f->rs, TN_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    iterate();
    g_assert_cmpint(tn_run_state_get(f->rs), ==, TN_RUN_STATE_PRELAUNCH);
    before = tn_clock_now_ns(f->clock);
    g_assert_cmpint(tn_clock_now_ns(f->clock), ==, before);
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_assert_cmpstr(f->log->str, ==, "reset RESET RESUME resume ");
}

static void
test_suspend_to_disk_is_a_shutdown(Fixture *f, gconstpointer data)
{
    g_assert_true(tn_run_state_cont(f->rs, NULL));
    g_string_truncate(f->log, 0);
    tn_run_state_request_suspend_disk(f->rs);
    iterate();
    g_assert_cmpstr(f->log->str, ==, "SUSPEND_DISK SHUTDOWN pause STOP quit ");
}

static void
test_clock_stands(Fixture *f, gconstpointer data)
{
    gint64 before = tn_clock_now_ns(f->clock);
    gint64 running;

    g_assert_cmpint(tn_clock_now_ns(f->clock), ==, before);
    tn_clock_start(f->clock);
    do {
        running = tn_clock_now_ns(f->clock);
    } while (running == before);
    tn_clock_stop(f->clock);
    g_assert_cmpint(tn_clock_now_ns(f->clock), >=, running);
    g_assert_cmpint(tn_clock_now_ns(f->clock), ==, tn_clock_now_ns(f->clock));
}

static void
fired(void *opaque)
{
    (*(int *)opaque)++;
}

static void
test_timer(Fixture *f, gconstpointer data)
{
    int count = 0;
    TnTimer *timer = tn_timer_new(f->clock, fired, &count);

    tn_timer_arm(timer, tn_clock_now_ns(f->clock));
    iterate();
    g_assert_cmpint(count, ==, 0); /* the clock stands */
    tn_clock_start(f->clock);
    while (count == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    iterate();
    g_assert_cmpint(count, ==, 1);
    tn_timer_free(timer);
}

static gpointer
emit_from_thread(gpointer user_data)
{
    tn_events_emit(user_data, "DEVICE_DELETED", NULL);
    tn_events_emit(user_data, "RESET", NULL);
    return NULL;
}

static void
test_events_cross_threads_in_order(Fixture *f, gconstpointer data)
{
    g_thread_join(g_thread_new("emitter", emit_from_thread, f->events));
    g_assert_cmpstr(f->log->str, ==, "");
    tn_events_emit(f->events, "STOP", NULL);
    g_assert_cmpstr(f->log->str, ==, "DEVICE_DELETED RESET STOP ");
    iterate();
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/core/run-state/cont-and-stop-once", test_cont_stop);
    ADD("/core/run-state/two-resets-are-one", test_reset);
    ADD("/core/run-state/no-reboot-turns-reset-into-quit", test_no_reboot);
    ADD("/core/run-state/no-shutdown-stays", test_no_shutdown);
    ADD("/core/run-state/powerdown-presses-button", test_powerdown);
    ADD("/core/run-state/suspend", test_suspend);
    ADD("/core/run-state/suspended/is-neither-stopped-nor-continued",
        test_suspended_is_neither_stopped_nor_continued);
    ADD("/core/run-state/suspended/reset-ends-it", test_reset_ends_sleep);
    ADD("/core/run-state/suspend/of-stopped-guest-waits", test_sleep_of_stopped_guest_waits);
    ADD("/core/run-state/suspend/to-disk-is-a-shutdown", test_suspend_to_disk_is_a_shutdown);
    ADD("/core/run-state/wakeup/by-user", test_wakeup_by_user);
    ADD("/core/run-state/wakeup/needs-enabling", test_wakeup_needs_enabling);
    ADD("/core/run-state/wakeup/before-sleep-is-not-lost", test_wakeup_before_sleep_is_not_lost);
    ADD("/core/run-state/wakeup/of-waking-guest-is-nothing",
        test_wakeup_of_waking_guest_is_nothing);
    ADD("/core/run-state/wakeup/to-nowhere-is-a-reset", test_wakeup_to_nowhere_is_a_reset);
    ADD("/core/clock/stands-while-stopped", test_clock_stands);
    ADD("/core/clock/timer-waits-for-time-to-run", test_timer);
    ADD("/core/events/cross-threads-in-order", test_events_cross_threads_in_order);
    return g_test_run();
}
