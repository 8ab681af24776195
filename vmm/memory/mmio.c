/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One access to one MMIO region: is its size accepted, and which calls of the
 * device's callbacks make it up. Little endian, as every guest of ours.
 */
#include "vmm/memory/mmio-private.h"

#define TN_MMIO_DEFAULT_MIN 1
#define TN_MMIO_DEFAULT_MAX 4

G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN);

static bool
is_access_size(unsigned size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

static TnMmioLimits
limits(unsigned min, unsigned max, bool unaligned)
{
    TnMmioLimits result = { .min = min ? min : TN_MMIO_DEFAULT_MIN, .unaligned = unaligned };

    result.max = max ? max : MAX(TN_MMIO_DEFAULT_MAX, result.min);
    g_assert(is_access_size(result.min) && is_access_size(result.max));
    g_assert(result.min <= result.max);
    return result;
}

TnMmioLimits
tn_mmio_valid_limits(const TnMemoryRegionOps *ops)
{
    return limits(ops->valid.min, ops->valid.max, ops->valid.unaligned);
}

TnMmioLimits
tn_mmio_impl_limits(const TnMemoryRegionOps *ops)
{
    return limits(ops->impl.min, ops->impl.max, ops->impl.unaligned);
}

void
tn_mmio_set_direct(TnFlatRange *flat)
{
    TnMmioLimits valid = tn_mmio_valid_limits(flat->ops);
    TnMmioLimits impl = tn_mmio_impl_limits(flat->ops);
    uint16_t sizes = 0;

    for (unsigned size = MAX(valid.min, impl.min); size <= MIN(valid.max, impl.max); size *= 2) {
        /* An aligned access that starts in the region must also end in it. */
        if ((flat->region_last & (size - 1)) == size - 1) {
            sizes |= (uint16_t)(1u << size);
        }
    }
    if (flat->flush_coalesced) {
        sizes = 0;
    }
    flat->direct_sizes[false] = flat->ops->read && !flat->host ? sizes : 0;
    flat->direct_sizes[true] = flat->ops->write && !flat->has_eventfds ? sizes : 0;
}

static bool
accepts(const TnMemoryRegionOps *ops, uint64_t offset, unsigned size)
{
    TnMmioLimits valid = tn_mmio_valid_limits(ops);

    return size >= valid.min && size <= valid.max &&
           (valid.unaligned || (offset & (size - 1)) == 0);
}

/* The low @size bytes. */
static uint64_t
low_bytes(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & ((UINT64_C(1) << (8 * size)) - 1);
}

/* One call of a callback, and which bytes of the access it stands for. */
typedef struct Step {
    uint64_t offset; /* for the callback */
    unsigned size;   /* for the callback */
    unsigned shift;  /* bits of the call's value below the access's */
    unsigned taken;  /* bytes of the access */
} Step;

/*
 * The first step of the @left bytes at @offset: the largest piece that the device
 * implements, or, where it implements nothing so small, the aligned larger one
 * that holds it.
 */
static Step
next_step(const TnMmioLimits *impl, uint64_t offset, unsigned left)
{
    unsigned size = MIN(1u << (31 - __builtin_clz(left)), impl->max);
    Step step;

    if (!impl->unaligned && offset != 0) {
        size = (unsigned)MIN((uint64_t)size, offset & -offset);
    }
    if (size >= impl->min) {
        return (Step){ offset, size, 0, size };
    }
    step.offset = offset & ~(uint64_t)(impl->min - 1);
    step.size = impl->min;
    step.shift = 8 * (unsigned)(offset - step.offset);
    step.taken = MIN(left, impl->min - (unsigned)(offset - step.offset));
    return step;
}

static bool
inside(const TnFlatRange *flat, const Step *step)
{
    return step->offset <= flat->region_last &&
           step->size - 1 <= flat->region_last - step->offset;
}

TnMemResult
tn_mmio_read(const TnFlatRange *flat, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    TnMmioLimits impl = tn_mmio_impl_limits(flat->ops);
    uint64_t value = 0;

    *ret_value = low_bytes(UINT64_MAX, size);
    if (!accepts(flat->ops, offset, size)) {
        return TN_MEM_INVALID_SIZE;
    }
    if (!flat->ops->read) {
        return TN_MEM_UNASSIGNED;
    }
    for (unsigned done = 0; done < size;) {
        Step step = next_step(&impl, offset + done, size - done);
        uint64_t part = UINT64_MAX;

        if (inside(flat, &step)) {
            part = flat->ops->read(flat->opaque, step.offset, step.size) >> step.shift;
        }
        value |= low_bytes(part, step.taken) << (8 * done);
        done += step.taken;
    }
    *ret_value = value;
    return TN_MEM_OK;
}

TnMemResult
tn_mmio_write(const TnFlatRange *flat, uint64_t offset, uint64_t value, unsigned size)
{
    TnMmioLimits impl = tn_mmio_impl_limits(flat->ops);

    if (!accepts(flat->ops, offset, size)) {
        return TN_MEM_INVALID_SIZE;
    }
    if (!flat->ops->write) {
        return TN_MEM_UNASSIGNED;
    }
    for (unsigned done = 0; done < size;) {
        Step step = next_step(&impl, offset + done, size - done);
        uint64_t part = low_bytes(value >> (8 * done), step.taken) << step.shift;

        if (inside(flat, &step)) {
            flat->ops->write(flat->opaque, step.offset, part, step.size);
        }
        done += step.taken;
    }
    return TN_MEM_OK;
}
