/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's own calls. */
#include "vmm/vfio/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int
system_open(void *opaque, const char *path)
{
    return open(path, O_RDWR | O_CLOEXEC);
}

static int
system_close(void *opaque, int fd)
{
    return close(fd);
}

static int
system_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    int r;

    do {
        r = ioctl(fd, request, arg);
    } while (r < 0 && errno == EINTR);
    return r;
}

static ssize_t
system_pread(void *opaque, int fd, void *buf, size_t len, uint64_t offset)
{
    return pread(fd, buf, len, (off_t)offset);
}

static ssize_t
system_pwrite(void *opaque, int fd, const void *buf, size_t len, uint64_t offset)
{
    return pwrite(fd, buf, len, (off_t)offset);
}

static void *
system_mmap(void *opaque, size_t len, int prot, int fd, uint64_t offset)
{
    return mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)offset);
}

static int
system_munmap(void *opaque, void *addr, size_t len)
{
    return munmap(addr, len);
}

static char *
system_read_link(void *opaque, const char *path)
{
    g_autoptr(GError) error = NULL;
    char *target = g_file_read_link(path, &error);

    if (!target && !errno) {
        errno = ENOENT;
    }
    return target;
}

static gboolean
system_exists(void *opaque, const char *path)
{
    return access(path, F_OK) == 0;
}

const TnVfioOps tn_vfio_system_ops = {
    .open = system_open,
    .close = system_close,
    .ioctl = system_ioctl,
    .pread = system_pread,
    .pwrite = system_pwrite,
    .mmap = system_mmap,
    .munmap = system_munmap,
    .read_link = system_read_link,
    .exists = system_exists,
};
