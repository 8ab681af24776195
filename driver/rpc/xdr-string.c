/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strings on the wire (RFC 4506, 4.11). */
#include "driver/rpc/xdr-string.h"

#include <stdlib.h>
#include <string.h>

/* Longest string; protocol/types.x has the same number for the lists' sake. */
#define STRING_MAX 4194304

static bool_t
decode(XDR *xdrs, TnRpcString *value)
{
    u_int length;
    char *text;

    /* x_handy: what is left of a stream over memory. */
    if (!xdr_u_int(xdrs, &length) || length > STRING_MAX || length > xdrs->x_handy) {
        return FALSE;
    }
    text = malloc((size_t)length + 1);
    if (text == NULL) {
        return FALSE;
    }
    text[length] = '\0';
    if (!xdr_opaque(xdrs, text, length)) {
        free(text);
        return FALSE;
    }
    *value = text;
    return TRUE;
}

bool_t
xdr_TnRpcString(XDR *xdrs, TnRpcString *value)
{
    u_int length;

    switch (xdrs->x_op) {
    case XDR_DECODE:
        return decode(xdrs, value);
    case XDR_FREE:
        free(*value);
        *value = NULL;
        return TRUE;
    case XDR_ENCODE:
        break;
    }
    if (*value == NULL || strlen(*value) > STRING_MAX) {
        return FALSE;
    }
    length = (u_int)strlen(*value);
    return xdr_u_int(xdrs, &length) && xdr_opaque(xdrs, *value, length);
}
