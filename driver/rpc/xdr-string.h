/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XDR filter for strings. */
#ifndef TN_DRIVER_RPC_XDR_STRING_H
#define TN_DRIVER_RPC_XDR_STRING_H

#include <rpc/types.h>
#include <rpc/xdr.h>

/**
 * TnRpcString:
 *
 * A string on the wire: its length and its bytes, padded to four; at most %TN_RPC_STRING_MAX bytes.
 */
typedef char *TnRpcString;

/**
 * xdr_TnRpcString:
 * @xdrs: a stream; for decoding, one over memory
 * @value: the string
 *
 * Encodes, decodes or frees a string. Unlike libtirpc's filter it fails for NULL rather than to
 * depend on who wraps it, and does not allocate more than the stream can hold.
 *
 * Returns: FALSE for NULL, for too many bytes, and at the end of the stream.
 */
bool_t xdr_TnRpcString(XDR *xdrs, TnRpcString *value);

#endif
