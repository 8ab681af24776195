/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virsh attach-device and detach-device: the driver's half of the story. */
#include "driver/core/hotplug.h"

#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/hotplug-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"

/*
 * A change under way: what it means for the two definitions. The job is held, so
 * nobody else replaces the persistent one; the live one can lose a device, or end
 * with the guest, at any time, so that the work is done on a copy.
 */
typedef struct Change {
    TnDomain *domain;
    gboolean live, config;
    TnDomainDef *new_config; /* the definition to be */
    TnStagedFile *staged;    /* it, on disk beside its place */
    TnDomainDef *live_copy;
    guint run; /* the run that live_copy is of */
} Change;

static void
change_clear(Change *change)
{
    tn_domain_def_free(change->new_config);
    tn_domain_def_free(change->live_copy);
    tn_staged_file_free(change->staged);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Change, change_clear)

/* Which definitions @flags mean, and copies of them. */
static gboolean
change_begin(Change *change, unsigned flags, GError **error)
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

/* Brings the new definition to the disk: what can fail of it, before the guest is touched. */
static gboolean
stage_config(Change *change, GError **error)
{
    if (!change->config) {
        return TRUE;
    }
    change->staged = tn_state_store_stage_definition(change->domain->driver->store,
                                                     change->new_config, error);
    return change->staged != NULL;
}

/* Takes the staged definition over. */
static gboolean
commit_config(Change *change, GError **error)
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

static TnDevice *
parse_device(TnDomain *domain, const TnDomainDef *def, const char *xml, gboolean live,
             GError **error)
{
    const TnXmlParseOptions options = {
        .flags = live ? TN_XML_PARSE_DEFAULT : TN_XML_PARSE_INACTIVE,
        .host = tn_driver_get_xml_host(domain->driver),
    };

    return tn_domain_device_parse(xml, def, &options, error);
}

/* The kinds that can come and go while the guest runs. */
static const TnHotplugKind *const kinds[TN_DEVICE_LAST] = {
    [TN_DEVICE_HOSTDEV] = &tn_hotplug_hostdev,
    [TN_DEVICE_MEMORY] = &tn_hotplug_memory,
};

static gboolean
check_kind(const TnDevice *device, GError **error)
{
    if (kinds[device->kind]) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_UNSUPPORTED,
                "live change of device '%s' is not supported", tn_device_kind_name(device->kind));
    return FALSE;
}

/* The device to plug, with alias and slot, so that refusals come before the monitor is bothered. */
static TnDevice *
prepare_live_attach(Change *change, const char *xml, GError **error)
{
    g_autoptr(TnDevice) device = parse_device(change->domain, change->live_copy, xml, TRUE, error);

    if (!device || !check_kind(device, error)) {
        return NULL;
    }
    if (!tn_domain_def_assign_address(change->live_copy, device, error) ||
        !tn_domain_def_check_insert(change->live_copy, device, error)) {
        return NULL;
    }
    tn_domain_def_assign_alias(change->live_copy, device);
    return g_steal_pointer(&device);
}

/* @device is in the guest: into the live definition, and told of. */
static gboolean
take_plugged(Change *change, TnDevice *given, GError **error)
{
    g_autoptr(TnDevice) device = given;
    const TnHotplugKind *kind = kinds[device->kind];
    g_autofree char *name = kind->event_name ? kind->event_name(device->info.alias)
                                             : g_strdup(device->info.alias);
    TnDomain *domain = change->domain;
    gboolean current;

    g_mutex_lock(&domain->lock);
    current = domain->run == change->run && domain->live;
    if (current) {
        tn_domain_def_insert(domain->live, g_steal_pointer(&device));
        tn_event_hub_emit_device_locked(domain->driver->events, domain,
                                        VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, name);
    }
    g_mutex_unlock(&domain->lock);
    if (!current) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
    }
    return current;
}

static gboolean
attach_live(Change *change, TnDevice *given, GError **error)
{
    g_autoptr(TnDevice) device = given;
    const TnHotplugKind *kind = kinds[device->kind];
    g_autoptr(TnQmpClient) qmp = tn_monitor_get(change->domain, error);
    const TnHotplugTarget target = { change->domain, change->run, change->live_copy, qmp };
    g_autoptr(TnDevice) copy = NULL;
    gboolean kept;

    if (!qmp || !kind->plug(&target, device, error)) {
        return FALSE;
    }
    copy = tn_device_copy(device);
    kept = take_plugged(change, g_steal_pointer(&device), error);
    kind->finish(&target, copy, kept);
    if (kept) {
        tn_launch_save_run_later(change->domain);
    }
    return kept;
}

