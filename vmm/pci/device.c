/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI functions: the type 0 header, and the life of a function on its bus. */
#include "vmm/pci/device.h"

#include "vmm/core/property.h"
#include "vmm/memory/memory.h"
#include "vmm/pci/bar.h"
#include "vmm/pci/bus.h"
#include "vmm/pci/device-private.h"
#include "vmm/pci/devfn.h"

#include <string.h>

/* QEMU's default, by which guests' drivers and scripts know its machines. */
#define TN_PCI_DEFAULT_SUBSYSTEM_VENDOR 0x1af4
#define TN_PCI_DEFAULT_SUBSYSTEM 0x1100

enum {
    PROP_MULTIFUNCTION = 1,
    PROP_ADDR,
    PROP_ROMBAR,
    PROP_ACPI_INDEX,
};

G_DEFINE_ABSTRACT_TYPE(TnPciDevice, tn_pci_device, TN_TYPE_DEVICE)

/* Cleared by a reset: PCI 3.0, 6.2.3 and 6.2.5. */
static const guint16 command_bits = TN_PCI_COMMAND_IO | TN_PCI_COMMAND_MEMORY |
                                    TN_PCI_COMMAND_MASTER | TN_PCI_COMMAND_SERR |
                                    TN_PCI_COMMAND_INTX_DISABLE;

static void
init_ids(TnPciDevice *self)
{
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);
    TnPciConfig *config = &self->config;
    guint16 vendor = klass->subsystem_vendor_id;
    guint16 subsystem = klass->subsystem_id;

    tn_pci_config_set_word(config, TN_PCI_REG_VENDOR_ID, klass->vendor_id);
    tn_pci_config_set_word(config, TN_PCI_REG_DEVICE_ID, klass->device_id);
    tn_pci_config_set_long(config, TN_PCI_REG_REVISION, klass->class_id << 8 | klass->revision);
    tn_pci_config_set_byte(config, TN_PCI_REG_HEADER_TYPE,
                           (self->multifunction ? TN_PCI_HEADER_MULTIFUNCTION : 0) |
                               (klass->is_bridge ? TN_PCI_HEADER_BRIDGE : 0));
    tn_pci_config_set_byte(config, TN_PCI_REG_INTERRUPT_PIN, klass->interrupt_pin);
    if (klass->is_bridge) {
        return; /* has no such registers in its header */
    }
    if (vendor == 0) {
        vendor = TN_PCI_DEFAULT_SUBSYSTEM_VENDOR;
        subsystem = TN_PCI_DEFAULT_SUBSYSTEM;
    }
    tn_pci_config_set_word(config, TN_PCI_REG_SUBSYSTEM_VENDOR_ID, vendor);
    tn_pci_config_set_word(config, TN_PCI_REG_SUBSYSTEM_ID, subsystem);
}

static void
init_header(TnPciDevice *self)
{
    TnPciConfig *config = &self->config;

    *config = (TnPciConfig){ 0 };
    init_ids(self);
    tn_pci_config_allow(config, TN_PCI_REG_COMMAND, command_bits, 2);
    tn_pci_config_allow(config, TN_PCI_REG_CACHE_LINE_SIZE, 0xff, 1);
    tn_pci_config_allow(config, TN_PCI_REG_INTERRUPT_LINE, 0xff, 1);
    config->w1c[TN_PCI_REG_STATUS] = (uint8_t)TN_PCI_STATUS_W1C;
    config->w1c[TN_PCI_REG_STATUS + 1] = (uint8_t)(TN_PCI_STATUS_W1C >> 8);

    tn_pci_config_require(config, TN_PCI_REG_VENDOR_ID, 0xffffffff, 4);
    tn_pci_config_require(config, TN_PCI_REG_STATUS, TN_PCI_STATUS_CAPABILITIES, 2);
    tn_pci_config_require(config, TN_PCI_REG_REVISION, 0xffffffff, 4);
    tn_pci_config_require(config, TN_PCI_REG_HEADER_TYPE, 0xff, 1);
    tn_pci_config_require(config, TN_PCI_REG_CAPABILITIES, 0xff, 1);
    for (unsigned i = 0; i < TN_PCI_NUM_REGIONS; i++) {
        self->bars[i] = (TnPciBar){ .address = TN_PCI_BAR_UNMAPPED };
    }
    self->intx_disabled = FALSE;
}

/* What the core holds for the function beside its address. */
static void
drop_parts(TnPciDevice *self)
{
    tn_pci_bars_remove(self);
    tn_pci_intx_release(self);
    tn_pci_msi_free(self);
    tn_pci_master_free(self);
}

static gboolean
tn_pci_device_realize(TnDevice *device, GError **error)
{
    TnPciDevice *self = TN_PCI_DEVICE(device);
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);

    if (!self->bus) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "No 'PCI' bus found for device '%s'",
                    tn_object_get_type_name(TN_OBJECT(self)));
        return FALSE;
    }
    if (!tn_pci_bus_add(self->bus, self, error)) {
        return FALSE;
    }
    init_header(self);
    tn_pci_master_new(self);
    if (klass->realize && !klass->realize(self, error)) {
        tn_pci_bus_remove(self->bus, self);
        drop_parts(self);
        return FALSE;
    }
    tn_pci_config_seal(&self->config);
    tn_pci_bus_open(self->bus, self);
    return TRUE;
}

