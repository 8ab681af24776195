/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller's registers. docs/specs/acpi-pci-hotplug.md.
 *
 * A guest's eject and _OST are seen on a vCPU thread. The registers answer at once; the
 * unplug itself is work for the main thread. What waits for it is a bit and the last
 * report of each slot, so a guest cannot make it grow.
 */
#include "vmm/acpi/pci-hotplug.h"

#include "vmm/acpi/ost.h"

#include <string.h>

enum {
    REG_UP = 0x00,
    REG_DOWN = 0x04,
    REG_EJECT = 0x08,     /* write */
    REG_FEATURES = 0x08,  /* read */
    REG_REMOVABLE = 0x0c,
    REG_BUS = 0x10,
    REG_INDEX = 0x14,
    REG_OST_SLOT = 0x18,   /* write, as the two below */
    REG_OST_SOURCE = 0x1c,
    REG_OST_STATUS = 0x20,
};

/* Every register is one of these; other accesses read 0 and write nothing. */
#define REG_SIZE 4

#define BUSES TN_ACPI_PCI_HOTPLUG_BUSES
#define SLOTS TN_ACPI_PCI_HOTPLUG_SLOTS
/* A selector below this may be a bus's; beyond it no register answers. */
#define MAX_SELECTORS 256

struct TnAcpiPciHotplug {
    TnAcpiPciHotplugConfig config;
    TnMemoryRegion region;
    GSource *worker;

    GMutex lock;
    /* Under @lock. By bus, a bit a slot: */
    guint32 up[BUSES], down[BUSES], removable[BUSES];
    guint32 ejecting[BUSES], refusing[BUSES]; /* what waits for the main thread */
    guint32 reported[BUSES];                  /* the guest spoke of what is in it */
    guint32 bus;                              /* the selector, any value */
    guint32 index;                            /* what the acpi-index register reads next */
    guint32 ost_slot, ost_source;
    /* By bus and slot: */
    guint32 indices[BUSES * SLOTS];
    guint32 ost_sources[BUSES * SLOTS];
    guint32 ost_statuses[BUSES * SLOTS];
};

static unsigned
place(unsigned bus, unsigned slot)
{
    return bus * SLOTS + slot;
}

/* Needs @lock. Lets go of a slot of the selected bus once: until the main thread has done
 * it, the guest's further ejects of it mean nothing. */
static void
eject_locked(TnAcpiPciHotplug *self, unsigned slot)
{
    guint32 bit = 1U << slot;
    guint32 bus = self->bus;

    if (bus >= BUSES || !(self->removable[bus] & bit)) {
        return;
    }
    self->up[bus] &= ~bit;
    self->down[bus] &= ~bit;
    self->refusing[bus] &= ~bit;
    self->ejecting[bus] |= bit;
    g_source_set_ready_time(self->worker, 0);
}

/* Needs @lock. */
static void
report_locked(TnAcpiPciHotplug *self, guint32 status)
{
    guint32 slot = self->ost_slot;
    guint32 bus = self->bus;
    guint32 bit;

    if (bus >= BUSES || slot >= SLOTS) {
        return;
    }
    bit = 1U << slot;
    self->reported[bus] |= bit;
    self->ost_sources[place(bus, slot)] = self->ost_source;
    self->ost_statuses[place(bus, slot)] = status;
    /* After an eject there is nothing left to refuse. */
    if (tn_acpi_ost_is_refusal(self->ost_source, status) && !(self->ejecting[bus] & bit)) {
        self->refusing[bus] |= bit;
        g_source_set_ready_time(self->worker, 0);
    }
}

/* Takes the lowest bit out of *@mask: its number, -1 when there is none. */
static int
take_lowest(guint32 *mask)
{
    int bit = g_bit_nth_lsf(*mask, -1);

    if (bit >= 0) {
        *mask &= ~(1U << bit);
    }
    return bit;
}

static void
refuse(TnAcpiPciHotplug *self, unsigned bus, unsigned slot)
{
    TnAcpiPciOst ost = { .bus = bus, .slot = slot };

    g_mutex_lock(&self->lock);
    ost.source = self->ost_sources[place(bus, slot)];
    ost.status = self->ost_statuses[place(bus, slot)];
    self->down[bus] &= ~(1U << slot);
    g_mutex_unlock(&self->lock);
    self->config.refused(self->config.opaque, &ost);
}

