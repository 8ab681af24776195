/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From GError to the error a client is sent. */
#ifndef TN_DRIVER_RPC_ERROR_H
#define TN_DRIVER_RPC_ERROR_H

#include <glib.h>

#include "driver/error.h"
#include "driver/rpc/protocol/types.h"

G_BEGIN_DECLS

/**
 * tn_rpc_error_code:
 * @error: an error
 *
 * Returns: the VIR_ERR_* number of @error: its own for domains whose codes are these numbers, a
 *   mapped one for others (GIO's, GLib's, the monitor's), VIR_ERR_INTERNAL_ERROR for the rest.
 */
int tn_rpc_error_code(const GError *error);

/**
 * tn_rpc_error_format:
 * @code: a VIR_ERR_* number
 * @detail: (nullable): what happened in particular
 *
 * Returns: (transfer full): the sentence a client shows, as in
 *   "Domain not found: no domain with matching name 'x'".
 */
char *tn_rpc_error_format(int code, const char *detail);

/**
 * tn_rpc_error_to_wire:
 * @error: an error
 * @ret_wire: (out): what goes into the frame; free with xdr_free() and xdr_TnRpcWireError
 *
 * Any thread.
 */
void tn_rpc_error_to_wire(const GError *error, TnRpcWireError *ret_wire);

/**
 * tn_rpc_error_from_wire:
 * @wire: an error that another daemon sent
 *
 * Returns: (transfer full): the same as GError in %TN_VIR_ERROR, with the sentence as message.
 */
GError *tn_rpc_error_from_wire(const TnRpcWireError *wire);

G_END_DECLS

#endif
