/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program's other use: unpacking a kernel for later starts (-x-unpack-kernel). */
#pragma once

#include <glib.h>

/**
 * tn_kernel_unpacker_run:
 * Unpacks the bzImage on standard input to standard output, both regular files, in the form of
 * vmm/machine/kernel-image.h. The process gives up what rights it has before it looks at the
 * kernel, which it does not trust, and ends with its parent. Before there are threads.
 * Returns: FALSE with @error.
 */
gboolean tn_kernel_unpacker_run(GError **error);
