/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IOMMU regions: an access is translated into another address space. Whoever mirrors the
 * translations elsewhere (a host device's DMA maps) registers a notifier for some of the
 * region's addresses; the IOMMU device notifies of what its guest changes.
 */
#pragma once

#include "vmm/memory/listener.h"

/* What a translation allows; also what an access wants. */
typedef enum {
    TN_IOMMU_NONE = 0,
    TN_IOMMU_READ = 1,
    TN_IOMMU_WRITE = 2,
    TN_IOMMU_RW = 3,
} TnIommuPerm;

/* How often one access is translated at most; a loop of IOMMUs is a fault. */
#define TN_IOMMU_MAX_HOPS 8

/* A translation of a run of addresses, or that there is none for them. */
typedef struct TnIommuEntry {
    TnAddressSpace *target; /* NULL only with TN_IOMMU_NONE */
    TnRange iova;           /* offsets in the region */
    uint64_t translated;    /* of iova.first, in @target */
    TnIommuPerm perm;
} TnIommuEntry;

/* Kinds of changes, which a notifier asks for as flags. */
typedef enum {
    TN_IOMMU_NOTIFIER_UNMAP = 1,
    TN_IOMMU_NOTIFIER_MAP = 2,
    TN_IOMMU_NOTIFIER_DEVIOTLB_UNMAP = 4, /* a device's own TLB forgets; the map may stay */
} TnIommuNotifierFlags;

typedef struct TnIommuNotifier TnIommuNotifier;

/**
 * TnIommuNotifier:
 * @notify: one change, cropped to @range. Runs under the topology lock, like a listener's
 *   callbacks, and may do as little.
 * @flags: TnIommuNotifierFlags, not 0.
 * @range: offsets in the region.
 * @index: which of the region's translations (TnIommuOps.num_indexes).
 * Set before registering; constant while registered.
 */
struct TnIommuNotifier {
    void (*notify)(TnIommuNotifier *self, const TnIommuEntry *entry);
    unsigned flags;
    TnRange range;
    unsigned index;
};

/**
 * TnIommuOps:
 * @translate: the entry that holds @addr, an offset in the region; @perm: what for (NONE: only
 *   looking). An answer whose range does not hold @addr is a fault. Any thread, inside of a
 *   read section, several at once; what it gives as target lives until that section's end.
 * @flags_changed: the notifiers' flags together will be @new_flags. FALSE with @error: the
 *   registration is refused; a removal cannot be. May be NULL. Under the topology lock.
 * @replay: all that is mapped in the notifier's range, to tn_memory_region_notify_iommu_one();
 *   NULL: it is found by translating.
 * @min_page_size: a power of two; 0 for 4096.
 * @num_indexes: 0 for 1.
 */
typedef struct TnIommuOps {
    TnIommuEntry (*translate)(TnMemoryRegion *mr, uint64_t addr, TnIommuPerm perm,
                              unsigned index);
    gboolean (*flags_changed)(TnMemoryRegion *mr, unsigned old_flags, unsigned new_flags,
                              GError **error);
    void (*replay)(TnMemoryRegion *mr, TnIommuNotifier *notifier);
    uint64_t min_page_size;
    unsigned num_indexes;
} TnIommuOps;

/* As the other initializers of region.h; @opaque is mr->opaque to @ops, both outlive the
 * region. */
void tn_memory_region_init_iommu(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                                 const TnIommuOps *ops, void *opaque, const char *name,
                                 uint64_t size);

/**
 * tn_memory_region_register_iommu_notifier:
 * @notifier: outlives its registration. It is told of changes from here on; replay tells what
 * is there. FALSE with @error when the region refuses the flags: nothing has changed then.
 * Takes the topology lock, also inside of a listener's callback. Any thread.
 */
gboolean tn_memory_region_register_iommu_notifier(TnMemoryRegion *mr, TnIommuNotifier *notifier,
                                                  GError **error);
/* One that is not registered is fine. */
void tn_memory_region_unregister_iommu_notifier(TnMemoryRegion *mr, TnIommuNotifier *notifier);
/* All notifiers' flags together. */
unsigned tn_memory_region_iommu_flags(TnMemoryRegion *mr);
uint64_t tn_memory_region_iommu_min_page_size(const TnMemoryRegion *mr);

/**
 * tn_memory_region_notify_iommu:
 * @index: of the translation that changed.
 * @type: UNMAP and DEVIOTLB_UNMAP go with an @entry of TN_IOMMU_NONE, MAP with any other.
 * @entry: what changed; a notifier gets the part of it that lies in its range, if it asked
 * for @type there. Takes the topology lock, so may be called with a device's lock. Any thread.
 */
void tn_memory_region_notify_iommu(TnMemoryRegion *mr, unsigned index, TnIommuNotifierFlags type,
                                   const TnIommuEntry *entry);
/* The same for one notifier, whatever its index. */
void tn_memory_region_notify_iommu_one(TnIommuNotifier *notifier, TnIommuNotifierFlags type,
                                       const TnIommuEntry *entry);
/* Tells @notifier of every mapping in its range there is now, as TN_IOMMU_NOTIFIER_MAP, whether
 * it asked for these or not. */
void tn_memory_region_replay_iommu(TnMemoryRegion *mr, TnIommuNotifier *notifier);
