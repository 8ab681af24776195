/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host is made of: processors, NUMA nodes, memory, as /sys and /proc tell. */
#ifndef TN_DRIVER_HOST_TOPOLOGY_H
#define TN_DRIVER_HOST_TOPOLOGY_H

#include <glib.h>

G_BEGIN_DECLS

/** TnHostPageSize: pages of one size on a node. */
typedef struct {
    guint64 size_kib;
    guint64 count;
} TnHostPageSize;

/** TnHostProcessor: one online logical CPU. */
typedef struct {
    guint id;
    int socket, die, core; /**< -1: unknown */
    char *siblings;        /**< CPU list, owned; NULL: unknown */
} TnHostProcessor;

/** TnHostNode: one NUMA node; a host without NUMA has one. */
typedef struct {
    guint id;
    guint64 memory_kib;
    GArray *cpus;      /**< of TnHostProcessor */
    GArray *pages;     /**< of TnHostPageSize, ordinary ones first */
    GArray *distances; /**< of guint, one per node in the order of nodes; may be empty */
} TnHostNode;

/** TnHostTopology: everything that stays as it is while the host runs. */
typedef struct {
    char *model;        /**< of the CPU, "" when unknown; owned as all strings here */
    char *vendor;       /**< "Intel", "AMD" or NULL */
    char *microcode;    /**< decimal number, or NULL */
    GStrv flags;        /**< features as the kernel names them */
    guint mhz;
    guint64 memory_kib;
    guint n_cpus;       /**< online */
    guint n_possible;   /**< with those that are offline */
    guint sockets, dies, cores, threads; /**< per node, socket, die, core: as libvirt counts */
    GArray *nodes;      /**< of TnHostNode */
} TnHostTopology;

/**
 * tn_host_topology_read:
 * @root: prefix of /sys and /proc; "" for the host's own.
 * What cannot be read is left at its least value; never fails. Any thread.
 */
TnHostTopology *tn_host_topology_read(const char *root);
void tn_host_topology_free(TnHostTopology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnHostTopology, tn_host_topology_free)

G_END_DECLS

#endif
