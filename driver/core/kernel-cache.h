/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernels that were unpacked once, kept in a folder for later starts (docs/specs/driver.md,
 * "Kept kernels"). What an entry holds is between one tenon-vmm that writes it, with few rights,
 * and others that read it; here it is only known by name, owner, size and times.
 */
#ifndef TN_DRIVER_CORE_KERNEL_CACHE_H
#define TN_DRIVER_CORE_KERNEL_CACHE_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct TnKernelCache TnKernelCache;

/**
 * TnKernelCacheConfig: strings are copied.
 * @dir: the folder, made (0700) when the first kernel is kept; NULL: nothing is ever kept
 * @program: tenon-vmm
 * @max_entries, @max_bytes: how many are kept, and how much disk they may take; 0: the usual
 */
typedef struct {
    const char *dir;
    const char *program;
    guint max_entries;
    guint64 max_bytes;
} TnKernelCacheConfig;

/* Touches no disk. Never fails. */
TnKernelCache *tn_kernel_cache_new(const TnKernelCacheConfig *config);

/* Ends what is under way, and waits for that. NULL is fine. */
void tn_kernel_cache_free(TnKernelCache *cache);

/**
 * tn_kernel_cache_open:
 * @kernel: path of a kernel's file.
 * Returns: a descriptor (close-on-exec) of what that file was unpacked to, or -1 when that is
 * not kept, or not as it was left. Whoever uses it holds it against the kernel's file once more.
 * Any thread.
 */
int tn_kernel_cache_open(TnKernelCache *cache, const char *kernel);

/**
 * tn_kernel_cache_fill:
 * Has @kernel unpacked and kept for the next start, in the background, unless it is already,
 * or was found to be nothing that can be unpacked. A folder that cannot be written is warned of
 * once. Returns at once; any thread.
 */
void tn_kernel_cache_fill(TnKernelCache *cache, const char *kernel);

/* Waits until nothing is under way or waiting. For tests. */
void tn_kernel_cache_wait(TnKernelCache *cache);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnKernelCache, tn_kernel_cache_free)

G_END_DECLS

#endif
