/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accesses to address spaces. tn_address_space_access() is what every exit of a
 * vCPU goes through; the first part of it is counted in instructions.
 */
#include "vmm/memory/coalesced.h"
#include "vmm/memory/iommu.h"
#include "vmm/memory/memory-private.h"
#include "vmm/memory/mmio-private.h"
#include "vmm/memory/rcu-private.h"

#include <string.h>

static inline uint64_t
load(const void *data, unsigned size)
{
    uint64_t value = 0;

    /* Constant lengths, so that each is one move and tears no guest's atomic. */
    switch (size) {
    case 1:
        return *(const uint8_t *)data;
    case 2:
        memcpy(&value, data, 2);
        return value;
    case 4:
        memcpy(&value, data, 4);
        return value;
    default:
        memcpy(&value, data, 8);
        return value;
    }
}

static inline void
store(void *data, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        memcpy(data, &value, 1);
        break;
    case 2:
        memcpy(data, &value, 2);
        break;
    case 4:
        memcpy(data, &value, 4);
        break;
    default:
        memcpy(data, &value, 8);
        break;
    }
}

/* One access of an exit. */
typedef struct Access {
    uint64_t addr;
    void *data;
    unsigned size;
    bool is_write;
} Access;

/*
 * A guest that moves BARs without end replaces views faster than the main thread
 * may get to free them; the vCPU that caused it then waits for the grace period
 * itself. Only here: an exit holds no device's lock.
 */
static inline void
relieve(TnMemory *memory)
{
    if (G_UNLIKELY(__atomic_load_n(&memory->crowded, __ATOMIC_RELAXED)) &&
        !tn_rcu_in_read_section()) {
        tn_memory_relieve(memory);
    }
}

/* What is left to do of an access of any length. Exactly one pointer is not NULL. */
typedef struct Transfer {
    const TnFlatView *view;
    uint64_t addr;
    uint64_t len;
    uint8_t *to;         /* reads fill this */
    const uint8_t *from; /* writes take this */
    bool ram_only;       /* MMIO counts as unassigned */
    unsigned hops;       /* IOMMUs passed on the way here */
} Transfer;

static TnMemResult transfer(Transfer t);

/* Steps over @len bytes, which are filled with all ones when this is a read. */
static void
skip(Transfer *t, uint64_t len)
{
    if (t->to) {
        memset(t->to, 0xff, len);
    }
}

static void
advance(Transfer *t, uint64_t len)
{
    t->addr += len;
    t->len -= len;
    if (t->to) {
        t->to += len;
    } else {
        t->from += len;
    }
}

/* Whole values where possible: what the guest polls must not tear. */
static void
copy_ram(void *to, const void *from, uint64_t len)
{
    if (len == 1 || len == 2 || len == 4 || len == 8) {
        store(to, load(from, (unsigned)len), (unsigned)len);
    } else {
        memcpy(to, from, len);
    }
}

/* Each access of a device's memory counts: aligned, of 1 to 8 bytes, and once. */
static void
copy_ram_device(const Transfer *t, volatile uint8_t *host, uint64_t len)
{
    for (uint64_t done = 0; done < len;) {
        volatile uint8_t *at = host + done;
        unsigned size = 8;

        while (size > len - done || ((uintptr_t)at & (size - 1)) != 0) {
            size /= 2;
        }
        if (t->to) {
            store(t->to + done, load((const void *)at, size), size);
        } else {
            store((void *)at, load(t->from + done, size), size);
        }
        done += size;
    }
}

static TnMemResult
transfer_ram(Transfer *t, const TnFlatRange *flat, uint64_t len)
{
    uint64_t skipped = t->addr - flat->range.first;
    uint8_t *host = (uint8_t *)flat->host + skipped;

    if (!t->to && (flat->readonly || flat->ops)) {
        return TN_MEM_READONLY;
    }
    if (flat->ram_device) {
        copy_ram_device(t, host, len);
    } else if (t->to) {
        copy_ram(t->to, host, len);
    } else {
        copy_ram(host, t->from, len);
        if (flat->dirty_clients) {
            tn_dirty_mark(flat->region, flat->dirty_clients, flat->offset_in_region + skipped,
                          len);
        }
    }
    return TN_MEM_OK;
}

/* What comes before every access of a callback but the direct ones. */
static void
before_callback(const TnFlatRange *flat)
{
    if (flat->flush_coalesced) {
        tn_memory_flush_coalesced(flat->region->memory);
    }
}

/* A write of any size that an event descriptor waits for, even one the device refuses, is
 * the descriptor's, as it is in KVM. */
static TnMemResult
write_mmio(const TnFlatView *view, const TnFlatRange *flat, uint64_t addr, uint64_t value,
           unsigned size)
{
    uint64_t offset = flat->offset_in_region + (addr - flat->range.first);

    before_callback(flat);
    if (flat->has_eventfds && tn_eventfds_signal(view, addr, value, size)) {
        return TN_MEM_OK;
    }
    return tn_mmio_write(flat, offset, value, size);
}

/*
 * The largest single access the device takes here. It may reach past the range,
 * not past the region: where another register covers part of this one (ports
 * 0xcf8 and 0xcf9), an access goes to the one that decodes its first address.
 */
