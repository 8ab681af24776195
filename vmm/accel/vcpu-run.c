/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loop around KVM_RUN and what follows each kind of exit. From an exit to the
 * next entry it makes no system call, takes no lock and allocates nothing, as long
 * as the device does not.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"
#include "vmm/core/run-state.h"

#include <errno.h>
#include <sys/syscall.h>

static void __attribute__((noinline, cold))
tell_inhibitor(TnKvm *kvm)
{
    pthread_mutex_lock(&kvm->run_lock);
    pthread_cond_broadcast(&kvm->run_changed);
    pthread_mutex_unlock(&kvm->run_lock);
}

/* The elements of a string instruction, one by one. */
static void __attribute__((noinline))
handle_string_io(TnVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;
    bool is_write = run->io.direction == KVM_EXIT_IO_OUT;

    for (uint32_t i = run->io.count; i > 0; i--, data += size) {
        (void)tn_address_space_access(vcpu->env.io_space, &vcpu->io_cache, run->io.port, data,
                                      size, is_write);
    }
}

static inline void
handle_io(TnVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;

    if (G_UNLIKELY(run->io.count != 1)) {
        handle_string_io(vcpu);
        return;
    }
    (void)tn_address_space_access(vcpu->env.io_space, &vcpu->io_cache, run->io.port,
                                  (uint8_t *)run + run->io.data_offset, run->io.size,
                                  run->io.direction == KVM_EXIT_IO_OUT);
}

/* KVM hands over up to 8 bytes, not always a power of two. */
static void __attribute__((noinline, cold))
handle_odd_mmio(TnVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint32_t len = MIN(run->mmio.len, (uint32_t)sizeof(run->mmio.data));

    if (run->mmio.is_write) {
        (void)tn_address_space_write(vcpu->env.memory_space, run->mmio.phys_addr, run->mmio.data,
                                     len);
    } else {
        (void)tn_address_space_read(vcpu->env.memory_space, run->mmio.phys_addr, run->mmio.data,
                                    len);
    }
}

static inline void
handle_mmio(TnVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint32_t len = run->mmio.len;

    if (G_UNLIKELY(len == 0 || len > 8 || (len & (len - 1)) != 0)) {
        handle_odd_mmio(vcpu);
        return;
    }
    (void)tn_address_space_access(vcpu->env.memory_space, &vcpu->memory_cache,
                                  run->mmio.phys_addr, run->mmio.data, len, run->mmio.is_write);
}

static void
fail(TnVcpu *vcpu, const char *what)
{
    g_autoptr(GString) registers = g_string_new(NULL);

    tn_vcpu_registers_print(vcpu, registers);
    tn_log("vCPU %u cannot go on: %s\n%s", vcpu->index, what, registers->str);
    tn_vcpu_stall(vcpu);
    tn_run_state_request_internal_error(vcpu->env.run_state);
}

static void
handle_internal_error(TnVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    unsigned n = MIN(run->internal.ndata, (uint32_t)G_N_ELEMENTS(run->internal.data));
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "KVM internal error, suberror %u", run->internal.suberror);
    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(text, "%s0x%llx", i ? " " : ", data ", run->internal.data[i]);
    }
    fail(vcpu, text->str);
}

