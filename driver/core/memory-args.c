/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory devices and boot RAM in the monitor's terms. */
#include "driver/core/memory-args.h"

#include <string.h>

#define FILE_MEMORY_DIR "/var/lib/libvirt/tenon/ram"

/* What decides the kind of a backend, gathered from device, cell and domain. */
typedef struct Backing {
    TnMemorySource source;
    TnMemoryAccess access;
    guint64 hugepage_kib; /* 0: ordinary pages */
    gboolean hugetlb;
    TnTristate discard;
    const TnBitmap *nodes;
    TnNumatuneMode mode;
} Backing;

static void
add_string(json_object *object, const char *key, const char *value)
{
    json_object_object_add(object, key, json_object_new_string(value));
}

static void
add_bool(json_object *object, const char *key, gboolean value)
{
    json_object_object_add(object, key, json_object_new_boolean(value));
}

static void
add_uint(json_object *object, const char *key, guint64 value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

char *
tn_memory_args_backend_id(const char *alias)
{
    return g_strconcat("mem", alias, NULL);
}

static void
find_hugepages(const TnDomainDef *def, int cell, Backing *backing)
{
    const TnHugepage *match = NULL;

    for (guint i = 0; i < def->memory.hugepages->len; i++) {
        const TnHugepage *page = &g_array_index(def->memory.hugepages, TnHugepage, i);

        if (!page->nodeset) {
            match = match ? match : page;
        } else if (cell >= 0 && tn_bitmap_contains(page->nodeset, (guint)cell)) {
            match = page;
        }
    }
    if (match) {
        backing->hugetlb = TRUE;
        backing->hugepage_kib = match->size_kib;
    }
}

static void
find_nodes(const TnDomainDef *def, int cell, Backing *backing)
{
    if (def->numatune.has_memory) {
        backing->nodes = def->numatune.nodeset;
        backing->mode = def->numatune.mode;
    }
    for (guint i = 0; cell >= 0 && i < def->numatune.memnodes->len; i++) {
        const TnMemnode *memnode = &g_array_index(def->numatune.memnodes, TnMemnode, i);

        if (memnode->cell == (guint)cell) {
            backing->nodes = memnode->nodeset;
            backing->mode = memnode->mode;
        }
    }
}

static Backing
domain_backing(const TnDomainDef *def, int cell)
{
    Backing backing = {
        .source = def->memory.source,
        .access = def->memory.access,
        .discard = def->memory.discard ? TN_TRISTATE_YES : TN_TRISTATE_ABSENT,
    };

    find_hugepages(def, cell, &backing);
    find_nodes(def, cell, &backing);
    return backing;
}

static void
add_policy(json_object *object, const Backing *backing)
{
    static const char *const names[TN_NUMATUNE_LAST] = {
        [TN_NUMATUNE_STRICT] = "bind",
        [TN_NUMATUNE_PREFERRED] = "preferred",
        [TN_NUMATUNE_INTERLEAVE] = "interleave",
        [TN_NUMATUNE_RESTRICTIVE] = NULL, /* left to the process's own cpuset */
    };
    json_object *nodes;

    if (!backing->nodes || !names[backing->mode]) {
        return;
    }
    nodes = json_object_new_array();
    for (int n = tn_bitmap_next(backing->nodes, 0); n >= 0;
         n = tn_bitmap_next(backing->nodes, (guint)n + 1)) {
        json_object_array_add(nodes, json_object_new_int(n));
    }
    json_object_object_add(object, "host-nodes", nodes);
    add_string(object, "policy", names[backing->mode]);
}

static json_object *
new_backend(const TnDomainDef *def, const Backing *backing, const char *id, guint64 size_kib)
{
    json_object *object = json_object_new_object();
    gboolean memfd = backing->source == TN_MEMORY_SOURCE_MEMFD || backing->hugetlb;
    gboolean file = !memfd && backing->source == TN_MEMORY_SOURCE_FILE;

    add_string(object, "qom-type",
               memfd  ? "memory-backend-memfd"
               : file ? "memory-backend-file"
                      : "memory-backend-ram");
    add_string(object, "id", id);
    add_uint(object, "size", size_kib * 1024);
    if (file) {
        add_string(object, "mem-path", FILE_MEMORY_DIR);
        add_bool(object, "discard-data", backing->discard == TN_TRISTATE_YES);
    }
    if (memfd && backing->hugetlb) {
        add_bool(object, "hugetlb", TRUE);
        if (backing->hugepage_kib) {
            add_uint(object, "hugetlbsize", backing->hugepage_kib * 1024);
        }
    }
    if (backing->access != TN_MEMORY_ACCESS_DEFAULT || memfd) {
        add_bool(object, "share", backing->access == TN_MEMORY_ACCESS_SHARED);
    }
    if (def->memory.allocation == TN_MEMORY_ALLOCATION_IMMEDIATE || backing->hugetlb) {
        add_bool(object, "prealloc", TRUE);
    }
    if (def->memory.nosharepages) {
        add_bool(object, "merge", FALSE);
    }
    if (def->memory.dump_core != TN_TRISTATE_ABSENT) {
        add_bool(object, "dump", def->memory.dump_core == TN_TRISTATE_YES);
    }
    add_policy(object, backing);
    return object;
}

json_object *
tn_memory_args_backend(const TnDomainDef *def, const TnMemoryDevice *device)
{
    g_autofree char *id = tn_memory_args_backend_id(device->base.info.alias);
    Backing backing = domain_backing(def, device->target_node);

    if (device->access != TN_MEMORY_ACCESS_DEFAULT) {
        backing.access = device->access;
    }
    if (device->discard != TN_TRISTATE_ABSENT) {
        backing.discard = device->discard;
    }
    if (device->pagesize_kib) {
        backing.hugetlb = device->pagesize_kib != 4;
        backing.hugepage_kib = backing.hugetlb ? device->pagesize_kib : 0;
    }
    if (device->source_nodes) {
        backing.nodes = device->source_nodes;
        backing.mode = TN_NUMATUNE_STRICT;
    }
    return new_backend(def, &backing, id, device->size_kib);
}

json_object *
tn_memory_args_device(const TnMemoryDevice *device)
{
    g_autofree char *backend = tn_memory_args_backend_id(device->base.info.alias);
    json_object *object = json_object_new_object();

    add_string(object, "driver", "pc-dimm");
    if (device->target_node >= 0) {
        json_object_object_add(object, "node", json_object_new_int(device->target_node));
    }
    add_string(object, "memdev", backend);
    add_string(object, "id", device->base.info.alias);
    if (device->base.info.address_type == TN_ADDRESS_DIMM) {
        if (device->base.info.address.dimm.slot >= 0) {
            json_object_object_add(object, "slot",
                                   json_object_new_int(device->base.info.address.dimm.slot));
        }
        if (device->base.info.address.dimm.base) {
            add_uint(object, "addr", device->base.info.address.dimm.base);
        }
    }
    return object;
}

json_object *
tn_memory_args_ram(const TnDomainDef *def, int cell, guint64 size_kib, const char *id)
{
    Backing backing = domain_backing(def, cell);

    if (cell >= 0) {
        const TnNumaCell *c = &g_array_index(def->cpu.cells, TnNumaCell, cell);

        if (c->access != TN_MEMORY_ACCESS_DEFAULT) {
            backing.access = c->access;
        }
        if (c->discard != TN_TRISTATE_ABSENT) {
            backing.discard = c->discard;
        }
    }
    return new_backend(def, &backing, id, size_kib);
}

gboolean
tn_memory_args_needs_backend(const TnDomainDef *def)
{
    Backing backing = domain_backing(def, -1);

    return backing.source == TN_MEMORY_SOURCE_MEMFD || backing.source == TN_MEMORY_SOURCE_FILE ||
           backing.hugetlb || backing.nodes || backing.access != TN_MEMORY_ACCESS_DEFAULT ||
           def->memory.allocation == TN_MEMORY_ALLOCATION_IMMEDIATE;
}
