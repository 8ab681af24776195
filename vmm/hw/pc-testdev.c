/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pc-testdev, as docs/specs/test-devices.md has it. For tests of KVM and of this
 * program; a guest that has it can disturb nobody but itself.
 *
 * Locks: @word and the bytes of @memory are atomic or raced by the guest alone.
 */
#include "vmm/hw/pc-testdev.h"

#include "vmm/core/irq-line.h"
#include "vmm/memory/address-space.h"

#include <string.h>
#include <sys/mman.h>

#define TN_PC_TESTDEV_WORD_PORT 0xe0
#define TN_PC_TESTDEV_FLUSH_PORT 0xe4
#define TN_PC_TESTDEV_BYTE_PORT 0xe8
#define TN_PC_TESTDEV_IRQ_PORT 0x2000
#define TN_PC_TESTDEV_IRQ_LINES 24
#define TN_PC_TESTDEV_MEMORY 0xff000000u
#define TN_PC_TESTDEV_MEMORY_SIZE 0x10000u
#define NUM_ISA_IRQS 16
#define PAGE_SIZE 4096u

struct _TnPcTestdev {
    TnDevice parent_instance;

    TnMemoryRegion word_io, flush_io, byte_io, irq_io, memory_io;
    guint32 word; /* atomic; shared by the word's and the bytes' ports */
    guint8 *memory; /* while realized; scratch that is not carried along */
};

G_DEFINE_FINAL_TYPE(TnPcTestdev, tn_pc_testdev, TN_TYPE_DEVICE)

static guint32
mask_of(uint64_t addr, unsigned size)
{
    return (guint32)((size == 4 ? 0 : 1ull << (8 * size)) - 1) << (8 * addr);
}

static uint64_t
word_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPcTestdev *self = opaque;
    guint32 word = __atomic_load_n(&self->word, __ATOMIC_RELAXED);

    return (word & mask_of(addr, size)) >> (8 * addr);
}

static void
word_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPcTestdev *self = opaque;
    guint32 mask = mask_of(addr, size);
    guint32 before = __atomic_load_n(&self->word, __ATOMIC_RELAXED);
    guint32 after;

    do {
        after = (before & ~mask) | ((guint32)value << (8 * addr) & mask);
    } while (!__atomic_compare_exchange_n(&self->word, &before, after, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
}

static const TnMemoryRegionOps word_ops = {
    .read = word_read,
    .write = word_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

/* Wide accesses come as bytes. */
static const TnMemoryRegionOps byte_ops = {
    .read = word_read,
    .write = word_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 1 },
};

static uint64_t
flush_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

/* KVM maps the page anew at the next touch: taking the host's rights away for a moment
 * makes it forget what it had. Contents stay. */
static void
flush_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(opaque));
    uint64_t page = value & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t length = 0;
    void *host = tn_address_space_ram_ptr(platform->memory_space, page, &length);

    if (host && length >= PAGE_SIZE) {
        (void)mprotect(host, PAGE_SIZE, PROT_NONE);
        (void)mprotect(host, PAGE_SIZE, PROT_READ | PROT_WRITE);
    }
}

static const TnMemoryRegionOps flush_ops = {
    .read = flush_read,
    .write = flush_write,
    .valid = { .min = 4, .max = 4 },
    .impl = { .min = 4, .max = 4 },
};

static uint64_t
irq_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void
irq_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(opaque));

    if (addr < NUM_ISA_IRQS) {
        tn_irq_set(&platform->isa_irqs[addr], value != 0);
    }
}

static const TnMemoryRegionOps irq_ops = {
    .read = irq_read,
    .write = irq_write,
    .valid = { .min = 1, .max = 4, .unaligned = true }, /* one line a byte */
    .impl = { .min = 1, .max = 1 },
};

static uint64_t
memory_read(void *opaque, uint64_t addr, unsigned size)
{
    const TnPcTestdev *self = opaque;
    uint64_t value = 0;

    memcpy(&value, self->memory + addr, size);
    return GUINT64_FROM_LE(value);
}

