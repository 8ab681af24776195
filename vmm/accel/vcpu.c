/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vCPUs: one thread each, and how others stop it.
 *
 * Whoever wants a vCPU out of the guest sets run->immediate_exit and signals the
 * thread: KVM then finishes the access in flight and returns EINTR. So the loop
 * around KVM_RUN looks at no flag at all until KVM_RUN itself says so.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KICK_SIGNAL SIGUSR1
#define THREAD_NAME_SIZE 16

static void
kick_handler(int signum)
{
}

/* Idempotent, so several machines in one process may all do it. */
static void
install_kick_handler(void)
{
    struct sigaction action = { .sa_handler = kick_handler };

    sigemptyset(&action.sa_mask);
    (void)sigaction(KICK_SIGNAL, &action, NULL);
}

/* With run_lock held. The order matters: the thread sets in_guest before KVM reads
 * immediate_exit, we write immediate_exit before reading in_guest; one of both sees
 * the other. */
static void
update_immediate_exit_locked(TnVcpu *vcpu)
{
    bool wanted = vcpu->pause_requested || vcpu->quit || vcpu->kicked || vcpu->kvm->inhibited;

    __atomic_store_n(&vcpu->run->immediate_exit, wanted ? 1 : 0, __ATOMIC_SEQ_CST);
    if (wanted && vcpu->thread_started && __atomic_load_n(&vcpu->in_guest, __ATOMIC_SEQ_CST)) {
        (void)pthread_kill(vcpu->thread, KICK_SIGNAL);
    }
}

