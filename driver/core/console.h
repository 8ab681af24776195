/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Consoles: who is connected to which pty of a guest; one at a time. */
#ifndef TN_DRIVER_CORE_CONSOLE_H
#define TN_DRIVER_CORE_CONSOLE_H

#include "driver/core/driver.h"

G_BEGIN_DECLS

/** TnConsole: one connection to a console. */
typedef struct TnConsole TnConsole;

/* Somebody else took the console by force. Any thread; must not block nor call console.h. */
typedef void (*TnConsoleRevoked)(gpointer user_data);

/**
 * tn_console_open:
 * @name: alias of a console or serial port; NULL: the first one.
 * @force: takes the console away from who has it.
 * @revoked, @user_data: told when another one does so; valid until tn_console_close().
 * @ret_fd: the pty, in raw mode, non-blocking; the caller closes it.
 * Returns: (transfer full): end with tn_console_close(). Errors: OPERATION_INVALID "domain
 * is not running", INTERNAL_ERROR for no such console or none with a pty, OPERATION_FAILED
 * "Active console session exists for this domain".
 * Worker threads, no lock.
 */
TnConsole *tn_console_open(TnDomain *domain, const char *name, gboolean force,
                           TnConsoleRevoked revoked, gpointer user_data, int *ret_fd,
                           GError **error);

/* Any thread. */
void tn_console_close(TnConsole *console);

G_END_DECLS

#endif
