/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keyboard controller at ports 0x60 and 0x64, QEMU's "i8042": reset pulse,
 * A20, and a keyboard that answers but has no keys yet. docs/specs/reset-ports.md.
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_I8042 (tn_i8042_get_type())
G_DECLARE_FINAL_TYPE(TnI8042, tn_i8042, TN, I8042, TnDevice)

/* Not realized. (transfer full) */
TnI8042 *tn_i8042_new(const TnPlatform *platform);

G_END_DECLS
