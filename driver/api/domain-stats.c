/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What domains use: processors, memory, statistics, jobs. Answered without the monitor, but for
 * what the hypervisor counts. */
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/core/config.h"
#include "driver/core/kvm-stats.h"
#include "driver/core/process.h"
#include "driver/rpc/typed-params.h"

#define AFFECT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* What a handler needs of a domain that runs, for looking at its process without the lock. */
static pid_t
pid_locked(const TnDomain *domain)
{
    return domain->live ? domain->process.pid : 0;
}

static gboolean
domain_get_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetInfoArgs *args = data;
    TnRpcDomainGetInfoRet *ret = data_ret;
    pid_t pid;

    {
        g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);
        const TnDomainDef *def;

        if (!domain) {
            return FALSE;
        }
        def = tn_domain_def_locked(domain);
        ret->state = (unsigned char)domain->state;
        ret->max_mem = tn_domain_def_memory_total(def);
        ret->memory = domain->live ? ret->max_mem : def->memory.current_kib;
        ret->nr_virt_cpu = (unsigned short)def->vcpus;
        pid = pid_locked(domain);
    }
    ret->cpu_time = pid ? tn_process_cpu_time(pid) : 0;
    return TRUE;
}

static gboolean
domain_get_max_memory(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetMaxMemoryArgs *args = data;
    TnRpcDomainGetMaxMemoryRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->memory = domain ? tn_domain_def_memory_total(tn_domain_def_locked(domain)) : 0;
    return domain != NULL;
}

static gboolean
set_memory(TnRpcCall *call, const TnRpcDomain *dom, guint64 kib, unsigned flags, GError **error)
{
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, flags, AFFECT_FLAGS | VIR_DOMAIN_MEM_MAXIMUM, error)) {
        return FALSE;
    }
    if (kib == 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "memory must not be 0 KiB");
        return FALSE;
    }
    domain = tn_api_find_domain(call, dom, error);
    return domain && tn_config_set_memory(domain, kib, flags, error);
}

static gboolean
domain_set_memory(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetMemoryArgs *args = data;

    return set_memory(call, &args->dom, args->memory, VIR_DOMAIN_AFFECT_LIVE, error);
}

static gboolean
domain_set_memory_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetMemoryFlagsArgs *args = data;

    return set_memory(call, &args->dom, args->memory, args->flags, error);
}

static gboolean
domain_set_max_memory(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetMaxMemoryArgs *args = data;

    return set_memory(call, &args->dom, args->memory, VIR_DOMAIN_MEM_MAXIMUM, error);
}

static gboolean
domain_memory_stats(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainMemoryStatsArgs *args = data;
    TnRpcDomainMemoryStatsRet *ret = data_ret;
    TnRpcMemoryStat stats[2];
    guint64 actual;
    pid_t pid;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    {
        g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

        if (!domain || !tn_domain_check_active_locked(domain, error)) {
            return FALSE;
        }
        actual = tn_domain_def_memory_total(domain->live);
        pid = pid_locked(domain);
    }
    stats[0] = (TnRpcMemoryStat){ VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, actual };
    stats[1] = (TnRpcMemoryStat){ VIR_DOMAIN_MEMORY_STAT_RSS, tn_process_rss_kib(pid) };
    ret->stats.stats_len = MIN(args->max_stats, (guint)G_N_ELEMENTS(stats));
    ret->stats.stats_val = g_memdup2(stats, ret->stats.stats_len * sizeof(stats[0]));
    return TRUE;
}

/* Of all processors together: what each of them spent on a guest only a cgroup knows. */
#define N_TOTAL_CPU_STATS 3

static gboolean
check_cpu_stats(const TnRpcDomainGetCpuStatsArgs *args, GError **error)
{
    if (args->start_cpu == -1 && args->ncpus == 1) {
        return TRUE;
    }
    if (args->start_cpu < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "start_cpu %d with %u processors: -1 with 1 asks for the total",
                    args->start_cpu, args->ncpus);
    } else {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "cgroup CPUACCT controller is not mounted");
    }
    return FALSE;
}

