/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's part when PIC and IOAPIC are devices of ours: local APICs in the kernel, the
 * IOAPIC's pins as message routes of GSI 0..23, the PICs' output into the boot vCPU.
 *
 * KVM works out from the routes of level triggered pins which vectors' ends it must tell
 * (KVM_EXIT_IOAPIC_EOI). So a pin keeps its route while it is masked, unless an event
 * descriptor could then raise it; and KVM's own resampling, which its own chips would
 * drive, is done here.
 */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

gboolean
tn_kvm_split_enable(TnKvm *kvm, GError **error)
{
    struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { TN_IOAPIC_PINS } };

    if (ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SPLIT_IRQCHIP) <= 0) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY,
                    "KVM lacks the capability KVM_CAP_SPLIT_IRQCHIP, which "
                    "kernel-irqchip=split needs");
        return FALSE;
    }
    if (ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) < 0) {
        return tn_kvm_set_errno(error, "KVM_ENABLE_CAP for KVM_CAP_SPLIT_IRQCHIP");
    }
    return TRUE;
}

/* The PICs' output changed. */
static void
set_extint(void *opaque, int n, int level)
{
    TnKvm *kvm = opaque;

    __atomic_store_n(&kvm->split.extint, level, __ATOMIC_SEQ_CST);
    if (level) {
        tn_kvm_kick_boot_vcpu(kvm);
    }
}

/* With split->lock. Routes and unroutes @pin as its state wants it. */
static void
update_pin_locked(TnKvm *kvm, unsigned pin)
{
    TnSplitIrqchip *split = &kvm->split;
    TnSplitPin *p = &split->pins[pin];
    bool wanted = p->known && (!p->masked || p->num_irqfds == 0);

    if (wanted) {
        (void)tn_kvm_set_msi_route(kvm, pin, &p->message);
    } else {
        tn_kvm_remove_msi_route(kvm, pin);
    }
}

static void
set_pin(void *opaque, unsigned pin, const TnMsiMessage *message, gboolean masked)
{
    TnKvm *kvm = opaque;
    TnSplitPin *p;

    g_return_if_fail(pin < TN_IOAPIC_PINS);

    p = &kvm->split.pins[pin];
    pthread_mutex_lock(&kvm->split.lock);
    p->message = *message;
    p->masked = masked;
    p->known = true;
    update_pin_locked(kvm, pin);
    pthread_mutex_unlock(&kvm->split.lock);
}

static void
resample(void *opaque, unsigned pin)
{
    TnKvm *kvm = opaque;
    const uint64_t one = 1;

    pthread_mutex_lock(&kvm->split.lock);
    for (guint i = 0; i < kvm->split.resamplers->len; i++) {
        const TnResampler *r = &g_array_index(kvm->split.resamplers, TnResampler, i);

        if (r->gsi == pin) {
            /* A counter that is full says "look again" as well as one more would. */
            (void)!write(r->resample_fd, &one, sizeof(one));
        }
    }
    pthread_mutex_unlock(&kvm->split.lock);
}

static gboolean
assign_irqfd(TnKvm *kvm, int fd, unsigned gsi, uint32_t flags)
{
    struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = gsi, .flags = flags };

    return ioctl(kvm->vm_fd, KVM_IRQFD, &irqfd) == 0;
}

gboolean
tn_kvm_split_add_irqfd(TnKvm *kvm, int fd, int resample_fd, unsigned gsi, GError **error)
{
    TnSplitIrqchip *split = &kvm->split;
    TnResampler resampler = { .fd = fd, .resample_fd = resample_fd, .gsi = gsi };
    gboolean ok;

    pthread_mutex_lock(&split->lock);
    split->pins[gsi].num_irqfds++;
    update_pin_locked(kvm, gsi);
    ok = assign_irqfd(kvm, fd, gsi, 0);
    if (ok) {
        g_array_append_val(split->resamplers, resampler);
    } else {
        (void)tn_kvm_set_errno(error, "KVM_IRQFD");
        split->pins[gsi].num_irqfds--;
        update_pin_locked(kvm, gsi);
    }
    pthread_mutex_unlock(&split->lock);
    return ok;
}

void
tn_kvm_split_remove_irqfd(TnKvm *kvm, int fd, unsigned gsi)
{
    TnSplitIrqchip *split = &kvm->split;

    pthread_mutex_lock(&split->lock);
    for (guint i = 0; i < split->resamplers->len; i++) {
        const TnResampler *r = &g_array_index(split->resamplers, TnResampler, i);

        if (r->fd == fd && r->gsi == gsi) {
            (void)assign_irqfd(kvm, fd, gsi, KVM_IRQFD_FLAG_DEASSIGN);
            g_array_remove_index_fast(split->resamplers, i);
            split->pins[gsi].num_irqfds--;
            update_pin_locked(kvm, gsi);
            break;
        }
    }
    pthread_mutex_unlock(&split->lock);
}

void
tn_kvm_split_init(TnKvm *kvm)
{
    TnSplitIrqchip *split = &kvm->split;

    pthread_mutex_init(&split->lock, NULL);
    split->resamplers = g_array_new(FALSE, FALSE, sizeof(TnResampler));
    split->host = (TnIrqchipHost){
        .opaque = kvm,
        .extint = { .handler = set_extint, .opaque = kvm },
        .set_pin = set_pin,
        .resample = resample,
    };
}

void
tn_kvm_split_done(TnKvm *kvm)
{
    if (kvm->split.resamplers) {
        g_array_unref(kvm->split.resamplers);
        pthread_mutex_destroy(&kvm->split.lock);
    }
}

const TnIrqchipHost *
tn_kvm_get_irqchip_host(TnKvm *kvm)
{
    return kvm->irqchip == TN_KVM_IRQCHIP_SPLIT ? &kvm->split.host : NULL;
}

void
tn_kvm_set_irqchip_ops(TnKvm *kvm, const TnIrqchipOps *ops)
{
    kvm->split.ops = *ops;
}

/* KVM takes the next vector when the last one is in the guest; until then it is held here
 * (EEXIST), as the PICs have been told already. */
void
tn_vcpu_inject_extint(TnVcpu *vcpu)
{
    TnKvm *kvm = vcpu->kvm;
    struct kvm_run *run = vcpu->run;

    if (run->ready_for_interrupt_injection) {
        struct kvm_interrupt interrupt;

        if (!vcpu->has_held_vector) {
            vcpu->held_vector = kvm->split.ops.acknowledge(kvm->split.ops.opaque);
        }
        interrupt.irq = vcpu->held_vector;
        vcpu->has_held_vector = ioctl(vcpu->fd, KVM_INTERRUPT, &interrupt) < 0 && errno == EEXIST;
        run->ready_for_interrupt_injection = 0;
    }
    run->request_interrupt_window = vcpu->has_held_vector || tn_kvm_extint_pending(kvm);
}
