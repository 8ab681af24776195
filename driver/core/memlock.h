/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locked memory: how much a guest's process may pin. VFIO pins all that the guest can see, so that
 * devices can reach it; the kernel counts that against RLIMIT_MEMLOCK. The one place that knows
 * how much is needed for RAM, DIMMs and devices together.
 */
#ifndef TN_DRIVER_CORE_MEMLOCK_H
#define TN_DRIVER_CORE_MEMLOCK_H

#include <sys/resource.h>
#include <sys/types.h>

#include "xml/domain.h"

G_BEGIN_DECLS

/* Beyond the guest's memory: the BARs of devices are mapped as well. libvirt's own figure. */
#define TN_MEMLOCK_DEVICES_KIB (1024 * 1024)

/**
 * TnMemlockFunc:
 * Reads or (@wanted is not NULL) sets the limit of @pid, as prlimit(2) does with RLIMIT_MEMLOCK.
 * Returns: 0, or -1 with errno. What stands for the kernel in tests.
 */
typedef int (*TnMemlockFunc)(pid_t pid, const struct rlimit *wanted, struct rlimit *ret_now);

/**
 * tn_memlock_need:
 * @added: (nullable): a device that is to join @def.
 * Returns: bytes: the `<hard_limit>` of `<memtune>` if there is one, else guest memory and
 * TN_MEMLOCK_DEVICES_KIB; 0: nothing is pinned. Pure.
 */
guint64 tn_memlock_need(const TnDomainDef *def, const TnDevice *added);

/**
 * tn_memlock_raise:
 * @func: (nullable): NULL: the kernel.
 * Sees to it that process @pid may lock what @def and @added need; a limit that is high enough
 * stays. To be done before the device or DIMM is handed over.
 * Errors: VIR_ERR_SYSTEM_ERROR names the need and the limit; VIR_ERR_CONFIG_UNSUPPORTED: a
 * `<hard_limit>` below the guest's memory.
 */
gboolean tn_memlock_raise(TnMemlockFunc func, pid_t pid, const TnDomainDef *def,
                          const TnDevice *added, GError **error);

G_END_DECLS

#endif
