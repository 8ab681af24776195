/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual CPUs that come and go. */
#include "driver/core/vcpu.h"

#include <string.h>

#include "driver/core/change.h"
#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"
#include "driver/core/pin.h"
#include "xml/bitmap.h"

#define ALIAS_STEM "vcpu"

static char *
alias_of(guint id)
{
    return g_strdup_printf(ALIAS_STEM "%u", id);
}

/* The places for CPUs that the monitor has: element n is vCPU n's. */
typedef struct Places {
    json_object *reply;
    GPtrArray *list; /* of elements of @reply */
} Places;

static void
places_clear(Places *places)
{
    g_clear_pointer(&places->list, g_ptr_array_unref);
    g_clear_pointer(&places->reply, json_object_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Places, places_clear)

static int
compare_places(gconstpointer a, gconstpointer b)
{
    static const char *const keys[] = { "socket-id", "die-id", "core-id", "thread-id" };
    json_object *x = json_object_object_get(*(json_object *const *)a, "props");
    json_object *y = json_object_object_get(*(json_object *const *)b, "props");

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        int m = json_object_get_int(json_object_object_get(x, keys[i]));
        int n = json_object_get_int(json_object_object_get(y, keys[i]));

        if (m != n) {
            return m < n ? -1 : 1;
        }
    }
    return 0;
}

/* Asks for the places: vCPUs are counted by socket, die, core and thread, whatever order the
 * monitor tells them in. */
static gboolean
read_places(TnQmpClient *qmp, guint expected, Places *ret_places, GError **error)
{
    json_object *reply = tn_qmp_client_call(qmp, "query-hotpluggable-cpus", NULL, NULL, 0,
                                            TN_MONITOR_TIMEOUT_MS, error);
    GPtrArray *list;

    if (!reply) {
        return FALSE;
    }
    if (!json_object_is_type(reply, json_type_array) ||
        json_object_array_length(reply) != expected) {
        json_object_put(reply);
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "the monitor does not have places for %u CPUs", expected);
        return FALSE;
    }
    list = g_ptr_array_new();
    for (guint i = 0; i < expected; i++) {
        g_ptr_array_add(list, json_object_array_get_idx(reply, i));
    }
    g_ptr_array_sort(list, compare_places);
    *ret_places = (Places){ reply, list };
    return TRUE;
}

static gboolean
device_add(TnQmpClient *qmp, json_object *place, guint id, GError **error)
{
    g_autofree char *alias = alias_of(id);
    json_object *args = json_object_new_object();
    json_object *props = json_object_object_get(place, "props");
    json_object *reply;
    GError *why = NULL;

    json_object_object_add(args, "driver",
                           json_object_get(json_object_object_get(place, "type")));
    json_object_object_add(args, "id", json_object_new_string(alias));
    if (json_object_is_type(props, json_type_object)) {
        json_object_object_foreach(props, key, value) {
            json_object_object_add(args, key, json_object_get(value));
        }
    }
    reply = tn_qmp_client_call(qmp, "device_add", args, NULL, 0, TN_MONITOR_TIMEOUT_MS, &why);
    if (!reply) {
        tn_monitor_explain(&why, "device_add");
        g_propagate_error(error, why);
        return FALSE;
    }
    json_object_put(reply);
    return TRUE;
}

/* vCPU @id is in the guest: shown, and told of. Under the lock. */
static void
take_plugged_locked(TnDomain *domain, guint id)
{
    g_autofree char *alias = alias_of(id);

    tn_domain_def_set_vcpu(domain->live, id, TRUE, TRUE);
    tn_domain_def_number_vcpus(domain->live);
    tn_event_hub_emit_device_locked(domain->driver->events, domain,
                                    VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, alias);
}

