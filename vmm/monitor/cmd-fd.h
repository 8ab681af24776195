/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors that clients sent: sets (add-fd), numbered, shared by all, bounded; and names
 * (getfd), one client's own, lent to what its commands make. */
#pragma once

#include "qmp/server.h"
#include "vmm/core/fd-source.h"

#include <glib.h>

typedef struct TnFdsets TnFdsets;

/* Descriptors in all sets together. */
#define TN_FDSETS_MAX_FDS 1024
/* Bytes of a client's note on one. */
#define TN_FDSETS_MAX_OPAQUE 4096

TnFdsets *tn_fdsets_new(void);
/* Closes all. NULL is fine. */
void tn_fdsets_free(TnFdsets *sets);

/* Until taken back, objects may take the named descriptors of @call's client. @source: to
 * be filled, the caller's. */
void tn_monitor_lend_fds(TnQmpCall *call, TnFdSource *source);
void tn_monitor_take_back_fds(TnQmpCall *call);
