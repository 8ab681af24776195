/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a definition to a running guest. */
#include "driver/core/launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/core/command-line.h"
#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/hostdev.h"
#include "driver/core/memlock.h"
#include "driver/core/monitor.h"
#include "driver/core/pin.h"
#include "driver/core/process.h"
#include "driver/core/stop.h"
#include "driver/core/tune.h"
#include "driver/core/vcpu.h"

#define MONITOR_CHILD_FD 3
#define LOG_TAIL_BYTES 2048

/* A start on its way: everything to undo when it fails. */
typedef struct Launch {
    TnDomain *domain;
    TnDriver *driver;
    TnDomainDef *def; /* the live one, until the domain owns it */
    char *monitor_path;
    char *log_path;
    goffset log_start; /* size of the log before the program wrote to it */
    int id;
    int listen_fd, monitor_fd;
    int kernel_fd;     /* the kernel as it was unpacked for an earlier start; -1: it was not */
    GArray *groups; /* of TnHostdevGroup: what the host devices need */
    int timeout_ms; /* for the monitor's first answers */
    TnProcess process;
    guint run;
    gboolean paused;
} Launch;

/* Replies that were asked for in one go and are waited for together. */
typedef struct Gather {
    GMutex lock;
    GCond done;
    guint n_left;
    json_object *replies[3]; /* chardevs, memory devices, cont */
    GError *error;           /* the first one */
} Gather;

typedef struct GatherSlot {
    Gather *gather;
    guint index;
} GatherSlot;

static gboolean
fail_errno(GError **error, const char *what, const char *path)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot %s '%s': %s", what, path,
                g_strerror(errno));
    return FALSE;
}

/* Listens at the monitor's path and connects at once: the connection waits in the
 * backlog for the program to come up, and nobody has to try again and again. */
static gboolean
open_monitor_socket(Launch *l, GError **error)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (strlen(l->monitor_path) >= sizeof(addr.sun_path)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "monitor path '%s' is longer than the limit of %zu bytes", l->monitor_path,
                    sizeof(addr.sun_path) - 1);
        return FALSE;
    }
    memcpy(addr.sun_path, l->monitor_path, strlen(l->monitor_path) + 1);
    (void)unlink(l->monitor_path);
    l->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->listen_fd < 0 || bind(l->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        chmod(l->monitor_path, 0600) < 0 || listen(l->listen_fd, 1) < 0) {
        return fail_errno(error, "listen on monitor socket", l->monitor_path);
    }
    l->monitor_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->monitor_fd < 0 ||
        connect(l->monitor_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        return fail_errno(error, "connect to monitor socket", l->monitor_path);
    }
    return TRUE;
}

static void
log_command_line(Launch *l, const char *const *argv)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S+0000");
    g_autofree char *shell = tn_command_line_to_shell(argv);
    g_autofree char *line = g_strdup_printf("%s: starting up tenon\n%s\n", time, shell);
    FILE *log = fopen(l->log_path, "ae");

    struct stat st;

    if (log) {
        fputs(line, log);
        fflush(log);
        l->log_start = fstat(fileno(log), &st) == 0 ? st.st_size : 0;
        fclose(log);
    }
}

/* What the program inherits, and what the numbers are there: first the monitor, then two of each
 * group, then the kernel. */
static GArray *
gather_fds(const Launch *l, GArray *ret_groups, int *ret_kernel_fd)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_append_val(fds, l->listen_fd);
    for (guint i = 0; i < l->groups->len; i++) {
        const TnHostdevGroup *group = &g_array_index(l->groups, TnHostdevGroup, i);
        const TnHostdevGroup there = {
            .group = group->group,
            .group_fd = MONITOR_CHILD_FD + (int)fds->len,
            .container_fd = MONITOR_CHILD_FD + (int)fds->len + 1,
        };

        g_array_append_val(fds, group->group_fd);
        g_array_append_val(fds, group->container_fd);
        g_array_append_val(ret_groups, there);
    }
    if (l->kernel_fd >= 0) {
        *ret_kernel_fd = MONITOR_CHILD_FD + (int)fds->len;
        g_array_append_val(fds, l->kernel_fd);
    }
    return fds;
}

