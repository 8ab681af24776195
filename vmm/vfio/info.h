/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VFIO's information structs: a fixed head, and maybe a chain of capabilities behind it
 * for which the caller has to guess the room. What the kernel says is checked before it is
 * followed. Spec: linux/vfio.h, "argsz" and "capability chains".
 */
#pragma once

#include "vmm/vfio/ops.h"

#include <linux/vfio.h>

G_BEGIN_DECLS

/* More than any kernel's chain; a bound on what is believed. */
#define TN_VFIO_MAX_INFO_SIZE (64 * 1024)

/**
 * tn_vfio_get_info:
 * @head: (array length=head_size): the struct as the request wants it, argsz first.
 * Returns: (transfer full): the struct, argsz bytes of it, at least @head_size; NULL with
 *   errno.
 */
void *tn_vfio_get_info(const TnVfioKernel *kernel, int fd, unsigned long request,
                       const void *head, guint32 head_size);

/**
 * tn_vfio_find_cap:
 * @info: as tn_vfio_get_info() gave it, with its argsz.
 * @first: offset of the first capability, 0 for none.
 * @min_size: of the capability wanted.
 * @ret_room: bytes from the capability to the end of @info.
 * Returns: the capability @id, NULL when there is none or the chain leads outside.
 */
const void *tn_vfio_find_cap(const void *info, guint32 first, guint16 id, guint32 min_size,
                             guint32 *ret_room);

G_END_DECLS
