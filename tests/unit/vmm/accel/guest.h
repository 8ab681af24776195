/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine of RAM, one port and one MMIO device for tests that run real guest
 * code. What the guest writes to port 0x10 is kept in order.
 */
#pragma once

#include "tests/unit/vmm/accel/fake-core.h"
#include "vmm/accel/kvm.h"
#include "vmm/memory/address-space.h"

#define TN_GUEST_CODE 0x1000u
#define TN_GUEST_AP_CODE 0x2000u
#define TN_GUEST_MAX_VCPUS 2

typedef struct TnGuest {
    TnMemory *memory;
    TnMemoryRegion system_memory, system_io;
    TnMemoryRegion ram;  /* 64 KiB at 0 */
    TnMemoryRegion rom;  /* 64 KiB below 4 GiB: the reset vector, a jump to 0x1000 */
    TnMemoryRegion dimm; /* one page for 0x80000, not mapped at first */
    TnMemoryRegion device; /* 4 KiB at 0xd0000 */
    TnMemoryRegion port;
    uint8_t *ram_host, *rom_host, *dimm_host;
    TnAddressSpace *memory_space, *io_space;
    TnRunStateControl run_state;
    TnKvm *kvm;
    TnVcpu *vcpus[TN_GUEST_MAX_VCPUS];
    unsigned num_vcpus;

    GMutex lock;
    GCond said_more;
    GArray *said; /* of uint32_t; under lock */
    uint32_t device_value, device_written; /* under lock */
    gboolean change_registers; /* a read of port 0x10 adds 0x10000 to RCX */
    gboolean hold; /* port 0x10 holds the vCPU that writes to it */
} TnGuest;

/* NULL, with the test marked as skipped, where /dev/kvm cannot be used. */
TnGuest *tn_guest_new(unsigned num_vcpus);
TnGuest *tn_guest_new_with_irqchip(unsigned num_vcpus, TnKvmIrqchip irqchip);
void tn_guest_free(TnGuest *guest);
/* Frees the paused vCPU @index and makes it anew. */
void tn_guest_replace_vcpu(TnGuest *guest, unsigned index);

#define tn_guest_load(guest, addr, name) \
    do { \
        extern const uint8_t tn_payload_##name[], tn_payload_##name##_end[]; \
        memcpy((guest)->ram_host + (addr), tn_payload_##name, \
               (size_t)(tn_payload_##name##_end - tn_payload_##name)); \
    } while (0)

void tn_guest_resume(TnGuest *guest);
void tn_guest_pause(TnGuest *guest);
void tn_guest_reset(TnGuest *guest);

/* How many words the guest has said so far. */
unsigned tn_guest_count_said(TnGuest *guest);
/* Waits for the @n-th word (0-based); the test fails after a while. */
uint32_t tn_guest_wait_said(TnGuest *guest, unsigned n);
/* Waits until the guest says @value after the first @from words. */
void tn_guest_wait_value(TnGuest *guest, unsigned from, uint32_t value);
/* Waits until a counter of the run state is not zero. */
void tn_guest_wait_counter(TnGuest *guest, const unsigned *counter);
