/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run states and the requests that change them. Devices on vCPU threads only
 * ask; the main thread acts (pausing vCPUs, resetting, quitting) and tells.
 */
#pragma once

#include "vmm/core/platform.h"

#include <glib.h>

typedef enum {
    TN_RUN_STATE_PRELAUNCH, /* -S, before the first cont */
    TN_RUN_STATE_RUNNING,
    TN_RUN_STATE_PAUSED,
    TN_RUN_STATE_SHUTDOWN, /* guest powered off under -no-shutdown */
    TN_RUN_STATE_INTERNAL_ERROR,
    TN_RUN_STATE_SUSPENDED, /* the guest sleeps (ACPI S3); time goes on */
    TN_RUN_STATE_LAST,
} TnRunState;

/* QMP's ShutdownCause. */
typedef enum {
    TN_SHUTDOWN_CAUSE_HOST_ERROR,
    TN_SHUTDOWN_CAUSE_HOST_QMP_QUIT,
    TN_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    TN_SHUTDOWN_CAUSE_HOST_SIGNAL,
    TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
    TN_SHUTDOWN_CAUSE_GUEST_RESET,
    TN_SHUTDOWN_CAUSE_GUEST_PANIC,
    TN_SHUTDOWN_CAUSE_LAST,
} TnShutdownCause;

/* What ends a guest's sleep. */
typedef enum {
    TN_WAKEUP_RTC,      /* the clock's alarm */
    TN_WAKEUP_PM_TIMER, /* an overflow of the PM timer */
    TN_WAKEUP_OTHER,    /* the user: always allowed */
    TN_WAKEUP_LAST,
} TnWakeupReason;

typedef struct TnRunStateControl TnRunStateControl;

/* "running", "paused", "prelaunch", "shutdown", "internal-error", "suspended". */
const char *tn_run_state_to_string(TnRunState state);
/* "guest-shutdown", "host-qmp-quit", ... */
const char *tn_shutdown_cause_to_string(TnShutdownCause cause);

/* What the machine does when asked; each is called on the main thread. */
typedef struct TnRunStateOps {
    void (*pause_vcpus)(void *opaque);  /* returns when every vCPU is out of the guest */
    void (*resume_vcpus)(void *opaque);
    void (*reset)(void *opaque);        /* vCPUs are paused */
    void (*powerdown)(void *opaque);    /* press the power button */
    void (*quit)(void *opaque, int status);
    /* On the thread that asks for sleep: if it is a vCPU's, that one executes nothing more. */
    void (*hold_vcpu)(void *opaque);
    void (*suspend)(void *opaque);      /* the guest has gone to sleep; vCPUs are paused */
    /* Resets all but memory, with the boot CPU where the guest wants to wake up. FALSE: it did
     * not say where, and is to be reset. vCPUs are paused. */
    gboolean (*wake)(void *opaque, TnWakeupReason reason);
} TnRunStateOps;

TnRunStateControl *tn_run_state_new(TnClock *clock, TnEvents *events, const TnRunStateOps *ops,
                                    void *opaque);
void tn_run_state_free(TnRunStateControl *rs);

/* -no-reboot: a guest reset becomes a shutdown. -no-shutdown: stay after one. */
void tn_run_state_set_no_reboot(TnRunStateControl *rs, gboolean no_reboot);
void tn_run_state_set_no_shutdown(TnRunStateControl *rs, gboolean no_shutdown);

/* Any thread. */
TnRunState tn_run_state_get(TnRunStateControl *rs);

/* Main thread: cont and stop; events RESUME and STOP are emitted on a change. */
gboolean tn_run_state_cont(TnRunStateControl *rs, GError **error);
void tn_run_state_stop(TnRunStateControl *rs);

/* Main thread: the user wakes the guest up, at once. GENERIC when it does not sleep. */
gboolean tn_run_state_wakeup(TnRunStateControl *rs, GError **error);

/* Any thread; carried out on the main thread, with QMP's RESET, SHUTDOWN,
 * POWERDOWN events. A second request of a kind before the first is served is one. */
void tn_run_state_request_reset(TnRunStateControl *rs, TnShutdownCause cause);
void tn_run_state_request_shutdown(TnRunStateControl *rs, TnShutdownCause cause);
void tn_run_state_request_powerdown(TnRunStateControl *rs);
/* Sleep (S3): once carried out the state is suspended, with QMP's SUSPEND. A guest that the
 * user has stopped meanwhile goes to sleep when it is continued. */
void tn_run_state_request_suspend(TnRunStateControl *rs);
/* To disk (S4): SUSPEND_DISK and a shutdown by the guest. */
void tn_run_state_request_suspend_disk(TnRunStateControl *rs);
/* Something happened that wakes guests: a suspended one, or one about to be, if it has
 * enabled @reason; no effect else. WAKEUP is emitted. */
void tn_run_state_request_wakeup(TnRunStateControl *rs, TnWakeupReason reason);
/* Whether @reason wakes the guest. Any thread. */
void tn_run_state_enable_wakeup(TnRunStateControl *rs, TnWakeupReason reason, gboolean enabled);
/* The guest ends the process with @status (isa-debug-exit), whatever -no-shutdown says. */
void tn_run_state_request_exit(TnRunStateControl *rs, int status);
/* A vCPU cannot go on (KVM internal error): state internal-error, vCPUs paused, STOP. */
void tn_run_state_request_internal_error(TnRunStateControl *rs);

/* The main thread, on every change of state, after it. */
typedef void (*TnRunStateNotify)(void *opaque, TnRunState state);
void tn_run_state_add_notify(TnRunStateControl *rs, TnRunStateNotify func, void *opaque);
