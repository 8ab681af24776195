/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ISA bridge of the Intel PIIX3. Spec: Intel 82371SB data sheet, 2.2 and 2.5.5
 * (edge/level control), 2.5.6.4 (reset control).
 *
 * Locks: the config lock covers config space, @lock (inside of it) the levels, the
 * routes copied from config space, and the ISA lines.
 */
#include "vmm/hw/piix3.h"

#include "vmm/core/irq-line.h"
#include "vmm/core/run-state.h"

#define TN_PIIX3_REG_PIRQ_ROUTE 0x60 /* four registers */
#define TN_PIIX3_NUM_PIRQS 4
#define TN_PIIX3_ROUTE_OFF 0x80
#define TN_PIIX3_ROUTE_MASK 0x8f
#define TN_PIIX3_ROUTE_IRQ 0x0f

/* The PCI bus's lines, among the sources of a PIRQ. */
#define TN_PIIX3_SOURCE_PCI 0

#define TN_PIIX3_PORT_ELCR 0x4d0
/* Interrupts that are always edge triggered: 0, 1, 2; 8, 13. */
#define TN_PIIX3_ELCR1_MASK 0xf8
#define TN_PIIX3_ELCR2_MASK 0xde

#define TN_PIIX3_RCR_HARD 0x02
#define TN_PIIX3_RCR_RESET 0x04

struct _TnPiix3 {
    TnPciDevice parent_instance;

    TnPciHost *host;
    TnMemoryRegion elcr_region;

    GMutex lock;
    /* Under lock. */
    guint64 levels[TN_PIIX3_NUM_PIRQS]; /* a bit per source */
    guint8 routes[TN_PIIX3_NUM_PIRQS];
    guint8 elcr[2];
    guint8 rcr;
};

G_DEFINE_FINAL_TYPE(TnPiix3, tn_piix3, TN_TYPE_PCI_DEVICE)

TnPiix3 *
tn_piix3_new(const TnPlatform *platform, TnPciHost *host)
{
    TnPiix3 *self = g_object_new(TN_TYPE_PIIX3, NULL);

    self->host = host;
    tn_device_set_platform(TN_DEVICE(self), platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(self), tn_pci_host_get_bus(host),
                              TN_PCI_DEVFN(1, 0));
    return self;
}

/* ISA interrupts that the four lines drive now, a bit each. */
static guint16
driven_irqs(const TnPiix3 *self)
{
    guint16 driven = 0;

    for (unsigned i = 0; i < TN_PIIX3_NUM_PIRQS; i++) {
        if (self->levels[i] && !(self->routes[i] & TN_PIIX3_ROUTE_OFF)) {
            driven |= (guint16)(1u << (self->routes[i] & TN_PIIX3_ROUTE_IRQ));
        }
    }
    return driven;
}

static void
tell_changes_locked(TnPiix3 *self, guint16 before)
{
    TnIrqLine *lines = tn_device_get_platform(TN_DEVICE(self))->isa_irqs;
    guint16 after = driven_irqs(self);

    for (unsigned irq = 0; lines && irq < 16; irq++) {
        if ((before ^ after) & (1u << irq)) {
            tn_irq_set(&lines[irq], (after >> irq) & 1);
        }
    }
}

void
tn_piix3_set_pirq(TnPiix3 *self, unsigned pirq, unsigned source, int level)
{
    guint64 bit = G_GUINT64_CONSTANT(1) << source;
    guint16 before;

    g_return_if_fail(pirq < TN_PIIX3_NUM_PIRQS && source < 64);

    g_mutex_lock(&self->lock);
    before = driven_irqs(self);
    self->levels[pirq] = level ? self->levels[pirq] | bit : self->levels[pirq] & ~bit;
    tell_changes_locked(self, before);
    g_mutex_unlock(&self->lock);
}

