/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners are told how a flat view differs from the one before, once per
 * outermost commit, under the topology lock:
 *
 *   begin, del..., add... (nop for what stays), commit
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
};

/* Registers and at once tells the current view (begin, add..., commit). @listener
 * outlives its registration. */
void tn_memory_listener_register(TnMemoryListener *listener, TnAddressSpace *as);
/* Tells the current view's end (begin, del..., commit) and forgets it. */
void tn_memory_listener_unregister(TnMemoryListener *listener, TnAddressSpace *as);

/**
 * tn_memory_section_refuse:
 * A listener, from its region_add, cannot mirror @section; it is told of its removal all the same.
 * @error: (transfer none): why; of several in one transaction the first is kept.
 * Returns: whether somebody hears of it (tn_memory_commit_checked()). If not, the listener
 * has to act itself.
 */
bool tn_memory_section_refuse(const TnMemorySection *section, const GError *error);
