/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI-to-PCI bridge. Spec: PCI-to-PCI Bridge Architecture 1.2, chapters 3.2, 4 and 13
 * (slot numbering). All of its state lies in config space, under the config lock.
 */
#include "vmm/hw/pci-bridge.h"

#include "vmm/core/property.h"
#include "vmm/memory/region.h"

#define TN_BRIDGE_VENDOR_ID 0x1b36
#define TN_BRIDGE_DEVICE_ID 0x0001
#define TN_BRIDGE_CLASS 0x060400

/* 66 MHz and fast back-to-back, of either side. */
#define TN_BRIDGE_STATUS 0x00a0

#define TN_BRIDGE_SLOT_CAPABILITY 0x04
#define TN_BRIDGE_SLOT_CAPABILITY_SIZE 4
#define TN_BRIDGE_SLOT_CHASSIS 3 /* offset in the capability */

#define TN_BRIDGE_IO_BITS 0xf0
#define TN_BRIDGE_IO_SHIFT 8
#define TN_BRIDGE_IO_REST 0xfffu
#define TN_BRIDGE_MEMORY_BITS 0xfff0
#define TN_BRIDGE_MEMORY_SHIFT 16
#define TN_BRIDGE_MEMORY_REST 0xfffffu
#define TN_BRIDGE_PREFETCH_64BIT 0x1

/* Parity, SERR, ISA, VGA, 16-bit VGA, master abort, reset, fast back-to-back, discard timers. */
#define TN_BRIDGE_CONTROL_BITS 0x0bff
#define TN_BRIDGE_CONTROL_DISCARD_STATUS 0x0400

#define TN_BRIDGE_IO_SIZE 0x10000

/* What the bridge forwards, as first and last address on the primary bus. */
typedef struct Window {
    gboolean open;
    guint64 first, last;
} Window;

enum { WINDOW_IO, WINDOW_MEMORY, WINDOW_PREFETCH, N_WINDOWS };

struct _TnPciBridge {
    TnPciDevice parent_instance;

    guint chassis;
    TnPciBus *secondary;
    /* What shows on the secondary bus, and the parts of it that show on the primary. */
    TnMemoryRegion memory, io;
    TnMemoryRegion aliases[N_WINDOWS];
    Window windows[N_WINDOWS]; /* under the config lock */
};

enum { PROP_CHASSIS = 1 };

G_DEFINE_FINAL_TYPE(TnPciBridge, tn_pci_bridge, TN_TYPE_PCI_DEVICE)

TnPciBus *
tn_pci_bridge_get_bus(TnPciBridge *self)
{
    return self->secondary;
}

/* Base and limit as the registers and the command register have them. */
static Window
decide_window(const TnPciConfig *config, int n)
{
    guint16 command = tn_pci_config_get_word(config, TN_PCI_REG_COMMAND);
    guint64 base, last;

    switch (n) {
    case WINDOW_IO:
        base = (guint64)(tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_IO_BASE) &
                         TN_BRIDGE_IO_BITS)
               << TN_BRIDGE_IO_SHIFT;
        last = (guint64)(tn_pci_config_get_byte(config, TN_PCI_BRIDGE_REG_IO_LIMIT) &
                         TN_BRIDGE_IO_BITS)
                   << TN_BRIDGE_IO_SHIFT |
               TN_BRIDGE_IO_REST;
        break;
    case WINDOW_MEMORY:
        base = (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_MEMORY_BASE) &
                         TN_BRIDGE_MEMORY_BITS)
               << TN_BRIDGE_MEMORY_SHIFT;
        last = (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_MEMORY_LIMIT) &
                         TN_BRIDGE_MEMORY_BITS)
                   << TN_BRIDGE_MEMORY_SHIFT |
               TN_BRIDGE_MEMORY_REST;
        break;
    default:
        base = (guint64)tn_pci_config_get_long(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE_UPPER)
                   << 32 |
               (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE) &
                         TN_BRIDGE_MEMORY_BITS)
                   << TN_BRIDGE_MEMORY_SHIFT;
        last = (guint64)tn_pci_config_get_long(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER)
                   << 32 |
               (guint64)(tn_pci_config_get_word(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT) &
                         TN_BRIDGE_MEMORY_BITS)
                   << TN_BRIDGE_MEMORY_SHIFT |
               TN_BRIDGE_MEMORY_REST;
        break;
    }
    return (Window){
        .open = base <= last &&
                (command & (n == WINDOW_IO ? TN_PCI_COMMAND_IO : TN_PCI_COMMAND_MEMORY)),
        .first = base,
        .last = last,
    };
}

static TnMemoryRegion *
primary_container(TnPciBridge *self, int n)
{
    TnPciBus *bus = TN_PCI_DEVICE(self)->bus;

    return n == WINDOW_IO ? tn_pci_bus_get_io(bus) : tn_pci_bus_get_memory(bus);
}

