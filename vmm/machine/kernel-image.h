/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bzImage's kernel, unpacked and kept in a file (docs/specs/boot.md, "Kept kernels"): the
 * image as it is, with holes for pages of zeroes, and behind it a trailer that says which
 * file it was made from. Written by one tenon-vmm, read by later ones.
 * Threads: any; nothing is shared.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define TN_KERNEL_IMAGE_ERROR (tn_kernel_image_error_quark())
GQuark tn_kernel_image_error_quark(void);

typedef enum {
    TN_KERNEL_IMAGE_ERROR_FORMAT, /* no bzImage, or its payload is no ELF image that unpacks here */
    TN_KERNEL_IMAGE_ERROR_IO,     /* a file cannot be read or written, or changed meanwhile */
} TnKernelImageError;

/* What a kept kernel has behind its image. */
#define TN_KERNEL_IMAGE_TRAILER 80u

/* Called between the last allocation and the first look at what is in the payload. */
typedef gboolean (*TnKernelImageGuard)(GError **error);

/**
 * tn_kernel_image_write:
 * Unpacks the bzImage that @kernel_fd is open on into @out_fd.
 * @kernel_fd: a regular file, read from its beginning; its contents are not trusted.
 * @out_fd: a regular file, empty, written from its beginning.
 * @guard: NULL, or takes away what unpacking does not need. It may fail.
 * Returns: FALSE with @error set (domain TN_KERNEL_IMAGE_ERROR, or @guard's); @out_fd's
 * contents are anything then, but never a kept kernel.
 */
gboolean tn_kernel_image_write(int kernel_fd, int out_fd, TnKernelImageGuard guard,
                               GError **error);

/**
 * tn_kernel_image_check:
 * @image_fd: a file, not trusted to be a kept kernel.
 * @kernel_fd: the bzImage.
 * @ret_size: bytes of the image, not more than TN_UNPACKED_MAX.
 * Returns: whether @image_fd is a whole kept kernel, made from the very file, in the very state,
 * that @kernel_fd is open on.
 */
bool tn_kernel_image_check(int image_fd, int kernel_fd, uint64_t *ret_size);