static gboolean
spawn(Launch *l, GError **error)
{
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(TnHostdevGroup));
    g_autoptr(GArray) fds = NULL;
    g_auto(GStrv) argv = NULL;
    TnCommandLineEnv env = { .program = l->driver->config.vmm_path,
                             .monitor_fd = MONITOR_CHILD_FD };
    TnProcessSpec spec = { .child_fd = MONITOR_CHILD_FD, .log_path = l->log_path };

    if (!open_monitor_socket(l, error)) {
        return FALSE;
    }
    l->kernel_fd = tn_kernel_cache_open(l->driver->kernels, l->def->os.kernel);
    fds = gather_fds(l, groups, &env.kernel_fd);
    env.groups = (const TnHostdevGroup *)(gconstpointer)groups->data;
    env.n_groups = groups->len;
    argv = tn_command_line_build(l->def, &env);
    log_command_line(l, (const char *const *)argv);
    spec.argv = (const char *const *)argv;
    spec.keep_fds = (const int *)(gconstpointer)fds->data;
    spec.n_keep_fds = fds->len;
    return tn_process_spawn(&spec, &l->process, error);
}

/* Hands process, definition and monitor to the domain: from here on stop.c undoes. */
static void
adopt(Launch *l)
{
    TnDomain *domain = l->domain;
    TnDomainProcess *p = &domain->process;

    /* From now on the end of the process gives the devices back. */
    tn_hostdev_settle(domain, l->def);
    g_mutex_lock(&domain->lock);
    l->run = ++domain->run;
    domain->live = g_steal_pointer(&l->def);
    domain->live->id = l->id;
    domain->updated = FALSE;
    tn_domain_set_state_locked(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP);
    p->pid = l->process.pid;
    p->start_time = l->process.start_time;
    p->pidfd = l->process.pidfd;
    p->monitor_path = g_steal_pointer(&l->monitor_path);
    p->stop_reason = VIR_DOMAIN_SHUTOFF_FAILED;
    p->announced = FALSE;
    p->own_stops = p->own_resumes = 0;
    p->fake_reboot = FALSE;
    g_mutex_unlock(&domain->lock);
    tn_domain_list_set_id(l->driver->domains, domain, l->id);
    tn_driver_count_running(l->driver, +1);
    tn_monitor_open(domain, l->monitor_fd);
    l->monitor_fd = -1;
    tn_stop_watch(domain);
}

/* At most LOG_TAIL_BYTES from the end of what this run wrote. */
static gboolean
read_log_from(Launch *l, char **ret_text, gsize *ret_len)
{
    FILE *log = fopen(l->log_path, "re");
    goffset from = l->log_start;
    struct stat st;
    gsize n = 0;

    if (!log) {
        return FALSE;
    }
    if (fstat(fileno(log), &st) == 0 && st.st_size > from) {
        from = MAX(from, st.st_size - LOG_TAIL_BYTES);
        *ret_text = g_malloc(LOG_TAIL_BYTES);
        n = fseeko(log, from, SEEK_SET) == 0 ? fread(*ret_text, 1, LOG_TAIL_BYTES, log) : 0;
    }
    fclose(log);
    *ret_len = n;
    return n > 0;
}

/* What the program said before it ended, for the error. */
static char *
read_log_tail(Launch *l)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!read_log_from(l, &text, &len)) {
        return g_strdup("");
    }
    return g_strchomp(g_utf8_make_valid(text, (gssize)len));
}

/* The process is over. */
static void
explain_end(Launch *l, GError **error)
{
    if (g_error_matches(*error, TN_QMP_CLIENT_ERROR, TN_QMP_CLIENT_ERROR_CLOSED)) {
        g_autofree char *said = read_log_tail(l);

        g_clear_error(error);
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "process exited while connecting to monitor: %s", said);
    }
}

static json_object *
find_by(json_object *array, const char *key, const char *value)
{
    for (size_t i = 0; json_object_is_type(array, json_type_array) &&
                       i < json_object_array_length(array); i++) {
        json_object *item = json_object_array_get_idx(array, i);
        json_object *member;

        if (json_object_is_type(item, json_type_object) &&
            json_object_object_get_ex(item, key, &member) &&
            g_strcmp0(json_object_get_string(member), value) == 0) {
            return item;
        }
    }
    return NULL;
}