static void
memory_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPcTestdev *self = opaque;

    value = GUINT64_TO_LE(value);
    memcpy(self->memory + addr, &value, size);
}

static const TnMemoryRegionOps memory_ops = {
    .read = memory_read,
    .write = memory_write,
    .valid = { .min = 1, .max = 8 },
    .impl = { .min = 1, .max = 8 },
};

/* What lies where; the memory lies above all RAM below 4 GiB, where only firmware would be. */
static void
place(TnMemoryRegion *container, TnMemoryRegion *region, uint64_t addr)
{
    tn_memory_region_add_subregion_overlap(container, addr, region, 0);
}

static gboolean
tn_pc_testdev_realize(TnDevice *device, GError **error)
{
    TnPcTestdev *self = TN_PC_TESTDEV(device);
    const TnPlatform *p = tn_device_get_platform(device);
    GObject *owner = G_OBJECT(self);

    self->memory = g_malloc0(TN_PC_TESTDEV_MEMORY_SIZE);
    tn_memory_region_init_io(&self->word_io, p->memory, owner, &word_ops, self,
                             "pc-testdev-ioport", 4);
    tn_memory_region_init_io(&self->flush_io, p->memory, owner, &flush_ops, self,
                             "pc-testdev-flush-page", 4);
    tn_memory_region_init_io(&self->byte_io, p->memory, owner, &byte_ops, self,
                             "pc-testdev-ioport-byte", 4);
    tn_memory_region_init_io(&self->irq_io, p->memory, owner, &irq_ops, self,
                             "pc-testdev-irq-line", TN_PC_TESTDEV_IRQ_LINES);
    tn_memory_region_init_io(&self->memory_io, p->memory, owner, &memory_ops, self,
                             "pc-testdev-iomem", TN_PC_TESTDEV_MEMORY_SIZE);
    tn_memory_begin(p->memory);
    place(p->system_io, &self->word_io, TN_PC_TESTDEV_WORD_PORT);
    place(p->system_io, &self->flush_io, TN_PC_TESTDEV_FLUSH_PORT);
    place(p->system_io, &self->byte_io, TN_PC_TESTDEV_BYTE_PORT);
    place(p->system_io, &self->irq_io, TN_PC_TESTDEV_IRQ_PORT);
    place(p->system_memory, &self->memory_io, TN_PC_TESTDEV_MEMORY);
    tn_memory_commit(p->memory);
    return TRUE;
}

static void
tn_pc_testdev_unrealize(TnDevice *device)
{
    TnPcTestdev *self = TN_PC_TESTDEV(device);
    const TnPlatform *p = tn_device_get_platform(device);
    TnMemoryRegion *ports[] = { &self->word_io, &self->flush_io, &self->byte_io, &self->irq_io };

    tn_memory_begin(p->memory);
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        tn_memory_region_del_subregion(p->system_io, ports[i]);
    }
    tn_memory_region_del_subregion(p->system_memory, &self->memory_io);
    tn_memory_commit(p->memory);
    tn_memory_synchronize(p->memory);
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        tn_memory_region_done(ports[i]);
    }
    tn_memory_region_done(&self->memory_io);
    g_clear_pointer(&self->memory, g_free);
}

static void
tn_pc_testdev_reset(TnDevice *device)
{
    TnPcTestdev *self = TN_PC_TESTDEV(device);

    __atomic_store_n(&self->word, 0, __ATOMIC_RELAXED);
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U32, TnPcTestdev, word),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "pc-testdev",
    .version = 1,
    .fields = state_fields,
};

static void
tn_pc_testdev_class_init(TnPcTestdevClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    tn_class->type_name = "pc-testdev";
    tn_class->description = "Ports and memory for bare-metal test suites";
    tn_class->user_creatable = TRUE;
    device_class->bus = "ISA";
    device_class->realize = tn_pc_testdev_realize;
    device_class->unrealize = tn_pc_testdev_unrealize;
    device_class->reset = tn_pc_testdev_reset;
    device_class->state = &state_table;
}

static void
tn_pc_testdev_init(TnPcTestdev *self)
{
}
