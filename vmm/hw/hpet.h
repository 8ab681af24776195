/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's type "hpet": the high precision event timer block. docs/specs/hpet.md. */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_HPET (tn_hpet_get_type())
G_DECLARE_FINAL_TYPE(TnHpet, tn_hpet, TN, HPET, TnDevice)

#define TN_HPET_BASE 0xfed00000u
#define TN_HPET_SIZE 0x400u
/* The capabilities' low half, which ACPI's table repeats. */
#define TN_HPET_BLOCK_ID 0x8086a201u

/* With @platform set, not realized. (transfer full). Realized before devices that use
 * IRQ 0 and IRQ 8, whose lines it takes between. */
TnHpet *tn_hpet_new(const TnPlatform *platform);

G_END_DECLS
