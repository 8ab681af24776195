/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An XDR stream that encodes to the end of a byte array, which grows as needed up to a limit. */
#ifndef TN_DRIVER_RPC_XDR_BUFFER_H
#define TN_DRIVER_RPC_XDR_BUFFER_H

#include <glib.h>
#include <rpc/types.h>
#include <rpc/xdr.h>

G_BEGIN_DECLS

/**
 * tn_xdr_buffer_init:
 * @xdrs: the stream to set up; needs no destroying
 * @array: where the encoded bytes are appended; must outlive @xdrs
 * @limit: how long @array may become, in bytes; a filter that would pass it fails
 *
 * Sets up a stream in XDR_ENCODE mode. libtirpc's own memory stream wants to know the size
 * beforehand, which would mean to encode every reply twice.
 */
void tn_xdr_buffer_init(XDR *xdrs, GByteArray *array, gsize limit);

G_END_DECLS

#endif
