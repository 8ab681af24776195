/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IOMMU groups: the smallest set of devices that the IOMMU can keep apart, and the
 * descriptor from which a device is had. "vfio-group" is Tenon's own object: the daemon
 * hands over /dev/vfio/N and /dev/vfio/vfio, as the monitor program needs no right to open
 * them; without one for a device's group both are opened here. Main thread.
 */
#pragma once

#include "vmm/vfio/container.h"

G_BEGIN_DECLS

#define TN_TYPE_VFIO_GROUP (tn_vfio_group_get_type())
G_DECLARE_FINAL_TYPE(TnVfioGroup, tn_vfio_group, TN, VFIO_GROUP, TnObject)

/**
 * tn_vfio_group_open_device:
 * Finds the group or opens it, joins it to the machine's container with its first device,
 * and takes the device from it.
 * @number: of the group.
 * @name: the device's in sysfs ("0000:00:06.0").
 * @ret_group: (transfer full): to be given to close_device with the descriptor.
 * @error: GENERIC.
 * Returns: the device's descriptor; -1, all as it was.
 */
int tn_vfio_group_open_device(TnVfioHost *host, const TnPlatform *platform, int number,
                              const char *name, TnVfioGroup **ret_group, GError **error);

/* Closes the device, with the last one leaves the container, and drops @self. Nothing of
 * the device is mapped or used any more. */
void tn_vfio_group_close_device(TnVfioGroup *self, const char *name, int fd);

int tn_vfio_group_get_number(TnVfioGroup *self);
/* For VFIO_DEVICE_PCI_HOT_RESET. */
int tn_vfio_group_get_fd(TnVfioGroup *self);
/* (element-type utf8): names of the devices that are open. */
const GPtrArray *tn_vfio_group_get_devices(TnVfioGroup *self);
/* Whose maps its devices use; NULL before the first one. */
TnVfioContainer *tn_vfio_group_get_container(TnVfioGroup *self);
/* The group @number that the machine has, (transfer none); NULL for none. */
TnVfioGroup *tn_vfio_group_find(TnVfioHost *host, int number);

G_END_DECLS
