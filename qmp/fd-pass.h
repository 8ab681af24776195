/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File descriptors over a unix socket (SCM_RIGHTS), either direction. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Descriptors in one message; a peer's surplus is closed by the kernel or by us. */
#define TN_FD_PASS_MAX 16

/**
 * tn_fd_pass_send:
 * @socket: a unix stream socket.
 * @data: (array length=len): bytes to send, at least one when @n_fds is not 0.
 * @fds: (array length=n_fds): sent with the first of them; may be NULL. At most TN_FD_PASS_MAX.
 * Never raises SIGPIPE.
 * Returns: bytes taken, at least 1 (then the descriptors went along); -1 with errno.
 */
gssize tn_fd_pass_send(int socket, const void *data, gsize len, const int *fds, unsigned n_fds);

/**
 * tn_fd_pass_receive:
 * @buf: (array length=len): filled.
 * @fds: (array length=TN_FD_PASS_MAX): filled with *@ret_n_fds descriptors, close-on-exec,
 *   the caller's to close. What came beyond the array is closed.
 * Returns: bytes read, 0 at the end; -1 with errno (and no descriptors).
 */
gssize tn_fd_pass_receive(int socket, void *buf, gsize len, int *fds, unsigned *ret_n_fds);

/* Closes @n descriptors, leaving errno alone. */
void tn_fd_pass_close_all(const int *fds, unsigned n);

G_END_DECLS
