/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of accel share and nobody else sees: one open KVM virtual
 * machine and its vCPUs.
 */
#pragma once

#include "vmm/accel/kvm.h"
#include "vmm/core/hyperv.h"

#include <linux/kvm.h>
#include <pthread.h>

/* Pages that Intel's KVM wants for itself in guest space: the identity map's page
 * tables, then three pages of TSS. Right below the area of a 16 MiB firmware. */
#define TN_KVM_IDENTITY_MAP TN_KVM_RESERVED_BASE
#define TN_KVM_TSS (TN_KVM_RESERVED_BASE + 0x1000)

/* One slot as KVM knows it; size 0: free. */
typedef struct TnMemorySlot {
    uint64_t gpa;
    uint64_t size;
    uint64_t host;
    uint32_t flags;
    uint64_t *reported; /* dirty pages read from KVM that it will not report again until they
                         * are cleared; NULL where reading clears, or none was read */
} TnMemorySlot;

/* A removal or addition kept until commit. */
typedef struct TnSlotChange {
    uint64_t gpa;
    TnMemorySlot slot; /* addition only */
} TnSlotChange;

/* memory-slots.c. Everything under the topology lock. */
typedef struct TnMemorySlots {
    TnMemoryListener listener;
    TnKvm *kvm;
    TnAddressSpace *space; /* NULL: not attached */
    bool closing;          /* the VM goes away as a whole: no need to tell KVM */
    unsigned max_slots;
    unsigned used; /* atomic: read by the main thread without the topology lock */
    GArray *table;      /* of TnMemorySlot, index = KVM's slot number */
    GHashTable *by_gpa; /* guint64 gpa -> slot number + 1 */
    GArray *removals;   /* of TnSlotChange; between begin and commit */
    GArray *additions;
    bool inhibited;     /* vCPUs are kept out until commit */
    bool refusal_logged;
} TnMemorySlots;

/* ioeventfd.c, coalesced.c: one space's event descriptors and zones as KVM has them. */
typedef struct TnBusListener {
    TnMemoryListener listener;
    TnKvm *kvm;
    TnAddressSpace *space; /* NULL: not attached */
    bool is_pio;
} TnBusListener;

/* msi-routes.c: what KVM_SET_GSI_ROUTING was last told. */
typedef struct TnIrqRoutes {
    unsigned limit; /* constant: entries KVM takes; GSIs stay below it too */

    /* Guards the rest and the order of the calls. A leaf lock. */
    pthread_mutex_t lock;
    struct kvm_irq_routing *table; /* room for limit entries; NULL: not made */
    uint32_t *msi_at; /* index = GSI: place in the table + 1 of its MSI, 0 without */
} TnIrqRoutes;

/* A pin of the user-space IOAPIC, and an event descriptor on it. */
typedef struct TnSplitPin {
    bool known;  /* set_pin() has been called */
    bool masked;
    unsigned num_irqfds;
    TnMsiMessage message;
} TnSplitPin;
typedef struct TnResampler {
    int fd, resample_fd; /* resample_fd -1: none; not owned */
    unsigned gsi;
} TnResampler;

/* split-irqchip.c: only used with TN_KVM_IRQCHIP_SPLIT. */
typedef struct TnSplitIrqchip {
    /* Constant once vCPUs run. */
    TnIrqchipHost host;
    TnIrqchipOps ops;

    int extint; /* atomic: the PICs' output */

    /* Guards the rest; routes.lock comes inside. */
    pthread_mutex_t lock;
    TnSplitPin pins[TN_IOAPIC_PINS];
    GArray *resamplers; /* of TnResampler, one for each event descriptor; NULL: not made */
} TnSplitIrqchip;

/* hyperv.c: the Hyper-V interface, once a CPU model asked for it. */
typedef struct TnHyperv {
    TnHypervHost host;
    struct kvm_cpuid2 *cpuid; /* KVM_GET_SUPPORTED_HV_CPUID; NULL: not asked for yet */
    bool has_synic;

    GRWLock lock; /* held for reading while a connection's taker is called */
    TnHypervConnections connections;
} TnHyperv;