static gboolean
domain_get_cpu_stats(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetCpuStatsArgs *args = data;
    TnRpcDomainGetCpuStatsRet *ret = data_ret;
    g_auto(TnRpcParams) params = { 0 };
    guint64 user, system;
    pid_t pid;

    if (!tn_api_check_flags(call, args->flags, VIR_TYPED_PARAM_STRING_OKAY, error)) {
        return FALSE;
    }
    {
        g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

        if (!domain || !tn_domain_check_active_locked(domain, error)) {
            return FALSE;
        }
        pid = pid_locked(domain);
    }
    if (!check_cpu_stats(args, error)) {
        return FALSE;
    }
    ret->nparams = args->nparams == 0 ? N_TOTAL_CPU_STATS
                                      : (int)MIN(args->nparams, N_TOTAL_CPU_STATS);
    if (args->nparams == 0) {
        return TRUE;
    }
    tn_process_cpu_times(pid, &user, &system);
    tn_rpc_params_add_ullong(&params, user + system, VIR_DOMAIN_CPU_STATS_CPUTIME);
    tn_rpc_params_add_ullong(&params, user, VIR_DOMAIN_CPU_STATS_USERTIME);
    tn_rpc_params_add_ullong(&params, system, VIR_DOMAIN_CPU_STATS_SYSTEMTIME);
    tn_rpc_params_truncate(&params, args->nparams);
    tn_rpc_params_steal(&params, &ret->params.params_val, &ret->params.params_len);
    return TRUE;
}

/* --- virConnectGetAllDomainStats ------------------------------------------------------------ */

#define STATS_ALL                                                                             \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |         \
     VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK |            \
     VIR_DOMAIN_STATS_PERF | VIR_DOMAIN_STATS_IOTHREAD | VIR_DOMAIN_STATS_MEMORY |            \
     VIR_DOMAIN_STATS_DIRTYRATE | VIR_DOMAIN_STATS_VM)
#define STATS_FLAGS                                                                           \
    (VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE |  \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT |                                           \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT |                                            \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED |   \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF | VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER |    \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING |   \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)

/* What the hypervisor told of @vcpu (-1: of the guest) as "@prefix.NAME.KIND". */
static void
add_kvm_stats(TnRpcParams *params, const GPtrArray *kvm_stats, int vcpu, const char *prefix)
{
    for (guint i = 0; i < kvm_stats->len; i++) {
        const TnKvmStat *stat = g_ptr_array_index(kvm_stats, i);

        if (stat->vcpu != vcpu) {
            continue;
        }
        if (stat->is_bool) {
            tn_rpc_params_add_boolean(params, stat->value != 0, "%s.%s", prefix, stat->name);
        } else {
            tn_rpc_params_add_ullong(params, stat->value, "%s.%s", prefix, stat->name);
        }
    }
}

/* Time that all CPUs polled before they halted: in vain, or not. */
static void
add_haltpoll(TnRpcParams *params, const GPtrArray *kvm_stats)
{
    guint64 success = 0, fail = 0;
    gboolean found = FALSE;

    for (guint i = 0; i < kvm_stats->len; i++) {
        const TnKvmStat *stat = g_ptr_array_index(kvm_stats, i);

        if (strcmp(stat->name, "halt_poll_success_ns.sum") == 0) {
            success += stat->value;
            found = TRUE;
        } else if (strcmp(stat->name, "halt_poll_fail_ns.sum") == 0) {
            fail += stat->value;
            found = TRUE;
        }
    }
    if (found) {
        tn_rpc_params_add_ullong(params, success, "cpu.haltpoll.success.time");
        tn_rpc_params_add_ullong(params, fail, "cpu.haltpoll.fail.time");
    }
}

