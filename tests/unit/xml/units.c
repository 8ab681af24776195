/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes with units: each suffix, rounding, and both ends of the range. */
#include "xml/units.h"

static void
assert_kib(guint64 value, const char *unit, guint64 expected)
{
    g_autoptr(GError) error = NULL;
    guint64 kib = 0;

    g_assert_true(tn_xml_scale_to_kib(value, unit, &kib, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(kib, ==, expected);
}

static void
assert_fails(guint64 value, const char *unit, int code)
{
    g_autoptr(GError) error = NULL;
    guint64 kib = 77;

    g_assert_false(tn_xml_scale_to_kib(value, unit, &kib, &error));
    g_assert_error(error, TN_XML_ERROR, code);
    g_assert_cmpuint(kib, ==, 77);
}

static void
test_suffixes(void)
{
    assert_kib(5, NULL, 5);
    assert_kib(5, "KiB", 5);
    assert_kib(5, "k", 5);
    assert_kib(1, "MiB", 1024);
    assert_kib(1, "m", 1024);
    assert_kib(1, "G", 1024 * 1024);
    assert_kib(1, "TiB", G_GUINT64_CONSTANT(1) << 30);
    assert_kib(1, "PiB", G_GUINT64_CONSTANT(1) << 40);
    assert_kib(1, "E", G_GUINT64_CONSTANT(1) << 50);
    assert_kib(2048, "b", 2);
    assert_kib(2048, "bytes", 2);
    assert_kib(1024, "KB", 1000);
    assert_kib(1, "GB", 976563);
}

static void
test_rounds_up(void)
{
    assert_kib(0, "b", 0);
    assert_kib(1, "b", 1);
    assert_kib(1024, "b", 1);
    assert_kib(1025, "b", 2);
}

static void
test_last_value(void)
{
    assert_kib(G_MAXINT64, "b", G_GUINT64_CONSTANT(1) << 53);
    assert_fails((guint64) G_MAXINT64 + 1, "b", TN_XML_ERROR_OVERFLOW);
    assert_fails(8, "EiB", TN_XML_ERROR_OVERFLOW);
    assert_fails(G_MAXUINT64, "EiB", TN_XML_ERROR_OVERFLOW);
}

static void
test_unknown_suffix(void)
{
    assert_fails(1, "", TN_XML_ERROR_INVALID_ARG);
    assert_fails(1, "Z", TN_XML_ERROR_INVALID_ARG);
    assert_fails(1, "MiBB", TN_XML_ERROR_INVALID_ARG);
    assert_fails(1, "Mi", TN_XML_ERROR_INVALID_ARG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/units/suffixes", test_suffixes);
    g_test_add_func("/xml/units/rounds-up", test_rounds_up);
    g_test_add_func("/xml/units/last-value", test_last_value);
    g_test_add_func("/xml/units/unknown-suffix", test_unknown_suffix);
    return g_test_run();
}
