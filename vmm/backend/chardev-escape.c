/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of a shared character device. */
#include "vmm/backend/chardev-escape.h"

#define CTRL_A 0x01

TnChardevKey
tn_chardev_escape_key(gboolean *escaped, guint8 c)
{
    if (!*escaped) {
        *escaped = c == CTRL_A;
        return *escaped ? TN_CHARDEV_KEY_NONE : TN_CHARDEV_KEY_DATA;
    }
    *escaped = FALSE;
    switch (c) {
    case CTRL_A:
        return TN_CHARDEV_KEY_DATA;
    case 'h':
    case '?':
        return TN_CHARDEV_KEY_HELP;
    case 'x':
        return TN_CHARDEV_KEY_QUIT;
    case 'b':
        return TN_CHARDEV_KEY_BREAK;
    case 'c':
        return TN_CHARDEV_KEY_NEXT;
    default:
        return TN_CHARDEV_KEY_NONE;
    }
}
