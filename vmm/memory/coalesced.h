/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Coalesced writes: KVM queues a guest's writes to a zone instead of leaving the guest for
 * each. They reach the device's write callback later, in order: at the vCPU's next exit of
 * any kind, before any transaction begins, and before an access to a region that asks for it.
 */
#pragma once

#include "vmm/memory/region.h"

/**
 * tn_memory_region_add_coalescing:
 * Writes to @size bytes from @offset on may be queued: for registers whose writes have no
 * effect that the guest waits for. @mr: MMIO. Also asks for flush before access. The write
 * callback then runs on whichever thread drains, which may be one that begins a transaction:
 * it takes no lock with which anybody begins one.
 * set_coalescing: all of the region, and nothing else; clear_coalescing: none of it, after
 * what is queued was done; it takes back the flush as well.
 * Each is a transaction of its own unless one is open. Any thread.
 */
void tn_memory_region_add_coalescing(TnMemoryRegion *mr, uint64_t offset, uint64_t size);
void tn_memory_region_set_coalescing(TnMemoryRegion *mr);
void tn_memory_region_clear_coalescing(TnMemoryRegion *mr);

/* Whether what is queued, for any region, is done before an access to @mr by anyone: reads of
 * a status that queued writes change. On for regions that coalesce. Any thread. */
void tn_memory_region_set_flush_coalesced(TnMemoryRegion *mr, bool flush);

/**
 * tn_memory_set_coalesced_flush:
 * @flush: does all writes that are queued when it is called. Called on any registered thread,
 * also inside of a read section, never with the topology lock held by tn_memory_begin();
 * returns at once when the calling thread is inside of it already. NULL: nobody queues.
 * One accelerator sets it, before guests run. Main thread.
 */
void tn_memory_set_coalesced_flush(TnMemory *memory, void (*flush)(void *opaque), void *opaque);

/* Does what is queued; for timers of devices that look at what the guest wrote. Nothing inside
 * of a transaction. Not with a lock held that a coalesced region's callback takes. Any thread. */
void tn_memory_flush_coalesced(TnMemory *memory);
