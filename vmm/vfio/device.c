/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices: found in sysfs, taken from their group, described. */
#include "vmm/vfio/device.h"

#include "vmm/vfio/info.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static gboolean
fail(GError **error, const char *what)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "%s: %s", what, g_strerror(errno));
    return FALSE;
}

/* The number at the end of the link iommu_group. */
static gboolean
find_group(const TnVfioKernel *kernel, const char *sysfs_path, int *ret_number, GError **error)
{
    g_autofree char *link = g_strdup_printf("%s/iommu_group", sysfs_path);
    g_autofree char *target = NULL;
    g_autofree char *base = NULL;
    guint64 number;

    target = kernel->ops->read_link(kernel->opaque, link);
    if (!target) {
        return fail(error, "no iommu_group found");
    }
    base = g_path_get_basename(target);
    if (!g_ascii_string_to_unsigned(base, 10, 0, G_MAXINT, &number, NULL)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "failed to read group number of %s", target);
        return FALSE;
    }
    *ret_number = (int)number;
    return TRUE;
}

static gboolean
read_info(TnVfioDevice *self, GError **error)
{
    struct vfio_device_info info = { .argsz = sizeof info };

    if (tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_DEVICE_GET_INFO, &info) < 0) {
        return fail(error, "error getting device info");
    }
    if (!(info.flags & VFIO_DEVICE_FLAGS_PCI)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "this isn't a PCI device");
        return FALSE;
    }
    if (info.num_regions < VFIO_PCI_CONFIG_REGION_INDEX + 1) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "unexpected number of io regions %u", info.num_regions);
        return FALSE;
    }
    if (info.num_irqs < VFIO_PCI_MSIX_IRQ_INDEX + 1) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "unexpected number of irqs %u",
                    info.num_irqs);
        return FALSE;
    }
    self->can_reset = (info.flags & VFIO_DEVICE_FLAGS_RESET) != 0;
    self->num_regions = info.num_regions;
    self->num_irqs = info.num_irqs;
    return TRUE;
}

static gboolean
is_open_already(TnVfioGroup *group, const char *name)
{
    return group && g_ptr_array_find_with_equal_func((GPtrArray *)tn_vfio_group_get_devices(group),
                                                     name, g_str_equal, NULL);
}

static gboolean
open_in_group(TnVfioDevice *self, TnVfioHost *host, const TnPlatform *platform, int number,
              const char *name, GError **error)
{
    if (is_open_already(tn_vfio_group_find(host, number), name)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "device is already attached");
        return FALSE;
    }
    self->host = host;
    self->fd = tn_vfio_group_open_device(host, platform, number, name, &self->group, error);
    if (self->fd < 0) {
        return FALSE;
    }
    self->name = g_strdup(name);
    if (!read_info(self, error)) {
        tn_vfio_device_close(self);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_vfio_device_open(TnVfioDevice *self, TnVfioHost *host, const TnPlatform *platform,
                    const char *sysfs_path, const char *name, GError **error)
{
    int number;

    /* QEMU names the path here, and the device ever after. */
    if (!host->kernel.ops->exists(host->kernel.opaque, sysfs_path)) {
        errno = ENOENT;
        (void)fail(error, "no such host device");
        g_prefix_error(error, "vfio %s: ", sysfs_path);
        return FALSE;
    }
    if (!find_group(&host->kernel, sysfs_path, &number, error) ||
        !open_in_group(self, host, platform, number, name, error)) {
        g_prefix_error(error, "vfio %s: ", name);
        return FALSE;
    }
    return TRUE;
}

void
tn_vfio_device_close(TnVfioDevice *self)
{
    if (self->group) {
        tn_vfio_group_close_device(self->group, self->name, self->fd);
        self->group = NULL;
        self->fd = -1;
        g_clear_pointer(&self->name, g_free);
    }
}

static gboolean
set_region_error(GError **error, guint32 index, const char *what)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "region %u: %s", index, what);
    return FALSE;
}

/* One area as the kernel gave it, cut to whole pages. */
static gboolean
add_area(TnVfioRegion *region, guint64 offset, guint64 size, GError **error)
{
    guint64 page = (guint64)sysconf(_SC_PAGESIZE);

    if (size > region->size || offset > region->size - size ||
        (region->n_areas > 0 && offset < region->areas[region->n_areas - 1].offset +
                                             region->areas[region->n_areas - 1].size)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "region %u: the mappable area 0x%" PRIx64 "+0x%" PRIx64
                    " is not inside of its 0x%" PRIx64 " bytes or out of order",
                    region->index, (uint64_t)offset, (uint64_t)size, (uint64_t)region->size);
        return FALSE;
    }
    if (region->n_areas == TN_VFIO_MAX_AREAS) {
        return set_region_error(error, region->index, "too many mappable areas");
    }
    /* The rest, less than a page, is trapped like what cannot be mapped at all. */
    if (offset % page == 0 && size / page > 0) {
        region->areas[region->n_areas++] = (TnVfioArea){ offset, size / page * page };
    }
    return TRUE;
}