struct TnKvm {
    /* Constant after tn_kvm_create_irqchip(). */
    int fd;
    int vm_fd;
    TnKvmIrqchip irqchip;
    bool has_pit; /* in KVM */
    size_t run_size;
    size_t xsave_size;
    bool has_kvmclock_ctrl;
    bool has_adjust_clock;
    bool has_irqfd;
    bool has_irqfd_resample;
    bool has_signal_msi;
    bool has_wide_apic_ids;
    bool has_tsc_deadline;
    bool has_debug_regs;
    bool has_xsave;
    bool has_xcrs;
    bool has_ioeventfd;
    bool has_ioeventfd_any_length;
    bool has_coalesced_pio;
    bool has_stats;           /* KVM_GET_STATS_FD is there */
    bool has_clear_dirty_log; /* reading the log does not clear it */
    unsigned coalesced_page;  /* of a vCPU's mapping; 0: KVM queues no writes */
    unsigned max_vcpus;
    struct kvm_cpuid2 *supported_cpuid;
    struct kvm_msr_list *msrs;
    struct kvm_irqchip initial_chips[3]; /* PIC master, PIC slave, IOAPIC at power-on */
    struct kvm_pit_state2 initial_pit;
    TnIrqLine gsi_lines[TN_KVM_NUM_GSIS];
    TnFastPath fast_path;

    TnMemorySlots slots;
    TnBusListener memory_bus, io_bus; /* topology lock */
    TnIrqRoutes routes;
    TnSplitIrqchip split;
    TnHyperv hyperv;

    /* The VM's queue of writes, shared with KVM; an empty one until the first vCPU is made. */
    struct kvm_coalesced_mmio_ring *ring;
    TnMemory *memory;           /* asks for the queue to be emptied; NULL: nobody does */
    pthread_mutex_t drain_lock; /* protects ring->first; taken before devices' locks */
    pthread_t drainer;          /* atomic; valid while @draining */
    int draining;               /* atomic */

    /* Main thread. */
    int vfio_fd; /* KVM's VFIO device, -1 until the first group */
    bool no_firmware; /* the boot CPU starts in a kernel, so nobody sets up MTRRs */
    bool clock_stopped;
    uint64_t clock;
    GPtrArray *parked; /* of TnVcpu without a thread: unplugged, KVM keeps them */

    /* Guards all below, and each vCPU's pause handshake. A leaf lock. */
    pthread_mutex_t run_lock;
    pthread_cond_t run_changed;
    GPtrArray *vcpus; /* of TnVcpu, (transfer none) */
    int inhibited;    /* atomic for vCPU threads; written under run_lock */
};

/* A vCPU's registers at power-on, as KVM made them. */
typedef struct TnVcpuInitial {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_debugregs debug;
    struct kvm_xcrs xcrs;
    struct kvm_lapic_state lapic;
    struct kvm_vcpu_events events;
    struct kvm_mp_state mp_state;
    void *xsave;             /* kvm->xsave_size bytes, NULL without XSAVE */
    struct kvm_fpu fpu;      /* without XSAVE */
    struct kvm_msrs *msrs;
} TnVcpuInitial;

struct TnVcpu {
    /* The thread's own. */
    struct kvm_run *run;
    int fd;
    int in_guest; /* atomic: inside of KVM_RUN, or about to be */
    bool has_held_vector; /* held_vector was taken from the PICs, KVM has no room for it yet */
    uint8_t held_vector;
    TnKvm *kvm;
    TnVcpuEnv env;
    TnAccessCache memory_cache;
    TnAccessCache io_cache;
    uint64_t exit_count; /* atomic, written by the thread alone */
    uint64_t synic_messages, synic_events; /* atomic, likewise: the SynIC's pages, 0: off */

    /* Constant. */
    unsigned index;
    unsigned apic_id; /* KVM's id of it as well */
    unsigned phys_bits;
    int stats_fd; /* -1 where KVM has none */
    pthread_t thread;
    bool thread_started;
    int thread_id;

    /* Under kvm->run_lock. */
    bool pause_requested;
    bool paused;
    bool kicked;  /* shall leave the guest once, and look at the PICs */
    bool stalled; /* cannot go on as it is: waits for resume like a paused one */
    bool quit;

    /* Main thread. */
    TnVcpuStart start;
    TnVcpuInitial initial;
};

/* errno of a failed ioctl as TN_KVM_ERROR_FAILED: "KVM_X failed: <text>". Returns FALSE. */
gboolean tn_kvm_set_errno(GError **error, const char *what);

/* irq-routes.c: GSI 0..15 to the PIC, 0..23 to the IOAPIC, GSI 0 to its pin 2 as
 * every PC wires the PIT. */
gboolean tn_kvm_irq_routes_init(TnKvm *kvm, GError **error);
gboolean tn_kvm_irq_chips_save(TnKvm *kvm, GError **error);
gboolean tn_kvm_irq_chips_reset(TnKvm *kvm, GError **error);

/* msi-routes.c. add_pin and init before the first apply, on one thread; limit > number of
 * pins. The rest: any thread, as in vmm/core/fast-path.h, @opaque is the TnKvm. */
