/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors that clients sent by name (getfd): one client's own, lent to what its commands
 * make. Those in sets (add-fd) are in vmm/core/fd-set.h, shared by all. */
#pragma once

#include "qmp/server.h"
#include "vmm/core/fd-source.h"

/* Until taken back, objects may take the named descriptors of @call's client. @source: to
 * be filled, the caller's. */
void tn_monitor_lend_fds(TnQmpCall *call, TnFdSource *source);
void tn_monitor_take_back_fds(TnQmpCall *call);
