/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for, holding and ending a domain's job. */
#include "driver/core/job.h"

#include "driver/core/driver-private.h"

static gboolean
wait_for_turn_locked(TnDomain *domain, GError **error)
{
    gint64 until = g_get_monotonic_time() + TN_JOB_WAIT_SECONDS * G_USEC_PER_SEC;
    gboolean ok = TRUE;

    if (domain->job_waiters >= TN_JOB_MAX_WAITERS) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "%u calls wait for domain '%s' already, which is the limit",
                    domain->job_waiters, domain->name);
        return FALSE;
    }
    domain->job_waiters++;
    while (domain->job && ok) {
        ok = g_cond_wait_until(&domain->job_cond, &domain->lock, until);
    }
    domain->job_waiters--;
    if (domain->removed) {
        tn_domain_set_gone_error(error, domain->uuid_text, domain->name);
        return FALSE;
    }
    if (domain->job) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_TIMEOUT,
                    "cannot acquire state change lock (held by %s) within %d seconds",
                    domain->job, TN_JOB_WAIT_SECONDS);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_domain_begin_job(TnDomain *domain, const char *what, GError **error)
{
    gboolean ok;

    g_mutex_lock(&domain->lock);
    ok = wait_for_turn_locked(domain, error);
    if (ok) {
        domain->job = what;
    }
    g_mutex_unlock(&domain->lock);
    return ok;
}

gboolean
tn_domain_begin_job_active(TnDomain *domain, const char *what, GError **error)
{
    gboolean active;

    if (!tn_domain_begin_job(domain, what, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    active = tn_domain_check_active_locked(domain, error);
    g_mutex_unlock(&domain->lock);
    if (!active) {
        tn_domain_end_job(domain);
    }
    return active;
}

void
tn_domain_end_job(TnDomain *domain)
{
    gboolean empty;

    g_mutex_lock(&domain->lock);
    g_assert(domain->job);
    domain->job = NULL;
    empty = tn_domain_is_empty_locked(domain);
    g_cond_broadcast(&domain->job_cond);
    g_mutex_unlock(&domain->lock);
    if (empty) {
        tn_domain_list_remove_if_empty(domain->driver->domains, domain);
    }
}
