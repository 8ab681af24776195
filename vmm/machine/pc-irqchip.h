/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's interrupt controllers and interval timer, in KVM or as devices of ours: the
 * choice is made here once, the rest of the board sees lines. Main thread.
 */
#pragma once

#include "vmm/accel/kvm.h"
#include "vmm/machine/machine.h"

G_BEGIN_DECLS

typedef struct TnPcIrqchip TnPcIrqchip;

/* What @machine's configuration asks for, and sets the platform's isa_irqs. NULL with @error
 * when a device cannot be made. */
TnPcIrqchip *tn_pc_irqchip_new(TnMachine *machine, TnKvm *kvm, GError **error);
/* After every device that has a line; vCPUs gone. NULL is fine. */
void tn_pc_irqchip_free(TnPcIrqchip *chips);

/* After a reset: PICs and PIT as @state has them. Main thread, all vCPUs paused. */
gboolean tn_pc_irqchip_set_legacy(TnPcIrqchip *chips, const TnLegacyChips *state,
                                  GError **error);

/* "info pic". (transfer full) NULL when the controllers are KVM's. */
char *tn_pc_irqchip_print(TnPcIrqchip *chips);

G_END_DECLS