static void
tn_pci_device_unrealize(TnDevice *device)
{
    TnPciDevice *self = TN_PCI_DEVICE(device);
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);

    tn_pci_bus_remove(self->bus, self);
    tn_pci_bars_remove(self);
    /* No callback of a BAR runs any more once the class lets go of what they use. */
    tn_memory_synchronize(tn_device_get_platform(device)->memory);
    if (klass->unrealize) {
        klass->unrealize(self);
    }
    drop_parts(self);
}

void
tn_pci_device_reset_locked(TnPciDevice *self)
{
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);
    TnPciConfig *config = &self->config;

    tn_pci_config_write(config, TN_PCI_REG_COMMAND, 0, 2);
    tn_pci_config_write(config, TN_PCI_REG_STATUS, TN_PCI_STATUS_W1C, 2);
    tn_pci_config_set_byte(config, TN_PCI_REG_CACHE_LINE_SIZE, 0);
    tn_pci_config_set_byte(config, TN_PCI_REG_INTERRUPT_LINE, 0);
    tn_pci_bars_reset(self);
    tn_pci_master_update(self);
    tn_pci_intx_release(self);
    tn_pci_intx_update(self);
    tn_pci_msi_reset(self);
    tn_pci_msix_reset(self);
    if (klass->reset) {
        klass->reset(self);
    }
}

static void
tn_pci_device_reset(TnDevice *device)
{
    TnPciDevice *self = TN_PCI_DEVICE(device);

    tn_pci_bus_lock(self->bus);
    tn_pci_device_reset_locked(self);
    tn_pci_bus_unlock(self->bus);
}

void
tn_pci_device_set_address(TnPciDevice *self, TnPciBus *bus, int devfn)
{
    g_return_if_fail(!tn_device_is_realized(TN_DEVICE(self)));
    g_return_if_fail(devfn >= TN_PCI_DEVFN_AUTO && devfn < TN_PCI_BUS_DEVFNS);

    self->bus = bus;
    self->devfn = devfn;
}

guint8
tn_pci_device_find_capability(TnPciDevice *self, guint8 id)
{
    const TnPciConfig *config = &self->config;
    unsigned at = tn_pci_config_get_byte(config, TN_PCI_REG_CAPABILITIES);

    /* As long as the chain can be: a subclass may have linked it itself, from a device. */
    for (unsigned i = 0; i < TN_PCI_CONFIG_SIZE / 4 && at >= TN_PCI_REG_FIRST_OWN; i++) {
        at &= 0xfc;
        if (tn_pci_config_get_byte(config, at) == id) {
            return (guint8)at;
        }
        at = tn_pci_config_get_byte(config, at + 1);
    }
    return 0;
}

/* The capability that has a byte of @offset .. @offset + @size - 1, 0 for none. */
static guint8
find_owner(const TnPciConfig *config, unsigned offset, unsigned size)
{
    for (unsigned i = offset; i < offset + size; i++) {
        if (config->capability[i]) {
            return config->capability[i];
        }
    }
    return 0;
}

static unsigned
find_room(const TnPciConfig *config, unsigned size)
{
    for (unsigned at = TN_PCI_REG_FIRST_OWN; at + size <= TN_PCI_CONFIG_SIZE; at += 4) {
        if (!find_owner(config, at, size)) {
            return at;
        }
    }
    return 0;
}

guint8
tn_pci_device_add_capability(TnPciDevice *self, guint8 id, guint8 offset, guint8 size,
                             GError **error)
{
    TnPciConfig *config = &self->config;
    const char *type = tn_object_get_type_name(TN_OBJECT(self));
    unsigned at = offset ? offset : find_room(config, size);
    guint8 owner;

    g_return_val_if_fail(size >= 2 && offset % 4 == 0, 0);
    if (at < TN_PCI_REG_FIRST_OWN || at + size > TN_PCI_CONFIG_SIZE) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "%s: no room in config space for PCI capability %x of %u bytes", type, id,
                    size);
        return 0;
    }
    owner = find_owner(config, at, size);
    if (owner) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "%s: Attempt to add PCI capability %x at offset %x overlaps existing "
                    "capability %x at offset %x",
                    type, id, at, tn_pci_config_get_byte(config, owner), owner);
        return 0;
    }
    memset(config->value + at, 0, size);
    memset(config->writable + at, 0, size);
    memset(config->w1c + at, 0, size);
    memset(config->required + at, 0xff, size);
    memset(config->capability + at, (int)at, size);
    tn_pci_config_set_byte(config, at, id);
    tn_pci_config_set_byte(config, at + 1,
                           tn_pci_config_get_byte(config, TN_PCI_REG_CAPABILITIES));
    tn_pci_config_set_byte(config, TN_PCI_REG_CAPABILITIES, (guint8)at);
    config->value[TN_PCI_REG_STATUS] |= TN_PCI_STATUS_CAPABILITIES;
    return (guint8)at;
}