static void
add_vcpu_stats_locked(TnRpcParams *params, const TnDomain *domain, const GPtrArray *kvm_stats)
{
    const TnDomainDef *def = tn_domain_def_locked(domain);
    g_autofree TnProcessThread *threads = NULL;

    tn_rpc_params_add_uint(params, def->vcpus, "vcpu.current");
    tn_rpc_params_add_uint(params, def->vcpus_max, "vcpu.maximum");
    if (!domain->live) {
        return;
    }
    threads = g_new0(TnProcessThread, def->vcpus_max);
    tn_process_vcpus(domain->process.pid, threads, def->vcpus_max);
    for (guint i = 0; i < def->vcpus_max; i++) {
        g_autofree char *prefix = g_strdup_printf("vcpu.%u", i);

        if (!tn_domain_def_get_vcpu(def, i).enabled) {
            continue;
        }
        tn_rpc_params_add_int(params, VIR_VCPU_RUNNING, "vcpu.%u.state", i);
        tn_rpc_params_add_ullong(params, threads[i].cpu_time, "vcpu.%u.time", i);
        add_kvm_stats(params, kvm_stats, (int)i, prefix);
    }
}

static void
add_cpu_stats_locked(TnRpcParams *params, const TnDomain *domain)
{
    guint64 user, system;

    tn_process_cpu_times(domain->process.pid, &user, &system);
    tn_rpc_params_add_ullong(params, user + system, "cpu.time");
    tn_rpc_params_add_ullong(params, user, "cpu.user");
    tn_rpc_params_add_ullong(params, system, "cpu.system");
}

static void
add_balloon_stats_locked(TnRpcParams *params, const TnDomain *domain)
{
    const TnDomainDef *def = tn_domain_def_locked(domain);
    guint64 total = tn_domain_def_memory_total(def);

    tn_rpc_params_add_ullong(params, domain->live ? total : def->memory.current_kib,
                             "balloon.current");
    tn_rpc_params_add_ullong(params, total, "balloon.maximum");
    if (domain->live) {
        tn_rpc_params_add_ullong(params, tn_process_rss_kib(domain->process.pid), "balloon.rss");
    }
}

static void
encode_stats_locked(const TnDomain *domain, unsigned stats, const GPtrArray *kvm_stats,
                    TnRpcDomainStatsRecord *ret_record)
{
    g_auto(TnRpcParams) params = { 0 };

    tn_api_encode_domain_locked(domain, &ret_record->dom);
    if (stats & VIR_DOMAIN_STATS_STATE) {
        tn_rpc_params_add_int(&params, domain->state, "state.state");
        tn_rpc_params_add_int(&params, domain->reason, "state.reason");
    }
    if ((stats & VIR_DOMAIN_STATS_CPU_TOTAL) && domain->live) {
        add_cpu_stats_locked(&params, domain);
        add_haltpoll(&params, kvm_stats);
    }
    if (stats & VIR_DOMAIN_STATS_BALLOON) {
        add_balloon_stats_locked(&params, domain);
    }
    if (stats & VIR_DOMAIN_STATS_VCPU) {
        add_vcpu_stats_locked(&params, domain, kvm_stats);
    }
    if ((stats & VIR_DOMAIN_STATS_INTERFACE) && domain->live) {
        tn_rpc_params_add_uint(&params, 0, "net.count");
    }
    if ((stats & VIR_DOMAIN_STATS_BLOCK) && domain->live) {
        tn_rpc_params_add_uint(&params, 0, "block.count");
    }
    if ((stats & VIR_DOMAIN_STATS_VM) && domain->live) {
        add_kvm_stats(&params, kvm_stats, -1, "vm");
    }
    tn_rpc_params_steal(&params, &ret_record->params.params_val, &ret_record->params.params_len);
}

