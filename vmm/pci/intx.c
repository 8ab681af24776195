/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupt pins: what a function asserts, and what reaches the host's lines of it. */
#include "vmm/pci/intx.h"

#include "vmm/pci/bus.h"
#include "vmm/pci/device-private.h"

/* 0 for INTA .. 3, -1 for none. The register is never written after realize. */
static int
get_pin(const TnPciDevice *self)
{
    int pin = self->config.value[TN_PCI_REG_INTERRUPT_PIN];

    return pin >= 1 && pin <= 4 ? pin - 1 : -1;
}

/* Takes the host's line along with what the fields say. */
static void
drive_locked(TnPciDevice *self)
{
    gboolean driven = self->intx_asserted && !self->intx_disabled;
    int pin = get_pin(self);

    if (pin < 0 || driven == self->intx_driven) {
        return;
    }
    self->intx_driven = driven;
    tn_pci_bus_count_irq_locked(self->bus, tn_pci_bus_route(self, (unsigned)pin),
                                driven ? 1 : -1);
}

void
tn_pci_device_set_irq(TnPciDevice *self, int level)
{
    tn_pci_bus_lock_irq(self->bus);
    self->intx_asserted = level != 0;
    drive_locked(self);
    tn_pci_bus_unlock_irq(self->bus);
}

void
tn_pci_intx_update(TnPciDevice *self)
{
    gboolean disabled = (tn_pci_config_get_word(&self->config, TN_PCI_REG_COMMAND) &
                         TN_PCI_COMMAND_INTX_DISABLE) != 0;

    tn_pci_bus_lock_irq(self->bus);
    self->intx_disabled = disabled;
    drive_locked(self);
    tn_pci_bus_unlock_irq(self->bus);
}

void
tn_pci_intx_release(TnPciDevice *self)
{
    tn_pci_device_set_irq(self, 0);
}

gboolean
tn_pci_intx_is_asserted(TnPciDevice *self)
{
    gboolean asserted;

    tn_pci_bus_lock_irq(self->bus);
    asserted = self->intx_asserted;
    tn_pci_bus_unlock_irq(self->bus);
    return asserted;
}

int
tn_pci_device_get_intx_gsi(TnPciDevice *self)
{
    int pin = get_pin(self);

    return pin < 0 ? -1 : tn_pci_bus_get_line_gsi(self->bus,
                                                  tn_pci_bus_route(self, (unsigned)pin));
}

void
tn_pci_device_set_intx_notify(TnPciDevice *self, TnPciIntxNotify notify)
{
    __atomic_store_n(&self->intx_notify, notify, __ATOMIC_RELEASE);
}
