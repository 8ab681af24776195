/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices for those who implement one. */
#pragma once

#include "vmm/backend/chardev.h"

#include <sys/types.h>

/**
 * TnChardevClass:
 * TnObjectClass.complete opens the device.
 * @receive: like read(2), never blocks: bytes, 0 at the end, -1 with errno. NULL: read(2).
 * @send: like write(2), never blocks. NULL: write(2).
 * @hangup: the peer is gone (end of input, or a fault); called after all input was read.
 *   Default: tn_chardev_set_closed().
 * @describe: NULL: the type's name without "chardev-".
 * @can_disconnect: tn_chardev_disconnect() calls hangup; else it does nothing.
 */
struct _TnChardevClass {
    TnObjectClass parent_class;

    ssize_t (*receive)(TnChardev *self, int fd, void *buf, gsize len);
    ssize_t (*send)(TnChardev *self, int fd, const void *buf, gsize len);
    void (*hangup)(TnChardev *self);
    char *(*describe)(TnChardev *self);
    gboolean can_disconnect;
};

/* A peer is there: read from @in_fd, write to @out_fd (-1: not). (transfer none):
 * they must stay open until closed is set or the object is finalized. */
void tn_chardev_set_open(TnChardev *self, int in_fd, int out_fd);
/* The peer is gone; a no-op when it is already. Does not close descriptors. */
void tn_chardev_set_closed(TnChardev *self);
/* No more input, output goes on (a file's end). */
void tn_chardev_stop_input(TnChardev *self);

/* Replaces the kept descriptors. (transfer full) */
void tn_chardev_keep_fds(TnChardev *self, const int *fds, unsigned count);

/* Fails with errno's text after a prefix: "<prefix>: <strerror>". Returns FALSE. */
gboolean tn_chardev_fail_errno(GError **error, int err, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
