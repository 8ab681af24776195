/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vCPUs: one thread each, and how others stop it.
 *
 * Whoever wants a vCPU out of the guest sets run->immediate_exit and signals the
 * thread: KVM then finishes the access in flight and returns EINTR. So the loop
 * around KVM_RUN looks at no flag at all until KVM_RUN itself says so.
 */
#include "vmm/accel/kvm-private.h"

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
    bool wanted = vcpu->pause_requested || vcpu->quit || vcpu->kvm->inhibited;

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

static void *
vcpu_thread(void *opaque)
{
    TnVcpu *vcpu = opaque;
    char name[THREAD_NAME_SIZE];

    (void)snprintf(name, sizeof(name), "CPU %u/KVM", vcpu->index);
    (void)pthread_setname_np(pthread_self(), name);
    tn_memory_register_thread();

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
        .index = vcpu->index,
    };
    void *run;

    cpuid = tn_cpuid_build(&input, error);
    if (!cpuid) {
        return FALSE;
    }
    vcpu->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->index);
    if (vcpu->fd < 0) {
        return tn_kvm_set_errno(error, "KVM_CREATE_VCPU");
    }
    run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (run == MAP_FAILED) {
        return tn_kvm_set_errno(error, "Mapping a vCPU's kvm_run");
    }
    vcpu->run = run;
    if (!tn_coalesced_map_ring(kvm, vcpu->fd, error)) {
        return FALSE;
    }
    if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_CPUID2");
    }
    return tn_vcpu_registers_save_initial(vcpu, error);
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
    vcpu = g_new0(TnVcpu, 1);
    vcpu->kvm = kvm;
    vcpu->index = index;
    vcpu->fd = -1;
    vcpu->env = *env;
    vcpu->pause_requested = true;
    install_kick_handler();
    if (!create_vcpu(vcpu, model, error) || !start_thread(vcpu, error)) {
        tn_vcpu_free(vcpu);
        return NULL;
    }
    tn_vcpu_wait_paused(vcpu);
    return vcpu;
}

void
tn_vcpu_free(TnVcpu *vcpu)
{
    if (!vcpu) {
        return;
    }
    if (vcpu->thread_started) {
        pthread_mutex_lock(&vcpu->kvm->run_lock);
        vcpu->quit = true;
        update_immediate_exit_locked(vcpu);
        pthread_cond_broadcast(&vcpu->kvm->run_changed);
        pthread_mutex_unlock(&vcpu->kvm->run_lock);
        pthread_join(vcpu->thread, NULL);

        pthread_mutex_lock(&vcpu->kvm->run_lock);
        g_ptr_array_remove(vcpu->kvm->vcpus, vcpu);
        pthread_mutex_unlock(&vcpu->kvm->run_lock);
    }
    if (vcpu->run) {
        (void)munmap(vcpu->run, vcpu->kvm->run_size);
    }
    if (vcpu->fd >= 0) {
        (void)close(vcpu->fd);
    }
    tn_vcpu_registers_done(vcpu);
    g_free(vcpu);
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
char *
tn_vcpu_print_registers(TnVcpu *vcpu)
{
    GString *out = g_string_new(NULL);
    bool was_requested;

    pthread_mutex_lock(&vcpu->kvm->run_lock);
    was_requested = vcpu->pause_requested;
    vcpu->pause_requested = true;
    update_immediate_exit_locked(vcpu);
    pthread_mutex_unlock(&vcpu->kvm->run_lock);
    tn_vcpu_wait_paused(vcpu);

    tn_vcpu_registers_print(vcpu, out);

    if (!was_requested) {
        pthread_mutex_lock(&vcpu->kvm->run_lock);
        vcpu->pause_requested = false;
        update_immediate_exit_locked(vcpu);
        pthread_cond_broadcast(&vcpu->kvm->run_changed);
        pthread_mutex_unlock(&vcpu->kvm->run_lock);
    }
    return g_string_free(out, FALSE);
}
