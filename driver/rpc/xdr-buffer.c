/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDR encoding (RFC 4506) into a growing byte array. */
#include "driver/rpc/xdr-buffer.h"

#include <string.h>

static gboolean
has_room(XDR *xdrs, gsize n)
{
    GByteArray *array = xdrs->x_private;
    gsize limit = GPOINTER_TO_SIZE(xdrs->x_public);

    return array->len <= limit && n <= limit - array->len;
}

static bool_t
buffer_put_long(XDR *xdrs, const long *value)
{
    guint32 word = GUINT32_TO_BE((guint32)*value);

    if (!has_room(xdrs, sizeof(word))) {
        return FALSE;
    }
    g_byte_array_append(xdrs->x_private, (const guint8 *)&word, sizeof(word));
    return TRUE;
}

static bool_t
buffer_put_bytes(XDR *xdrs, const char *bytes, u_int n)
{
    if (!has_room(xdrs, n)) {
        return FALSE;
    }
    if (n > 0) {
        g_byte_array_append(xdrs->x_private, (const guint8 *)bytes, n);
    }
    return TRUE;
}

static bool_t
buffer_get_long(XDR *xdrs, long *value)
{
    return FALSE;
}

static bool_t
buffer_get_bytes(XDR *xdrs, char *bytes, u_int n)
{
    return FALSE;
}

static u_int
buffer_get_position(XDR *xdrs)
{
    GByteArray *array = xdrs->x_private;

    return array->len;
}

static bool_t
buffer_set_position(XDR *xdrs, u_int position)
{
    return FALSE;
}

static int32_t *
buffer_inline(XDR *xdrs, u_int n)
{
    return NULL;
}

static void
buffer_destroy(XDR *xdrs)
{
}

static const struct xdr_ops buffer_ops = {
    .x_getlong = buffer_get_long,
    .x_putlong = buffer_put_long,
    .x_getbytes = buffer_get_bytes,
    .x_putbytes = buffer_put_bytes,
    .x_getpostn = buffer_get_position,
    .x_setpostn = buffer_set_position,
    .x_inline = buffer_inline,
    .x_destroy = buffer_destroy,
};

void
tn_xdr_buffer_init(XDR *xdrs, GByteArray *array, gsize limit)
{
    memset(xdrs, 0, sizeof(*xdrs));
    xdrs->x_op = XDR_ENCODE;
    xdrs->x_ops = &buffer_ops;
    xdrs->x_private = array;
    xdrs->x_public = GSIZE_TO_POINTER(limit);
}
