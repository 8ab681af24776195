/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The region tree: places in containers, and changes of what is in the tree.
 * Every change is a transaction of its own unless one is open already.
 */
#include "vmm/memory/memory-private.h"

/* The addresses of @mr in its container, cut off at the end of the address space. */
static TnRange
place(const TnMemoryRegion *mr)
{
    uint64_t room = UINT64_MAX - mr->addr;

    return (TnRange){ mr->addr, mr->addr + MIN(mr->last_offset, room) };
}

static void
insert_locked(TnMemoryRegion *container, TnMemoryRegion *sub)
{
    unsigned i = 0;

    if (!container->subregions) {
        container->subregions = g_ptr_array_new();
    }
    while (i < container->subregions->len) {
        const TnMemoryRegion *other = container->subregions->pdata[i];

        if (sub->priority >= other->priority) {
            break;
        }
        i++;
    }
    g_ptr_array_insert(container->subregions, (int)i, sub);
    sub->container = container;
    if (sub->enabled) {
        tn_memory_mark_changed_locked(container->memory);
    }
}

static void
check_overlap_locked(const TnMemoryRegion *container, const TnMemoryRegion *sub)
{
    for (unsigned i = 0; container->subregions && i < container->subregions->len; i++) {
        const TnMemoryRegion *other = container->subregions->pdata[i];

        if (!other->may_overlap && tn_range_overlaps(place(sub), place(other))) {
            g_critical("region '%s' overlaps '%s' in '%s'", sub->name, other->name,
                       container->name);
        }
    }
}

static void
add(TnMemoryRegion *container, uint64_t offset, TnMemoryRegion *sub, int32_t priority,
    bool may_overlap)
{
    g_assert(container->kind != TN_REGION_ALIAS);
    g_assert(container->memory == sub->memory);
    g_assert(!sub->container);

    tn_memory_begin(container->memory);
    sub->addr = offset;
    sub->priority = priority;
    sub->may_overlap = may_overlap;
    if (!may_overlap) {
        check_overlap_locked(container, sub);
    }
    insert_locked(container, sub);
    tn_memory_commit(container->memory);
}

void
tn_memory_region_add_subregion(TnMemoryRegion *container, uint64_t offset, TnMemoryRegion *sub)
{
    add(container, offset, sub, 0, false);
}

void
tn_memory_region_add_subregion_overlap(TnMemoryRegion *container, uint64_t offset,
                                       TnMemoryRegion *sub, int32_t priority)
{
    add(container, offset, sub, priority, true);
}

void
tn_memory_region_del_subregion(TnMemoryRegion *container, TnMemoryRegion *sub)
{
    g_assert(sub->container == container);

    tn_memory_begin(container->memory);
    g_ptr_array_remove(container->subregions, sub);
    sub->container = NULL;
    if (sub->enabled) {
        tn_memory_mark_changed_locked(container->memory);
    }
    tn_memory_commit(container->memory);
}

/* To be called inside of a transaction, after a change of @mr. */
static void
changed_locked(TnMemoryRegion *mr)
{
    if (mr->enabled) {
        tn_memory_mark_changed_locked(mr->memory);
    }
}

void
tn_memory_region_set_enabled(TnMemoryRegion *mr, bool enabled)
{
    tn_memory_begin(mr->memory);
    if (mr->enabled != enabled) {
        mr->enabled = enabled;
        tn_memory_mark_changed_locked(mr->memory);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_address(TnMemoryRegion *mr, uint64_t offset)
{
    tn_memory_begin(mr->memory);
    if (mr->addr != offset) {
        TnMemoryRegion *container = mr->container;

        mr->addr = offset;
        if (container) {
            /* Moving counts as being added last: it wins among its equals. */
            g_ptr_array_remove(container->subregions, mr);
            insert_locked(container, mr);
        }
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_size(TnMemoryRegion *mr, uint64_t size)
{
    uint64_t last_offset = size == TN_SIZE_WHOLE ? UINT64_MAX : size - 1;

    g_assert(size > 0);
    for (unsigned i = 0; i < TN_DIRTY_MAX; i++) {
        g_assert(!mr->dirty[i]); /* its bitmaps have the size of today */
    }
    tn_memory_begin(mr->memory);
    if (mr->last_offset != last_offset) {
        mr->last_offset = last_offset;
        changed_locked(mr);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_alias_offset(TnMemoryRegion *mr, uint64_t offset)
{
    g_assert(mr->kind == TN_REGION_ALIAS);
    tn_memory_begin(mr->memory);
    if (mr->alias_offset != offset) {
        mr->alias_offset = offset;
        changed_locked(mr);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_readonly(TnMemoryRegion *mr, bool readonly)
{
    g_assert(mr->kind != TN_REGION_MMIO && mr->kind != TN_REGION_ROM_DEVICE);
    tn_memory_begin(mr->memory);
    if (tn_memory_region_is_ram(mr)) {
        TnRegionKind kind = readonly ? TN_REGION_ROM : TN_REGION_RAM;

        if (mr->kind != kind) {
            mr->kind = kind;
            changed_locked(mr);
        }
    } else if (mr->readonly != readonly) {
        mr->readonly = readonly;
        changed_locked(mr);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_romd(TnMemoryRegion *mr, bool romd)
{
    g_assert(mr->kind == TN_REGION_ROM_DEVICE);
    tn_memory_begin(mr->memory);
    if (mr->romd != romd) {
        mr->romd = romd;
        changed_locked(mr);
    }
    tn_memory_commit(mr->memory);
}

void
tn_memory_region_set_nonvolatile(TnMemoryRegion *mr, bool nonvolatile)
{
    tn_memory_begin(mr->memory);
    if (mr->nonvolatile != nonvolatile) {
        mr->nonvolatile = nonvolatile;
        changed_locked(mr);
    }
    tn_memory_commit(mr->memory);
}
