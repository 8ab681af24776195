/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a guest. Worker threads, with the domain's job held. */
#ifndef TN_DRIVER_CORE_LAUNCH_H
#define TN_DRIVER_CORE_LAUNCH_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/* How long a monitor may take to greet and answer while it starts. */
#define TN_LAUNCH_TIMEOUT_MS 30000

/**
 * tn_launch:
 * @def: what to run: completed and validated, without run-time data; copied.
 * @paused: leave the CPUs stopped.
 * Spawns the monitor program, reads back what it chose (ptys, addresses), starts
 * the CPUs, records the run and tells of it. On failure nothing is left of it and
 * nothing was told.
 * Errors: INTERNAL_ERROR with the last lines of the guest's log when the program
 * ended by itself; what the monitor said otherwise.
 */
gboolean tn_launch(TnDomain *domain, const TnDomainDef *def, gboolean paused, GError **error);

/**
 * tn_launch_save_run:
 * Writes what the live guest looks like now to the run state; nothing when it does
 * not run. Worker threads, no lock. VIR_ERR_SYSTEM_ERROR.
 */
gboolean tn_launch_save_run(TnDomain *domain, GError **error);

/* The same; a failure is logged: what changed holds, and is only lost to a restart. */
void tn_launch_save_run_now(TnDomain *domain);

/* The same soon, on another thread. Any thread, any lock. */
void tn_launch_save_run_later(TnDomain *domain);

/* What query-memory-devices answered into the live definition: slots and addresses. No lock. */
void tn_launch_take_memory_devices(TnDomain *domain, json_object *list);
/* The same, asking for it. */
gboolean tn_launch_read_memory_devices(TnDomain *domain, TnQmpClient *qmp, GError **error);

/* query-chardev into the live definition: the ptys. No lock. */
gboolean tn_launch_read_chardevs(TnDomain *domain, TnQmpClient *qmp, GError **error);

G_END_DECLS

#endif