/* What of @stats only the monitor knows; nothing of it when nobody shall wait. (transfer full) */
static GPtrArray *
ask_hypervisor(TnDomain *domain, unsigned stats, unsigned flags)
{
    gboolean may_wait = !(flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    gboolean vm = may_wait && (stats & VIR_DOMAIN_STATS_VM);
    gboolean vcpus = may_wait && (stats & (VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_CPU_TOTAL));

    return vm || vcpus ? tn_kvm_stats_get(domain, vm, vcpus) : g_ptr_array_new();
}

/* The domains that a call names, or all. (transfer full) */
static GPtrArray *
domains_of_stats(TnRpcCall *call, const TnRpcConnectGetAllDomainStatsArgs *args, GError **error)
{
    g_autoptr(GPtrArray) domains = NULL;

    if (args->doms.doms_len == 0) {
        return tn_domain_list_get_all(tn_driver_get_domains(tn_api_of(call)->driver));
    }
    domains = g_ptr_array_new_with_free_func((GDestroyNotify)tn_domain_unref);
    for (guint i = 0; i < args->doms.doms_len; i++) {
        TnDomain *domain = tn_api_find_domain(call, &args->doms.doms_val[i], error);

        if (!domain) {
            return NULL;
        }
        g_ptr_array_add(domains, domain);
    }
    return g_steal_pointer(&domains);
}

static gboolean
get_all_domain_stats(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectGetAllDomainStatsArgs *args = data;
    TnRpcConnectGetAllDomainStatsRet *ret = data_ret;
    g_autoptr(GPtrArray) domains = NULL;
    unsigned stats = args->stats ? args->stats : STATS_ALL;

    if (!tn_api_check_flags(call, args->flags, STATS_FLAGS, error)) {
        return FALSE;
    }
    if ((args->flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS) &&
        (args->stats & ~STATS_ALL)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_ARGUMENT_UNSUPPORTED,
                    "Stats types bits 0x%x are not supported by this daemon",
                    args->stats & ~STATS_ALL);
        return FALSE;
    }
    domains = domains_of_stats(call, args, error);
    if (!domains) {
        return FALSE;
    }
    ret->ret_stats.ret_stats_val = g_new0(TnRpcDomainStatsRecord, domains->len + 1);
    for (guint i = 0; i < domains->len; i++) {
        TnDomain *domain = g_ptr_array_index(domains, i);
        g_autoptr(GPtrArray) kvm_stats = NULL;
        gboolean wanted;

        g_mutex_lock(&domain->lock);
        wanted = tn_api_matches_locked(domain, args->flags);
        g_mutex_unlock(&domain->lock);
        if (!wanted) {
            continue;
        }
        kvm_stats = ask_hypervisor(domain, stats, args->flags);
        g_mutex_lock(&domain->lock);
        if (tn_api_matches_locked(domain, args->flags)) {
            encode_stats_locked(domain, stats, kvm_stats,
                                &ret->ret_stats.ret_stats_val[ret->ret_stats.ret_stats_len++]);
        }
        g_mutex_unlock(&domain->lock);
    }
    return TRUE;
}

/* --- jobs: what clients of libvirt mean by them (save, migrate) does not exist yet ------------ */

static gboolean
domain_get_job_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetJobInfoArgs *args = data;
    TnRpcDomainGetJobInfoRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->type = VIR_DOMAIN_JOB_NONE;
    return domain && tn_domain_check_active_locked(domain, error);
}

/* Our own jobs are not of the kind that a client sees and ends. */
static gboolean
abort_job(TnRpcCall *call, const TnRpcDomain *dom, GError **error)
{
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, dom, error);

    if (domain && tn_domain_check_active_locked(domain, error)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "no job is active on the domain");
    }
    return FALSE;
}

static gboolean
domain_abort_job(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainAbortJobArgs *args = data;

    return abort_job(call, &args->dom, error);
}

static gboolean
domain_abort_job_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainAbortJobFlagsArgs *args = data;

    return tn_api_check_flags(call, args->flags, VIR_DOMAIN_ABORT_JOB_POSTCOPY, error) &&
           abort_job(call, &args->dom, error);
}

