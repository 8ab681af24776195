/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions. A subclass fills in its ids in class_init, sets up registers of
 * its own in realize, and hooks config accesses where masks do not suffice.
 *
 *   dev = g_object_new(TN_TYPE_X, NULL);
 *   tn_device_set_platform(TN_DEVICE(dev), platform);
 *   tn_pci_device_set_address(TN_PCI_DEVICE(dev), bus, TN_PCI_DEVFN(1, 3));
 *   tn_device_realize(TN_DEVICE(dev), &error);
 */
#pragma once

#include "vmm/core/device.h"
#include "vmm/pci/config.h"

G_BEGIN_DECLS

typedef struct _TnPciBus TnPciBus; /* vmm/pci/bus.h */
typedef struct TnPciMsi TnPciMsi;   /* msi.c */
typedef struct TnPciMsix TnPciMsix; /* msix.c */
typedef struct TnPciMaster TnPciMaster; /* bus-master.c */

#define TN_PCI_DEVFN(slot, function) (((slot) << 3) | (function))
#define TN_PCI_SLOT(devfn) ((devfn) >> 3)
#define TN_PCI_FUNCTION(devfn) ((devfn) & 7)
/* The bus picks the first free slot. */
#define TN_PCI_DEVFN_AUTO (-1)

#define TN_TYPE_PCI_DEVICE (tn_pci_device_get_type())

typedef struct _TnPciDevice TnPciDevice;
typedef struct _TnPciDeviceClass TnPciDeviceClass;

GType tn_pci_device_get_type(void);

G_GNUC_UNUSED static inline TnPciDevice *
TN_PCI_DEVICE(gpointer instance)
{
    return G_TYPE_CHECK_INSTANCE_CAST(instance, TN_TYPE_PCI_DEVICE, TnPciDevice);
}

G_GNUC_UNUSED static inline gboolean
TN_IS_PCI_DEVICE(gpointer instance)
{
    return G_TYPE_CHECK_INSTANCE_TYPE(instance, TN_TYPE_PCI_DEVICE);
}

G_GNUC_UNUSED static inline TnPciDeviceClass *
TN_PCI_DEVICE_CLASS(gpointer klass)
{
    return G_TYPE_CHECK_CLASS_CAST(klass, TN_TYPE_PCI_DEVICE, TnPciDeviceClass);
}

G_GNUC_UNUSED static inline TnPciDeviceClass *
TN_PCI_DEVICE_GET_CLASS(gpointer instance)
{
    return G_TYPE_INSTANCE_GET_CLASS(instance, TN_TYPE_PCI_DEVICE, TnPciDeviceClass);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnPciDevice, g_object_unref)

/* One base address register: what it shows and where it shows now. */
typedef struct TnPciBar {
    TnMemoryRegion *region; /* NULL: none */
    guint64 address;        /* TN_PCI_BAR_UNMAPPED: nowhere */
    unsigned kind;
} TnPciBar;

/**
 * TnPciDevice:
 * @bus: (transfer none), @devfn: the address; constant while realized, and known already
 *   in the class's realize.
 * @config: under the bus's config lock once realized; free to use in realize.
 * @bars, @rom: under the config lock; bar.c's.
 * @intx_asserted, @intx_disabled, @intx_driven: under the bus's irq lock; intx.c's.
 * @msi, @msix, @master: those files' own, NULL where there is none.
 * @secondary: a bridge's other bus, NULL for other functions. Set in realize.
 * A public struct so that a subclass's state table can name
 * parent_instance.config.value.
 */
struct _TnPciDevice {
    TnDevice parent_instance;

    TnPciBus *bus;
    int devfn;
    gboolean multifunction;
    guint32 acpi_index; /* the property: the guest's firmware-given number of it; 0: none */
    gboolean rom_bar;
    gboolean answers; /* under the config lock: guests' config accesses reach it */
    TnPciConfig config;
    TnPciBar bars[7];
    gboolean intx_asserted, intx_disabled, intx_driven;
    void (*intx_notify)(TnPciDevice *self);
    TnPciMsi *msi;
    TnPciMsix *msix;
    TnPciMaster *master;
    TnPciBus *secondary;
};

