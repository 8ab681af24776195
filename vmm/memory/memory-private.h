/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of TnMemory and TnAddressSpace, for the files of this folder.
 *
 * Lock order: topology_lock, then retired_lock. Nobody waits for readers (a grace
 * period) with either held, because a reader may be waiting for topology_lock:
 * device callbacks run inside of read sections and may change the topology.
 */
#pragma once

#include "vmm/memory/flat-view-private.h"
#include "vmm/memory/listener.h"

#include <pthread.h>

/* Views out of use that may wait for the main context before exits free them. */
#define TN_MEMORY_MAX_RETIRED 64

struct TnMemory {
    GRecMutex topology_lock;

    /* topology_lock protects these, and every region's place and attributes. */
    unsigned depth;           /* of nested transactions */
    bool update_pending;      /* something visible changed since the last update */
    bool telling;             /* listeners run: the topology must stand still */
    bool checked;             /* the commit under way is a checked one */
    GError *refusal;          /* what a listener said during it; NULL: nothing */
    uint64_t last_generation; /* given to a view; never reused */
    GPtrArray *spaces;        /* TnAddressSpace *, in order of creation; not owned */
    GThread *transaction;     /* atomic: the thread inside of one, NULL for none */

    pthread_mutex_t retired_lock; /* not GMutex: ThreadSanitizer cannot see through that */
    /* retired_lock protects these. */
    GPtrArray *retired;      /* TnFlatView *: out of use, readers may still look */
    GHashTable *orphans;     /* GObject *: owners, one reference each, of freed views */
    GSource *reclaim_source; /* waits on @context while either is not empty */
    int crowded;             /* atomic: @retired has reached TN_MEMORY_MAX_RETIRED */

    bool global_log;          /* topology_lock: all RAM is logged for TN_DIRTY_MIGRATION */

    void (*flush)(void *opaque); /* atomic; does the writes that KVM has queued */
    void *flush_opaque;          /* set before @flush */

    GMainContext *context; /* where owners of regions may be finalized; constant */
};

struct TnAddressSpace {
    TnFlatView *view; /* atomic: stored under topology_lock, read inside of read sections */
    TnMemory *memory;
    TnMemoryRegion *root;
    char *name;
    GPtrArray *listeners; /* TnMemoryListener *, lowest priority first; topology_lock */
};

/* The topology lock without a transaction: for looking at the tree. */
static inline void
tn_memory_lock(TnMemory *memory)
{
    g_rec_mutex_lock(&memory->topology_lock);
}

static inline void
tn_memory_unlock(TnMemory *memory)
{
    g_rec_mutex_unlock(&memory->topology_lock);
}

/* Inside of a transaction: the outermost commit has something to render. */
void tn_memory_mark_changed_locked(TnMemory *memory);

/* Takes the space's reference to @view, and drops it once no reader can see it any more. */
void tn_memory_retire_locked(TnMemory *memory, TnFlatView *view);

/* Frees the views that are retired, on any thread: waits for readers, keeps one
 * reference on each owner for @context to drop. Not from inside of a read section. */
void tn_memory_relieve(TnMemory *memory);

/* Renders every space anew, tells the listeners, publishes. */
void tn_address_spaces_update_locked(TnMemory *memory);

/* Tells @as's listeners how @new_view differs from @old_view; does not publish. */
void tn_listeners_tell_begin_locked(TnAddressSpace *as);
void tn_listeners_tell_changes_locked(TnAddressSpace *as, const TnFlatView *old_view,
                                      const TnFlatView *new_view);
void tn_listeners_tell_commit_locked(TnAddressSpace *as);
/* Event descriptors and coalesced zones: removals, then additions. */
void tn_eventfds_tell_changes_locked(TnAddressSpace *as, const GArray *old_list,
                                     const GArray *new_list);
void tn_coalesced_tell_changes_locked(TnAddressSpace *as, const GArray *old_list,
                                      const GArray *new_list);

/* coalesced.c: before the topology lock is taken for an outermost begin. */
void tn_coalesced_flush_before_begin(TnMemory *memory);

/* dirty-log.c: who logs @mr as of now, with their bitmaps made and, for those who did
 * not before, empty. */
uint8_t tn_dirty_clients_locked(TnMemoryRegion *mr);
/* Sets the bits of @len bytes from @offset on for all of @clients. Any thread. */
void tn_dirty_mark(TnMemoryRegion *mr, uint8_t clients, uint64_t offset, uint64_t len);
void tn_dirty_bitmaps_free(TnMemoryRegion *mr);

/* The published view; valid inside of the caller's read section, or under topology_lock. */
static inline TnFlatView *
tn_address_space_view_rcu(const TnAddressSpace *as)
{
    return __atomic_load_n(&as->view, __ATOMIC_ACQUIRE);
}