void tn_irq_routes_init(TnIrqRoutes *routes, unsigned limit);
void tn_irq_routes_done(TnIrqRoutes *routes);
void tn_irq_routes_add_pin(TnIrqRoutes *routes, unsigned gsi, unsigned chip, unsigned pin);
gboolean tn_irq_routes_apply(TnKvm *kvm, GError **error);
int tn_kvm_add_msi_route(void *opaque, const TnMsiMessage *message, GError **error);
gboolean tn_kvm_update_msi_route(void *opaque, unsigned gsi, const TnMsiMessage *message,
                                 GError **error);
void tn_kvm_remove_msi_route(void *opaque, unsigned gsi);
void tn_kvm_msi_send(void *opaque, const TnMsiMessage *message);

/* As update, but adds the route where there is none. @gsi may be one of the controllers'. */
gboolean tn_kvm_set_msi_route(TnKvm *kvm, unsigned gsi, const TnMsiMessage *message);

/* split-irqchip.c. enable: on the new VM, before vCPUs. init: always; done: NULL-safe.
 * The irqfd calls are for GSIs below TN_IOAPIC_PINS. */
gboolean tn_kvm_split_enable(TnKvm *kvm, GError **error);
void tn_kvm_split_init(TnKvm *kvm);
void tn_kvm_split_done(TnKvm *kvm);
gboolean tn_kvm_split_add_irqfd(TnKvm *kvm, int fd, int resample_fd, unsigned gsi,
                                GError **error);
void tn_kvm_split_remove_irqfd(TnKvm *kvm, int fd, unsigned gsi);
/* The vCPU's own thread, before it enters the guest: gives it the PICs' interrupt if it can
 * take one, and else asks KVM to tell when it can. */
void tn_vcpu_inject_extint(TnVcpu *vcpu);
static inline bool
tn_kvm_extint_pending(TnKvm *kvm)
{
    return __atomic_load_n(&kvm->split.extint, __ATOMIC_SEQ_CST) != 0;
}

/* fast-path.c: fills kvm->fast_path with what this KVM can do. */
void tn_kvm_fast_path_init(TnKvm *kvm);

/* pit.c: the HPET drives IRQ 0 in the in-kernel PIT's place, or no longer. Any thread;
 * as in vmm/core/fast-path.h, @opaque is the TnKvm. */
void tn_kvm_gate_pit(void *opaque, gboolean gated);

/* memory-slots.c */
void tn_memory_slots_init(TnMemorySlots *slots, TnKvm *kvm, unsigned max_slots);
void tn_memory_slots_done(TnMemorySlots *slots);
unsigned tn_memory_slots_free(TnMemorySlots *slots);
void tn_memory_slots_attach(TnMemorySlots *slots, TnAddressSpace *as);

/* ioeventfd.c: tells KVM of @as's event descriptors and zones from now on. */
void tn_bus_listener_register(TnBusListener *bus, TnKvm *kvm, TnAddressSpace *as, bool is_pio);
/* NULL space (never registered) is fine. */
void tn_bus_listener_unregister(TnBusListener *bus);

/* coalesced.c. init: the empty queue; map: KVM's, through its first vCPU's descriptor. */
void tn_coalesced_init(TnKvm *kvm);
gboolean tn_coalesced_map_ring(TnKvm *kvm, int vcpu_fd, GError **error);
void tn_coalesced_done(TnKvm *kvm);
/* Listener callbacks of TnBusListener. */
void tn_coalesced_add(TnMemoryListener *listener, TnAddressSpace *as, TnRange zone);
void tn_coalesced_del(TnMemoryListener *listener, TnAddressSpace *as, TnRange zone);
/* Does what is queued at the time of the call, in order; waits for another thread that is at
 * it. Nothing when the calling thread is at it already. A registered thread. */
void tn_coalesced_drain(TnKvm *kvm);

/* Whether anything is queued: for every exit. */
static inline bool
tn_coalesced_is_pending(const struct kvm_coalesced_mmio_ring *ring)
{
    return __atomic_load_n(&ring->first, __ATOMIC_RELAXED) !=
           __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
}

/* vcpu.c: keeps every vCPU out of the guest between begin and end, without
 * waiting for device callbacks. Any thread, never nested. */
void tn_kvm_inhibit_begin(TnKvm *kvm);
void tn_kvm_inhibit_end(TnKvm *kvm);

/* vcpu.c: makes the boot vCPU look at the PICs' output before it goes on. Any thread. */
void tn_kvm_kick_boot_vcpu(TnKvm *kvm);

/* vcpu.c: for the vCPU's own thread. Blocks while it may not run; false: the thread
 * shall end. */
bool tn_vcpu_wait_until_allowed(TnVcpu *vcpu);
/* The guest is left until somebody resumes this vCPU. */
void tn_vcpu_stall(TnVcpu *vcpu);

