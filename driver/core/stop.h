/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a guest, asked for or not. None of this waits for a job or a monitor. */
#ifndef TN_DRIVER_CORE_STOP_H
#define TN_DRIVER_CORE_STOP_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/* How long a guest's process may take to end by SIGTERM before SIGKILL. */
#define TN_STOP_GRACE_MS 2000

/**
 * tn_stop_now:
 * @reason: virDomainShutoffReason
 * Ends the process (SIGTERM, then SIGKILL) and cleans up after it. Worker threads;
 * works while a job runs or the monitor hangs. Errors: OPERATION_INVALID when it
 * does not run, OPERATION_FAILED when the process does not die.
 */
gboolean tn_stop_now(TnDomain *domain, int reason, GError **error);

/* As tn_stop_now() with only SIGTERM: VIR_DOMAIN_DESTROY_GRACEFUL. */
gboolean tn_stop_gracefully(TnDomain *domain, GError **error);

/* Watches the process of the present run from the main context. Any thread. */
void tn_stop_watch(TnDomain *domain);

/**
 * tn_stop_cleanup:
 * The process of run number @run ended: makes the domain inactive, tells of it,
 * and forgets a transient one. Once per run whoever calls first; the others wait until
 * it is done. Worker threads, no lock.
 */
void tn_stop_cleanup(TnDomain *domain, guint run);

/**
 * tn_stop_run:
 * As tn_stop_now() for run number @run alone; a run that is over is fine. Failures
 * are logged. Worker threads.
 */
void tn_stop_run(TnDomain *domain, guint run, int reason);

/* The same on another thread: the guest powered off, or its monitor is gone. Any thread. */
void tn_stop_run_later(TnDomain *domain, guint run, int reason);
#define TN_STOP_REASON_KEEP (-1) /* @reason: whatever was set before */

/* Forgets the run and leaves the process alone, as the daemon ends. Main thread. */
void tn_stop_let_go(TnDomain *domain);

/* Whoever puts an earlier run away has done it when this returns. Worker threads, no lock. */
void tn_stop_wait_cleanup(TnDomain *domain);

G_END_DECLS

#endif
