/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virsh setvcpus and setvcpu: virtual CPUs that come and go, live and in the definition.
 * One that came by hot plug is the monitor's device "vcpuN". docs/specs/driver.md.
 */
#ifndef TN_DRIVER_CORE_VCPU_H
#define TN_DRIVER_CORE_VCPU_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/**
 * tn_vcpu_set_count:
 * @n: how many shall be enabled; with VIR_DOMAIN_VCPU_MAXIMUM: how many there may be.
 * @flags: VIR_DOMAIN_AFFECT_*, VIR_DOMAIN_VCPU_MAXIMUM, VIR_DOMAIN_VCPU_HOTPLUGGABLE.
 * Plugs the first ones that are not there, or has the last ones unplugged one by one. What was
 * done before a refusal stays done and shows.
 * Errors: INVALID_ARG for a count that does not fit; OPERATION_INVALID when too few can be
 * unplugged; OPERATION_FAILED when the guest refused; OPERATION_TIMEOUT when it did not answer
 * in time; what the monitor said. Worker threads; takes the domain's job.
 */
gboolean tn_vcpu_set_count(TnDomain *domain, guint n, unsigned flags, GError **error);

/**
 * tn_vcpu_set_enabled:
 * @ids: "1,3-5"; live exactly one.
 * @flags: VIR_DOMAIN_AFFECT_*.
 * Errors as above; INVALID_ARG for vCPUs that are not there. Worker threads; takes the job.
 */
gboolean tn_vcpu_set_enabled(TnDomain *domain, const char *ids, gboolean enabled, unsigned flags,
                             GError **error);

/* Plugs the vCPUs that the live definition has as enabled and hot-pluggable, in their order: as
 * a start does before the CPUs run. Worker threads, no lock. What the monitor said. */
gboolean tn_vcpu_plug_first(TnDomain *domain, TnQmpClient *qmp, GError **error);

/* The live definition as the monitor has it; what changed unseen is told of. No lock. */
gboolean tn_vcpu_reconcile(TnDomain *domain, TnQmpClient *qmp, GError **error);

/* The device @alias is gone: whether it was a vCPU, which the live definition then shows as not
 * enabled. Under the lock. */
gboolean tn_vcpu_gone_locked(TnDomain *domain, const char *alias);

G_END_DECLS

#endif
