/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ranges at their edges: zero, one, the last address, all 2^64.
 */
#include "vmm/memory/range.h"

#include <glib.h>

static void
test_zero_refused(void)
{
    TnRange r = { 1, 2 };

    g_assert_false(tn_range_make(0x1000, 0, &r));
    g_assert_cmphex(r.first, ==, 1);
    g_assert_cmphex(r.last, ==, 2);
}

static void
test_wrap_refused(void)
{
    TnRange r = { 1, 2 };

    g_assert_false(tn_range_make(UINT64_MAX, 2, &r));
    g_assert_cmphex(r.first, ==, 1);
}

static void
test_last_address(void)
{
    TnRange r;

    g_assert_true(tn_range_make(UINT64_MAX, 1, &r));
    g_assert_cmphex(r.first, ==, UINT64_MAX);
    g_assert_cmphex(r.last, ==, UINT64_MAX);
    g_assert_cmphex(tn_range_size(r), ==, 1);
}

static void
test_whole(void)
{
    TnRange r;

    g_assert_true(tn_range_make(0, TN_SIZE_WHOLE, &r));
    g_assert_cmphex(r.first, ==, 0);
    g_assert_cmphex(r.last, ==, UINT64_MAX);
    g_assert_cmphex(tn_range_size(r), ==, TN_SIZE_WHOLE);
}

static void
test_contains_both_ends(void)
{
    const TnRange r = { 0x10, 0x1f };

    g_assert_false(tn_range_contains(r, 0xf));
    g_assert_true(tn_range_contains(r, 0x10));
    g_assert_true(tn_range_contains(r, 0x1f));
    g_assert_false(tn_range_contains(r, 0x20));
}

static void
test_touching_do_not_overlap(void)
{
    const TnRange a = { 0x10, 0x1f };
    const TnRange b = { 0x20, 0x2f };
    TnRange common = { 1, 2 };

    g_assert_false(tn_range_overlaps(a, b));
    g_assert_false(tn_range_intersect(a, b, &common));
    g_assert_cmphex(common.first, ==, 1);
}

static void
test_intersection(void)
{
    const TnRange a = { 0x10, 0x1f };
    const TnRange b = { 0x1f, UINT64_MAX };
    TnRange common;

    g_assert_true(tn_range_intersect(a, b, &common));
    g_assert_cmphex(common.first, ==, 0x1f);
    g_assert_cmphex(common.last, ==, 0x1f);
}

static void
test_covers(void)
{
    const TnRange a = { 0x10, 0x1f };

    g_assert_true(tn_range_covers(a, a));
    g_assert_true(tn_range_covers(a, (TnRange){ 0x11, 0x1e }));
    g_assert_false(tn_range_covers(a, (TnRange){ 0x0f, 0x1f }));
    g_assert_false(tn_range_covers(a, (TnRange){ 0x10, 0x20 }));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/range/zero-size-refused", test_zero_refused);
    g_test_add_func("/memory/range/wrapping-end-refused", test_wrap_refused);
    g_test_add_func("/memory/range/last-address-alone", test_last_address);
    g_test_add_func("/memory/range/whole-space", test_whole);
    g_test_add_func("/memory/range/contains-both-ends", test_contains_both_ends);
    g_test_add_func("/memory/range/touching-do-not-overlap", test_touching_do_not_overlap);
    g_test_add_func("/memory/range/intersection-of-one-address", test_intersection);
    g_test_add_func("/memory/range/covers", test_covers);
    return g_test_run();
}
