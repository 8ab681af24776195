/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * INTx. VFIO signals an event descriptor and masks the interrupt in one go. By KVM: the
 * descriptor raises the guest's line, its EOI lowers it and, by the resample descriptor,
 * unmasks in VFIO; none of that comes by here. By us, where KVM cannot (no resampling, a
 * line routed nowhere): the line is raised, the BARs' maps are taken away, and the guest's
 * next access to one of them counts as its EOI.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/fast-path.h"
#include "vmm/core/log.h"
#include "vmm/pci/intx.h"

#include <errno.h>
#include <linux/vfio.h>
#include <unistd.h>

static void
close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static TnFastPath *
fast_path_of(TnVfioPci *self)
{
    return tn_device_get_platform(TN_DEVICE(self))->fast_path;
}

static void
unmask(TnVfioPci *self)
{
    (void)tn_vfio_device_set_irq(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK,
                                 1);
}

/* @source is a timer of the machine's main loop. */
static gboolean
on_timeout(gpointer user_data)
{
    TnVfioPci *self = user_data;
    gboolean again;

    g_mutex_lock(&self->irq_lock);
    again = self->intx.pending;
    if (!again && self->hidden_for_intx) {
        self->hidden_for_intx = FALSE;
        tn_vfio_bars_update_maps_locked(self);
    }
    if (!again && self->intx.timer == g_main_current_source()) {
        g_clear_pointer(&self->intx.timer, g_source_unref);
    }
    g_mutex_unlock(&self->irq_lock);
    return again;
}

static void
hide_maps_locked(TnVfioPci *self)
{
    if (!self->hidden_for_intx) {
        self->hidden_for_intx = TRUE;
        tn_vfio_bars_update_maps_locked(self);
    }
    tn_vfio_unwatch(&self->intx.timer);
    /* 0: the maps stay away for good. */
    if (self->intx_mmap_timeout_ms > 0) {
        self->intx.timer = g_timeout_source_new(self->intx_mmap_timeout_ms);
        g_source_set_callback(self->intx.timer, on_timeout, g_object_ref(self), g_object_unref);
        g_source_attach(self->intx.timer, NULL);
    }
}

static gboolean
on_interrupt(gint fd, GIOCondition condition, gpointer user_data)
{
    TnVfioPci *self = user_data;

    g_mutex_lock(&self->irq_lock);
    if (self->intx.enabled && !self->intx.in_kvm && fd == self->intx.fd &&
        tn_vfio_eventfd_take(fd)) {
        __atomic_store_n(&self->intx.pending, TRUE, __ATOMIC_RELEASE);
        hide_maps_locked(self);
        tn_pci_device_set_irq(TN_PCI_DEVICE(self), 1);
    }
    g_mutex_unlock(&self->irq_lock);
    return G_SOURCE_CONTINUE;
}

void
tn_vfio_intx_eoi(TnVfioPci *self)
{
    /* The usual case, on every trapped access, takes no lock. */
    if (!__atomic_load_n(&self->intx.pending, __ATOMIC_ACQUIRE)) {
        return;
    }
    g_mutex_lock(&self->irq_lock);
    if (self->intx.pending) {
        __atomic_store_n(&self->intx.pending, FALSE, __ATOMIC_RELEASE);
        tn_pci_device_set_irq(TN_PCI_DEVICE(self), 0);
        if (self->intx.enabled) {
            unmask(self);
        }
    }
    g_mutex_unlock(&self->irq_lock);
}

/* FALSE: KVM does not, and all is as before (VFIO's interrupt is masked). */
static gboolean
deliver_by_kvm_locked(TnVfioPci *self, int gsi)
{
    TnVfioIntx *intx = &self->intx;
    TnFastPath *fast_path = fast_path_of(self);
    g_autoptr(GError) error = NULL;
    gint32 resample;

    if (gsi < 0 || self->no_kvm_intx || !fast_path || !fast_path->add_irqfd) {
        return FALSE;
    }
    resample = tn_vfio_eventfd();
    if (resample < 0) {
        return FALSE;
    }
    if (!fast_path->add_irqfd(fast_path->opaque, intx->fd, resample, (unsigned)gsi, &error)) {
        close_fd(&resample);
        return FALSE;
    }
    if (!tn_vfio_device_set_eventfds(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX,
                                     VFIO_IRQ_SET_ACTION_UNMASK, 0, &resample, 1, &error)) {
        tn_log("vfio %s: %s", self->vfio.name, error->message);
        fast_path->remove_irqfd(fast_path->opaque, intx->fd, (unsigned)gsi);
        close_fd(&resample);
        return FALSE;
    }
    intx->resample_fd = resample;
    intx->gsi = gsi;
    intx->in_kvm = TRUE;
    return TRUE;
}

