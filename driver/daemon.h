/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon: driver, server and sockets put together, and the loop they live in. */
#ifndef TN_DRIVER_DAEMON_H
#define TN_DRIVER_DAEMON_H

#include <glib.h>

#include "driver/daemon-config.h"

G_BEGIN_DECLS

/** TnDaemon: the one of this process. Main thread. */
typedef struct TnDaemon TnDaemon;

/**
 * tn_daemon_new:
 * @config: (transfer full): what to go by
 * @error: VIR_ERR_SYSTEM_ERROR and what the driver says
 *
 * Loads the driver and listens: clients can connect when this returns.
 *
 * Returns: (transfer full) (nullable): the daemon.
 */
TnDaemon *tn_daemon_new(TnDaemonConfig *config, GError **error);

/**
 * tn_daemon_run:
 * @daemon: the daemon
 *
 * Serves until SIGTERM, SIGINT, or until it has been idle for as long as the configuration says.
 */
void tn_daemon_run(TnDaemon *daemon);

/**
 * tn_daemon_free:
 * @daemon: (nullable) (transfer full): the daemon
 *
 * Sends clients home, waits for calls under way, lets go of the driver. Guests keep running.
 */
void tn_daemon_free(TnDaemon *daemon);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDaemon, tn_daemon_free)

G_END_DECLS

#endif
