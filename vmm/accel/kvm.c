/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening KVM: what it must be able to do, the virtual machine as a whole and its
 * clock.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/memory/coalesced.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* KVM's promise for hosts that cannot tell (Documentation/virt/kvm/api.rst, 4.5). */
#define DEFAULT_MEMSLOTS 32
#define DEFAULT_VCPUS 4
/* KVM never has more CPUID entries or MSRs than these; a bound for the growing retry. */
#define MAX_CPUID_ENTRIES 1024
#define MAX_MSRS 8192

G_DEFINE_QUARK(tn-kvm-error-quark, tn_kvm_error)

typedef struct Capability {
    int number;
    const char *name;
} Capability;

static const Capability required_capabilities[] = {
    { KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
    { KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "KVM_CAP_DESTROY_MEMORY_REGION_WORKS" },
    { KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, "KVM_CAP_JOIN_MEMORY_REGIONS_WORKS" },
    { KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
    { KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
    { KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
    { KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
    { KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
    { KVM_CAP_PIT2, "KVM_CAP_PIT2" },
    { KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2" },
    { KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
    { KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
    { KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

gboolean
tn_kvm_set_errno(GError **error, const char *what)
{
    int err = errno;

    g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED, "%s failed: %s", what, g_strerror(err));
    return FALSE;
}

static int
check_extension(TnKvm *kvm, int capability)
{
    int r = ioctl(kvm->fd, KVM_CHECK_EXTENSION, capability);

    return r > 0 ? r : 0;
}

static gboolean
open_device(TnKvm *kvm, const char *path, GError **error)
{
    kvm->fd = open(path, O_RDWR | O_CLOEXEC);
    if (kvm->fd >= 0) {
        return TRUE;
    }
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_MISSING,
                    "KVM is not available: '%s': %s (is the kvm module loaded, virtualization "
                    "enabled in firmware?)",
                    path, g_strerror(errno));
        break;
    case EACCES:
    case EPERM:
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_ACCESS,
                    "KVM is not accessible: '%s': %s (is the user in its group?)", path,
                    g_strerror(errno));
        break;
    default:
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED, "Could not open '%s': %s", path,
                    g_strerror(errno));
        break;
    }
    return FALSE;
}

static gboolean
check_capabilities(TnKvm *kvm, const char *path, GError **error)
{
    int version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);

    if (version < 0) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY, "'%s' is not a KVM device: %s",
                    path, g_strerror(errno));
        return FALSE;
    }
    if (version != KVM_API_VERSION) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY,
                    "'%s' speaks KVM API version %d, need %d", path, version, KVM_API_VERSION);
        return FALSE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(required_capabilities); i++) {
        if (!check_extension(kvm, required_capabilities[i].number)) {
            g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_CAPABILITY,
                        "'%s' lacks the required capability %s", path,
                        required_capabilities[i].name);
            return FALSE;
        }
    }
    return TRUE;
}

static void
read_optional_capabilities(TnKvm *kvm)
{
    int xsave2 = check_extension(kvm, KVM_CAP_XSAVE2);
    int vcpus = check_extension(kvm, KVM_CAP_MAX_VCPUS);

    if (!vcpus) {
        vcpus = check_extension(kvm, KVM_CAP_NR_VCPUS);
    }
    kvm->max_vcpus = vcpus ? (unsigned)vcpus : DEFAULT_VCPUS;
    kvm->has_kvmclock_ctrl = check_extension(kvm, KVM_CAP_KVMCLOCK_CTRL);
    kvm->has_adjust_clock = check_extension(kvm, KVM_CAP_ADJUST_CLOCK);
    kvm->has_irqfd = check_extension(kvm, KVM_CAP_IRQFD);
    kvm->has_irqfd_resample = check_extension(kvm, KVM_CAP_IRQFD_RESAMPLE);
    kvm->has_signal_msi = check_extension(kvm, KVM_CAP_SIGNAL_MSI);
    kvm->has_tsc_deadline = check_extension(kvm, KVM_CAP_TSC_DEADLINE_TIMER);
    kvm->has_debug_regs = check_extension(kvm, KVM_CAP_DEBUGREGS);
    kvm->has_xsave = check_extension(kvm, KVM_CAP_XSAVE);
    kvm->has_xcrs = check_extension(kvm, KVM_CAP_XCRS);
    kvm->has_ioeventfd = check_extension(kvm, KVM_CAP_IOEVENTFD);
    kvm->has_ioeventfd_any_length = check_extension(kvm, KVM_CAP_IOEVENTFD_ANY_LENGTH);
    kvm->coalesced_page = (unsigned)check_extension(kvm, KVM_CAP_COALESCED_MMIO);
    kvm->has_coalesced_pio = check_extension(kvm, KVM_CAP_COALESCED_PIO);
    kvm->xsave_size = MAX((size_t)xsave2, sizeof(struct kvm_xsave));
}

