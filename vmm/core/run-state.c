/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run states: requests from any thread, carried out on the main thread. */
#include "vmm/core/run-state.h"

#include "vmm/core/clock.h"
#include "vmm/core/events.h"
#include "vmm/core/object.h"

typedef enum {
    REQUEST_RESET = 1 << 0,
    REQUEST_SHUTDOWN = 1 << 1,
    REQUEST_POWERDOWN = 1 << 2,
    REQUEST_INTERNAL_ERROR = 1 << 3,
    REQUEST_EXIT = 1 << 4,
    REQUEST_SUSPEND = 1 << 5,
    REQUEST_SUSPEND_DISK = 1 << 6,
    REQUEST_WAKEUP = 1 << 7,
} Request;

typedef struct Notify {
    TnRunStateNotify func;
    void *opaque;
} Notify;

struct TnRunStateControl {
    TnClock *clock;
    TnEvents *events;
    TnRunStateOps ops;
    void *opaque;
    gboolean no_reboot;
    gboolean no_shutdown;
    GArray *notifies; /* main thread */
    gboolean suspend_due; /* main thread: the guest fell asleep while stopped */
    int state;        /* atomic; written on the main thread */
    guint wakeups;    /* atomic: a bit for each enabled TnWakeupReason */

    GMutex lock; /* guards what follows */
    unsigned requests;
    TnShutdownCause reset_cause;
    TnShutdownCause shutdown_cause;
    TnWakeupReason wakeup_reason;
    int exit_status;
    GSource *source; /* scheduled to serve the requests, not run yet */
};

static const char *const state_names[TN_RUN_STATE_LAST] = {
    [TN_RUN_STATE_PRELAUNCH] = "prelaunch",
    [TN_RUN_STATE_RUNNING] = "running",
    [TN_RUN_STATE_PAUSED] = "paused",
    [TN_RUN_STATE_SHUTDOWN] = "shutdown",
    [TN_RUN_STATE_INTERNAL_ERROR] = "internal-error",
    [TN_RUN_STATE_SUSPENDED] = "suspended",
};

