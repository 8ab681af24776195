/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of guests on CPUs of the host. */
#include "driver/core/pin.h"

#include <unistd.h>

#include "driver/core/affinity.h"
#include "driver/core/change.h"
#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/job.h"
#include "driver/core/launch.h"
#include "driver/core/monitor.h"

gboolean
tn_pin_process(pid_t pid, const TnDomainDef *def, GError **error)
{
    const TnBitmap *cpus = tn_domain_def_emulator_cpus(def);

    return !cpus || tn_affinity_set(pid, cpus, error);
}

/* A number from the monitor is a thread of the guest's process, or it is not used: another process
 * is never touched, whatever the monitor says. */
static gboolean
is_thread_of(pid_t pid, gint64 tid)
{
    g_autofree char *path = g_strdup_printf("/proc/%ld/task/%" G_GINT64_FORMAT, (long)pid, tid);

    return tid > 0 && tid <= G_MAXINT && access(path, F_OK) == 0;
}

/* Element n is the thread of vCPU n < @n, or 0: it is not there. (transfer full) */
static GArray *
read_threads(TnQmpClient *qmp, pid_t pid, guint n, GError **error)
{
    json_object *list = tn_qmp_client_call(qmp, "query-cpus-fast", NULL, NULL, 0,
                                           TN_MONITOR_TIMEOUT_MS, error);
    GArray *tids;

    if (!list) {
        return NULL;
    }
    tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    g_array_set_size(tids, n);
    for (size_t i = 0; json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list); i++) {
        json_object *cpu = json_object_array_get_idx(list, i);
        gint64 index = json_object_get_int64(json_object_object_get(cpu, "cpu-index"));
        gint64 tid = json_object_get_int64(json_object_object_get(cpu, "thread-id"));

        if (index >= 0 && index < n && is_thread_of(pid, tid)) {
            g_array_index(tids, pid_t, index) = (pid_t)tid;
        }
    }
    json_object_put(list);
    return tids;
}

/* A copy of the live definition and the process it is of; NULL: the domain does not run. */
static TnDomainDef *
copy_live(TnDomain *domain, pid_t *ret_pid)
{
    TnDomainDef *live;

    g_mutex_lock(&domain->lock);
    live = domain->live ? tn_domain_def_copy(domain->live) : NULL;
    *ret_pid = domain->process.pid;
    g_mutex_unlock(&domain->lock);
    return live;
}

gboolean
tn_pin_vcpus(TnDomain *domain, TnQmpClient *qmp, GError **error)
{
    pid_t pid;
    g_autoptr(TnDomainDef) live = copy_live(domain, &pid);
    g_autoptr(GArray) tids = NULL;
    gboolean ok = TRUE;

    if (!live || !tn_domain_def_is_pinned(live)) {
        return TRUE;
    }
    tids = read_threads(qmp, pid, live->vcpus_max, error);
    for (guint i = 0; tids && ok && i < tids->len; i++) {
        pid_t tid = g_array_index(tids, pid_t, i);

        ok = tid == 0 || tn_affinity_set(tid, tn_domain_def_vcpu_cpus(live, i), error);
    }
    return tids && ok;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* What is to be changed: vCPU @vcpu, or with -1 the other threads. */
typedef struct Pin {
    int vcpu;
    const TnBitmap *cpus;
} Pin;

static gboolean
check_range(const Pin *pin, const TnDomainDef *def, const char *which, guint count, GError **error)
{
    if (pin->vcpu < 0 || (guint)pin->vcpu < def->vcpus_max) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                "vcpu %d is out of range of %s cpu count %u", pin->vcpu, which, count);
    return FALSE;
}

static gboolean
check(const Pin *pin, const TnChange *change, GError **error)
{
    return (!change->live || check_range(pin, change->live_copy, "live",
                                         change->live_copy->vcpus_max, error)) &&
           (!change->config || check_range(pin, change->new_config, "persistent",
                                           change->new_config->vcpus, error));
}

