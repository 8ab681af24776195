/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monitor's connection and its events. */
#include "driver/core/monitor.h"

#include <string.h>
#include <unistd.h>

#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/hostdev.h"
#include "driver/core/launch.h"
#include "driver/core/memory-args.h"
#include "driver/core/stop.h"
#include "driver/core/vcpu.h"

/* ACPI 6.3, 6.3.5 (_OST): an ejection request that the guest answered. */
#define OST_SOURCE_EJECT_REQUEST 3
#define OST_SOURCE_OSPM_EJECT 0x103
#define OST_STATUS_FAILURE 1
#define OST_STATUS_EJECT_FIRST 0x80
#define OST_STATUS_EJECT_LAST 0x83

/* The run that a connection belongs to: late events of an earlier life are dropped. */
typedef struct Link {
    TnDomain *domain;
    guint run;
} Link;

/* Locks the domain if the link's run is the present one; FALSE, unlocked, otherwise. */
static gboolean
lock_current(const Link *link)
{
    g_mutex_lock(&link->domain->lock);
    if (link->domain->run == link->run && link->domain->live) {
        return TRUE;
    }
    g_mutex_unlock(&link->domain->lock);
    return FALSE;
}

static const char *
get_text(json_object *data, const char *key)
{
    json_object *member;

    return data && json_object_object_get_ex(data, key, &member)
               ? json_object_get_string(member)
               : NULL;
}

static TnEventHub *
hub(TnDomain *domain)
{
    return domain->driver->events;
}

/* Sends what needs no answer on the present connection. Under the lock. */
static void
send_locked(TnDomain *domain, const char *command, json_object *args)
{
    if (domain->process.qmp) {
        tn_qmp_client_call_async(domain->process.qmp, command, args, NULL, 0,
                                 TN_MONITOR_TIMEOUT_MS, NULL, NULL);
    } else {
        json_object_put(args);
    }
}

static void
on_shutdown_locked(Link *link, json_object *data)
{
    TnDomain *domain = link->domain;
    gboolean guest = data && json_object_get_boolean(json_object_object_get(data, "guest"));
    const char *reason = get_text(data, "reason");
    TnLifecycleAction action = g_strcmp0(reason, "guest-panic") == 0 ? domain->live->on_crash
                                                                     : domain->live->on_poweroff;

    if (!guest) {
        /* Ours: a destroy or the end of the program, which the watch tells of. */
        return;
    }
    /* The STOP that follows belongs to it and is no news then. */
    tn_domain_set_state_locked(domain, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_USER);
    tn_event_hub_emit_lifecycle_locked(hub(domain), domain, VIR_DOMAIN_EVENT_SHUTDOWN,
                                       VIR_DOMAIN_EVENT_SHUTDOWN_GUEST);
    if (domain->process.fake_reboot || action == TN_LIFECYCLE_RESTART ||
        action == TN_LIFECYCLE_RESTART_RENAME) {
        domain->process.fake_reboot = FALSE;
        send_locked(domain, "system_reset", NULL);
        send_locked(domain, "cont", NULL);
    } else if (action != TN_LIFECYCLE_PRESERVE) {
        tn_stop_run_later(domain, link->run, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
    } else {
        tn_launch_save_run_later(domain);
    }
}

static void
on_reset_locked(Link *link, json_object *data)
{
    TnDomain *domain = link->domain;
    gboolean guest = data && json_object_get_boolean(json_object_object_get(data, "guest"));

    if (guest && domain->live->on_reboot == TN_LIFECYCLE_DESTROY) {
        tn_stop_run_later(domain, link->run, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
        return;
    }
    domain->process.fake_reboot = FALSE;
    tn_event_hub_emit_device_locked(hub(domain), domain, VIR_DOMAIN_EVENT_ID_REBOOT, NULL);
    if (domain->state == VIR_DOMAIN_PMSUSPENDED) {
        /* The monitor leaves it stopped: it is to be resumed. */
        tn_domain_set_state_locked(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN);
        tn_event_hub_emit_lifecycle_locked(hub(domain), domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                           VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
        tn_launch_save_run_later(domain);
    }
}

static void
on_stop_locked(Link *link, json_object *data)
{
    TnDomain *domain = link->domain;

    /* What we asked for changed the state already, and perhaps once more since. */
    if (domain->process.own_stops > 0) {
        domain->process.own_stops--;
    } else if (domain->state == VIR_DOMAIN_RUNNING) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN);
        tn_event_hub_emit_lifecycle_locked(hub(domain), domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                           VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
        tn_launch_save_run_later(domain);
    }
}

static void
on_resume_locked(Link *link, json_object *data)
{
    TnDomain *domain = link->domain;

    if (domain->process.own_resumes > 0) {
        domain->process.own_resumes--;
    } else if (domain->state != VIR_DOMAIN_RUNNING) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED);
        tn_event_hub_emit_lifecycle_locked(hub(domain), domain, VIR_DOMAIN_EVENT_RESUMED,
                                           VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
        tn_launch_save_run_later(domain);
    }
}

/* The guest sleeps, in memory or on disk: @kind's event and the state. */
static void
fall_asleep_locked(TnDomain *domain, int kind, int detail)
{
    tn_event_hub_emit_device_locked(hub(domain), domain, kind, NULL);
    /* Paused: it fell asleep in the moment in which we let it run, or before. */
    if (domain->state == VIR_DOMAIN_RUNNING || domain->state == VIR_DOMAIN_PAUSED) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN);
        tn_event_hub_emit_lifecycle_locked(hub(domain), domain, VIR_DOMAIN_EVENT_PMSUSPENDED,
                                           detail);
        tn_launch_save_run_later(domain);
    }
}

