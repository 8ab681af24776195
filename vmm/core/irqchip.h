/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where interrupt controllers that are devices of ours (PIC, IOAPIC) meet the
 * accelerator, which keeps the CPUs' local APICs. See docs/specs/interrupts.md.
 */
#pragma once

#include "vmm/core/fast-path.h"
#include "vmm/core/irq-line.h"

#define TN_IOAPIC_PINS 24

/* What the accelerator offers to the controllers. All members: any thread; leaf locks of
 * accel's are taken, so a controller may hold its own lock. */
typedef struct TnIrqchipHost {
    void *opaque;
    /* The PICs' INT output, to the boot processor's LINT0. */
    TnIrqLine extint;
    /* @pin delivers @message from now on: event descriptors on that GSI send it, and the
     * end of its vector is told if it is level triggered. Nothing is delivered by this call.
     * @masked: event descriptors are silent; ends are told all the same. */
    void (*set_pin)(void *opaque, unsigned pin, const TnMsiMessage *message, gboolean masked);
    /* The source behind @pin shall look again whether it still wants to interrupt. */
    void (*resample)(void *opaque, unsigned pin);
} TnIrqchipHost;

/* How a PC's firmware leaves the interrupt controllers and the timer (docs/specs/boot.md). */
typedef struct TnLegacyChips {
    guint8 vector_base[2]; /* master, slave */
    guint8 masks[2];
    gboolean ticks; /* counter 0 in mode 2 over 65536: IRQ 0 comes 18.2 times a second */
} TnLegacyChips;

/* What the controllers do for the accelerator. Called on vCPU threads without any lock. */
typedef struct TnIrqchipOps {
    void *opaque;
    /* The INTA cycle: the vector that the PICs give, whatever they give it for. */
    guint8 (*acknowledge)(void *opaque);
    /* A local APIC has ended level triggered @vector. */
    void (*end_of_interrupt)(void *opaque, guint8 vector);
} TnIrqchipOps;
