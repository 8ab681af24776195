/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process that unpacks a kernel: tenon-vmm's -x-unpack-kernel, with limits. */
#ifndef TN_DRIVER_CORE_KERNEL_UNPACKER_H
#define TN_DRIVER_CORE_KERNEL_UNPACKER_H

#include <glib.h>

G_BEGIN_DECLS

/* The largest file that it can write: the largest kernel that is unpacked, and its trailer. */
#define TN_KERNEL_UNPACKER_MAX_BYTES ((G_GUINT64_CONSTANT(256) << 20) + 4096)

/* How it ended. */
typedef enum {
    TN_KERNEL_UNPACKER_DONE,
    TN_KERNEL_UNPACKER_REFUSED,   /* there is nothing in this kernel that it could unpack */
    TN_KERNEL_UNPACKER_FAILED,    /* another time it may succeed */
    TN_KERNEL_UNPACKER_CANCELLED,
} TnKernelUnpackerResult;

/**
 * tn_kernel_unpacker_run:
 * Runs @program on @kernel_fd with @out_fd as its output and waits for its end. It dies with the
 * calling thread. Both descriptors are any but 0, 1, 2.
 * @cancel_fd: becomes readable: it is killed.
 * @ret_why: (out) (transfer full): on REFUSED and FAILED a few words for a log.
 * Any thread that may wait.
 */
TnKernelUnpackerResult tn_kernel_unpacker_run(const char *program, int kernel_fd, int out_fd,
                                              int cancel_fd, char **ret_why);

G_END_DECLS

#endif
