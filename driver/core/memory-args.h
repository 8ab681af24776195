/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A memory device as the monitor's objects: the backend and the DIMM, as JSON
 * that object-add and device_add take at run time and -object and -device at start.
 * Pure.
 */
#ifndef TN_DRIVER_CORE_MEMORY_ARGS_H
#define TN_DRIVER_CORE_MEMORY_ARGS_H

#include <json-c/json.h>

#include "xml/domain.h"

G_BEGIN_DECLS

/* "memdimm0" for alias "dimm0". (transfer full) */
char *tn_memory_args_backend_id(const char *alias);

/**
 * tn_memory_args_backend:
 * @def: gives memoryBacking and numatune.
 * @device: with its alias.
 * Returns: (transfer full): {"qom-type":"memory-backend-ram","id":"memdimm0","size":...}.
 */
json_object *tn_memory_args_backend(const TnDomainDef *def, const TnMemoryDevice *device);

/* {"driver":"pc-dimm","node":0,"memdev":"memdimm0","id":"dimm0","slot":0[,"addr":...]}. */
json_object *tn_memory_args_device(const TnMemoryDevice *device);

/**
 * tn_memory_args_ram:
 * Boot RAM: of node @cell (-1: the machine's one RAM), @size_kib, under @id.
 * Returns: (transfer full).
 */
json_object *tn_memory_args_ram(const TnDomainDef *def, int cell, guint64 size_kib,
                                const char *id);

/* Whether boot RAM without NUMA cells needs a backend of its own kind at all. */
gboolean tn_memory_args_needs_backend(const TnDomainDef *def);

G_END_DECLS

#endif