/* The ptys that the serial ports got, into definition and console twin. */
static void
take_ptys_locked(TnDomain *domain, json_object *chardevs)
{
    for (guint i = 0; i < tn_domain_def_n_devices(domain->live, TN_DEVICE_SERIAL); i++) {
        const TnSerialDevice *serial = tn_domain_def_serial(domain->live, i);
        g_autofree char *label = g_strconcat("char", serial->base.info.alias, NULL);
        json_object *item = find_by(chardevs, "label", label);
        const char *filename = json_object_get_string(json_object_object_get(item, "filename"));

        if (serial->source.type == TN_CHARDEV_PTY && filename &&
            g_str_has_prefix(filename, "pty:")) {
            tn_domain_def_set_serial_path(domain->live, i, filename + strlen("pty:"));
        }
    }
}

static void
take_memory_devices_locked(TnDomain *domain, json_object *list)
{
    for (size_t i = 0; json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list); i++) {
        json_object *data = json_object_object_get(json_object_array_get_idx(list, i), "data");
        json_object *id = json_object_object_get(data, "id");
        TnDevice *device = id ? tn_domain_def_find_alias(domain->live, json_object_get_string(id))
                              : NULL;

        if (device && device->kind == TN_DEVICE_MEMORY) {
            device->info.address_type = TN_ADDRESS_DIMM;
            device->info.address.dimm.slot =
                json_object_get_int(json_object_object_get(data, "slot"));
            device->info.address.dimm.base =
                json_object_get_uint64(json_object_object_get(data, "addr"));
        }
    }
}

void
tn_launch_take_memory_devices(TnDomain *domain, json_object *list)
{
    g_mutex_lock(&domain->lock);
    if (domain->live) {
        take_memory_devices_locked(domain, list);
    }
    g_mutex_unlock(&domain->lock);
}

gboolean
tn_launch_read_memory_devices(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    json_object *list = tn_qmp_client_call(qmp, "query-memory-devices", NULL, NULL, 0,
                                           TN_LAUNCH_TIMEOUT_MS, error);

    if (!list) {
        return FALSE;
    }
    tn_launch_take_memory_devices(domain, list);
    json_object_put(list);
    return TRUE;
}

gboolean
tn_launch_read_chardevs(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    json_object *list = tn_qmp_client_call(qmp, "query-chardev", NULL, NULL, 0,
                                           TN_LAUNCH_TIMEOUT_MS, error);

    if (!list) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    if (domain->live) {
        take_ptys_locked(domain, list);
    }
    g_mutex_unlock(&domain->lock);
    json_object_put(list);
    return TRUE;
}

static void
on_gathered(TnQmpClient *client, json_object *reply, const GError *error, gpointer user_data)
{
    GatherSlot *slot = user_data;
    Gather *gather = slot->gather;

    g_mutex_lock(&gather->lock);
    if (reply) {
        gather->replies[slot->index] = json_object_get(reply);
    } else if (!gather->error) {
        gather->error = g_error_copy(error);
    }
    gather->n_left--;
    g_cond_signal(&gather->done);
    g_mutex_unlock(&gather->lock);
}

/* All that a start asks, in one round trip: the replies come in the order of the questions. */
static void
gather(Gather *g, TnQmpClient *qmp, gboolean paused, int timeout_ms)
{
    static const char *const commands[] = { "query-chardev", "query-memory-devices", "cont" };
    GatherSlot slots[G_N_ELEMENTS(commands)];
    guint n = paused ? 2 : 3;

    g->n_left = n;
    for (guint i = 0; i < n; i++) {
        slots[i] = (GatherSlot){ g, i };
        tn_qmp_client_call_async(qmp, commands[i], NULL, NULL, 0, timeout_ms, on_gathered,
                                 &slots[i]);
    }
    g_mutex_lock(&g->lock);
    while (g->n_left > 0) {
        g_cond_wait(&g->done, &g->lock);
    }
    g_mutex_unlock(&g->lock);
}

static void
gather_clear(Gather *g)
{
    for (gsize i = 0; i < G_N_ELEMENTS(g->replies); i++) {
        json_object_put(g->replies[i]);
    }
    g_clear_error(&g->error);
    g_mutex_clear(&g->lock);
    g_cond_clear(&g->done);
}