/* Moves windows to where @plan has them. */
static void
apply(TnPciBridge *self, const Window plan[N_WINDOWS])
{
    TnMemory *memory = tn_device_get_platform(TN_DEVICE(self))->memory;

    tn_memory_begin(memory);
    for (int n = 0; n < N_WINDOWS; n++) {
        TnMemoryRegion *alias = &self->aliases[n];
        Window *now = &self->windows[n];

        if (now->open) {
            tn_memory_region_del_subregion(primary_container(self, n), alias);
        }
        *now = plan[n];
        if (now->open) {
            guint64 size = now->last - now->first + 1;

            tn_memory_region_set_alias_offset(alias, now->first);
            tn_memory_region_set_size(alias, size ? size : TN_SIZE_WHOLE);
            tn_memory_region_add_subregion_overlap(primary_container(self, n), now->first, alias,
                                                   1);
        }
    }
    tn_memory_commit(memory);
}

static void
update_windows(TnPciBridge *self)
{
    Window plan[N_WINDOWS];
    gboolean same = TRUE;

    for (int n = 0; n < N_WINDOWS; n++) {
        const Window *now = &self->windows[n];

        plan[n] = decide_window(&TN_PCI_DEVICE(self)->config, n);
        same = same && plan[n].open == now->open &&
               (!now->open || (plan[n].first == now->first && plan[n].last == now->last));
    }
    if (!same) {
        apply(self, plan);
    }
}

static void
tn_pci_bridge_config_write(TnPciDevice *pci, unsigned offset, guint32 value, unsigned size)
{
    TnPciBridge *self = TN_PCI_BRIDGE(pci);
    guint16 control = tn_pci_config_get_word(&pci->config, TN_PCI_BRIDGE_REG_CONTROL);
    guint16 risen;

    tn_pci_device_default_config_write(pci, offset, value, size);
    risen = tn_pci_config_get_word(&pci->config, TN_PCI_BRIDGE_REG_CONTROL) & ~control;
    update_windows(self);
    if (risen & TN_PCI_BRIDGE_CONTROL_RESET) {
        tn_pci_bus_reset_locked(self->secondary);
    }
}

static void
set_up_registers(TnPciConfig *config)
{
    tn_pci_config_set_word(config, TN_PCI_REG_STATUS, TN_BRIDGE_STATUS);
    tn_pci_config_set_word(config, TN_PCI_BRIDGE_REG_SECONDARY_STATUS, TN_BRIDGE_STATUS);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_PRIMARY, 0xffffffff, 4);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_IO_BASE, TN_BRIDGE_IO_BITS, 1);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_IO_LIMIT, TN_BRIDGE_IO_BITS, 1);
    config->w1c[TN_PCI_BRIDGE_REG_SECONDARY_STATUS + 1] = (guint8)(TN_PCI_STATUS_W1C >> 8);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_MEMORY_BASE, TN_BRIDGE_MEMORY_BITS, 2);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_MEMORY_LIMIT, TN_BRIDGE_MEMORY_BITS, 2);
    tn_pci_config_set_word(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE, TN_BRIDGE_PREFETCH_64BIT);
    tn_pci_config_set_word(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT, TN_BRIDGE_PREFETCH_64BIT);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE, TN_BRIDGE_MEMORY_BITS, 2);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT, TN_BRIDGE_MEMORY_BITS, 2);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_PREFETCH_BASE_UPPER, 0xffffffff, 4);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER, 0xffffffff, 4);
    tn_pci_config_allow(config, TN_PCI_BRIDGE_REG_CONTROL, TN_BRIDGE_CONTROL_BITS, 2);
    config->w1c[TN_PCI_BRIDGE_REG_CONTROL + 1] = TN_BRIDGE_CONTROL_DISCARD_STATUS >> 8;
}

static void
make_bus(TnPciBridge *self)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));
    static const char *const names[] = { "pci_bridge_io", "pci_bridge_mem", "pci_bridge_pref_mem" };

    tn_memory_region_init(&self->memory, platform->memory, G_OBJECT(self), "pci_bridge_pci",
                          TN_SIZE_WHOLE);
    tn_memory_region_init(&self->io, platform->memory, G_OBJECT(self), "pci_bridge_io",
                          TN_BRIDGE_IO_SIZE);
    for (int n = 0; n < N_WINDOWS; n++) {
        TnMemoryRegion *target = n == WINDOW_IO ? &self->io : &self->memory;

        tn_memory_region_init_alias(&self->aliases[n], platform->memory, G_OBJECT(self), names[n],
                                    target, 0, 1);
    }
    self->secondary = tn_pci_bus_new_secondary(TN_PCI_DEVICE(self));
    tn_pci_bus_set_spaces(self->secondary, &self->memory, &self->io);
}

