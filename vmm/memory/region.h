/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory regions: a tree of containers, RAM, ROM, MMIO, IOMMUs and aliases. What belongs
 * to few regions has headers of its own: eventfd.h, coalesced.h, dirty-log.h, iommu.h.
 *
 * A region is a plain struct embedded in its owner (usually a device). An owner
 * that is a GObject is kept alive by every flat view that shows the region, so
 * an unplugged device's callbacks may still run until readers are done.
 * Threads: everything here takes the topology lock; any thread.
 */
#pragma once

#include "vmm/memory/memory.h"
#include "vmm/memory/range.h"

#include <glib-object.h>

typedef struct TnMemoryRegion TnMemoryRegion;

/* Outcome of one access. */
typedef enum {
    TN_MEM_OK,
    TN_MEM_UNASSIGNED,   /* nothing there: reads give all ones, writes are dropped */
    TN_MEM_INVALID_SIZE, /* the device takes no access of that size or alignment */
    TN_MEM_READONLY,     /* a write to ROM, dropped */
} TnMemResult;

/**
 * TnMemoryRegionOps:
 * @read: @addr: offset in the region, never past its end; @size: 1, 2, 4 or 8 bytes,
 *   within impl's limits. Returns the value in the low bits. NULL: all ones, UNASSIGNED.
 * @write: likewise; @value has no bits above @size. NULL: dropped, UNASSIGNED.
 * @valid: sizes the device accepts, 0 meaning 1..4; others give TN_MEM_INVALID_SIZE,
 *   a read then all ones. unaligned: accesses not aligned to their size are fine.
 * @impl: sizes the callbacks implement, 0 meaning 1..4; the core splits or widens
 *   (docs/memory.md, "Sizes"). The region's size should be a multiple of impl.min.
 * Callbacks run on any thread, several at once, without any lock of the core's. They
 * may change the topology; they must not wait for another callback's end.
 */
typedef struct TnMemoryRegionOps {
    uint64_t (*read)(void *opaque, uint64_t addr, unsigned size);
    void (*write)(void *opaque, uint64_t addr, uint64_t value, unsigned size);
    struct {
        uint8_t min;
        uint8_t max;
        bool unaligned;
    } valid, impl;
} TnMemoryRegionOps;

/* Where RAM comes from. */
typedef struct TnRamBlock {
    void *host;   /* page aligned */
    int fd;       /* -1: anonymous memory */
    uint64_t fd_offset;
} TnRamBlock;

typedef enum {
    TN_REGION_CONTAINER,
    TN_REGION_RAM,
    TN_REGION_ROM, /* RAM that the guest cannot write */
    TN_REGION_ROM_DEVICE, /* reads like ROM while in romd mode, else all MMIO */
    TN_REGION_MMIO,
    TN_REGION_IOMMU, /* translates into another address space; iommu.h */
    TN_REGION_ALIAS,
} TnRegionKind;

/* Those who want to know which pages of RAM were written; dirty-log.h. */
typedef enum {
    TN_DIRTY_VGA,       /* a display looks at its own RAM */
    TN_DIRTY_MIGRATION, /* all RAM */
    TN_DIRTY_MAX,
} TnDirtyClient;

/* Fields are the core's; read them through the functions below. */
struct TnMemoryRegion {
    TnMemory *memory;
    GObject *owner; /* may be NULL */
    char *name;
    TnRegionKind kind;
    uint64_t last_offset; /* size - 1 */
    uint64_t addr;        /* offset in the container */
    int32_t priority;
    bool enabled;
    bool may_overlap;
    bool nonvolatile;
    bool readonly;             /* RAM below here is shown as ROM */
    TnMemoryRegion *container; /* NULL at a root */
    GPtrArray *subregions;     /* highest priority first; later added first among equals */
    TnMemoryRegion *alias;     /* TN_REGION_ALIAS: what it shows */
    uint64_t alias_offset;
    GPtrArray *aliases;        /* regions of kind ALIAS that show this one */
    const TnMemoryRegionOps *ops;
    void *opaque;
    TnRamBlock ram;
    bool ram_device;           /* TN_REGION_RAM that is a device's */
    bool romd;                 /* TN_REGION_ROM_DEVICE: reads come from @ram */
    bool flush_coalesced;      /* queued writes are done before any other access */
    uint8_t log_clients;       /* 1 << TnDirtyClient: asked for by set_log */
    uint8_t log_active;        /* likewise: whose bitmap is valid, by the last view */
    GArray *eventfds;          /* TnMemoryEventfd, sorted; may be NULL */
    GArray *coalesced;         /* TnRange of offsets, in order of adding; may be NULL */
    struct TnDirtyBitmap *dirty[TN_DIRTY_MAX]; /* atomic: set once, NULL until logged */
    const struct TnIommuOps *iommu_ops;        /* TN_REGION_IOMMU */
    GPtrArray *iommu_notifiers;                /* TnIommuNotifier *, not owned */
    unsigned iommu_flags;                      /* all of the notifiers' together */
};