/* What to write of the run, or NULL when there is none. */
static TnRunRecord *
snapshot_run(TnDomain *domain)
{
    g_autoptr(TnRunRecord) record = g_new0(TnRunRecord, 1);
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    GHashTableIter iter;
    gpointer alias;

    g_mutex_lock(&domain->lock);
    if (!domain->live) {
        g_mutex_unlock(&domain->lock);
        return NULL;
    }
    record->xml = tn_domain_def_format(domain->live, TN_XML_FORMAT_SECURE);
    record->id = domain->live->id;
    record->pid = domain->process.pid;
    record->start_time = domain->process.start_time;
    record->state = domain->state;
    record->reason = domain->reason;
    record->monitor_path = g_strdup(domain->process.monitor_path);
    record->persistent = domain->persistent != NULL;
    g_hash_table_iter_init(&iter, domain->unplugs);
    while (g_hash_table_iter_next(&iter, &alias, NULL)) {
        g_ptr_array_add(pending, g_strdup(alias));
    }
    g_mutex_unlock(&domain->lock);
    g_ptr_array_add(pending, NULL);
    record->pending_unplugs = (GStrv)g_ptr_array_free(g_steal_pointer(&pending), FALSE);
    return g_steal_pointer(&record);
}

gboolean
tn_launch_save_run(TnDomain *domain, GError **error)
{
    g_autoptr(TnRunRecord) record = NULL;
    gboolean ok;

    /* Looked at under the file's lock: whoever writes last writes the newest. */
    g_mutex_lock(&domain->file_lock);
    record = snapshot_run(domain);
    ok = !record || tn_state_store_save_run(domain->driver->store, domain->uuid_text, record,
                                            error);
    g_mutex_unlock(&domain->file_lock);
    return ok;
}

void
tn_launch_save_run_now(TnDomain *domain)
{
    g_autoptr(GError) error = NULL;

    /* A guest whose state cannot be written still runs; it is only lost to a restart. */
    if (!tn_launch_save_run(domain, &error)) {
        g_warning("the state of domain %s is not kept: %s", domain->uuid_text, error->message);
    }
}

static void
save_run_chore(TnDomain *domain, guint run, int value)
{
    tn_launch_save_run_now(domain);
}

void
tn_launch_save_run_later(TnDomain *domain)
{
    tn_driver_push_chore(domain->driver, save_run_chore, domain, 0, 0);
}