static void
on_suspend_locked(Link *link, json_object *data)
{
    fall_asleep_locked(link->domain, VIR_DOMAIN_EVENT_ID_PMSUSPEND,
                       VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY);
}

static void
on_suspend_disk_locked(Link *link, json_object *data)
{
    fall_asleep_locked(link->domain, VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK,
                       VIR_DOMAIN_EVENT_PMSUSPENDED_DISK);
}

static void
on_wakeup_locked(Link *link, json_object *data)
{
    TnDomain *domain = link->domain;

    tn_event_hub_emit_device_locked(hub(domain), domain, VIR_DOMAIN_EVENT_ID_PMWAKEUP, NULL);
    if (domain->state == VIR_DOMAIN_PMSUSPENDED) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP);
        tn_event_hub_emit_lifecycle_locked(hub(domain), domain, VIR_DOMAIN_EVENT_STARTED,
                                           VIR_DOMAIN_EVENT_STARTED_WAKEUP);
        tn_launch_save_run_later(domain);
    }
}

/* The request for @alias is over: for whoever waits in a detach, or for nobody. Under the lock.
 * FALSE when there was none, or its outcome is known already. */
static gboolean
answer_unplug_locked(TnDomain *domain, const char *alias, TnUnplugOutcome outcome)
{
    TnUnplug *unplug = g_hash_table_lookup(domain->unplugs, alias);

    if (!unplug || unplug->outcome != TN_UNPLUG_PENDING) {
        return FALSE;
    }
    if (unplug->waiting) {
        unplug->outcome = outcome;
        g_cond_broadcast(&domain->job_cond);
    } else {
        g_hash_table_remove(domain->unplugs, alias);
    }
    return TRUE;
}

void
tn_monitor_unplug_done_locked(TnDomain *domain, const char *alias, gboolean announce)
{
    (void)answer_unplug_locked(domain, alias, TN_UNPLUG_DONE);
    if (announce) {
        tn_event_hub_emit_device_locked(hub(domain), domain, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                        alias);
    }
}

