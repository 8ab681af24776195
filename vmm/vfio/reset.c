/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resets, in QEMU's order: the function's own if it is a real one, its bus's, what a change of
 * power state does. The bus is reset only if all that hangs on it is in our hands and whatever is
 * in use there waits for it as well: functions of one slot that the machine's reset brings down
 * one by one are reset together, with the last of them.
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

/* As TnVfioDevice has it. (transfer full) */
static char *
name_of(const struct vfio_pci_dependent_device *device)
{
    return g_strdup_printf("%04x:%02x:%02x.%u", device->segment, device->bus, device->devfn >> 3,
                           device->devfn & 7);
}

/* Whether @name, which is in use, keeps the bus of @self from being reset. */
static gboolean
is_in_the_way(TnVfioPci *self, const char *name, gboolean with_others)
{
    const GPtrArray *functions = self->vfio.host->functions;

    if (strcmp(name, self->vfio.name) == 0) {
        return FALSE;
    }
    for (unsigned i = 0; with_others && i < functions->len; i++) {
        TnVfioPci *other = functions->pdata[i];

        if (g_strcmp0(other->vfio.name, name) == 0) {
            return !g_atomic_int_get(&other->is_down);
        }
    }
    return TRUE;
}

/* The group of a function that may be reset along, NULL when it may not. */
static TnVfioGroup *
group_to_reset(TnVfioPci *self, const struct vfio_pci_dependent_device *other,
               gboolean with_others)
{
    g_autofree char *name = name_of(other);
    TnVfioGroup *group = tn_vfio_group_find(self->vfio.host, (int)other->group_id);
    const GPtrArray *used = group ? tn_vfio_group_get_devices(group) : NULL;

    for (unsigned i = 0; used && i < used->len; i++) {
        if (strcmp(used->pdata[i], name) == 0 && is_in_the_way(self, name, with_others)) {
            return NULL;
        }
    }
    return group;
}

/* Those that needed it have had it. */
static void
note_bus_reset(TnVfioPci *self, const struct vfio_pci_hot_reset_info *info)
{
    const GPtrArray *functions = self->vfio.host->functions;

    for (guint32 i = 0; i < info->count; i++) {
        g_autofree char *name = name_of(&info->devices[i]);

        for (unsigned j = 0; j < functions->len; j++) {
            TnVfioPci *other = functions->pdata[j];

            if (g_strcmp0(other->vfio.name, name) == 0) {
                g_atomic_int_set(&other->needs_bus_reset, FALSE);
            }
        }
    }
}

static gboolean
reset_bus(TnVfioPci *self, gboolean with_others)
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
        TnVfioGroup *group = group_to_reset(self, &info->devices[i], with_others);
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
    if (tn_vfio_ioctl(kernel, self->vfio.fd, VFIO_DEVICE_PCI_HOT_RESET, request) != 0) {
        return FALSE;
    }
    note_bus_reset(self, info);
    return TRUE;
}

/* VFIO_DEVICE_RESET; @by_power: when that is a change of power state and no more. */
static gboolean
reset_function(TnVfioPci *self, gboolean by_power)
{
    gboolean is_by_power = !self->has_flr && self->has_pm_reset;

    return self->vfio.can_reset && is_by_power == by_power &&
           tn_vfio_ioctl(&self->vfio.host->kernel, self->vfio.fd, VFIO_DEVICE_RESET, NULL) == 0;
}

/* Whatever comes of the reset: awake, and no DMA from here on. */
static void
quiesce(TnVfioPci *self)
{
    guint32 control;

    if (self->pm_offset &&
        tn_vfio_config_read_device(self, self->pm_offset + TN_VFIO_PM_CONTROL, 2, &control) &&
        control & TN_VFIO_PM_STATE) {
        (void)tn_vfio_config_write_device(self, self->pm_offset + TN_VFIO_PM_CONTROL, 2,
                                          control & ~(guint32)TN_VFIO_PM_STATE);
    }
    (void)tn_vfio_config_write_device(self, TN_PCI_REG_COMMAND, 2, 0);
}

/* Those that could not be reset by their bus before, as this one was in use on it. */
static void
reset_waiting_buses(const TnVfioHost *host)
{
    for (unsigned i = 0; i < host->functions->len; i++) {
        TnVfioPci *other = host->functions->pdata[i];

        if (g_atomic_int_get(&other->needs_bus_reset)) {
            (void)reset_bus(other, TRUE);
        }
    }
}

void
tn_vfio_reset_is_over(TnVfioPci *self)
{
    g_atomic_int_set(&self->is_down, FALSE);
    g_atomic_int_set(&self->needs_bus_reset, FALSE);
}

void
tn_vfio_reset(TnVfioPci *self, gboolean with_others)
{
    g_rec_mutex_lock(&self->vfio.host->lock);
    quiesce(self);
    g_atomic_int_set(&self->is_down, with_others);
    g_atomic_int_set(&self->needs_bus_reset, FALSE);
    errno = 0;
    if (!reset_function(self, FALSE) && !reset_bus(self, with_others)) {
        g_atomic_int_set(&self->needs_bus_reset, with_others);
        /* EAGAIN: who takes the function from us is waiting for its end, and resets it himself. */
        if (!reset_function(self, TRUE) && self->vfio.can_reset && errno != EAGAIN) {
            tn_log("vfio %s: the function could not be reset", self->vfio.name);
        }
    }
    if (with_others) {
        reset_waiting_buses(self->vfio.host);
    }
    g_rec_mutex_unlock(&self->vfio.host->lock);
}
