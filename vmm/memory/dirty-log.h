/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which pages of RAM were written: one bitmap for each region and client. The guest's
 * writes are in KVM's log until a sync brings them here; accesses by this process through
 * an address space are noted at once. Pages are of TN_DIRTY_PAGE_SIZE bytes.
 */
#pragma once

#include "vmm/memory/region.h"

#define TN_DIRTY_PAGE_SIZE 4096u

/* Logging of one RAM region (of the guest, not of a device) on or off for @client. What was
 * noted before is forgotten when it goes on. A transaction of its own unless one is open; it
 * holds for accesses that begin after the outermost commit. A region that is or was logged
 * keeps its size. Any thread. */
void tn_memory_region_set_log(TnMemoryRegion *mr, TnDirtyClient client, bool log);

/* Logging of all RAM for TN_DIRTY_MIGRATION. When start returns every write is noted: it
 * waits for accesses that began earlier (tn_memory_synchronize()). RAM that appears later
 * begins clean. Main thread, outside of transactions. */
void tn_memory_global_log_start(TnMemory *memory);
void tn_memory_global_log_stop(TnMemory *memory);

/* Brings in what the guest wrote, for one region or for all that are logged. Any thread. */
void tn_memory_region_sync_log(TnMemoryRegion *mr);
void tn_memory_global_log_sync(TnMemory *memory);

/* Notes @len bytes from @offset on as written, for every client that logs @mr: by whoever
 * writes to its host memory directly, after the write. Any thread, no lock. */
void tn_memory_region_set_dirty(TnMemoryRegion *mr, uint64_t offset, uint64_t len);

/* Some pages of one region at one moment. */
typedef struct TnDirtySnapshot TnDirtySnapshot;

/**
 * tn_memory_region_snapshot_and_clear_dirty:
 * @offset, @len: bytes; the pages that they touch, cut off at the region's end. @len > 0.
 * Takes what is noted for @client out of the log; pages written from here on are noted again,
 * so whoever reads the pages afterwards misses nothing. Sync first for the guest's writes.
 * Returns: (transfer full), all clean for a region that is not logged. Any thread.
 */
TnDirtySnapshot *tn_memory_region_snapshot_and_clear_dirty(TnMemoryRegion *mr,
                                                           TnDirtyClient client, uint64_t offset,
                                                           uint64_t len);
/* Whether any page was dirty that @len bytes from @offset of the region on touch; pages that
 * are not in the snapshot are clean. */
bool tn_dirty_snapshot_get(const TnDirtySnapshot *snapshot, uint64_t offset, uint64_t len);
/* How many pages are dirty. */
uint64_t tn_dirty_snapshot_count(const TnDirtySnapshot *snapshot);
void tn_dirty_snapshot_free(TnDirtySnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDirtySnapshot, tn_dirty_snapshot_free)
