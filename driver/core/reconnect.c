/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run state against reality, after a restart of the daemon. */
#include "driver/core/reconnect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/core/driver-private.h"
#include "driver/core/hostdev.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/memory-args.h"
#include "driver/core/monitor.h"
#include "driver/core/pin.h"
#include "driver/core/process.h"
#include "driver/core/stop.h"
#include "driver/core/vcpu.h"

#define END_WAIT_MS 500

/* The process is gone: all that is left of the run is put away. */
static void
forget_run(TnDomain *domain, const TnRunRecord *record)
{
    g_message("domain '%s' ended while no daemon was there", domain->name);
    (void)unlink(record->monitor_path);
    tn_state_store_delete_run(domain->driver->store, domain->uuid_text);
    g_mutex_lock(&domain->lock);
    tn_domain_set_state_locked(domain, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED);
    g_mutex_unlock(&domain->lock);
}

static void
note_pending_unplugs_locked(TnDomain *domain, const TnRunRecord *record)
{
    for (char **alias = record->pending_unplugs; alias && *alias; alias++) {
        g_hash_table_replace(domain->unplugs, g_strdup(*alias), g_new0(TnUnplug, 1));
    }
}

static void
take_up_process(TnDomain *domain, TnDomainDef *live, const TnRunRecord *record,
                const TnProcess *process)
{
    g_mutex_lock(&domain->lock);
    domain->run++;
    domain->live = live;
    live->id = record->id;
    tn_domain_set_state_locked(domain, record->state, record->reason);
    domain->process = (TnDomainProcess){
        .pid = process->pid,
        .start_time = process->start_time,
        .pidfd = process->pidfd,
        .monitor_path = g_strdup(record->monitor_path),
        .stop_reason = VIR_DOMAIN_SHUTOFF_CRASHED,
        .announced = TRUE,
    };
    note_pending_unplugs_locked(domain, record);
    g_mutex_unlock(&domain->lock);
    tn_driver_reserve_id(domain->driver, record->id);
    tn_domain_list_set_id(domain->driver->domains, domain, record->id);
    tn_driver_count_running(domain->driver, +1);
    tn_stop_watch(domain);
}

static gboolean
connect_monitor(TnDomain *domain, const char *path, GError **error)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "monitor path '%s' is too long",
                    path);
        return FALSE;
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    /* Not waiting: when the backlog of a hung monitor is full, connect() would do so for ever. */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                    "cannot connect to monitor socket '%s': %s", path, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return FALSE;
    }
    tn_monitor_open(domain, fd);
    return TRUE;
}

static json_object *
ask(TnQmpClient *qmp, const char *command, GError **error)
{
    return tn_qmp_client_call(qmp, command, NULL, NULL, 0, TN_MONITOR_TIMEOUT_MS, error);
}

/* The guest powered off while nobody was there to see it. Under the lock. */
static void
take_shutdown_locked(TnDomain *domain)
{
    TnLifecycleAction action = domain->live->on_poweroff;

    g_message("domain '%s' powered off while no daemon was there", domain->name);
    tn_domain_set_state_locked(domain, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_USER);
    tn_event_hub_emit_lifecycle_locked(domain->driver->events, domain, VIR_DOMAIN_EVENT_SHUTDOWN,
                                       VIR_DOMAIN_EVENT_SHUTDOWN_GUEST);
    if (action == TN_LIFECYCLE_DESTROY || action == TN_LIFECYCLE_COREDUMP_DESTROY) {
        tn_stop_run_later(domain, domain->run, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
    }
}

/* A change of state that nobody saw is told now. Under the lock. */
static void
take_status_locked(TnDomain *domain, const char *status)
{
    TnEventHub *hub = domain->driver->events;

    if (strcmp(status, "running") == 0) {
        if (domain->state == VIR_DOMAIN_PMSUSPENDED) {
            tn_domain_set_state_locked(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP);
            tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_STARTED,
                                               VIR_DOMAIN_EVENT_STARTED_WAKEUP);
        } else if (domain->state != VIR_DOMAIN_RUNNING) {
            gboolean started = domain->reason == VIR_DOMAIN_PAUSED_STARTING_UP;

            tn_domain_set_state_locked(domain, VIR_DOMAIN_RUNNING,
                                       started ? VIR_DOMAIN_RUNNING_BOOTED
                                               : VIR_DOMAIN_RUNNING_UNPAUSED);
            tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_RESUMED,
                                               VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
        }
    } else if (strcmp(status, "suspended") == 0) {
        if (domain->state != VIR_DOMAIN_PMSUSPENDED) {
            tn_domain_set_state_locked(domain, VIR_DOMAIN_PMSUSPENDED,
                                       VIR_DOMAIN_PMSUSPENDED_UNKNOWN);
            tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_PMSUSPENDED,
                                               VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY);
        }
    } else if (strcmp(status, "shutdown") == 0) {
        take_shutdown_locked(domain);
    } else if (strcmp(status, "guest-panicked") == 0) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED);
    } else if (domain->state != VIR_DOMAIN_PAUSED) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN);
        tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                           VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    }
}

