/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits and places of a guest's memory: what is kept, what acts, what is refused. */
#include "driver/core/tune.h"

#include <libvirt/libvirt.h>

#include "driver/core/lifecycle.h"
#include "tests/unit/driver/core/fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
#define LIVE VIR_DOMAIN_AFFECT_LIVE
#define CONFIG VIR_DOMAIN_AFFECT_CONFIG

static const guint64 one_gib = 1024 * 1024, two_gib = 2 * 1024 * 1024,
                     none = TN_MEMTUNE_UNLIMITED;

static void
set(TnDomain *domain, TnTuneMemory tune, unsigned flags)
{
    g_autoptr(GError) error = NULL;

    (void)tn_tune_set_memory(domain, &tune, flags, &error);
    g_assert_no_error(error);
}

static void
refuse(TnDomain *domain, TnTuneMemory tune, unsigned flags, int code, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_tune_set_memory(domain, &tune, flags, &error));
    g_assert_error(error, TN_VIR_ERROR, code);
    g_assert_cmpstr(error->message, ==, text);
}

static void
assert_limits(TnDomain *domain, unsigned flags, guint64 hard, guint64 soft, guint64 swap)
{
    g_autoptr(GError) error = NULL;
    TnMemtune memtune;

    (void)tn_tune_get_memory(domain, flags, &memtune, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(memtune.hard_limit_kib, ==, hard);
    g_assert_cmpuint(memtune.soft_limit_kib, ==, soft);
    g_assert_cmpuint(memtune.swap_hard_limit_kib, ==, swap);
}

static void
test_config(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");

    assert_limits(domain, CONFIG, none, none, none);
    set(domain, (TnTuneMemory){ &one_gib, &one_gib, &two_gib }, CONFIG);
    assert_limits(domain, CONFIG, one_gib, one_gib, two_gib);
    set(domain, (TnTuneMemory){ .soft_limit = &none }, CONFIG);
    assert_limits(domain, CONFIG, one_gib, none, two_gib);
}

static void
test_live_hard_limit(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    set(domain, (TnTuneMemory){ .hard_limit = &one_gib }, LIVE);
    assert_limits(domain, LIVE, one_gib, none, none);
    assert_limits(domain, CONFIG, none, none, none);
    /* Without host devices nothing is locked. */
    g_assert_cmpuint(fixture_get_memlock(), ==, 65536);
}

static void
test_live_others_need_a_cgroup(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    refuse(domain, (TnTuneMemory){ &one_gib, &one_gib, NULL }, LIVE | CONFIG,
           VIR_ERR_OPERATION_INVALID, "cgroup memory controller is not mounted");
    refuse(domain, (TnTuneMemory){ .swap_hard_limit = &one_gib }, LIVE,
           VIR_ERR_OPERATION_INVALID, "cgroup memory controller is not mounted");
    assert_limits(domain, LIVE, none, none, none);
    assert_limits(domain, CONFIG, none, none, none);
    set(domain, (TnTuneMemory){ &one_gib, &none, &none }, LIVE);
    assert_limits(domain, LIVE, one_gib, none, none);
}

static void
test_hard_limit_above_the_one_with_swap(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");

    refuse(domain, (TnTuneMemory){ &two_gib, NULL, &one_gib }, CONFIG, VIR_ERR_INVALID_ARG,
           "memory hard_limit tunable value must be lower than or equal to swap_hard_limit");
    refuse(domain, (TnTuneMemory){ .swap_hard_limit = &one_gib }, CONFIG, VIR_ERR_INVALID_ARG,
           "memory hard_limit tunable value must be lower than or equal to swap_hard_limit");
    assert_limits(domain, CONFIG, none, none, none);
}

static void
test_start_with_a_limit_that_needs_a_cgroup(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    g_autoptr(GError) error = NULL;

    set(domain, (TnTuneMemory){ .soft_limit = &one_gib }, CONFIG);
    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpstr(error->message, ==, "Memory cgroup is not available on this host");
    g_clear_error(&error);
    set(domain, (TnTuneMemory){ .soft_limit = &none }, CONFIG);
    g_assert_true(tn_lifecycle_create(domain, 0, &error));
    g_assert_no_error(error);
}

static void
test_inactive(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");

    refuse(domain, (TnTuneMemory){ .hard_limit = &one_gib }, LIVE, VIR_ERR_OPERATION_INVALID,
           "domain is not running");
}

static void
assert_numa(TnDomain *domain, int mode, const char *nodeset)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *nodes = NULL;
    int now;

    (void)tn_tune_get_numa(domain, CONFIG, &now, &nodes, &error);
    g_assert_no_error(error);
    g_assert_cmpint(now, ==, mode);
    g_assert_cmpstr(nodes, ==, nodeset);
}

static void
test_numa(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_define(f, "g", "");
    const int preferred = VIR_DOMAIN_NUMATUNE_MEM_PREFERRED;
    g_autoptr(GError) error = NULL;

    assert_numa(domain, VIR_DOMAIN_NUMATUNE_MEM_STRICT, "");
    (void)tn_tune_set_numa(domain, NULL, "0-1", CONFIG, &error);
    g_assert_no_error(error);
    assert_numa(domain, VIR_DOMAIN_NUMATUNE_MEM_STRICT, "0-1");
    (void)tn_tune_set_numa(domain, &preferred, NULL, CONFIG, &error);
    g_assert_no_error(error);
    assert_numa(domain, preferred, "0-1");
}

static void
refuse_numa(TnDomain *domain, const int *mode, const char *nodeset, unsigned flags, int code,
            const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_tune_set_numa(domain, mode, nodeset, flags, &error));
    g_assert_error(error, TN_VIR_ERROR, code);
    g_assert_cmpstr(error->message, ==, text);
}

static void
test_numa_refusals(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    const int seven = 7, minus = -1, strict = 0;

    refuse_numa(domain, &seven, NULL, CONFIG, VIR_ERR_INVALID_ARG,
                "unsupported numatune mode: '7'");
    refuse_numa(domain, &minus, NULL, CONFIG, VIR_ERR_INVALID_ARG,
                "unsupported numatune mode: '-1'");
    refuse_numa(domain, NULL, "x", CONFIG, VIR_ERR_INVALID_ARG, "Failed to parse bitmap 'x'");
    refuse_numa(domain, NULL, "", CONFIG, VIR_ERR_INVALID_ARG, "Failed to parse bitmap ''");
    refuse_numa(domain, &strict, NULL, CONFIG, VIR_ERR_CONFIG_UNSUPPORTED,
                "nodeset for NUMA memory tuning must be set if 'placement' is 'static'");
    refuse_numa(domain, NULL, "0", LIVE, VIR_ERR_OPERATION_INVALID,
                "cgroup cpuset controller is not mounted");
    assert_numa(domain, 0, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/tune/config", test_config);
    ADD("/driver/tune/live-hard-limit", test_live_hard_limit);
    ADD("/driver/tune/live-others-need-a-cgroup", test_live_others_need_a_cgroup);
    ADD("/driver/tune/hard-limit-above-the-one-with-swap", test_hard_limit_above_the_one_with_swap);
    ADD("/driver/tune/start-with-a-limit-that-needs-a-cgroup",
        test_start_with_a_limit_that_needs_a_cgroup);
    ADD("/driver/tune/inactive", test_inactive);
    ADD("/driver/tune/numa", test_numa);
    ADD("/driver/tune/numa-refusals", test_numa_refusals);
    return g_test_run();
}
