/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System control port A at 0x92: fast A20 and fast reset. docs/specs/reset-ports.md. */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_PORT92 (tn_port92_get_type())
G_DECLARE_FINAL_TYPE(TnPort92, tn_port92, TN, PORT92, TnDevice)

/* Not realized. (transfer full) */
TnPort92 *tn_port92_new(const TnPlatform *platform);

G_END_DECLS