static void
handle_system_event(TnVcpu *vcpu)
{
    switch (vcpu->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        tn_run_state_request_shutdown(vcpu->env.run_state, TN_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    case KVM_SYSTEM_EVENT_RESET:
        tn_run_state_request_reset(vcpu->env.run_state, TN_SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        tn_run_state_request_shutdown(vcpu->env.run_state, TN_SHUTDOWN_CAUSE_GUEST_PANIC);
        break;
    default:
        return;
    }
    tn_vcpu_stall(vcpu);
}

/* All exits but port I/O and MMIO. */
static void __attribute__((noinline))
handle_rare_exit(TnVcpu *vcpu)
{
    const TnIrqchipOps *chips = &vcpu->kvm->split.ops;
    struct kvm_run *run = vcpu->run;
    g_autofree char *text = NULL;

    switch (run->exit_reason) {
    case KVM_EXIT_SHUTDOWN:
        /* A triple fault. What PCs make of it is a reset. */
        tn_vcpu_stall(vcpu);
        tn_run_state_request_reset(vcpu->env.run_state, TN_SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    case KVM_EXIT_SYSTEM_EVENT:
        handle_system_event(vcpu);
        return;
    case KVM_EXIT_INTERNAL_ERROR:
        handle_internal_error(vcpu);
        return;
    case KVM_EXIT_FAIL_ENTRY:
        text = g_strdup_printf("KVM could not enter the guest, hardware reason 0x%llx",
                               run->fail_entry.hardware_entry_failure_reason);
        fail(vcpu, text);
        return;
    case KVM_EXIT_IOAPIC_EOI:
        chips->end_of_interrupt(chips->opaque, run->eoi.vector);
        return;
    case KVM_EXIT_HYPERV:
        tn_hyperv_handle_exit(vcpu);
        return;
    case KVM_EXIT_HLT:
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR:
    case KVM_EXIT_TPR_ACCESS:
        return; /* the in-kernel irqchip does what is needed; the PICs are seen to at entry */
    default:
        text = g_strdup_printf("unexpected KVM exit reason %u", run->exit_reason);
        fail(vcpu, text);
        return;
    }
}

/* KVM_RUN returned an error. False: the thread shall end. */
static bool __attribute__((noinline))
handle_run_error(TnVcpu *vcpu, int err)
{
    g_autofree char *text = NULL;

    /* EAGAIN: an application processor woke up; it runs with the next call. */
    if (err == EINTR || err == EAGAIN) {
        return tn_vcpu_wait_until_allowed(vcpu);
    }
    text = g_strdup_printf("KVM_RUN failed: %s", g_strerror(err));
    fail(vcpu, text);
    return tn_vcpu_wait_until_allowed(vcpu);
}

/*
 * KVM_RUN without libc's wrapper, whose variable arguments and errno cost as much as a
 * device. Returns a negative errno on failure.
 */
static inline long
enter_guest(int fd)
{
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "0"((long)SYS_ioctl), "D"((long)fd), "S"((long)KVM_RUN), "d"(0L)
                     : "rcx", "r11", "memory");
    return r;
}

/* @pics: the PICs are ours, and this is the vCPU that takes their interrupts. */
static inline void __attribute__((always_inline))
run_loop(TnVcpu *vcpu, bool pics)
{
    TnKvm *kvm = vcpu->kvm;
    struct kvm_run *run = vcpu->run;
    const struct kvm_coalesced_mmio_ring *ring = kvm->ring;
    int fd = vcpu->fd;

    for (;;) {
        long r;

        if (pics) {
            if (G_UNLIKELY(vcpu->has_held_vector || tn_kvm_extint_pending(kvm))) {
                tn_vcpu_inject_extint(vcpu);
            } else {
                run->request_interrupt_window = 0;
            }
        }
        __atomic_store_n(&vcpu->in_guest, 1, __ATOMIC_SEQ_CST);
        r = enter_guest(fd);
        __atomic_store_n(&vcpu->in_guest, 0, __ATOMIC_SEQ_CST);
        if (G_UNLIKELY(__atomic_load_n(&kvm->inhibited, __ATOMIC_RELAXED))) {
            tell_inhibitor(kvm);
        }
        /* The guest wrote these before it came to what it left for. */
        if (G_UNLIKELY(tn_coalesced_is_pending(ring))) {
            tn_coalesced_drain(kvm);
        }
        if (G_UNLIKELY(r < 0)) {
            if (!handle_run_error(vcpu, (int)-r)) {
                return;
            }
            continue;
        }
        __atomic_store_n(&vcpu->exit_count, vcpu->exit_count + 1, __ATOMIC_RELAXED);
        if (run->exit_reason == KVM_EXIT_IO) {
            handle_io(vcpu);
        } else if (run->exit_reason == KVM_EXIT_MMIO) {
            handle_mmio(vcpu);
        } else {
            handle_rare_exit(vcpu);
            if (!tn_vcpu_wait_until_allowed(vcpu)) {
                return;
            }
        }
    }
}

/* Compiled twice, so that where KVM has the controllers the way from an exit to the next
 * entry is what it would be without the other. */
void
tn_vcpu_run_loop(TnVcpu *vcpu)
{
    if (vcpu->kvm->irqchip == TN_KVM_IRQCHIP_SPLIT && vcpu->index == 0) {
        run_loop(vcpu, true);
    } else {
        run_loop(vcpu, false);
    }
}
