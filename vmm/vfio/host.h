/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one machine has of VFIO: the kernel behind it, its containers and groups. The
 * object "/vfio", made when it is first asked for. Main thread.
 */
#pragma once

#include "vmm/core/object.h"
#include "vmm/vfio/ops.h"

#include <json-c/json.h>

G_BEGIN_DECLS

#define TN_TYPE_VFIO_HOST (tn_vfio_host_get_type())
G_DECLARE_FINAL_TYPE(TnVfioHost, tn_vfio_host, TN, VFIO_HOST, TnObject)

/**
 * TnVfioHost:
 * @containers: TnVfioContainer *, those that are alive; not owned.
 * @groups: TnVfioGroup *, likewise.
 * @functions: TnVfioPci *, those that have their device; not owned.
 */
struct _TnVfioHost {
    TnObject parent_instance;

    TnVfioKernel kernel;
    GPtrArray *containers;
    /* The main thread changes these, and a group's list of devices, under lock and reads them
     * without; a vCPU's thread reads them under lock (a bridge's secondary bus reset). */
    GRecMutex lock;
    GPtrArray *groups;
    GPtrArray *functions;
};

/* Adds to or takes from one of the lists, under lock. Main thread. */
void tn_vfio_host_list_add(TnVfioHost *self, GPtrArray *list, gpointer item);
void tn_vfio_host_list_remove(TnVfioHost *self, GPtrArray *list, gpointer item);

/* The host of the tree that @object is in. (transfer none) */
TnVfioHost *tn_vfio_host_of(TnObject *object);

/* For tests: a host with another kernel, which becomes @root's. (transfer none) */
TnVfioHost *tn_vfio_host_install(TnObject *root, const TnVfioOps *ops, void *opaque);

/* x-query-dma-maps: (transfer full): the containers with groups, devices and maps. */
json_object *tn_vfio_describe_dma_maps(TnObject *root);

G_END_DECLS
