/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPU indices, places and APIC ids. */
#include "vmm/core/cpu-topology.h"

static void
test_powers_of_two_are_dense(void)
{
    const TnCpuTopology t = { 2, 2, 4, 2 };

    for (unsigned i = 0; i < 32; i++) {
        g_assert_cmpuint(tn_cpu_topology_apic_id(&t, i), ==, i);
    }
}

static void
test_three_cores_leave_gaps(void)
{
    const TnCpuTopology t = { 2, 1, 3, 1 };
    static const guint32 ids[] = { 0, 1, 2, 4, 5, 6 };

    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_assert_cmpuint(tn_cpu_topology_apic_id(&t, i), ==, ids[i]);
    }
}

static void
test_every_level_is_as_wide_as_it_needs(void)
{
    const TnCpuTopology t = { 3, 3, 5, 3 };

    g_assert_cmpuint(tn_cpu_topology_core_shift(&t), ==, 2);
    g_assert_cmpuint(tn_cpu_topology_die_shift(&t), ==, 5);
    g_assert_cmpuint(tn_cpu_topology_socket_shift(&t), ==, 7);
    g_assert_cmphex(tn_cpu_topology_apic_id(&t, 134), ==, 2 << 7 | 2 << 5 | 4 << 2 | 2);
}

static void
test_there_and_back(void)
{
    const TnCpuTopology t = { 3, 2, 5, 3 };

    for (unsigned i = 0; i < tn_cpu_topology_count(&t); i++) {
        TnCpuPlace place = tn_cpu_topology_place(&t, i);
        TnCpuPlace again =
            tn_cpu_topology_place_of_apic_id(&t, tn_cpu_topology_apic_id(&t, i));

        g_assert_cmpuint(tn_cpu_topology_index(&t, &place), ==, i);
        g_assert_cmpuint(tn_cpu_topology_index(&t, &again), ==, i);
    }
}

static void
test_id_outside(void)
{
    const TnCpuTopology t = { 2, 1, 3, 1 };
    TnCpuPlace place = tn_cpu_topology_place_of_apic_id(&t, 77);

    g_assert_cmpuint(place.socket, ==, 19);
    g_assert_cmpuint(place.core, ==, 1);
}

static void
test_huge_counts_do_not_wrap(void)
{
    const TnCpuTopology t = { 65535, 65535, 65535, 1 };

    g_assert_cmpuint(tn_cpu_topology_count(&t), ==, 65535ULL * 65535 * 65535);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/cpu-topology/powers-of-two-are-dense", test_powers_of_two_are_dense);
    g_test_add_func("/core/cpu-topology/three-cores-leave-gaps", test_three_cores_leave_gaps);
    g_test_add_func("/core/cpu-topology/every-level-is-as-wide-as-it-needs",
                    test_every_level_is_as_wide_as_it_needs);
    g_test_add_func("/core/cpu-topology/there-and-back", test_there_and_back);
    g_test_add_func("/core/cpu-topology/id-outside", test_id_outside);
    g_test_add_func("/core/cpu-topology/huge-counts-do-not-wrap", test_huge_counts_do_not_wrap);
    return g_test_run();
}
