/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every call by which vmm/vfio reaches the kernel, as a table, so that tests put a
 * container, a group and a device of their own in the kernel's place.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* As the system calls of these names: -1 (MAP_FAILED) and errno on failure. */
typedef struct TnVfioOps {
    int (*open)(void *opaque, const char *path);
    int (*close)(void *opaque, int fd);
    /* @arg: what the request takes: a pointer, or a number as one. */
    int (*ioctl)(void *opaque, int fd, unsigned long request, void *arg);
    ssize_t (*pread)(void *opaque, int fd, void *buf, size_t len, uint64_t offset);
    ssize_t (*pwrite)(void *opaque, int fd, const void *buf, size_t len, uint64_t offset);
    void *(*mmap)(void *opaque, size_t len, int prot, int fd, uint64_t offset);
    int (*munmap)(void *opaque, void *addr, size_t len);
    /* The target of a symbolic link, (transfer full); NULL with errno. */
    char *(*read_link)(void *opaque, const char *path);
    /* Whether @path exists. */
    gboolean (*exists)(void *opaque, const char *path);
} TnVfioOps;

/* The kernel itself; its opaque is NULL. */
extern const TnVfioOps tn_vfio_system_ops;

/* @ops with its opaque: what everything of one machine uses. */
typedef struct TnVfioKernel {
    const TnVfioOps *ops;
    void *opaque;
} TnVfioKernel;

static inline int
tn_vfio_ioctl(const TnVfioKernel *kernel, int fd, unsigned long request, void *arg)
{
    return kernel->ops->ioctl(kernel->opaque, fd, request, arg);
}

/* Closes *@fd and makes it -1; -1 is fine. */
static inline void
tn_vfio_close(const TnVfioKernel *kernel, int *fd)
{
    if (*fd >= 0) {
        (void)kernel->ops->close(kernel->opaque, *fd);
        *fd = -1;
    }
}

G_END_DECLS
