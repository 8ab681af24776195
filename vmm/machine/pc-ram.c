/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boot RAM: its backends and their two windows around the PCI hole. */
#include "vmm/machine/pc-ram.h"

#include "vmm/backend/memory-backend.h"
#include "vmm/machine/e820.h"
#include "vmm/machine/machine-private.h"
#include "vmm/memory/address-space.h"

#include <sys/mman.h>

#define GIB (1ULL << 30)
/* What one huge page at address 0 would be. */
#define TN_PC_RAM_LOW_SIZE (2ULL << 20)

struct TnPcRam {
    TnMachine *machine;
    GPtrArray *backends;      /* of TnMemoryBackend, references, in guest order */
    TnMemoryRegion container; /* joins several backends; unused with one */
    TnMemoryRegion *all;      /* the one region that is all of RAM */
    TnMemoryRegion below, above;
    gboolean mapped_below, mapped_above;
    guint64 below_size, above_size;
};

guint64
tn_pc_ram_below_4g(const TnPcRam *ram)
{
    return ram->below_size;
}

guint64
tn_pc_ram_above_4g(const TnPcRam *ram)
{
    return ram->above_size;
}

static gboolean
add_backend(TnPcRam *ram, const char *id, guint64 size, GError **error)
{
    TnObject *object = tn_object_get_child(ram->machine->objects, id);
    TnMemoryBackend *backend;

    if (!object || !TN_IS_MEMORY_BACKEND(object)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND,
                    "memory backend '%s' not found", id);
        return FALSE;
    }
    backend = TN_MEMORY_BACKEND(object);
    if (tn_memory_backend_is_mapped(backend)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "memory backend %s is used multiple times", id);
        return FALSE;
    }
    if (size && tn_memory_backend_get_size(backend) != size) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Machine memory size does not match the size of the memory backend '%s': "
                    "%" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT " bytes",
                    id, size, tn_memory_backend_get_size(backend));
        return FALSE;
    }
    tn_memory_backend_set_mapped(backend, TRUE);
    g_ptr_array_add(ram->backends, g_object_ref(backend));
    return TRUE;
}

static gboolean
add_default_backend(TnPcRam *ram, GError **error)
{
    json_object *props = json_object_new_object();
    gboolean ok;

    json_object_object_add(props, "size",
                           json_object_new_uint64(ram->machine->config->ram_size));
    ok = tn_machine_object_add(ram->machine, "memory-backend-ram", "pc.ram", props,
                               TN_PROPERTY_STRICT, error);
    json_object_put(props);
    return ok && add_backend(ram, "pc.ram", 0, error);
}

/* With memdevs, boot RAM is what the nodes sum up to, as -m must say too. */
static gboolean
add_node_backends(TnPcRam *ram, GError **error)
{
    TnMachineConfig *config = ram->machine->config;
    guint64 sum = 0;

    for (unsigned i = 0; i < config->num_numa; i++) {
        TnNumaNode *node = &config->numa[i];

        if (!node->memdev) {
            continue; /* a node without memory, as yet */
        }
        if (!add_backend(ram, node->memdev, 0, error)) {
            return FALSE;
        }
        node->size = tn_memory_backend_get_size(
            g_ptr_array_index(ram->backends, ram->backends->len - 1));
        sum += node->size;
    }
    if (sum != config->ram_size) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "total memory for NUMA nodes (0x%" G_GINT64_MODIFIER
                    "x) should equal RAM size (0x%" G_GINT64_MODIFIER "x)",
                    sum, config->ram_size);
        return FALSE;
    }
    return TRUE;
}

static gboolean
find_backends(TnPcRam *ram, GError **error)
{
    const TnMachineConfig *config = ram->machine->config;

    for (unsigned i = 0; i < config->num_numa; i++) {
        if (config->numa[i].memdev) {
            return add_node_backends(ram, error);
        }
    }
    if (config->memory_backend) {
        return add_backend(ram, config->memory_backend, config->ram_size, error);
    }
    return add_default_backend(ram, error);
}

