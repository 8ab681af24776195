/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitor commands that a user words: virsh qemu-monitor-command. Worker threads. */
#ifndef TN_DRIVER_CORE_PASSTHROUGH_H
#define TN_DRIVER_CORE_PASSTHROUGH_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/**
 * tn_passthrough_qmp:
 * @command: a JSON object with "execute" and perhaps "arguments" and "id".
 * Returns: (transfer full): the reply as JSON text, the monitor's error replies included;
 * NULL with an error when there is none.
 */
char *tn_passthrough_qmp(TnDomain *domain, const char *command, GError **error);

/* A line of the human monitor; (transfer full): what it printed. */
char *tn_passthrough_human(TnDomain *domain, const char *line, GError **error);

G_END_DECLS

#endif
