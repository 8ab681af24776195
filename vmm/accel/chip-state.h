/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interrupt controllers and the PIT that KVM has, as a state table (docs/specs/state.md).
 * With a split irqchip they are devices with tables of their own, and this one is empty.
 */
#pragma once

#include "vmm/accel/kvm.h"
#include "vmm/core/state-table.h"

G_BEGIN_DECLS

typedef struct TnKvmChipState TnKvmChipState;

/* For @kvm, which outlives it. (transfer full) */
TnKvmChipState *tn_kvm_chip_state_new(TnKvm *kvm);
/* NULL is fine. */
void tn_kvm_chip_state_free(TnKvmChipState *self);

/* Of a TnKvmChipState: saved from KVM, loaded into it. All vCPUs paused. FAILED for values that
 * the chips cannot have, and for KVM's refusal. */
extern const TnStateTable tn_kvm_chip_state_table;

G_END_DECLS