/*
 * Initializers. @mr is zeroed first. @owner may be NULL (then whoever embeds the
 * region must, once it is out of the tree and that committed, call
 * tn_memory_synchronize() before freeing it). @name is copied.
 * @size: 1 .. 2^64-1, TN_SIZE_WHOLE (== 2^64-1) standing for 2^64.
 */
void tn_memory_region_init(TnMemoryRegion *mr, TnMemory *memory, GObject *owner, const char *name,
                           uint64_t size);
/* @ops and @opaque outlive the region. */
void tn_memory_region_init_io(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                              const TnMemoryRegionOps *ops, void *opaque, const char *name,
                              uint64_t size);
/* @ram is copied; the memory itself stays the caller's. */
void tn_memory_region_init_ram(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                               const char *name, uint64_t size, const TnRamBlock *ram);
void tn_memory_region_init_rom(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                               const char *name, uint64_t size, const TnRamBlock *ram);
/* RAM that is a device's (a mapped BAR of a host device): the guest reaches it through
 * KVM's slots like RAM, but no DMA is mapped to it as guest memory, no dump holds it, and
 * this process reaches it only in naturally aligned pieces of 1 to 8 bytes. */
void tn_memory_region_init_ram_device(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                                      const char *name, uint64_t size, const TnRamBlock *ram);
/* Memory that reads as it is while in romd mode, which it is at first; writes, and reads
 * in the other mode, go to @ops (a flash chip that takes commands). Not guest RAM: no DMA is
 * mapped to it. @ram is copied; @ops and @opaque outlive the region. */
void tn_memory_region_init_rom_device(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                                      const TnMemoryRegionOps *ops, void *opaque,
                                      const char *name, uint64_t size, const TnRamBlock *ram);
/* Shows @size bytes of @target from @offset on; nothing after @target's end, nor any
 * more after tn_memory_region_done() of it. */
void tn_memory_region_init_alias(TnMemoryRegion *mr, TnMemory *memory, GObject *owner,
                                 const char *name, TnMemoryRegion *target, uint64_t offset,
                                 uint64_t size);
/*
 * Frees what the initializers took, takes out subregions that are left, and makes
 * aliases of it show nothing. The region must be in no container. Zeroed is fine.
 */
void tn_memory_region_done(TnMemoryRegion *mr);

/**
 * tn_memory_region_add_subregion:
 * @offset: where in @container; @sub may reach past its end (the rest is cut off).
 * The plain form must not overlap a sibling that may not overlap either
 * (programmer's error); the _overlap form may, higher @priority wins, and among
 * equals the one added last.
 */
void tn_memory_region_add_subregion(TnMemoryRegion *container, uint64_t offset,
                                    TnMemoryRegion *sub);
void tn_memory_region_add_subregion_overlap(TnMemoryRegion *container, uint64_t offset,
                                            TnMemoryRegion *sub, int32_t priority);
/* Takes @sub out of @container, in which it must be. */
void tn_memory_region_del_subregion(TnMemoryRegion *container, TnMemoryRegion *sub);

/*
 * Changes of a region, in a container or not. Each is a transaction of its own
 * unless one is open; what is so already changes nothing.
 */
/* Disabled, it shows nothing, nor does anything in it. Regions begin enabled. */
void tn_memory_region_set_enabled(TnMemoryRegion *mr, bool enabled);
/* Moves it in its container; it wins among equals then. Siblings that may not overlap
 * are not checked: it is the guest that moves a BAR. */
void tn_memory_region_set_address(TnMemoryRegion *mr, uint64_t offset);
/* @size: as for the initializers. */
void tn_memory_region_set_size(TnMemoryRegion *mr, uint64_t size);
/* Of an alias: where in its target the window begins. */
void tn_memory_region_set_alias_offset(TnMemoryRegion *mr, uint64_t offset);
/* RAM becomes ROM, or back. On an alias or a container: all RAM seen through it
 * (i440FX PAM: an alias of RAM that cannot be written). */
void tn_memory_region_set_readonly(TnMemoryRegion *mr, bool readonly);
/* Of a ROM device: whether reads come straight from its memory. */
void tn_memory_region_set_romd(TnMemoryRegion *mr, bool romd);
/* RAM that outlives power-off; told to listeners, inherited like readonly. */
void tn_memory_region_set_nonvolatile(TnMemoryRegion *mr, bool nonvolatile);

/* Its bytes; TN_SIZE_WHOLE for 2^64. */
static inline uint64_t
tn_memory_region_size(const TnMemoryRegion *mr)
{
    return mr->last_offset == UINT64_MAX ? TN_SIZE_WHOLE : mr->last_offset + 1;
}

/* RAM or ROM itself, a device's RAM too; false for an alias of it and a ROM device. */
static inline bool
tn_memory_region_is_ram(const TnMemoryRegion *mr)
{
    return mr->kind == TN_REGION_RAM || mr->kind == TN_REGION_ROM;
}

/* RAM of a device, which "guest RAM" never means; false for an alias of it. */
static inline bool
tn_memory_region_is_ram_device(const TnMemoryRegion *mr)
{
    return mr->ram_device;
}

static inline bool
tn_memory_region_is_iommu(const TnMemoryRegion *mr)
{
    return mr->kind == TN_REGION_IOMMU;
}
