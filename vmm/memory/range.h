/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ranges of addresses as checked values: first and inclusive last, never empty,
 * so that all 2^64 addresses are one range and no end ever wraps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct TnRange {
    uint64_t first;
    uint64_t last; /* inclusive, >= first */
} TnRange;

/* The size that stands for all 2^64 addresses, which no uint64_t can count. */
#define TN_SIZE_WHOLE UINT64_MAX

/* @start..@start+@size-1; false when @size is 0 or the end wraps. TN_SIZE_WHOLE
 * with @start 0 is the whole space. @ret_range untouched on failure. */
static inline bool
tn_range_make(uint64_t start, uint64_t size, TnRange *ret_range)
{
    if (size == 0) {
        return false;
    }
    if (size == TN_SIZE_WHOLE && start == 0) {
        *ret_range = (TnRange){ 0, UINT64_MAX };
        return true;
    }
    if (start + (size - 1) < start) {
        return false;
    }
    *ret_range = (TnRange){ start, start + (size - 1) };
    return true;
}

/* Number of addresses; TN_SIZE_WHOLE for all 2^64 (and for 2^64-1, see region.h). */
static inline uint64_t
tn_range_size(TnRange r)
{
    return r.last - r.first == UINT64_MAX ? TN_SIZE_WHOLE : r.last - r.first + 1;
}

static inline bool
tn_range_contains(TnRange r, uint64_t addr)
{
    return addr >= r.first && addr <= r.last;
}

static inline bool
tn_range_covers(TnRange outer, TnRange inner)
{
    return inner.first >= outer.first && inner.last <= outer.last;
}

static inline bool
tn_range_overlaps(TnRange a, TnRange b)
{
    return a.first <= b.last && b.first <= a.last;
}

/* The common part; false (and @ret_range untouched) when there is none. */
static inline bool
tn_range_intersect(TnRange a, TnRange b, TnRange *ret_range)
{
    if (!tn_range_overlaps(a, b)) {
        return false;
    }
    *ret_range = (TnRange){ a.first > b.first ? a.first : b.first,
                            a.last < b.last ? a.last : b.last };
    return true;
}
