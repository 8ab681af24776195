/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hyper-V's interface for guests (TLFS 6.0b): KVM does most of it; what is left is to show it in
 * CPUID, to switch the SynICs on, and the hypercalls that reach devices. docs/specs/hyperv.md.
 */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define LEAF_FIRST 0x40000000u
#define LEAF_LAST 0x4000000au /* nested features; the debugger's leaves are not offered */
#define LEAF_FEATURES 0x40000003u
#define LEAVES_LAST 0x400000ffu
/* Where KVM's own leaves go then (Documentation/virt/kvm/x86/cpuid.rst: multiples of 0x100). */
#define KVM_LEAVES_OFFSET 0x100u

#define FEATURE_SYNIC (1u << 2)       /* eax */
#define FEATURE_DEBUGGING (1u << 11)  /* ebx */
#define FEATURE_DEBUG_MSRS (1u << 11) /* edx */

#define MAX_HV_LEAVES 64

/* 11.11: the hypercalls that reach devices. */
#define HCALL_CODE(input) ((uint16_t)(input))
#define HCALL_FAST (1ull << 16)
#define HCALL_POST_MESSAGE 0x5c
#define HCALL_SIGNAL_EVENT 0x5d
#define CONNECTION_MASK 0xffffffu
#define PAGE_SIZE 0x1000u

typedef struct PostMessageInput {
    uint32_t connection, reserved, type, size;
    uint8_t payload[TN_HYPERV_MESSAGE_PAYLOAD];
} PostMessageInput;
G_STATIC_ASSERT(sizeof(PostMessageInput) == 256);

/* 10.2, 10.3: a page's address and, in bit 0, whether it is used. */
#define SYNIC_ENABLED 1ull
#define SYNIC_PAGE(value) ((value) & ~(uint64_t)(PAGE_SIZE - 1))

void
tn_hyperv_add_cpuid(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid2 *hyperv)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

        if (entry->function >= LEAF_FIRST && entry->function <= LEAVES_LAST) {
            entry->eax += entry->function == LEAF_FIRST ? KVM_LEAVES_OFFSET : 0;
            entry->function += KVM_LEAVES_OFFSET;
        }
    }
    for (uint32_t i = 0, added = 0; i < hyperv->nent && added < TN_HYPERV_MAX_LEAVES; i++) {
        struct kvm_cpuid_entry2 entry = hyperv->entries[i];

        if (entry.function < LEAF_FIRST || entry.function > LEAF_LAST) {
            continue;
        }
        if (entry.function == LEAF_FIRST) {
            entry.eax = MIN(entry.eax, LEAF_LAST);
        } else if (entry.function == LEAF_FEATURES) {
            entry.ebx &= ~FEATURE_DEBUGGING;
            entry.edx &= ~FEATURE_DEBUG_MSRS;
        }
        cpuid->entries[cpuid->nent++] = entry;
        added++;
    }
}

static gboolean
read_cpuid(TnKvm *kvm, GError **error)
{
    struct kvm_cpuid2 *cpuid =
        g_malloc0(sizeof(*cpuid) + MAX_HV_LEAVES * sizeof(cpuid->entries[0]));

    cpuid->nent = MAX_HV_LEAVES;
    if (ioctl(kvm->fd, KVM_GET_SUPPORTED_HV_CPUID, cpuid) < 0) {
        g_free(cpuid);
        return tn_kvm_set_errno(error, "KVM_GET_SUPPORTED_HV_CPUID");
    }
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        if (cpuid->entries[i].function == LEAF_FEATURES) {
            kvm->hyperv.has_synic = (cpuid->entries[i].eax & FEATURE_SYNIC) != 0;
        }
    }
    kvm->hyperv.cpuid = cpuid;
    return TRUE;
}

gboolean
tn_hyperv_prepare(TnKvm *kvm, const TnCpuModel *model, GError **error)
{
    bool wanted = tn_cpu_model_find_switch(model, "hv_passthrough", false) ||
                  tn_cpu_model_find_switch(model, "hv-passthrough", false);

    if (!wanted || kvm->hyperv.cpuid) {
        return TRUE;
    }
    if (ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SYS_HYPERV_CPUID) <= 0) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY,
                    "hv_passthrough: this KVM lacks the capability KVM_CAP_SYS_HYPERV_CPUID");
        return FALSE;
    }
    if (!read_cpuid(kvm, error)) {
        return FALSE;
    }
    if (kvm->hyperv.has_synic) {
        kvm->fast_path.hyperv = &kvm->hyperv.host;
    }
    return TRUE;
}

gboolean
tn_hyperv_enable(TnVcpu *vcpu, GError **error)
{
    struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC2 };

    if (!vcpu->kvm->hyperv.has_synic || ioctl(vcpu->fd, KVM_ENABLE_CAP, &cap) == 0) {
        return TRUE;
    }
    return tn_kvm_set_errno(error, "KVM_ENABLE_CAP for KVM_CAP_HYPERV_SYNIC2");
}

static TnHypervStatus
post_message(TnVcpu *vcpu, const TnHypervConnections *to, uint64_t addr)
{
    PostMessageInput input;
    TnHypervMessage message = { 0 };

    if (addr % 8 != 0 || addr % PAGE_SIZE > PAGE_SIZE - sizeof(input)) {
        return TN_HYPERV_INVALID_ALIGNMENT;
    }
    if (tn_address_space_read(vcpu->env.memory_space, addr, &input, sizeof(input)) != TN_MEM_OK ||
        input.size > sizeof(message.payload)) {
        return TN_HYPERV_INVALID_PARAMETER;
    }
    message.type = input.type;
    message.size = input.size;
    memcpy(message.payload, input.payload, input.size);
    return to->post_message(to->opaque, input.connection & CONNECTION_MASK, &message);
}

