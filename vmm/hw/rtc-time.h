/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seconds since 1970 to an MC146818's time registers and back. Pure. */
#pragma once

#include <glib.h>

/* What four digits of a year can show. */
#define TN_RTC_TIME_FIRST G_GINT64_CONSTANT(-62167219200) /* 0000-01-01 00:00:00 */
#define TN_RTC_TIME_LAST G_GINT64_CONSTANT(253402300799)  /* 9999-12-31 23:59:59 */

/* Values as they are, before BCD and 12-hour form. */
typedef struct TnRtcTime {
    guint8 second, minute, hour; /* hour 0..23 */
    guint8 weekday;              /* 1: Sunday .. 7 */
    guint8 day, month;           /* 1..31, 1..12 */
    guint16 year;                /* 0..9999 */
} TnRtcTime;

/* @seconds outside of the years 0..9999 is brought into them. */
void tn_rtc_time_from_seconds(gint64 seconds, TnRtcTime *ret_time);
/* Any values; those beyond their range carry over. weekday is ignored. */
gint64 tn_rtc_time_to_seconds(const TnRtcTime *time);

/* A register's form of 0..99, and back (digits beyond 9 count as they stand). */
guint8 tn_rtc_encode(guint8 value, gboolean binary);
guint8 tn_rtc_decode(guint8 value, gboolean binary);
/* Likewise of an hour, with the PM bit in 12-hour form. */
guint8 tn_rtc_encode_hour(guint8 hour, gboolean binary, gboolean is_24h);
guint8 tn_rtc_decode_hour(guint8 value, gboolean binary, gboolean is_24h);
