/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens when the machine is reset: callbacks in order of registration.
 * Threads: main thread, with all vCPUs paused. */
#pragma once

#include <glib.h>

typedef struct TnReset TnReset;
typedef void (*TnResetFunc)(void *opaque);

TnReset *tn_reset_new(void);
void tn_reset_free(TnReset *reset);
void tn_reset_register(TnReset *reset, TnResetFunc func, void *opaque);
void tn_reset_unregister(TnReset *reset, TnResetFunc func, void *opaque);
/* Runs them all. */
void tn_reset_run(TnReset *reset);
