/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Coalesced MMIO and port I/O (Documentation/virt/kvm/api.rst, 4.116): KVM puts writes to
 * registered zones into a ring of one page, and leaves the guest only when that is full.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"
#include "vmm/memory/coalesced.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Stands for the ring until there is one, so that an exit need not ask whether there is. */
static struct kvm_coalesced_mmio_ring empty_ring;

static size_t
page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint32_t
ring_size(void)
{
    return (uint32_t)((page_size() - sizeof(struct kvm_coalesced_mmio_ring)) /
                      sizeof(struct kvm_coalesced_mmio));
}

void
tn_coalesced_init(TnKvm *kvm)
{
    kvm->ring = &empty_ring;
    pthread_mutex_init(&kvm->drain_lock, NULL);
}

/* The ring is the VM's, any vCPU's mapping shows it. This one outlives the vCPU. */
gboolean
tn_coalesced_map_ring(TnKvm *kvm, int vcpu_fd, GError **error)
{
    void *ring;

    if (kvm->coalesced_page == 0 || kvm->ring != &empty_ring) {
        return TRUE;
    }
    ring = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd,
                (off_t)(kvm->coalesced_page * page_size()));
    if (ring == MAP_FAILED) {
        return tn_kvm_set_errno(error, "Mapping KVM's ring of coalesced writes");
    }
    kvm->ring = ring;
    return TRUE;
}

void
tn_coalesced_done(TnKvm *kvm)
{
    if (kvm->ring != &empty_ring) {
        (void)munmap(kvm->ring, page_size());
        kvm->ring = &empty_ring;
    }
    pthread_mutex_destroy(&kvm->drain_lock);
}

static void
write_entry(TnKvm *kvm, const struct kvm_coalesced_mmio *entry)
{
    bool is_pio = kvm->has_coalesced_pio && entry->pio;
    TnAddressSpace *as = is_pio ? kvm->io_bus.space : kvm->memory_bus.space;

    if (as) {
        (void)tn_address_space_write(as, entry->phys_addr, entry->data,
                                     MIN(entry->len, (uint32_t)sizeof(entry->data)));
    }
}

/* Only as far as the ring is full now: guests that go on writing keep nobody here. */
static void
drain_locked(TnKvm *kvm)
{
    struct kvm_coalesced_mmio_ring *ring = kvm->ring;
    uint32_t size = ring_size();
    uint32_t last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) % size;
    uint32_t first = ring->first % size;

    while (first != last) {
        struct kvm_coalesced_mmio entry = ring->coalesced_mmio[first];

        write_entry(kvm, &entry);
        /* Only now: whoever finds the ring empty may go on, as all of it is done. */
        first = (first + 1) % size;
        __atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
    }
}

static bool
is_drainer(TnKvm *kvm)
{
    return __atomic_load_n(&kvm->draining, __ATOMIC_ACQUIRE) &&
           pthread_equal(__atomic_load_n(&kvm->drainer, __ATOMIC_RELAXED), pthread_self());
}

void
tn_coalesced_drain(TnKvm *kvm)
{
    /* A device's callback that came back here: the rest of the ring is done after it. */
    if (is_drainer(kvm)) {
        return;
    }
    pthread_mutex_lock(&kvm->drain_lock);
    __atomic_store_n(&kvm->drainer, pthread_self(), __ATOMIC_RELAXED);
    __atomic_store_n(&kvm->draining, 1, __ATOMIC_RELEASE);
    drain_locked(kvm);
    __atomic_store_n(&kvm->draining, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&kvm->drain_lock);
}

static bool
tell_kvm(TnMemoryListener *listener, unsigned long request, TnRange zone)
{
    const TnBusListener *bus =
        (TnBusListener *)((char *)listener - G_STRUCT_OFFSET(TnBusListener, listener));
    uint64_t size = tn_range_size(zone);
    struct kvm_coalesced_mmio_zone args = {
        .addr = zone.first,
        .size = (uint32_t)MIN(size, UINT32_MAX),
        .pio = bus->is_pio,
    };

    if (bus->kvm->coalesced_page == 0 || (bus->is_pio && !bus->kvm->has_coalesced_pio)) {
        return true;
    }
    return ioctl(bus->kvm->vm_fd, request, &args) == 0;
}

/* Writes to a zone that KVM does not take leave the guest one by one. */
void
tn_coalesced_add(TnMemoryListener *listener, TnAddressSpace *as, TnRange zone)
{
    if (!tell_kvm(listener, KVM_REGISTER_COALESCED_MMIO, zone)) {
        tn_log("KVM_REGISTER_COALESCED_MMIO failed for 0x%" PRIx64 "-0x%" PRIx64 ": %s",
               zone.first, zone.last, g_strerror(errno));
    }
}

void
tn_coalesced_del(TnMemoryListener *listener, TnAddressSpace *as, TnRange zone)
{
    (void)tell_kvm(listener, KVM_UNREGISTER_COALESCED_MMIO, zone);
}
