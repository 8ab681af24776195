/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calendar of the real-time clock, against the C library's. */
#include "vmm/hw/rtc-time.h"

#include <time.h>

static void
assert_time(gint64 seconds, int year, int month, int day, int hour, int minute, int second,
            int weekday)
{
    TnRtcTime t;

    tn_rtc_time_from_seconds(seconds, &t);
    g_assert_cmpint(t.year, ==, year);
    g_assert_cmpint(t.month, ==, month);
    g_assert_cmpint(t.day, ==, day);
    g_assert_cmpint(t.hour, ==, hour);
    g_assert_cmpint(t.minute, ==, minute);
    g_assert_cmpint(t.second, ==, second);
    g_assert_cmpint(t.weekday, ==, weekday);
    g_assert_cmpint(tn_rtc_time_to_seconds(&t), ==, seconds);
}

static void
test_epoch(void)
{
    assert_time(0, 1970, 1, 1, 0, 0, 0, 5);
}

static void
test_before_epoch(void)
{
    assert_time(-1, 1969, 12, 31, 23, 59, 59, 4);
}

static void
test_leap_day(void)
{
    assert_time(951782400, 2000, 2, 29, 0, 0, 0, 3);
    assert_time(4107542399, 2100, 2, 28, 23, 59, 59, 1);
    assert_time(4107542400, 2100, 3, 1, 0, 0, 0, 2);
}

static void
test_ends_are_clamped(void)
{
    TnRtcTime t;

    tn_rtc_time_from_seconds(G_MAXINT64, &t);
    g_assert_cmpint(t.year, ==, 9999);
    tn_rtc_time_from_seconds(G_MININT64, &t);
    g_assert_cmpint(t.year, ==, 0);
}

static void
test_random_against_libc(void)
{
    for (int i = 0; i < 20000; i++) {
        time_t seconds = (time_t)g_test_rand_double_range(TN_RTC_TIME_FIRST, TN_RTC_TIME_LAST);
        struct tm tm;

        g_assert_nonnull(gmtime_r(&seconds, &tm));
        assert_time(seconds, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                    tm.tm_sec, tm.tm_wday + 1);
    }
}

static void
test_nonsense_carries_over(void)
{
    TnRtcTime t = { .second = 75, .minute = 0, .hour = 0, .day = 32, .month = 13, .year = 2020 };

    /* 2021-02-01 00:01:15 */
    g_assert_cmpint(tn_rtc_time_to_seconds(&t), ==, 1612137675);
}

static void
test_bcd(void)
{
    g_assert_cmphex(tn_rtc_encode(59, FALSE), ==, 0x59);
    g_assert_cmphex(tn_rtc_encode(59, TRUE), ==, 59);
    g_assert_cmpuint(tn_rtc_decode(0x59, FALSE), ==, 59);
}

static void
test_hours(void)
{
    g_assert_cmphex(tn_rtc_encode_hour(0, FALSE, FALSE), ==, 0x12);
    g_assert_cmphex(tn_rtc_encode_hour(11, FALSE, FALSE), ==, 0x11);
    g_assert_cmphex(tn_rtc_encode_hour(12, FALSE, FALSE), ==, 0x92);
    g_assert_cmphex(tn_rtc_encode_hour(23, FALSE, FALSE), ==, 0x91);
    g_assert_cmphex(tn_rtc_encode_hour(23, FALSE, TRUE), ==, 0x23);
    for (guint8 hour = 0; hour < 24; hour++) {
        guint8 shown = tn_rtc_encode_hour(hour, TRUE, FALSE);

        g_assert_cmpuint(tn_rtc_decode_hour(shown, TRUE, FALSE), ==, hour);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hw/rtc-time/epoch", test_epoch);
    g_test_add_func("/hw/rtc-time/before-epoch", test_before_epoch);
    g_test_add_func("/hw/rtc-time/leap-day", test_leap_day);
    g_test_add_func("/hw/rtc-time/ends-are-clamped", test_ends_are_clamped);
    g_test_add_func("/hw/rtc-time/random-against-libc", test_random_against_libc);
    g_test_add_func("/hw/rtc-time/nonsense-carries-over", test_nonsense_carries_over);
    g_test_add_func("/hw/rtc-time/bcd", test_bcd);
    g_test_add_func("/hw/rtc-time/hours", test_hours);
    return g_test_run();
}
