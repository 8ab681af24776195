/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host is doing: processor times and memory, from /proc and /sys. */
#ifndef TN_DRIVER_HOST_STATS_H
#define TN_DRIVER_HOST_STATS_H

#include <glib.h>

G_BEGIN_DECLS

/** TnHostCpuTimes: nanoseconds since the host came up. */
typedef struct {
    guint64 kernel, user, idle, iowait;
} TnHostCpuTimes;

/**
 * tn_host_cpu_times:
 * @root: prefix of /proc; "" for the host's own.
 * @cpu: a CPU's number, -1: all together.
 * Returns: FALSE when there is no such CPU.
 */
gboolean tn_host_cpu_times(const char *root, int cpu, TnHostCpuTimes *ret_times);

/** TnHostMemory: KiB. */
typedef struct {
    guint64 total, free, buffers, cached;
    gboolean has_cache; /**< @buffers and @cached are known: not for a single node */
} TnHostMemory;

/**
 * tn_host_memory:
 * @node: a NUMA node's number, -1: the whole host.
 * Returns: FALSE when there is no such node.
 */
gboolean tn_host_memory(const char *root, int node, TnHostMemory *ret_memory);

/* Free pages of @size_kib on @node; FALSE when there is no such size or node. */
gboolean tn_host_free_pages(const char *root, int node, guint size_kib, guint64 *ret_count);

G_END_DECLS

#endif
