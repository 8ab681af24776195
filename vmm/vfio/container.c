/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Containers: the IOMMU's maps as a memory listener. */
#include "vmm/vfio/container.h"

#include "vmm/core/hotplug-trace.h"
#include "vmm/core/log.h"
#include "vmm/core/run-state.h"
#include "vmm/memory/listener.h"
#include "vmm/vfio/info.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

struct TnVfioContainer {
    unsigned refs;
    TnVfioHost *host; /* outlives it */
    int fd;
    unsigned groups; /* in it */

    /* While groups are in it: */
    const TnPlatform *platform;
    guint64 page; /* what maps are multiples of */
    guint64 limit;
    gboolean has_limit;
    TnMemoryListener listener;

    /* Under the topology lock. */
    GArray *maps;     /* TnVfioMap by ascending iova */
    GError *refusal;  /* of the first round, while @joining */
    gboolean joining;
};

static TnVfioContainer *
from_listener(TnMemoryListener *listener)
{
    return (TnVfioContainer *)((char *)listener - G_STRUCT_OFFSET(TnVfioContainer, listener));
}

static void
clear_map(gpointer data)
{
    g_free(((TnVfioMap *)data)->region);
}

/* What stopped a map, with the limit that is met. */
static void
set_map_error(TnVfioContainer *self, const TnVfioMap *map, int err, GError **error)
{
    g_autofree char *hint = NULL;
    struct rlimit locked = { 0 };

    if (err == ENOMEM && getrlimit(RLIMIT_MEMLOCK, &locked) == 0 &&
        locked.rlim_cur != RLIM_INFINITY) {
        hint = g_strdup_printf("; the process may lock %" PRIu64 " bytes (RLIMIT_MEMLOCK)",
                               (uint64_t)locked.rlim_cur);
    } else if (err == ENOSPC && self->has_limit) {
        hint = g_strdup_printf("; the container takes %" G_GUINT64_FORMAT " maps", self->limit);
    }
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                "cannot map memory region '%s' for DMA (guest address 0x%" PRIx64 ", 0x%" PRIx64
                " bytes): %s%s",
                map->region, (uint64_t)map->iova, (uint64_t)map->size, g_strerror(err),
                hint ? hint : "");
}

/* The page-aligned inside of a section that DMA shall reach; FALSE when there is none. */
static gboolean
section_to_map(const TnVfioContainer *self, const TnFlatRange *flat, TnVfioMap *ret_map)
{
    guint64 size = tn_range_size(flat->range);
    guint64 skip = -flat->range.first & (self->page - 1);

    /* A mapped BAR is RAM to KVM, but reaching it is between devices, not guest memory. */
    if (!tn_memory_region_is_ram(flat->region) || flat->region->ram_device || skip >= size) {
        return FALSE;
    }
    size = (size - skip) & ~(self->page - 1);
    if (size == 0 || ((guint64)(uintptr_t)flat->host + skip) & (self->page - 1)) {
        return FALSE;
    }
    *ret_map = (TnVfioMap){
        .iova = flat->range.first + skip,
        .size = size,
        .offset = flat->offset_in_region + skip,
        .readonly = flat->readonly || flat->region->kind == TN_REGION_ROM,
    };
    return TRUE;
}

static guint
find_place(const TnVfioContainer *self, guint64 iova)
{
    guint i = 0;

    while (i < self->maps->len && g_array_index(self->maps, TnVfioMap, i).iova < iova) {
        i++;
    }
    return i;
}

/* Nobody can be told no: the guest moved its memory, and its devices cannot follow. */
static void
give_up(TnVfioContainer *self, const GError *refusal)
{
    tn_log("vfio: DMA mapping failed, unable to continue: %s", refusal->message);
    tn_run_state_request_internal_error(self->platform->run_state);
}

static void
refuse(TnVfioContainer *self, const TnMemorySection *section, GError *refusal)
{
    if (self->joining) {
        if (!self->refusal) {
            self->refusal = g_error_copy(refusal);
        }
    } else if (!tn_memory_section_refuse(section, refusal)) {
        give_up(self, refusal);
    }
    g_error_free(refusal);
}