static gboolean
read_status(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    json_object *reply = ask(qmp, "query-status", error);
    const char *status;

    if (!reply) {
        return FALSE;
    }
    status = json_object_get_string(json_object_object_get(reply, "status"));
    g_mutex_lock(&domain->lock);
    if (domain->live && status) {
        take_status_locked(domain, status);
    }
    g_mutex_unlock(&domain->lock);
    json_object_put(reply);
    return TRUE;
}

/* The memory device that the monitor describes in @data. NULL: it cannot be told in XML. */
static TnDevice *
describe_dimm(TnDomain *domain, const TnDomainDef *def, json_object *data, const char *id)
{
    const TnXmlParseOptions options = { .host = tn_driver_get_xml_host(domain->driver) };
    g_autoptr(GError) error = NULL;
    g_autofree char *alias = g_markup_escape_text(id, -1);
    g_autofree char *xml = g_strdup_printf(
        "<memory model='dimm'><target><size unit='KiB'>%" G_GUINT64_FORMAT "</size>"
        "<node>%d</node></target><alias name='%s'/>"
        "<address type='dimm' slot='%d' base='0x%" G_GINT64_MODIFIER "x'/></memory>",
        json_object_get_uint64(json_object_object_get(data, "size")) / 1024,
        json_object_get_int(json_object_object_get(data, "node")), alias,
        json_object_get_int(json_object_object_get(data, "slot")),
        json_object_get_uint64(json_object_object_get(data, "addr")));
    TnDevice *device = tn_domain_device_parse(xml, def, &options, &error);

    if (!device) {
        g_warning("domain '%s' has a DIMM '%s' that is not in its definition: %s", def->name, id,
                  error->message);
    }
    return device;
}

/* DIMMs that the monitor has and the definition does not: attaches cut short. Under the lock. */
static void
take_new_dimms_locked(TnDomain *domain, json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *data = json_object_object_get(json_object_array_get_idx(list, i), "data");
        const char *id = json_object_get_string(json_object_object_get(data, "id"));
        TnDevice *device;

        if (!id || tn_domain_def_find_alias(domain->live, id)) {
            continue;
        }
        device = describe_dimm(domain, domain->live, data, id);
        if (device) {
            g_autofree char *backend = tn_memory_args_backend_id(id);

            g_message("domain '%s': memory device '%s' was attached while the daemon ended",
                      domain->name, id);
            tn_domain_def_insert(domain->live, device);
            tn_event_hub_emit_device_locked(domain->driver->events, domain,
                                            VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, backend);
        }
    }
}