/* One region for all of RAM: the backend's own, or a container of several. */
static void
join_backends(TnPcRam *ram)
{
    TnMemory *memory = ram->machine->platform.memory;
    guint64 offset = 0;

    if (ram->backends->len == 1) {
        ram->all = tn_memory_backend_get_region(g_ptr_array_index(ram->backends, 0), memory);
        return;
    }
    tn_memory_region_init(&ram->container, memory, NULL, "pc.ram",
                          ram->machine->config->ram_size);
    for (guint i = 0; i < ram->backends->len; i++) {
        TnMemoryBackend *backend = g_ptr_array_index(ram->backends, i);

        tn_memory_region_add_subregion(&ram->container, offset,
                                       tn_memory_backend_get_region(backend, memory));
        offset += tn_memory_backend_get_size(backend);
    }
    ram->all = &ram->container;
}

static gboolean
map_windows(TnPcRam *ram, GError **error)
{
    const TnPlatform *p = &ram->machine->platform;

    tn_memory_begin(p->memory);
    tn_memory_region_init_alias(&ram->below, p->memory, NULL, "ram-below-4g", ram->all, 0,
                                ram->below_size);
    tn_memory_region_add_subregion(p->system_memory, 0, &ram->below);
    ram->mapped_below = TRUE;
    if (ram->above_size) {
        tn_memory_region_init_alias(&ram->above, p->memory, NULL, "ram-above-4g", ram->all,
                                    ram->below_size, ram->above_size);
        tn_memory_region_add_subregion(p->system_memory, 4 * GIB, &ram->above);
        ram->mapped_above = TRUE;
    }
    /* A guest whose RAM the accelerator did not take would run into nothing. */
    return tn_memory_commit_checked(p->memory, error);
}

/*
 * Every start writes a few pages here: tables, boot parameters. The VGA window and the
 * firmware's shadows cut it up, so that it gains nothing from being one huge page, and
 * zeroing that would be the dearest part of starting a small guest.
 */
static void
keep_low_memory_in_small_pages(TnPcRam *ram)
{
    guint64 size;
    void *host = tn_address_space_ram_ptr(ram->machine->platform.memory_space, 0, &size);

    if (host) {
        (void)madvise(host, MIN(size, TN_PC_RAM_LOW_SIZE), MADV_NOHUGEPAGE);
    }
}

TnPcRam *
tn_pc_ram_new(TnMachine *machine, GError **error)
{
    TnPcRam *ram = g_new0(TnPcRam, 1);

    ram->machine = machine;
    ram->backends = g_ptr_array_new_with_free_func(g_object_unref);
    if (!find_backends(ram, error)) {
        tn_pc_ram_free(ram);
        return NULL;
    }
    tn_e820_split_ram(machine->config->ram_size, &ram->below_size, &ram->above_size);
    join_backends(ram);
    if (!map_windows(ram, error)) {
        tn_pc_ram_free(ram);
        return NULL;
    }
    keep_low_memory_in_small_pages(ram);
    return ram;
}

gboolean
tn_pc_ram_is_zero(const TnPcRam *ram)
{
    for (guint i = 0; i < ram->backends->len; i++) {
        if (!tn_memory_backend_is_zero(g_ptr_array_index(ram->backends, i))) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_pc_ram_free(TnPcRam *ram)
{
    const TnPlatform *p;

    if (!ram) {
        return;
    }
    p = &ram->machine->platform;
    tn_memory_begin(p->memory);
    if (ram->mapped_below) {
        tn_memory_region_del_subregion(p->system_memory, &ram->below);
    }
    if (ram->mapped_above) {
        tn_memory_region_del_subregion(p->system_memory, &ram->above);
    }
    tn_memory_commit(p->memory);
    tn_memory_synchronize(p->memory);
    tn_memory_region_done(&ram->below);
    tn_memory_region_done(&ram->above);
    for (guint i = 0; i < ram->backends->len; i++) {
        TnMemoryBackend *backend = g_ptr_array_index(ram->backends, i);

        if (ram->all == &ram->container) {
            tn_memory_region_del_subregion(&ram->container,
                                           tn_memory_backend_get_region(backend, p->memory));
        }
        tn_memory_backend_set_mapped(backend, FALSE);
    }
    tn_memory_region_done(&ram->container);
    g_ptr_array_unref(ram->backends);
    g_free(ram);
}
