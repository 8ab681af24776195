/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PCI bus: function addresses and configuration accesses. */
#include "vmm/pci/bus.h"

struct _TnPciBus {
    TnObject parent_instance;

    GMutex lock;
    /* Changed on the main thread with the lock held; (transfer none), a function
     * leaves before it goes. */
    TnPciDevice *devices[TN_PCI_BUS_DEVFNS];
};

G_DEFINE_FINAL_TYPE(TnPciBus, tn_pci_bus, TN_TYPE_OBJECT)

TnPciBus *
tn_pci_bus_new(void)
{
    return g_object_new(TN_TYPE_PCI_BUS, NULL);
}

static gboolean
slot_is_free(TnPciBus *self, int slot)
{
    for (int function = 0; function < 8; function++) {
        if (self->devices[TN_PCI_DEVFN(slot, function)]) {
            return FALSE;
        }
    }
    return TRUE;
}

static int
find_free_slot(TnPciBus *self)
{
    for (int slot = 0; slot < TN_PCI_BUS_DEVFNS / 8; slot++) {
        if (slot_is_free(self, slot)) {
            return slot;
        }
    }
    return -1;
}

/* Whether @devfn may be taken by @device; decides only. */
static gboolean
check_address(TnPciBus *self, TnPciDevice *device, int devfn, GError **error)
{
    const char *type = tn_object_get_type_name(TN_OBJECT(device));
    int slot = TN_PCI_SLOT(devfn);
    int function = TN_PCI_FUNCTION(devfn);
    TnPciDevice *first = self->devices[TN_PCI_DEVFN(slot, 0)];

    if (self->devices[devfn]) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "PCI: slot %d function %d not available for %s, in use by %s", slot, function,
                    type, tn_object_get_type_name(TN_OBJECT(self->devices[devfn])));
        return FALSE;
    }
    if (function != 0 && first && !first->multifunction) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "PCI: slot %d function 0 is occupied by single function device %s, "
                    "function %d not available for %s",
                    slot, tn_object_get_type_name(TN_OBJECT(first)), function, type);
        return FALSE;
    }
    if (function == 0 && !device->multifunction && !slot_is_free(self, slot)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "PCI: single function device %s can't take slot %d, "
                    "which has further functions",
                    type, slot);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_pci_bus_add(TnPciBus *self, TnPciDevice *device, GError **error)
{
    int devfn = device->devfn;

    if (devfn == TN_PCI_DEVFN_AUTO) {
        int slot = find_free_slot(self);

        if (slot < 0) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "PCI: no slot/function available for %s, all in use",
                        tn_object_get_type_name(TN_OBJECT(device)));
            return FALSE;
        }
        devfn = TN_PCI_DEVFN(slot, 0);
    } else if (!check_address(self, device, devfn, error)) {
        return FALSE;
    }

    g_mutex_lock(&self->lock);
    device->devfn = devfn;
    self->devices[devfn] = device;
    g_mutex_unlock(&self->lock);
    return TRUE;
}

void
tn_pci_bus_remove(TnPciBus *self, TnPciDevice *device)
{
    if (device->devfn == TN_PCI_DEVFN_AUTO || self->devices[device->devfn] != device) {
        return;
    }
    g_mutex_lock(&self->lock);
    self->devices[device->devfn] = NULL;
    g_mutex_unlock(&self->lock);
}

TnPciDevice *
tn_pci_bus_get_device(TnPciBus *self, int devfn)
{
    g_return_val_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS, NULL);

    return self->devices[devfn];
}

guint32
tn_pci_bus_config_read(TnPciBus *self, int devfn, unsigned offset, unsigned size)
{
    guint32 value = UINT32_MAX;
    TnPciDevice *device;

    g_return_val_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS, UINT32_MAX);

    g_mutex_lock(&self->lock);
    device = self->devices[devfn];
    if (device) {
        value = TN_PCI_DEVICE_GET_CLASS(device)->config_read(device, offset, size);
    }
    g_mutex_unlock(&self->lock);
    return value;
}

void
tn_pci_bus_config_write(TnPciBus *self, int devfn, unsigned offset, guint32 value, unsigned size)
{
    TnPciDevice *device;

    g_return_if_fail(devfn >= 0 && devfn < TN_PCI_BUS_DEVFNS);

    g_mutex_lock(&self->lock);
    device = self->devices[devfn];
    if (device) {
        TN_PCI_DEVICE_GET_CLASS(device)->config_write(device, offset, value, size);
    }
    g_mutex_unlock(&self->lock);
}

void
tn_pci_bus_lock(TnPciBus *self)
{
    g_mutex_lock(&self->lock);
}

void
tn_pci_bus_unlock(TnPciBus *self)
{
    g_mutex_unlock(&self->lock);
}

static void
tn_pci_bus_finalize(GObject *object)
{
    g_mutex_clear(&TN_PCI_BUS(object)->lock);
    G_OBJECT_CLASS(tn_pci_bus_parent_class)->finalize(object);
}

static void
tn_pci_bus_class_init(TnPciBusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = tn_pci_bus_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "PCI";
    TN_OBJECT_CLASS(klass)->description = "PCI bus";
}

static void
tn_pci_bus_init(TnPciBus *self)
{
    g_mutex_init(&self->lock);
}
