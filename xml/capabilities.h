/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The capabilities XML of the host, formatted from plain data that the caller probed. */
#ifndef TN_XML_CAPABILITIES_H
#define TN_XML_CAPABILITIES_H

#include <glib.h>

/** TnHostPages: one page size of a host or node. */
typedef struct {
    guint64 size_kib;
    guint64 count; /**< pages of that size; only in cells */
} TnHostPages;

/** TnHostCpu: one logical CPU of a host NUMA cell. */
typedef struct {
    guint id;
    int socket_id;        /**< -1: topology unknown (the attributes are left out) */
    int die_id;
    int core_id;
    const char *siblings; /**< CPU list, e.g. "0-1"; NULL: left out */
} TnHostCpu;

/** TnHostDistance: from a cell to another. */
typedef struct {
    guint id;
    guint value; /**< 10 = local */
} TnHostDistance;

/** TnHostCell: one NUMA node of the host. */
typedef struct {
    guint id;
    guint64 memory_kib;
    const TnHostPages *pages;
    guint n_pages;
    const TnHostDistance *distances;
    guint n_distances;
    const TnHostCpu *cpus;
    guint n_cpus;
} TnHostCell;

/** TnMachineType: one machine of the guest section. */
typedef struct {
    const char *name;      /**< "pc-i440fx-7.2" or the alias "pc" */
    const char *canonical; /**< what the alias stands for; NULL: no alias */
    guint max_cpus;
} TnMachineType;

/** TnCapabilities: everything shown; all pointers borrowed for the call. */
typedef struct {
    const char *host_uuid;     /**< 36 characters; NULL: left out */
    const char *arch;          /**< "x86_64" */
    const char *cpu_model;     /**< NULL: left out */
    const char *cpu_vendor;    /**< "AMD", "Intel"; NULL: left out */
    const char *microcode;     /**< version number; NULL: left out */
    guint sockets, dies, cores, threads; /**< sockets 0: topology left out */
    const char *const *cpu_features; /**< NULL-terminated; NULL: none */
    const TnHostPages *pages;  /**< page sizes of the CPU; count is ignored */
    guint n_pages;
    gboolean suspend_mem, suspend_disk, suspend_hybrid;
    gboolean iommu;
    const TnHostCell *cells;
    guint n_cells;
    const char *emulator;      /**< path of tenon-vmm */
    const TnMachineType *machines;
    guint n_machines;
    gboolean kvm;              /**< /dev/kvm is usable; FALSE: no guest can run, none is shown */
} TnCapabilities;

/** tn_capabilities_format: the XML; caller frees. Never fails. */
char *tn_capabilities_format(const TnCapabilities *caps);

#endif
