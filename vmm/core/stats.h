/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One statistic as the accelerator counts it and query-stats tells of it: QEMU's qapi/stats. */
#pragma once

#include <glib.h>

/* In the order of KVM's (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD). */
typedef enum {
    TN_STAT_CUMULATIVE,
    TN_STAT_INSTANT,
    TN_STAT_PEAK,
    TN_STAT_LINEAR_HISTOGRAM,
    TN_STAT_LOG2_HISTOGRAM,
    TN_STAT_N_TYPES
} TnStatType;

typedef enum {
    TN_STAT_UNIT_NONE,
    TN_STAT_UNIT_BYTES,
    TN_STAT_UNIT_SECONDS,
    TN_STAT_UNIT_CYCLES,
    TN_STAT_UNIT_BOOLEAN,
    TN_STAT_N_UNITS
} TnStatUnit;

/**
 * TnStat:
 * @base, @exponent: the values are in units of @base (2 or 10) to the power of @exponent.
 * @bucket_size: of a linear histogram; else 0.
 * @values: @n_values of them, at least 1; more than 1 are a histogram's buckets.
 */
typedef struct TnStat {
    char *name;
    TnStatType type;
    TnStatUnit unit;
    int base, exponent;
    guint32 bucket_size;
    guint n_values;
    guint64 *values;
} TnStat;
