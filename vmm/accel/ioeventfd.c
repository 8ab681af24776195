/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event descriptors as KVM's ioeventfds (Documentation/virt/kvm/api.rst, 4.59): a matching
 * write signals without an exit. One that KVM does not take is left to the memory core,
 * which matches the exit's write by the same rules.
 */
#include "vmm/accel/kvm-private.h"

#include "vmm/core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>

static TnBusListener *
bus_from_listener(TnMemoryListener *listener)
{
    return (TnBusListener *)((char *)listener - G_STRUCT_OFFSET(TnBusListener, listener));
}

/* Whether KVM is asked at all: the same answer for add and del. */
static bool
is_for_kvm(const TnKvm *kvm, const TnMemoryEventfd *e)
{
    return kvm->has_ioeventfd && (e->size != 0 || kvm->has_ioeventfd_any_length);
}

static int
tell_kvm(const TnBusListener *bus, const TnMemoryEventfd *e, uint32_t flags)
{
    struct kvm_ioeventfd args = {
        .datamatch = e->data,
        .addr = e->addr,
        .len = e->size,
        .fd = e->fd,
        .flags = flags,
    };

    if (e->match_data) {
        args.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
    }
    if (bus->is_pio) {
        args.flags |= KVM_IOEVENTFD_FLAG_PIO;
    }
    return ioctl(bus->kvm->vm_fd, KVM_IOEVENTFD, &args);
}

static void
eventfd_add(TnMemoryListener *listener, TnAddressSpace *as, const TnMemoryEventfd *e)
{
    const TnBusListener *bus = bus_from_listener(listener);

    if (is_for_kvm(bus->kvm, e) && tell_kvm(bus, e, 0) < 0) {
        tn_log("KVM_IOEVENTFD failed for %s 0x%" PRIx64 ", size %u: %s; its writes leave the guest",
               bus->is_pio ? "port" : "address", e->addr, e->size, g_strerror(errno));
    }
}

static void
eventfd_del(TnMemoryListener *listener, TnAddressSpace *as, const TnMemoryEventfd *e)
{
    const TnBusListener *bus = bus_from_listener(listener);

    /* Fails where KVM refused to take it, which was said then. */
    if (is_for_kvm(bus->kvm, e)) {
        (void)tell_kvm(bus, e, KVM_IOEVENTFD_FLAG_DEASSIGN);
    }
}

void
tn_bus_listener_register(TnBusListener *bus, TnKvm *kvm, TnAddressSpace *as, bool is_pio)
{
    g_assert(!bus->space);
    *bus = (TnBusListener){
        .kvm = kvm,
        .space = as,
        .is_pio = is_pio,
        .listener = {
            .name = is_pio ? "kvm-io" : "kvm-mmio",
            .priority = 10,
            .eventfd_add = eventfd_add,
            .eventfd_del = eventfd_del,
            .coalesced_add = tn_coalesced_add,
            .coalesced_del = tn_coalesced_del,
        },
    };
    tn_memory_listener_register(&bus->listener, as);
}

void
tn_bus_listener_unregister(TnBusListener *bus)
{
    if (bus->space) {
        tn_memory_listener_unregister(&bus->listener, bus->space);
        bus->space = NULL;
    }
}
