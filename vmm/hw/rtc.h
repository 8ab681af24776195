/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MC146818 real-time clock and CMOS memory at ports 0x70/0x71, QEMU's
 * "mc146818rtc". docs/specs/rtc.md.
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_RTC (tn_rtc_get_type())
G_DECLARE_FINAL_TYPE(TnRtc, tn_rtc, TN, RTC, TnDevice)

/* What the clock shows at start: "-rtc base=". */
typedef enum {
    TN_RTC_BASE_UTC,
    TN_RTC_BASE_LOCALTIME,
    TN_RTC_BASE_DATETIME, /* TnRtcConfig.start */
} TnRtcBase;

/* What drives it: "-rtc clock=". */
typedef enum {
    TN_RTC_CLOCK_HOST, /* the host's time of day, its steps too */
    TN_RTC_CLOCK_RT,   /* CLOCK_MONOTONIC */
    TN_RTC_CLOCK_VM,   /* virtual time: stands while the guest is stopped */
} TnRtcClock;

/* All zero: UTC, driven by the host. */
typedef struct TnRtcConfig {
    TnRtcBase base;
    TnRtcClock clock;
    gint64 start; /* DATETIME: seconds since 1970 */
} TnRtcConfig;

/* @config: (nullable): copied; NULL: all zero. Not realized. (transfer full) */
TnRtc *tn_rtc_new(const TnPlatform *platform, const TnRtcConfig *config);

/* IBM PC AT's shutdown status, and what says that memory holds a sleeping system. */
#define TN_RTC_CMOS_SHUTDOWN 0x0f
#define TN_RTC_SHUTDOWN_S3 0xfe

/* CMOS bytes 0x0e..0x7f but 0x32, for what firmware finds there. Any thread. */
void tn_rtc_set_cmos(TnRtc *self, guint8 index, guint8 value);
guint8 tn_rtc_get_cmos(TnRtc *self, guint8 index);

/* The bytes that tell of memory: 640 KiB base memory (0x15), extended memory in KiB (0x17,
 * 0x30), above 16 MiB (0x34) and above 4 GiB (0x5b) in 64 KiB. Sizes in bytes. */
void tn_rtc_set_memory(TnRtc *self, guint64 below_4g, guint64 above_4g);

G_END_DECLS
