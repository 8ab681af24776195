/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM as the machine sees it. Only vmm/machine includes this.
 * Owned by the machine; main thread unless said otherwise.
 */
#pragma once

#include "vmm/core/cpu-topology.h"
#include "vmm/core/fast-path.h"
#include "vmm/core/irq-line.h"
#include "vmm/core/irqchip.h"
#include "vmm/core/platform.h"
#include "vmm/memory/listener.h"

typedef struct TnKvm TnKvm;
typedef struct TnVcpu TnVcpu;

/* Interrupt lines that the in-kernel controllers take. */
#define TN_KVM_NUM_GSIS 24

/* Four pages of guest space that KVM may use for itself: the memory map must show
 * them as reserved. */
#define TN_KVM_RESERVED_BASE 0xfeffc000u
#define TN_KVM_RESERVED_SIZE 0x4000u

#define TN_KVM_ERROR (tn_kvm_error_quark())
GQuark tn_kvm_error_quark(void);

typedef enum {
    TN_KVM_ERROR_MISSING,    /* no /dev/kvm */
    TN_KVM_ERROR_ACCESS,     /* not allowed to open it */
    TN_KVM_ERROR_CAPABILITY, /* lacks a capability, named in the message */
    TN_KVM_ERROR_FAILED,     /* an ioctl failed, named in the message with errno */
} TnKvmError;

/* Where PIC, IOAPIC and PIT are. The local APICs are KVM's in both. */
typedef enum {
    TN_KVM_IRQCHIP_KERNEL, /* in KVM too */
    TN_KVM_IRQCHIP_SPLIT,  /* devices of ours: tn_kvm_get_irqchip_host() */
} TnKvmIrqchip;

/* Which chips a machine has; all zero is everything in KVM. */
typedef struct TnKvmChips {
    TnKvmIrqchip irqchip;
    gboolean no_pit; /* KVM makes no PIT; beside a split irqchip it makes none anyway */
} TnKvmChips;

/* Opens /dev/kvm (or @path where not NULL) and makes a VM that has no interrupt controllers
 * yet. NULL with @error set. */
TnKvm *tn_kvm_new_vm(const char *path, GError **error);
/* Makes the interrupt controllers, the PIT and the default GSI routing. Once, before the first
 * vCPU and before what tn_kvm_get_fast_path() returns is used; better after RAM is attached:
 * with the chips KVM begins a grace period that a new memory slot then waits out, some
 * milliseconds. CAPABILITY where KVM cannot split; after a failure @kvm is good for
 * tn_kvm_free() alone. */
gboolean tn_kvm_create_irqchip(TnKvm *kvm, const TnKvmChips *chips, GError **error);
/* Both, with everything in KVM. */
TnKvm *tn_kvm_new(const char *path, GError **error);
/* All vCPUs must be gone, the attached address spaces still there. NULL is fine. */
void tn_kvm_free(TnKvm *kvm);

/* How many vCPUs KVM takes in one VM. */
unsigned tn_kvm_get_max_vcpus(TnKvm *kvm);

/* Keeps KVM's slots, ioeventfds and coalesced zones equal to the flat view of @as from now on,
 * and does the queued writes when the memory core asks. Once per @kvm. */
void tn_kvm_attach_memory(TnKvm *kvm, TnAddressSpace *as);
/* The same for ports: ioeventfds and coalesced zones. Once per @kvm. */
void tn_kvm_attach_io(TnKvm *kvm, TnAddressSpace *as);

/* Interrupt controllers and PIT to their power-on state. All vCPUs paused. */
gboolean tn_kvm_reset(TnKvm *kvm, GError **error);

/* After a reset: the in-kernel PICs, and the PIT if there is one, as @chips has them. Not with
 * a split irqchip. All vCPUs paused. */
gboolean tn_kvm_set_legacy_chips(TnKvm *kvm, const TnLegacyChips *chips, GError **error);

/* Guests halt, pause, wait for memory and enter C-states without an exit, as far as KVM can do
 * that (-overcommit cpu-pm=on). Before the first vCPU. */
gboolean tn_kvm_disable_idle_exits(TnKvm *kvm, GError **error);

/* The in-kernel PIT forgets ticks that the guest could not take, instead of catching up
 * (-global kvm-pit.lost_tick_policy=discard). Before the guest runs; not without a PIT. */
gboolean tn_kvm_discard_lost_ticks(TnKvm *kvm, GError **error);

/* kvmclock stands between the two: after start it continues where stop found it.
 * All vCPUs paused; no-ops where KVM cannot do it. */
void tn_kvm_stop_clock(TnKvm *kvm);
void tn_kvm_start_clock(TnKvm *kvm);

/* GSI 0..23 as interrupt lines (PIC and IOAPIC as KVM routes them). The array
 * lives as long as @kvm; lines may be set on any thread. With a split irqchip they are
 * not connected: the controllers have lines of their own. */
TnIrqLine *tn_kvm_get_gsi_lines(TnKvm *kvm);
const TnFastPath *tn_kvm_get_fast_path(TnKvm *kvm);

