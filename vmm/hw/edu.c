/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The edu device by docs/specs/edu.md.
 *
 * Threads: registers on any; factorials on the device's own; DMA on the main thread, as a
 * timer of guest time. @lock for all registers; it is taken after PCI's config lock and
 * before its irq and msi locks. DMA touches guest memory without it.
 */
#include "vmm/hw/edu.h"

#include "vmm/core/clock.h"
#include "vmm/core/property.h"
#include "vmm/hw/edu-registers.h"
#include "vmm/memory/address-space.h"
#include "vmm/pci/bar.h"
#include "vmm/pci/intx.h"
#include "vmm/pci/msi.h"

#include <string.h>

#define TN_EDU_DMA_DELAY_NS (100 * G_GINT64_CONSTANT(1000000))
#define TN_EDU_FIRST_WIDE_REG TN_EDU_REG_DMA_SRC

typedef struct Dma {
    guint64 src, dst, count;
    guint32 command;
} Dma;

struct _TnEdu {
    TnPciDevice parent_instance;

    guint64 dma_mask; /* constant once realized */
    TnMemoryRegion region;
    TnTimer *dma_timer;
    GThread *thread;
    guint8 staging[TN_EDU_BUFFER_SIZE]; /* main thread */

    GMutex lock;
    GCond work; /* for the thread: status says computing, or stop */
    /* Under lock. */
    gboolean stop;
    unsigned resets; /* so that a result of before is known */
    guint32 liveness; /* as it reads */
    guint32 factorial;
    guint32 status;
    guint32 irq_status;
    Dma dma;
    guint8 buffer[TN_EDU_BUFFER_SIZE];
};

enum { PROP_DMA_MASK = 1 };

G_DEFINE_FINAL_TYPE(TnEdu, tn_edu, TN_TYPE_PCI_DEVICE)

/* Takes the pin along with the interrupt status. */
static void
update_pin_locked(TnEdu *self)
{
    TnPciDevice *pci = TN_PCI_DEVICE(self);

    tn_pci_device_set_irq(pci, self->irq_status != 0 && !tn_pci_msi_is_enabled(pci));
}

static void
raise_locked(TnEdu *self, guint32 bits)
{
    self->irq_status |= bits;
    if (self->irq_status && tn_pci_msi_is_enabled(TN_PCI_DEVICE(self))) {
        tn_pci_msi_send(TN_PCI_DEVICE(self), 0);
    }
    update_pin_locked(self);
}

/* Low 32 bits of n!; from 34 on there are 32 factors of two in it, and they are 0. */
static guint32
compute_factorial(guint32 n)
{
    guint32 result = 1;

    for (; n > 0 && result != 0; n--) {
        result *= n;
    }
    return result;
}

static gpointer
run_thread(gpointer data)
{
    TnEdu *self = data;

    g_mutex_lock(&self->lock);
    while (!self->stop) {
        guint32 operand = self->factorial;
        unsigned resets = self->resets;
        guint32 result;

        if (!(self->status & TN_EDU_STATUS_COMPUTING)) {
            g_cond_wait(&self->work, &self->lock);
            continue;
        }
        g_mutex_unlock(&self->lock);
        result = compute_factorial(operand);
        g_mutex_lock(&self->lock);
        if (resets != self->resets) {
            continue;
        }
        self->factorial = result;
        self->status &= ~TN_EDU_STATUS_COMPUTING;
        if (self->status & TN_EDU_STATUS_IRQ_FACTORIAL) {
            raise_locked(self, TN_EDU_IRQ_FACTORIAL);
        }
    }
    g_mutex_unlock(&self->lock);
    return NULL;
}

/* Whether @count bytes at device address @addr lie in the buffer; and where. */
static gboolean
find_in_buffer(guint64 addr, guint64 count, size_t *ret_offset)
{
    if (addr < TN_EDU_BUFFER || count == 0 || count > TN_EDU_BUFFER_SIZE ||
        addr - TN_EDU_BUFFER > TN_EDU_BUFFER_SIZE - count) {
        return FALSE;
    }
    *ret_offset = (size_t)(addr - TN_EDU_BUFFER);
    return TRUE;
}

