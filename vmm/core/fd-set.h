/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of descriptors, numbered and kept by the object tree for whoever opens a file in it: the
 * path "/dev/fdset/N" stands for the descriptor of set N that was opened for the same kind of
 * access. Filled by -add-fd and the monitor's add-fd. As with QEMU, what is opened is a duplicate:
 * it shares the file offset, and stays open when the set goes.
 *
 * Threads: main thread.
 */
#pragma once

#include "vmm/core/object.h"

#include <sys/types.h>

G_BEGIN_DECLS

typedef struct TnFdsets TnFdsets;

/* Descriptors in all sets together. */
#define TN_FDSETS_MAX_FDS 1024
/* Bytes of a note on one. */
#define TN_FDSETS_MAX_OPAQUE 4096

/* The sets of the tree that @self is in; they live as long as its root. (transfer none) */
TnFdsets *tn_fdsets_get(TnObject *self);

/* @self, which is not in the tree yet, opens from the sets of @tree until NULL is given. */
void tn_fdsets_lend(TnObject *self, TnObject *tree);

/**
 * tn_fdsets_add:
 * @set: its number; below 0: the first free one.
 * @fd: (transfer full): also when it fails.
 * @opaque: (nullable): a note.
 * @ret_set: (optional): the set.
 * @error: GENERIC: a limit.
 */
gboolean tn_fdsets_add(TnFdsets *sets, gint64 set, int fd, const char *opaque, gint64 *ret_set,
                       GError **error);

/* Closes the descriptor @fd of @set, or with -1 all. Returns: whether there was any. */
gboolean tn_fdsets_remove(TnFdsets *sets, gint64 set, gint64 fd);

/* Each descriptor: in QEMU's order, the highest set first, within one the oldest first. */
typedef void (*TnFdsetsFunc)(gint64 set, int fd, const char *opaque, gpointer user_data);
void tn_fdsets_foreach(const TnFdsets *sets, TnFdsetsFunc func, gpointer user_data);

/* Whether @path names a set, rightly or not: begins with "/dev/fdset/". */
gboolean tn_fdset_is_path(const char *path);

/**
 * tn_object_open_file:
 * @self: who opens; its tree's sets count.
 * @path, @flags, @mode: as of open(2). For a set: O_APPEND, O_NONBLOCK, O_DIRECT and O_TRUNC act
 *   on what is there; the kind of access must be the one of a descriptor in the set.
 * Returns: (transfer full): close-on-exec; -1 with errno: of open(2), or for a set EINVAL (no
 *   number), ENOENT (no such set), EACCES (no descriptor for that access).
 */
int tn_object_open_file(TnObject *self, const char *path, int flags, mode_t mode);

G_END_DECLS
