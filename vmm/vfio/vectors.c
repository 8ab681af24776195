/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MSI and MSI-X. Each vector is one event descriptor that VFIO signals. While the guest has
 * it unmasked KVM listens, with a route for its message, and no interrupt comes by here. While
 * it is masked (or KVM has no room for it) the main loop listens to the same descriptor and
 * hands what comes to vmm/pci, which keeps it pending or sends it. So masking costs no word
 * with VFIO, and what comes in between waits in the descriptor.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/fast-path.h"
#include "vmm/core/log.h"
#include "vmm/pci/msi.h"
#include "vmm/pci/msix.h"

#include <errno.h>
#include <linux/vfio.h>
#include <unistd.h>

/* What MSI-X begins with; more are set when the guest uses them. Each costs the host one of
 * its own vectors, and another number of them costs a gap. */
#define FIRST_MSIX_VECTORS 8

static TnFastPath *
fast_path_of(TnVfioPci *self)
{
    return tn_device_get_platform(TN_DEVICE(self))->fast_path;
}

static void
complain(TnVfioPci *self, const GError *error)
{
    static int complaints;

    tn_log_guest(&complaints, "vfio %s: %s", self->vfio.name, error->message);
}

static gboolean
on_vector(gint fd, GIOCondition condition, gpointer user_data)
{
    TnVfioPci *self = user_data;
    guint32 index = 0;
    unsigned n = 0;

    g_mutex_lock(&self->irq_lock);
    while (n < self->vectors.n_vectors && self->vectors.vectors[n].fd != fd) {
        n++;
    }
    if (n < self->vectors.n_vectors && !self->vectors.vectors[n].in_kvm &&
        tn_vfio_eventfd_take(fd)) {
        index = self->vectors.index;
    }
    g_mutex_unlock(&self->irq_lock);
    if (index == VFIO_PCI_MSI_IRQ_INDEX) {
        tn_pci_msi_send(TN_PCI_DEVICE(self), n);
    } else if (index == VFIO_PCI_MSIX_IRQ_INDEX) {
        tn_pci_msix_send(TN_PCI_DEVICE(self), n);
    }
    return G_SOURCE_CONTINUE;
}

void
tn_vfio_vectors_begin(TnVfioPci *self, guint32 index, unsigned n_vectors)
{
    TnVfioVectors *v = &self->vectors;

    g_mutex_lock(&self->irq_lock);
    g_assert(v->index == 0);
    v->index = index;
    v->n_vectors = n_vectors;
    v->n_set = 0;
    v->vectors = g_new(TnVfioVector, n_vectors);
    for (unsigned n = 0; n < n_vectors; n++) {
        v->vectors[n] = (TnVfioVector){ .fd = -1, .gsi = -1 };
    }
    g_mutex_unlock(&self->irq_lock);
}