static gboolean
plug_one(TnChange *change, TnQmpClient *qmp, const Places *places, guint id, GError **error)
{
    TnDomain *domain = change->domain;
    gboolean current;

    if (!device_add(qmp, g_ptr_array_index(places->list, id), id, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    current = domain->live && domain->run == change->run;
    if (current) {
        take_plugged_locked(domain, id);
    }
    g_mutex_unlock(&domain->lock);
    if (!current) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
    }
    return current && tn_pin_vcpus(domain, qmp, error);
}

static gboolean
unplug_one(TnChange *change, guint id, GError **error)
{
    g_autofree char *alias = alias_of(id);
    TnUnplugOutcome outcome = TN_UNPLUG_PENDING;

    if (!tn_change_unplug(change, alias, TRUE, &outcome, error)) {
        return FALSE;
    }
    if (outcome == TN_UNPLUG_PENDING) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_TIMEOUT,
                            "vcpu unplug request timed out. Unplug result must be manually "
                            "inspected in the domain");
        return FALSE;
    }
    return TRUE;
}

/* Has the running guest's vCPUs @ids (of guint) come or go, one after the other. */
static gboolean
change_live(TnChange *change, const GArray *ids, gboolean enable, GError **error)
{
    g_autoptr(TnQmpClient) qmp = tn_monitor_get(change->domain, error);
    g_auto(Places) places = { 0 };
    gboolean ok = qmp != NULL;

    if (ok && enable && ids->len > 0) {
        ok = read_places(qmp, change->live_copy->vcpus_max, &places, error);
    }
    for (guint i = 0; ok && i < ids->len; i++) {
        guint id = g_array_index(ids, guint, i);

        ok = enable ? plug_one(change, qmp, &places, id, error) : unplug_one(change, id, error);
    }
    tn_launch_save_run_later(change->domain);
    return ok;
}

/* The vCPUs to plug or unplug so that @n are enabled: the first free ones, or the last that
 * came by hot plug. */
static GArray *
select_ids(const TnDomainDef *live, guint n, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint));
    guint left = n > live->vcpus ? n - live->vcpus : live->vcpus - n;
    gboolean enable = n > live->vcpus;

    for (guint i = 0; left > 0 && i < live->vcpus_max; i++) {
        guint id = enable ? i : live->vcpus_max - 1 - i;
        TnVcpuState state = tn_domain_def_get_vcpu(live, id);

        if (enable ? !state.enabled : state.enabled && state.hotpluggable) {
            g_array_append_val(ids, id);
            left--;
        }
    }
    if (left > 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "failed to find appropriate hotpluggable vcpus to reach the desired "
                            "target vcpu count");
        return NULL;
    }
    return g_steal_pointer(&ids);
}

static gboolean
check_count(const TnDomainDef *def, guint n, const char *which, GError **error)
{
    if (n <= def->vcpus_max) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                "requested vcpus is greater than max allowable vcpus for the %s domain: %u > %u",
                which, n, def->vcpus_max);
    return FALSE;
}

/* @def with @n enabled ones. */
static void
set_config_count(TnDomainDef *def, guint n, gboolean hotpluggable)
{
    if (!def->vcpu_states && !hotpluggable) {
        def->vcpus = n;
        return;
    }
    for (guint i = 0; def->vcpus < n && i < def->vcpus_max; i++) {
        if (!tn_domain_def_get_vcpu(def, i).enabled) {
            tn_domain_def_set_vcpu(def, i, TRUE, hotpluggable);
        }
    }
    for (guint i = def->vcpus_max; def->vcpus > n && i-- > 1;) {
        if (tn_domain_def_get_vcpu(def, i).enabled) {
            tn_domain_def_set_vcpu(def, i, FALSE, TRUE);
        }
    }
}

static gboolean
set_maximum(TnChange *change, guint n, GError **error)
{
    if (change->live) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                            "maximum vcpu count of a live domain can't be modified");
        return FALSE;
    }
    tn_domain_def_set_vcpus_max(change->new_config, n);
    return tn_domain_def_validate(change->new_config, error) && tn_change_stage(change, error) &&
           tn_change_commit(change, error);
}