int
tn_piix3_get_pirq_gsi(TnPiix3 *self, unsigned pirq)
{
    guint8 route;

    g_return_val_if_fail(pirq < TN_PIIX3_NUM_PIRQS, -1);

    g_mutex_lock(&self->lock);
    route = self->routes[pirq];
    g_mutex_unlock(&self->lock);
    return route & TN_PIIX3_ROUTE_OFF ? -1 : route & TN_PIIX3_ROUTE_IRQ;
}

static void
set_line(void *opaque, unsigned line, int level)
{
    tn_piix3_set_pirq(opaque, line, TN_PIIX3_SOURCE_PCI, level);
}

static int
get_gsi(void *opaque, unsigned line)
{
    return tn_piix3_get_pirq_gsi(opaque, line);
}

static const TnPciIrqRouter router = { .set_line = set_line, .get_gsi = get_gsi };

/* Takes the routes over from config space. */
static void
update_routes(TnPiix3 *self)
{
    const TnPciConfig *config = &TN_PCI_DEVICE(self)->config;
    guint16 before;

    g_mutex_lock(&self->lock);
    before = driven_irqs(self);
    for (unsigned i = 0; i < TN_PIIX3_NUM_PIRQS; i++) {
        self->routes[i] = tn_pci_config_get_byte(config, TN_PIIX3_REG_PIRQ_ROUTE + i);
    }
    tell_changes_locked(self, before);
    g_mutex_unlock(&self->lock);
}

static void
tn_piix3_config_write(TnPciDevice *pci, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_device_default_config_write(pci, offset, value, size);
    if (tn_pci_config_touches(offset, size, TN_PIIX3_REG_PIRQ_ROUTE, TN_PIIX3_NUM_PIRQS)) {
        update_routes(TN_PIIX3(pci));
        tn_pci_bus_irq_routes_changed(pci->bus);
    }
}

static uint64_t
elcr_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPiix3 *self = opaque;
    guint8 value;

    g_mutex_lock(&self->lock);
    value = self->elcr[addr];
    g_mutex_unlock(&self->lock);
    return value;
}

static void
elcr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPiix3 *self = opaque;

    g_mutex_lock(&self->lock);
    self->elcr[addr] = (guint8)value & (addr == 0 ? TN_PIIX3_ELCR1_MASK : TN_PIIX3_ELCR2_MASK);
    g_mutex_unlock(&self->lock);
}

static const TnMemoryRegionOps elcr_ops = {
    .read = elcr_read,
    .write = elcr_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 1 },
};

static uint64_t
rcr_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPiix3 *self = opaque;
    guint8 value;

    g_mutex_lock(&self->lock);
    value = self->rcr;
    g_mutex_unlock(&self->lock);
    return value;
}

static void
rcr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPiix3 *self = opaque;

    g_mutex_lock(&self->lock);
    self->rcr = (guint8)value & TN_PIIX3_RCR_HARD;
    g_mutex_unlock(&self->lock);
    /* The bit never stays set, so each one written is a change from 0 to 1. */
    if (value & TN_PIIX3_RCR_RESET) {
        tn_run_state_request_reset(tn_device_get_platform(TN_DEVICE(self))->run_state,
                                   TN_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const TnMemoryRegionOps rcr_ops = {
    .read = rcr_read,
    .write = rcr_write,
    .valid = { .min = 1, .max = 1 },
    .impl = { .min = 1, .max = 1 },
};

static void
reset_registers(TnPiix3 *self)
{
    TnPciDevice *pci = TN_PCI_DEVICE(self);

    for (unsigned i = 0; i < TN_PIIX3_NUM_PIRQS; i++) {
        tn_pci_config_set_byte(&pci->config, TN_PIIX3_REG_PIRQ_ROUTE + i, TN_PIIX3_ROUTE_OFF);
    }
    update_routes(self);
    g_mutex_lock(&self->lock);
    self->elcr[0] = 0;
    self->elcr[1] = 0;
    self->rcr = 0;
    g_mutex_unlock(&self->lock);
}

static void
tn_piix3_reset(TnPciDevice *pci)
{
    reset_registers(TN_PIIX3(pci));
    tn_pci_bus_irq_routes_changed(pci->bus);
}

static gboolean
tn_piix3_realize(TnPciDevice *pci, GError **error)
{
    TnPiix3 *self = TN_PIIX3(pci);
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));

    for (unsigned i = 0; i < TN_PIIX3_NUM_PIRQS; i++) {
        tn_pci_config_allow(&pci->config, TN_PIIX3_REG_PIRQ_ROUTE + i, TN_PIIX3_ROUTE_MASK, 1);
    }
    /* A bridge that is always on: data sheet, PCICMD and PCISTS. */
    tn_pci_config_set_word(&pci->config, TN_PCI_REG_STATUS, TN_PCI_STATUS_DEVSEL_MEDIUM);
    reset_registers(self);

    tn_memory_region_init_io(&self->elcr_region, platform->memory, G_OBJECT(self), &elcr_ops,
                             self, "elcr", 2);
    tn_memory_region_add_subregion(platform->system_io, TN_PIIX3_PORT_ELCR, &self->elcr_region);
    tn_pci_host_set_reset_port(self->host, &rcr_ops, self);
    tn_pci_bus_set_irq_router(tn_pci_host_get_bus(self->host), &router, self);
    return TRUE;
}

