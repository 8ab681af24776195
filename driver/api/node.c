/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host: what it is and what it is doing. */
#include <string.h>

#include "driver/api/api-private.h"

static const TnHostTopology *
topology(TnRpcCall *call)
{
    return tn_host_get_topology(tn_api_of(call)->host);
}

static gboolean
node_get_info(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcNodeGetInfoRet *ret = data_ret;
    const TnHostTopology *t = topology(call);

    g_strlcpy(ret->model, "x86_64", sizeof(ret->model));
    ret->memory = t->memory_kib;
    ret->cpus = (int)t->n_cpus;
    ret->mhz = (int)t->mhz;
    ret->nodes = (int)MAX(t->nodes->len, 1);
    ret->sockets = (int)t->sockets;
    ret->cores = (int)(t->cores * t->dies);
    ret->threads = (int)t->threads;
    return TRUE;
}

static gboolean
node_get_free_memory(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcNodeGetFreeMemoryRet *ret = data_ret;
    TnHostMemory memory;

    if (!tn_host_memory("", -1, &memory)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                            "cannot read the host's free memory");
        return FALSE;
    }
    ret->free_mem = memory.free * 1024;
    return TRUE;
}

static gboolean
node_get_cells_free_memory(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcNodeGetCellsFreeMemoryArgs *args = data;
    TnRpcNodeGetCellsFreeMemoryRet *ret = data_ret;
    const TnHostTopology *t = topology(call);

    if (args->start_cell < 0 || args->maxcells < 0 || args->maxcells > TN_RPC_NODE_CELLS_MAX ||
        (guint)args->start_cell >= t->nodes->len) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "start cell %d out of range (0-%u)", args->start_cell, t->nodes->len - 1);
        return FALSE;
    }
    ret->cells.cells_val = g_new0(u_quad_t, (gsize)args->maxcells + 1);
    for (guint i = (guint)args->start_cell;
         i < t->nodes->len && ret->cells.cells_len < (guint)args->maxcells; i++) {
        TnHostMemory memory = { 0 };

        (void)tn_host_memory("", (int)g_array_index(t->nodes, TnHostNode, i).id, &memory);
        ret->cells.cells_val[ret->cells.cells_len++] = memory.free * 1024;
    }
    return TRUE;
}

static void
add_stat(TnRpcNodeStat *stats, guint *n, const char *field, guint64 value)
{
    stats[(*n)++] = (TnRpcNodeStat){ g_strdup(field), value };
}

/* libvirt's way: 0 asks how many there are, less than there are is an error. */
static gboolean
check_n_stats(int asked, guint have, GError **error)
{
    if (asked == 0 || asked >= (int)have) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                "nparams in this call must be at least %u, not %d", have, asked);
    return FALSE;
}

static gboolean
node_get_cpu_stats(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcNodeGetCpuStatsArgs *args = data;
    TnRpcNodeGetCpuStatsRet *ret = data_ret;
    TnHostCpuTimes times;
    guint n = 0;

    if (!tn_api_check_flags(call, args->flags, 0, error) ||
        !check_n_stats(args->nparams, 4, error)) {
        return FALSE;
    }
    if (!tn_host_cpu_times("", args->cpu_num, &times)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "invalid cpuNum %d in this call",
                    args->cpu_num);
        return FALSE;
    }
    ret->nparams = 4;
    if (args->nparams == 0) {
        return TRUE;
    }
    ret->params.params_val = g_new0(TnRpcNodeStat, 4);
    add_stat(ret->params.params_val, &n, VIR_NODE_CPU_STATS_KERNEL, times.kernel);
    add_stat(ret->params.params_val, &n, VIR_NODE_CPU_STATS_USER, times.user);
    add_stat(ret->params.params_val, &n, VIR_NODE_CPU_STATS_IDLE, times.idle);
    add_stat(ret->params.params_val, &n, VIR_NODE_CPU_STATS_IOWAIT, times.iowait);
    ret->params.params_len = n;
    return TRUE;
}