static gboolean
set_count_job(TnDomain *domain, guint n, unsigned flags, GError **error)
{
    g_auto(TnChange) change = { .domain = domain };
    g_autoptr(GArray) ids = NULL;

    if (!tn_change_begin(&change, flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG),
                         error)) {
        return FALSE;
    }
    if (flags & VIR_DOMAIN_VCPU_MAXIMUM) {
        return set_maximum(&change, n, error);
    }
    if ((change.live && !check_count(change.live_copy, n, "live", error)) ||
        (change.config && !check_count(change.new_config, n, "persistent", error)) ||
        (change.live && !(ids = select_ids(change.live_copy, n, error)))) {
        return FALSE;
    }
    if (change.config) {
        set_config_count(change.new_config, n, (flags & VIR_DOMAIN_VCPU_HOTPLUGGABLE) != 0);
        if (!tn_domain_def_validate(change.new_config, error)) {
            return FALSE;
        }
    }
    return tn_change_stage(&change, error) &&
           (!change.live || change_live(&change, ids, n > change.live_copy->vcpus, error)) &&
           tn_change_commit(&change, error);
}

gboolean
tn_vcpu_set_count(TnDomain *domain, guint n, unsigned flags, GError **error)
{
    gboolean ok;

    if (n == 0 || n > TN_XML_MAX_VCPUS) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "the number of virtual CPUs must be 1 to %d, not %u", TN_XML_MAX_VCPUS, n);
        return FALSE;
    }
    if (!tn_domain_begin_job(domain, "set-vcpus", error)) {
        return FALSE;
    }
    ok = set_count_job(domain, n, flags, error);
    tn_domain_end_job(domain);
    return ok;
}

/* The ids of @map; FALSE when one cannot get into the wanted state, or is in it. */
static gboolean
collect_ids(const TnDomainDef *def, const TnBitmap *map, gboolean enabled, const char *which,
            GArray *ids, GError **error)
{
    for (int i = tn_bitmap_next(map, 0); i >= 0; i = tn_bitmap_next(map, (guint)i + 1)) {
        guint id = (guint)i;
        TnVcpuState state;

        if (id >= def->vcpus_max) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "vcpu %u is not present in %s config", id, which);
            return FALSE;
        }
        state = tn_domain_def_get_vcpu(def, id);
        if (state.enabled == enabled) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "vcpu '%u' is already in requested state", id);
            return FALSE;
        }
        g_array_append_val(ids, id);
        if (!enabled && (id == 0 || !state.hotpluggable)) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_UNSUPPORTED,
                        "vcpu '%u' can't be unplugged", id);
            return FALSE;
        }
    }
    return TRUE;
}

/* @def with the vCPUs of @map as wanted; in a definition each of them can be turned off. */
static gboolean
set_config_enabled(TnDomainDef *def, const TnBitmap *map, gboolean enabled, GError **error)
{
    for (int i = tn_bitmap_next(map, 0); i >= 0; i = tn_bitmap_next(map, (guint)i + 1)) {
        if ((guint)i >= def->vcpus_max) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "vcpu %d is not present in persistent config", i);
            return FALSE;
        }
        if (tn_domain_def_get_vcpu(def, (guint)i).enabled != enabled) {
            tn_domain_def_set_vcpu(def, (guint)i, enabled, TRUE);
        }
    }
    return tn_domain_def_validate(def, error);
}

static gboolean
set_enabled_job(TnDomain *domain, const TnBitmap *map, gboolean enabled, unsigned flags,
                GError **error)
{
    g_auto(TnChange) change = { .domain = domain };
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint));

    if (!tn_change_begin(&change, flags, error) ||
        (change.live && !collect_ids(change.live_copy, map, enabled, "live", ids, error)) ||
        (change.config && !set_config_enabled(change.new_config, map, enabled, error))) {
        return FALSE;
    }
    if (change.live && ids->len > 1) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                            "only one hotpluggable entity can be selected");
        return FALSE;
    }
    return tn_change_stage(&change, error) &&
           (!change.live || change_live(&change, ids, enabled, error)) &&
           tn_change_commit(&change, error);
}