static void
start_delivery_locked(TnVfioPci *self)
{
    TnVfioIntx *intx = &self->intx;

    if (!deliver_by_kvm_locked(self, tn_pci_device_get_intx_gsi(TN_PCI_DEVICE(self)))) {
        intx->watch = tn_vfio_watch(self, intx->fd, on_interrupt, self);
    }
    unmask(self);
}

/* Afterwards VFIO's interrupt is masked, and nobody listens to it. */
static void
stop_delivery_locked(TnVfioPci *self)
{
    TnVfioIntx *intx = &self->intx;
    TnFastPath *fast_path = fast_path_of(self);
    const gint32 none = -1;

    (void)tn_vfio_device_set_irq(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK,
                                 1);
    tn_vfio_unwatch(&intx->watch);
    if (intx->pending) {
        __atomic_store_n(&intx->pending, FALSE, __ATOMIC_RELEASE);
        tn_pci_device_set_irq(TN_PCI_DEVICE(self), 0);
    }
    if (intx->in_kvm) {
        (void)tn_vfio_device_set_eventfds(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX,
                                          VFIO_IRQ_SET_ACTION_UNMASK, 0, &none, 1, NULL);
        fast_path->remove_irqfd(fast_path->opaque, intx->fd, (unsigned)intx->gsi);
        intx->in_kvm = FALSE;
        close_fd(&intx->resample_fd);
    }
}

void
tn_vfio_intx_enable(TnVfioPci *self)
{
    TnVfioIntx *intx = &self->intx;
    g_autoptr(GError) error = NULL;
    gint32 fd;

    if (!self->has_intx) {
        return;
    }
    g_mutex_lock(&self->irq_lock);
    if (!intx->enabled && self->vectors.index == 0 && (fd = tn_vfio_eventfd()) >= 0) {
        if (tn_vfio_device_set_eventfds(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX,
                                        VFIO_IRQ_SET_ACTION_TRIGGER, 0, &fd, 1, &error)) {
            intx->enabled = TRUE;
            intx->fd = fd;
            intx->resample_fd = -1;
            (void)tn_vfio_device_set_irq(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX,
                                         VFIO_IRQ_SET_ACTION_MASK, 1);
            start_delivery_locked(self);
        } else {
            static int complaints;

            tn_log_guest(&complaints, "vfio %s: %s", self->vfio.name, error->message);
            close_fd(&fd);
        }
    }
    g_mutex_unlock(&self->irq_lock);
}

void
tn_vfio_intx_disable(TnVfioPci *self)
{
    TnVfioIntx *intx = &self->intx;

    g_mutex_lock(&self->irq_lock);
    if (intx->enabled) {
        stop_delivery_locked(self);
        (void)tn_vfio_device_set_irq(&self->vfio, VFIO_PCI_INTX_IRQ_INDEX,
                                     VFIO_IRQ_SET_ACTION_TRIGGER, 0);
        close_fd(&intx->fd);
        intx->enabled = FALSE;
    }
    tn_vfio_unwatch(&intx->timer);
    if (self->hidden_for_intx) {
        self->hidden_for_intx = FALSE;
        tn_vfio_bars_update_maps_locked(self);
    }
    g_mutex_unlock(&self->irq_lock);
}

void
tn_vfio_intx_route_changed(TnPciDevice *device)
{
    TnVfioPci *self = TN_VFIO_PCI(device);
    int gsi = tn_pci_device_get_intx_gsi(device);

    g_mutex_lock(&self->irq_lock);
    if (self->intx.enabled && (!self->intx.in_kvm || self->intx.gsi != gsi)) {
        stop_delivery_locked(self);
        start_delivery_locked(self);
    }
    g_mutex_unlock(&self->irq_lock);
}