static const char *const cause_names[TN_SHUTDOWN_CAUSE_LAST] = {
    [TN_SHUTDOWN_CAUSE_HOST_ERROR] = "host-error",
    [TN_SHUTDOWN_CAUSE_HOST_QMP_QUIT] = "host-qmp-quit",
    [TN_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
    [TN_SHUTDOWN_CAUSE_HOST_SIGNAL] = "host-signal",
    [TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
    [TN_SHUTDOWN_CAUSE_GUEST_RESET] = "guest-reset",
    [TN_SHUTDOWN_CAUSE_GUEST_PANIC] = "guest-panic",
};

const char *
tn_run_state_to_string(TnRunState state)
{
    return state_names[state];
}

const char *
tn_shutdown_cause_to_string(TnShutdownCause cause)
{
    return cause_names[cause];
}

TnRunStateControl *
tn_run_state_new(TnClock *clock, TnEvents *events, const TnRunStateOps *ops, void *opaque)
{
    TnRunStateControl *rs = g_new0(TnRunStateControl, 1);

    rs->clock = clock;
    rs->events = events;
    rs->ops = *ops;
    rs->opaque = opaque;
    rs->notifies = g_array_new(FALSE, FALSE, sizeof(Notify));
    rs->state = TN_RUN_STATE_PRELAUNCH;
    rs->wakeups = 1U << TN_WAKEUP_OTHER;
    g_mutex_init(&rs->lock);
    return rs;
}

void
tn_run_state_free(TnRunStateControl *rs)
{
    if (!rs) {
        return;
    }
    if (rs->source) {
        g_source_destroy(rs->source);
        g_source_unref(rs->source);
    }
    g_array_unref(rs->notifies);
    g_mutex_clear(&rs->lock);
    g_free(rs);
}

void
tn_run_state_set_no_reboot(TnRunStateControl *rs, gboolean no_reboot)
{
    rs->no_reboot = no_reboot;
}

void
tn_run_state_set_no_shutdown(TnRunStateControl *rs, gboolean no_shutdown)
{
    rs->no_shutdown = no_shutdown;
}

TnRunState
tn_run_state_get(TnRunStateControl *rs)
{
    return g_atomic_int_get(&rs->state);
}

/* Time stands in all states but running and suspended. */
static void
set_state(TnRunStateControl *rs, TnRunState state)
{
    if (tn_run_state_get(rs) == TN_RUN_STATE_SUSPENDED && state != TN_RUN_STATE_RUNNING) {
        tn_clock_stop(rs->clock);
    }
    g_atomic_int_set(&rs->state, state);
    for (guint i = 0; i < rs->notifies->len; i++) {
        const Notify *notify = &g_array_index(rs->notifies, Notify, i);

        notify->func(notify->opaque, state);
    }
}

/* Leaves TN_RUN_STATE_RUNNING for @state; FALSE when it was not running. */
static gboolean
stop_to(TnRunStateControl *rs, TnRunState state)
{
    if (tn_run_state_get(rs) != TN_RUN_STATE_RUNNING) {
        return FALSE;
    }
    rs->ops.pause_vcpus(rs->opaque);
    tn_clock_stop(rs->clock);
    set_state(rs, state);
    tn_events_emit(rs->events, "STOP", NULL);
    return TRUE;
}

void
tn_run_state_stop(TnRunStateControl *rs)
{
    (void)stop_to(rs, TN_RUN_STATE_PAUSED);
}

static json_object *
cause_data(TnShutdownCause cause)
{
    json_object *data = json_object_new_object();
    gboolean guest = cause >= TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN;

    json_object_object_add(data, "guest", json_object_new_boolean(guest));
    json_object_object_add(data, "reason", json_object_new_string(cause_names[cause]));
    return data;
}

static void
serve_reset(TnRunStateControl *rs, TnShutdownCause cause)
{
    TnRunState state = tn_run_state_get(rs);

    if (state == TN_RUN_STATE_RUNNING) {
        rs->ops.pause_vcpus(rs->opaque);
    }
    rs->suspend_due = FALSE;
    rs->ops.reset(rs->opaque);
    tn_events_emit(rs->events, "RESET", cause_data(cause));
    if (state == TN_RUN_STATE_RUNNING) {
        rs->ops.resume_vcpus(rs->opaque);
    } else if (state == TN_RUN_STATE_SHUTDOWN || state == TN_RUN_STATE_INTERNAL_ERROR) {
        set_state(rs, TN_RUN_STATE_PAUSED);
    } else if (state == TN_RUN_STATE_SUSPENDED) {
        set_state(rs, TN_RUN_STATE_PRELAUNCH);
    }
}

static void
serve_shutdown(TnRunStateControl *rs, TnShutdownCause cause)
{
    gboolean stay = rs->no_shutdown && cause >= TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN;

    if (tn_run_state_get(rs) == TN_RUN_STATE_SHUTDOWN && stay) {
        return;
    }
    tn_events_emit(rs->events, "SHUTDOWN", cause_data(cause));
    if (!stop_to(rs, TN_RUN_STATE_SHUTDOWN)) {
        set_state(rs, TN_RUN_STATE_SHUTDOWN);
    }
    if (!stay) {
        rs->ops.quit(rs->opaque, 0);
    }
}

/* The guest is not running, or its vCPUs are not yet. */
static void
fall_asleep(TnRunStateControl *rs)
{
    rs->suspend_due = FALSE;
    rs->ops.suspend(rs->opaque);
    set_state(rs, TN_RUN_STATE_SUSPENDED);
    tn_events_emit(rs->events, "SUSPEND", NULL);
}

static void
serve_suspend(TnRunStateControl *rs)
{
    TnRunState state = tn_run_state_get(rs);

    if (state == TN_RUN_STATE_RUNNING) {
        rs->ops.pause_vcpus(rs->opaque);
        fall_asleep(rs);
    } else if (state != TN_RUN_STATE_SUSPENDED) {
        rs->suspend_due = TRUE;
    }
}

static void
serve_suspend_disk(TnRunStateControl *rs)
{
    tn_events_emit(rs->events, "SUSPEND_DISK", NULL);
    serve_shutdown(rs, TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
}

static void
serve_guest_reset(TnRunStateControl *rs)
{
    if (rs->no_reboot) {
        serve_shutdown(rs, TN_SHUTDOWN_CAUSE_GUEST_RESET);
    } else {
        serve_reset(rs, TN_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void
serve_wakeup(TnRunStateControl *rs, TnWakeupReason reason)
{
    gboolean awake;

    if (tn_run_state_get(rs) != TN_RUN_STATE_SUSPENDED) {
        return;
    }
    awake = rs->ops.wake(rs->opaque, reason);
    set_state(rs, TN_RUN_STATE_RUNNING);
    tn_events_emit(rs->events, "WAKEUP", NULL);
    if (awake) {
        rs->ops.resume_vcpus(rs->opaque);
    } else {
        serve_guest_reset(rs);
    }
}

/* The guest ended the process itself: -no-shutdown keeps nothing. */
static void
serve_exit(TnRunStateControl *rs, int status)
{
    tn_events_emit(rs->events, "SHUTDOWN", cause_data(TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN));
    if (!stop_to(rs, TN_RUN_STATE_SHUTDOWN)) {
        set_state(rs, TN_RUN_STATE_SHUTDOWN);
    }
    rs->ops.quit(rs->opaque, status);
}

static gboolean
serve_requests(gpointer user_data)
{
    TnRunStateControl *rs = user_data;
    unsigned requests;
    int exit_status;
    TnShutdownCause reset_cause, shutdown_cause;
    TnWakeupReason wakeup_reason;

    g_mutex_lock(&rs->lock);
    g_clear_pointer(&rs->source, g_source_unref);
    requests = rs->requests;
    rs->requests = 0;
    reset_cause = rs->reset_cause;
    shutdown_cause = rs->shutdown_cause;
    wakeup_reason = rs->wakeup_reason;
    exit_status = rs->exit_status;
    g_mutex_unlock(&rs->lock);

    if (requests & REQUEST_INTERNAL_ERROR) {
        (void)stop_to(rs, TN_RUN_STATE_INTERNAL_ERROR);
    }
    if (requests & REQUEST_SUSPEND) {
        serve_suspend(rs);
    }
    if (requests & REQUEST_POWERDOWN) {
        tn_events_emit(rs->events, "POWERDOWN", NULL);
        rs->ops.powerdown(rs->opaque);
    }
    if (requests & REQUEST_EXIT) {
        serve_exit(rs, exit_status);
    } else if (requests & REQUEST_SHUTDOWN) {
        serve_shutdown(rs, shutdown_cause);
    } else if (requests & REQUEST_SUSPEND_DISK) {
        serve_suspend_disk(rs);
    } else if (requests & REQUEST_RESET) {
        if (reset_cause == TN_SHUTDOWN_CAUSE_GUEST_RESET) {
            serve_guest_reset(rs);
        } else {
            serve_reset(rs, reset_cause);
        }
    } else if (requests & REQUEST_WAKEUP) {
        serve_wakeup(rs, wakeup_reason);
    }
    return G_SOURCE_REMOVE;
}

/* A reset that was asked for before comes before what is asked for now: clients send
 * system_reset and cont in one go. */
static void
serve_pending(TnRunStateControl *rs)
{
    g_autoptr(GSource) source = NULL;

    g_mutex_lock(&rs->lock);
    source = g_steal_pointer(&rs->source);
    g_mutex_unlock(&rs->lock);
    if (source) {
        g_source_destroy(source);
        (void)serve_requests(rs);
    }
}

gboolean
tn_run_state_cont(TnRunStateControl *rs, GError **error)
{
    TnRunState state;

    serve_pending(rs);
    state = tn_run_state_get(rs);
    if (state == TN_RUN_STATE_RUNNING || state == TN_RUN_STATE_SUSPENDED) {
        return TRUE; /* a sleeping guest is woken up, not continued */
    }
    if (state == TN_RUN_STATE_SHUTDOWN || state == TN_RUN_STATE_INTERNAL_ERROR) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Resetting the Virtual Machine is required");
        return FALSE;
    }
    tn_clock_start(rs->clock);
    set_state(rs, TN_RUN_STATE_RUNNING);
    tn_events_emit(rs->events, "RESUME", NULL);
    if (rs->suspend_due) {
        fall_asleep(rs);
    } else {
        rs->ops.resume_vcpus(rs->opaque);
    }
    return TRUE;
}

static void
schedule_locked(TnRunStateControl *rs)
{
    if (!rs->source) {
        rs->source = g_idle_source_new();
        g_source_set_priority(rs->source, G_PRIORITY_HIGH);
        g_source_set_callback(rs->source, serve_requests, rs, NULL);
        g_source_attach(rs->source, NULL);
    }
}

static void
request(TnRunStateControl *rs, Request kind, TnShutdownCause cause)
{
    g_mutex_lock(&rs->lock);
    if (!(rs->requests & kind)) {
        rs->requests |= kind;
        if (kind == REQUEST_RESET) {
            rs->reset_cause = cause;
        } else if (kind == REQUEST_SHUTDOWN) {
            rs->shutdown_cause = cause;
        }
    }
    schedule_locked(rs);
    g_mutex_unlock(&rs->lock);
}

void
tn_run_state_request_reset(TnRunStateControl *rs, TnShutdownCause cause)
{
    request(rs, REQUEST_RESET, cause);
}

void
tn_run_state_request_shutdown(TnRunStateControl *rs, TnShutdownCause cause)
{
    request(rs, REQUEST_SHUTDOWN, cause);
}

void
tn_run_state_request_exit(TnRunStateControl *rs, int status)
{
    g_mutex_lock(&rs->lock);
    if (!(rs->requests & REQUEST_EXIT)) {
        rs->requests |= REQUEST_EXIT;
        rs->exit_status = status;
    }
    schedule_locked(rs);
    g_mutex_unlock(&rs->lock);
}

void
tn_run_state_request_powerdown(TnRunStateControl *rs)
{
    request(rs, REQUEST_POWERDOWN, TN_SHUTDOWN_CAUSE_HOST_ERROR);
}

void
tn_run_state_request_suspend(TnRunStateControl *rs)
{
    /* Before the main thread can answer: what it resumes must not be held afterwards. */
    rs->ops.hold_vcpu(rs->opaque);
    request(rs, REQUEST_SUSPEND, TN_SHUTDOWN_CAUSE_HOST_ERROR);
}

void
tn_run_state_request_suspend_disk(TnRunStateControl *rs)
{
    request(rs, REQUEST_SUSPEND_DISK, TN_SHUTDOWN_CAUSE_HOST_ERROR);
}

void
tn_run_state_request_wakeup(TnRunStateControl *rs, TnWakeupReason reason)
{
    if (!(g_atomic_int_get(&rs->wakeups) & 1U << reason)) {
        return;
    }
    g_mutex_lock(&rs->lock);
    if (tn_run_state_get(rs) == TN_RUN_STATE_SUSPENDED || (rs->requests & REQUEST_SUSPEND)) {
        if (!(rs->requests & REQUEST_WAKEUP)) {
            rs->requests |= REQUEST_WAKEUP;
            rs->wakeup_reason = reason;
        }
        schedule_locked(rs);
    }
    g_mutex_unlock(&rs->lock);
}

void
tn_run_state_enable_wakeup(TnRunStateControl *rs, TnWakeupReason reason, gboolean enabled)
{
    if (enabled) {
        (void)g_atomic_int_or(&rs->wakeups, 1U << reason);
    } else {
        (void)g_atomic_int_and(&rs->wakeups, ~(1U << reason));
    }
}

gboolean
tn_run_state_wakeup(TnRunStateControl *rs, GError **error)
{
    serve_pending(rs);
    if (tn_run_state_get(rs) != TN_RUN_STATE_SUSPENDED) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Unable to wake up: guest is not in suspended state");
        return FALSE;
    }
    serve_wakeup(rs, TN_WAKEUP_OTHER);
    return TRUE;
}

void
tn_run_state_request_internal_error(TnRunStateControl *rs)
{
    request(rs, REQUEST_INTERNAL_ERROR, TN_SHUTDOWN_CAUSE_HOST_ERROR);
}

void
tn_run_state_add_notify(TnRunStateControl *rs, TnRunStateNotify func, void *opaque)
{
    Notify notify = { func, opaque };

    g_array_append_val(rs->notifies, notify);
}
