/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors by name: how an object that is made over the monitor takes a descriptor
 * that the client sent before (getfd). Whoever carries out a client's command tells the
 * object tree whose names count while it does; the object asks when it is completed.
 *
 *   monitor: tn_fd_source_set(root, &source); object-add ...; tn_fd_source_set(root, NULL)
 *   object's complete: fd = tn_fd_source_take(TN_OBJECT(self), "container-fd", name, error)
 *
 * Threads: main thread.
 */
#pragma once

#include "vmm/core/object.h"

G_BEGIN_DECLS

/* @take: (transfer full): hands out, once, what is kept as @name; -1 with @error. */
typedef struct TnFdSource {
    int (*take)(void *opaque, const char *name, GError **error);
    void *opaque;
} TnFdSource;

/* @root: of the object tree. @source: (transfer none): NULL for none; stays until it is
 * taken back. */
void tn_fd_source_set(TnObject *root, const TnFdSource *source);

/**
 * tn_fd_source_take:
 * @self: who asks, inside of the tree.
 * @property: for messages.
 * @name: what the user gave: a name of the client whose command is carried out, or where
 *   there is none (the command line) the number of an inherited descriptor, above 2.
 * @error: GENERIC: "File descriptor named '<name>' not found", "Parameter '<property>'
 *   expects a file descriptor".
 * Returns: (transfer full): a descriptor, close-on-exec; -1.
 */
int tn_fd_source_take(TnObject *self, const char *property, const char *name, GError **error);

G_END_DECLS
