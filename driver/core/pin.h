/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which host CPUs a guest's threads run on: `<vcpu cpuset=>`, `<vcpupin>`, `<emulatorpin>`. The
 * monitor says which thread is which vCPU; all other threads are the emulator's. Worker threads.
 */
#ifndef TN_DRIVER_CORE_PIN_H
#define TN_DRIVER_CORE_PIN_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/**
 * tn_pin_process:
 * Puts process @pid, which has one thread yet, where @def wants the emulator's threads to be.
 */
gboolean tn_pin_process(pid_t pid, const TnDomainDef *def, GError **error);

/**
 * tn_pin_vcpus:
 * Puts the threads of the running guest's vCPUs where its live definition wants them to be; those
 * that are there already stay. Asks the monitor only if anything is pinned. A domain that ended
 * meanwhile is no error.
 */
gboolean tn_pin_vcpus(TnDomain *domain, TnQmpClient *qmp, GError **error);

/**
 * tn_pin_set_vcpu:
 * @cpus: host CPUs. @flags: VIR_DOMAIN_AFFECT_*.
 * Takes the domain's job. Clients that asked for it are told (VIR_DOMAIN_EVENT_ID_TUNABLE).
 * A vCPU that is not there yet is put there when it comes.
 * Errors: INVALID_ARG "Empty cpu list for pinning", "vcpu 4 is out of range of live cpu count 4";
 * SYSTEM_ERROR: the host has none of @cpus.
 */
gboolean tn_pin_set_vcpu(TnDomain *domain, guint vcpu, const TnBitmap *cpus, unsigned flags,
                         GError **error);

/* The same for all threads but the vCPUs'. */
gboolean tn_pin_set_emulator(TnDomain *domain, const TnBitmap *cpus, unsigned flags,
                             GError **error);

G_END_DECLS

#endif