/* Guest memory is touched without the lock. A reset meanwhile (of a bridge's secondary bus,
 * on a vCPU) leaves the buffer cleared: @resets is the count from before. */
static void
transfer(TnEdu *self, const Dma *dma, unsigned resets)
{
    TnAddressSpace *space = tn_pci_device_get_dma_space(TN_PCI_DEVICE(self));
    gboolean to_ram = (dma->command & TN_EDU_DMA_TO_RAM) != 0;
    guint64 guest = (to_ram ? dma->dst : dma->src) & self->dma_mask;
    size_t at;

    if (!find_in_buffer(to_ram ? dma->src : dma->dst, dma->count, &at)) {
        return;
    }
    if (to_ram) {
        g_mutex_lock(&self->lock);
        memcpy(self->staging, self->buffer + at, dma->count);
        g_mutex_unlock(&self->lock);
        (void)tn_address_space_dma_write(space, guest, self->staging, dma->count);
    } else {
        (void)tn_address_space_dma_read(space, guest, self->staging, dma->count);
        g_mutex_lock(&self->lock);
        if (resets == self->resets) {
            memcpy(self->buffer + at, self->staging, dma->count);
        }
        g_mutex_unlock(&self->lock);
    }
}

/* The DMA registers change only by a reset while it runs. */
static void
on_dma_timer(void *opaque)
{
    TnEdu *self = opaque;
    unsigned resets;
    Dma dma;

    g_mutex_lock(&self->lock);
    dma = self->dma;
    resets = self->resets;
    g_mutex_unlock(&self->lock);
    if (!(dma.command & TN_EDU_DMA_RUN)) {
        return;
    }
    transfer(self, &dma, resets);
    g_mutex_lock(&self->lock);
    if (resets == self->resets) {
        self->dma.command &= ~TN_EDU_DMA_RUN;
        if (dma.command & TN_EDU_DMA_IRQ) {
            raise_locked(self, TN_EDU_IRQ_DMA);
        }
    }
    g_mutex_unlock(&self->lock);
}

static void
start_dma_locked(TnEdu *self)
{
    TnClock *clock = tn_device_get_platform(TN_DEVICE(self))->clock;

    tn_timer_arm(self->dma_timer, tn_clock_now_ns(clock) + TN_EDU_DMA_DELAY_NS);
}

/* Whether the register takes accesses of @size bytes. */
static gboolean
takes_size(uint64_t addr, unsigned size)
{
    return size == 4 || (size == 8 && addr >= TN_EDU_FIRST_WIDE_REG);
}

static uint64_t
read_locked(TnEdu *self, uint64_t addr)
{
    switch (addr) {
    case TN_EDU_REG_IDENTIFICATION:
        return TN_EDU_IDENTIFICATION;
    case TN_EDU_REG_LIVENESS:
        return self->liveness;
    case TN_EDU_REG_FACTORIAL:
        return self->factorial;
    case TN_EDU_REG_STATUS:
        return self->status;
    case TN_EDU_REG_IRQ_STATUS:
        return self->irq_status;
    case TN_EDU_REG_DMA_SRC:
        return self->dma.src;
    case TN_EDU_REG_DMA_DST:
        return self->dma.dst;
    case TN_EDU_REG_DMA_COUNT:
        return self->dma.count;
    case TN_EDU_REG_DMA_COMMAND:
        return self->dma.command;
    default:
        return UINT64_MAX;
    }
}

static uint64_t
edu_read(void *opaque, uint64_t addr, unsigned size)
{
    TnEdu *self = opaque;
    uint64_t value;

    if (!takes_size(addr, size)) {
        return UINT64_MAX;
    }
    g_mutex_lock(&self->lock);
    value = read_locked(self, addr);
    g_mutex_unlock(&self->lock);
    return value;
}