static gboolean
list_has_id(json_object *list, const char *alias)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *data = json_object_object_get(json_object_array_get_idx(list, i), "data");

        if (g_strcmp0(json_object_get_string(json_object_object_get(data, "id")), alias) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* DIMMs that the guest let go of meanwhile. Under the lock. */
static void
drop_gone_dimms_locked(TnDomain *domain, json_object *list)
{
    for (guint i = tn_domain_def_n_devices(domain->live, TN_DEVICE_MEMORY); i > 0; i--) {
        g_autofree char *alias = g_strdup(
            tn_domain_def_memory_device(domain->live, i - 1)->base.info.alias);

        if (alias && !list_has_id(list, alias)) {
            g_message("domain '%s': memory device '%s' went while no daemon was there",
                      domain->name, alias);
            tn_monitor_device_gone_locked(domain, alias);
        }
    }
}

static gboolean
reconcile_dimms(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    json_object *list = ask(qmp, "query-memory-devices", error);

    if (!list) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    if (domain->live && json_object_is_type(list, json_type_array)) {
        drop_gone_dimms_locked(domain, list);
        take_new_dimms_locked(domain, list);
    }
    g_mutex_unlock(&domain->lock);
    json_object_put(list);
    return tn_launch_read_memory_devices(domain, qmp, error);
}

/* Backends of DIMMs that never came to be, or whose deletion was cut short. */
static gboolean
reconcile_backends(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    json_object *list = ask(qmp, "query-memdev", error);

    if (!list) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    for (size_t i = 0; domain->live && json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list); i++) {
        const char *id = json_object_get_string(
            json_object_object_get(json_object_array_get_idx(list, i), "id"));

        /* Ours are "mem" and an alias: tn_memory_args_backend_id(). */
        if (id && (g_str_has_prefix(id, "memdimm") || g_str_has_prefix(id, "memua-")) &&
            !tn_domain_def_find_alias(domain->live, id + strlen("mem"))) {
            json_object *args = json_object_new_object();

            json_object_object_add(args, "id", json_object_new_string(id));
            tn_qmp_client_call_async(qmp, "object-del", args, NULL, 0, TN_MONITOR_TIMEOUT_MS,
                                     NULL, NULL);
        }
    }
    g_mutex_unlock(&domain->lock);
    json_object_put(list);
    return TRUE;
}

/* Refusals that came while nobody listened: the guest's last word on each slot. */
static gboolean
read_refusals(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    json_object *list;
    gboolean wanted;

    g_mutex_lock(&domain->lock);
    wanted = g_hash_table_size(domain->unplugs) > 0;
    g_mutex_unlock(&domain->lock);
    if (!wanted) {
        return TRUE;
    }
    list = ask(qmp, "query-acpi-ospm-status", error);
    if (!list) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    for (size_t i = 0; domain->live && json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list); i++) {
        tn_monitor_take_ost_locked(domain, json_object_array_get_idx(list, i));
    }
    g_mutex_unlock(&domain->lock);
    json_object_put(list);
    return TRUE;
}

static gboolean
interview(TnDomain *domain, const char *path, GError **error)
{
    g_autoptr(TnQmpClient) qmp = NULL;

    if (!connect_monitor(domain, path, error)) {
        return FALSE;
    }
    qmp = tn_monitor_get(domain, error);
    return qmp && tn_qmp_client_wait_ready(qmp, TN_MONITOR_TIMEOUT_MS, error) &&
           tn_launch_read_chardevs(domain, qmp, error) && reconcile_dimms(domain, qmp, error) &&
           reconcile_backends(domain, qmp, error) && tn_vcpu_reconcile(domain, qmp, error) &&
           tn_hostdev_reconcile(domain, qmp, error) && read_refusals(domain, qmp, error) &&
           read_status(domain, qmp, error) && tn_pin_vcpus(domain, qmp, error);
}

/* Whether run @run goes on. The end of a connection is known a moment before the end of
 * the process that held it: that moment is waited for. */