static TnHypervStatus
signal_event(TnVcpu *vcpu, const TnHypervConnections *to, uint64_t parameter, bool fast)
{
    uint64_t input = parameter; /* connection in bits 31:0, flag in bits 47:32 */

    if (!fast && parameter % 8 != 0) {
        return TN_HYPERV_INVALID_ALIGNMENT;
    }
    if (!fast && tn_address_space_read(vcpu->env.memory_space, parameter, &input,
                                       sizeof(input)) != TN_MEM_OK) {
        return TN_HYPERV_INVALID_PARAMETER;
    }
    if (input >> 48 || (uint16_t)(input >> 32) >= TN_HYPERV_SLOT_FLAGS) {
        return TN_HYPERV_INVALID_PARAMETER;
    }
    return to->signal_event(to->opaque, (uint32_t)input & CONNECTION_MASK,
                            (uint16_t)(input >> 32));
}

static TnHypervStatus
do_hypercall(TnVcpu *vcpu, const TnHypervConnections *to, uint64_t input, uint64_t parameter)
{
    bool fast = (input & HCALL_FAST) != 0;

    switch (HCALL_CODE(input)) {
    case HCALL_POST_MESSAGE:
        if (fast) {
            return TN_HYPERV_INVALID_CODE;
        }
        return to->post_message ? post_message(vcpu, to, parameter) : TN_HYPERV_INVALID_CONNECTION;
    case HCALL_SIGNAL_EVENT:
        return to->signal_event ? signal_event(vcpu, to, parameter, fast)
                                : TN_HYPERV_INVALID_CONNECTION;
    default:
        return TN_HYPERV_INVALID_CODE;
    }
}

static void
take_synic(TnVcpu *vcpu, uint64_t control, uint64_t messages, uint64_t events)
{
    bool on = (control & SYNIC_ENABLED) != 0;

    __atomic_store_n(&vcpu->synic_messages,
                     on && (messages & SYNIC_ENABLED) ? SYNIC_PAGE(messages) : 0,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&vcpu->synic_events, on && (events & SYNIC_ENABLED) ? SYNIC_PAGE(events) : 0,
                     __ATOMIC_RELEASE);
}

void
tn_hyperv_handle_exit(TnVcpu *vcpu)
{
    TnHyperv *hyperv = &vcpu->kvm->hyperv;
    struct kvm_hyperv_exit *info = &vcpu->run->hyperv;

    switch (info->type) {
    case KVM_EXIT_HYPERV_SYNIC:
        take_synic(vcpu, info->u.synic.control, info->u.synic.msg_page, info->u.synic.evt_page);
        break;
    case KVM_EXIT_HYPERV_HCALL:
        g_rw_lock_reader_lock(&hyperv->lock);
        info->u.hcall.result = do_hypercall(vcpu, &hyperv->connections, info->u.hcall.input,
                                            info->u.hcall.params[0]);
        g_rw_lock_reader_unlock(&hyperv->lock);
        break;
    default:
        break; /* the debugger's MSRs, which CPUID does not offer */
    }
}

static int
add_sint(void *opaque, unsigned cpu, unsigned sint, int irq_fd, int ack_fd, GError **error)
{
    TnKvm *kvm = opaque;
    int gsi;

    if (!kvm->fast_path.add_irqfd) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY, "This KVM lacks KVM_CAP_IRQFD");
        return -1;
    }
    gsi = tn_kvm_add_sint_route(kvm, cpu, sint, error);
    if (gsi >= 0 && !kvm->fast_path.add_irqfd(kvm, irq_fd, ack_fd, (unsigned)gsi, error)) {
        tn_kvm_remove_msi_route(kvm, (unsigned)gsi);
        return -1;
    }
    return gsi;
}

static void
remove_sint(void *opaque, unsigned gsi, int irq_fd)
{
    TnKvm *kvm = opaque;

    kvm->fast_path.remove_irqfd(kvm, irq_fd, gsi);
    tn_kvm_remove_msi_route(kvm, gsi);
}

static gboolean
get_pages(void *opaque, unsigned cpu, TnHypervPages *ret_pages)
{
    TnKvm *kvm = opaque;
    gboolean found = FALSE;

    pthread_mutex_lock(&kvm->run_lock);
    for (unsigned i = 0; i < kvm->vcpus->len && !found; i++) {
        TnVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        if (vcpu->index == cpu) {
            ret_pages->messages = __atomic_load_n(&vcpu->synic_messages, __ATOMIC_ACQUIRE);
            ret_pages->events = __atomic_load_n(&vcpu->synic_events, __ATOMIC_ACQUIRE);
            found = ret_pages->messages || ret_pages->events;
        }
    }
    pthread_mutex_unlock(&kvm->run_lock);
    return found;
}

static void
set_connections(void *opaque, const TnHypervConnections *connections)
{
    TnHyperv *hyperv = &((TnKvm *)opaque)->hyperv;

    g_rw_lock_writer_lock(&hyperv->lock);
    hyperv->connections = connections ? *connections : (TnHypervConnections){ 0 };
    g_rw_lock_writer_unlock(&hyperv->lock);
}

void
tn_hyperv_init(TnKvm *kvm)
{
    g_rw_lock_init(&kvm->hyperv.lock);
    kvm->hyperv.host = (TnHypervHost){
        .opaque = kvm,
        .add_sint = add_sint,
        .remove_sint = remove_sint,
        .get_pages = get_pages,
        .set_connections = set_connections,
    };
}

void
tn_hyperv_done(TnKvm *kvm)
{
    g_free(kvm->hyperv.cpuid);
    g_rw_lock_clear(&kvm->hyperv.lock);
}
