/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ctrl-A and a letter: what the keyboard of a shared character device says to the
 * device itself, not to its frontends. QEMU's keys. Pure. */
#pragma once

#include <glib.h>

typedef enum {
    TN_CHARDEV_KEY_DATA,  /* for the frontend; Ctrl-A twice is one Ctrl-A */
    TN_CHARDEV_KEY_NONE,  /* the escape itself, or a letter without meaning */
    TN_CHARDEV_KEY_HELP,  /* h, ? */
    TN_CHARDEV_KEY_QUIT,  /* x */
    TN_CHARDEV_KEY_BREAK, /* b */
    TN_CHARDEV_KEY_NEXT,  /* c: the next frontend */
} TnChardevKey;

/* What the keys do, for the one who asks. */
#define TN_CHARDEV_ESCAPE_HELP                           \
    "\r\n"                                               \
    "C-a h    print this help\r\n"                       \
    "C-a x    exit the monitor program\r\n"              \
    "C-a b    send a break\r\n"                          \
    "C-a c    switch between console and monitor\r\n"    \
    "C-a C-a  send C-a\r\n"

/* @escaped: whether the key before was Ctrl-A; kept by the caller, FALSE at first. */
TnChardevKey tn_chardev_escape_key(gboolean *escaped, guint8 c);
