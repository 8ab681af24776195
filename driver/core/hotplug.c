/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virsh attach-device and detach-device: the driver's half of the story. */
#include "driver/core/hotplug.h"

#include "driver/core/change.h"
#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/hotplug-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"

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
prepare_live_attach(TnChange *change, const char *xml, GError **error)
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
take_plugged(TnChange *change, TnDevice *given, GError **error)
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
attach_live(TnChange *change, TnDevice *given, GError **error)
{
    g_autoptr(TnDevice) device = given;
    const TnHotplugKind *kind = kinds[device->kind];
    g_autoptr(TnQmpClient) qmp = tn_monitor_get(change->domain, error);
    const TnHotplugTarget target = { change->domain, change->run, change->live_copy, qmp };
    g_autoptr(TnDevice) copy = NULL;
    gpointer seen = NULL;
    gboolean kept;

    if (!qmp || !kind->plug(&target, device, &seen, error)) {
        return FALSE;
    }
    copy = tn_device_copy(device);
    kept = take_plugged(change, g_steal_pointer(&device), error);
    kind->finish(&target, copy, kept, seen);
    if (kept) {
        tn_launch_save_run_later(change->domain);
    }
    return kept;
}

/* The definition with @xml's device in it. */
static gboolean
prepare_config_attach(TnChange *change, const char *xml, GError **error)
{
    TnDomainDef *def = change->new_config;
    g_autoptr(TnDevice) device = parse_device(change->domain, def, xml, FALSE, error);

    if (!device || !tn_domain_def_make_room(def, device, error) ||
        !tn_domain_def_assign_address(def, device, error) ||
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
    g_auto(TnChange) change = { .domain = domain };
    g_autoptr(TnDevice) device = NULL;

    if (!tn_change_begin(&change, flags, error) ||
        (change.config && !prepare_config_attach(&change, xml, error))) {
        return FALSE;
    }
    if (change.live && !(device = prepare_live_attach(&change, xml, error))) {
        return FALSE;
    }
    return tn_change_stage(&change, error) &&
           (!change.live || attach_live(&change, g_steal_pointer(&device), error)) &&
           tn_change_commit(&change, error);
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

/* The alias of the live device that @xml describes. (transfer full) */
static char *
find_live(TnChange *change, const char *xml, GError **error)
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
prepare_config_detach(TnChange *change, const char *xml, GError **error)
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
    g_auto(TnChange) change = { .domain = domain };
    g_autofree char *alias = NULL;

    if (!tn_change_begin(&change, flags, error) ||
        (change.config && !prepare_config_detach(&change, xml, error))) {
        return FALSE;
    }
    if (change.live && !(alias = find_live(&change, xml, error))) {
        return FALSE;
    }
    return tn_change_stage(&change, error) &&
           (!change.live || tn_change_unplug(&change, alias, TRUE, NULL, error)) &&
           tn_change_commit(&change, error);
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
remove_alias_from_config(TnChange *change, const char *alias)
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
    g_auto(TnChange) change = { .domain = domain };
    TnDevice *device = NULL;

    if (!tn_change_begin(&change, flags, error)) {
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
           tn_change_stage(&change, error) &&
           (!change.live || tn_change_unplug(&change, alias, FALSE, NULL, error)) &&
           tn_change_commit(&change, error);
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
