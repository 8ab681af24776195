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

typedef struct TnRunStateControl TnRunStateControl;

/* "running", "paused", "prelaunch", "shutdown", "internal-error". */
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

/* Any thread; carried out on the main thread, with QMP's RESET, SHUTDOWN,
 * POWERDOWN events. A second request of a kind before the first is served is one. */
void tn_run_state_request_reset(TnRunStateControl *rs, TnShutdownCause cause);
void tn_run_state_request_shutdown(TnRunStateControl *rs, TnShutdownCause cause);
void tn_run_state_request_powerdown(TnRunStateControl *rs);
/* The guest ends the process with @status (isa-debug-exit), whatever -no-shutdown says. */
void tn_run_state_request_exit(TnRunStateControl *rs, int status);
/* A vCPU cannot go on (KVM internal error): state internal-error, vCPUs paused, STOP. */
void tn_run_state_request_internal_error(TnRunStateControl *rs);

/* The main thread, on every change of state, after it. */
typedef void (*TnRunStateNotify)(void *opaque, TnRunState state);
void tn_run_state_add_notify(TnRunStateControl *rs, TnRunStateNotify func, void *opaque);
