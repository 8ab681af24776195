/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The I/O APIC of a PC, version 0x20. See docs/specs/ioapic.md. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/core/irqchip.h"

G_BEGIN_DECLS

#define TN_TYPE_IOAPIC (tn_ioapic_get_type())
G_DECLARE_FINAL_TYPE(TnIoapic, tn_ioapic, TN, IOAPIC, TnDevice)

/* As a device that is not realized yet. It delivers by @platform's msi_send and tells @host
 * (transfer none, outlives it) of its pins. */
TnIoapic *tn_ioapic_new(const TnPlatform *platform, const TnIrqchipHost *host);

/* Asserts or deasserts input @pin, 0..23; others take nothing. Any thread. */
void tn_ioapic_set_pin(TnIoapic *self, unsigned pin, int level);

/* A local APIC has ended level triggered @vector. Any thread. */
void tn_ioapic_end_of_interrupt(TnIoapic *self, guint8 vector);

/* Appends the registers as "info pic" shows them. Any thread. */
void tn_ioapic_print(TnIoapic *self, GString *out);

G_END_DECLS
