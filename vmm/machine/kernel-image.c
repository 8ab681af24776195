/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing and recognising unpacked kernels that are kept in files. */
#include "vmm/machine/kernel-image.h"

#include "vmm/machine/kernel-unpack.h"
#include "vmm/machine/linux-boot-private.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Smaller holes would cost more system calls than they save. */
#define HOLE_SIZE 0x10000u
#define NANOSECONDS UINT64_C(1000000000)

/* Fields are in this host's byte order: files do not travel. */
typedef struct Trailer {
    char magic[24];
    uint64_t image_size;
    /* The kernel's file: what changes when anybody changes it. */
    uint64_t device, inode, size;
    uint64_t mtime, ctime; /* nanoseconds */
    uint64_t reserved;
} Trailer;
G_STATIC_ASSERT(sizeof(Trailer) == TN_KERNEL_IMAGE_TRAILER);

static const char magic[sizeof(((Trailer *)NULL)->magic)] = "Tenon kept kernel 1\n";

G_DEFINE_QUARK(tn-kernel-image-error-quark, tn_kernel_image_error)

static gboolean
fail_errno(GError **error, const char *what)
{
    g_set_error(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_IO, "%s: %s", what,
                g_strerror(errno));
    return FALSE;
}

static gboolean
fail_format(GError **error, const char *why)
{
    g_set_error_literal(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_FORMAT, why);
    return FALSE;
}

/* Whether @fd is a regular file, and what is written of it. */
static bool
describe(int fd, uint64_t image_size, Trailer *ret_trailer)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return false;
    }
    *ret_trailer = (Trailer){
        .image_size = image_size,
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime = (uint64_t)st.st_mtim.tv_sec * NANOSECONDS + (uint64_t)st.st_mtim.tv_nsec,
        .ctime = (uint64_t)st.st_ctim.tv_sec * NANOSECONDS + (uint64_t)st.st_ctim.tv_nsec,
    };
    memcpy(ret_trailer->magic, magic, sizeof(magic));
    return true;
}

static gboolean
read_all(int fd, uint64_t offset, uint8_t *buf, size_t size, GError **error)
{
    while (size > 0) {
        ssize_t n = pread(fd, buf, size, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n < 0 ? errno : ENODATA;
            return fail_errno(error, "cannot read the kernel");
        }
        buf += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return TRUE;
}

static gboolean
write_all(int fd, uint64_t offset, const uint8_t *buf, size_t size, GError **error)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, buf, size, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno(error, "cannot write the unpacked kernel");
        }
        buf += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return TRUE;
}

static bool
is_zero(const uint8_t *p, size_t size)
{
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Linux's image ends in megabytes of zeroes: neither disk nor page cache holds them, and nobody
 * reads them. */
static gboolean
write_image(int fd, const TnScratch *image, GError **error)
{
    for (size_t at = 0; at < image->size;) {
        size_t end = at;

        while (end < image->size &&
               !is_zero(image->data + end, MIN(HOLE_SIZE, image->size - end))) {
            end = MIN(end + HOLE_SIZE, image->size);
        }
        if (!write_all(fd, at, image->data + at, end - at, error)) {
            return FALSE;
        }
        at = MIN(end + HOLE_SIZE, image->size);
    }
    return TRUE;
}

/* The payload as the setup header bounds it, @ret_size what it says of its size unpacked. */
static gboolean
read_payload(int kernel_fd, const Trailer *kernel, TnScratch *packed, size_t *ret_size,
             GError **error)
{
    g_autofree uint8_t *head = g_malloc0(TN_BOOT_HEAD);
    size_t head_size = (size_t)MIN(kernel->size, TN_BOOT_HEAD);
    uint64_t offset, size;

    if (!read_all(kernel_fd, 0, head, head_size, error)) {
        return FALSE;
    }
    if (!tn_bzimage_find_payload(head, head_size, kernel->size, &offset, &size) ||
        size > TN_UNPACKED_MAX) {
        return fail_format(error, "not a bzImage with a payload");
    }
    if (!tn_scratch_init(packed, (size_t)size)) {
        return fail_errno(error, "cannot unpack the kernel");
    }
    if (!read_all(kernel_fd, offset, packed->data, packed->size, error)) {
        return FALSE;
    }
    *ret_size = tn_kernel_unpacked_size(packed->data, packed->size);
    return *ret_size >= SELFMAG ||
           fail_format(error, "its payload is not packed in a way that is known here");
}

gboolean
tn_kernel_image_write(int kernel_fd, int out_fd, TnKernelImageGuard guard, GError **error)
{
    g_auto(TnScratch) packed = { 0 };
    g_auto(TnScratch) image = { 0 };
    Trailer before, after;
    struct stat out;
    size_t size = 0;

    if (!describe(kernel_fd, 0, &before)) {
        return fail_errno(error, "the kernel is not a regular file");
    }
    if (fstat(out_fd, &out) < 0 || !S_ISREG(out.st_mode) || out.st_size != 0) {
        errno = EINVAL;
        return fail_errno(error, "the output is not a new, empty file");
    }
    if (!read_payload(kernel_fd, &before, &packed, &size, error)) {
        return FALSE;
    }
    if (!tn_scratch_init(&image, size)) {
        return fail_errno(error, "cannot unpack the kernel");
    }
    if (guard && !guard(error)) {
        return FALSE;
    }
    if (!tn_kernel_unpack(packed.data, packed.size, &image) ||
        memcmp(image.data, ELFMAG, SELFMAG) != 0) {
        return fail_format(error, "its payload cannot be unpacked to an ELF image");
    }
    if (!write_image(out_fd, &image, error)) {
        return FALSE;
    }
    /* Read while it was being written: nobody can tell what of. */
    before.image_size = image.size;
    if (!describe(kernel_fd, image.size, &after) || memcmp(&before, &after, sizeof(after)) != 0) {
        errno = EBUSY;
        return fail_errno(error, "the kernel has changed meanwhile");
    }
    return write_all(out_fd, image.size, (const uint8_t *)&after, sizeof(after), error);
}

bool
tn_kernel_image_check(int image_fd, int kernel_fd, uint64_t *ret_size)
{
    Trailer found, wanted;
    struct stat st;
    uint64_t size;

    if (fstat(image_fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size < (off_t)(sizeof(found) + SELFMAG) ||
        st.st_size > (off_t)(sizeof(found) + TN_UNPACKED_MAX)) {
        return false;
    }
    size = (uint64_t)st.st_size - sizeof(found);
    if (!describe(kernel_fd, size, &wanted) ||
        !read_all(image_fd, size, (uint8_t *)&found, sizeof(found), NULL) ||
        memcmp(&found, &wanted, sizeof(found)) != 0) {
        return false;
    }
    *ret_size = size;
    return true;
}
