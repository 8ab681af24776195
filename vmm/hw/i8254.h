/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PC's interval timer and port 0x61. See docs/specs/i8254.md. */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_I8254_IRQ 0

#define TN_TYPE_I8254 (tn_i8254_get_type())
G_DECLARE_FINAL_TYPE(TnI8254, tn_i8254, TN, I8254, TnDevice)

/* As a device that is not realized yet. Counter 0 drives ISA IRQ 0 of @platform. */
TnI8254 *tn_i8254_new(const TnPlatform *platform);

G_END_DECLS
