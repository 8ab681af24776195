/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PIIX4 power management. Intel 82371AB (PIIX4) datasheet 290562, chapters 7.1
 * (configuration), 7.2 (I/O); docs/specs/piix4-pm.md.
 */
#include "vmm/hw/piix4-pm.h"

#include "vmm/acpi/pm.h"
#include "vmm/core/irq-line.h"
#include "vmm/core/property.h"

/* Configuration registers of function 3. */
enum {
    REG_PMBASE = 0x40,    /* bits 15..6: the block's port, bit 0: I/O indicator */
    REG_PMREGMISC = 0x80, /* bit 0: the block is decoded */
};
#define PMBASE_MASK 0xffc0U
#define PMBASE_IO_INDICATOR 0x0001U
#define PMREGMISC_PMIOSE 0x01U

#define PIIX4_PM_CLASS 0x068000 /* other bridge */
#define PIIX4_PM_REVISION 0x03

struct _TnPiix4Pm {
    TnPciDevice parent_instance;

    TnAcpiSci sci;
    TnAcpiPm pm;
    TnAcpiGpe gpe;
    guint disable_s3, disable_s4, s4_val;
    gboolean root_hotplug, bridge_hotplug; /* the properties */
};

G_DEFINE_FINAL_TYPE(TnPiix4Pm, tn_piix4_pm, TN_TYPE_PCI_DEVICE)

TnAcpiGpe *
tn_piix4_pm_get_gpe(TnPiix4Pm *self)
{
    return &self->gpe;
}

gboolean
tn_piix4_pm_has_sleep(TnPiix4Pm *self, TnPiix4Sleep sleep)
{
    return sleep == TN_PIIX4_S3 ? !self->disable_s3 : !self->disable_s4;
}

guint8
tn_piix4_pm_get_s4_type(TnPiix4Pm *self)
{
    return (guint8)self->s4_val;
}

void
tn_piix4_pm_wake_up(TnPiix4Pm *self, TnWakeupReason reason)
{
    tn_acpi_pm_wake_up(&self->pm, reason);
}

gboolean
tn_piix4_pm_hotplugs_on_root(TnPiix4Pm *self)
{
    return self->root_hotplug;
}

gboolean
tn_piix4_pm_hotplugs_behind_bridges(TnPiix4Pm *self)
{
    return self->bridge_hotplug;
}

void
tn_piix4_pm_press_power_button(TnPiix4Pm *self)
{
    tn_acpi_pm_press_power_button(&self->pm);
}

/* Puts the block where the configuration has it. */
static void
place_block(TnPiix4Pm *self)
{
    const TnPciConfig *config = &self->parent_instance.config;
    TnMemory *memory = self->pm.region.memory;

    tn_memory_begin(memory);
    tn_memory_region_set_address(&self->pm.region,
                                 tn_pci_config_get_long(config, REG_PMBASE) & PMBASE_MASK);
    tn_memory_region_set_enabled(
        &self->pm.region,
        (tn_pci_config_get_byte(config, REG_PMREGMISC) & PMREGMISC_PMIOSE) != 0);
    tn_memory_commit(memory);
}

static void
config_write(TnPciDevice *device, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_device_default_config_write(device, offset, value, size);
    if (tn_pci_config_touches(offset, size, REG_PMBASE, 4) ||
        tn_pci_config_touches(offset, size, REG_PMREGMISC, 1)) {
        place_block(TN_PIIX4_PM(device));
    }
}

static void
reset_config(TnPciConfig *config)
{
    tn_pci_config_set_long(config, REG_PMBASE, TN_PIIX4_PM_BASE | PMBASE_IO_INDICATOR);
    tn_pci_config_set_byte(config, REG_PMREGMISC, PMREGMISC_PMIOSE);
}

static void
reset(TnPciDevice *device)
{
    TnPiix4Pm *self = TN_PIIX4_PM(device);

    reset_config(&device->config);
    place_block(self);
    tn_acpi_pm_reset(&self->pm);
    tn_acpi_gpe_reset(&self->gpe);
}

static gboolean
realize(TnPciDevice *device, GError **error)
{
    TnPiix4Pm *self = TN_PIIX4_PM(device);
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(device));
    const TnAcpiPmConfig config = {
        .memory = platform->memory,
        .sci = &self->sci,
        .clock = platform->clock,
        .run_state = platform->run_state,
        .s3 = !self->disable_s3,
        .s4 = !self->disable_s4,
        .s4_type = (guint8)self->s4_val,
    };

    tn_pci_config_allow(&device->config, REG_PMBASE, PMBASE_MASK, 4);
    tn_pci_config_allow(&device->config, REG_PMREGMISC, PMREGMISC_PMIOSE, 1);
    reset_config(&device->config);
    tn_acpi_sci_init(&self->sci, &platform->isa_irqs[TN_PIIX4_SCI_IRQ]);
    tn_acpi_sci_set_trace(&self->sci, platform->trace);
    tn_acpi_pm_init(&self->pm, &config);
    tn_acpi_gpe_init(&self->gpe, platform->memory, platform->system_io, TN_ACPI_GPE0_PORT,
                     &self->sci);
    /* A guest may move the block onto other ports: whoever was there first keeps them. */
    tn_memory_region_add_subregion_overlap(platform->system_io, TN_PIIX4_PM_BASE,
                                           &self->pm.region, -1);
    return TRUE;
}

