/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Regions alone: how each kind is made and taken apart.
 */
#include "vmm/memory/region.h"

#include "vmm/memory/iommu.h"
#include "vmm/memory/memory-private.h"

static void
init(TnMemoryRegion *mr, TnMemory *memory, GObject *owner, TnRegionKind kind, const char *name,
     uint64_t size)
{
    g_assert(size > 0);
    *mr = (TnMemoryRegion){
        .memory = memory,
        .owner = owner,
        .name = g_strdup(name),
        .kind = kind,
        .last_offset = size == TN_SIZE_WHOLE ? UINT64_MAX : size - 1,
        .enabled = true,
    };
}

void
tn_memory_region_init(TnMemoryRegion *mr, TnMemory *memory, GObject *owner, const char *name,
                      uint64_t size)
{
    init(mr, memory, owner, TN_REGION_CONTAINER, name, size);
}

void
tn_memory_region_init_io(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                         const TnMemoryRegionOps *ops, void *opaque, const char *name,
                         uint64_t size)
{
    g_assert(ops);
    init(mr, memory, owner, TN_REGION_MMIO, name, size);
    mr->ops = ops;
    mr->opaque = opaque;
}

void
tn_memory_region_init_ram(TnMemoryRegion *mr, TnMemory *memory, GObject *owner, const char *name,
                          uint64_t size, const TnRamBlock *ram)
{
    g_assert(ram->host);
    init(mr, memory, owner, TN_REGION_RAM, name, size);
    mr->ram = *ram;
}

void
tn_memory_region_init_ram_device(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                                 const char *name, uint64_t size, const TnRamBlock *ram)
{
    tn_memory_region_init_ram(mr, memory, owner, name, size, ram);
    mr->ram_device = true;
}

void
tn_memory_region_init_rom(TnMemoryRegion *mr, TnMemory *memory, GObject *owner, const char *name,
                          uint64_t size, const TnRamBlock *ram)
{
    tn_memory_region_init_ram(mr, memory, owner, name, size, ram);
    mr->kind = TN_REGION_ROM;
}

void
tn_memory_region_init_rom_device(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                                 const TnMemoryRegionOps *ops, void *opaque, const char *name,
                                 uint64_t size, const TnRamBlock *ram)
{
    g_assert(ops && ram->host);
    init(mr, memory, owner, TN_REGION_ROM_DEVICE, name, size);
    mr->ops = ops;
    mr->opaque = opaque;
    mr->ram = *ram;
    mr->romd = true;
}

void
tn_memory_region_init_iommu(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                            const TnIommuOps *ops, void *opaque, const char *name, uint64_t size)
{
    g_assert(ops && ops->translate);
    init(mr, memory, owner, TN_REGION_IOMMU, name, size);
    mr->iommu_ops = ops;
    mr->opaque = opaque;
}

void
tn_memory_region_init_alias(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                            const char *name, TnMemoryRegion *target, uint64_t offset,
                            uint64_t size)
{
    g_assert(target && target != mr);
    init(mr, memory, owner, TN_REGION_ALIAS, name, size);
    mr->alias = target;
    mr->alias_offset = offset;
    tn_memory_lock(memory);
    if (!target->aliases) {
        target->aliases = g_ptr_array_new();
    }
    g_ptr_array_add(target->aliases, mr);
    tn_memory_unlock(memory);
}

/* Aliases that outlive their target show nothing from here on. */
static void
detach_aliases_locked(TnMemoryRegion *mr)
{
    for (unsigned i = 0; mr->aliases && i < mr->aliases->len; i++) {
        TnMemoryRegion *alias = mr->aliases->pdata[i];

        alias->alias = NULL;
        tn_memory_mark_changed_locked(mr->memory);
    }
    g_clear_pointer(&mr->aliases, g_ptr_array_unref);
}

static void
free_extras(TnMemoryRegion *mr)
{
    if (mr->iommu_notifiers && mr->iommu_notifiers->len > 0) {
        g_error("IOMMU region '%s' ends while %u notifiers are registered", mr->name,
                mr->iommu_notifiers->len);
    }
    g_clear_pointer(&mr->iommu_notifiers, g_ptr_array_unref);
    g_clear_pointer(&mr->eventfds, g_array_unref);
    g_clear_pointer(&mr->coalesced, g_array_unref);
    tn_dirty_bitmaps_free(mr);
}

/* ops, opaque and ram stay as they are: readers may still be on their way to them. */
void
tn_memory_region_done(TnMemoryRegion *mr)
{
    TnMemory *memory = mr->memory;

    if (!memory) {
        return;
    }
    if (mr->container) {
        g_error("region '%s' ends while it is in container '%s'", mr->name, mr->container->name);
    }
    tn_memory_begin(memory);
    while (mr->subregions && mr->subregions->len > 0) {
        tn_memory_region_del_subregion(mr, mr->subregions->pdata[mr->subregions->len - 1]);
    }
    g_clear_pointer(&mr->subregions, g_ptr_array_unref);
    detach_aliases_locked(mr);
    if (mr->alias) {
        g_ptr_array_remove_fast(mr->alias->aliases, mr);
        mr->alias = NULL;
    }
    tn_memory_commit(memory);
    free_extras(mr);
    g_clear_pointer(&mr->name, g_free);
    mr->memory = NULL;
}
