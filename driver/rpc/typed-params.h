/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed parameters: building the lists that replies carry, reading those that calls bring. */
#ifndef TN_DRIVER_RPC_TYPED_PARAMS_H
#define TN_DRIVER_RPC_TYPED_PARAMS_H

#include <glib.h>

#include "driver/rpc/protocol/types.h"

G_BEGIN_DECLS

/**
 * TnRpcParams:
 *
 * A growing list of typed parameters. Initialize with { 0 }; hand over with
 * tn_rpc_params_steal() or drop with tn_rpc_params_clear(). One thread at a time.
 */
typedef struct {
    TnRpcTypedParam *params;
    guint n_params;
    guint allocated;
} TnRpcParams;

/**
 * tn_rpc_params_add_int:
 * @params: a list
 * @value: the value
 * @field: printf format of the name ("vcpu.%u.state"), at most 80 bytes long once formatted
 */
void tn_rpc_params_add_int(TnRpcParams *params, gint32 value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);
/** tn_rpc_params_add_uint: as tn_rpc_params_add_int() for an unsigned 32-bit value. */
void tn_rpc_params_add_uint(TnRpcParams *params, guint32 value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);
/** tn_rpc_params_add_llong: as tn_rpc_params_add_int() for a signed 64-bit value. */
void tn_rpc_params_add_llong(TnRpcParams *params, gint64 value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);
/** tn_rpc_params_add_ullong: as tn_rpc_params_add_int() for an unsigned 64-bit value. */
void tn_rpc_params_add_ullong(TnRpcParams *params, guint64 value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);
/** tn_rpc_params_add_double: as tn_rpc_params_add_int() for a double. */
void tn_rpc_params_add_double(TnRpcParams *params, double value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);
/** tn_rpc_params_add_boolean: as tn_rpc_params_add_int() for a truth value. */
void tn_rpc_params_add_boolean(TnRpcParams *params, gboolean value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);
/** tn_rpc_params_add_string: as tn_rpc_params_add_int() for a string, which is copied. */
void tn_rpc_params_add_string(TnRpcParams *params, const char *value, const char *field, ...)
    G_GNUC_PRINTF(3, 4);

/**
 * tn_rpc_params_steal:
 * @params: a list, empty afterwards
 * @ret_params: (out) (transfer full): the `params_val` of a result
 * @ret_n_params: (out): the `params_len` of a result
 */
void tn_rpc_params_steal(TnRpcParams *params, TnRpcTypedParam **ret_params, guint *ret_n_params);

/**
 * tn_rpc_params_truncate:
 * @params: a list
 * @n_params: how many of it stay at most
 */
void tn_rpc_params_truncate(TnRpcParams *params, guint n_params);

/**
 * tn_rpc_params_clear:
 * @params: a list, empty afterwards
 */
void tn_rpc_params_clear(TnRpcParams *params);

/**
 * tn_rpc_params_find:
 * @params: (array length=n_params): parameters of a call
 * @n_params: how many
 * @field: the name
 *
 * Returns: (transfer none) (nullable): the first parameter of that name.
 */
const TnRpcTypedParam *tn_rpc_params_find(const TnRpcTypedParam *params, guint n_params,
                                          const char *field);

/**
 * TnRpcParamType:
 * @field: a parameter's name
 * @type: its virTypedParameterType
 */
typedef struct {
    const char *field;
    int type;
} TnRpcParamType;

/**
 * tn_rpc_params_check:
 * @params: (array length=n_params): parameters of a call
 * @n_params: how many
 * @allowed: what may stand there, ended by a row whose @field is NULL
 * @error: VIR_ERR_INVALID_ARG for an unknown name, a wrong type or a name given twice
 *
 * Checks parameters of a call against what the handler understands.
 *
 * Returns: TRUE when all is well.
 */
gboolean tn_rpc_params_check(const TnRpcTypedParam *params, guint n_params,
                             const TnRpcParamType *allowed, GError **error);

/**
 * tn_rpc_opt_string:
 * @value: (nullable): a string, copied
 *
 * Returns: (transfer full) (nullable): the form an optional string has in a result.
 */
TnRpcOptString tn_rpc_opt_string(const char *value);

/**
 * tn_rpc_string_from_opt:
 * @value: an optional string from a call
 *
 * Returns: (transfer none) (nullable): the string, or NULL if it was absent.
 */
static inline const char *
tn_rpc_string_from_opt(TnRpcOptString value)
{
    return value ? *value : NULL;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TnRpcParams, tn_rpc_params_clear)

G_END_DECLS

#endif
