/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's job: at most one change of a domain at a time. Reads need none,
 * destroy takes none.
 */
#ifndef TN_DRIVER_CORE_JOB_H
#define TN_DRIVER_CORE_JOB_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/* How long a call waits for its turn. */
#define TN_JOB_WAIT_SECONDS 30
/* Calls that may wait for one domain's job. */
#define TN_JOB_MAX_WAITERS 64

/**
 * tn_domain_begin_job:
 * @what: static: shown to those who wait in vain ("attach-device").
 * Waits for the domain's job. Worker threads; no lock held.
 * Errors: OPERATION_TIMEOUT "cannot acquire state change lock (held by ...)",
 * OPERATION_FAILED when too many wait already, NO_DOMAIN when it was removed meanwhile.
 */
gboolean tn_domain_begin_job(TnDomain *domain, const char *what, GError **error);

/* The same for a domain that must run: OPERATION_INVALID "domain is not running". */
gboolean tn_domain_begin_job_active(TnDomain *domain, const char *what, GError **error);

/* Ends it and wakes the next. Forgets a domain that the job left empty. No lock held. */
void tn_domain_end_job(TnDomain *domain);

G_END_DECLS

#endif
