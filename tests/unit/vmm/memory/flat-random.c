/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random trees rendered, and compared with a painter that knows nothing of ranges.
 *
 *   TN_TEST_SEED        repeats a run (printed by each)
 *   TN_TEST_TOPOLOGIES  how many trees; 100000 unless set
 */
#include "tests/unit/vmm/memory/topology.h"

#define TREES 100000
#define CHANGES_PER_TREE 3

static void
check_space(const Topology *t, TnAddressSpace *as)
{
    g_autoptr(TnFlatView) view = tn_address_space_get_view(as);
    unsigned count;
    const TnFlatRange *ranges = tn_flat_view_ranges(view, &count);
    const TnMemoryEventfd *eventfds;

    topology_check(t, ranges, count);
    eventfds = tn_flat_view_eventfds(view, &count);
    topology_check_eventfds(t, eventfds, count);
}

static void
check_one_tree(TnMemory *memory, GRand *rand)
{
    Topology t;
    TnAddressSpace *as;

    topology_init(&t, memory, rand);
    as = tn_address_space_new(memory, &t.regions[0].mr, "space");
    check_space(&t, as);
    for (unsigned i = 0; i < CHANGES_PER_TREE; i++) {
        topology_mutate(&t);
        check_space(&t, as);
    }
    tn_address_space_free(as);
    topology_done(&t);
}

static void
test_random(void)
{
    guint32 seed = topology_seed();
    unsigned trees = topology_count("TN_TEST_TOPOLOGIES", TREES);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(TnMemory) memory = tn_memory_new();

    for (unsigned i = 0; i < trees; i++) {
        check_one_tree(memory, rand);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/flat-view/random-trees-equal-the-painter", test_random);
    return g_test_run();
}