static gboolean
read_areas(TnVfioRegion *region, const struct vfio_region_info *info, GError **error)
{
    const struct vfio_region_info_cap_sparse_mmap *sparse = NULL;
    guint32 first = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;
    guint32 room;

    region->msix_mappable =
        tn_vfio_find_cap(info, first, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
                         sizeof(struct vfio_info_cap_header), &room) != NULL;
    if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP)) {
        return TRUE;
    }
    sparse = tn_vfio_find_cap(info, first, VFIO_REGION_INFO_CAP_SPARSE_MMAP, sizeof *sparse, &room);
    if (!sparse) {
        return add_area(region, 0, region->size, error);
    }
    if (sparse->nr_areas > (room - sizeof *sparse) / sizeof sparse->areas[0]) {
        return set_region_error(error, region->index, "more mappable areas than the answer holds");
    }
    for (guint32 i = 0; i < sparse->nr_areas; i++) {
        if (!add_area(region, sparse->areas[i].offset, sparse->areas[i].size, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_vfio_device_get_region(TnVfioDevice *self, guint32 index, TnVfioRegion *ret_region,
                          GError **error)
{
    const struct vfio_region_info head = { .argsz = sizeof head, .index = index };
    g_autofree struct vfio_region_info *info = NULL;
    TnVfioRegion region = { .index = index };

    if (index >= self->num_regions) {
        *ret_region = region;
        return TRUE;
    }
    info = tn_vfio_get_info(&self->host->kernel, self->fd, VFIO_DEVICE_GET_REGION_INFO, &head,
                            sizeof head);
    if (!info) {
        g_autofree char *what = g_strdup_printf("error getting region %u info", index);

        return fail(error, what);
    }
    region.size = info->size;
    region.fd_offset = info->offset;
    region.readable = (info->flags & VFIO_REGION_INFO_FLAG_READ) != 0;
    region.writable = (info->flags & VFIO_REGION_INFO_FLAG_WRITE) != 0;
    if (region.size > G_MAXINT64 || region.fd_offset > G_MAXINT64 - region.size) {
        return set_region_error(error, index, "reaches past the end of the device's descriptor");
    }
    if (region.size > 0 && !read_areas(&region, info, error)) {
        return FALSE;
    }
    *ret_region = region;
    return TRUE;
}

gboolean
tn_vfio_region_read(const TnVfioDevice *self, const TnVfioRegion *region, guint64 offset,
                    void *buf, unsigned len)
{
    const TnVfioKernel *kernel = &self->host->kernel;

    return offset < region->size && len <= region->size - offset &&
           kernel->ops->pread(kernel->opaque, self->fd, buf, len, region->fd_offset + offset) ==
               (ssize_t)len;
}

gboolean
tn_vfio_region_write(const TnVfioDevice *self, const TnVfioRegion *region, guint64 offset,
                     const void *buf, unsigned len)
{
    const TnVfioKernel *kernel = &self->host->kernel;

    return offset < region->size && len <= region->size - offset &&
           kernel->ops->pwrite(kernel->opaque, self->fd, buf, len, region->fd_offset + offset) ==
               (ssize_t)len;
}

unsigned
tn_vfio_device_get_irqs(TnVfioDevice *self, guint32 index, guint32 *ret_flags)
{
    struct vfio_irq_info info = { .argsz = sizeof info, .index = index };

    *ret_flags = 0;
    if (index >= self->num_irqs ||
        tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0) {
        return 0;
    }
    *ret_flags = info.flags;
    return info.count;
}

static const char *
irq_name(guint32 index)
{
    static const char *const names[] = { "INTX", "MSI", "MSIX", "ERR", "REQ" };

    return index < G_N_ELEMENTS(names) ? names[index] : "interrupt";
}

gboolean
tn_vfio_device_set_eventfds(TnVfioDevice *self, guint32 index, guint32 action, unsigned start,
                            const gint32 *fds, unsigned count, GError **error)
{
    gsize size = sizeof(struct vfio_irq_set) + count * sizeof *fds;
    g_autofree struct vfio_irq_set *set = g_malloc0(size);
    int r;

    *set = (struct vfio_irq_set){
        .argsz = (guint32)size,
        .flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
        .index = index,
        .start = start,
        .count = count,
    };
    memcpy(set->data, fds, count * sizeof *fds);
    r = tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_DEVICE_SET_IRQS, set);
    if (r != 0) {
        /* A positive answer is how many the host can spare. */
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Failed to %s %s interrupt %u..%u: %s",
                    action & VFIO_IRQ_SET_ACTION_UNMASK ? "set the unmask descriptor of"
                                                        : "enable",
                    irq_name(index), start, start + count - 1, g_strerror(r > 0 ? ENOSPC : errno));
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_vfio_device_set_irq(TnVfioDevice *self, guint32 index, guint32 action, unsigned count)
{
    struct vfio_irq_set set = {
        .argsz = sizeof set,
        .flags = VFIO_IRQ_SET_DATA_NONE | action,
        .index = index,
        .count = count,
    };

    return tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_DEVICE_SET_IRQS, &set) == 0;
}