/* Does one thing that waits on @bus; FALSE when nothing does. */
static gboolean
work_once(TnAcpiPciHotplug *self, unsigned bus)
{
    int ejecting, refusing = -1;

    g_mutex_lock(&self->lock);
    ejecting = take_lowest(&self->ejecting[bus]);
    if (ejecting < 0) {
        refusing = take_lowest(&self->refusing[bus]);
    }
    g_mutex_unlock(&self->lock);
    if (ejecting >= 0) {
        self->config.ejected(self->config.opaque, bus, (unsigned)ejecting);
    } else if (refusing >= 0) {
        refuse(self, bus, (unsigned)refusing);
    }
    return ejecting >= 0 || refusing >= 0;
}

static gboolean
work_off(gpointer user_data)
{
    TnAcpiPciHotplug *self = user_data;

    g_source_set_ready_time(self->worker, -1);
    for (unsigned bus = 0; bus < BUSES;) {
        if (!work_once(self, bus)) {
            bus++;
        }
    }
    return G_SOURCE_CONTINUE;
}

/* A source that is ready when its ready time says so, and only then. */
static gboolean
dispatch_worker(GSource *source, GSourceFunc func, gpointer user_data)
{
    return func(user_data);
}

static GSourceFuncs worker_funcs = { .dispatch = dispatch_worker };

/* Needs @lock. A selector that is no bus's reads like a bus where nothing happens. */
static guint32
read_locked(TnAcpiPciHotplug *self, uint64_t addr)
{
    guint32 bus = self->bus;
    gboolean exists = bus < BUSES;
    guint32 value = 0;

    if (bus >= MAX_SELECTORS) {
        return 0;
    }
    switch (addr) {
    case REG_UP:
        if (exists) {
            value = self->up[bus];
            self->up[bus] = 0;
        }
        break;
    case REG_DOWN:
        value = exists ? self->down[bus] : 0;
        break;
    case REG_FEATURES:
        break;
    case REG_REMOVABLE:
        value = exists ? self->removable[bus] : G_MAXUINT32;
        break;
    case REG_BUS:
        value = bus;
        break;
    case REG_INDEX:
        value = self->index;
        self->index = 0;
        break;
    default:
        break;
    }
    return value;
}

static void
trace_read(TnAcpiPciHotplug *self, uint64_t addr, guint32 bus, guint32 value)
{
    if ((addr == REG_UP || addr == REG_DOWN) && value != 0) {
        tn_hotplug_trace_step(self->config.trace, TN_HOTPLUG_STEP_ACPI_READ, NULL,
                              "PCI bus %u, slots %s: 0x%08x", bus,
                              addr == REG_UP ? "up" : "down", value);
    }
}

static uint64_t
hotplug_read(void *opaque, uint64_t addr, unsigned size)
{
    TnAcpiPciHotplug *self = opaque;
    guint32 bus, value;

    if (size != REG_SIZE) {
        return 0;
    }
    g_mutex_lock(&self->lock);
    bus = self->bus;
    value = read_locked(self, addr);
    g_mutex_unlock(&self->lock);
    if (G_UNLIKELY(tn_hotplug_trace_is_on(self->config.trace))) {
        trace_read(self, addr, bus, value);
    }
    return value;
}

/* Needs @lock. A register of one bit a slot acts on the lowest that is set. */
static void
write_locked(TnAcpiPciHotplug *self, uint64_t addr, guint32 value)
{
    int slot = g_bit_nth_lsf(value, -1);

    switch (addr) {
    case REG_EJECT:
        if (slot >= 0) {
            eject_locked(self, (unsigned)slot);
        }
        break;
    case REG_BUS:
        self->bus = value;
        break;
    case REG_INDEX:
        self->index = self->bus < BUSES && slot >= 0
                          ? self->indices[place(self->bus, (unsigned)slot)]
                          : 0;
        break;
    case REG_OST_SLOT:
        self->ost_slot = value;
        break;
    case REG_OST_SOURCE:
        self->ost_source = value;
        break;
    case REG_OST_STATUS:
        report_locked(self, value);
        break;
    default:
        break;
    }
}

