/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual CPUs: how many, which, on which processors. Nothing is pinned: all may run anywhere. */
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/core/process.h"
#include "driver/core/vcpu.h"

#define AFFECT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static gboolean
domain_get_max_vcpus(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetMaxVcpusArgs *args = data;
    TnRpcDomainGetMaxVcpusRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->num = domain ? (int)tn_domain_def_locked(domain)->vcpus_max : 0;
    return domain != NULL;
}

static gboolean
domain_get_vcpus_flags(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetVcpusFlagsArgs *args = data;
    TnRpcDomainGetVcpusFlagsRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;
    const TnDomainDef *def;
    gboolean live, config;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS | VIR_DOMAIN_VCPU_MAXIMUM, error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    if (!domain || !tn_domain_affected_locked(domain, args->flags & AFFECT_FLAGS, &live, &config,
                                              error)) {
        return FALSE;
    }
    def = live ? domain->live : domain->persistent;
    ret->num = (int)(args->flags & VIR_DOMAIN_VCPU_MAXIMUM ? def->vcpus_max : def->vcpus);
    return TRUE;
}

static gboolean
set_vcpus(TnRpcCall *call, const TnRpcDomain *dom, guint n, unsigned flags, GError **error)
{
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(
            call, flags, AFFECT_FLAGS | VIR_DOMAIN_VCPU_MAXIMUM | VIR_DOMAIN_VCPU_HOTPLUGGABLE,
            error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, dom, error);
    return domain && tn_vcpu_set_count(domain, n, flags, error);
}

static gboolean
domain_set_vcpus(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetVcpusArgs *args = data;

    return set_vcpus(call, &args->dom, args->nvcpus, VIR_DOMAIN_AFFECT_LIVE, error);
}

static gboolean
domain_set_vcpus_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetVcpusFlagsArgs *args = data;

    return set_vcpus(call, &args->dom, args->nvcpus, args->flags, error);
}

static gboolean
domain_set_vcpu(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetVcpuArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_vcpu_set_enabled(domain, args->cpumap, args->state != 0, args->flags,
                                         error);
}

/* @n maps of @map_len bytes, each with every processor of the host; @ret_maps: (transfer full). */
static gboolean
make_maps(TnRpcCall *call, int n, int map_len, char **ret_maps, guint *ret_len, GError **error)
{
    const TnHostTopology *t = tn_host_get_topology(tn_api_of(call)->host);
    char *maps;

    if (n < 0 || map_len < 0 || (gint64)n * map_len > TN_RPC_CPUMAPS_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "%d maps of %d bytes are more than the limit of %d bytes", n, map_len,
                    TN_RPC_CPUMAPS_MAX);
        return FALSE;
    }
    maps = g_malloc0((gsize)n * (gsize)map_len + 1);
    for (guint cpu = 0; cpu < t->n_possible && cpu / 8 < (guint)map_len; cpu++) {
        for (int i = 0; i < n; i++) {
            maps[(gsize)i * (gsize)map_len + cpu / 8] |= (char)(1 << (cpu % 8));
        }
    }
    *ret_maps = maps;
    *ret_len = (guint)n * (guint)map_len;
    return TRUE;
}

static gboolean
domain_get_vcpus(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetVcpusArgs *args = data;
    TnRpcDomainGetVcpusRet *ret = data_ret;
    g_autofree TnProcessThread *threads = NULL;
    g_autofree guint *ids = NULL;
    guint max;
    pid_t pid;
    int n = 0;

    if (args->maxinfo < 0 || args->maxinfo > TN_RPC_VCPUINFO_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "information on %d CPUs was asked for; the limit is %d", args->maxinfo,
                    TN_RPC_VCPUINFO_MAX);
        return FALSE;
    }
    {
        g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

        if (!domain) {
            return FALSE;
        }
        if (!domain->live) {
            g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                                "cannot retrieve vcpu information for inactive domain");
            return FALSE;
        }
        max = domain->live->vcpus_max;
        ids = g_new0(guint, max);
        for (guint i = 0; i < max && n < args->maxinfo; i++) {
            if (tn_domain_def_get_vcpu(domain->live, i).enabled) {
                ids[n++] = i;
            }
        }
        pid = domain->process.pid;
    }
    if (!make_maps(call, n, args->maplen, &ret->cpumaps.cpumaps_val, &ret->cpumaps.cpumaps_len,
                   error)) {
        return FALSE;
    }
    threads = g_new0(TnProcessThread, max);
    tn_process_vcpus(pid, threads, max);
    ret->info.info_val = g_new0(TnRpcVcpuInfo, (gsize)n + 1);
    ret->info.info_len = (guint)n;
    for (int i = 0; i < n; i++) {
        ret->info.info_val[i] = (TnRpcVcpuInfo){
            .number = ids[i],
            .state = VIR_VCPU_RUNNING,
            .cpu_time = threads[ids[i]].cpu_time,
            .cpu = threads[ids[i]].cpu,
        };
    }
    return TRUE;
}

static gboolean
domain_get_vcpu_pin_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetVcpuPinInfoArgs *args = data;
    TnRpcDomainGetVcpuPinInfoRet *ret = data_ret;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    {
        g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);
        gboolean live, config;

        if (!domain ||
            !tn_domain_affected_locked(domain, args->flags, &live, &config, error)) {
            return FALSE;
        }
        ret->num = MIN((int)(live ? domain->live : domain->persistent)->vcpus_max, args->ncpumaps);
    }
    return make_maps(call, ret->num, args->maplen, &ret->cpumaps.cpumaps_val,
                     &ret->cpumaps.cpumaps_len, error);
}

static gboolean
domain_get_emulator_pin_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetEmulatorPinInfoArgs *args = data;
    TnRpcDomainGetEmulatorPinInfoRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    ret->ret = 1;
    return domain && make_maps(call, 1, args->maplen, &ret->cpumaps.cpumaps_val,
                               &ret->cpumaps.cpumaps_len, error);
}

const TnRpcHandlerRow tn_api_domain_vcpu_rows[] = {
    { TN_RPC_PROC_DOMAIN_GET_MAX_VCPUS, domain_get_max_vcpus },
    { TN_RPC_PROC_DOMAIN_GET_VCPUS_FLAGS, domain_get_vcpus_flags },
    { TN_RPC_PROC_DOMAIN_SET_VCPUS, domain_set_vcpus },
    { TN_RPC_PROC_DOMAIN_SET_VCPUS_FLAGS, domain_set_vcpus_flags },
    { TN_RPC_PROC_DOMAIN_SET_VCPU, domain_set_vcpu },
    { TN_RPC_PROC_DOMAIN_GET_VCPUS, domain_get_vcpus },
    { TN_RPC_PROC_DOMAIN_GET_VCPU_PIN_INFO, domain_get_vcpu_pin_info },
    { TN_RPC_PROC_DOMAIN_GET_EMULATOR_PIN_INFO, domain_get_emulator_pin_info },
};
const gsize tn_api_n_domain_vcpu_rows = G_N_ELEMENTS(tn_api_domain_vcpu_rows);
