/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One access to one MMIO region: sizes judged, split or widened to what the
 * device implements. For the files of this folder.
 */
#pragma once

#include "vmm/memory/flat-view.h"

/* Access limits with the defaults filled in. */
typedef struct TnMmioLimits {
    unsigned min;
    unsigned max;
    bool unaligned;
} TnMmioLimits;

TnMmioLimits tn_mmio_valid_limits(const TnMemoryRegionOps *ops);
TnMmioLimits tn_mmio_impl_limits(const TnMemoryRegionOps *ops);

/* Fills @flat's direct_sizes; all of its other fields are set. */
void tn_mmio_set_direct(TnFlatRange *flat);

/*
 * @offset, @size: inside of the region, @size 1, 2, 4 or 8. @ret_value: what was
 * read in the low bits; all ones on failure.
 */
TnMemResult tn_mmio_read(const TnFlatRange *flat, uint64_t offset, unsigned size,
                         uint64_t *ret_value);
TnMemResult tn_mmio_write(const TnFlatRange *flat, uint64_t offset, uint64_t value, unsigned size);
