/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a PC's firmware has left behind when a loader starts an image: the real-mode
 * interrupt table with handlers that can be entered, the BIOS data area, PICs and PIT.
 * Bare-metal images count on it; Linux sets up its own. docs/specs/boot.md.
 */
#pragma once

#include "vmm/core/irqchip.h"
#include "vmm/memory/address-space.h"

/* The page that holds the handlers, at the end of the BIOS area. */
#define TN_BIOS_STATE_BASE 0xff000u

/* Interrupt table, data area and handlers into guest memory, before an image is loaded (which
 * may take any of it but the handlers' page). FALSE where there is no RAM for them. */
gboolean tn_bios_state_write(TnAddressSpace *space);

/* The PICs' and the PIT's part. */
extern const TnLegacyChips tn_bios_state_chips;
