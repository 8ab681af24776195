/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking polkit whether a process may do something. */
#ifndef TN_DRIVER_HOST_AUTH_POLKIT_H
#define TN_DRIVER_HOST_AUTH_POLKIT_H

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/**
 * TnAuthPolkitSubject:
 * @pid: the process that asks
 * @start_time: when it started, in clock ticks after boot, so that the number cannot be reused
 *   under our hands; 0: unknown, which is refused
 * @uid: its user
 */
typedef struct {
    pid_t pid;
    guint64 start_time;
    uid_t uid;
} TnAuthPolkitSubject;

/**
 * tn_auth_polkit_check:
 * @subject: who asks
 * @action: what for, e.g. "org.tenon.unix.manage"
 * @error: VIR_ERR_AUTH_CANCELLED when a person pressed "cancel", VIR_ERR_AUTH_UNAVAILABLE when
 *   polkit cannot be reached or there is no agent that could ask for a password,
 *   VIR_ERR_AUTH_FAILED when policy or password say no
 *
 * Waits for polkit, and so perhaps for a person, up to five minutes. Any thread but the main one.
 *
 * Returns: TRUE when allowed.
 */
gboolean tn_auth_polkit_check(const TnAuthPolkitSubject *subject, const char *action,
                              GError **error);

G_END_DECLS

#endif