static unsigned
mmio_piece(const Transfer *t, const TnFlatRange *flat, uint64_t offset)
{
    TnMmioLimits valid = tn_mmio_valid_limits(flat->ops);
    uint64_t size = MIN(t->len, valid.max);

    if (size - 1 > flat->region_last - offset) {
        size = flat->region_last - offset + 1;
    }
    size = 1u << (31 - __builtin_clz((unsigned)size));
    if (!valid.unaligned && offset != 0) {
        size = MIN(size, offset & -offset);
    }
    return (unsigned)size;
}

static TnMemResult
transfer_mmio(Transfer *t, const TnFlatRange *flat, uint64_t *ret_len)
{
    uint64_t offset = flat->offset_in_region + (t->addr - flat->range.first);
    unsigned size = mmio_piece(t, flat, offset);
    TnMemResult result;
    uint64_t value;

    *ret_len = size;
    if (!t->to) {
        return write_mmio(t->view, flat, t->addr, load(t->from, size), size);
    }
    before_callback(flat);
    result = tn_mmio_read(flat, offset, size, &value);
    store(t->to, value, size);
    return result;
}

/* The first bytes of @t, at most *@ret_len on entry, as far as one translation goes. */
static TnMemResult
transfer_iommu(Transfer *t, const TnFlatRange *flat, uint64_t *ret_len)
{
    TnIommuPerm perm = t->to ? TN_IOMMU_READ : TN_IOMMU_WRITE;
    uint64_t offset = flat->offset_in_region + (t->addr - flat->range.first);
    TnIommuEntry entry = { .perm = TN_IOMMU_NONE };
    Transfer inner = *t;
    uint64_t room_1 = 0;

    if (t->hops < TN_IOMMU_MAX_HOPS) {
        entry = flat->iommu->translate(flat->region, offset, perm, 0);
    }
    if (tn_range_contains(entry.iova, offset)) {
        room_1 = entry.iova.last - offset;
    } else {
        entry.perm = TN_IOMMU_NONE;
    }
    *ret_len = *ret_len - 1 <= room_1 ? *ret_len : room_1 + 1;
    if ((entry.perm & perm) == 0) {
        skip(t, *ret_len);
        return TN_MEM_UNASSIGNED;
    }
    inner.view = tn_address_space_view_rcu(entry.target);
    inner.addr = entry.translated + (offset - entry.iova.first);
    inner.len = *ret_len;
    inner.hops++;
    return transfer(inner);
}

/* One piece of @t: what one region answers, or a hole up to the next region. */
static TnMemResult
transfer_step(Transfer *t, uint64_t *ret_len)
{
    unsigned i = tn_flat_view_lower_bound(t->view, t->addr);
    const TnFlatRange *flat = i < t->view->count ? &t->view->ranges[i] : NULL;
    uint64_t room_1;

    if (!flat || flat->range.first > t->addr) {
        room_1 = (flat ? flat->range.first - 1 : UINT64_MAX) - t->addr;
    } else if (flat->ops && !t->ram_only && !(flat->host && t->to)) {
        return transfer_mmio(t, flat, ret_len);
    } else {
        room_1 = flat->range.last - t->addr;
    }
    *ret_len = t->len - 1 <= room_1 ? t->len : room_1 + 1;
    if (flat && flat->range.first <= t->addr && flat->host) {
        return transfer_ram(t, flat, *ret_len);
    }
    if (flat && flat->range.first <= t->addr && flat->iommu) {
        return transfer_iommu(t, flat, ret_len);
    }
    skip(t, *ret_len);
    return TN_MEM_UNASSIGNED;
}

static TnMemResult
transfer(Transfer t)
{
    TnMemResult first_failure = TN_MEM_OK;

    while (t.len > 0) {
        uint64_t len;
        TnMemResult result = transfer_step(&t, &len);

        if (first_failure == TN_MEM_OK) {
            first_failure = result;
        }
        if (len < t.len && t.addr + len < t.addr) {
            /* Past the last address of all: nothing is there. */
            advance(&t, len);
            skip(&t, t.len);
            return first_failure == TN_MEM_OK ? TN_MEM_UNASSIGNED : first_failure;
        }
        advance(&t, len);
    }
    return first_failure;
}

static TnMemResult
transfer_now(TnAddressSpace *as, Transfer t)
{
    TnMemResult result;

    tn_rcu_read_lock();
    t.view = tn_address_space_view_rcu(as);
    result = transfer(t);
    tn_rcu_read_unlock();
    return result;
}

TnMemResult
tn_address_space_read(TnAddressSpace *as, uint64_t addr, void *buf, uint64_t len)
{
    return transfer_now(as, (Transfer){ .addr = addr, .len = len, .to = buf });
}

TnMemResult
tn_address_space_write(TnAddressSpace *as, uint64_t addr, const void *buf, uint64_t len)
{
    return transfer_now(as, (Transfer){ .addr = addr, .len = len, .from = buf });
}

