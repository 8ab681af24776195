/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory backends: host memory that a user names ("-object memory-backend-ram,
 * id=mem0,size=256M") and a device or the machine shows to the guest.
 *
 *   new -> properties set -> complete() maps -> region taken, "mapped" -> ... -> unref unmaps
 *
 * Whoever makes one on the user's behalf sets "merge", "dump" and
 * "prealloc-threads" from the machine's options first (g_object_set), then the
 * user's properties. Threads: main thread.
 */
#pragma once

#include "vmm/backend/memory-host.h"
#include "vmm/core/object.h"
#include "vmm/memory/region.h"

G_BEGIN_DECLS

#define TN_TYPE_MEMORY_BACKEND (tn_memory_backend_get_type())
G_DECLARE_DERIVABLE_TYPE(TnMemoryBackend, tn_memory_backend, TN, MEMORY_BACKEND, TnObject)

/**
 * TnMemoryBackendClass:
 * @open: the kind's own half of complete: fills in *@spec (preset: anonymous, the
 *   size, share and reserve of the properties, the host's page size). The
 *   descriptor of @spec becomes the backend's. NULL for anonymous memory.
 * @map_failed: called after @open when a later step failed: undo what @open left
 *   outside of the process. May be NULL.
 * @map_error: what could not be mapped, for the message; (transfer full).
 * @has_contents: the memory may hold something when it is mapped; else it is all zeroes.
 */
struct _TnMemoryBackendClass {
    TnObjectClass parent_class;

    gboolean (*open)(TnMemoryBackend *self, TnHostMemorySpec *spec, GError **error);
    void (*map_failed)(TnMemoryBackend *self);
    char *(*map_error)(TnMemoryBackend *self);
    gboolean has_contents;
};

/* The kinds a user can create. */
GType tn_memory_backend_ram_get_type(void);
GType tn_memory_backend_memfd_get_type(void);
GType tn_memory_backend_file_get_type(void);

/* The "size" property: bytes as the user gave them. */
guint64 tn_memory_backend_get_size(TnMemoryBackend *self);

/**
 * tn_memory_backend_get_alignment:
 * What the guest address of the memory must be a multiple of: the backing store's
 * page size (or "align"), for anonymous memory 2 MiB as QEMU has it. After complete.
 */
guint64 tn_memory_backend_get_alignment(TnMemoryBackend *self);

/**
 * tn_memory_backend_get_region:
 * @memory: the machine's memory core; the same at each call.
 * The backend's memory as a region named after the backend's id, of its size
 * rounded up to whole pages; made at the first call. ROM when "readonly". The
 * backend owns it, so every flat view that shows it keeps the backend alive.
 * Returns: (transfer none), NULL before complete.
 */
TnMemoryRegion *tn_memory_backend_get_region(TnMemoryBackend *self, TnMemory *memory);

/* Whether a device or the machine shows it: it then cannot be deleted, nor
 * given to a second device. */
void tn_memory_backend_set_mapped(TnMemoryBackend *self, gboolean mapped);
gboolean tn_memory_backend_is_mapped(TnMemoryBackend *self);

/* Whether the memory is all zeroes before anybody writes to it. */
gboolean tn_memory_backend_is_zero(TnMemoryBackend *self);

/* Values for query-memdev; host_nodes: TN_HOST_MAX_NODES bits, owned by the backend. */
typedef struct TnMemoryBackendInfo {
    guint64 size;
    gboolean merge, dump, prealloc, share, reserve;
    TnHostMemPolicy policy;
    const gulong *host_nodes;
} TnMemoryBackendInfo;
void tn_memory_backend_get_info(TnMemoryBackend *self, TnMemoryBackendInfo *ret_info);

/* "default", "preferred", "bind", "interleave". */
const char *tn_host_mem_policy_to_string(TnHostMemPolicy policy);

/* The mapping, none before complete; for start-up code that fills guest memory. */
const TnHostMemory *tn_memory_backend_get_mapping(TnMemoryBackend *self);

/* The enum type of "policy", called "HostMemPolicy". */
#define TN_TYPE_HOST_MEM_POLICY (tn_host_mem_policy_get_type())
GType tn_host_mem_policy_get_type(void);

G_END_DECLS