/* What a write was about, for the trace. */
typedef struct Written {
    guint32 bus, ost_slot, ost_source, value;
} Written;

static void
trace_write(TnAcpiPciHotplug *self, uint64_t addr, const Written *written)
{
    if (addr == REG_EJECT) {
        tn_hotplug_trace_step(self->config.trace, TN_HOTPLUG_STEP_EJECT, NULL,
                              "PCI bus %u, slots: 0x%08x", written->bus, written->value);
    } else if (addr == REG_OST_STATUS) {
        tn_hotplug_trace_step(self->config.trace, TN_HOTPLUG_STEP_OST, NULL,
                              "PCI bus %u, slot %u: source 0x%x, status 0x%x", written->bus,
                              written->ost_slot, written->ost_source, written->value);
    }
}

static void
hotplug_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnAcpiPciHotplug *self = opaque;
    Written written;

    if (size != REG_SIZE) {
        return;
    }
    g_mutex_lock(&self->lock);
    write_locked(self, addr, (guint32)value);
    written = (Written){ self->bus, self->ost_slot, self->ost_source, (guint32)value };
    g_mutex_unlock(&self->lock);
    if (G_UNLIKELY(tn_hotplug_trace_is_on(self->config.trace))) {
        trace_write(self, addr, &written);
    }
}

