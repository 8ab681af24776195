/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `<memtune>` and `<numatune>`: limits and places of a guest's memory on the host. There is no
 * cgroup: the hard limit is the limit of what a guest with host devices may lock (memlock.h), the
 * others can be kept in a definition and keep it from being started; the places are for a start.
 * Worker threads.
 */
#ifndef TN_DRIVER_CORE_TUNE_H
#define TN_DRIVER_CORE_TUNE_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/** TnTuneMemory: a change: of limits in KiB that are NULL nothing changes. */
typedef struct TnTuneMemory {
    const guint64 *hard_limit, *soft_limit, *swap_hard_limit;
} TnTuneMemory;

/* CONFIG_UNSUPPORTED "Memory cgroup is not available on this host" for limits that need one. */
gboolean tn_tune_check_start(const TnDomainDef *def, GError **error);

/* The limits as they are in the definition that @flags (VIR_DOMAIN_AFFECT_*) mean. No job. */
gboolean tn_tune_get_memory(TnDomain *domain, unsigned flags, TnMemtune *ret_memtune,
                            GError **error);

/**
 * tn_tune_set_memory:
 * Takes the domain's job. A running guest's hard limit becomes the locked-memory limit of its
 * process if it has host devices.
 * Errors: INVALID_ARG: the hard limit is above the one with swap; OPERATION_INVALID "cgroup memory
 * controller is not mounted": another limit of a running guest; what tn_memlock_raise() says.
 */
gboolean tn_tune_set_memory(TnDomain *domain, const TnTuneMemory *tune, unsigned flags,
                            GError **error);

/* @ret_mode: virDomainNumatuneMemMode; @ret_nodeset: (transfer full): "" when there is none. */
gboolean tn_tune_get_numa(TnDomain *domain, unsigned flags, int *ret_mode, char **ret_nodeset,
                          GError **error);

/**
 * tn_tune_set_numa:
 * @mode: (nullable): virDomainNumatuneMemMode; @nodeset: (nullable): what is NULL stays.
 * Errors: INVALID_ARG: no mode, no set, an empty set; OPERATION_INVALID "cgroup cpuset controller
 * is not mounted": of a running guest.
 */
gboolean tn_tune_set_numa(TnDomain *domain, const int *mode, const char *nodeset, unsigned flags,
                          GError **error);

G_END_DECLS

#endif