static bool
any_in_guest_locked(TnKvm *kvm)
{
    for (unsigned i = 0; i < kvm->vcpus->len; i++) {
        TnVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        if (__atomic_load_n(&vcpu->in_guest, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

static void
update_all_locked(TnKvm *kvm)
{
    for (unsigned i = 0; i < kvm->vcpus->len; i++) {
        update_immediate_exit_locked(g_ptr_array_index(kvm->vcpus, i));
    }
}

void
tn_kvm_inhibit_begin(TnKvm *kvm)
{
    pthread_mutex_lock(&kvm->run_lock);
    __atomic_store_n(&kvm->inhibited, 1, __ATOMIC_SEQ_CST);
    update_all_locked(kvm);
    while (any_in_guest_locked(kvm)) {
        pthread_cond_wait(&kvm->run_changed, &kvm->run_lock);
    }
    pthread_mutex_unlock(&kvm->run_lock);
}

void
tn_kvm_inhibit_end(TnKvm *kvm)
{
    pthread_mutex_lock(&kvm->run_lock);
    __atomic_store_n(&kvm->inhibited, 0, __ATOMIC_SEQ_CST);
    update_all_locked(kvm);
    pthread_cond_broadcast(&kvm->run_changed);
    pthread_mutex_unlock(&kvm->run_lock);
}

/* A thread that raises the PICs' output itself looks at it before it enters the guest. */
void
tn_kvm_kick_boot_vcpu(TnKvm *kvm)
{
    pthread_mutex_lock(&kvm->run_lock);
    if (kvm->vcpus->len > 0) {
        TnVcpu *vcpu = g_ptr_array_index(kvm->vcpus, 0);

        if (vcpu->index == 0 && !pthread_equal(vcpu->thread, pthread_self())) {
            vcpu->kicked = true;
            update_immediate_exit_locked(vcpu);
        }
    }
    pthread_mutex_unlock(&kvm->run_lock);
}

bool
tn_vcpu_wait_until_allowed(TnVcpu *vcpu)
{
    TnKvm *kvm = vcpu->kvm;
    bool go_on;

    pthread_mutex_lock(&kvm->run_lock);
    while (!vcpu->quit && (vcpu->pause_requested || vcpu->stalled || kvm->inhibited)) {
        vcpu->paused = vcpu->pause_requested || vcpu->stalled;
        pthread_cond_broadcast(&kvm->run_changed);
        pthread_cond_wait(&kvm->run_changed, &kvm->run_lock);
    }
    vcpu->paused = false;
    if (vcpu->kicked) {
        vcpu->kicked = false;
        update_immediate_exit_locked(vcpu);
    }
    go_on = !vcpu->quit;
    pthread_mutex_unlock(&kvm->run_lock);
    return go_on;
}

void
tn_vcpu_stall(TnVcpu *vcpu)
{
    pthread_mutex_lock(&vcpu->kvm->run_lock);
    vcpu->stalled = true;
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
}

/* The vCPU whose thread this is; NULL elsewhere. */
static _Thread_local TnVcpu *current_vcpu;

void
tn_vcpu_hold_current(void)
{
    if (current_vcpu) {
        tn_vcpu_request_pause(current_vcpu);
    }
}

gboolean
tn_vcpu_get_current_registers(void *opaque, TnGuestRegisters *ret_registers)
{
    struct kvm_regs regs;

    if (!current_vcpu || ioctl(current_vcpu->fd, KVM_GET_REGS, &regs) < 0) {
        return FALSE;
    }
    *ret_registers = (TnGuestRegisters){ regs.rax, regs.rbx, regs.rcx, regs.rdx };
    return TRUE;
}

void
tn_vcpu_set_current_registers(void *opaque, const TnGuestRegisters *registers)
{
    struct kvm_regs regs;

    if (current_vcpu && ioctl(current_vcpu->fd, KVM_GET_REGS, &regs) == 0) {
        regs.rax = registers->rax;
        regs.rbx = registers->rbx;
        regs.rcx = registers->rcx;
        regs.rdx = registers->rdx;
        (void)ioctl(current_vcpu->fd, KVM_SET_REGS, &regs);
    }
}

static void *
vcpu_thread(void *opaque)
{
    TnVcpu *vcpu = opaque;
    char name[THREAD_NAME_SIZE];

    (void)snprintf(name, sizeof(name), "CPU %u/KVM", vcpu->index);
    (void)pthread_setname_np(pthread_self(), name);
    tn_memory_register_thread();
    current_vcpu = vcpu;

    pthread_mutex_lock(&vcpu->kvm->run_lock);
    vcpu->thread_id = (int)syscall(SYS_gettid);
    vcpu->thread_started = true;
    pthread_cond_broadcast(&vcpu->kvm->run_changed);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);

    if (tn_vcpu_wait_until_allowed(vcpu)) {
        tn_vcpu_run_loop(vcpu);
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* Every signal but the kick stays with the threads that expect it. */
static gboolean
start_thread(TnVcpu *vcpu, GError **error)
{
    sigset_t blocked, old;
    int err;

    sigfillset(&blocked);
    sigdelset(&blocked, KICK_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    err = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err != 0) {
        errno = err;
        return tn_kvm_set_errno(error, "Creating a vCPU thread");
    }
    pthread_mutex_lock(&vcpu->kvm->run_lock);
    while (!vcpu->thread_started) {
        pthread_cond_wait(&vcpu->kvm->run_changed, &vcpu->kvm->run_lock);
    }
    g_ptr_array_add(vcpu->kvm->vcpus, vcpu);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
    return TRUE;
}

static gboolean
create_vcpu(TnVcpu *vcpu, const TnCpuModel *model, GError **error)
{
    TnKvm *kvm = vcpu->kvm;
    g_autofree struct kvm_cpuid2 *cpuid = NULL;
    TnCpuidInput input = {
        .supported = kvm->supported_cpuid,
        .has_tsc_deadline = kvm->has_tsc_deadline,
        .model = model,
        .apic_id = vcpu->apic_id,
    };
    void *run;

    if (!tn_hyperv_prepare(kvm, model, error)) {
        return FALSE;
    }
    input.hyperv = kvm->hyperv.cpuid;
    cpuid = tn_cpuid_build(&input, error);
    if (!cpuid) {
        return FALSE;
    }
    vcpu->phys_bits = tn_cpuid_get_phys_bits(cpuid);
    vcpu->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->apic_id);
    if (vcpu->fd < 0) {
        return tn_kvm_set_errno(error, "KVM_CREATE_VCPU");
    }
    run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (run == MAP_FAILED) {
        return tn_kvm_set_errno(error, "Mapping a vCPU's kvm_run");
    }
    vcpu->run = run;
    if (kvm->has_stats) {
        vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
        if (vcpu->stats_fd < 0) {
            return tn_kvm_set_errno(error, "KVM_GET_STATS_FD");
        }
    }
    if (!tn_coalesced_map_ring(kvm, vcpu->fd, error)) {
        return FALSE;
    }
    if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_CPUID2");
    }
    return tn_hyperv_enable(vcpu, error) && tn_vcpu_registers_save_initial(vcpu, error);
}

/* Gives back all of a vCPU that has no thread. */
static void
destroy(TnVcpu *vcpu)
{
    if (vcpu->run) {
        (void)munmap(vcpu->run, vcpu->kvm->run_size);
    }
    if (vcpu->stats_fd >= 0) {
        (void)close(vcpu->stats_fd);
    }
    if (vcpu->fd >= 0) {
        (void)close(vcpu->fd);
    }
    tn_vcpu_registers_done(vcpu);
    g_free(vcpu);
}

void
tn_kvm_drop_parked_vcpus(TnKvm *kvm)
{
    for (unsigned i = 0; i < kvm->parked->len; i++) {
        destroy(g_ptr_array_index(kvm->parked, i));
    }
    g_ptr_array_set_size(kvm->parked, 0);
}

/* The vCPU @index that was there before; NULL: there was none. */
static TnVcpu *
take_parked(TnKvm *kvm, unsigned index)
{
    for (unsigned i = 0; i < kvm->parked->len; i++) {
        TnVcpu *vcpu = g_ptr_array_index(kvm->parked, i);

        if (vcpu->index == index) {
            g_ptr_array_remove_index_fast(kvm->parked, i);
            return vcpu;
        }
    }
    return NULL;
}

static TnVcpu *
make_vcpu(TnKvm *kvm, unsigned index, const TnCpuModel *model, GError **error)
{
    TnVcpu *vcpu = g_new0(TnVcpu, 1);

    vcpu->kvm = kvm;
    vcpu->index = index;
    vcpu->apic_id = tn_cpu_topology_apic_id(&model->topology, index);
    vcpu->fd = -1;
    vcpu->stats_fd = -1;
    if (!create_vcpu(vcpu, model, error)) {
        destroy(vcpu);
        return NULL;
    }
    return vcpu;
}

TnVcpu *
tn_vcpu_new(TnKvm *kvm, unsigned index, const TnCpuModel *model, const TnVcpuEnv *env,
            GError **error)
{
    TnVcpu *vcpu;

    if (index >= kvm->max_vcpus) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY,
                    "KVM takes at most %u vCPUs, need number %u", kvm->max_vcpus, index + 1);
        return NULL;
    }
    vcpu = take_parked(kvm, index);
    if (!vcpu) {
        vcpu = make_vcpu(kvm, index, model, error);
    }
    if (!vcpu) {
        return NULL;
    }
    vcpu->env = *env;
    vcpu->pause_requested = true;
    install_kick_handler();
    if (!start_thread(vcpu, error)) {
        g_ptr_array_add(kvm->parked, vcpu);
        return NULL;
    }
    tn_vcpu_wait_paused(vcpu);
    return vcpu;
}

/* A vCPU whose thread has ended: as it was made, so that no interrupt is sent its way and
 * nothing of its guest is left when it comes back. */
static void
park(TnVcpu *vcpu)
{
    g_autoptr(GError) error = NULL;

    vcpu->thread_started = false;
    vcpu->thread_id = 0;
    vcpu->quit = false;
    vcpu->stalled = false;
    vcpu->paused = false;
    vcpu->run->immediate_exit = 0;
    vcpu->start = (TnVcpuStart){ .mode = TN_VCPU_START_RESET };
    memset(&vcpu->memory_cache, 0, sizeof(vcpu->memory_cache));
    memset(&vcpu->io_cache, 0, sizeof(vcpu->io_cache));
    if (!tn_vcpu_registers_reset(vcpu, &error)) {
        tn_log("vCPU %u is parked as it was: %s", vcpu->index, error->message);
    }
    g_ptr_array_add(vcpu->kvm->parked, vcpu);
}

void
tn_vcpu_free(TnVcpu *vcpu)
{
    if (!vcpu) {
        return;
    }
    pthread_mutex_lock(&vcpu->kvm->run_lock);
    vcpu->quit = true;
    update_immediate_exit_locked(vcpu);
    pthread_cond_broadcast(&vcpu->kvm->run_changed);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
    pthread_join(vcpu->thread, NULL);

    pthread_mutex_lock(&vcpu->kvm->run_lock);
    g_ptr_array_remove(vcpu->kvm->vcpus, vcpu);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
    park(vcpu);
}

void
tn_vcpu_request_pause(TnVcpu *vcpu)
{
    pthread_mutex_lock(&vcpu->kvm->run_lock);
    vcpu->pause_requested = true;
    update_immediate_exit_locked(vcpu);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
}

void
tn_vcpu_wait_paused(TnVcpu *vcpu)
{
    pthread_mutex_lock(&vcpu->kvm->run_lock);
    while (!vcpu->paused) {
        pthread_cond_wait(&vcpu->kvm->run_changed, &vcpu->kvm->run_lock);
    }
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
}

void
tn_vcpu_resume(TnVcpu *vcpu)
{
    pthread_mutex_lock(&vcpu->kvm->run_lock);
    vcpu->pause_requested = false;
    vcpu->stalled = false;
    vcpu->paused = false;
    update_immediate_exit_locked(vcpu);
    pthread_cond_broadcast(&vcpu->kvm->run_changed);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
}

unsigned
tn_vcpu_get_phys_bits(TnVcpu *vcpu)
{
    return vcpu->phys_bits;
}

int
tn_vcpu_get_thread_id(TnVcpu *vcpu)
{
    return vcpu->thread_id;
}

uint64_t
tn_vcpu_get_exit_count(TnVcpu *vcpu)
{
    return __atomic_load_n(&vcpu->exit_count, __ATOMIC_RELAXED);
}

/* A vCPU that stands (paused or stalled) is read where it stands; stalled ones must
 * stay stalled. */
static char *
print_standing(TnVcpu *vcpu, void (*print)(TnVcpu *vcpu, GString *out))
{
    GString *out = g_string_new(NULL);
    bool was_requested;

    pthread_mutex_lock(&vcpu->kvm->run_lock);
    was_requested = vcpu->pause_requested;
    vcpu->pause_requested = true;
    update_immediate_exit_locked(vcpu);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
    tn_vcpu_wait_paused(vcpu);

    print(vcpu, out);

    if (!was_requested) {
        pthread_mutex_lock(&vcpu->kvm->run_lock);
        vcpu->pause_requested = false;
        update_immediate_exit_locked(vcpu);
        pthread_cond_broadcast(&vcpu->kvm->run_changed);
        pthread_mutex_unlock(&vcpu->kvm->run_lock);
    }
    return g_string_free(out, FALSE);
}

char *
tn_vcpu_print_registers(TnVcpu *vcpu)
{
    return print_standing(vcpu, tn_vcpu_registers_print);
}

char *
tn_vcpu_print_lapic(TnVcpu *vcpu)
{
    return print_standing(vcpu, tn_vcpu_lapic_print);
}
