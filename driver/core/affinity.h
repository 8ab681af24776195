/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which host CPUs the threads of a process may run on. */
#ifndef TN_DRIVER_CORE_AFFINITY_H
#define TN_DRIVER_CORE_AFFINITY_H

#include <sys/types.h>

#include "xml/bitmap.h"

G_BEGIN_DECLS

/**
 * tn_affinity_set:
 * @tid: a thread, or a process for its first thread.
 * @cpus: (nullable): NULL: all. Those that the host has not are passed over by the kernel.
 * Errors: VIR_ERR_SYSTEM_ERROR "cannot set CPU affinity on process ...", also for a thread that
 * has ended.
 */
gboolean tn_affinity_set(pid_t tid, const TnBitmap *cpus, GError **error);

/* The CPUs that @tid may run on now; NULL: it is gone. (transfer full) */
TnBitmap *tn_affinity_get(pid_t tid);

/**
 * tn_affinity_set_others:
 * Sets all threads of process @pid but those in @except (of pid_t), also those that are made
 * meanwhile. Errors: as tn_affinity_set(), but a thread that ends meanwhile is none.
 */
gboolean tn_affinity_set_others(pid_t pid, const GArray *except, const TnBitmap *cpus,
                                GError **error);

G_END_DECLS

#endif