/* With a split irqchip what the controllers need of KVM, which lives as long as @kvm;
 * else NULL. */
const TnIrqchipHost *tn_kvm_get_irqchip_host(TnKvm *kvm);
/* The controllers, before the first vCPU runs. Copied; its target outlives the vCPUs. */
void tn_kvm_set_irqchip_ops(TnKvm *kvm, const TnIrqchipOps *ops);

/* Whether this host's KVM tells what it counts (KVM_CAP_BINARY_STATS_FD). If so: what it counted of
 * the VM, or of a vCPU, as an array of TnStat (vmm/core/stats.h). (transfer full) NULL with
 * TN_KVM_ERROR_FAILED ("KVM stats: ..."). Main thread. */
gboolean tn_kvm_has_stats(TnKvm *kvm);
GPtrArray *tn_kvm_read_stats(TnKvm *kvm, GError **error);
GPtrArray *tn_vcpu_read_stats(TnVcpu *vcpu, GError **error);

/* What a vCPU may reach and whom it tells. */
typedef struct TnVcpuEnv {
    TnAddressSpace *memory_space;
    TnAddressSpace *io_space;
    TnRunStateControl *run_state; /* triple fault -> reset request; failure -> internal error */
} TnVcpuEnv;

/* CPU model: CPUID as the guest sees it. */
typedef struct TnCpuModel {
    const char *name;        /* "host", "max", "qemu64" or "Opteron_G1" */
    /* "+x", "-x", "phys-bits=n", "vendor=x" in order; NULL-terminated, may be NULL. What the
     * host cannot do is left out with a warning, none after "-check"; refused with "+enforce". */
    const char *const *features;
    TnCpuTopology topology;  /* of all CPUs that there can be */
} TnCpuModel;

/* Where a vCPU starts. */
typedef struct TnVcpuStart {
    enum {
        TN_VCPU_START_RESET,
        TN_VCPU_START_LONG_MODE,
        TN_VCPU_START_PVH,
        TN_VCPU_START_REAL, /* real mode, where ACPI's waking vector says */
    } mode;
    uint64_t entry;      /* rip; for REAL the address below 1 MiB */
    uint64_t boot_info;  /* rsi (64-bit boot protocol: boot_params) or ebx (PVH start_info) */
    uint32_t magic;      /* eax for PVH's mode: 0, or multiboot's word */
    uint64_t page_table; /* cr3 for LONG_MODE: the loader's identity map */
    uint64_t gdt;        /* guest address of the loader's GDT */
    uint64_t stack;      /* rsp */
} TnVcpuStart;

/* Makes vCPU @index of the topology, whose APIC id follows from it, with its thread,
 * paused, in the start state TN_VCPU_START_RESET. @model may be freed afterwards; @env
 * is copied, its targets outlive the vCPU. KVM never forgets a vCPU: one that was freed
 * is taken up again, so all of one VM are of the same @model. */
TnVcpu *tn_vcpu_new(TnKvm *kvm, unsigned index, const TnCpuModel *model, const TnVcpuEnv *env,
                    GError **error);
/* Ends the thread, paused or not; what KVM has of it is kept for the next vCPU of that
 * index, in the state of one that was never started. NULL is fine. */
void tn_vcpu_free(TnVcpu *vcpu);
/* The state with which the boot CPU starts after each tn_vcpu_reset() (others wait for
 * SIPI). Copied; takes effect with the next reset. Set the boot CPU's before resetting
 * the others: it also says whether firmware will set up the MTRRs. FAILED for a @start of
 * LONG_MODE without page table or GDT. */
gboolean tn_vcpu_set_start(TnVcpu *vcpu, const TnVcpuStart *start, GError **error);
/* To the start state. Paused vCPUs only. */
gboolean tn_vcpu_reset(TnVcpu *vcpu, GError **error);
/* Asks the vCPU to leave the guest; tn_vcpu_wait_paused() waits until it has. */
void tn_vcpu_request_pause(TnVcpu *vcpu);
void tn_vcpu_wait_paused(TnVcpu *vcpu);
void tn_vcpu_resume(TnVcpu *vcpu);
/* Called on a vCPU's own thread: it does not enter the guest again before it is resumed.
 * Elsewhere nothing happens. */
void tn_vcpu_hold_current(void);
/* Host thread id (gettid), for query-cpus-fast. */
int tn_vcpu_get_thread_id(TnVcpu *vcpu);
/* Width of physical addresses as the guest reads it (CPUID 0x80000008); constant. */
unsigned tn_vcpu_get_phys_bits(TnVcpu *vcpu);
/* "info registers" of a paused or running vCPU (it is paused meanwhile). (transfer full) */
char *tn_vcpu_print_registers(TnVcpu *vcpu);
/* "info lapic", likewise. (transfer full) */
char *tn_vcpu_print_lapic(TnVcpu *vcpu);
/* kvmclock: tell the guest that it was stopped. Paused vCPUs only. */
void tn_vcpu_notify_stopped(TnVcpu *vcpu);
/* Exits to user space since start. Any thread. */
uint64_t tn_vcpu_get_exit_count(TnVcpu *vcpu);