/* KVM tells "too small" by E2BIG; older ones do not say by how much. */
static gboolean
read_supported_cpuid(TnKvm *kvm, GError **error)
{
    for (unsigned n = 128; n <= MAX_CPUID_ENTRIES; n *= 2) {
        g_autofree struct kvm_cpuid2 *cpuid =
            g_malloc0(sizeof(*cpuid) + n * sizeof(cpuid->entries[0]));

        cpuid->nent = n;
        if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0) {
            kvm->supported_cpuid = g_steal_pointer(&cpuid);
            return TRUE;
        }
        if (errno != E2BIG) {
            break;
        }
    }
    return tn_kvm_set_errno(error, "KVM_GET_SUPPORTED_CPUID");
}

static gboolean
read_msr_list(TnKvm *kvm, GError **error)
{
    struct kvm_msr_list probe = { .nmsrs = 0 };
    g_autofree struct kvm_msr_list *list = NULL;

    if (ioctl(kvm->fd, KVM_GET_MSR_INDEX_LIST, &probe) < 0 && errno != E2BIG) {
        return tn_kvm_set_errno(error, "KVM_GET_MSR_INDEX_LIST");
    }
    probe.nmsrs = MIN(probe.nmsrs, MAX_MSRS);
    list = g_malloc0(sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
    list->nmsrs = probe.nmsrs;
    if (ioctl(kvm->fd, KVM_GET_MSR_INDEX_LIST, list) < 0) {
        return tn_kvm_set_errno(error, "KVM_GET_MSR_INDEX_LIST");
    }
    kvm->msrs = g_steal_pointer(&list);
    return TRUE;
}

static gboolean
create_chips(TnKvm *kvm, GError **error)
{
    struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

    if (kvm->irqchip == TN_KVM_IRQCHIP_SPLIT) {
        return tn_kvm_split_enable(kvm, error);
    }
    if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0) {
        return tn_kvm_set_errno(error, "KVM_CREATE_IRQCHIP");
    }
    if (kvm->has_pit && ioctl(kvm->vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
        return tn_kvm_set_errno(error, "KVM_CREATE_PIT2");
    }
    return TRUE;
}

/* APIC ids of 32 bits in messages, and no id that means "all" by an old mistake. */
static void
enable_wide_apic_ids(TnKvm *kvm)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X2APIC_API,
        .args = { KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
    };

    kvm->has_wide_apic_ids = check_extension(kvm, KVM_CAP_X2APIC_API) &&
                             ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) == 0;
}

static gboolean
create_vm(TnKvm *kvm, GError **error)
{
    uint64_t identity_map = TN_KVM_IDENTITY_MAP;
    int slots;

    do {
        kvm->vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    } while (kvm->vm_fd < 0 && errno == EINTR);
    if (kvm->vm_fd < 0) {
        return tn_kvm_set_errno(error, "KVM_CREATE_VM");
    }
    if (check_extension(kvm, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
        ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_IDENTITY_MAP_ADDR");
    }
    if (ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)TN_KVM_TSS) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_TSS_ADDR");
    }
    enable_wide_apic_ids(kvm);
    tn_irq_routes_init(&kvm->routes, (unsigned)check_extension(kvm, KVM_CAP_IRQ_ROUTING));
    kvm->has_stats = check_extension(kvm, KVM_CAP_BINARY_STATS_FD) > 0;
    slots = check_extension(kvm, KVM_CAP_NR_MEMSLOTS);
    tn_memory_slots_init(&kvm->slots, kvm, slots ? (unsigned)slots : DEFAULT_MEMSLOTS);
    return TRUE;
}

/* Where KVM can, reading the dirty log does not clear it (api.rst, 8.13 and 4.117), so that a
 * page is write-protected again just before it is copied and not long before. */
static void
enable_clear_dirty_log(TnKvm *kvm)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
        .args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
    };
    int supported = check_extension(kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

    kvm->has_clear_dirty_log = (supported & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) != 0 &&
                               ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) == 0;
}

TnKvm *
tn_kvm_new(const char *path, GError **error)
{
    const TnKvmChips chips = { .irqchip = TN_KVM_IRQCHIP_KERNEL };
    TnKvm *kvm = tn_kvm_new_vm(path, error);

    if (kvm && !tn_kvm_create_irqchip(kvm, &chips, error)) {
        g_clear_pointer(&kvm, tn_kvm_free);
    }
    return kvm;
}

TnKvm *
tn_kvm_new_vm(const char *path, GError **error)
{
    TnKvm *kvm = g_new0(TnKvm, 1);
    int run_size;

    tn_kvm_split_init(kvm);
    tn_hyperv_init(kvm);
    path = path ? path : "/dev/kvm";
    kvm->fd = kvm->vm_fd = kvm->vfio_fd = -1;
    pthread_mutex_init(&kvm->run_lock, NULL);
    pthread_cond_init(&kvm->run_changed, NULL);
    tn_coalesced_init(kvm);
    kvm->vcpus = g_ptr_array_new();
    kvm->parked = g_ptr_array_new();

    if (!open_device(kvm, path, error) || !check_capabilities(kvm, path, error)) {
        goto error;
    }
    run_size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (run_size < (int)sizeof(struct kvm_run)) {
        (void)tn_kvm_set_errno(error, "KVM_GET_VCPU_MMAP_SIZE");
        goto error;
    }
    kvm->run_size = (size_t)run_size;
    read_optional_capabilities(kvm);
    if (!read_supported_cpuid(kvm, error) || !read_msr_list(kvm, error) ||
        !create_vm(kvm, error)) {
        goto error;
    }
    enable_clear_dirty_log(kvm);
    return kvm;

error:
    tn_kvm_free(kvm);
    return NULL;
}