/* The bridge's id is the bus's name, too; without one, "pci.1" and so on. */
static gboolean
name_bus(TnPciBridge *self, GError **error)
{
    TnObject *root = tn_device_get_platform(TN_DEVICE(self))->root;
    g_autofree char *name = g_strdup(tn_device_get_id(TN_DEVICE(self)));

    for (unsigned n = 1; !name; n++) {
        name = g_strdup_printf("pci.%u", n);
        if (tn_pci_bus_find(root, name)) {
            g_clear_pointer(&name, g_free);
        }
    }
    return tn_object_add_child(TN_OBJECT(self), name, TN_OBJECT(self->secondary), error);
}

static void
drop_bus(TnPciBridge *self)
{
    tn_object_unparent(TN_OBJECT(self->secondary));
    TN_PCI_DEVICE(self)->secondary = NULL;
    g_clear_object(&self->secondary);
    for (int n = 0; n < N_WINDOWS; n++) {
        tn_memory_region_done(&self->aliases[n]);
    }
    tn_memory_region_done(&self->io);
    tn_memory_region_done(&self->memory);
}

static gboolean
tn_pci_bridge_realize(TnPciDevice *pci, GError **error)
{
    TnPciBridge *self = TN_PCI_BRIDGE(pci);
    guint8 at;

    if (self->chassis == 0) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Bridge chassis not specified. Each bridge is required to be assigned "
                            "a unique chassis id > 0.");
        return FALSE;
    }
    set_up_registers(&pci->config);
    at = tn_pci_device_add_capability(pci, TN_BRIDGE_SLOT_CAPABILITY, 0,
                                      TN_BRIDGE_SLOT_CAPABILITY_SIZE, error);
    if (!at) {
        return FALSE;
    }
    tn_pci_config_set_byte(&pci->config, at + TN_BRIDGE_SLOT_CHASSIS, (guint8)self->chassis);
    make_bus(self);
    if (!name_bus(self, error)) {
        drop_bus(self);
        return FALSE;
    }
    pci->secondary = self->secondary;
    return TRUE;
}

static void
tn_pci_bridge_unrealize(TnPciDevice *pci)
{
    TnPciBridge *self = TN_PCI_BRIDGE(pci);
    const Window none[N_WINDOWS] = { { FALSE } };

    /* What is behind it goes with it. */
    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(self->secondary, devfn);

        if (device) {
            tn_device_unrealize(TN_DEVICE(device));
        }
    }
    apply(self, none);
    drop_bus(self);
}

static void
tn_pci_bridge_reset(TnPciDevice *pci)
{
    TnPciConfig *config = &pci->config;

    for (unsigned i = TN_PCI_BRIDGE_REG_PRIMARY; i < TN_PCI_REG_FIRST_OWN; i++) {
        config->value[i] &= (guint8) ~(config->writable[i] | config->w1c[i]);
    }
    update_windows(TN_PCI_BRIDGE(pci));
}

static void
tn_pci_bridge_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    if (id == PROP_CHASSIS) {
        g_value_set_uint(value, TN_PCI_BRIDGE(object)->chassis);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_pci_bridge_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    if (id == PROP_CHASSIS) {
        TN_PCI_BRIDGE(object)->chassis = g_value_get_uint(value);
    } else {
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    TnPciDevice *pci = opaque;

    if (!tn_pci_device_post_load(pci, error)) {
        return FALSE;
    }
    tn_pci_bus_lock(pci->bus);
    update_windows(TN_PCI_BRIDGE(pci));
    tn_pci_bus_unlock(pci->bus);
    return TRUE;
}

static const TnStateField state_fields[] = {
    TN_PCI_STATE_FIELDS(TnPciBridge),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "pci-bridge",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static void
tn_pci_bridge_class_init(TnPciBridgeClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnPciDeviceClass *pci_class = TN_PCI_DEVICE_CLASS(klass);

    object_class->get_property = tn_pci_bridge_get_property;
    object_class->set_property = tn_pci_bridge_set_property;
    tn_class->type_name = "pci-bridge";
    tn_class->description = "Standard PCI Bridge";
    tn_class->user_creatable = TRUE;
    TN_DEVICE_CLASS(klass)->state = &state_table;
    pci_class->vendor_id = TN_BRIDGE_VENDOR_ID;
    pci_class->device_id = TN_BRIDGE_DEVICE_ID;
    pci_class->class_id = TN_BRIDGE_CLASS;
    pci_class->is_bridge = TRUE;
    pci_class->realize = tn_pci_bridge_realize;
    pci_class->unrealize = tn_pci_bridge_unrealize;
    pci_class->reset = tn_pci_bridge_reset;
    pci_class->config_write = tn_pci_bridge_config_write;

    g_object_class_install_property(
        object_class, PROP_CHASSIS,
        g_param_spec_uint("chassis-nr", "chassis_nr", "Number of the chassis, not 0", 0,
                          G_MAXUINT8, 0, TN_PARAM_RW));
}

static void
tn_pci_bridge_init(TnPciBridge *self)
{
}
