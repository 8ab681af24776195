/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM's short cuts as devices see them (vmm/core/fast-path.h). */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned
free_memory_slots(void *opaque)
{
    TnKvm *kvm = opaque;

    return tn_memory_slots_free(&kvm->slots);
}

static bool
is_split_pin(TnKvm *kvm, unsigned gsi)
{
    return kvm->irqchip == TN_KVM_IRQCHIP_SPLIT && gsi < TN_IOAPIC_PINS;
}

static gboolean
add_irqfd(void *opaque, int fd, int resample_fd, unsigned gsi, GError **error)
{
    TnKvm *kvm = opaque;
    struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = gsi };

    if (is_split_pin(kvm, gsi)) {
        return tn_kvm_split_add_irqfd(kvm, fd, resample_fd, gsi, error);
    }
    if (resample_fd >= 0) {
        if (!kvm->has_irqfd_resample) {
            g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY,
                        "KVM lacks the capability KVM_CAP_IRQFD_RESAMPLE");
            return FALSE;
        }
        irqfd.flags |= KVM_IRQFD_FLAG_RESAMPLE;
        irqfd.resamplefd = (uint32_t)resample_fd;
    }
    if (ioctl(kvm->vm_fd, KVM_IRQFD, &irqfd) < 0) {
        return tn_kvm_set_errno(error, "KVM_IRQFD");
    }
    return TRUE;
}

static void
remove_irqfd(void *opaque, int fd, unsigned gsi)
{
    TnKvm *kvm = opaque;
    struct kvm_irqfd irqfd = {
        .fd = (uint32_t)fd, .gsi = gsi, .flags = KVM_IRQFD_FLAG_DEASSIGN
    };

    if (is_split_pin(kvm, gsi)) {
        tn_kvm_split_remove_irqfd(kvm, fd, gsi);
        return;
    }
    (void)ioctl(kvm->vm_fd, KVM_IRQFD, &irqfd);
}

static gboolean
set_vfio_group(TnKvm *kvm, uint64_t what, int group_fd, GError **error)
{
    int32_t fd = group_fd;
    struct kvm_device_attr attr = {
        .group = KVM_DEV_VFIO_GROUP, .attr = what, .addr = (uint64_t)(uintptr_t)&fd
    };

    if (ioctl(kvm->vfio_fd, KVM_SET_DEVICE_ATTR, &attr) < 0) {
        return tn_kvm_set_errno(error, what == KVM_DEV_VFIO_GROUP_ADD ? "KVM_DEV_VFIO_GROUP_ADD"
                                                                      : "KVM_DEV_VFIO_GROUP_DEL");
    }
    return TRUE;
}

/* The device lives as long as the VM from the first group on. */
static gboolean
add_vfio_group(void *opaque, int group_fd, GError **error)
{
    TnKvm *kvm = opaque;

    if (kvm->vfio_fd < 0) {
        struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };

        if (ioctl(kvm->vm_fd, KVM_CREATE_DEVICE, &create) < 0) {
            return tn_kvm_set_errno(error, "KVM_CREATE_DEVICE for VFIO");
        }
        kvm->vfio_fd = (int)create.fd;
    }
    return set_vfio_group(kvm, KVM_DEV_VFIO_GROUP_ADD, group_fd, error);
}

static void
remove_vfio_group(void *opaque, int group_fd)
{
    TnKvm *kvm = opaque;

    if (kvm->vfio_fd >= 0) {
        (void)set_vfio_group(kvm, KVM_DEV_VFIO_GROUP_DEL, group_fd, NULL);
    }
}

static bool
has_vfio_device(TnKvm *kvm)
{
    struct kvm_create_device test = {
        .type = KVM_DEV_TYPE_VFIO, .flags = KVM_CREATE_DEVICE_TEST
    };

    return ioctl(kvm->vm_fd, KVM_CREATE_DEVICE, &test) == 0;
}

void
tn_kvm_fast_path_init(TnKvm *kvm)
{
    TnFastPath *path = &kvm->fast_path;

    path->opaque = kvm;
    path->free_memory_slots = free_memory_slots;
    path->get_registers = tn_vcpu_get_current_registers;
    path->set_registers = tn_vcpu_set_current_registers;
    if (kvm->has_irqfd) {
        path->add_irqfd = add_irqfd;
        path->remove_irqfd = remove_irqfd;
    }
    if (kvm->has_signal_msi) {
        path->msi_send = tn_kvm_msi_send;
        path->add_msi_route = tn_kvm_add_msi_route;
        path->update_msi_route = tn_kvm_update_msi_route;
        path->remove_msi_route = tn_kvm_remove_msi_route;
    }
    if (kvm->irqchip == TN_KVM_IRQCHIP_KERNEL) {
        path->gate_pit = tn_kvm_gate_pit;
    }
    if (has_vfio_device(kvm)) {
        path->add_vfio_group = add_vfio_group;
        path->remove_vfio_group = remove_vfio_group;
    }
}
