/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seconds since 1970 to an MC146818's time registers and back. */
#include "vmm/hw/rtc-time.h"

#define SECONDS_PER_DAY 86400
/* Days of a 400-year cycle of the Gregorian calendar. */
#define DAYS_PER_ERA 146097
/* From 0000-03-01 to 1970-01-01. Years are counted from March, so that the leap day is last. */
#define DAYS_TO_EPOCH 719468

#define HOUR_PM 0x80

static gint64
floor_div(gint64 a, gint64 b)
{
    return a / b - (a % b < 0);
}

void
tn_rtc_time_from_seconds(gint64 seconds, TnRtcTime *ret_time)
{
    gint64 in_range = CLAMP(seconds, TN_RTC_TIME_FIRST, TN_RTC_TIME_LAST);
    gint64 days = floor_div(in_range, SECONDS_PER_DAY);
    unsigned of_day = (unsigned)(in_range - days * SECONDS_PER_DAY);
    gint64 shifted = days + DAYS_TO_EPOCH;
    gint64 era = floor_div(shifted, DAYS_PER_ERA);
    unsigned doe = (unsigned)(shifted - era * DAYS_PER_ERA);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned march_month = (5 * doy + 2) / 153;
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;

    *ret_time = (TnRtcTime){
        .second = (guint8)(of_day % 60),
        .minute = (guint8)(of_day / 60 % 60),
        .hour = (guint8)(of_day / 3600),
        /* 1970-01-01 was a Thursday, 5. */
        .weekday = (guint8)((days % 7 + 7 + 4) % 7 + 1),
        .day = (guint8)(doy - (153 * march_month + 2) / 5 + 1),
        .month = (guint8)month,
        .year = (guint16)(era * 400 + yoe + (month <= 2)),
    };
}

gint64
tn_rtc_time_to_seconds(const TnRtcTime *time)
{
    /* Months since March of year 0, whatever the month register holds. */
    gint64 months = (gint64)time->year * 12 + time->month - 3;
    gint64 year = floor_div(months, 12);
    gint64 march_month = months - year * 12;
    gint64 days = year * 365 + floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400) +
                  (153 * march_month + 2) / 5 + time->day - 1 - DAYS_TO_EPOCH;

    return ((days * 24 + time->hour) * 60 + time->minute) * 60 + time->second;
}

guint8
tn_rtc_encode(guint8 value, gboolean binary)
{
    return binary ? value : (guint8)((value / 10) << 4 | value % 10);
}

guint8
tn_rtc_decode(guint8 value, gboolean binary)
{
    return binary ? value : (guint8)((value >> 4) * 10 + (value & 0x0f));
}

guint8
tn_rtc_encode_hour(guint8 hour, gboolean binary, gboolean is_24h)
{
    guint8 of_12 = hour % 12 == 0 ? 12 : hour % 12;

    if (is_24h) {
        return tn_rtc_encode(hour, binary);
    }
    return tn_rtc_encode(of_12, binary) | (hour >= 12 ? HOUR_PM : 0);
}

guint8
tn_rtc_decode_hour(guint8 value, gboolean binary, gboolean is_24h)
{
    if (is_24h) {
        return tn_rtc_decode(value, binary);
    }
    return (guint8)(tn_rtc_decode(value & ~HOUR_PM, binary) % 12 + (value & HOUR_PM ? 12 : 0));
}