void
tn_monitor_device_gone_locked(TnDomain *domain, const char *alias)
{
    g_autoptr(TnDevice) device = tn_domain_def_find_alias(domain->live, alias);

    if (!device || !tn_domain_def_remove_device(domain->live, device)) {
        (void)g_steal_pointer(&device);
        if (tn_vcpu_gone_locked(domain, alias)) {
            tn_launch_save_run_later(domain);
            tn_monitor_unplug_done_locked(domain, alias, TRUE);
            return;
        }
        /* One that was just being plugged, perhaps. */
        (void)tn_hostdev_gone_locked(domain, alias, FALSE);
        return;
    }
    if (device->kind == TN_DEVICE_HOSTDEV && tn_hostdev_gone_locked(domain, alias, TRUE)) {
        tn_launch_save_run_later(domain);
        return;
    }
    if (device->kind == TN_DEVICE_MEMORY) {
        g_autofree char *backend = tn_memory_args_backend_id(alias);
        json_object *args = json_object_new_object();

        json_object_object_add(args, "id", json_object_new_string(backend));
        send_locked(domain, "object-del", args);
    }
    tn_launch_save_run_later(domain);
    tn_monitor_unplug_done_locked(domain, alias, TRUE);
}

static void
on_device_deleted_locked(Link *link, json_object *data)
{
    const char *alias = get_text(data, "device");

    if (alias) {
        tn_monitor_device_gone_locked(link->domain, alias);
    }
}

void
tn_monitor_unplug_refused_locked(TnDomain *domain, const char *alias)
{
    /* Several events tell of one refusal: the first is passed on. */
    if (answer_unplug_locked(domain, alias, TN_UNPLUG_REFUSED)) {
        tn_launch_save_run_later(domain);
        tn_event_hub_emit_device_locked(hub(domain), domain,
                                        VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, alias);
    }
}

static void
on_guest_error_locked(Link *link, json_object *data)
{
    const char *alias = get_text(data, "device");

    if (alias) {
        tn_monitor_unplug_refused_locked(link->domain, alias);
    }
}

void
tn_monitor_take_ost_locked(TnDomain *domain, json_object *info)
{
    const char *alias = get_text(info, "device");
    int source = json_object_get_int(json_object_object_get(info, "source"));
    int status = json_object_get_int(json_object_object_get(info, "status"));

    if (alias && (source == OST_SOURCE_EJECT_REQUEST || source == OST_SOURCE_OSPM_EJECT) &&
        (status == OST_STATUS_FAILURE ||
         (status >= OST_STATUS_EJECT_FIRST && status <= OST_STATUS_EJECT_LAST))) {
        tn_monitor_unplug_refused_locked(domain, alias);
    }
}

static void
on_ost_locked(Link *link, json_object *data)
{
    tn_monitor_take_ost_locked(link->domain, json_object_object_get(data, "info"));
}

typedef struct EventRow {
    const char *name;
    void (*handle_locked)(Link *link, json_object *data);
} EventRow;

static const EventRow event_rows[] = {
    { "SHUTDOWN", on_shutdown_locked },
    { "RESET", on_reset_locked },
    { "STOP", on_stop_locked },
    { "RESUME", on_resume_locked },
    { "SUSPEND", on_suspend_locked },
    { "SUSPEND_DISK", on_suspend_disk_locked },
    { "WAKEUP", on_wakeup_locked },
    { "DEVICE_DELETED", on_device_deleted_locked },
    { "DEVICE_UNPLUG_GUEST_ERROR", on_guest_error_locked },
    { "MEM_UNPLUG_ERROR", on_guest_error_locked },
    { "ACPI_DEVICE_OST", on_ost_locked },
};