static void
write_dma_locked(TnEdu *self, uint64_t addr, uint64_t value)
{
    if (self->dma.command & TN_EDU_DMA_RUN) {
        return;
    }
    switch (addr) {
    case TN_EDU_REG_DMA_SRC:
        self->dma.src = value;
        break;
    case TN_EDU_REG_DMA_DST:
        self->dma.dst = value;
        break;
    case TN_EDU_REG_DMA_COUNT:
        self->dma.count = value;
        break;
    case TN_EDU_REG_DMA_COMMAND:
        if (value & TN_EDU_DMA_RUN) {
            self->dma.command = (guint32)value &
                                (TN_EDU_DMA_RUN | TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ);
            start_dma_locked(self);
        }
        break;
    default:
        break;
    }
}

static void
write_locked(TnEdu *self, uint64_t addr, uint64_t value)
{
    switch (addr) {
    case TN_EDU_REG_LIVENESS:
        self->liveness = ~(guint32)value;
        break;
    case TN_EDU_REG_FACTORIAL:
        if (!(self->status & TN_EDU_STATUS_COMPUTING)) {
            self->factorial = (guint32)value;
            self->status |= TN_EDU_STATUS_COMPUTING;
            g_cond_signal(&self->work);
        }
        break;
    case TN_EDU_REG_STATUS:
        self->status = (self->status & ~TN_EDU_STATUS_IRQ_FACTORIAL) |
                       ((guint32)value & TN_EDU_STATUS_IRQ_FACTORIAL);
        break;
    case TN_EDU_REG_IRQ_RAISE:
        raise_locked(self, (guint32)value);
        break;
    case TN_EDU_REG_IRQ_ACK:
        self->irq_status &= ~(guint32)value;
        update_pin_locked(self);
        break;
    default:
        write_dma_locked(self, addr, value);
        break;
    }
}

static void
edu_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnEdu *self = opaque;

    if (takes_size(addr, size)) {
        g_mutex_lock(&self->lock);
        write_locked(self, addr, value);
        g_mutex_unlock(&self->lock);
    }
}

static const TnMemoryRegionOps edu_ops = {
    .read = edu_read,
    .write = edu_write,
    .valid = { .min = 4, .max = 8 },
    .impl = { .min = 4, .max = 8 },
};

/* MSI was switched on or off: the pin is not for both. Config lock held. */
static void
msi_changed(TnPciDevice *pci)
{
    TnEdu *self = TN_EDU(pci);

    g_mutex_lock(&self->lock);
    update_pin_locked(self);
    g_mutex_unlock(&self->lock);
}

static gboolean
tn_edu_realize(TnPciDevice *pci, GError **error)
{
    TnEdu *self = TN_EDU(pci);
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));
    const TnPciMsiConfig msi = { .vectors = 1, .is_64bit = TRUE, .changed = msi_changed };

    if (!tn_pci_msi_init(pci, &msi, error)) {
        return FALSE;
    }
    tn_memory_region_init_io(&self->region, platform->memory, G_OBJECT(self), &edu_ops, self,
                             "edu-mmio", TN_EDU_BAR_SIZE);
    tn_pci_device_register_bar(pci, 0, TN_PCI_BAR_MEM32, &self->region);
    self->dma_timer = tn_timer_new(platform->clock, on_dma_timer, self);
    self->stop = FALSE;
    self->thread = g_thread_new("edu", run_thread, self);
    return TRUE;
}

static void
clear_registers(TnEdu *self)
{
    g_mutex_lock(&self->lock);
    self->resets++;
    self->liveness = 0;
    self->factorial = 0;
    self->status = 0;
    self->irq_status = 0;
    self->dma = (Dma){ 0 };
    memset(self->buffer, 0, sizeof self->buffer);
    tn_timer_disarm(self->dma_timer);
    update_pin_locked(self);
    g_mutex_unlock(&self->lock);
}

static void
tn_edu_reset(TnPciDevice *pci)
{
    clear_registers(TN_EDU(pci));
}