static gboolean
node_get_memory_stats(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcNodeGetMemoryStatsArgs *args = data;
    TnRpcNodeGetMemoryStatsRet *ret = data_ret;
    TnHostMemory memory;
    guint n = 0;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    if (!tn_host_memory("", args->cell_num, &memory)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "cellNum %d in this call is no NUMA node of the host", args->cell_num);
        return FALSE;
    }
    ret->nparams = memory.has_cache ? 4 : 2;
    if (args->nparams == 0 || !check_n_stats(args->nparams, (guint)ret->nparams, error)) {
        return args->nparams == 0;
    }
    ret->params.params_val = g_new0(TnRpcNodeStat, 4);
    add_stat(ret->params.params_val, &n, VIR_NODE_MEMORY_STATS_TOTAL, memory.total);
    add_stat(ret->params.params_val, &n, VIR_NODE_MEMORY_STATS_FREE, memory.free);
    if (memory.has_cache) {
        add_stat(ret->params.params_val, &n, VIR_NODE_MEMORY_STATS_BUFFERS, memory.buffers);
        add_stat(ret->params.params_val, &n, VIR_NODE_MEMORY_STATS_CACHED, memory.cached);
    }
    ret->params.params_len = n;
    return TRUE;
}

static gboolean
node_get_cpu_map(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcNodeGetCpuMapArgs *args = data;
    TnRpcNodeGetCpuMapRet *ret = data_ret;
    const TnHostTopology *t = topology(call);
    guint len = MIN((t->n_possible + 7) / 8, TN_RPC_CPUMAP_MAX);

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    ret->ret = (int)t->n_possible;
    ret->online = args->need_online ? t->n_cpus : 0;
    if (!args->need_map) {
        return TRUE;
    }
    ret->cpumap.cpumap_val = g_malloc0(len);
    ret->cpumap.cpumap_len = len;
    for (guint n = 0; n < t->nodes->len; n++) {
        const TnHostNode *node = &g_array_index(t->nodes, TnHostNode, n);

        for (guint i = 0; i < node->cpus->len; i++) {
            guint id = g_array_index(node->cpus, TnHostProcessor, i).id;

            if (id / 8 < len) {
                ret->cpumap.cpumap_val[id / 8] |= (char)(1 << (id % 8));
            }
        }
    }
    return TRUE;
}

static gboolean
node_get_free_pages(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcNodeGetFreePagesArgs *args = data;
    TnRpcNodeGetFreePagesRet *ret = data_ret;
    guint64 n = (guint64)args->pages.pages_len * args->cell_count;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    if (args->start_cell < -1 || n > TN_RPC_NODE_CELLS_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "%" G_GUINT64_FORMAT " counts from cell %d were asked for; the limit is %d", n,
                    args->start_cell, TN_RPC_NODE_CELLS_MAX);
        return FALSE;
    }
    ret->counts.counts_val = g_new0(u_quad_t, n + 1);
    for (guint cell = 0; cell < args->cell_count; cell++) {
        for (guint i = 0; i < args->pages.pages_len; i++) {
            guint size = args->pages.pages_val[i];
            guint64 count;

            if (!tn_host_free_pages("", args->start_cell + (int)cell, size, &count)) {
                g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                            "page size %u KiB is not available on node %d", size,
                            args->start_cell + (int)cell);
                return FALSE;
            }
            ret->counts.counts_val[ret->counts.counts_len++] = count;
        }
    }
    return TRUE;
}

static gboolean
node_get_security_model(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcNodeGetSecurityModelRet *ret = data_ret;

    /* Guests are not labelled. */
    ret->model.model_val = g_strdup("none");
    ret->model.model_len = sizeof("none");
    ret->doi.doi_val = g_strdup("0");
    ret->doi.doi_len = sizeof("0");
    return TRUE;
}

const TnRpcHandlerRow tn_api_node_rows[] = {
    { TN_RPC_PROC_NODE_GET_INFO, node_get_info },
    { TN_RPC_PROC_NODE_GET_FREE_MEMORY, node_get_free_memory },
    { TN_RPC_PROC_NODE_GET_CELLS_FREE_MEMORY, node_get_cells_free_memory },
    { TN_RPC_PROC_NODE_GET_CPU_STATS, node_get_cpu_stats },
    { TN_RPC_PROC_NODE_GET_MEMORY_STATS, node_get_memory_stats },
    { TN_RPC_PROC_NODE_GET_CPU_MAP, node_get_cpu_map },
    { TN_RPC_PROC_NODE_GET_FREE_PAGES, node_get_free_pages },
    { TN_RPC_PROC_NODE_GET_SECURITY_MODEL, node_get_security_model },
};
const gsize tn_api_n_node_rows = G_N_ELEMENTS(tn_api_node_rows);