TnMemResult
tn_address_space_dma_read(TnAddressSpace *as, uint64_t addr, void *buf, uint64_t len)
{
    return transfer_now(as,
                        (Transfer){ .addr = addr, .len = len, .to = buf, .ram_only = true });
}

TnMemResult
tn_address_space_dma_write(TnAddressSpace *as, uint64_t addr, const void *buf, uint64_t len)
{
    return transfer_now(as,
                        (Transfer){ .addr = addr, .len = len, .from = buf, .ram_only = true });
}

/* An access that no single callback serves as it is: RAM, holes, sizes to adjust. */
static TnMemResult
access_adjusted(const TnFlatView *view, const TnFlatRange *flat, const Access *a)
{
    uint64_t offset = flat ? a->addr - flat->range.first + flat->offset_in_region : 0;
    bool is_single = a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8;
    TnMemResult result;
    uint64_t value;

    if (!flat || !flat->ops || flat->host || !is_single ||
        a->size - 1 > flat->region_last - offset) {
        return transfer((Transfer){ .view = view,
                                    .addr = a->addr,
                                    .len = a->size,
                                    .to = a->is_write ? NULL : a->data,
                                    .from = a->is_write ? a->data : NULL });
    }
    if (a->is_write) {
        return write_mmio(view, flat, a->addr, load(a->data, a->size), a->size);
    }
    before_callback(flat);
    result = tn_mmio_read(flat, offset, a->size, &value);
    store(a->data, value, a->size);
    return result;
}

static inline bool
is_direct(const TnFlatRange *flat, uint64_t offset, unsigned size, bool is_write)
{
    return (flat->direct_sizes[is_write] >> size & 1) && (offset & (size - 1)) == 0;
}

static inline void
call_device(const TnFlatRange *flat, uint64_t offset, void *data, unsigned size, bool is_write)
{
    if (is_write) {
        flat->ops->write(flat->opaque, offset, load(data, size), size);
    } else {
        store(data, flat->ops->read(flat->opaque, offset, size), size);
    }
}

/*
 * Whether nothing answers in all of the access; @i: the first range that ends at or
 * after its address. Guests write to port 0x80 for the time it takes.
 */
static inline bool
is_hole(const TnFlatView *view, unsigned i, uint64_t addr, unsigned size)
{
    uint64_t room_1 = i < view->count ? view->ranges[i].range.first - 1 - addr : UINT64_MAX - addr;

    return size - 1 <= room_1;
}

/*
 * What tn_address_space_access() does when its cache does not help; ends the read
 * section that the caller began, so that the caller needs nothing after it.
 */
static G_GNUC_NO_INLINE TnMemResult
access_uncached(TnAddressSpace *as, TnAccessCache *cache, uint64_t addr, void *data, unsigned size,
                bool is_write)
{
    const TnFlatView *view = tn_address_space_view_rcu(as);
    unsigned i = tn_flat_view_lower_bound(view, addr);
    const TnFlatRange *flat = NULL;
    uint64_t offset = 0;
    TnMemResult result = TN_MEM_OK;

    if (i < view->count && view->ranges[i].range.first <= addr) {
        flat = &view->ranges[i];
        offset = addr - flat->range.first + flat->offset_in_region;
        *cache = (TnAccessCache){ view->generation, flat };
    }
    if (flat && is_direct(flat, offset, size, is_write)) {
        call_device(flat, offset, data, size, is_write);
    } else if (!flat && is_hole(view, i, addr, size)) {
        if (!is_write) {
            memset(data, 0xff, size);
        }
        result = TN_MEM_UNASSIGNED;
    } else {
        const Access a = { addr, data, size, is_write };

        result = access_adjusted(view, flat, &a);
    }
    tn_rcu_read_unlock();
    relieve(as->memory);
    return result;
}

TnMemResult
tn_address_space_access(TnAddressSpace *as, TnAccessCache *cache, uint64_t addr, void *data,
                        unsigned size, bool is_write)
{
    const TnFlatView *view;

    tn_rcu_read_lock();
    view = tn_address_space_view_rcu(as);
    if (G_LIKELY(cache->generation == view->generation &&
                 tn_range_contains(cache->last->range, addr))) {
        const TnFlatRange *flat = cache->last;
        uint64_t offset = addr - flat->range.first + flat->offset_in_region;

        if (G_LIKELY(is_direct(flat, offset, size, is_write))) {
            call_device(flat, offset, data, size, is_write);
            tn_rcu_read_unlock();
            relieve(as->memory);
            return TN_MEM_OK;
        }
    }
    return access_uncached(as, cache, addr, data, size, is_write);
}

void *
tn_address_space_ram_ptr(TnAddressSpace *as, uint64_t addr, uint64_t *ret_len)
{
    const TnFlatRange *flat;
    void *host = NULL;

    tn_rcu_read_lock();
    flat = tn_flat_view_find(tn_address_space_view_rcu(as), addr);
    if (flat && flat->host && !flat->ops && !flat->ram_device) {
        host = (uint8_t *)flat->host + (addr - flat->range.first);
        if (ret_len) {
            *ret_len = tn_range_size((TnRange){ addr, flat->range.last });
        }
    }
    tn_rcu_read_unlock();
    return host;
}