static gboolean
still_runs(TnDomain *domain, guint run)
{
    gboolean runs;
    int pidfd = -1;

    g_mutex_lock(&domain->lock);
    if (domain->run == run && domain->live && domain->process.pidfd >= 0) {
        pidfd = fcntl(domain->process.pidfd, F_DUPFD_CLOEXEC, 3);
    }
    g_mutex_unlock(&domain->lock);
    if (pidfd < 0) {
        return FALSE;
    }
    runs = !tn_process_wait(pidfd, END_WAIT_MS);
    (void)close(pidfd);
    return runs;
}

static void
reconnect_chore(TnDomain *domain, guint unused_run, int value)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    guint run;

    g_mutex_lock(&domain->lock);
    run = domain->run;
    path = g_strdup(domain->process.monitor_path);
    g_mutex_unlock(&domain->lock);
    /* It may have been destroyed already: a destroy waits for nobody. */
    if (path && !interview(domain, path, &error) && still_runs(domain, run) &&
        !g_atomic_int_get(&domain->driver->ending)) {
        g_warning("domain %s runs, but its monitor does not answer: %s", domain->uuid_text,
                  error->message);
    }
    g_clear_error(&error);
    if (!tn_launch_save_run(domain, &error)) {
        g_warning("the state of domain %s is not kept: %s", domain->uuid_text, error->message);
    }
    tn_domain_end_job(domain);
}

static TnDomainDef *
parse_live(TnDriver *driver, const char *uuid, const TnRunRecord *record, GError **error)
{
    const TnXmlParseOptions options = { .flags = TN_XML_PARSE_SKIP_VALIDATE,
                                        .host = &driver->xml_host };
    g_autoptr(TnDomainDef) def = tn_domain_def_parse(record->xml, &options, error);
    char text[TN_UUID_STRING_LEN];

    if (!def) {
        return NULL;
    }
    tn_uuid_format(def->uuid, text);
    if (strcmp(text, uuid) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "it is of domain %s", text);
        return NULL;
    }
    return g_steal_pointer(&def);
}

static void
reconnect(const char *uuid, const TnRunRecord *record, gpointer user_data)
{
    TnDriver *driver = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(TnDomainDef) live = parse_live(driver, uuid, record, &error);
    g_autoptr(TnDomain) domain = live ? tn_domain_list_add(driver->domains, driver, live, &error)
                                      : NULL;
    TnProcess process;

    /* Nobody else is there yet: the job is free. */
    if (!domain || !tn_domain_begin_job(domain, "reconnect", &error)) {
        g_warning("the run state of domain %s cannot be used: %s; passed over", uuid,
                  error->message);
        return;
    }
    if (!tn_process_reopen(record->pid, record->start_time, &process)) {
        forget_run(domain, record);
        tn_domain_end_job(domain);
        return;
    }
    take_up_process(domain, g_steal_pointer(&live), record, &process);
}

/* What a killed daemon left half done goes, before anything new is written there. */
static void
sweep(TnDriver *driver, GPtrArray *all)
{
    g_autoptr(GHashTable) in_use = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < all->len; i++) {
        TnDomain *domain = g_ptr_array_index(all, i);

        g_mutex_lock(&domain->lock);
        if (domain->process.monitor_path) {
            g_hash_table_add(in_use, g_path_get_basename(domain->process.monitor_path));
        }
        g_mutex_unlock(&domain->lock);
    }
    tn_state_store_sweep(driver->store, in_use);
}

void
tn_reconnect_all(TnDriver *driver)
{
    g_autoptr(GPtrArray) all = NULL;

    tn_state_store_foreach_run(driver->store, reconnect, driver);
    all = tn_domain_list_get_all(driver->domains);
    sweep(driver, all);
    tn_hostdev_recover(driver);
    for (guint i = 0; i < all->len; i++) {
        TnDomain *domain = g_ptr_array_index(all, i);
        gboolean ours;

        g_mutex_lock(&domain->lock);
        ours = domain->job != NULL;
        g_mutex_unlock(&domain->lock);
        if (ours) {
            tn_driver_push_chore(driver, reconnect_chore, domain, 0, 0);
        }
    }
}
