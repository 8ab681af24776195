/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the hypervisor counts of a running guest, as its monitor tells (query-stats). */
#ifndef TN_DRIVER_CORE_KVM_STATS_H
#define TN_DRIVER_CORE_KVM_STATS_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/* Statistics must not wait for a monitor that hangs. One that did not answer in this time is not
 * asked again for the time below. */
#define TN_KVM_STATS_TIMEOUT_MS 1000
#define TN_KVM_STATS_PAUSE_SECONDS 30

/** TnKvmStat: one number or truth. */
typedef struct TnKvmStat {
    int vcpu;         /**< the CPU's index; -1: of the guest as a whole */
    char *name;       /**< with its kind: "exits.sum", "guest_mode.cur" */
    gboolean is_bool; /**< value is 0 or 1 */
    guint64 value;
} TnKvmStat;

/**
 * tn_kvm_stats_get:
 * @vm, @vcpus: what is wanted.
 * Asks the monitor of @domain; histograms are left out, as by libvirt's QEMU driver.
 * Returns: (transfer full): of TnKvmStat, CPUs in order. Empty when the domain does not run, the
 *   host's KVM does not tell, or the monitor does not answer. Worker threads, no lock.
 */
GPtrArray *tn_kvm_stats_get(TnDomain *domain, gboolean vm, gboolean vcpus);

G_END_DECLS

#endif