static void
trace_map(const TnVfioContainer *self, const TnVfioMap *map, const char *what)
{
    TnHotplugTrace *trace = self->platform->trace;

    if (G_UNLIKELY(tn_hotplug_trace_is_on(trace))) {
        tn_hotplug_trace_step(trace, TN_HOTPLUG_STEP_DMA_MAP, NULL,
                              "%s 0x%" PRIx64 "+0x%" PRIx64 " %s", map->region,
                              (uint64_t)map->iova, (uint64_t)map->size, what);
    }
}

static void
region_add(TnMemoryListener *listener, const TnMemorySection *section)
{
    TnVfioContainer *self = from_listener(listener);
    struct vfio_iommu_type1_dma_map request = { .argsz = sizeof request,
                                                .flags = VFIO_DMA_MAP_FLAG_READ };
    GError *refusal = NULL;
    TnVfioMap map;

    if (tn_memory_region_is_iommu(section->flat->region)) {
        refusal = g_error_new(TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                              "memory region '%s' is an IOMMU; host devices behind an emulated "
                              "IOMMU are not supported",
                              section->flat->region->name);
        refuse(self, section, refusal);
        return;
    }
    if (!section_to_map(self, section->flat, &map)) {
        return;
    }
    map.region = g_strdup(section->flat->region->name);
    request.iova = map.iova;
    request.size = map.size;
    request.vaddr = (guint64)(uintptr_t)section->flat->host +
                    (map.iova - section->flat->range.first);
    if (!map.readonly) {
        request.flags |= VFIO_DMA_MAP_FLAG_WRITE;
    }
    /* After a first refusal all is undone: pinning the rest would be for nothing. */
    if (!(self->joining && self->refusal)) {
        map.mapped = tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_IOMMU_MAP_DMA,
                                   &request) == 0;
        if (!map.mapped) {
            set_map_error(self, &map, errno, &refusal);
            refuse(self, section, refusal);
        }
        trace_map(self, &map, map.mapped ? "mapped" : "refused");
    }
    g_array_insert_val(self->maps, find_place(self, map.iova), map);
}

static void
region_del(TnMemoryListener *listener, const TnMemorySection *section)
{
    TnVfioContainer *self = from_listener(listener);
    struct vfio_iommu_type1_dma_unmap request = { .argsz = sizeof request };
    const TnVfioMap *known;
    TnVfioMap map;
    guint i;

    if (!section_to_map(self, section->flat, &map)) {
        return;
    }
    i = find_place(self, map.iova);
    g_assert(i < self->maps->len);
    known = &g_array_index(self->maps, TnVfioMap, i);
    g_assert(known->iova == map.iova);
    if (known->mapped) {
        request.iova = map.iova;
        request.size = map.size;
        if (tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_IOMMU_UNMAP_DMA, &request) < 0) {
            tn_log("vfio: cannot unmap memory region '%s' at 0x%" PRIx64 ": %s",
                   section->flat->region->name, (uint64_t)map.iova, g_strerror(errno));
        }
        trace_map(self, known, "unmapped");
    }
    g_array_remove_index(self->maps, i);
}

TnVfioContainer *
tn_vfio_container_new(TnVfioHost *host, int fd, GError **error)
{
    g_autoptr(TnVfioContainer) self = g_new0(TnVfioContainer, 1);
    int version;

    self->refs = 1;
    self->host = host;
    self->fd = fd;
    self->maps = g_array_new(FALSE, FALSE, sizeof(TnVfioMap));
    g_array_set_clear_func(self->maps, clear_map);
    self->listener = (TnMemoryListener){
        .name = "vfio",
        .priority = 10,
        .region_add = region_add,
        .region_del = region_del,
    };
    g_ptr_array_add(host->containers, self);

    version = tn_vfio_ioctl(&host->kernel, fd, VFIO_GET_API_VERSION, NULL);
    if (version != VFIO_API_VERSION) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "supported vfio version: %d, reported version: %d", VFIO_API_VERSION, version);
        return NULL;
    }
    if (tn_vfio_ioctl(&host->kernel, fd, VFIO_CHECK_EXTENSION,
                      (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU) <= 0) {
        gboolean v1 = tn_vfio_ioctl(&host->kernel, fd, VFIO_CHECK_EXTENSION,
                                    (void *)(uintptr_t)VFIO_TYPE1_IOMMU) > 0;

        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "No available IOMMU models%s",
                    v1 ? ": the container has type 1 version 1 only, which may unmap more than "
                         "it is told to; version 2 is needed"
                       : "");
        return NULL;
    }
    return g_steal_pointer(&self);
}

