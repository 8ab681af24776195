/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resets: the function's own where it has one, else its bus's, if all that hangs on that bus
 * is in our hands and nothing but this function is in use.
 */
#include "vmm/vfio/pci-private.h"

#include "vmm/core/log.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#define MAX_DEPENDENTS 256 /* functions of one bus */

/* The functions that a reset of the bus would reach. (transfer full): NULL: not possible. */
static struct vfio_pci_hot_reset_info *
get_dependents(TnVfioPci *self)
{
    const TnVfioKernel *kernel = &self->vfio.host->kernel;
    gsize size = sizeof(struct vfio_pci_hot_reset_info) +
                 MAX_DEPENDENTS * sizeof(struct vfio_pci_dependent_device);
    g_autofree struct vfio_pci_hot_reset_info *info = g_malloc0(size);

    info->argsz = (guint32)size;
    if (tn_vfio_ioctl(kernel, self->vfio.fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info) < 0 ||
        info->count == 0 || info->count > MAX_DEPENDENTS) {
        return NULL;
    }
    return g_steal_pointer(&info);
}

/* The group of a function that may be reset along, NULL when it may not. */
static TnVfioGroup *
group_to_reset(TnVfioPci *self, const struct vfio_pci_dependent_device *other)
{
    g_autofree char *name =
        g_strdup_printf("%04x:%02x:%02x.%u", other->segment, other->bus, other->devfn >> 3,
                        other->devfn & 7);
    TnVfioGroup *group = tn_vfio_group_find(self->vfio.host, (int)other->group_id);
    const GPtrArray *used = group ? tn_vfio_group_get_devices(group) : NULL;

    for (unsigned i = 0; used && i < used->len; i++) {
        if (strcmp(used->pdata[i], name) == 0 && strcmp(name, self->vfio.name) != 0) {
            return NULL;
        }
    }
    return group;
}

static gboolean
reset_bus(TnVfioPci *self)
{
    const TnVfioKernel *kernel = &self->vfio.host->kernel;
    g_autofree struct vfio_pci_hot_reset_info *info = get_dependents(self);
    g_autofree struct vfio_pci_hot_reset *request = NULL;
    gsize size;

    if (!info) {
        return FALSE;
    }
    size = sizeof *request + info->count * sizeof request->group_fds[0];
    request = g_malloc0(size);
    request->argsz = (guint32)size;
    for (guint32 i = 0; i < info->count; i++) {
        TnVfioGroup *group = group_to_reset(self, &info->devices[i]);
        gint32 fd = group ? tn_vfio_group_get_fd(group) : -1;
        guint32 n = 0;

        if (fd < 0) {
            return FALSE;
        }
        while (n < request->count && request->group_fds[n] != fd) {
            n++;
        }
        request->group_fds[n] = fd;
        request->count = MAX(request->count, n + 1);
    }
    return tn_vfio_ioctl(kernel, self->vfio.fd, VFIO_DEVICE_PCI_HOT_RESET, request) == 0;
}

void
tn_vfio_reset(TnVfioPci *self)
{
    const TnVfioKernel *kernel = &self->vfio.host->kernel;

    /* Whatever comes of the reset: no DMA from here on. */
    (void)tn_vfio_config_write_device(self, TN_PCI_REG_COMMAND, 2, 0);
    if (self->vfio.can_reset &&
        tn_vfio_ioctl(kernel, self->vfio.fd, VFIO_DEVICE_RESET, NULL) == 0) {
        return;
    }
    if (!reset_bus(self) && self->vfio.can_reset) {
        tn_log("vfio %s: the function could not be reset", self->vfio.name);
    }
}
