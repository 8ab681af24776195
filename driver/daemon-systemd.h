/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What systemd and its services say to each other (sd_listen_fds(3), sd_notify(3)), by hand. */
#ifndef TN_DRIVER_DAEMON_SYSTEMD_H
#define TN_DRIVER_DAEMON_SYSTEMD_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * tn_daemon_systemd_take_sockets:
 *
 * Takes the listening sockets that systemd passed to this process, and removes the variables that
 * said so from the environment. Main thread, before others start.
 *
 * Returns: (transfer full): array of int, perhaps empty; close-on-exec is set.
 */
GArray *tn_daemon_systemd_take_sockets(void);

/**
 * tn_daemon_systemd_notify:
 * @state: e.g. "READY=1"
 *
 * Tells systemd; does nothing when it does not want to know.
 */
void tn_daemon_systemd_notify(const char *state);

G_END_DECLS

#endif
