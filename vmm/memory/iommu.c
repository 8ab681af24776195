/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notifiers of IOMMU regions: who is told of which change, and for which addresses.
 */
#include "vmm/memory/iommu.h"

#include "vmm/memory/memory-private.h"
#include "vmm/memory/rcu-private.h"

#define TN_IOMMU_DEFAULT_PAGE 4096u
#define TN_IOMMU_ALL_FLAGS \
    (TN_IOMMU_NOTIFIER_UNMAP | TN_IOMMU_NOTIFIER_MAP | TN_IOMMU_NOTIFIER_DEVIOTLB_UNMAP)

static unsigned
num_indexes(const TnMemoryRegion *mr)
{
    return MAX(mr->iommu_ops->num_indexes, 1);
}

uint64_t
tn_memory_region_iommu_min_page_size(const TnMemoryRegion *mr)
{
    uint64_t size = mr->iommu_ops->min_page_size;

    return size ? size : TN_IOMMU_DEFAULT_PAGE;
}

/* Tells the region what its notifiers' flags together are now. */
static gboolean
update_flags_locked(TnMemoryRegion *mr, GError **error)
{
    unsigned old_flags = mr->iommu_flags;
    unsigned new_flags = 0;

    for (unsigned i = 0; i < mr->iommu_notifiers->len; i++) {
        new_flags |= ((TnIommuNotifier *)mr->iommu_notifiers->pdata[i])->flags;
    }
    if (new_flags != old_flags && mr->iommu_ops->flags_changed &&
        !mr->iommu_ops->flags_changed(mr, old_flags, new_flags, error)) {
        return FALSE;
    }
    mr->iommu_flags = new_flags;
    return TRUE;
}

gboolean
tn_memory_region_register_iommu_notifier(TnMemoryRegion *mr, TnIommuNotifier *notifier,
                                         GError **error)
{
    gboolean ok;

    g_assert(mr->kind == TN_REGION_IOMMU);
    g_assert(notifier->flags != 0 && (notifier->flags & ~(unsigned)TN_IOMMU_ALL_FLAGS) == 0);
    g_assert(notifier->range.first <= notifier->range.last);
    g_assert(notifier->index < num_indexes(mr));
    tn_memory_lock(mr->memory);
    if (!mr->iommu_notifiers) {
        mr->iommu_notifiers = g_ptr_array_new();
    }
    g_assert(!g_ptr_array_find(mr->iommu_notifiers, notifier, NULL));
    g_ptr_array_add(mr->iommu_notifiers, notifier);
    ok = update_flags_locked(mr, error);
    if (!ok) {
        g_ptr_array_remove(mr->iommu_notifiers, notifier);
    }
    tn_memory_unlock(mr->memory);
    return ok;
}

void
tn_memory_region_unregister_iommu_notifier(TnMemoryRegion *mr, TnIommuNotifier *notifier)
{
    g_assert(mr->kind == TN_REGION_IOMMU);
    tn_memory_lock(mr->memory);
    if (mr->iommu_notifiers && g_ptr_array_remove(mr->iommu_notifiers, notifier)) {
        /* Fewer demands: nothing to refuse. */
        (void)update_flags_locked(mr, NULL);
    }
    tn_memory_unlock(mr->memory);
}

unsigned
tn_memory_region_iommu_flags(TnMemoryRegion *mr)
{
    unsigned flags;

    tn_memory_lock(mr->memory);
    flags = mr->iommu_flags;
    tn_memory_unlock(mr->memory);
    return flags;
}

/* The part of @entry in @range; false when there is none. */
static bool
crop(const TnIommuEntry *entry, TnRange range, TnIommuEntry *ret_entry)
{
    TnIommuEntry part = *entry;

    if (!tn_range_intersect(entry->iova, range, &part.iova)) {
        return false;
    }
    part.translated += part.iova.first - entry->iova.first;
    *ret_entry = part;
    return true;
}

void
tn_memory_region_notify_iommu_one(TnIommuNotifier *notifier, TnIommuNotifierFlags type,
                                  const TnIommuEntry *entry)
{
    TnIommuEntry part;

    g_assert((type == TN_IOMMU_NOTIFIER_MAP) == (entry->perm != TN_IOMMU_NONE));
    if ((notifier->flags & type) && crop(entry, notifier->range, &part)) {
        notifier->notify(notifier, &part);
    }
}

void
tn_memory_region_notify_iommu(TnMemoryRegion *mr, unsigned index, TnIommuNotifierFlags type,
                              const TnIommuEntry *entry)
{
    g_assert(mr->kind == TN_REGION_IOMMU);
    g_assert(index < num_indexes(mr));
    tn_memory_lock(mr->memory);
    for (unsigned i = 0; mr->iommu_notifiers && i < mr->iommu_notifiers->len; i++) {
        TnIommuNotifier *notifier = mr->iommu_notifiers->pdata[i];

        if (notifier->index == index) {
            tn_memory_region_notify_iommu_one(notifier, type, entry);
        }
    }
    tn_memory_unlock(mr->memory);
}

/* From mapping to mapping: an entry without permission tells how far there is nothing. */
static void
replay_by_translating(TnMemoryRegion *mr, TnIommuNotifier *notifier)
{
    uint64_t page = tn_memory_region_iommu_min_page_size(mr);
    TnRange wanted;
    uint64_t addr;

    if (!tn_range_intersect(notifier->range, (TnRange){ 0, mr->last_offset }, &wanted)) {
        return;
    }
    addr = wanted.first;
    for (;;) {
        TnIommuEntry entry = mr->iommu_ops->translate(mr, addr, TN_IOMMU_NONE, notifier->index);
        uint64_t next_1 = addr | (page - 1);
        TnIommuEntry part;

        if (tn_range_contains(entry.iova, addr)) {
            next_1 = MAX(next_1, entry.iova.last);
            if (entry.perm != TN_IOMMU_NONE && crop(&entry, wanted, &part)) {
                notifier->notify(notifier, &part);
            }
        }
        if (next_1 >= wanted.last) {
            return;
        }
        addr = next_1 + 1;
    }
}

void
tn_memory_region_replay_iommu(TnMemoryRegion *mr, TnIommuNotifier *notifier)
{
    g_assert(mr->kind == TN_REGION_IOMMU);
    tn_memory_lock(mr->memory);
    if (mr->iommu_ops->replay) {
        mr->iommu_ops->replay(mr, notifier);
    } else {
        tn_memory_register_thread();
        tn_rcu_read_lock();
        replay_by_translating(mr, notifier);
        tn_rcu_read_unlock();
        tn_memory_unregister_thread();
    }
    tn_memory_unlock(mr->memory);
}
