/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual CPUs: how many, which, on which processors. */
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/core/affinity.h"
#include "driver/core/pin.h"
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

    if (!tn_api_check_flags(call, args->flags,
                            AFFECT_FLAGS | VIR_DOMAIN_VCPU_MAXIMUM | VIR_DOMAIN_VCPU_GUEST,
                            error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    if (domain && (args->flags & VIR_DOMAIN_VCPU_GUEST)) {
        return tn_domain_check_active_locked(domain, error) && tn_api_fail_agent(error);
    }
    def = domain ? tn_domain_affected_def_locked(domain, args->flags & AFFECT_FLAGS, error) : NULL;
    if (!def) {
        return FALSE;
    }
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

/* Maps of host CPUs, @map_len bytes each, as the wire has them. */
typedef struct CpuMaps {
    char *bytes; /* owned until it is handed over */
    guint n, map_len;
    guint n_host; /* possible CPUs of the host */
} CpuMaps;

static gboolean
maps_init(CpuMaps *maps, TnRpcCall *call, int n, int map_len, GError **error)
{
    if (n < 0 || map_len < 0 || (gint64)n * map_len > TN_RPC_CPUMAPS_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "%d maps of %d bytes are more than the limit of %d bytes", n, map_len,
                    TN_RPC_CPUMAPS_MAX);
        return FALSE;
    }
    *maps = (CpuMaps){
        .bytes = g_malloc0((gsize)n * (gsize)map_len + 1),
        .n = (guint)n,
        .map_len = (guint)map_len,
        .n_host = tn_host_get_topology(tn_api_of(call)->host)->n_possible,
    };
    return TRUE;
}

/* Map @i has @cpus, as far as it goes; NULL: all of the host. */
static void
maps_put(CpuMaps *maps, guint i, const TnBitmap *cpus)
{
    guint end = MIN(maps->map_len * 8, cpus ? TN_XML_BITMAP_MAX : maps->n_host);

    for (guint cpu = 0; cpu < end; cpu++) {
        if (!cpus || tn_bitmap_contains(cpus, cpu)) {
            maps->bytes[(gsize)i * maps->map_len + cpu / 8] |= (char)(1 << (cpu % 8));
        }
    }
}

static void
maps_hand_over(CpuMaps *maps, char **ret_bytes, guint *ret_len)
{
    *ret_bytes = g_steal_pointer(&maps->bytes);
    *ret_len = maps->n * maps->map_len;
}

/* The CPUs of a map from the wire. (transfer full) */
static TnBitmap *
read_map(const char *bytes, guint len)
{
    TnBitmap *cpus = tn_bitmap_new();

    for (guint cpu = 0; cpu < MIN(len * 8, TN_XML_BITMAP_MAX); cpu++) {
        if (bytes[cpu / 8] & (1 << (cpu % 8))) {
            tn_bitmap_add(cpus, cpu);
        }
    }
    return cpus;
}

static gboolean
pin_vcpu(TnRpcCall *call, const TnRpcDomain *dom, guint vcpu, const TnBitmap *cpus,
         unsigned flags, GError **error)
{
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, dom, error);
    return domain && tn_pin_set_vcpu(domain, vcpu, cpus, flags, error);
}

static gboolean
domain_pin_vcpu(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainPinVcpuArgs *args = data;
    g_autoptr(TnBitmap) cpus = read_map(args->cpumap.cpumap_val, args->cpumap.cpumap_len);

    return pin_vcpu(call, &args->dom, args->vcpu, cpus, VIR_DOMAIN_AFFECT_LIVE, error);
}

static gboolean
domain_pin_vcpu_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainPinVcpuFlagsArgs *args = data;
    g_autoptr(TnBitmap) cpus = read_map(args->cpumap.cpumap_val, args->cpumap.cpumap_len);

    return pin_vcpu(call, &args->dom, args->vcpu, cpus, args->flags, error);
}

static gboolean
domain_pin_emulator(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainPinEmulatorArgs *args = data;
    g_autoptr(TnBitmap) cpus = read_map(args->cpumap.cpumap_val, args->cpumap.cpumap_len);
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_pin_set_emulator(domain, cpus, args->flags, error);
}

/* The vCPUs of a running domain that are there, at most @max. (transfer full): of guint. */
static GArray *
list_vcpus(TnRpcCall *call, const TnRpcDomain *dom, int max, pid_t *ret_pid, guint *ret_possible,
           GError **error)
{
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, dom, error);
    GArray *ids;

    if (!domain) {
        return NULL;
    }
    if (!domain->live) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "cannot retrieve vcpu information for inactive domain");
        return NULL;
    }
    ids = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < domain->live->vcpus_max && ids->len < (guint)max; i++) {
        if (tn_domain_def_get_vcpu(domain->live, i).enabled) {
            g_array_append_val(ids, i);
        }
    }
    *ret_pid = domain->process.pid;
    *ret_possible = domain->live->vcpus_max;
    return ids;
}

