/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI functions: the type 0 header, and the life of a function on its bus. */
#include "vmm/pci/device.h"

#include "vmm/core/property.h"
#include "vmm/pci/bus.h"

/* QEMU's default, by which guests' drivers and scripts know its machines. */
#define TN_PCI_DEFAULT_SUBSYSTEM_VENDOR 0x1af4
#define TN_PCI_DEFAULT_SUBSYSTEM 0x1100

enum {
    PROP_MULTIFUNCTION = 1,
};

G_DEFINE_ABSTRACT_TYPE(TnPciDevice, tn_pci_device, TN_TYPE_DEVICE)

static void
init_header(TnPciDevice *self)
{
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);
    TnPciConfig *config = &self->config;
    guint16 vendor = klass->subsystem_vendor_id;
    guint16 subsystem = klass->subsystem_id;

    if (vendor == 0) {
        vendor = TN_PCI_DEFAULT_SUBSYSTEM_VENDOR;
        subsystem = TN_PCI_DEFAULT_SUBSYSTEM;
    }

    *config = (TnPciConfig){ 0 };
    tn_pci_config_set_word(config, TN_PCI_REG_VENDOR_ID, klass->vendor_id);
    tn_pci_config_set_word(config, TN_PCI_REG_DEVICE_ID, klass->device_id);
    tn_pci_config_set_long(config, TN_PCI_REG_REVISION, klass->class_id << 8 | klass->revision);
    tn_pci_config_set_byte(config, TN_PCI_REG_HEADER_TYPE,
                           self->multifunction ? TN_PCI_HEADER_MULTIFUNCTION : 0);
    tn_pci_config_set_word(config, TN_PCI_REG_SUBSYSTEM_VENDOR_ID, vendor);
    tn_pci_config_set_word(config, TN_PCI_REG_SUBSYSTEM_ID, subsystem);
    tn_pci_config_set_byte(config, TN_PCI_REG_INTERRUPT_PIN, klass->interrupt_pin);

    tn_pci_config_allow(config, TN_PCI_REG_COMMAND,
                        TN_PCI_COMMAND_IO | TN_PCI_COMMAND_MEMORY | TN_PCI_COMMAND_MASTER |
                            TN_PCI_COMMAND_SERR | TN_PCI_COMMAND_INTX_DISABLE,
                        2);
    tn_pci_config_allow(config, TN_PCI_REG_CACHE_LINE_SIZE, 0xff, 1);
    tn_pci_config_allow(config, TN_PCI_REG_INTERRUPT_LINE, 0xff, 1);
    config->w1c[TN_PCI_REG_STATUS] = (uint8_t)TN_PCI_STATUS_W1C;
    config->w1c[TN_PCI_REG_STATUS + 1] = (uint8_t)(TN_PCI_STATUS_W1C >> 8);
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

    init_header(self);
    if (klass->realize && !klass->realize(self, error)) {
        return FALSE;
    }
    if (!tn_pci_bus_add(self->bus, self, error)) {
        if (klass->unrealize) {
            klass->unrealize(self);
        }
        return FALSE;
    }
    return TRUE;
}

static void
tn_pci_device_unrealize(TnDevice *device)
{
    TnPciDevice *self = TN_PCI_DEVICE(device);
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);

    if (self->bus) {
        tn_pci_bus_remove(self->bus, self);
    }
    if (klass->unrealize) {
        klass->unrealize(self);
    }
}

static void
tn_pci_device_reset(TnDevice *device)
{
    TnPciDevice *self = TN_PCI_DEVICE(device);
    TnPciDeviceClass *klass = TN_PCI_DEVICE_GET_CLASS(self);
    TnPciConfig *config = &self->config;

    tn_pci_bus_lock(self->bus);
    tn_pci_config_write(config, TN_PCI_REG_COMMAND, 0, 2);
    tn_pci_config_write(config, TN_PCI_REG_STATUS, TN_PCI_STATUS_W1C, 2);
    tn_pci_config_set_byte(config, TN_PCI_REG_CACHE_LINE_SIZE, 0);
    tn_pci_config_set_byte(config, TN_PCI_REG_INTERRUPT_LINE, 0);
    if (klass->reset) {
        klass->reset(self);
    }
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

guint32
tn_pci_device_default_config_read(TnPciDevice *self, unsigned offset, unsigned size)
{
    return tn_pci_config_read(&self->config, offset, size);
}

void
tn_pci_device_default_config_write(TnPciDevice *self, unsigned offset, guint32 value,
                                   unsigned size)
{
    tn_pci_config_write(&self->config, offset, value, size);
}

static void
tn_pci_device_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnPciDevice *self = TN_PCI_DEVICE(object);

    switch (id) {
    case PROP_MULTIFUNCTION:
        g_value_set_boolean(value, self->multifunction);
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
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static const TnStateField state_fields[] = {
    TN_STATE_ARRAY(TN_STATE_BYTES, TnPciDevice, config.value, TN_PCI_CONFIG_SIZE),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "pci-device",
    .version = 1,
    .fields = state_fields,
};

static void
tn_pci_device_class_init(TnPciDeviceClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    object_class->get_property = tn_pci_device_get_property;
    object_class->set_property = tn_pci_device_set_property;
    device_class->bus = "PCI";
    device_class->realize = tn_pci_device_realize;
    device_class->unrealize = tn_pci_device_unrealize;
    device_class->reset = tn_pci_device_reset;
    device_class->state = &state_table;
    klass->config_read = tn_pci_device_default_config_read;
    klass->config_write = tn_pci_device_default_config_write;

    g_object_class_install_property(
        object_class, PROP_MULTIFUNCTION,
        g_param_spec_boolean("multifunction", NULL, "Function 0 of several", FALSE,
                             TN_PARAM_RW));
}

static void
tn_pci_device_init(TnPciDevice *self)
{
    self->devfn = TN_PCI_DEVFN_AUTO;
}
