/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One domain: making, freeing, and the checks that its calls share. */
#include "driver/core/domain.h"

#include <string.h>
#include <unistd.h>

TnDomain *
tn_domain_new(TnDriver *driver, const TnDomainDef *def)
{
    TnDomain *domain = g_new0(TnDomain, 1);

    g_atomic_ref_count_init(&domain->refs);
    domain->driver = driver;
    memcpy(domain->uuid, def->uuid, TN_UUID_LEN);
    tn_uuid_format(def->uuid, domain->uuid_text);
    g_mutex_init(&domain->file_lock);
    g_mutex_init(&domain->lock);
    g_cond_init(&domain->job_cond);
    domain->name = g_strdup(def->name);
    domain->state = VIR_DOMAIN_SHUTOFF;
    domain->reason = VIR_DOMAIN_SHUTOFF_UNKNOWN;
    domain->process.pidfd = -1;
    domain->unplugs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return domain;
}

TnDomain *
tn_domain_ref(TnDomain *domain)
{
    g_atomic_ref_count_inc(&domain->refs);
    return domain;
}

void
tn_domain_unref(TnDomain *domain)
{
    if (!domain || !g_atomic_ref_count_dec(&domain->refs)) {
        return;
    }
    tn_domain_def_free(domain->persistent);
    tn_domain_def_free(domain->live);
    if (domain->process.pidfd >= 0) {
        close(domain->process.pidfd);
    }
    g_clear_pointer(&domain->process.qmp, tn_qmp_client_unref);
    g_free(domain->process.monitor_path);
    g_hash_table_unref(domain->unplugs);
    g_cond_clear(&domain->job_cond);
    g_mutex_clear(&domain->lock);
    g_mutex_clear(&domain->file_lock);
    g_free(domain->name);
    g_free(domain);
}

char *
tn_domain_dup_name(TnDomain *domain)
{
    char *name;

    g_mutex_lock(&domain->lock);
    name = g_strdup(domain->name);
    g_mutex_unlock(&domain->lock);
    return name;
}

gboolean
tn_domain_is_empty_locked(const TnDomain *domain)
{
    return !domain->persistent && !domain->live;
}

void
tn_domain_set_gone_error(GError **error, const char *uuid_text, const char *name)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s' (%s)",
                uuid_text, name);
}

gboolean
tn_domain_is_active_locked(const TnDomain *domain)
{
    return domain->live != NULL;
}

TnDomainDef *
tn_domain_def_locked(const TnDomain *domain)
{
    return domain->live ? domain->live : domain->persistent;
}

gboolean
tn_domain_check_active_locked(const TnDomain *domain, GError **error)
{
    if (domain->live) {
        return TRUE;
    }
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID, "domain is not running");
    return FALSE;
}

gboolean
tn_domain_check_inactive_locked(const TnDomain *domain, GError **error)
{
    if (!domain->live) {
        return TRUE;
    }
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                        "domain is already running");
    return FALSE;
}

gboolean
tn_domain_check_persistent_locked(const TnDomain *domain, GError **error)
{
    if (domain->persistent) {
        return TRUE;
    }
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                        "cannot modify the persistent configuration of a transient domain");
    return FALSE;
}

void
tn_domain_set_state_locked(TnDomain *domain, int state, int reason)
{
    domain->state = state;
    domain->reason = reason;
}

gboolean
tn_domain_affected_locked(const TnDomain *domain, unsigned flags, gboolean *ret_live,
                          gboolean *ret_config, GError **error)
{
    gboolean active = tn_domain_is_active_locked(domain);
    gboolean live = (flags & VIR_DOMAIN_AFFECT_LIVE) != 0;
    gboolean config = (flags & VIR_DOMAIN_AFFECT_CONFIG) != 0;

    if (!live && !config) {
        live = active;
        config = !active;
    }
    if (live && !tn_domain_check_active_locked(domain, error)) {
        return FALSE;
    }
    if (config && !tn_domain_check_persistent_locked(domain, error)) {
        return FALSE;
    }
    *ret_live = live;
    *ret_config = config;
    return TRUE;
}

const TnDomainDef *
tn_domain_affected_def_locked(const TnDomain *domain, unsigned flags, GError **error)
{
    gboolean live, config;

    if (!tn_domain_affected_locked(domain, flags, &live, &config, error)) {
        return NULL;
    }
    return live ? domain->live : domain->persistent;
}
