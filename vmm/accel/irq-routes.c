/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interrupts on their way into the guest: how GSIs reach the in-kernel controllers,
 * GSIs as lines, and the controllers' state.
 */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define NUM_ISA_IRQS 16
#define PIC_PINS 8

/* 8254: counter 0 as a rate generator over its full range, by low and high byte. */
#define PIT_MODE_RATE 2
#define PIT_FULL_COUNT 0x10000u
#define PIT_ACCESS_WORD 3

static void
set_gsi(void *opaque, int n, int level)
{
    TnKvm *kvm = opaque;
    struct kvm_irq_level irq = { .irq = (uint32_t)n, .level = level ? 1 : 0 };

    /* Fails only for a line that no chip takes, which the routing table excludes. */
    (void)ioctl(kvm->vm_fd, KVM_IRQ_LINE, &irq);
}

/* ISA IRQ 2 is the PICs' cascade, so GSI 2 drives nothing: IOAPIC pin 2 belongs to
 * the PIT's GSI 0, as MADT's interrupt source override tells the guest. */
gboolean
tn_kvm_irq_routes_init(TnKvm *kvm, GError **error)
{
    TnIrqRoutes *routes = &kvm->routes;

    if (kvm->irqchip == TN_KVM_IRQCHIP_SPLIT) {
        return TRUE; /* the IOAPIC's pins come with its entries */
    }
    for (unsigned i = 0; i < NUM_ISA_IRQS; i++) {
        if (i != 2) {
            tn_irq_routes_add_pin(routes, i,
                                  i < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
                                  i % PIC_PINS);
        }
    }
    for (unsigned i = 0; i < TN_KVM_NUM_GSIS; i++) {
        if (i != 2) {
            tn_irq_routes_add_pin(routes, i, KVM_IRQCHIP_IOAPIC, i == 0 ? 2 : i);
        }
        kvm->gsi_lines[i] = (TnIrqLine){ .handler = set_gsi, .opaque = kvm, .n = (int)i };
    }
    return tn_irq_routes_apply(kvm, error);
}

gboolean
tn_kvm_irq_chips_save(TnKvm *kvm, GError **error)
{
    static const uint32_t ids[] = { KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE,
                                    KVM_IRQCHIP_IOAPIC };

    if (kvm->irqchip == TN_KVM_IRQCHIP_SPLIT) {
        return TRUE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        kvm->initial_chips[i].chip_id = ids[i];
        if (ioctl(kvm->vm_fd, KVM_GET_IRQCHIP, &kvm->initial_chips[i]) < 0) {
            return tn_kvm_set_errno(error, "KVM_GET_IRQCHIP");
        }
    }
    if (kvm->has_pit && ioctl(kvm->vm_fd, KVM_GET_PIT2, &kvm->initial_pit) < 0) {
        return tn_kvm_set_errno(error, "KVM_GET_PIT2");
    }
    return TRUE;
}

gboolean
tn_kvm_irq_chips_reset(TnKvm *kvm, GError **error)
{
    if (kvm->irqchip == TN_KVM_IRQCHIP_SPLIT) {
        return TRUE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kvm->initial_chips); i++) {
        if (ioctl(kvm->vm_fd, KVM_SET_IRQCHIP, &kvm->initial_chips[i]) < 0) {
            return tn_kvm_set_errno(error, "KVM_SET_IRQCHIP");
        }
    }
    if (kvm->has_pit && ioctl(kvm->vm_fd, KVM_SET_PIT2, &kvm->initial_pit) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_PIT2");
    }
    return TRUE;
}

gboolean
tn_kvm_set_legacy_chips(TnKvm *kvm, const TnLegacyChips *chips, GError **error)
{
    struct kvm_pit_state2 pit = kvm->initial_pit;

    for (unsigned i = 0; i < 2; i++) {
        struct kvm_irqchip chip = kvm->initial_chips[i];

        chip.chip.pic.irq_base = chips->vector_base[i];
        chip.chip.pic.imr = chips->masks[i];
        if (ioctl(kvm->vm_fd, KVM_SET_IRQCHIP, &chip) < 0) {
            return tn_kvm_set_errno(error, "KVM_SET_IRQCHIP");
        }
    }
    if (chips->ticks && kvm->has_pit) {
        pit.channels[0].mode = PIT_MODE_RATE;
        pit.channels[0].count = PIT_FULL_COUNT;
        pit.channels[0].rw_mode = PIT_ACCESS_WORD;
        pit.channels[0].gate = 1;
        if (ioctl(kvm->vm_fd, KVM_SET_PIT2, &pit) < 0) {
            return tn_kvm_set_errno(error, "KVM_SET_PIT2");
        }
    }
    return TRUE;
}
