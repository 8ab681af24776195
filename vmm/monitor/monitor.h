/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A monitor: a QMP (or text) session over a chardev that drives a machine. One
 * client after another; a session ends, with all it held, when its client leaves.
 * Threads: main thread.
 */
#pragma once

#include "vmm/machine/machine.h"

#include <glib.h>

G_BEGIN_DECLS

typedef struct _TnChardev TnChardev; /* vmm/backend/chardev.h */
typedef struct TnMonitor TnMonitor;

typedef enum {
    TN_MONITOR_CONTROL,        /* -qmp, -mon mode=control: QMP */
    TN_MONITOR_CONTROL_PRETTY, /* -mon mode=control,pretty=on: QMP over several lines */
    TN_MONITOR_READLINE,       /* -mon mode=readline: text */
} TnMonitorMode;

/**
 * tn_monitor_new:
 * @machine: (transfer none): what it drives; outlives the monitor.
 * @chardev: (transfer none): where its client is; nothing else may use it. A reference is taken.
 * @mode: protocol spoken.
 * @error: "Device '<id>' is in use" (GENERIC) when @chardev has another user.
 * Serves as soon as the main context runs. Several monitors may live side by side.
 * Returns: (transfer full): NULL with @error.
 */
TnMonitor *tn_monitor_new(TnMachine *machine, TnChardev *chardev, TnMonitorMode mode,
                          GError **error);

/* Ends the session and lets go of the chardev. NULL is fine. */
void tn_monitor_free(TnMonitor *monitor);

/**
 * tn_monitor_flush:
 * Waits until what was said last (SHUTDOWN, the reply to quit) has been handed to
 * the client's side, at most @timeout_ms milliseconds. For the end of the program.
 */
void tn_monitor_flush(TnMonitor *monitor, int timeout_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnMonitor, tn_monitor_free)

G_END_DECLS
