/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event descriptors in the main loop, and the two by which the host speaks of the device
 * itself: it broke (AER), or it is wanted back.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/hotplug-handler.h"
#include "vmm/core/log.h"
#include "vmm/core/run-state.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <unistd.h>

int
tn_vfio_eventfd(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

gboolean
tn_vfio_eventfd_take(int fd)
{
    guint64 count;

    return read(fd, &count, sizeof count) == sizeof count;
}

typedef struct Watch {
    TnVfioPci *device;
    GUnixFDSourceFunc func;
    gpointer data;
} Watch;

static gboolean
on_ready(gint fd, GIOCondition condition, gpointer user_data)
{
    Watch *watch = user_data;

    return watch->func(fd, condition, watch->data);
}

static void
free_watch(gpointer user_data)
{
    Watch *watch = user_data;

    g_object_unref(watch->device);
    g_free(watch);
}

GSource *
tn_vfio_watch(TnVfioPci *self, int fd, GUnixFDSourceFunc func, gpointer data)
{
    GSource *source = g_unix_fd_source_new(fd, G_IO_IN);
    Watch *watch = g_new(Watch, 1);

    *watch = (Watch){ g_object_ref(self), func, data };
    g_source_set_callback(source, G_SOURCE_FUNC(on_ready), watch, free_watch);
    g_source_attach(source, NULL);
    return source;
}

void
tn_vfio_unwatch(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static gboolean
on_error(gint fd, GIOCondition condition, gpointer user_data)
{
    TnVfioPci *self = user_data;

    if (tn_vfio_eventfd_take(fd)) {
        tn_log("vfio %s: Unrecoverable error detected. Please collect any data possible and then "
               "kill the guest",
               self->vfio.name);
        tn_run_state_request_internal_error(tn_device_get_platform(TN_DEVICE(self))->run_state);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
on_request(gint fd, GIOCondition condition, gpointer user_data)
{
    TnVfioPci *self = user_data;
    TnHotplugHandler *hotplug = tn_device_get_platform(TN_DEVICE(self))->hotplug;
    g_autoptr(GError) error = NULL;

    /* The kernel repeats its request every few seconds until the device is free. */
    if (!tn_vfio_eventfd_take(fd) || tn_device_is_pending_unplug(TN_DEVICE(self))) {
        return G_SOURCE_CONTINUE;
    }
    if (!hotplug || !tn_hotplug_handler_unplug_request(hotplug, TN_DEVICE(self), &error)) {
        tn_log("vfio %s: the host wants the device back: %s", self->vfio.name,
               error ? error->message : "it cannot be unplugged");
    }
    return G_SOURCE_CONTINUE;
}

static void
start(TnVfioPci *self, TnVfioNotifier *notifier, guint32 index, GUnixFDSourceFunc func)
{
    g_autoptr(GError) error = NULL;
    guint32 flags;
    gint32 fd;

    if (tn_vfio_device_get_irqs(&self->vfio, index, &flags) != 1) {
        return;
    }
    fd = tn_vfio_eventfd();
    if (fd < 0) {
        tn_log("vfio %s: no event descriptor: %s", self->vfio.name, g_strerror(errno));
        return;
    }
    if (!tn_vfio_device_set_eventfds(&self->vfio, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0, &fd, 1,
                                     &error)) {
        tn_log("vfio %s: %s", self->vfio.name, error->message);
        (void)close(fd);
        return;
    }
    notifier->fd = fd;
    notifier->watch = tn_vfio_watch(self, fd, func, self);
}

static void
stop(TnVfioPci *self, TnVfioNotifier *notifier, guint32 index)
{
    const gint32 none = -1;

    if (notifier->watch) {
        (void)tn_vfio_device_set_eventfds(&self->vfio, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0,
                                          &none, 1, NULL);
        tn_vfio_unwatch(&notifier->watch);
        (void)close(notifier->fd);
    }
}

void
tn_vfio_notifiers_setup(TnVfioPci *self)
{
    start(self, &self->error_notifier, VFIO_PCI_ERR_IRQ_INDEX, on_error);
    if (self->req) {
        start(self, &self->request_notifier, VFIO_PCI_REQ_IRQ_INDEX, on_request);
    }
}

void
tn_vfio_notifiers_done(TnVfioPci *self)
{
    stop(self, &self->request_notifier, VFIO_PCI_REQ_IRQ_INDEX);
    stop(self, &self->error_notifier, VFIO_PCI_ERR_IRQ_INDEX);
}
