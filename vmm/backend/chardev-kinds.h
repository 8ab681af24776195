/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of character devices. Made through tn_chardev_new(). */
#pragma once

#include "vmm/backend/chardev-private.h"

G_BEGIN_DECLS

#define TN_TYPE_CHARDEV_NULL (tn_chardev_null_get_type())
G_DECLARE_FINAL_TYPE(TnChardevNull, tn_chardev_null, TN, CHARDEV_NULL, TnChardev)

#define TN_TYPE_CHARDEV_FILE (tn_chardev_file_get_type())
G_DECLARE_FINAL_TYPE(TnChardevFile, tn_chardev_file, TN, CHARDEV_FILE, TnChardev)

#define TN_TYPE_CHARDEV_STDIO (tn_chardev_stdio_get_type())
G_DECLARE_FINAL_TYPE(TnChardevStdio, tn_chardev_stdio, TN, CHARDEV_STDIO, TnChardev)

#define TN_TYPE_CHARDEV_PTY (tn_chardev_pty_get_type())
G_DECLARE_FINAL_TYPE(TnChardevPty, tn_chardev_pty, TN, CHARDEV_PTY, TnChardev)

#define TN_TYPE_CHARDEV_SOCKET (tn_chardev_socket_get_type())
G_DECLARE_FINAL_TYPE(TnChardevSocket, tn_chardev_socket, TN, CHARDEV_SOCKET, TnChardev)

G_END_DECLS
