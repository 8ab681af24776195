/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random region trees, with a second, slow idea of what they show: a painter that
 * looks one address up at a time by walking the tree from the top.
 *
 * The universe has 64 cells. A cell is one byte, one page or 2^58 bytes; with the
 * last, 64 cells are all 2^64 addresses and whatever reaches further is cut off.
 */
#pragma once

#include "vmm/memory/listener.h"

#define TOPOLOGY_CELLS 64
#define TOPOLOGY_MAX_REGIONS 14
#define TOPOLOGY_MAX_EVENTFDS 4

typedef struct TopologyRegion {
    TnMemoryRegion mr;
    TnRegionKind kind;
    unsigned size; /* this and all places in cells */
    unsigned addr;
    int priority;
    unsigned seq; /* when it was added: later wins among equals */
    bool enabled, readonly, nonvolatile, romd;
    int parent; /* -1: in no container */
    int target; /* of an alias */
    unsigned alias_offset;
    TnMemoryEventfd eventfds[TOPOLOGY_MAX_EVENTFDS]; /* in no order */
    unsigned num_eventfds;
} TopologyRegion;

typedef struct Topology {
    GRand *rand;
    TnMemory *memory;
    unsigned shift; /* log2 of a cell */
    unsigned count;
    unsigned next_seq;
    TopologyRegion regions[TOPOLOGY_MAX_REGIONS]; /* [0] is the root */
} Topology;

/* What an address shows. */
typedef struct TopologyPixel {
    const TnMemoryRegion *mr; /* NULL: nothing */
    unsigned index, offset;   /* of the region; in cells */
    bool readonly, nonvolatile;
} TopologyPixel;

/* The seed of this run: $TN_TEST_SEED, or a new one; printed. */
guint32 topology_seed(void);
/* $@name as a number, or @fallback. */
unsigned topology_count(const char *name, unsigned fallback);

/* Makes a tree in @memory, in one transaction. */
void topology_init(Topology *t, TnMemory *memory, GRand *rand);
/* One random change: enabled, place, size, alias offset, attributes, romd mode, event
 * descriptors, added, removed. */
void topology_mutate(Topology *t);
/* Takes everything apart; waits for readers. */
void topology_done(Topology *t);

/* The painter. */
TopologyPixel topology_look_up(const Topology *t, unsigned cell);

/* First address of a cell; its last one. */
uint64_t topology_first(const Topology *t, unsigned cell);
uint64_t topology_last(const Topology *t, unsigned cell);

/* Fails the test unless @ranges show what the painter says, cell by cell, and are sorted,
 * disjoint and joined. */
void topology_check(const Topology *t, const TnFlatRange *ranges, unsigned count);

/* Fails the test unless @found are, sorted, the event descriptors that begin in some byte of
 * the regions which the painter sees. */
void topology_check_eventfds(const Topology *t, const TnMemoryEventfd *found, unsigned count);