static void
put(const Pin *pin, TnDomainDef *def)
{
    if (pin->vcpu < 0) {
        tn_domain_def_set_emulator_pin(def, pin->cpus);
    } else {
        tn_domain_def_set_vcpu_pin(def, (guint)pin->vcpu, pin->cpus);
    }
}

static gboolean
set_vcpu_thread(const Pin *pin, const TnChange *change, const GArray *tids, GError **error)
{
    pid_t tid = g_array_index(tids, pid_t, pin->vcpu);

    if (tid != 0) {
        return tn_affinity_set(tid, pin->cpus, error);
    }
    if (!tn_domain_def_get_vcpu(change->live_copy, (guint)pin->vcpu).enabled) {
        /* Kept for when it comes. */
        return TRUE;
    }
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                        "cpu affinity is not supported");
    return FALSE;
}

static gboolean
set_threads(const Pin *pin, TnChange *change, GError **error)
{
    g_autoptr(TnQmpClient) qmp = tn_monitor_get(change->domain, error);
    g_autoptr(GArray) tids = NULL;
    pid_t pid;

    if (!qmp) {
        return FALSE;
    }
    g_mutex_lock(&change->domain->lock);
    pid = change->domain->run == change->run ? change->domain->process.pid : 0;
    g_mutex_unlock(&change->domain->lock);
    if (pid == 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
        return FALSE;
    }
    tids = read_threads(qmp, pid, change->live_copy->vcpus_max, error);
    if (!tids) {
        return FALSE;
    }
    return pin->vcpu < 0 ? tn_affinity_set_others(pid, tids, pin->cpus, error)
                         : set_vcpu_thread(pin, change, tids, error);
}

static gboolean
set_live(const Pin *pin, TnChange *change, GError **error)
{
    TnDomain *domain = change->domain;
    g_autofree char *field = pin->vcpu < 0
                                 ? g_strdup(VIR_DOMAIN_TUNABLE_CPU_EMULATORPIN)
                                 : g_strdup_printf("cputune.vcpupin%d", pin->vcpu);
    g_autofree char *text = tn_bitmap_format(pin->cpus);
    TnDomainEvent event = { .kind = VIR_DOMAIN_EVENT_ID_TUNABLE, .text = field, .data = text };

    if (!set_threads(pin, change, error)) {
        return FALSE;
    }
    g_mutex_lock(&domain->lock);
    if (domain->live && domain->run == change->run) {
        put(pin, domain->live);
        tn_event_hub_emit_for_locked(domain->driver->events, domain, &event);
    }
    g_mutex_unlock(&domain->lock);
    tn_launch_save_run_now(domain);
    return TRUE;
}

static gboolean
pin_job(TnDomain *domain, const Pin *pin, unsigned flags, GError **error)
{
    g_auto(TnChange) change = { .domain = domain };

    if (!tn_change_begin(&change, flags, error) || !check(pin, &change, error)) {
        return FALSE;
    }
    if (change.config) {
        put(pin, change.new_config);
    }
    return tn_change_stage(&change, error) && (!change.live || set_live(pin, &change, error)) &&
           tn_change_commit(&change, error);
}

static gboolean
set_pin(TnDomain *domain, const Pin *pin, unsigned flags, GError **error)
{
    gboolean ok;

    if (tn_bitmap_next(pin->cpus, 0) < 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                            "Empty cpu list for pinning");
        return FALSE;
    }
    if (!tn_domain_begin_job(domain, "pin", error)) {
        return FALSE;
    }
    ok = pin_job(domain, pin, flags, error);
    tn_domain_end_job(domain);
    return ok;
}

gboolean
tn_pin_set_vcpu(TnDomain *domain, guint vcpu, const TnBitmap *cpus, unsigned flags,
                GError **error)
{
    const Pin pin = { (int)MIN(vcpu, G_MAXINT), cpus };

    return set_pin(domain, &pin, flags, error);
}

gboolean
tn_pin_set_emulator(TnDomain *domain, const TnBitmap *cpus, unsigned flags, GError **error)
{
    const Pin pin = { -1, cpus };

    return set_pin(domain, &pin, flags, error);
}
