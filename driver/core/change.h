/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A change of a running guest and of its definition together: begin, stage, (the guest),
 * commit. Worker threads, with the domain's job held and no lock.
 */
#ifndef TN_DRIVER_CORE_CHANGE_H
#define TN_DRIVER_CORE_CHANGE_H

#include "driver/core/domain.h"
#include "driver/core/state-store.h"

G_BEGIN_DECLS

/**
 * TnChange:
 * A change under way: what it means for the two definitions. The job is held, so
 * nobody else replaces the persistent one; the live one can lose a device, or end
 * with the guest, at any time, so that the work is done on a copy.
 */
typedef struct TnChange {
    TnDomain *domain;
    gboolean live, config;
    TnDomainDef *new_config; /* the definition to be */
    TnStagedFile *staged;    /* it, on disk beside its place */
    TnDomainDef *live_copy;
    guint run; /* the run that live_copy is of */
} TnChange;

void tn_change_clear(TnChange *change);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TnChange, tn_change_clear)

/* Which definitions @flags mean, and copies of them; errors as tn_domain_affected_locked(). */
gboolean tn_change_begin(TnChange *change, unsigned flags, GError **error);

/* Brings the new definition to the disk: what can fail of it, before the guest is touched. */
gboolean tn_change_stage(TnChange *change, GError **error);

/* Takes the staged definition over. */
gboolean tn_change_commit(TnChange *change, GError **error);

/**
 * tn_change_unplug:
 * Asks the running guest to let go of the device @alias; @wait: for TN_UNPLUG_WAIT_MS at most.
 * @ret_outcome: what the guest has answered until now; may be NULL.
 * Errors: what the monitor said; OPERATION_INVALID when the domain ends meanwhile;
 * OPERATION_FAILED "unplug of device was rejected by the guest".
 */
gboolean tn_change_unplug(TnChange *change, const char *alias, gboolean wait,
                          TnUnplugOutcome *ret_outcome, GError **error);

G_END_DECLS

#endif