gboolean
tn_kvm_create_irqchip(TnKvm *kvm, const TnKvmChips *chips, GError **error)
{
    kvm->irqchip = chips->irqchip;
    kvm->has_pit = chips->irqchip == TN_KVM_IRQCHIP_KERNEL && !chips->no_pit;
    if (!create_chips(kvm, error) || !tn_kvm_irq_routes_init(kvm, error) ||
        !tn_kvm_irq_chips_save(kvm, error)) {
        return FALSE;
    }
    tn_kvm_fast_path_init(kvm);
    return TRUE;
}

void
tn_kvm_free(TnKvm *kvm)
{
    if (!kvm) {
        return;
    }
    g_assert(kvm->vcpus->len == 0);
    if (kvm->memory) {
        tn_memory_set_coalesced_flush(kvm->memory, NULL, NULL);
    }
    tn_bus_listener_unregister(&kvm->memory_bus);
    tn_bus_listener_unregister(&kvm->io_bus);
    tn_kvm_drop_parked_vcpus(kvm);
    tn_memory_slots_done(&kvm->slots);
    tn_coalesced_done(kvm);
    tn_irq_routes_done(&kvm->routes);
    tn_kvm_split_done(kvm);
    tn_hyperv_done(kvm);
    if (kvm->vfio_fd >= 0) {
        (void)close(kvm->vfio_fd);
    }
    if (kvm->vm_fd >= 0) {
        (void)close(kvm->vm_fd);
    }
    if (kvm->fd >= 0) {
        (void)close(kvm->fd);
    }
    g_free(kvm->supported_cpuid);
    g_free(kvm->msrs);
    g_ptr_array_unref(kvm->parked);
    g_ptr_array_unref(kvm->vcpus);
    pthread_cond_destroy(&kvm->run_changed);
    pthread_mutex_destroy(&kvm->run_lock);
    g_free(kvm);
}

static void
flush_coalesced(void *opaque)
{
    tn_coalesced_drain(opaque);
}

void
tn_kvm_attach_memory(TnKvm *kvm, TnAddressSpace *as)
{
    tn_memory_slots_attach(&kvm->slots, as);
    tn_bus_listener_register(&kvm->memory_bus, kvm, as, false);
    if (kvm->coalesced_page != 0) {
        kvm->memory = tn_address_space_memory(as);
        tn_memory_set_coalesced_flush(kvm->memory, flush_coalesced, kvm);
    }
}

void
tn_kvm_attach_io(TnKvm *kvm, TnAddressSpace *as)
{
    tn_bus_listener_register(&kvm->io_bus, kvm, as, true);
}

unsigned
tn_kvm_get_max_vcpus(TnKvm *kvm)
{
    return kvm->max_vcpus;
}

TnIrqLine *
tn_kvm_get_gsi_lines(TnKvm *kvm)
{
    return kvm->gsi_lines;
}

const TnFastPath *
tn_kvm_get_fast_path(TnKvm *kvm)
{
    return &kvm->fast_path;
}

gboolean
tn_kvm_reset(TnKvm *kvm, GError **error)
{
    return tn_kvm_irq_chips_reset(kvm, error);
}

gboolean
tn_kvm_disable_idle_exits(TnKvm *kvm, GError **error)
{
    struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS };

    cap.args[0] = (unsigned)check_extension(kvm, KVM_CAP_X86_DISABLE_EXITS) &
                  KVM_X86_DISABLE_VALID_EXITS;
    if (ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) < 0) {
        return tn_kvm_set_errno(error, "KVM_ENABLE_CAP for KVM_CAP_X86_DISABLE_EXITS");
    }
    return TRUE;
}

void
tn_kvm_stop_clock(TnKvm *kvm)
{
    struct kvm_clock_data data = { 0 };

    if (!kvm->has_adjust_clock || kvm->clock_stopped) {
        return;
    }
    if (ioctl(kvm->vm_fd, KVM_GET_CLOCK, &data) == 0) {
        kvm->clock = data.clock;
        kvm->clock_stopped = true;
    }
}

void
tn_kvm_start_clock(TnKvm *kvm)
{
    struct kvm_clock_data data = { .clock = kvm->clock };

    if (kvm->clock_stopped) {
        (void)ioctl(kvm->vm_fd, KVM_SET_CLOCK, &data);
        kvm->clock_stopped = false;
    }
}