/* The guest is up: takes over what the monitor told, and tells of it. */
static gboolean
finish_locked(Launch *l, Gather *g, GError **error)
{
    TnDomain *domain = l->domain;
    TnEventHub *hub = l->driver->events;

    if (domain->run != l->run || !domain->live) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                            "the domain was destroyed while it started");
        return FALSE;
    }
    take_ptys_locked(domain, g->replies[0]);
    take_memory_devices_locked(domain, g->replies[1]);
    domain->process.announced = TRUE;
    domain->process.stop_reason = VIR_DOMAIN_SHUTOFF_CRASHED;
    tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_STARTED,
                                       VIR_DOMAIN_EVENT_STARTED_BOOTED);
    if (l->paused) {
        tn_domain_set_state_locked(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
        tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                           VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
    } else {
        tn_event_hub_emit_lifecycle_locked(hub, domain, VIR_DOMAIN_EVENT_RESUMED,
                                           VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    }
    return TRUE;
}

/* The program finds the limit as it is to be: devices are mapped before it answers; and its threads
 * are made on the CPUs where they are to run. */
static gboolean
ready_process(Launch *l, GError **error)
{
    TnDomain *domain = l->domain;
    g_autoptr(TnDomainDef) def = NULL;

    g_mutex_lock(&domain->lock);
    def = domain->run == l->run && domain->live ? tn_domain_def_copy(domain->live) : NULL;
    g_mutex_unlock(&domain->lock);
    return !def ||
           (tn_memlock_raise(l->driver->config.memlock, l->process.pid, def, NULL, error) &&
            tn_pin_process(l->process.pid, def, error));
}

/* The guest's process exists: everything that follows can fail only by its end. */
static gboolean
bring_up(Launch *l, GError **error)
{
    TnDomain *domain = l->domain;
    g_autoptr(TnQmpClient) qmp = tn_monitor_get(domain, error);
    Gather g = { 0 };
    gboolean ok;

    /* Recorded before the program runs: a daemon killed at any moment finds it. */
    if (!qmp || !ready_process(l, error) || !tn_launch_save_run(domain, error) ||
        !tn_process_release(&l->process, l->driver->config.vmm_path, error)) {
        return FALSE;
    }
    if (!tn_vcpu_plug_first(domain, qmp, error) || !tn_pin_vcpus(domain, qmp, error)) {
        return FALSE;
    }
    g_mutex_init(&g.lock);
    g_cond_init(&g.done);
    if (!l->paused) {
        /* Before the monitor's RESUME can arrive, so that it finds the state it expects. */
        g_mutex_lock(&domain->lock);
        if (domain->live) {
            tn_domain_set_state_locked(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);
            domain->process.own_resumes++;
        }
        g_mutex_unlock(&domain->lock);
    }
    gather(&g, qmp, l->paused, l->timeout_ms);
    ok = !g.error;
    if (ok) {
        g_mutex_lock(&domain->lock);
        ok = finish_locked(l, &g, error);
        g_mutex_unlock(&domain->lock);
    } else {
        g_propagate_error(error, g_steal_pointer(&g.error));
    }
    gather_clear(&g);
    return ok;
}

static void
prepare(Launch *l, TnDomain *domain, const TnDomainDef *def, gboolean paused)
{
    g_autofree char *monitor = NULL;
    g_autofree char *log = g_strconcat(def->name, ".log", NULL);

    *l = (Launch){ .domain = domain, .driver = domain->driver, .listen_fd = -1,
                   .monitor_fd = -1, .kernel_fd = -1, .paused = paused,
                   .process = { .pidfd = -1, .gate = -1 } };
    l->def = tn_domain_def_copy(def);
    tn_domain_def_assign_aliases(l->def);
    if (l->def->vcpu_states || l->def->vcpus < l->def->vcpus_max) {
        tn_domain_def_number_vcpus(l->def);
    }
    l->id = tn_driver_next_id(l->driver);
    l->timeout_ms = tn_domain_def_n_devices(l->def, TN_DEVICE_HOSTDEV) > 0
                        ? TN_MONITOR_PINNED_TIMEOUT_MS
                        : TN_LAUNCH_TIMEOUT_MS;
    g_strdelimit(log, "/", '_');
    /* A path for each run: the cleanup of the last one never meets the next one's socket. */
    monitor = g_strdup_printf("%s.%d.monitor", domain->uuid_text, l->id);
    l->monitor_path = g_build_filename(l->driver->config.state_dir, monitor, NULL);
    l->log_path = g_build_filename(l->driver->config.log_dir, log, NULL);
}

static void
clear(Launch *l)
{
    if (l->process.gate >= 0) {
        close(l->process.gate);
    }
    if (l->listen_fd >= 0) {
        close(l->listen_fd);
    }
    if (l->monitor_fd >= 0) {
        close(l->monitor_fd);
    }
    if (l->kernel_fd >= 0) {
        close(l->kernel_fd);
    }
    tn_hostdev_groups_free(l->groups);
    tn_domain_def_free(l->def);
    g_free(l->monitor_path);
    g_free(l->log_path);
}

/* The guest has done with its kernel's file what an earlier start could have saved it. */
static void
keep_kernel(Launch *l)
{
    TnDomain *domain = l->domain;
    g_autofree char *kernel = NULL;

    g_mutex_lock(&domain->lock);
    kernel = domain->live ? g_strdup(domain->live->os.kernel) : NULL;
    g_mutex_unlock(&domain->lock);
    tn_kernel_cache_fill(l->driver->kernels, kernel);
}

gboolean
tn_launch(TnDomain *domain, const TnDomainDef *def, gboolean paused, GError **error)
{
    GError *why = NULL;
    Launch l;
    gboolean ok;

    if (!tn_tune_check_start(def, error)) {
        return FALSE;
    }
    /* Host devices of the last run are given back before this one asks for them. */
    tn_stop_wait_cleanup(domain);
    prepare(&l, domain, def, paused);
    l.groups = tn_hostdev_prepare(domain, l.def, &why);
    ok = l.groups && spawn(&l, &why);
    if (ok) {
        adopt(&l);
        ok = bring_up(&l, &why);
        if (!ok) {
            tn_stop_run(domain, l.run, VIR_DOMAIN_SHUTOFF_FAILED);
            explain_end(&l, &why);
        }
    } else {
        (void)unlink(l.monitor_path);
        if (l.groups) {
            tn_hostdev_abandon(domain, l.def);
        }
    }
    if (ok && l.kernel_fd < 0) {
        keep_kernel(&l);
    }
    clear(&l);
    if (!ok) {
        g_propagate_error(error, why);
        return FALSE;
    }
    /* The ptys and addresses; a daemon that did not get to it asks for them again. */
    tn_launch_save_run_later(domain);
    return TRUE;
}