static void
pass_on_locked(TnDomain *domain, const char *name, json_object *data, gint64 time_us)
{
    TnDomainEvent event = {
        .kind = TN_EVENT_MONITOR,
        .text = name,
        .data = data ? json_object_to_json_string_ext(
                           data, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                     : NULL,
        .time_us = time_us,
    };

    tn_event_hub_emit_for_locked(hub(domain), domain, &event);
}

static void
on_event(TnQmpClient *client, const char *name, json_object *data, gint64 time_us,
         gpointer user_data)
{
    Link *link = user_data;

    if (!lock_current(link)) {
        return;
    }
    pass_on_locked(link->domain, name, data, time_us);
    for (gsize i = 0; i < G_N_ELEMENTS(event_rows); i++) {
        if (strcmp(event_rows[i].name, name) == 0) {
            event_rows[i].handle_locked(link, data);
        }
    }
    g_mutex_unlock(&link->domain->lock);
}

static void
on_disconnected(TnQmpClient *client, const GError *reason, gpointer user_data)
{
    Link *link = user_data;

    /* A guest without its monitor cannot be driven any more: as QEMU's driver does, end it. */
    tn_stop_run_later(link->domain, link->run, TN_STOP_REASON_KEEP);
}

void
tn_monitor_open(TnDomain *domain, int fd)
{
    static const TnQmpClientCallbacks callbacks = { .event = on_event,
                                                    .disconnected = on_disconnected };
    Link *link;

    g_mutex_lock(&domain->lock);
    if (!domain->live) {
        /* Destroyed in the moment since it was started. */
        g_mutex_unlock(&domain->lock);
        close(fd);
        return;
    }
    link = g_new0(Link, 1);
    link->domain = tn_domain_ref(domain);
    link->run = domain->run;
    domain->process.link = link;
    domain->process.qmp = tn_qmp_client_new(fd, domain->driver->context, &callbacks, link);
    g_mutex_unlock(&domain->lock);
}

void
tn_monitor_cancel(TnDomain *domain)
{
    g_mutex_lock(&domain->lock);
    if (domain->process.qmp) {
        tn_qmp_client_cancel_all(domain->process.qmp);
    }
    g_mutex_unlock(&domain->lock);
}

static gboolean
free_link(gpointer data)
{
    Link *link = data;

    tn_domain_unref(link->domain);
    g_free(link);
    return G_SOURCE_REMOVE;
}

void
tn_monitor_close(TnDriver *driver, TnDomainProcess *process)
{
    if (process->qmp) {
        tn_qmp_client_close(process->qmp);
        tn_qmp_client_unref(g_steal_pointer(&process->qmp));
        /* A callback may still be running there: what it uses goes after it. */
        tn_driver_on_main(driver, free_link, g_steal_pointer(&process->link));
    }
}

TnQmpClient *
tn_monitor_get(TnDomain *domain, GError **error)
{
    TnQmpClient *qmp = NULL;

    g_mutex_lock(&domain->lock);
    if (!tn_domain_check_active_locked(domain, error)) {
        g_mutex_unlock(&domain->lock);
        return NULL;
    }
    if (domain->process.qmp && tn_qmp_client_is_open(domain->process.qmp)) {
        qmp = tn_qmp_client_ref(domain->process.qmp);
    } else {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "the monitor of domain '%s' does not answer: it is not connected",
                    domain->name);
    }
    g_mutex_unlock(&domain->lock);
    return qmp;
}

gboolean
tn_monitor_call(TnDomain *domain, const char *command, json_object *args, GError **error)
{
    g_autoptr(TnQmpClient) qmp = tn_monitor_get(domain, error);
    json_object *reply;

    if (!qmp) {
        if (args) {
            json_object_put(args);
        }
        return FALSE;
    }
    reply = tn_qmp_client_call(qmp, command, args, NULL, 0, TN_MONITOR_TIMEOUT_MS, error);
    if (!reply) {
        return FALSE;
    }
    json_object_put(reply);
    return TRUE;
}

void
tn_monitor_explain(GError **error, const char *command)
{
    if (error && *error && (*error)->domain == TN_QMP_ERROR) {
        g_autofree char *text = g_strdup_printf("unable to execute QEMU command '%s': %s", command,
                                                (*error)->message);

        g_clear_error(error);
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, text);
    }
}
