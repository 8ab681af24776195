/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Single values of definitions. */
#include "driver/core/config.h"

#include "driver/core/driver-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/lifecycle.h"
#include "xml/metadata.h"

char *
tn_config_get_metadata(TnDomain *domain, int type, const char *uri, unsigned flags,
                       GError **error)
{
    const TnDomainDef *def = NULL;
    char *text = NULL;

    g_mutex_lock(&domain->lock);
    if (tn_domain_is_empty_locked(domain)) {
        tn_domain_set_gone_error(error, domain->uuid_text, domain->name);
    } else {
        def = tn_domain_affected_def_locked(domain, flags, error);
    }
    if (def) {
        text = tn_domain_def_get_metadata(def, type, uri, error);
    }
    g_mutex_unlock(&domain->lock);
    return text;
}

/* Puts @metadata into a copy of the persistent definition and saves it. Job held. */
static gboolean
set_persistent_metadata(TnDomain *domain, const TnConfigMetadata *m, GError **error)
{
    g_autoptr(TnDomainDef) def = NULL;
    TnDomainDef *old;

    g_mutex_lock(&domain->lock);
    def = tn_domain_def_copy(domain->persistent);
    g_mutex_unlock(&domain->lock);
    if (!tn_domain_def_set_metadata(def, m->type, m->text, m->key, m->uri, error) ||
        !tn_state_store_save_definition(domain->driver->store, def, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    old = domain->persistent;
    domain->persistent = g_steal_pointer(&def);
    g_mutex_unlock(&domain->lock);
    tn_domain_def_free(old);
    return TRUE;
}

static gboolean
set_live_metadata(TnDomain *domain, const TnConfigMetadata *m, GError **error)
{
    gboolean ok;

    g_mutex_lock(&domain->lock);
    ok = tn_domain_check_active_locked(domain, error) &&
         tn_domain_def_set_metadata(domain->live, m->type, m->text, m->key, m->uri, error);
    if (ok) {
        tn_launch_save_run_later(domain);
    }
    g_mutex_unlock(&domain->lock);
    return ok;
}

static gboolean
set_metadata_job(TnDomain *domain, const TnConfigMetadata *m, unsigned flags, GError **error)
{
    TnDomainEvent event = { .kind = VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, .detail = m->type,
                            .text = m->uri };
    gboolean live, config, ok;

    g_mutex_lock(&domain->lock);
    ok = tn_domain_affected_locked(domain, flags, &live, &config, error);
    g_mutex_unlock(&domain->lock);
    if (!ok || (config && !set_persistent_metadata(domain, m, error)) ||
        (live && !set_live_metadata(domain, m, error))) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    tn_event_hub_emit_for_locked(domain->driver->events, domain, &event);
    g_mutex_unlock(&domain->lock);
    return TRUE;
}

gboolean
tn_config_set_metadata(TnDomain *domain, const TnConfigMetadata *metadata, unsigned flags,
                       GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "metadata", error)) {
        return FALSE;
    }
    ok = set_metadata_job(domain, metadata, flags, error);
    tn_domain_end_job(domain);
    return ok;
}

/* Only the persistent definition's memory can be changed. */
static gboolean
check_config_only(TnDomain *domain, unsigned flags, gboolean maximum, GError **error)
{
    gboolean live, config, ok;

    g_mutex_lock(&domain->lock);
    ok = tn_domain_affected_locked(domain, flags & (VIR_DOMAIN_AFFECT_LIVE |
                                                    VIR_DOMAIN_AFFECT_CONFIG),
                                   &live, &config, error);
    g_mutex_unlock(&domain->lock);
    if (ok && live) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            maximum ? "cannot resize the maximum memory on an active domain"
                                    : "Unable to change memory of active domain without the "
                                      "balloon device and guest OS balloon driver");
    }
    return ok && !live;
}

typedef struct MemoryChange {
    guint64 kib;
    gboolean maximum;
} MemoryChange;

static gboolean
change_memory(TnDomainDef *def, gpointer user_data, GError **error)
{
    const MemoryChange *change = user_data;
    guint64 total = tn_domain_def_memory_total(def);
    guint64 dimms = total - def->memory.initial_kib;

    if (!change->maximum) {
        if (change->kib > total) {
            g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                                "cannot set memory higher than max memory");
            return FALSE;
        }
        def->memory.current_kib = change->kib;
        return TRUE;
    }
    if (def->cpu.cells->len > 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "initial memory size of a domain with NUMA nodes cannot be modified "
                            "with this API");
        return FALSE;
    }
    if (change->kib <= dimms) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "cannot set memory to %" G_GUINT64_FORMAT
                    " KiB: the memory devices have %" G_GUINT64_FORMAT " KiB of it",
                    change->kib, dimms);
        return FALSE;
    }
    def->memory.initial_kib = change->kib - dimms;
    def->memory.current_kib = MIN(def->memory.current_kib, change->kib);
    return TRUE;
}

gboolean
tn_config_set_memory(TnDomain *domain, guint64 kib, unsigned flags, GError **error)
{
    MemoryChange change = { kib, (flags & VIR_DOMAIN_MEM_MAXIMUM) != 0 };

    return check_config_only(domain, flags, change.maximum, error) &&
           tn_lifecycle_change_config(domain, change_memory, &change, error);
}

/* virDomainLifecycleAction in our own words. */
static const TnLifecycleAction lifecycle_actions[] = {
    [VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY] = TN_LIFECYCLE_DESTROY,
    [VIR_DOMAIN_LIFECYCLE_ACTION_RESTART] = TN_LIFECYCLE_RESTART,
    [VIR_DOMAIN_LIFECYCLE_ACTION_RESTART_RENAME] = TN_LIFECYCLE_RESTART_RENAME,
    [VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE] = TN_LIFECYCLE_PRESERVE,
    [VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_DESTROY] = TN_LIFECYCLE_COREDUMP_DESTROY,
    [VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART] = TN_LIFECYCLE_COREDUMP_RESTART,
};

typedef struct ActionChange {
    guint type;
    TnLifecycleAction action;
} ActionChange;

static gboolean
change_action(TnDomainDef *def, gpointer user_data, GError **error)
{
    const ActionChange *change = user_data;

    *(change->type == VIR_DOMAIN_LIFECYCLE_POWEROFF ? &def->on_poweroff
      : change->type == VIR_DOMAIN_LIFECYCLE_REBOOT ? &def->on_reboot
                                                    : &def->on_crash) = change->action;
    return TRUE;
}

gboolean
tn_config_set_lifecycle_action(TnDomain *domain, guint type, guint action, unsigned flags,
                               GError **error)
{
    ActionChange change = { .type = type };
    gboolean live, config, ok;

    if (type > VIR_DOMAIN_LIFECYCLE_CRASH || action >= G_N_ELEMENTS(lifecycle_actions)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "lifecycle type %u with action %u is not known", type, action);
        return FALSE;
    }
    change.action = lifecycle_actions[action];
    g_mutex_lock(&domain->lock);
    ok = tn_domain_affected_locked(domain, flags, &live, &config, error);
    g_mutex_unlock(&domain->lock);
    /* The file first: what can fail. The live definition is only looked at when it happens. */
    if (!ok || (config && !tn_lifecycle_change_config(domain, change_action, &change, error))) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    if (live && domain->live) {
        (void)change_action(domain->live, &change, NULL);
        tn_launch_save_run_later(domain);
    }
    g_mutex_unlock(&domain->lock);
    return TRUE;
}