guint32
tn_pci_device_default_config_read(TnPciDevice *self, unsigned offset, unsigned size)
{
    guint32 value = tn_pci_config_read(&self->config, offset, size);

    if (tn_pci_config_touches(offset, size, TN_PCI_REG_STATUS, 1) &&
        tn_pci_intx_is_asserted(self)) {
        value |= (guint32)TN_PCI_STATUS_INTERRUPT << (8 * (TN_PCI_REG_STATUS - offset));
    }
    return tn_pci_msi_overlay(self, offset, value, size);
}

void
tn_pci_device_default_config_write(TnPciDevice *self, unsigned offset, guint32 value,
                                   unsigned size)
{
    tn_pci_config_write(&self->config, offset, value, size);
    if (tn_pci_config_touches(offset, size, TN_PCI_REG_COMMAND, 2)) {
        tn_pci_master_update(self);
        tn_pci_intx_update(self);
        tn_pci_bars_update(self);
    } else if (offset >= TN_PCI_REG_BAR0 && offset < TN_PCI_REG_FIRST_OWN) {
        tn_pci_bars_update(self);
    }
    tn_pci_msi_written(self, offset, size);
    tn_pci_msix_written(self, offset, size);
}

gboolean
tn_pci_device_post_load(TnPciDevice *self, GError **error)
{
    gboolean ok;

    tn_pci_bus_lock(self->bus);
    ok = tn_pci_config_check(&self->config, error);
    if (ok) {
        tn_pci_master_update(self);
        tn_pci_bars_update(self);
        tn_pci_intx_update(self);
        tn_pci_msi_written(self, 0, TN_PCI_CONFIG_SIZE);
        tn_pci_msix_written(self, 0, TN_PCI_CONFIG_SIZE);
    }
    tn_pci_bus_unlock(self->bus);
    return ok;
}

static gboolean
state_post_load(void *opaque, unsigned version, GError **error)
{
    return tn_pci_device_post_load(opaque, error);
}

static void
tn_pci_device_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnPciDevice *self = TN_PCI_DEVICE(object);

    switch (id) {
    case PROP_MULTIFUNCTION:
        g_value_set_boolean(value, self->multifunction);
        break;
    case PROP_ADDR:
        g_value_set_int(value, self->devfn);
        break;
    case PROP_ROMBAR:
        g_value_set_uint(value, self->rom_bar);
        break;
    case PROP_ACPI_INDEX:
        g_value_set_uint(value, self->acpi_index);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_pci_device_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnPciDevice *self = TN_PCI_DEVICE(object);

    switch (id) {
    case PROP_MULTIFUNCTION:
        self->multifunction = g_value_get_boolean(value);
        break;
    case PROP_ADDR:
        self->devfn = g_value_get_int(value);
        break;
    case PROP_ROMBAR:
        self->rom_bar = g_value_get_uint(value) != 0;
        break;
    case PROP_ACPI_INDEX:
        self->acpi_index = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

/* The fields below by the name that a subclass's table has for them. */
typedef struct TnPciDeviceState {
    TnPciDevice parent_instance;
} TnPciDeviceState;

static const TnStateField state_fields[] = {
    TN_PCI_STATE_FIELDS(TnPciDeviceState),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "pci-device",
    .version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

static const TnIntText addr_text = {
    .min = TN_PCI_DEVFN_AUTO,
    .max = TN_PCI_BUS_DEVFNS - 1,
    .default_value = TN_PCI_DEVFN_AUTO,
    .parse = tn_pci_devfn_parse,
    .print = tn_pci_devfn_print,
};

static void
tn_pci_device_class_init(TnPciDeviceClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    object_class->get_property = tn_pci_device_get_property;
    object_class->set_property = tn_pci_device_set_property;
    device_class->bus = "PCI";
    device_class->hotpluggable = TRUE;
    device_class->realize = tn_pci_device_realize;
    device_class->unrealize = tn_pci_device_unrealize;
    device_class->reset = tn_pci_device_reset;
    device_class->state = &state_table;
    klass->config_read = tn_pci_device_default_config_read;
    klass->config_write = tn_pci_device_default_config_write;

    g_object_class_install_property(
        object_class, PROP_ADDR,
        tn_param_spec_int_text("addr", "Slot and optional function number, example: 06.0 or 06",
                               &addr_text, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_MULTIFUNCTION,
        g_param_spec_boolean("multifunction", NULL, "on/off", FALSE, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_ROMBAR,
        g_param_spec_uint("rombar", NULL, "Whether the expansion ROM shows", 0, G_MAXUINT32, 1,
                          TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_ACPI_INDEX,
        g_param_spec_uint("acpi-index", NULL, "Number that ACPI tells the guest; 0: none", 0,
                          G_MAXUINT32, 0, TN_PARAM_RW));
}

static void
tn_pci_device_init(TnPciDevice *self)
{
    self->devfn = TN_PCI_DEVFN_AUTO;
    self->rom_bar = TRUE;
}
