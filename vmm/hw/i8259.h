/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PC's two cascaded 8259A interrupt controllers. See docs/specs/i8259.md. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/core/irq-line.h"

G_BEGIN_DECLS

#define TN_I8259_IRQS 16

#define TN_TYPE_I8259 (tn_i8259_get_type())
G_DECLARE_FINAL_TYPE(TnI8259, tn_i8259, TN, I8259, TnDevice)

/* The pair as a device that is not realized yet; @out is the master's INT, copied. */
TnI8259 *tn_i8259_new(const TnPlatform *platform, const TnIrqLine *out);

/* Sets ISA interrupt @irq's level. @irq 2 is the cascade and takes nothing. Any thread. */
void tn_i8259_set_irq(TnI8259 *self, unsigned irq, int level);

/* The CPU's INTA cycle (8259A, "Interrupt sequence"): the vector, which is that of the spurious
 * IR7 when nothing wants to interrupt any more. Any thread. */
guint8 tn_i8259_acknowledge(TnI8259 *self);

/* Appends a line of registers for each chip. Any thread. */
void tn_i8259_print(TnI8259 *self, GString *out);

G_END_DECLS
