/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VFIO container: an IOMMU's translation (type 1 version 2) that mirrors the RAM of one
 * address space, for all devices of the groups in it. Empty, it is but a descriptor; it
 * maps when the first group joins, and unmaps when the last one leaves.
 * Spec: linux/vfio.h; docs/specs/vfio.md. Main thread; maps change on any thread, under
 * the topology lock.
 */
#pragma once

#include "vmm/core/platform.h"
#include "vmm/vfio/host.h"

G_BEGIN_DECLS

typedef struct TnVfioContainer TnVfioContainer;

/* One run of guest memory that devices reach. @offset: of @iova in @region, a name. */
typedef struct TnVfioMap {
    guint64 iova, size, offset;
    char *region;
    gboolean readonly;
    gboolean mapped; /* FALSE: the kernel refused it */
} TnVfioMap;

/**
 * tn_vfio_container_new:
 * @fd: (transfer full): of /dev/vfio/vfio, also on failure.
 * @error: GENERIC: another API version, no type 1 version 2.
 * Returns: (transfer full): counted.
 */
TnVfioContainer *tn_vfio_container_new(TnVfioHost *host, int fd, GError **error);
TnVfioContainer *tn_vfio_container_ref(TnVfioContainer *self);
/* The last one closes it; no group is in it then. NULL is fine. */
void tn_vfio_container_unref(TnVfioContainer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnVfioContainer, tn_vfio_container_unref)

/**
 * tn_vfio_container_join:
 * Puts the group of @group_fd into it. The first one brings the IOMMU and all maps of
 * @platform's memory.
 * @error: GENERIC: the kernel's refusal, the section that cannot be mapped and the limit
 *   that it met. Nothing is mapped, nor the group in it, then.
 */
gboolean tn_vfio_container_join(TnVfioContainer *self, int group_fd, const TnPlatform *platform,
                                GError **error);
/* Takes the group out; none of its devices is open. */
void tn_vfio_container_leave(TnVfioContainer *self, int group_fd);

/* Whether groups are in it. */
gboolean tn_vfio_container_is_active(const TnVfioContainer *self);
/* By ascending iova, under the topology lock. */
typedef void (*TnVfioMapFunc)(const TnVfioMap *map, gpointer user_data);
void tn_vfio_container_foreach_map(TnVfioContainer *self, TnVfioMapFunc func, gpointer user_data);
/* How many maps the kernel allows, and allows still; FALSE where it does not say. */
gboolean tn_vfio_container_get_limit(TnVfioContainer *self, guint64 *ret_limit,
                                     guint64 *ret_left);

G_END_DECLS
