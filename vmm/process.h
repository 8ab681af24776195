/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process around the machine: background, pid file, name. Main thread. */
#pragma once

#include <glib.h>

/**
 * tn_process_daemonize:
 * -daemonize: forks before any thread exists. The parent waits until the child
 * calls tn_process_ready() and exits with status 0, or with 1 when the child
 * ends first; it never returns from here.
 * Returns: FALSE with @error when the fork fails; in the child TRUE.
 */
gboolean tn_process_daemonize(int *ret_ready_fd, GError **error);

/* The child: lets go of the terminal and the parent. */
void tn_process_ready(int ready_fd);

/**
 * tn_process_dup_inherited:
 * @fd: a number from the command line.
 * @error: GENERIC "fd is not valid or already in use": nothing that the process inherited.
 * Returns: (transfer full): a duplicate, close-on-exec; -1.
 */
int tn_process_dup_inherited(gint64 fd, GError **error);

/* Writes the process id and holds a lock on the file for life. */
gboolean tn_process_write_pidfile(const char *path, GError **error);