static gboolean
domain_get_job_stats(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetJobStatsArgs *args = data;
    TnRpcDomainGetJobStatsRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags,
                            VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED,
                            error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    ret->type = VIR_DOMAIN_JOB_NONE;
    /* What was completed is remembered beyond the guest's end: here, nothing. */
    return domain && ((args->flags & VIR_DOMAIN_JOB_STATS_COMPLETED) ||
                      tn_domain_check_active_locked(domain, error));
}

static gboolean
domain_get_messages(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetMessagesArgs *args = data;
    TnRpcDomainGetMessagesRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;
    g_autoptr(GPtrArray) messages = g_ptr_array_new();
    GHashTableIter iter;
    gpointer alias;

    if (!tn_api_check_flags(call, args->flags,
                            VIR_DOMAIN_MESSAGE_DEPRECATION | VIR_DOMAIN_MESSAGE_TAINTING, error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    if (!domain) {
        return FALSE;
    }
    g_hash_table_iter_init(&iter, domain->unplugs);
    while (g_hash_table_iter_next(&iter, &alias, NULL)) {
        g_ptr_array_add(messages, g_strdup_printf("unplug of device '%s' is pending: the guest "
                                                  "has not answered yet", (const char *)alias));
    }
    ret->msgs.msgs_len = MIN(messages->len, TN_RPC_MESSAGES_MAX);
    ret->msgs.msgs_val = (TnRpcString *)g_ptr_array_free(g_steal_pointer(&messages), FALSE);
    return TRUE;
}

/* --- placement and labels: nothing is pinned, nothing is labelled ----------------------------- */

static gboolean
domain_get_security_label(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetSecurityLabelArgs *args = data;
    TnRpcDomainGetSecurityLabelRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->label.label_val = g_new0(char, 1);
    ret->label.label_len = 1;
    return domain != NULL;
}

static gboolean
domain_get_security_label_list(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetSecurityLabelListArgs *args = data;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    return domain != NULL;
}

const TnRpcHandlerRow tn_api_domain_stats_rows[] = {
    { TN_RPC_PROC_DOMAIN_GET_INFO, domain_get_info },
    { TN_RPC_PROC_DOMAIN_GET_MAX_MEMORY, domain_get_max_memory },
    { TN_RPC_PROC_DOMAIN_SET_MEMORY, domain_set_memory },
    { TN_RPC_PROC_DOMAIN_SET_MEMORY_FLAGS, domain_set_memory_flags },
    { TN_RPC_PROC_DOMAIN_SET_MAX_MEMORY, domain_set_max_memory },
    { TN_RPC_PROC_DOMAIN_MEMORY_STATS, domain_memory_stats },
    { TN_RPC_PROC_CONNECT_GET_ALL_DOMAIN_STATS, get_all_domain_stats },
    { TN_RPC_PROC_DOMAIN_GET_JOB_INFO, domain_get_job_info },
    { TN_RPC_PROC_DOMAIN_GET_JOB_STATS, domain_get_job_stats },
    { TN_RPC_PROC_DOMAIN_ABORT_JOB, domain_abort_job },
    { TN_RPC_PROC_DOMAIN_ABORT_JOB_FLAGS, domain_abort_job_flags },
    { TN_RPC_PROC_DOMAIN_GET_CPU_STATS, domain_get_cpu_stats },
    { TN_RPC_PROC_DOMAIN_GET_MESSAGES, domain_get_messages },
    { TN_RPC_PROC_DOMAIN_GET_SECURITY_LABEL, domain_get_security_label },
    { TN_RPC_PROC_DOMAIN_GET_SECURITY_LABEL_LIST, domain_get_security_label_list },
};
const gsize tn_api_n_domain_stats_rows = G_N_ELEMENTS(tn_api_domain_stats_rows);