/* Tells VFIO of the first @count vectors, those without a descriptor included. */
static gboolean
set_locked(TnVfioPci *self, unsigned count)
{
    TnVfioVectors *v = &self->vectors;
    g_autofree gint32 *fds = g_new(gint32, count);
    g_autoptr(GError) error = NULL;
    unsigned before = v->n_set;
    const guint64 one = 1;

    for (unsigned n = 0; n < count; n++) {
        fds[n] = v->vectors[n].fd;
    }
    /* VFIO takes another number of vectors only anew. */
    if (before > 0) {
        (void)tn_vfio_device_set_irq(&self->vfio, v->index, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
        v->n_set = 0;
    }
    if (!tn_vfio_device_set_eventfds(&self->vfio, v->index, VFIO_IRQ_SET_ACTION_TRIGGER, 0, fds,
                                     count, &error)) {
        complain(self, error);
        return FALSE;
    }
    v->n_set = count;
    /* What fell into the gap is lost: an interrupt too many is the smaller evil. */
    for (unsigned n = 0; n < before; n++) {
        if (v->vectors[n].fd >= 0) {
            (void)!write(v->vectors[n].fd, &one, sizeof one);
        }
    }
    return TRUE;
}

void
tn_vfio_vectors_set_all(TnVfioPci *self)
{
    g_mutex_lock(&self->irq_lock);
    for (unsigned n = 0; n < self->vectors.n_vectors; n++) {
        self->vectors.vectors[n].fd = tn_vfio_eventfd();
    }
    (void)set_locked(self, self->vectors.n_vectors);
    g_mutex_unlock(&self->irq_lock);
}

void
tn_vfio_vectors_set_some(TnVfioPci *self)
{
    TnVfioVectors *v = &self->vectors;

    g_mutex_lock(&self->irq_lock);
    /* The device itself must see MSI-X enabled: some firmware waits for that. */
    if (v->index == VFIO_PCI_MSIX_IRQ_INDEX && v->n_set == 0) {
        (void)set_locked(self, MIN(v->n_vectors, FIRST_MSIX_VECTORS));
    }
    g_mutex_unlock(&self->irq_lock);
}

/* Whether VFIO signals vector @n from now on. */
static gboolean
ensure_set_locked(TnVfioPci *self, unsigned n)
{
    TnVfioVectors *v = &self->vectors;
    g_autoptr(GError) error = NULL;
    unsigned count = MAX(v->n_set, FIRST_MSIX_VECTORS);

    if (n < v->n_set && v->vectors[n].fd >= 0) {
        return TRUE;
    }
    if (v->vectors[n].fd < 0) {
        v->vectors[n].fd = tn_vfio_eventfd();
        if (v->vectors[n].fd < 0) {
            return FALSE;
        }
    }
    if (n < v->n_set) {
        if (!tn_vfio_device_set_eventfds(&self->vfio, v->index, VFIO_IRQ_SET_ACTION_TRIGGER, n,
                                         &v->vectors[n].fd, 1, &error)) {
            complain(self, error);
            return FALSE;
        }
        return TRUE;
    }
    while (count <= n) {
        count *= 2;
    }
    return set_locked(self, MIN(count, v->n_vectors));
}

static gboolean
may_use_kvm(TnVfioPci *self)
{
    TnFastPath *fast_path = fast_path_of(self);

    return fast_path && fast_path->add_irqfd && fast_path->add_msi_route &&
           !(self->vectors.index == VFIO_PCI_MSI_IRQ_INDEX ? self->no_kvm_msi
                                                           : self->no_kvm_msix);
}

static gboolean
deliver_by_kvm_locked(TnVfioPci *self, TnVfioVector *vector, const TnMsiMessage *message)
{
    TnFastPath *fast_path = fast_path_of(self);
    g_autoptr(GError) error = NULL;

    if (!may_use_kvm(self)) {
        return FALSE;
    }
    if (vector->gsi < 0) {
        vector->gsi = fast_path->add_msi_route(fast_path->opaque, message, &error);
    } else if (!fast_path->update_msi_route(fast_path->opaque, (unsigned)vector->gsi, message,
                                            &error)) {
        fast_path->remove_msi_route(fast_path->opaque, (unsigned)vector->gsi);
        vector->gsi = -1;
    }
    if (vector->gsi < 0) {
        complain(self, error);
        return FALSE;
    }
    if (!vector->in_kvm && !fast_path->add_irqfd(fast_path->opaque, vector->fd, -1,
                                                 (unsigned)vector->gsi, &error)) {
        complain(self, error);
        return FALSE;
    }
    vector->in_kvm = TRUE;
    return TRUE;
}

/* KVM lets go of the descriptor; what comes from now on stays in it. */
static void
take_from_kvm_locked(TnVfioPci *self, TnVfioVector *vector)
{
    TnFastPath *fast_path = fast_path_of(self);

    if (vector->in_kvm) {
        fast_path->remove_irqfd(fast_path->opaque, vector->fd, (unsigned)vector->gsi);
        vector->in_kvm = FALSE;
    }
}

static void
watch_locked(TnVfioPci *self, TnVfioVector *vector)
{
    if (!vector->watch && vector->fd >= 0) {
        vector->watch = tn_vfio_watch(self, vector->fd, on_vector, self);
    }
}

void
tn_vfio_vector_use(TnVfioPci *self, unsigned n, const TnMsiMessage *message)
{
    TnVfioVector *vector;

    g_mutex_lock(&self->irq_lock);
    if (n < self->vectors.n_vectors) {
        vector = &self->vectors.vectors[n];
        if (ensure_set_locked(self, n)) {
            if (deliver_by_kvm_locked(self, vector, message)) {
                tn_vfio_unwatch(&vector->watch);
            } else {
                take_from_kvm_locked(self, vector);
                watch_locked(self, vector);
            }
        }
    }
    g_mutex_unlock(&self->irq_lock);
}

void
tn_vfio_vector_release(TnVfioPci *self, unsigned n)
{
    g_mutex_lock(&self->irq_lock);
    if (n < self->vectors.n_vectors) {
        take_from_kvm_locked(self, &self->vectors.vectors[n]);
        watch_locked(self, &self->vectors.vectors[n]);
    }
    g_mutex_unlock(&self->irq_lock);
}

static void
drop_vector_locked(TnVfioPci *self, TnVfioVector *vector)
{
    TnFastPath *fast_path = fast_path_of(self);

    take_from_kvm_locked(self, vector);
    if (vector->gsi >= 0) {
        fast_path->remove_msi_route(fast_path->opaque, (unsigned)vector->gsi);
    }
    tn_vfio_unwatch(&vector->watch);
    if (vector->fd >= 0) {
        (void)close(vector->fd);
    }
}

void
tn_vfio_vectors_end(TnVfioPci *self)
{
    TnVfioVectors *v = &self->vectors;

    g_mutex_lock(&self->irq_lock);
    if (v->n_set > 0) {
        (void)tn_vfio_device_set_irq(&self->vfio, v->index, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
    }
    for (unsigned n = 0; n < v->n_vectors; n++) {
        drop_vector_locked(self, &v->vectors[n]);
    }
    g_free(v->vectors);
    *v = (TnVfioVectors){ 0 };
    g_mutex_unlock(&self->irq_lock);
}
