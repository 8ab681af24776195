/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The in-kernel PIT beyond its state: who may drive IRQ 0, and what becomes of lost ticks. */
#include "vmm/accel/kvm-private.h"

#include <sys/ioctl.h>

void
tn_kvm_gate_pit(void *opaque, gboolean gated)
{
    TnKvm *kvm = opaque;
    struct kvm_pit_state2 state;

    /* KVM stops the PIT's timer for as long as the flag stands. */
    if (ioctl(kvm->vm_fd, KVM_GET_PIT2, &state) == 0) {
        state.flags = gated ? state.flags | KVM_PIT_FLAGS_HPET_LEGACY
                            : state.flags & ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY;
        (void)ioctl(kvm->vm_fd, KVM_SET_PIT2, &state);
    }
}

gboolean
tn_kvm_discard_lost_ticks(TnKvm *kvm, GError **error)
{
    struct kvm_reinject_control control = { .pit_reinject = 0 };

    if (ioctl(kvm->vm_fd, KVM_REINJECT_CONTROL, &control) < 0) {
        return tn_kvm_set_errno(error, "KVM_REINJECT_CONTROL");
    }
    return TRUE;
}
