/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host bridge of the Intel 440FX. Spec: Intel 82441FX (PMC) data sheet, 3.2.
 * Its shadowing registers are plain state: without firmware in 0xc0000..0xfffff
 * there is nothing to shadow.
 */
#include "vmm/hw/i440fx.h"

#define TN_I440FX_REG_PAM0 0x59 /* seven registers, two areas each */
#define TN_I440FX_NUM_PAM 7
#define TN_I440FX_REG_SMRAM 0x72

#define TN_I440FX_PAM_MASK 0x33 /* read and write enable of either area */
#define TN_I440FX_SMRAM_RESET 0x02
#define TN_I440FX_SMRAM_MASK 0x78

typedef struct TnI440fx {
    TnPciDevice parent_instance;
} TnI440fx;

typedef struct TnI440fxClass {
    TnPciDeviceClass parent_class;
} TnI440fxClass;

G_DEFINE_FINAL_TYPE(TnI440fx, tn_i440fx, TN_TYPE_PCI_DEVICE)

TnPciDevice *
tn_i440fx_new(const TnPlatform *platform, TnPciBus *bus)
{
    TnPciDevice *self = g_object_new(TN_TYPE_I440FX, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    tn_pci_device_set_address(self, bus, TN_PCI_DEVFN(0, 0));
    return self;
}

static void
tn_i440fx_reset(TnPciDevice *pci)
{
    for (unsigned i = 0; i < TN_I440FX_NUM_PAM; i++) {
        tn_pci_config_set_byte(&pci->config, TN_I440FX_REG_PAM0 + i, 0);
    }
    tn_pci_config_set_byte(&pci->config, TN_I440FX_REG_SMRAM, TN_I440FX_SMRAM_RESET);
}

static gboolean
tn_i440fx_realize(TnPciDevice *pci, GError **error)
{
    for (unsigned i = 0; i < TN_I440FX_NUM_PAM; i++) {
        /* The first register's lower area does not exist. */
        tn_pci_config_allow(&pci->config, TN_I440FX_REG_PAM0 + i,
                            i == 0 ? TN_I440FX_PAM_MASK & 0xf0 : TN_I440FX_PAM_MASK, 1);
    }
    tn_pci_config_allow(&pci->config, TN_I440FX_REG_SMRAM, TN_I440FX_SMRAM_MASK, 1);
    tn_i440fx_reset(pci);
    return TRUE;
}

static void
tn_i440fx_class_init(TnI440fxClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnPciDeviceClass *pci_class = TN_PCI_DEVICE_CLASS(klass);

    tn_class->type_name = "i440FX";
    tn_class->description = "Host bridge";
    TN_DEVICE_CLASS(klass)->hotpluggable = FALSE;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x1237;
    pci_class->revision = 0x02;
    pci_class->class_id = 0x060000;
    pci_class->realize = tn_i440fx_realize;
    pci_class->reset = tn_i440fx_reset;
}

static void
tn_i440fx_init(TnI440fx *self)
{
}
