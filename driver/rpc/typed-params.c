/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed parameters: lists of named values of seven types. */
#include "driver/rpc/typed-params.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "driver/error.h"

static TnRpcTypedParam *append(TnRpcParams *params, int type, const char *format, va_list args)
    G_GNUC_PRINTF(3, 0);

static TnRpcTypedParam *
append(TnRpcParams *params, int type, const char *format, va_list args)
{
    TnRpcTypedParam *param;

    if (params->n_params == params->allocated) {
        params->allocated = MAX(16, params->allocated * 2);
        params->params = g_renew(TnRpcTypedParam, params->params, params->allocated);
    }
    param = &params->params[params->n_params++];
    memset(param, 0, sizeof(*param));
    param->field = g_strdup_vprintf(format, args);
    param->value.type = type;
    return param;
}

/* One function a type: they differ in the member alone. */
#define DEFINE_ADD(name, ctype, vir_type, member, convert)                                         \
    void tn_rpc_params_add_##name(TnRpcParams *params, ctype value, const char *field, ...)        \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, field);                                                                     \
        append(params, vir_type, field, args)->value.TnRpcTypedValue_u.member = convert;           \
        va_end(args);                                                                              \
    }

DEFINE_ADD(int, gint32, VIR_TYPED_PARAM_INT, i, value)
DEFINE_ADD(uint, guint32, VIR_TYPED_PARAM_UINT, ui, value)
DEFINE_ADD(llong, gint64, VIR_TYPED_PARAM_LLONG, l, value)
DEFINE_ADD(ullong, guint64, VIR_TYPED_PARAM_ULLONG, ul, value)
DEFINE_ADD(double, double, VIR_TYPED_PARAM_DOUBLE, d, value)
DEFINE_ADD(boolean, gboolean, VIR_TYPED_PARAM_BOOLEAN, b, value ? 1 : 0)
DEFINE_ADD(string, const char *, VIR_TYPED_PARAM_STRING, s, g_strdup(value))

void
tn_rpc_params_steal(TnRpcParams *params, TnRpcTypedParam **ret_params, guint *ret_n_params)
{
    *ret_params = g_steal_pointer(&params->params);
    *ret_n_params = params->n_params;
    params->n_params = 0;
    params->allocated = 0;
}

void
tn_rpc_params_truncate(TnRpcParams *params, guint n_params)
{
    while (params->n_params > n_params) {
        xdr_free((xdrproc_t)xdr_TnRpcTypedParam, &params->params[--params->n_params]);
    }
}

void
tn_rpc_params_clear(TnRpcParams *params)
{
    tn_rpc_params_truncate(params, 0);
    g_clear_pointer(&params->params, g_free);
    params->n_params = 0;
    params->allocated = 0;
}

const TnRpcTypedParam *
tn_rpc_params_find(const TnRpcTypedParam *params, guint n_params, const char *field)
{
    for (guint i = 0; i < n_params; i++) {
        if (strcmp(params[i].field, field) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

gboolean
tn_rpc_params_check(const TnRpcTypedParam *params, guint n_params, const TnRpcParamType *allowed,
                    GError **error)
{
    for (guint i = 0; i < n_params; i++) {
        const TnRpcParamType *row = allowed;

        while (row->field != NULL && strcmp(row->field, params[i].field) != 0) {
            row++;
        }
        if (row->field == NULL) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "parameter '%s' is not supported", params[i].field);
            return FALSE;
        }
        if (row->type != params[i].value.type) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "parameter '%s' has type %d, it must have %d", params[i].field,
                        params[i].value.type, row->type);
            return FALSE;
        }
        if (tn_rpc_params_find(params, i, params[i].field) != NULL) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "parameter '%s' occurs more than once", params[i].field);
            return FALSE;
        }
    }
    return TRUE;
}

TnRpcOptString
tn_rpc_opt_string(const char *value)
{
    TnRpcOptString opt;

    if (value == NULL) {
        return NULL;
    }
    opt = g_new0(TnRpcString, 1);
    *opt = g_strdup(value);
    return opt;
}
