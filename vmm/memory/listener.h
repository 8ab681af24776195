/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners are told how a flat view differs from the one before, once per
 * outermost commit, under the topology lock:
 *
 *   begin, del..., add... (nop for what stays), event descriptors, zones, commit
 *
 * All removals come before the first addition, so a listener never sees two
 * sections overlap.
 */
#pragma once

#include "vmm/memory/address-space.h"

/* One section as a listener sees it; valid during the callback. */
typedef struct TnMemorySection {
    TnAddressSpace *space;
    const TnFlatRange *flat;
} TnMemorySection;

typedef struct TnMemoryListener TnMemoryListener;

/**
 * TnMemoryListener:
 * @name: for messages; static.
 * @priority: additions go from the lowest priority to the highest, removals the other way.
 * Callbacks may be NULL. They run on the thread that commits, under the topology
 * lock, and must not change the topology. What they may assume: docs/memory.md.
 */
struct TnMemoryListener {
    const char *name;
    int priority;
    void (*begin)(TnMemoryListener *self);
    void (*region_del)(TnMemoryListener *self, const TnMemorySection *section);
    void (*region_add)(TnMemoryListener *self, const TnMemorySection *section);
    void (*region_nop)(TnMemoryListener *self, const TnMemorySection *section);
    void (*commit)(TnMemoryListener *self);

    /* A section that stayed is logged by clients @new instead of @old (1 << TnDirtyClient):
     * after its nop; start when some came, stop when some went. A section that is new
     * says in flat->dirty_clients who logs it. */
    void (*log_start)(TnMemoryListener *self, const TnMemorySection *section, unsigned old_clients,
                      unsigned new_clients);
    void (*log_stop)(TnMemoryListener *self, const TnMemorySection *section, unsigned old_clients,
                     unsigned new_clients);
    /* Outside of rounds. sync: report what the guest wrote, by tn_memory_region_set_dirty().
     * clear: what was reported of @offsets of the region (they overlap the section) was
     * taken; report it again when it is written again. */
    void (*log_sync)(TnMemoryListener *self, const TnMemorySection *section);
    void (*log_clear)(TnMemoryListener *self, const TnMemorySection *section, TnRange offsets);

    /* After the view is published, removals first; @eventfd holds the guest's address. */
    void (*eventfd_del)(TnMemoryListener *self, TnAddressSpace *as,
                        const TnMemoryEventfd *eventfd);
    void (*eventfd_add)(TnMemoryListener *self, TnAddressSpace *as,
                        const TnMemoryEventfd *eventfd);
    /* After these: zones whose writes may be queued. */
    void (*coalesced_del)(TnMemoryListener *self, TnAddressSpace *as, TnRange zone);
    void (*coalesced_add)(TnMemoryListener *self, TnAddressSpace *as, TnRange zone);
};

/* Registers and at once tells the current view (begin, add..., commit). @listener
 * outlives its registration. */
void tn_memory_listener_register(TnMemoryListener *listener, TnAddressSpace *as);
/* Tells the current view's end (begin, del..., commit) and forgets it. */
void tn_memory_listener_unregister(TnMemoryListener *listener, TnAddressSpace *as);

/**
 * tn_memory_section_refuse:
 * A listener, from its region_add or the commit after it, cannot mirror @section (of which the
 * space is all that is looked at); it is told of its removal all the same.
 * @error: (transfer none): why; of several in one transaction the first is kept.
 * Returns: whether somebody hears of it (tn_memory_commit_checked()). If not, the listener
 * has to act itself.
 */
bool tn_memory_section_refuse(const TnMemorySection *section, const GError *error);