/* What each of @ids has used, and where it may run. */
static void
fill_vcpus(const GArray *ids, const TnProcessThread *threads, TnRpcVcpuInfo *infos, CpuMaps *maps)
{
    for (guint i = 0; i < ids->len; i++) {
        const TnProcessThread *thread = &threads[g_array_index(ids, guint, i)];
        g_autoptr(TnBitmap) cpus = tn_affinity_get(thread->tid);

        infos[i] = (TnRpcVcpuInfo){
            .number = g_array_index(ids, guint, i),
            .state = VIR_VCPU_RUNNING,
            .cpu_time = thread->cpu_time,
            .cpu = thread->cpu,
        };
        maps_put(maps, i, cpus);
    }
}

static gboolean
domain_get_vcpus(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetVcpusArgs *args = data;
    TnRpcDomainGetVcpusRet *ret = data_ret;
    g_autofree TnProcessThread *threads = NULL;
    g_autoptr(GArray) ids = NULL;
    CpuMaps maps;
    guint possible;
    pid_t pid;

    if (args->maxinfo < 0 || args->maxinfo > TN_RPC_VCPUINFO_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "information on %d CPUs was asked for; the limit is %d", args->maxinfo,
                    TN_RPC_VCPUINFO_MAX);
        return FALSE;
    }
    ids = list_vcpus(call, &args->dom, args->maxinfo, &pid, &possible, error);
    if (!ids || !maps_init(&maps, call, (int)ids->len, args->maplen, error)) {
        return FALSE;
    }
    threads = g_new0(TnProcessThread, possible);
    tn_process_vcpus(pid, threads, possible);
    ret->info.info_val = g_new0(TnRpcVcpuInfo, (gsize)ids->len + 1);
    ret->info.info_len = ids->len;
    fill_vcpus(ids, threads, ret->info.info_val, &maps);
    maps_hand_over(&maps, &ret->cpumaps.cpumaps_val, &ret->cpumaps.cpumaps_len);
    return TRUE;
}

static gboolean
domain_get_vcpu_pin_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetVcpuPinInfoArgs *args = data;
    TnRpcDomainGetVcpuPinInfoRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;
    const TnDomainDef *def;
    CpuMaps maps;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    def = domain ? tn_domain_affected_def_locked(domain, args->flags, error) : NULL;
    if (!def || !maps_init(&maps, call, MIN((int)def->vcpus_max, args->ncpumaps), args->maplen,
                           error)) {
        return FALSE;
    }
    for (guint i = 0; i < maps.n; i++) {
        maps_put(&maps, i, tn_domain_def_vcpu_cpus(def, i));
    }
    ret->num = (int)maps.n;
    maps_hand_over(&maps, &ret->cpumaps.cpumaps_val, &ret->cpumaps.cpumaps_len);
    return TRUE;
}

static gboolean
domain_get_emulator_pin_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetEmulatorPinInfoArgs *args = data;
    TnRpcDomainGetEmulatorPinInfoRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;
    const TnDomainDef *def;
    CpuMaps maps;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    def = domain ? tn_domain_affected_def_locked(domain, args->flags, error) : NULL;
    if (!def || !maps_init(&maps, call, 1, args->maplen, error)) {
        return FALSE;
    }
    maps_put(&maps, 0, tn_domain_def_emulator_cpus(def));
    ret->ret = 1;
    maps_hand_over(&maps, &ret->cpumaps.cpumaps_val, &ret->cpumaps.cpumaps_len);
    return TRUE;
}

const TnRpcHandlerRow tn_api_domain_vcpu_rows[] = {
    { TN_RPC_PROC_DOMAIN_GET_MAX_VCPUS, domain_get_max_vcpus },
    { TN_RPC_PROC_DOMAIN_GET_VCPUS_FLAGS, domain_get_vcpus_flags },
    { TN_RPC_PROC_DOMAIN_SET_VCPUS, domain_set_vcpus },
    { TN_RPC_PROC_DOMAIN_SET_VCPUS_FLAGS, domain_set_vcpus_flags },
    { TN_RPC_PROC_DOMAIN_SET_VCPU, domain_set_vcpu },
    { TN_RPC_PROC_DOMAIN_GET_VCPUS, domain_get_vcpus },
    { TN_RPC_PROC_DOMAIN_PIN_VCPU, domain_pin_vcpu },
    { TN_RPC_PROC_DOMAIN_PIN_VCPU_FLAGS, domain_pin_vcpu_flags },
    { TN_RPC_PROC_DOMAIN_PIN_EMULATOR, domain_pin_emulator },
    { TN_RPC_PROC_DOMAIN_GET_VCPU_PIN_INFO, domain_get_vcpu_pin_info },
    { TN_RPC_PROC_DOMAIN_GET_EMULATOR_PIN_INFO, domain_get_emulator_pin_info },
};
const gsize tn_api_n_domain_vcpu_rows = G_N_ELEMENTS(tn_api_domain_vcpu_rows);