/**
 * TnPciDeviceClass:
 * @vendor_id, @device_id, @revision: of the header.
 * @class_id: 24 bits, base class highest (0x060100: ISA bridge).
 * @subsystem_vendor_id, @subsystem_id: of the header; 0: QEMU's 1af4:1100.
 * @interrupt_pin: 1 (INTA) .. 4, or 0 for none.
 * @is_bridge: the header is type 1.
 * @realize: after the header is set up, before the function answers on the bus;
 *   adds registers and masks of its own to @config. May fail, undoes itself.
 * @unrealize: after the function has left the bus and its BARs show nowhere, no access
 *   is in a callback of theirs any more. Accepts half-realized.
 * @reset: after command, status, cache line and interrupt line are back to 0, BARs
 *   unmapped, the interrupt pin released, MSI and MSI-X disabled. Config lock held; main
 *   thread or (a bridge's secondary bus reset) any.
 * @config_read: one aligned access of 1, 2 or 4 bytes. Default: the masks.
 * @config_write: likewise; an override calls tn_pci_device_default_config_write()
 *   first and then looks at what changed (tn_pci_config_touches()).
 * @state: TnDeviceClass.state is inherited; a table of the class's own begins with
 *   TN_PCI_STATE_FIELDS() and calls tn_pci_device_post_load() first.
 *
 * The two config hooks run on any thread with the bus's config lock held; they
 * may change memory regions, and must neither block nor access config space
 * through the bus. TnDeviceClass.realize/unrealize/reset belong to TnPciDevice:
 * a subclass uses the members here.
 */
struct _TnPciDeviceClass {
    TnDeviceClass parent_class;

    guint16 vendor_id;
    guint16 device_id;
    guint8 revision;
    guint32 class_id;
    guint16 subsystem_vendor_id;
    guint16 subsystem_id;
    guint8 interrupt_pin;
    gboolean is_bridge;
    gboolean (*realize)(TnPciDevice *self, GError **error);
    void (*unrealize)(TnPciDevice *self);
    void (*reset)(TnPciDevice *self);
    guint32 (*config_read)(TnPciDevice *self, unsigned offset, unsigned size);
    void (*config_write)(TnPciDevice *self, unsigned offset, guint32 value, unsigned size);
};

/**
 * tn_pci_device_set_address:
 * @bus: (transfer none): outlives the device.
 * @devfn: TN_PCI_DEVFN(slot, function), or TN_PCI_DEVFN_AUTO.
 * Before realize. Main thread.
 */
void tn_pci_device_set_address(TnPciDevice *self, TnPciBus *bus, int devfn);

/**
 * tn_pci_device_add_capability:
 * @id: capability id (PCI 3.0, appendix H).
 * @offset: multiple of 4 from 0x40 on, or 0 for the first room.
 * @size: in bytes, with the two of the header.
 * In the class's realize. Links it first in the chain; its bytes are zero, read-only and
 * required.
 * Returns: the offset, 0 with GENERIC @error when it overlaps another or finds no room.
 */
guint8 tn_pci_device_add_capability(TnPciDevice *self, guint8 id, guint8 offset, guint8 size,
                                    GError **error);
/* Offset of the capability @id, 0 when there is none. */
guint8 tn_pci_device_find_capability(TnPciDevice *self, guint8 id);

/* Where the function's DMA goes: system memory while the guest lets it be bus master, else
 * nothing answers. From the class's realize to the end of its unrealize. Any thread.
 * (transfer none) */
TnAddressSpace *tn_pci_device_get_dma_space(TnPciDevice *self);

/* What configuration space does not say of message interrupts: pending bits, the MSI-X table. */
extern const TnStateTable tn_pci_msi_state, tn_pci_msix_state;

/* Of @TypeName, whose first member is TnPciDevice parent_instance, for its state table. */
#define TN_PCI_STATE_FIELDS(TypeName)                                                          \
    TN_STATE_ARRAY(TN_STATE_BYTES, TypeName, parent_instance.config.value, TN_PCI_CONFIG_SIZE), \
        TN_STATE_FIELD(TN_STATE_BOOL, TypeName, parent_instance.intx_asserted),                \
        TN_STATE_POINTER(TypeName, parent_instance.msi, &tn_pci_msi_state),                    \
        TN_STATE_POINTER(TypeName, parent_instance.msix, &tn_pci_msix_state)
/* Judges a loaded config space, then maps BARs and drives the pin as it says. */
gboolean tn_pci_device_post_load(TnPciDevice *self, GError **error);

/* What config_read and config_write do when not overridden. */
guint32 tn_pci_device_default_config_read(TnPciDevice *self, unsigned offset, unsigned size);
void tn_pci_device_default_config_write(TnPciDevice *self, unsigned offset, guint32 value,
                                        unsigned size);

G_END_DECLS