/* vcpu.c: closes every vCPU that was freed; all are, when the VM goes. */
void tn_kvm_drop_parked_vcpus(TnKvm *kvm);

/* vcpu.c: TnFastPath's registers. */
gboolean tn_vcpu_get_current_registers(void *opaque, TnGuestRegisters *ret_registers);
void tn_vcpu_set_current_registers(void *opaque, const TnGuestRegisters *registers);

/* vcpu-run.c: runs the guest until the thread shall end. */
void tn_vcpu_run_loop(TnVcpu *vcpu);

/* registers.c */
gboolean tn_vcpu_registers_save_initial(TnVcpu *vcpu, GError **error);
gboolean tn_vcpu_registers_reset(TnVcpu *vcpu, GError **error);
void tn_vcpu_registers_done(TnVcpu *vcpu);

/* registers-print.c: appends "info registers" of a vCPU that is out of the guest. */
void tn_vcpu_registers_print(TnVcpu *vcpu, GString *out);

/* msi-routes.c: a GSI that raises @sint of @cpu's SynIC, to be taken away by
 * tn_kvm_remove_msi_route(); -1 with @error. */
int tn_kvm_add_sint_route(TnKvm *kvm, unsigned cpu, unsigned sint, GError **error);

/* hyperv.c. init and done: with the TnKvm. prepare: before the first vCPU of a @model that wants
 * Hyper-V's interface, no effect else; CAPABILITY where KVM has none. */
void tn_hyperv_init(TnKvm *kvm);
void tn_hyperv_done(TnKvm *kvm);
gboolean tn_hyperv_prepare(TnKvm *kvm, const TnCpuModel *model, GError **error);
/* Adds KVM's leaves of it to @cpuid, which has room for TN_HYPERV_MAX_LEAVES more, and moves
 * KVM's own out of the way. Pure. */
#define TN_HYPERV_MAX_LEAVES 16
void tn_hyperv_add_cpuid(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid2 *hyperv);
/* After the vCPU's CPUID: switches its SynIC on. */
gboolean tn_hyperv_enable(TnVcpu *vcpu, GError **error);
/* KVM_EXIT_HYPERV. The vCPU's thread. */
void tn_hyperv_handle_exit(TnVcpu *vcpu);

/* cpuid.c: the last "+name" or "-name" among @model's terms. */
bool tn_cpu_model_find_switch(const TnCpuModel *model, const char *name, bool by_default);

/* lapic-print.c: of a vCPU that stands; and of a state as KVM has it. */
void tn_vcpu_lapic_print(TnVcpu *vcpu, GString *out);
void tn_lapic_print(const struct kvm_lapic_state *lapic, unsigned index, bool x2apic,
                    GString *out);

/* stats.c: what the descriptor of KVM_GET_STATS_FD says. (transfer full) */
GPtrArray *tn_kvm_stats_read(int fd, GError **error);

/* cpuid.c */
typedef struct TnCpuidInput {
    const struct kvm_cpuid2 *supported; /* KVM_GET_SUPPORTED_CPUID */
    const struct kvm_cpuid2 *hyperv;    /* KVM_GET_SUPPORTED_HV_CPUID; NULL: not shown */
    bool has_tsc_deadline;
    const TnCpuModel *model;
    unsigned apic_id;
} TnCpuidInput;

/* What one vCPU sees. (transfer full, g_free) NULL with TN_KVM_ERROR_FAILED for a model,
 * feature or topology that cannot be given. Pure. */
struct kvm_cpuid2 *tn_cpuid_build(const TnCpuidInput *input, GError **error);
/* Of a CPU without the leaf 36, as what the SDM (3A, 4.1.4) says of one with PAE. */
unsigned tn_cpuid_get_phys_bits(const struct kvm_cpuid2 *cpuid);

/* cpu-models.c: whether @name is "host", "max" or a model of the table. */
bool tn_cpu_model_is_known(const char *name);
/* Takes from @cpuid what the model @name does not have; "host" and "max" have all. */
void tn_cpu_model_reduce(const char *name, struct kvm_cpuid2 *cpuid);

/* cpu-features.c: one place of the CPUID space. */
typedef enum { TN_CPUID_EAX, TN_CPUID_EBX, TN_CPUID_ECX, TN_CPUID_EDX } TnCpuidRegister;
typedef struct TnCpuFeature {
    uint32_t leaf;
    uint32_t subleaf;
    TnCpuidRegister reg;
    uint32_t mask;
} TnCpuFeature;

/* Finds a flag by QEMU's name ("sse4.1", "tsc-deadline"; '_' is as good as '-').
 * Returns: whether there is one; @ret_feature untouched if not. */
bool tn_cpu_feature_find(const char *name, TnCpuFeature *ret_feature);