gboolean
tn_vcpu_set_enabled(TnDomain *domain, const char *ids, gboolean enabled, unsigned flags,
                    GError **error)
{
    g_autoptr(TnBitmap) map = tn_bitmap_parse(ids);
    gboolean ok;

    if (!map || tn_bitmap_next(map, 0) < 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                            "no vcpus selected for modification");
        return FALSE;
    }
    if (!tn_domain_begin_job(domain, "set-vcpu", error)) {
        return FALSE;
    }
    ok = set_enabled_job(domain, map, enabled, flags, error);
    tn_domain_end_job(domain);
    return ok;
}

static int
compare_orders(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const TnDomainDef *def = user_data;

    return (int)tn_domain_def_get_vcpu(def, *(const guint *)a).order -
           (int)tn_domain_def_get_vcpu(def, *(const guint *)b).order;
}

gboolean
tn_vcpu_plug_first(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(TnDomainDef) live = NULL;
    g_auto(Places) places = { 0 };
    gboolean ok = TRUE;

    g_mutex_lock(&domain->lock);
    live = domain->live ? tn_domain_def_copy(domain->live) : NULL;
    g_mutex_unlock(&domain->lock);
    if (!live) {
        /* Destroyed meanwhile, which who starts it finds with the next step. */
        return TRUE;
    }
    for (guint i = 0; i < live->vcpus_max; i++) {
        TnVcpuState state = tn_domain_def_get_vcpu(live, i);

        if (state.enabled && state.hotpluggable) {
            g_array_append_val(ids, i);
        }
    }
    if (ids->len == 0) {
        return TRUE;
    }
    g_array_sort_with_data(ids, compare_orders, live);
    ok = read_places(qmp, live->vcpus_max, &places, error);
    for (guint i = 0; ok && i < ids->len; i++) {
        guint id = g_array_index(ids, guint, i);

        ok = device_add(qmp, g_ptr_array_index(places.list, id), id, error);
    }
    return ok;
}

gboolean
tn_vcpu_gone_locked(TnDomain *domain, const char *alias)
{
    const char *digits = g_str_has_prefix(alias, ALIAS_STEM) ? alias + strlen(ALIAS_STEM) : "";
    guint64 id;
    TnVcpuState state;

    if (!g_ascii_string_to_unsigned(digits, 10, 0, domain->live->vcpus_max - 1, &id, NULL)) {
        return FALSE;
    }
    state = tn_domain_def_get_vcpu(domain->live, (guint)id);
    if (!state.enabled || !state.hotpluggable) {
        return FALSE;
    }
    tn_domain_def_set_vcpu(domain->live, (guint)id, FALSE, TRUE);
    return TRUE;
}

gboolean
tn_vcpu_reconcile(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    g_auto(Places) places = { 0 };
    guint count = 0;

    g_mutex_lock(&domain->lock);
    if (domain->live && domain->live->vcpu_states) {
        count = domain->live->vcpus_max;
    }
    g_mutex_unlock(&domain->lock);
    if (count == 0) {
        return TRUE;
    }
    if (!read_places(qmp, count, &places, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    for (guint i = 0; domain->live && i < count; i++) {
        g_autofree char *alias = alias_of(i);
        gboolean present =
            json_object_object_get(g_ptr_array_index(places.list, i), "qom-path") != NULL;
        gboolean enabled = tn_domain_def_get_vcpu(domain->live, i).enabled;

        if (present && !enabled) {
            g_message("domain '%s': %s was plugged while the daemon ended", domain->name, alias);
            take_plugged_locked(domain, i);
        } else if (!present && enabled) {
            g_message("domain '%s': %s went while no daemon was there", domain->name, alias);
            tn_monitor_device_gone_locked(domain, alias);
        }
    }
    g_mutex_unlock(&domain->lock);
    return TRUE;
}