static void
tn_edu_unrealize(TnPciDevice *pci)
{
    TnEdu *self = TN_EDU(pci);

    g_mutex_lock(&self->lock);
    self->stop = TRUE;
    g_cond_signal(&self->work);
    g_mutex_unlock(&self->lock);
    g_thread_join(g_steal_pointer(&self->thread));
    clear_registers(self);
    tn_timer_free(g_steal_pointer(&self->dma_timer));
    tn_memory_region_done(&self->region);
}

static const TnStateField state_fields[] = {
    TN_PCI_STATE_FIELDS(TnEdu),
    TN_STATE_FIELD(TN_STATE_U32, TnEdu, liveness),
    TN_STATE_FIELD(TN_STATE_U32, TnEdu, factorial),
    TN_STATE_FIELD(TN_STATE_U32, TnEdu, status),
    TN_STATE_FIELD(TN_STATE_U32, TnEdu, irq_status),
    TN_STATE_FIELD(TN_STATE_U64, TnEdu, dma.src),
    TN_STATE_FIELD(TN_STATE_U64, TnEdu, dma.dst),
    TN_STATE_FIELD(TN_STATE_U64, TnEdu, dma.count),
    TN_STATE_FIELD(TN_STATE_U32, TnEdu, dma.command),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnEdu, buffer, TN_EDU_BUFFER_SIZE),
    TN_STATE_END,
};

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnEdu *self = opaque;

    if (!tn_pci_device_post_load(TN_PCI_DEVICE(self), error)) {
        return FALSE;
    }
    g_mutex_lock(&self->lock);
    self->status &= TN_EDU_STATUS_COMPUTING | TN_EDU_STATUS_IRQ_FACTORIAL;
    self->dma.command &= TN_EDU_DMA_RUN | TN_EDU_DMA_TO_RAM | TN_EDU_DMA_IRQ;
    if (self->dma.command & TN_EDU_DMA_RUN) {
        start_dma_locked(self);
    }
    g_cond_signal(&self->work);
    update_pin_locked(self);
    g_mutex_unlock(&self->lock);
    return TRUE;
}

static const TnStateTable state_table = {
    .name = "edu",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_edu_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    if (id == PROP_DMA_MASK) {
        g_value_set_uint64(value, TN_EDU(object)->dma_mask);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_edu_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    if (id == PROP_DMA_MASK) {
        TN_EDU(object)->dma_mask = g_value_get_uint64(value);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_edu_finalize(GObject *object)
{
    TnEdu *self = TN_EDU(object);

    g_cond_clear(&self->work);
    g_mutex_clear(&self->lock);
    G_OBJECT_CLASS(tn_edu_parent_class)->finalize(object);
}

static void
tn_edu_class_init(TnEduClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);
    TnPciDeviceClass *pci_class = TN_PCI_DEVICE_CLASS(klass);

    object_class->finalize = tn_edu_finalize;
    object_class->get_property = tn_edu_get_property;
    object_class->set_property = tn_edu_set_property;
    tn_class->type_name = "edu";
    tn_class->description = "Educational device";
    tn_class->user_creatable = TRUE;
    device_class->hotpluggable = TRUE;
    device_class->state = &state_table;
    pci_class->vendor_id = TN_EDU_VENDOR_ID;
    pci_class->device_id = TN_EDU_DEVICE_ID;
    pci_class->revision = TN_EDU_REVISION;
    pci_class->class_id = TN_EDU_CLASS;
    pci_class->interrupt_pin = 1;
    pci_class->realize = tn_edu_realize;
    pci_class->unrealize = tn_edu_unrealize;
    pci_class->reset = tn_edu_reset;

    g_object_class_install_property(
        object_class, PROP_DMA_MASK,
        g_param_spec_uint64("dma-mask", "dma_mask", "Bits of an address that DMA can drive", 0,
                            G_MAXUINT64, TN_EDU_DEFAULT_DMA_MASK, TN_PARAM_RW));
}

static void
tn_edu_init(TnEdu *self)
{
    self->dma_mask = TN_EDU_DEFAULT_DMA_MASK;
    g_mutex_init(&self->lock);
    g_cond_init(&self->work);
}
