/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine without KVM, for tests of devices: memory and I/O spaces, the ISA
 * interrupt lines as a recorder, a clock that runs, run states that only count.
 */
#pragma once

#include "vmm/core/clock.h"
#include "vmm/core/device.h"
#include "vmm/core/events.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/core/irq-line.h"
#include "vmm/core/reset.h"
#include "vmm/core/run-state.h"
#include "vmm/memory/address-space.h"

#define TN_TEST_ISA_IRQS 16

typedef struct TnTestIrq {
    int level;
    unsigned raised; /* times that it was set to 1 */
    unsigned calls;  /* times that it was set at all */
} TnTestIrq;

typedef struct TnTestPlatform {
    TnPlatform platform;
    TnMemoryRegion system_memory;
    TnMemoryRegion system_io;
    TnIrqLine isa_lines[TN_TEST_ISA_IRQS];
    TnTestIrq irqs[TN_TEST_ISA_IRQS];

    /* What the run states were made to do. */
    unsigned resets;
    unsigned powerdowns;
    unsigned quits;
    int quit_status; /* of the last one */
    unsigned holds; /* of the thread that asked for sleep */
    unsigned suspends;
    unsigned wakeups;
    TnWakeupReason wakeup_reason; /* of the last one */

    /* Events in the order of emission: "NAME {json}", one a line. */
    GString *events;
} TnTestPlatform;

/* The guest's clock runs; the run state is "running". Main thread. */
TnTestPlatform *tn_test_platform_new(void);
/* Devices must be gone. */
void tn_test_platform_free(TnTestPlatform *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnTestPlatform, tn_test_platform_free)

/* Realizes @device (its platform is set here); fails the test when that fails.
 * Returns @device. */
gpointer tn_test_realize(TnTestPlatform *p, gpointer device);
/* Unrealizes and drops the last reference; fails the test if it is not the last. */
void tn_test_drop(gpointer device);

/* One port access of @size 1, 2 or 4 bytes, as a vCPU makes it. A read that nobody
 * answers gives all ones. */
uint32_t tn_test_in(TnTestPlatform *p, uint16_t port, unsigned size);
void tn_test_out(TnTestPlatform *p, uint16_t port, uint32_t value, unsigned size);
TnMemResult tn_test_in_result(TnTestPlatform *p, uint16_t port, unsigned size,
                              uint32_t *ret_value);
TnMemResult tn_test_out_result(TnTestPlatform *p, uint16_t port, uint32_t value, unsigned size);

static inline uint8_t
tn_test_inb(TnTestPlatform *p, uint16_t port)
{
    return (uint8_t)tn_test_in(p, port, 1);
}

static inline void
tn_test_outb(TnTestPlatform *p, uint16_t port, uint8_t value)
{
    tn_test_out(p, port, value, 1);
}

typedef gboolean (*TnTestCondition)(gpointer user_data);
/* Runs the main loop until @condition holds; fails the test after ten seconds. */
void tn_test_wait(TnTestCondition condition, gpointer user_data);
/* Runs the main loop until *@count is at least @expected. */
void tn_test_wait_count(const unsigned *count, unsigned expected);
/* Runs what is ready in the main loop and returns. */
void tn_test_iterate(void);
