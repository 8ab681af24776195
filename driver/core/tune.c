/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits and places of a guest's memory. */
#include "driver/core/tune.h"

#include "driver/core/change.h"
#include "driver/core/driver-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/lifecycle.h"
#include "driver/core/memlock.h"

gboolean
tn_tune_check_start(const TnDomainDef *def, GError **error)
{
    if (!tn_memtune_is_set(def->memtune.soft_limit_kib) &&
        !tn_memtune_is_set(def->memtune.swap_hard_limit_kib)) {
        return TRUE;
    }
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                        "Memory cgroup is not available on this host");
    return FALSE;
}

/* The definition that @flags mean, NULL with an error. Under the lock. */
static const TnDomainDef *
def_locked(TnDomain *domain, unsigned flags, GError **error)
{
    if (tn_domain_is_empty_locked(domain)) {
        tn_domain_set_gone_error(error, domain->uuid_text, domain->name);
        return NULL;
    }
    return tn_domain_affected_def_locked(domain, flags, error);
}

gboolean
tn_tune_get_memory(TnDomain *domain, unsigned flags, TnMemtune *ret_memtune, GError **error)
{
    const TnDomainDef *def;

    g_mutex_lock(&domain->lock);
    def = def_locked(domain, flags, error);
    if (def) {
        *ret_memtune = def->memtune;
    }
    g_mutex_unlock(&domain->lock);
    return def != NULL;
}

/* Puts the new limits into @memtune. */
static gboolean
apply(const TnTuneMemory *tune, TnMemtune *memtune, GError **error)
{
    if (tune->hard_limit) {
        memtune->hard_limit_kib = MIN(*tune->hard_limit, TN_MEMTUNE_UNLIMITED);
    }
    if (tune->soft_limit) {
        memtune->soft_limit_kib = MIN(*tune->soft_limit, TN_MEMTUNE_UNLIMITED);
    }
    if (tune->swap_hard_limit) {
        memtune->swap_hard_limit_kib = MIN(*tune->swap_hard_limit, TN_MEMTUNE_UNLIMITED);
    }
    if ((tune->hard_limit || tune->swap_hard_limit) &&
        memtune->hard_limit_kib > memtune->swap_hard_limit_kib) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                            "memory hard_limit tunable value must be lower than or equal to "
                            "swap_hard_limit");
        return FALSE;
    }
    return TRUE;
}

/* "None" is what a running guest has of these anyway. */
static gboolean
check_live(const TnTuneMemory *tune, GError **error)
{
    if ((!tune->soft_limit || !tn_memtune_is_set(*tune->soft_limit)) &&
        (!tune->swap_hard_limit || !tn_memtune_is_set(*tune->swap_hard_limit))) {
        return TRUE;
    }
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                        "cgroup memory controller is not mounted");
    return FALSE;
}

static gboolean
set_live(TnChange *change, GError **error)
{
    TnDomain *domain = change->domain;
    gboolean runs;
    pid_t pid;

    g_mutex_lock(&domain->lock);
    pid = domain->run == change->run ? domain->process.pid : 0;
    g_mutex_unlock(&domain->lock);
    if (pid != 0 && !tn_memlock_raise(domain->driver->config.memlock, pid, change->live_copy,
                                      NULL, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    runs = domain->live && domain->run == change->run;
    if (runs) {
        domain->live->memtune = change->live_copy->memtune;
    }
    g_mutex_unlock(&domain->lock);
    if (!runs) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
        return FALSE;
    }
    tn_launch_save_run_now(domain);
    return TRUE;
}

static gboolean
set_memory_job(TnDomain *domain, const TnTuneMemory *tune, unsigned flags, GError **error)
{
    g_auto(TnChange) change = { .domain = domain };

    if (!tn_change_begin(&change, flags, error) ||
        (change.live && (!check_live(tune, error) ||
                         !apply(tune, &change.live_copy->memtune, error))) ||
        (change.config && !apply(tune, &change.new_config->memtune, error))) {
        return FALSE;
    }
    return tn_change_stage(&change, error) && (!change.live || set_live(&change, error)) &&
           tn_change_commit(&change, error);
}

gboolean
tn_tune_set_memory(TnDomain *domain, const TnTuneMemory *tune, unsigned flags, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "set-memory-parameters", error)) {
        return FALSE;
    }
    ok = set_memory_job(domain, tune, flags, error);
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_tune_get_numa(TnDomain *domain, unsigned flags, int *ret_mode, char **ret_nodeset,
                 GError **error)
{
    const TnDomainDef *def;

    g_mutex_lock(&domain->lock);
    def = def_locked(domain, flags, error);
    if (def) {
        /* TnNumatuneMode has libvirt's numbers. */
        *ret_mode = def->numatune.has_memory ? (int)def->numatune.mode : TN_NUMATUNE_STRICT;
        *ret_nodeset = def->numatune.has_memory ? tn_bitmap_format(def->numatune.nodeset)
                                                : g_strdup("");
    }
    g_mutex_unlock(&domain->lock);
    return def != NULL;
}

typedef struct NumaChange {
    const int *mode;
    TnBitmap *nodeset; /* owned; NULL: stays */
} NumaChange;

static gboolean
change_numa(TnDomainDef *def, gpointer user_data, GError **error)
{
    const NumaChange *change = user_data;
    TnNumatune *numatune = &def->numatune;

    if (!change->nodeset && !numatune->has_memory) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                            "nodeset for NUMA memory tuning must be set if 'placement' is "
                            "'static'");
        return FALSE;
    }
    numatune->mode = change->mode ? (TnNumatuneMode)*change->mode
                     : numatune->has_memory ? numatune->mode
                                            : TN_NUMATUNE_STRICT;
    if (change->nodeset) {
        tn_bitmap_free(numatune->nodeset);
        numatune->nodeset = tn_bitmap_copy(change->nodeset);
    }
    numatune->has_memory = TRUE;
    return TRUE;
}

static gboolean
check_numa_flags(TnDomain *domain, unsigned flags, GError **error)
{
    gboolean live, config, ok;

    g_mutex_lock(&domain->lock);
    ok = tn_domain_affected_locked(domain, flags, &live, &config, error);
    g_mutex_unlock(&domain->lock);
    if (ok && live) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "cgroup cpuset controller is not mounted");
    }
    return ok && !live;
}

gboolean
tn_tune_set_numa(TnDomain *domain, const int *mode, const char *nodeset, unsigned flags,
                 GError **error)
{
    g_autoptr(TnBitmap) nodes = nodeset ? tn_bitmap_parse(nodeset) : NULL;
    NumaChange change = { mode, nodes };

    if (mode && (*mode < 0 || *mode >= TN_NUMATUNE_LAST)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unsupported numatune mode: '%d'",
                    *mode);
        return FALSE;
    }
    if (nodeset && !nodes) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "Failed to parse bitmap '%s'",
                    nodeset);
        return FALSE;
    }
    if (!mode && !nodeset) {
        return TRUE;
    }
    return check_numa_flags(domain, flags, error) &&
           tn_lifecycle_change_config(domain, change_numa, &change, error);
}
