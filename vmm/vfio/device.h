/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One VFIO device, whatever its bus: its descriptor, what its regions and interrupts are,
 * and setting them. What the kernel says is checked here, once. Spec: linux/vfio.h.
 */
#pragma once

#include "vmm/vfio/group.h"

G_BEGIN_DECLS

/* A part of a region that can be mapped. Page-aligned; inside of the region. */
typedef struct TnVfioArea {
    guint64 offset, size;
} TnVfioArea;

/* More areas than any driver has; each may cost a KVM slot. */
#define TN_VFIO_MAX_AREAS 64

/**
 * TnVfioRegion:
 * @size: bytes, 0 when the device has no such region.
 * @fd_offset: of its first byte in the device's descriptor.
 * @areas: n_areas that can be mapped, ascending, disjoint.
 * @msix_mappable: the MSI-X table may lie in an area.
 */
typedef struct TnVfioRegion {
    guint32 index;
    guint64 size, fd_offset;
    gboolean readable, writable;
    TnVfioArea areas[TN_VFIO_MAX_AREAS];
    unsigned n_areas;
    gboolean msix_mappable;
} TnVfioRegion;

typedef struct TnVfioDevice {
    TnVfioHost *host;
    TnVfioGroup *group; /* NULL while closed */
    char *name;         /* in sysfs: "0000:00:06.0" */
    int fd;
    gboolean can_reset;
    unsigned num_regions, num_irqs;
} TnVfioDevice;

/**
 * tn_vfio_device_open:
 * @self: zeroed.
 * @sysfs_path: the device's folder, which holds the link iommu_group.
 * @name: copied.
 * @error: GENERIC: no such device, no group, not a PCI device, and what the group says.
 * Returns: FALSE with @self as it was.
 */
gboolean tn_vfio_device_open(TnVfioDevice *self, TnVfioHost *host, const TnPlatform *platform,
                             const char *sysfs_path, const char *name, GError **error);
/* Zeroed is fine. Nothing of it is mapped any more. */
void tn_vfio_device_close(TnVfioDevice *self);

/* @error: GENERIC: the kernel's refusal, or what in its answer cannot be. A region that the
 * device does not have is one of size 0. */
gboolean tn_vfio_device_get_region(TnVfioDevice *self, guint32 index, TnVfioRegion *ret_region,
                                   GError **error);

/* Accesses of @len bytes at @offset of @region, FALSE when the device did not take all. */
gboolean tn_vfio_region_read(const TnVfioDevice *self, const TnVfioRegion *region,
                             guint64 offset, void *buf, unsigned len);
gboolean tn_vfio_region_write(const TnVfioDevice *self, const TnVfioRegion *region,
                              guint64 offset, const void *buf, unsigned len);

/* How many interrupts @index (VFIO_PCI_MSI_IRQ_INDEX) has, 0 for none; their VFIO_IRQ_INFO_
 * flags. */
unsigned tn_vfio_device_get_irqs(TnVfioDevice *self, guint32 index, guint32 *ret_flags);

/**
 * tn_vfio_device_set_eventfds:
 * @action: VFIO_IRQ_SET_ACTION_TRIGGER or _UNMASK.
 * @fds: (array length=count): -1 for none.
 * @error: GENERIC with the interrupt's name.
 */
gboolean tn_vfio_device_set_eventfds(TnVfioDevice *self, guint32 index, guint32 action,
                                     unsigned start, const gint32 *fds, unsigned count,
                                     GError **error);
/* Without data: @action on the first interrupt of @index; count 0 and TRIGGER disable all. */
gboolean tn_vfio_device_set_irq(TnVfioDevice *self, guint32 index, guint32 action,
                                unsigned count);

G_END_DECLS