TnVfioContainer *
tn_vfio_container_ref(TnVfioContainer *self)
{
    self->refs++;
    return self;
}

void
tn_vfio_container_unref(TnVfioContainer *self)
{
    if (!self || --self->refs > 0) {
        return;
    }
    g_assert(self->groups == 0);
    g_assert(self->maps->len == 0);
    g_ptr_array_remove(self->host->containers, self);
    tn_vfio_close(&self->host->kernel, &self->fd);
    g_array_unref(self->maps);
    g_free(self);
}

static gboolean
read_available(TnVfioContainer *self, guint64 *ret_available)
{
    const struct vfio_iommu_type1_info head = { .argsz = sizeof head };
    const struct vfio_iommu_type1_info_dma_avail *cap;
    g_autofree struct vfio_iommu_type1_info *info = NULL;
    guint32 room;

    info = tn_vfio_get_info(&self->host->kernel, self->fd, VFIO_IOMMU_GET_INFO, &head,
                            sizeof head);
    if (!info) {
        return FALSE;
    }
    if (info->flags & VFIO_IOMMU_INFO_PGSIZES && info->iova_pgsizes) {
        self->page = MAX(self->page, info->iova_pgsizes & -info->iova_pgsizes);
    }
    cap = info->flags & VFIO_IOMMU_INFO_CAPS
              ? tn_vfio_find_cap(info, info->cap_offset, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
                                 sizeof *cap, &room)
              : NULL;
    if (!cap) {
        return FALSE;
    }
    *ret_available = cap->avail;
    return TRUE;
}

/* The IOMMU of the group that has just joined, and all of memory in it. */
static gboolean
begin(TnVfioContainer *self, const TnPlatform *platform, GError **error)
{
    if (tn_vfio_ioctl(&self->host->kernel, self->fd, VFIO_SET_IOMMU,
                      (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU) < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "failed to set iommu for container: %s", g_strerror(errno));
        return FALSE;
    }
    self->platform = platform;
    self->page = (guint64)sysconf(_SC_PAGESIZE);
    self->has_limit = read_available(self, &self->limit);
    self->joining = TRUE;
    tn_memory_listener_register(&self->listener, platform->memory_space);
    self->joining = FALSE;
    if (self->refusal) {
        tn_memory_listener_unregister(&self->listener, platform->memory_space);
        g_propagate_error(error, g_steal_pointer(&self->refusal));
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_vfio_container_join(TnVfioContainer *self, int group_fd, const TnPlatform *platform,
                       GError **error)
{
    if (tn_vfio_ioctl(&self->host->kernel, group_fd, VFIO_GROUP_SET_CONTAINER, &self->fd) < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "failed to set container for group: %s", g_strerror(errno));
        return FALSE;
    }
    if (self->groups == 0 && !begin(self, platform, error)) {
        (void)tn_vfio_ioctl(&self->host->kernel, group_fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
        return FALSE;
    }
    self->groups++;
    return TRUE;
}

void
tn_vfio_container_leave(TnVfioContainer *self, int group_fd)
{
    g_assert(self->groups > 0);
    /* With the last group goes the IOMMU: its maps are given back one by one before. */
    if (--self->groups == 0) {
        tn_memory_listener_unregister(&self->listener, self->platform->memory_space);
    }
    if (tn_vfio_ioctl(&self->host->kernel, group_fd, VFIO_GROUP_UNSET_CONTAINER, NULL) < 0) {
        tn_log("vfio: cannot take a group out of its container: %s", g_strerror(errno));
    }
}

gboolean
tn_vfio_container_is_active(const TnVfioContainer *self)
{
    return self->groups > 0;
}

void
tn_vfio_container_foreach_map(TnVfioContainer *self, TnVfioMapFunc func, gpointer user_data)
{
    if (self->groups == 0) {
        return;
    }
    tn_memory_begin(self->platform->memory);
    for (unsigned i = 0; i < self->maps->len; i++) {
        func(&g_array_index(self->maps, TnVfioMap, i), user_data);
    }
    tn_memory_commit(self->platform->memory);
}

gboolean
tn_vfio_container_get_limit(TnVfioContainer *self, guint64 *ret_limit, guint64 *ret_left)
{
    guint64 left;

    if (!self->has_limit || !read_available(self, &left)) {
        return FALSE;
    }
    *ret_limit = self->limit;
    *ret_left = left;
    return TRUE;
}
