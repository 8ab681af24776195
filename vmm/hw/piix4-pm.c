/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PIIX4 power management. Intel 82371AB (PIIX4) datasheet 290562, chapters 7.1
 * (configuration), 7.2 (I/O); docs/specs/piix4-pm.md.
 */
#include "vmm/hw/piix4-pm.h"

#include "vmm/acpi/pm.h"
#include "vmm/core/irq-line.h"

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
};

G_DEFINE_FINAL_TYPE(TnPiix4Pm, tn_piix4_pm, TN_TYPE_PCI_DEVICE)

TnAcpiGpe *
tn_piix4_pm_get_gpe(TnPiix4Pm *self)
{
    return &self->gpe;
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

static void
tn_piix4_pm_init(TnPiix4Pm *self)
{
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
}
