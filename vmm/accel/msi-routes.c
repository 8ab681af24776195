/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GSI routing table as KVM has it, and MSIs in it: a GSI above the controllers'
 * own delivers one message, so that an event descriptor raises it without user space.
 * KVM takes the table as a whole; each change here is one KVM_SET_GSI_ROUTING.
 */
#include "vmm/accel/kvm-private.h"

#include <errno.h>
#include <sys/ioctl.h>

/* KVM refuses these bits of a message's upper address when ids have 32 bits. */
#define MSI_ADDRESS_HI_RESERVED 0xffu

static gboolean
apply_locked(TnKvm *kvm, GError **error)
{
    if (ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, kvm->routes.table) < 0) {
        return tn_kvm_set_errno(error, "KVM_SET_GSI_ROUTING");
    }
    return TRUE;
}

void
tn_irq_routes_init(TnIrqRoutes *routes, unsigned limit)
{
    pthread_mutex_init(&routes->lock, NULL);
    routes->limit = limit;
    routes->table = g_malloc0(sizeof(*routes->table) + limit * sizeof(routes->table->entries[0]));
    routes->msi_at = g_new0(uint32_t, limit);
}

void
tn_irq_routes_done(TnIrqRoutes *routes)
{
    if (routes->table) {
        g_free(routes->table);
        g_free(routes->msi_at);
        pthread_mutex_destroy(&routes->lock);
    }
}

void
tn_irq_routes_add_pin(TnIrqRoutes *routes, unsigned gsi, unsigned chip, unsigned pin)
{
    struct kvm_irq_routing_entry *entry = &routes->table->entries[routes->table->nr++];

    entry->gsi = gsi;
    entry->type = KVM_IRQ_ROUTING_IRQCHIP;
    entry->u.irqchip.irqchip = chip;
    entry->u.irqchip.pin = pin;
}

gboolean
tn_irq_routes_apply(TnKvm *kvm, GError **error)
{
    gboolean ok;

    pthread_mutex_lock(&kvm->routes.lock);
    ok = apply_locked(kvm, error);
    pthread_mutex_unlock(&kvm->routes.lock);
    return ok;
}

static void
fill_entry(TnKvm *kvm, struct kvm_irq_routing_entry *entry, unsigned gsi,
           const TnMsiMessage *message)
{
    uint32_t high = (uint32_t)(message->address >> 32);

    *entry = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI };
    entry->u.msi.address_lo = (uint32_t)message->address;
    entry->u.msi.address_hi = kvm->has_wide_apic_ids ? high & ~MSI_ADDRESS_HI_RESERVED : high;
    entry->u.msi.data = message->data;
}

/* The last entry takes the place of the one that goes. */
static void
drop_entry_locked(TnIrqRoutes *routes, unsigned gsi)
{
    unsigned at = routes->msi_at[gsi] - 1;
    unsigned last = --routes->table->nr;

    if (at != last) {
        routes->table->entries[at] = routes->table->entries[last];
        routes->msi_at[routes->table->entries[at].gsi] = at + 1;
    }
    routes->msi_at[gsi] = 0;
}

static gboolean
add_entry_locked(TnKvm *kvm, const struct kvm_irq_routing_entry *entry, GError **error)
{
    TnIrqRoutes *routes = &kvm->routes;

    routes->table->entries[routes->table->nr] = *entry;
    routes->msi_at[entry->gsi] = ++routes->table->nr;
    if (!apply_locked(kvm, error)) {
        drop_entry_locked(routes, entry->gsi);
        return FALSE;
    }
    return TRUE;
}

/* KVM bounds both the number of entries and, with it, the GSIs it is sane to use. */
static unsigned
find_free_gsi_locked(const TnIrqRoutes *routes)
{
    unsigned gsi = TN_KVM_NUM_GSIS;

    while (gsi < routes->limit && routes->msi_at[gsi]) {
        gsi++;
    }
    return gsi;
}