static void
unrealize(TnPciDevice *device)
{
    TnPiix4Pm *self = TN_PIIX4_PM(device);
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(device));

    tn_memory_region_del_subregion(platform->system_io, &self->pm.region);
    tn_acpi_gpe_done(&self->gpe);
    tn_acpi_pm_done(&self->pm);
    tn_acpi_sci_done(&self->sci);
}

static gboolean
post_load(void *opaque, unsigned version, GError **error)
{
    TnPiix4Pm *self = opaque;

    if (!tn_pci_device_post_load(TN_PCI_DEVICE(self), error)) {
        return FALSE;
    }
    place_block(self);
    tn_acpi_pm_update(&self->pm);
    tn_acpi_gpe_update(&self->gpe);
    return TRUE;
}

static const TnStateField state_fields[] = {
    TN_PCI_STATE_FIELDS(TnPiix4Pm),
    TN_STATE_FIELD(TN_STATE_U16, TnPiix4Pm, pm.status),
    TN_STATE_FIELD(TN_STATE_U16, TnPiix4Pm, pm.enable),
    TN_STATE_FIELD(TN_STATE_U16, TnPiix4Pm, pm.control_value),
    TN_STATE_FIELD(TN_STATE_U64, TnPiix4Pm, pm.overflow_tick),
    TN_STATE_FIELD(TN_STATE_U16, TnPiix4Pm, gpe.status),
    TN_STATE_FIELD(TN_STATE_U16, TnPiix4Pm, gpe.enable),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "piix4-pm",
    .version = 1,
    .fields = state_fields,
    .post_load = post_load,
};

enum { PROP_DISABLE_S3 = 1, PROP_DISABLE_S4, PROP_S4_VAL, PROP_ROOT_HOTPLUG, PROP_BRIDGE_HOTPLUG };

static guint *
property_field(TnPiix4Pm *self, guint id)
{
    switch (id) {
    case PROP_DISABLE_S3:
        return &self->disable_s3;
    case PROP_DISABLE_S4:
        return &self->disable_s4;
    default:
        return &self->s4_val;
    }
}

static gboolean *
switch_field(TnPiix4Pm *self, guint id)
{
    return id == PROP_ROOT_HOTPLUG ? &self->root_hotplug : &self->bridge_hotplug;
}

static void
tn_piix4_pm_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnPiix4Pm *self = TN_PIIX4_PM(object);

    if (id >= PROP_ROOT_HOTPLUG) {
        g_value_set_boolean(value, *switch_field(self, id));
    } else {
        g_value_set_uint(value, *property_field(self, id));
    }
}

static void
tn_piix4_pm_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnPiix4Pm *self = TN_PIIX4_PM(object);

    if (id >= PROP_ROOT_HOTPLUG) {
        *switch_field(self, id) = g_value_get_boolean(value);
    } else {
        *property_field(self, id) = g_value_get_uint(value);
    }
}

static void
tn_piix4_pm_init(TnPiix4Pm *self)
{
    self->s4_val = TN_ACPI_SLP_TYP_S4;
    self->root_hotplug = TRUE;
    self->bridge_hotplug = TRUE;
}

static void
tn_piix4_pm_class_init(TnPiix4PmClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);
    TnPciDeviceClass *pci_class = TN_PCI_DEVICE_CLASS(klass);

    tn_class->type_name = "PIIX4_PM";
    tn_class->description = "PIIX4 power management";
    device_class->state = &state_table;
    device_class->hotpluggable = FALSE;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x7113;
    pci_class->revision = PIIX4_PM_REVISION;
    pci_class->class_id = PIIX4_PM_CLASS;
    pci_class->interrupt_pin = 1;
    pci_class->realize = realize;
    pci_class->unrealize = unrealize;
    pci_class->reset = reset;
    pci_class->config_write = config_write;
    G_OBJECT_CLASS(klass)->get_property = tn_piix4_pm_get_property;
    G_OBJECT_CLASS(klass)->set_property = tn_piix4_pm_set_property;
    g_object_class_install_property(
        G_OBJECT_CLASS(klass), PROP_DISABLE_S3,
        g_param_spec_uint("disable-s3", "disable_s3", "1: no suspend to memory", 0, G_MAXUINT8, 0,
                          TN_PARAM_RW));
    g_object_class_install_property(
        G_OBJECT_CLASS(klass), PROP_DISABLE_S4,
        g_param_spec_uint("disable-s4", "disable_s4", "1: no suspend to disk", 0, G_MAXUINT8, 0,
                          TN_PARAM_RW));
    g_object_class_install_property(
        G_OBJECT_CLASS(klass), PROP_S4_VAL,
        g_param_spec_uint("s4-val", "s4_val", "Sleep type of suspend to disk", 0, G_MAXUINT8,
                          TN_ACPI_SLP_TYP_S4, TN_PARAM_RW));

    g_object_class_install_property(
        G_OBJECT_CLASS(klass), PROP_ROOT_HOTPLUG,
        g_param_spec_boolean("acpi-root-pci-hotplug", NULL, "Whether devices come to pci.0", TRUE,
                             TN_PARAM_RW));
    g_object_class_install_property(
        G_OBJECT_CLASS(klass), PROP_BRIDGE_HOTPLUG,
        g_param_spec_boolean("acpi-pci-hotplug-with-bridge-support", NULL,
                             "Whether devices come behind bridges", TRUE, TN_PARAM_RW));
}
