/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of both definitions at once, and the guest's part in letting devices go. */
#include "driver/core/change.h"

#include "driver/core/driver-private.h"
#include "driver/core/hotplug.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"

void
tn_change_clear(TnChange *change)
{
    tn_domain_def_free(change->new_config);
    tn_domain_def_free(change->live_copy);
    tn_staged_file_free(change->staged);
}

gboolean
tn_change_begin(TnChange *change, unsigned flags, GError **error)
{
    TnDomain *domain = change->domain;
    gboolean ok;

    g_mutex_lock(&domain->lock);
    ok = tn_domain_affected_locked(domain, flags, &change->live, &change->config, error);
    if (ok && change->config) {
        change->new_config = tn_domain_def_copy(domain->persistent);
    }
    if (ok && change->live) {
        change->live_copy = tn_domain_def_copy(domain->live);
        change->run = domain->run;
    }
    g_mutex_unlock(&domain->lock);
    return ok;
}

gboolean
tn_change_stage(TnChange *change, GError **error)
{
    if (!change->config) {
        return TRUE;
    }
    change->staged = tn_state_store_stage_definition(change->domain->driver->store,
                                                     change->new_config, error);
    return change->staged != NULL;
}

gboolean
tn_change_commit(TnChange *change, GError **error)
{
    TnDomain *domain = change->domain;
    TnDomainDef *old;

    if (!change->config) {
        return TRUE;
    }
    if (!tn_staged_file_commit(change->staged, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    old = domain->persistent;
    domain->persistent = g_steal_pointer(&change->new_config);
    g_mutex_unlock(&domain->lock);
    tn_domain_def_free(old);
    return TRUE;
}

/* Notes that the guest is asked for @alias. Returns whether it was being asked already. */
static gboolean
note_unplug(TnDomain *domain, const char *alias, gboolean waiting)
{
    TnUnplug *unplug;
    gboolean before;

    g_mutex_lock(&domain->lock);
    unplug = g_hash_table_lookup(domain->unplugs, alias);
    before = unplug != NULL;
    if (!before) {
        unplug = g_new0(TnUnplug, 1);
        g_hash_table_insert(domain->unplugs, g_strdup(alias), unplug);
    }
    *unplug = (TnUnplug){ .outcome = TN_UNPLUG_PENDING, .waiting = waiting };
    g_mutex_unlock(&domain->lock);
    return before;
}

static void
forget_unplug(TnDomain *domain, const char *alias)
{
    g_mutex_lock(&domain->lock);
    g_hash_table_remove(domain->unplugs, alias);
    g_mutex_unlock(&domain->lock);
    tn_launch_save_run_later(domain);
}

/* Nobody waits any more; the entry stays until the guest answers. */
static void
stop_waiting(TnDomain *domain, const char *alias)
{
    TnUnplug *unplug;

    g_mutex_lock(&domain->lock);
    unplug = g_hash_table_lookup(domain->unplugs, alias);
    if (unplug && unplug->outcome == TN_UNPLUG_PENDING) {
        unplug->waiting = FALSE;
    } else {
        g_hash_table_remove(domain->unplugs, alias);
    }
    g_mutex_unlock(&domain->lock);
}

static gboolean
request_unplug(TnDomain *domain, const char *alias, gboolean waiting, GError **error)
{
    json_object *args = json_object_new_object();
    GError *why = NULL;
    gboolean asked_before = note_unplug(domain, alias, waiting);

    /* Known to a daemon that is restarted meanwhile; one that is not told finds the outcome
     * all the same, by looking which devices are left. */
    tn_launch_save_run_later(domain);
    json_object_object_add(args, "id", json_object_new_string(alias));
    if (tn_monitor_call(domain, "device_del", args, &why)) {
        return TRUE;
    }
    tn_monitor_explain(&why, "device_del");
    /* An answer "no" to this request leaves an earlier one as it was; no answer at all leaves open
     * what comes. */
    if (asked_before || why->domain == TN_QMP_CLIENT_ERROR) {
        stop_waiting(domain, alias);
    } else {
        forget_unplug(domain, alias);
    }
    g_propagate_error(error, why);
    return FALSE;
}

/* Waits for the guest's answer, at most TN_UNPLUG_WAIT_MS. FALSE when the domain ended. */
static gboolean
wait_for_unplug(TnChange *change, const char *alias, TnUnplugOutcome *ret_outcome)
{
    TnDomain *domain = change->domain;
    gint64 until = g_get_monotonic_time() + TN_UNPLUG_WAIT_MS * 1000;
    TnUnplug *unplug = NULL;
    gboolean in_time = TRUE, runs;

    g_mutex_lock(&domain->lock);
    while ((runs = domain->live && domain->run == change->run)) {
        unplug = g_hash_table_lookup(domain->unplugs, alias);
        if (!in_time || !unplug || unplug->outcome != TN_UNPLUG_PENDING) {
            break;
        }
        in_time = g_cond_wait_until(&domain->job_cond, &domain->lock, until);
    }
    if (runs) {
        *ret_outcome = unplug ? unplug->outcome : TN_UNPLUG_DONE;
    }
    g_mutex_unlock(&domain->lock);
    stop_waiting(domain, alias);
    return runs;
}

gboolean
tn_change_unplug(TnChange *change, const char *alias, gboolean wait,
                 TnUnplugOutcome *ret_outcome, GError **error)
{
    TnUnplugOutcome outcome = TN_UNPLUG_PENDING;

    if (!request_unplug(change->domain, alias, wait, error)) {
        return FALSE;
    }
    if (wait && !wait_for_unplug(change, alias, &outcome)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
        return FALSE;
    }
    if (outcome == TN_UNPLUG_REFUSED) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                            "unplug of device was rejected by the guest");
        return FALSE;
    }
    if (ret_outcome) {
        *ret_outcome = outcome;
    }
    return TRUE;
}