/* @entry under a GSI that is free, which it is told. */
static int
add_route(TnKvm *kvm, struct kvm_irq_routing_entry *entry, GError **error)
{
    TnIrqRoutes *routes = &kvm->routes;
    gboolean ok = FALSE;

    pthread_mutex_lock(&routes->lock);
    entry->gsi = find_free_gsi_locked(routes);
    if (routes->table->nr >= routes->limit || entry->gsi >= routes->limit) {
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED,
                    "No interrupt route is left: KVM takes at most %u", routes->limit);
    } else {
        ok = add_entry_locked(kvm, entry, error);
    }
    pthread_mutex_unlock(&routes->lock);
    return ok ? (int)entry->gsi : -1;
}

int
tn_kvm_add_msi_route(void *opaque, const TnMsiMessage *message, GError **error)
{
    struct kvm_irq_routing_entry entry;

    fill_entry(opaque, &entry, 0, message);
    return add_route(opaque, &entry, error);
}

int
tn_kvm_add_sint_route(TnKvm *kvm, unsigned cpu, unsigned sint, GError **error)
{
    struct kvm_irq_routing_entry entry = { .type = KVM_IRQ_ROUTING_HV_SINT };

    entry.u.hv_sint.vcpu = cpu;
    entry.u.hv_sint.sint = sint;
    return add_route(kvm, &entry, error);
}

gboolean
tn_kvm_update_msi_route(void *opaque, unsigned gsi, const TnMsiMessage *message, GError **error)
{
    TnKvm *kvm = opaque;
    TnIrqRoutes *routes = &kvm->routes;
    struct kvm_irq_routing_entry *entry, before;
    gboolean ok;

    g_return_val_if_fail(gsi < routes->limit, FALSE);

    pthread_mutex_lock(&routes->lock);
    if (!routes->msi_at[gsi]) {
        pthread_mutex_unlock(&routes->lock);
        g_set_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED, "GSI %u has no MSI route", gsi);
        return FALSE;
    }
    entry = &routes->table->entries[routes->msi_at[gsi] - 1];
    before = *entry;
    fill_entry(kvm, entry, gsi, message);
    ok = apply_locked(kvm, error);
    if (!ok) {
        *entry = before;
    }
    pthread_mutex_unlock(&routes->lock);
    return ok;
}

static bool
is_same_message(const struct kvm_irq_routing_entry *a, const struct kvm_irq_routing_entry *b)
{
    return a->u.msi.address_lo == b->u.msi.address_lo &&
           a->u.msi.address_hi == b->u.msi.address_hi && a->u.msi.data == b->u.msi.data;
}

gboolean
tn_kvm_set_msi_route(TnKvm *kvm, unsigned gsi, const TnMsiMessage *message)
{
    TnIrqRoutes *routes = &kvm->routes;
    struct kvm_irq_routing_entry wanted;
    gboolean ok = TRUE;

    fill_entry(kvm, &wanted, gsi, message);
    pthread_mutex_lock(&routes->lock);
    if (!routes->msi_at[gsi]) {
        ok = routes->table->nr < routes->limit && add_entry_locked(kvm, &wanted, NULL);
    } else if (!is_same_message(&routes->table->entries[routes->msi_at[gsi] - 1], &wanted)) {
        routes->table->entries[routes->msi_at[gsi] - 1] = wanted;
        ok = apply_locked(kvm, NULL);
    }
    pthread_mutex_unlock(&routes->lock);
    return ok;
}

void
tn_kvm_remove_msi_route(void *opaque, unsigned gsi)
{
    TnKvm *kvm = opaque;
    TnIrqRoutes *routes = &kvm->routes;

    g_return_if_fail(gsi < routes->limit);

    pthread_mutex_lock(&routes->lock);
    if (routes->msi_at[gsi]) {
        drop_entry_locked(routes, gsi);
        (void)apply_locked(kvm, NULL);
    }
    pthread_mutex_unlock(&routes->lock);
}

void
tn_kvm_msi_send(void *opaque, const TnMsiMessage *message)
{
    TnKvm *kvm = opaque;
    struct kvm_irq_routing_entry entry;
    struct kvm_msi msi = { 0 };

    fill_entry(kvm, &entry, 0, message);
    msi.address_lo = entry.u.msi.address_lo;
    msi.address_hi = entry.u.msi.address_hi;
    msi.data = entry.u.msi.data;
    /* Fails where no CPU takes it, which is lost on a real bus too. */
    (void)ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, &msi);
}
