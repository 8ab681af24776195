/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A function as bus master: its own view of system memory, which the command register
 * opens and closes, and the messages it sends. Spec: PCI Local Bus 3.0, 6.2.2, 6.8.3.
 */
#include "vmm/pci/device-private.h"

#include "vmm/memory/address-space.h"

/* Writes here are interrupts (Intel SDM volume 3, 11.11.1). */
#define TN_MSI_WINDOW 0xfee00000u
#define TN_MSI_WINDOW_SHIFT 20

struct TnPciMaster {
    TnMemoryRegion container; /* the space's root */
    TnMemoryRegion alias;     /* of system memory, shown while enabled */
    TnAddressSpace *space;
    gint enabled; /* atomic */
};

void
tn_pci_master_new(TnPciDevice *self)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));
    TnPciMaster *master = g_new0(TnPciMaster, 1);

    self->master = master;
    tn_memory_begin(platform->memory);
    tn_memory_region_init(&master->container, platform->memory, NULL, "bus master container",
                          TN_SIZE_WHOLE);
    tn_memory_region_init_alias(&master->alias, platform->memory, NULL, "bus master",
                                platform->system_memory, 0, TN_SIZE_WHOLE);
    tn_memory_region_set_enabled(&master->alias, false);
    tn_memory_region_add_subregion(&master->container, 0, &master->alias);
    master->space = tn_address_space_new(platform->memory, &master->container,
                                         tn_object_get_type_name(TN_OBJECT(self)));
    tn_memory_commit(platform->memory);
}

void
tn_pci_master_update(TnPciDevice *self)
{
    TnPciMaster *master = self->master;
    gboolean enabled = (tn_pci_config_get_word(&self->config, TN_PCI_REG_COMMAND) &
                        TN_PCI_COMMAND_MASTER) != 0;

    if (!master || g_atomic_int_get(&master->enabled) == enabled) {
        return;
    }
    g_atomic_int_set(&master->enabled, enabled);
    tn_memory_region_set_enabled(&master->alias, enabled);
}

void
tn_pci_master_free(TnPciDevice *self)
{
    TnPciMaster *master = g_steal_pointer(&self->master);

    if (!master) {
        return;
    }
    tn_address_space_free(master->space);
    tn_memory_region_del_subregion(&master->container, &master->alias);
    tn_memory_region_done(&master->alias);
    tn_memory_region_done(&master->container);
    g_free(master);
}

TnAddressSpace *
tn_pci_device_get_dma_space(TnPciDevice *self)
{
    return self->master ? self->master->space : NULL;
}

void
tn_pci_master_send(TnPciDevice *self, const TnMsiMessage *message)
{
    const TnFastPath *fast_path = tn_device_get_platform(TN_DEVICE(self))->fast_path;

    if (!self->master || !g_atomic_int_get(&self->master->enabled) ||
        message->address >> TN_MSI_WINDOW_SHIFT != TN_MSI_WINDOW >> TN_MSI_WINDOW_SHIFT) {
        return;
    }
    if (fast_path && fast_path->msi_send) {
        fast_path->msi_send(fast_path->opaque, message);
    }
}
