/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of quirks, and laying their windows over BARs. */
#include "vmm/vfio/quirks.h"

#include "vmm/core/log.h"
#include "vmm/memory/address-space.h"

#include <inttypes.h>

static const TnVfioQuirk *const quirks[] = {
    &tn_vfio_quirk_ascend910,
    &tn_vfio_quirk_ascend310,
    &tn_vfio_quirk_rtl8168,
    &tn_vfio_quirk_edu_test,
};

static gboolean
matches(guint32 wanted, const TnPciConfig *config, unsigned reg)
{
    return wanted == TN_VFIO_ID_ANY || wanted == tn_pci_config_get_word(config, reg);
}

static gboolean
applies(const TnVfioQuirk *quirk, const TnPciConfig *config)
{
    return matches(quirk->vendor, config, TN_PCI_REG_VENDOR_ID) &&
           matches(quirk->device, config, TN_PCI_REG_DEVICE_ID) &&
           matches(quirk->sub_vendor, config, TN_PCI_REG_SUBSYSTEM_VENDOR_ID) &&
           matches(quirk->sub_device, config, TN_PCI_REG_SUBSYSTEM_ID);
}

static void
add_overlay(TnVfioPci *self, const TnVfioWindow *window)
{
    TnVfioBar *bar = &self->bars[window->bar];
    TnVfioOverlay *overlay;

    if (window->size > bar->vfio.size || window->offset > bar->vfio.size - window->size) {
        tn_log("vfio %s: quirk %s left out: BAR %u has only 0x%" PRIx64 " bytes", self->vfio.name,
               window->name, window->bar, (uint64_t)bar->vfio.size);
        return;
    }
    overlay = g_new0(TnVfioOverlay, 1);
    overlay->device = self;
    overlay->window = window;
    overlay->state = window->state_size ? g_malloc0(window->state_size) : NULL;
    g_mutex_init(&overlay->lock);
    tn_memory_region_init_io(&overlay->region, bar->container.memory, G_OBJECT(self), window->ops,
                             overlay, window->name, window->size);
    tn_memory_region_add_subregion_overlap(&bar->container, window->offset, &overlay->region,
                                           window->priority);
    g_ptr_array_add(self->overlays, overlay);
}

void
tn_vfio_quirks_setup(TnVfioPci *self)
{
    for (gsize i = 0; i < G_N_ELEMENTS(quirks); i++) {
        if (applies(quirks[i], &TN_PCI_DEVICE(self)->config)) {
            for (const TnVfioWindow *w = quirks[i]->windows; w->ops; w++) {
                add_overlay(self, w);
            }
        }
    }
    if (self->overlays->len > 0 && self->caps.msix_vectors &&
        self->caps.table_bar < TN_PCI_NUM_BARS && self->bars[self->caps.table_bar].vfio.size) {
        TnMemoryRegion *bar = &self->bars[self->caps.table_bar].container;

        self->table_space = tn_address_space_new(bar->memory, bar, bar->name);
    }
}

void
tn_vfio_quirks_done(TnVfioPci *self)
{
    g_clear_pointer(&self->table_space, tn_address_space_free);
    for (unsigned i = 0; i < self->overlays->len; i++) {
        TnVfioOverlay *overlay = self->overlays->pdata[i];

        tn_memory_region_del_subregion(&self->bars[overlay->window->bar].container,
                                       &overlay->region);
        tn_memory_region_done(&overlay->region);
        g_mutex_clear(&overlay->lock);
        g_free(overlay->state);
        g_free(overlay);
    }
    g_ptr_array_set_size(self->overlays, 0);
}

guint64
tn_vfio_overlay_read_device(TnVfioOverlay *overlay, guint64 addr, unsigned size)
{
    return tn_vfio_bar_read(overlay->device, overlay->window->bar, overlay->window->offset + addr,
                            size);
}

void
tn_vfio_overlay_write_device(TnVfioOverlay *overlay, guint64 addr, guint64 value, unsigned size)
{
    tn_vfio_bar_write(overlay->device, overlay->window->bar, overlay->window->offset + addr, value,
                      size);
}
