/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's short cuts as an interface: devices ask, accel fills it in. A machine
 * without KVM (unit tests) leaves members NULL and the callers do without:
 * no irqfd means that interrupts go through tn_irq_set(), no msi_send that MSIs
 * are dropped.
 */
#pragma once

#include "vmm/core/platform.h"

/* An MSI as the device writes it (PCI 3.0, 6.8.1). */
typedef struct TnMsiMessage {
    guint64 address;
    guint32 data;
} TnMsiMessage;

/* The general registers that calls by ports use. */
typedef struct TnGuestRegisters {
    guint64 rax, rbx, rcx, rdx;
} TnGuestRegisters;

struct TnFastPath {
    void *opaque;
    /* Memory slots the accelerator can still take. Main thread. */
    unsigned (*free_memory_slots)(void *opaque);

    /* An event descriptor that raises @gsi when written. With @resample_fd >= 0 the
     * line stays up until the guest's EOI, which is told there. Any thread. */
    gboolean (*add_irqfd)(void *opaque, int fd, int resample_fd, unsigned gsi, GError **error);
    void (*remove_irqfd)(void *opaque, int fd, unsigned gsi);

    /* Delivers @message once. Any thread, no system call but one. */
    void (*msi_send)(void *opaque, const TnMsiMessage *message);

    /* A GSI above the controllers' own that delivers @message, for add_irqfd.
     * add: the GSI, or -1 with @error when the table is full (the limit is named) or KVM
     * refuses. update: as the guest rewrites the vector; never fails for a GSI that add
     * gave. Any thread; a leaf lock of accel's is taken. */
    int (*add_msi_route)(void *opaque, const TnMsiMessage *message, GError **error);
    gboolean (*update_msi_route)(void *opaque, unsigned gsi, const TnMsiMessage *message,
                                 GError **error);
    void (*remove_msi_route)(void *opaque, unsigned gsi);

    /* Tells KVM of a VFIO group that the guest uses (KVM_DEV_TYPE_VFIO: coherency of
     * non-snooped DMA). NULL where KVM has no such device. Main thread. */
    gboolean (*add_vfio_group)(void *opaque, int group_fd, GError **error);
    void (*remove_vfio_group)(void *opaque, int group_fd);

    /* Keeps the accelerator's own PIT from IRQ 0 (the HPET's legacy route). NULL where the
     * PIT is a device of ours. Any thread. */
    void (*gate_pit)(void *opaque, gboolean gated);

    /* Registers of the vCPU whose access is being served, on its own thread alone; get: FALSE
     * elsewhere. Who sets them while a port is read gives RAX what the read returns. */
    gboolean (*get_registers)(void *opaque, TnGuestRegisters *ret_registers);
    void (*set_registers)(void *opaque, const TnGuestRegisters *registers);

    /* The CPUs' synthetic interrupt controllers; NULL where the CPU model has none. Set when
     * the first CPU is made. */
    const struct TnHypervHost *hyperv;
};
