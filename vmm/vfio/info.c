/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking for information structs, and walking their capabilities. */
#include "vmm/vfio/info.h"

#include <errno.h>
#include <string.h>

static guint32
argsz_of(const void *info)
{
    return *(const guint32 *)info;
}

void *
tn_vfio_get_info(const TnVfioKernel *kernel, int fd, unsigned long request, const void *head,
                 guint32 head_size)
{
    guint32 size = head_size;

    for (;;) {
        g_autofree guint8 *info = g_malloc0(size);

        memcpy(info, head, head_size);
        *(guint32 *)(void *)info = size;
        if (tn_vfio_ioctl(kernel, fd, request, info) < 0) {
            return NULL;
        }
        if (argsz_of(info) <= size) {
            /* What was not filled is zero; what lies beyond is not there. */
            *(guint32 *)(void *)info = size;
            return g_steal_pointer(&info);
        }
        if (argsz_of(info) > TN_VFIO_MAX_INFO_SIZE) {
            errno = EOVERFLOW;
            return NULL;
        }
        size = argsz_of(info);
    }
}

const void *
tn_vfio_find_cap(const void *info, guint32 first, guint16 id, guint32 min_size,
                 guint32 *ret_room)
{
    guint32 size = argsz_of(info);
    guint32 at = first;

    while (at != 0 && at % sizeof(guint64) == 0 && size >= sizeof(struct vfio_info_cap_header) &&
           at <= size - sizeof(struct vfio_info_cap_header)) {
        const struct vfio_info_cap_header *header =
            (const void *)((const guint8 *)info + at);

        if (header->id == id) {
            *ret_room = size - at;
            return *ret_room >= min_size ? header : NULL;
        }
        /* The kernel lays them one after another; a step back would be a loop. */
        if (header->next <= at) {
            return NULL;
        }
        at = header->next;
    }
    return NULL;
}