static const TnMemoryRegionOps hotplug_ops = {
    .read = hotplug_read,
    .write = hotplug_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

TnAcpiPciHotplug *
tn_acpi_pci_hotplug_new(const TnAcpiPciHotplugConfig *config)
{
    TnAcpiPciHotplug *self = g_new0(TnAcpiPciHotplug, 1);

    self->config = *config;
    memset(self->removable, 0xff, sizeof self->removable);
    g_mutex_init(&self->lock);
    self->worker = g_source_new(&worker_funcs, sizeof(GSource));
    g_source_set_static_name(self->worker, "acpi-pci-hotplug");
    g_source_set_callback(self->worker, work_off, self, NULL);
    g_source_attach(self->worker, NULL);
    tn_memory_region_init_io(&self->region, config->memory, NULL, &hotplug_ops, self,
                             "acpi-pci-hotplug", TN_ACPI_PCI_HOTPLUG_LENGTH);
    tn_memory_region_add_subregion(config->io, config->port, &self->region);
    return self;
}

void
tn_acpi_pci_hotplug_free(TnAcpiPciHotplug *self)
{
    if (!self) {
        return;
    }
    tn_memory_region_del_subregion(self->config.io, &self->region);
    tn_memory_synchronize(self->config.memory);
    tn_memory_region_done(&self->region);
    g_source_destroy(self->worker);
    g_source_unref(self->worker);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static gboolean
is_place(unsigned bus, unsigned slot)
{
    return bus < BUSES && slot < SLOTS;
}

void
tn_acpi_pci_hotplug_set_removable(TnAcpiPciHotplug *self, unsigned bus, unsigned slot,
                                  gboolean removable)
{
    g_return_if_fail(is_place(bus, slot));
    g_mutex_lock(&self->lock);
    if (removable) {
        self->removable[bus] |= 1U << slot;
    } else {
        self->removable[bus] &= ~(1U << slot);
    }
    g_mutex_unlock(&self->lock);
}

void
tn_acpi_pci_hotplug_set_index(TnAcpiPciHotplug *self, unsigned bus, unsigned slot, guint32 index)
{
    g_return_if_fail(is_place(bus, slot));
    g_mutex_lock(&self->lock);
    self->indices[place(bus, slot)] = index;
    g_mutex_unlock(&self->lock);
}

void
tn_acpi_pci_hotplug_plug(TnAcpiPciHotplug *self, unsigned bus, unsigned slot)
{
    g_return_if_fail(is_place(bus, slot));
    g_mutex_lock(&self->lock);
    self->up[bus] |= 1U << slot;
    self->reported[bus] &= ~(1U << slot);
    g_mutex_unlock(&self->lock);
    tn_acpi_gpe_raise(self->config.gpe, TN_ACPI_PCI_HOTPLUG_GPE);
}

void
tn_acpi_pci_hotplug_unplug_request(TnAcpiPciHotplug *self, unsigned bus, unsigned slot)
{
    gboolean told = FALSE;

    g_return_if_fail(is_place(bus, slot));
    g_mutex_lock(&self->lock);
    /* Ejected already, and on its way out: there is nothing left to ask for. */
    if (!(self->ejecting[bus] & (1U << slot))) {
        self->down[bus] |= 1U << slot;
        told = TRUE;
    }
    g_mutex_unlock(&self->lock);
    if (told) {
        tn_acpi_gpe_raise(self->config.gpe, TN_ACPI_PCI_HOTPLUG_GPE);
    }
}

void
tn_acpi_pci_hotplug_unplug(TnAcpiPciHotplug *self, unsigned bus, unsigned slot)
{
    guint32 keep;

    g_return_if_fail(is_place(bus, slot));
    keep = ~(1U << slot);
    g_mutex_lock(&self->lock);
    self->up[bus] &= keep;
    self->down[bus] &= keep;
    self->ejecting[bus] &= keep;
    self->refusing[bus] &= keep;
    self->indices[place(bus, slot)] = 0;
    g_mutex_unlock(&self->lock);
}

void
tn_acpi_pci_hotplug_reset(TnAcpiPciHotplug *self)
{
    g_mutex_lock(&self->lock);
    for (unsigned bus = 0; bus < BUSES; bus++) {
        self->ejecting[bus] |= self->down[bus] & self->removable[bus];
        self->down[bus] = 0;
        self->refusing[bus] = 0;
    }
    self->bus = 0;
    self->index = 0;
    self->ost_slot = 0;
    self->ost_source = 0;
    g_mutex_unlock(&self->lock);
    (void)work_off(self);
}

void
tn_acpi_pci_hotplug_get_slot(TnAcpiPciHotplug *self, unsigned bus, unsigned slot,
                             TnAcpiPciSlot *ret_slot)
{
    gboolean has_ost;
    guint32 bit;

    g_return_if_fail(is_place(bus, slot));
    bit = 1U << slot;
    g_mutex_lock(&self->lock);
    has_ost = (self->reported[bus] & bit) != 0;
    *ret_slot = (TnAcpiPciSlot){
        .inserting = (self->up[bus] & bit) != 0,
        .removing = ((self->down[bus] | self->ejecting[bus]) & bit) != 0,
        .removable = (self->removable[bus] & bit) != 0,
        .has_ost = has_ost,
        .ost_source = has_ost ? self->ost_sources[place(bus, slot)] : 0,
        .ost_status = has_ost ? self->ost_statuses[place(bus, slot)] : 0,
    };
    g_mutex_unlock(&self->lock);
}

/* What the guest had ejected, and the main thread not yet done, is done after a restore. */
static gboolean
post_load(void *opaque, unsigned version, GError **error)
{
    TnAcpiPciHotplug *self = opaque;

    g_mutex_lock(&self->lock);
    for (unsigned bus = 0; bus < BUSES; bus++) {
        self->ejecting[bus] &= self->removable[bus];
        self->refusing[bus] &= ~self->ejecting[bus];
    }
    g_mutex_unlock(&self->lock);
    g_source_set_ready_time(self->worker, 0);
    return TRUE;
}

static const TnStateField state_fields[] = {
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, up, BUSES),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, down, BUSES),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, ejecting, BUSES),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, refusing, BUSES),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, reported, BUSES),
    TN_STATE_FIELD(TN_STATE_U32, TnAcpiPciHotplug, bus),
    TN_STATE_FIELD(TN_STATE_U32, TnAcpiPciHotplug, index),
    TN_STATE_FIELD(TN_STATE_U32, TnAcpiPciHotplug, ost_slot),
    TN_STATE_FIELD(TN_STATE_U32, TnAcpiPciHotplug, ost_source),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, ost_sources, BUSES * SLOTS),
    TN_STATE_ARRAY(TN_STATE_U32, TnAcpiPciHotplug, ost_statuses, BUSES * SLOTS),
    TN_STATE_END,
};

const TnStateTable tn_acpi_pci_hotplug_state = {
    .name = "acpi-pci-hotplug",
    .version = 2,
    .fields = state_fields,
    .post_load = post_load,
};