static void
tn_piix3_unrealize(TnPciDevice *pci)
{
    TnPiix3 *self = TN_PIIX3(pci);
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));

    tn_pci_bus_set_irq_router(tn_pci_host_get_bus(self->host), NULL, NULL);
    tn_pci_host_set_reset_port(self->host, NULL, NULL);
    tn_memory_region_del_subregion(platform->system_io, &self->elcr_region);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->elcr_region);
}

static void
tn_piix3_finalize(GObject *object)
{
    g_mutex_clear(&TN_PIIX3(object)->lock);
    G_OBJECT_CLASS(tn_piix3_parent_class)->finalize(object);
}

/* The levels are their sources' to tell again. */
static const TnStateField state_fields[] = {
    TN_PCI_STATE_FIELDS(TnPiix3),
    TN_STATE_ARRAY(TN_STATE_BYTES, TnPiix3, elcr, 2),
    TN_STATE_FIELD(TN_STATE_U8, TnPiix3, rcr),
    TN_STATE_END,
};

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnPiix3 *self = opaque;

    if (!tn_pci_device_post_load(TN_PCI_DEVICE(self), error)) {
        return FALSE;
    }
    self->elcr[0] &= TN_PIIX3_ELCR1_MASK;
    self->elcr[1] &= TN_PIIX3_ELCR2_MASK;
    self->rcr &= TN_PIIX3_RCR_HARD;
    update_routes(self);
    tn_pci_bus_lock(TN_PCI_DEVICE(self)->bus);
    tn_pci_bus_irq_routes_changed(TN_PCI_DEVICE(self)->bus);
    tn_pci_bus_unlock(TN_PCI_DEVICE(self)->bus);
    return TRUE;
}

static const TnStateTable state_table = {
    .name = "PIIX3",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_piix3_class_init(TnPiix3Class *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnPciDeviceClass *pci_class = TN_PCI_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_piix3_finalize;
    tn_class->type_name = "PIIX3";
    tn_class->description = "ISA bridge";
    TN_DEVICE_CLASS(klass)->state = &state_table;
    TN_DEVICE_CLASS(klass)->hotpluggable = FALSE;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x7000;
    pci_class->revision = 0x00;
    pci_class->class_id = 0x060100;
    pci_class->realize = tn_piix3_realize;
    pci_class->unrealize = tn_piix3_unrealize;
    pci_class->reset = tn_piix3_reset;
    pci_class->config_write = tn_piix3_config_write;
}

static void
tn_piix3_init(TnPiix3 *self)
{
    g_mutex_init(&self->lock);
    TN_PCI_DEVICE(self)->multifunction = TRUE;
}
