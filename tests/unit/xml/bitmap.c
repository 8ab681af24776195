/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of CPUs and nodes: reading, writing, comparing. */
#include "xml/bitmap.h"

static void
assert_reads_as(const char *text, const char *expected)
{
    g_autoptr(TnBitmap) bitmap = tn_bitmap_parse(text);
    g_autofree char *formatted = NULL;

    g_assert_nonnull(bitmap);
    formatted = tn_bitmap_format(bitmap);
    g_assert_cmpstr(formatted, ==, expected);
}

static void
assert_refused(const char *text)
{
    g_assert_null(tn_bitmap_parse(text));
}

static void
test_parse_ranges(void)
{
    assert_reads_as("0", "0");
    assert_reads_as("0-3,7", "0-3,7");
    assert_reads_as("1,0,2", "0-2");
    assert_reads_as(" 1 , 3-4 ", "1,3-4");
    assert_reads_as("16383", "16383");
    assert_reads_as("62-65", "62-65");
}

static void
test_parse_negation(void)
{
    assert_reads_as("0-4,^2", "0-1,3-4");
    assert_reads_as("1-4,^3,6", "1-2,4,6");
}

static void
test_parse_malformed(void)
{
    assert_refused("");
    assert_refused("x");
    assert_refused("1,");
    assert_refused(",1");
    assert_refused("1-");
    assert_refused("3-1");
    assert_refused("5,3-1");
    assert_refused("^1-2");
    assert_refused("1 2");
    assert_refused("-1");
    assert_refused("16384");
    assert_refused("99999999999999999999");
}

static void
test_parse_refuses_empty_result(void)
{
    assert_refused("1,^1");
}

static void
test_next_and_count(void)
{
    g_autoptr(TnBitmap) bitmap = tn_bitmap_parse("3,64,16383");

    g_assert_cmpint(tn_bitmap_next(bitmap, 0), ==, 3);
    g_assert_cmpint(tn_bitmap_next(bitmap, 4), ==, 64);
    g_assert_cmpint(tn_bitmap_next(bitmap, 65), ==, 16383);
    g_assert_cmpint(tn_bitmap_next(bitmap, 16384), ==, -1);
    g_assert_cmpuint(tn_bitmap_count(bitmap), ==, 3);
    g_assert_false(tn_bitmap_contains(bitmap, G_MAXUINT));
}

static void
test_compare(void)
{
    g_autoptr(TnBitmap) a = tn_bitmap_parse("0-2");
    g_autoptr(TnBitmap) b = tn_bitmap_copy(a);
    g_autoptr(TnBitmap) c = tn_bitmap_parse("3");

    g_assert_true(tn_bitmap_equal(a, b));
    g_assert_true(tn_bitmap_equal(NULL, NULL));
    g_assert_false(tn_bitmap_equal(a, NULL));
    g_assert_true(tn_bitmap_overlaps(a, b));
    g_assert_false(tn_bitmap_overlaps(a, c));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/bitmap/parse/ranges", test_parse_ranges);
    g_test_add_func("/xml/bitmap/parse/negation", test_parse_negation);
    g_test_add_func("/xml/bitmap/parse/malformed", test_parse_malformed);
    g_test_add_func("/xml/bitmap/parse/refuses-empty-result", test_parse_refuses_empty_result);
    g_test_add_func("/xml/bitmap/next-and-count", test_next_and_count);
    g_test_add_func("/xml/bitmap/compare", test_compare);
    return g_test_run();
}
