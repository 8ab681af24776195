/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory limits and NUMA placement as typed parameters. */
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/core/tune.h"
#include "driver/rpc/typed-params.h"

#define AFFECT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)
#define GET_FLAGS (AFFECT_FLAGS | VIR_TYPED_PARAM_STRING_OKAY)

/* How many parameters a get call has: with room for none, a client asks for their number. */
#define N_MEMORY_PARAMS 3
#define N_NUMA_PARAMS 2

static gboolean
check_n_params(int n, GError **error)
{
    if (n >= 0 && n <= TN_RPC_PARAMS_SMALL_MAX) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                "%d parameters were asked for; the limit is %d", n, TN_RPC_PARAMS_SMALL_MAX);
    return FALSE;
}

/* The first @n of @params. */
static void
return_params(TnRpcParams *params, int n, TnRpcTypedParam **ret_params, guint *ret_n_params)
{
    tn_rpc_params_truncate(params, (guint)n);
    tn_rpc_params_steal(params, ret_params, ret_n_params);
}

static gboolean
domain_get_memory_parameters(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetMemoryParametersArgs *args = data;
    TnRpcDomainGetMemoryParametersRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;
    g_auto(TnRpcParams) params = { 0 };
    TnMemtune memtune;

    if (!tn_api_check_flags(call, args->flags, GET_FLAGS, error) ||
        !check_n_params(args->nparams, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (!domain ||
        !tn_tune_get_memory(domain, args->flags & AFFECT_FLAGS, &memtune, error)) {
        return FALSE;
    }
    if (args->nparams == 0) {
        ret->nparams = N_MEMORY_PARAMS;
        return TRUE;
    }
    tn_rpc_params_add_ullong(&params, memtune.hard_limit_kib, VIR_DOMAIN_MEMORY_HARD_LIMIT);
    tn_rpc_params_add_ullong(&params, memtune.soft_limit_kib, VIR_DOMAIN_MEMORY_SOFT_LIMIT);
    tn_rpc_params_add_ullong(&params, memtune.swap_hard_limit_kib,
                             VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT);
    return_params(&params, args->nparams, &ret->params.params_val, &ret->params.params_len);
    ret->nparams = (int)ret->params.params_len;
    return TRUE;
}

/* The value of parameter @field; NULL: it is not among them. */
static const guint64 *
find_limit(const TnRpcTypedParam *params, guint n, const char *field)
{
    const TnRpcTypedParam *param = tn_rpc_params_find(params, n, field);

    return param ? &param->value.TnRpcTypedValue_u.ul : NULL;
}

static gboolean
domain_set_memory_parameters(TnRpcCall *call, void *data, void *ret, GError **error)
{
    static const TnRpcParamType allowed[] = {
        { VIR_DOMAIN_MEMORY_HARD_LIMIT, VIR_TYPED_PARAM_ULLONG },
        { VIR_DOMAIN_MEMORY_SOFT_LIMIT, VIR_TYPED_PARAM_ULLONG },
        { VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT, VIR_TYPED_PARAM_ULLONG },
        { NULL, 0 },
    };
    TnRpcDomainSetMemoryParametersArgs *args = data;
    const TnRpcTypedParam *params = args->params.params_val;
    guint n = args->params.params_len;
    g_autoptr(TnDomain) domain = NULL;
    TnTuneMemory tune;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error) ||
        !tn_rpc_params_check(params, n, allowed, error)) {
        return FALSE;
    }
    tune = (TnTuneMemory){
        .hard_limit = find_limit(params, n, VIR_DOMAIN_MEMORY_HARD_LIMIT),
        .soft_limit = find_limit(params, n, VIR_DOMAIN_MEMORY_SOFT_LIMIT),
        .swap_hard_limit = find_limit(params, n, VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT),
    };
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_tune_set_memory(domain, &tune, args->flags, error);
}

static gboolean
domain_get_numa_parameters(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetNumaParametersArgs *args = data;
    TnRpcDomainGetNumaParametersRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;
    g_auto(TnRpcParams) params = { 0 };
    g_autofree char *nodeset = NULL;
    int mode;

    if (!tn_api_check_flags(call, args->flags, GET_FLAGS, error) ||
        !check_n_params(args->nparams, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (!domain ||
        !tn_tune_get_numa(domain, args->flags & AFFECT_FLAGS, &mode, &nodeset, error)) {
        return FALSE;
    }
    if (args->nparams == 0) {
        ret->nparams = N_NUMA_PARAMS;
        return TRUE;
    }
    tn_rpc_params_add_int(&params, mode, VIR_DOMAIN_NUMA_MODE);
    tn_rpc_params_add_string(&params, nodeset, VIR_DOMAIN_NUMA_NODESET);
    return_params(&params, args->nparams, &ret->params.params_val, &ret->params.params_len);
    ret->nparams = (int)ret->params.params_len;
    return TRUE;
}

static gboolean
domain_set_numa_parameters(TnRpcCall *call, void *data, void *ret, GError **error)
{
    static const TnRpcParamType allowed[] = {
        { VIR_DOMAIN_NUMA_MODE, VIR_TYPED_PARAM_INT },
        { VIR_DOMAIN_NUMA_NODESET, VIR_TYPED_PARAM_STRING },
        { NULL, 0 },
    };
    TnRpcDomainSetNumaParametersArgs *args = data;
    const TnRpcTypedParam *params = args->params.params_val;
    guint n = args->params.params_len;
    const TnRpcTypedParam *mode, *nodeset;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error) ||
        !tn_rpc_params_check(params, n, allowed, error)) {
        return FALSE;
    }
    mode = tn_rpc_params_find(params, n, VIR_DOMAIN_NUMA_MODE);
    nodeset = tn_rpc_params_find(params, n, VIR_DOMAIN_NUMA_NODESET);
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_tune_set_numa(domain, mode ? &mode->value.TnRpcTypedValue_u.i : NULL,
                                      nodeset ? nodeset->value.TnRpcTypedValue_u.s : NULL,
                                      args->flags, error);
}

const TnRpcHandlerRow tn_api_domain_tune_rows[] = {
    { TN_RPC_PROC_DOMAIN_GET_MEMORY_PARAMETERS, domain_get_memory_parameters },
    { TN_RPC_PROC_DOMAIN_SET_MEMORY_PARAMETERS, domain_set_memory_parameters },
    { TN_RPC_PROC_DOMAIN_GET_NUMA_PARAMETERS, domain_get_numa_parameters },
    { TN_RPC_PROC_DOMAIN_SET_NUMA_PARAMETERS, domain_set_numa_parameters },
};
const gsize tn_api_n_domain_tune_rows = G_N_ELEMENTS(tn_api_domain_tune_rows);