/* The definition with @xml's device in it. */
static gboolean
prepare_config_attach(Change *change, const char *xml, GError **error)
{
    TnDomainDef *def = change->new_config;
    g_autoptr(TnDevice) device = parse_device(change->domain, def, xml, FALSE, error);

    if (!device || !tn_domain_def_assign_address(def, device, error) ||
        !tn_domain_def_check_insert(def, device, error)) {
        return FALSE;
    }
    tn_domain_def_insert(def, g_steal_pointer(&device));
    return tn_domain_def_postparse(def, tn_driver_get_xml_host(change->domain->driver), error) &&
           tn_domain_def_validate(def, error);
}

static gboolean
attach_job(TnDomain *domain, const char *xml, unsigned flags, GError **error)
{
    g_auto(Change) change = { .domain = domain };
    g_autoptr(TnDevice) device = NULL;

    if (!change_begin(&change, flags, error) ||
        (change.config && !prepare_config_attach(&change, xml, error))) {
        return FALSE;
    }
    if (change.live && !(device = prepare_live_attach(&change, xml, error))) {
        return FALSE;
    }
    return stage_config(&change, error) &&
           (!change.live || attach_live(&change, g_steal_pointer(&device), error)) &&
           commit_config(&change, error);
}

gboolean
tn_hotplug_attach(TnDomain *domain, const char *xml, unsigned flags, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "attach-device", error)) {
        return FALSE;
    }
    ok = attach_job(domain, xml, flags, error);
    tn_domain_end_job(domain);
    return ok;
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
wait_for_unplug(Change *change, const char *alias, TnUnplugOutcome *ret_outcome)
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

static gboolean
detach_live(Change *change, const char *alias, gboolean wait, GError **error)
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
    return TRUE;
}

/* The alias of the live device that @xml describes. (transfer full) */
static char *
find_live(Change *change, const char *xml, GError **error)
{
    g_autoptr(TnDevice) like = parse_device(change->domain, change->live_copy, xml, TRUE, error);
    int index;

    if (!like || !check_kind(like, error)) {
        return NULL;
    }
    index = tn_domain_def_find_device(change->live_copy, like, error);
    return index < 0 ? NULL
                     : g_strdup(tn_domain_def_device(change->live_copy, like->kind, (guint)index)
                                    ->info.alias);
}

static gboolean
prepare_config_detach(Change *change, const char *xml, GError **error)
{
    TnDomainDef *def = change->new_config;
    g_autoptr(TnDevice) like = parse_device(change->domain, def, xml, FALSE, error);
    int index = like ? tn_domain_def_find_device(def, like, error) : -1;

    if (index < 0) {
        return FALSE;
    }
    tn_device_free(tn_domain_def_remove(def, like->kind, (guint)index));
    return tn_domain_def_validate(def, error);
}

static gboolean
detach_job(TnDomain *domain, const char *xml, unsigned flags, GError **error)
{
    g_auto(Change) change = { .domain = domain };
    g_autofree char *alias = NULL;

    if (!change_begin(&change, flags, error) ||
        (change.config && !prepare_config_detach(&change, xml, error))) {
        return FALSE;
    }
    if (change.live && !(alias = find_live(&change, xml, error))) {
        return FALSE;
    }
    return stage_config(&change, error) &&
           (!change.live || detach_live(&change, alias, TRUE, error)) &&
           commit_config(&change, error);
}

gboolean
tn_hotplug_detach(TnDomain *domain, const char *xml, unsigned flags, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "detach-device", error)) {
        return FALSE;
    }
    ok = detach_job(domain, xml, flags, error);
    tn_domain_end_job(domain);
    return ok;
}

static gboolean
remove_alias_from_config(Change *change, const char *alias)
{
    TnDevice *device = tn_domain_def_find_alias(change->new_config, alias);

    if (!device || !tn_domain_def_remove_device(change->new_config, device)) {
        return FALSE;
    }
    tn_device_free(device);
    return TRUE;
}

static gboolean
detach_alias_job(TnDomain *domain, const char *alias, unsigned flags, GError **error)
{
    g_auto(Change) change = { .domain = domain };
    TnDevice *device = NULL;

    if (!change_begin(&change, flags, error)) {
        return FALSE;
    }
    if (change.live) {
        device = tn_domain_def_find_alias(change.live_copy, alias);
    }
    if ((change.config && !remove_alias_from_config(&change, alias)) ||
        (change.live && !device)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_DEVICE_MISSING,
                    "no device found with alias %s", alias);
        return FALSE;
    }
    return (!change.live || check_kind(device, error)) &&
           (!change.config || tn_domain_def_validate(change.new_config, error)) &&
           stage_config(&change, error) &&
           (!change.live || detach_live(&change, alias, FALSE, error)) &&
           commit_config(&change, error);
}

gboolean
tn_hotplug_detach_alias(TnDomain *domain, const char *alias, unsigned flags, GError **error)
{
    gboolean ok;

    if (!tn_domain_begin_job(domain, "detach-device-alias", error)) {
        return FALSE;
    }
    ok = detach_alias_job(domain, alias, flags, error);
    tn_domain_end_job(domain);
    return ok;
}
