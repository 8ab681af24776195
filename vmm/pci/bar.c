/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Base address registers: decided from the header as data, applied in one transaction. */
#include "vmm/pci/bar.h"

#include "vmm/pci/bus.h"
#include "vmm/pci/device-private.h"

#define TN_PCI_BAR_KIND_BITS 0xfu /* of a memory register */
#define TN_PCI_BAR_IO_KIND_BITS 0x3u
#define TN_PCI_ROM_ENABLE 0x1u
#define TN_PCI_ROM_KIND_BITS 0x7ffu
#define TN_PCI_MIN_MEMORY_SIZE 16
#define TN_PCI_MIN_IO_SIZE 4
#define TN_PCI_MIN_ROM_SIZE 2048
#define TN_PCI_MAX_IO_SIZE 256
#define TN_PCI_MAX_MEM32_SIZE (G_GUINT64_CONSTANT(1) << 31)
#define TN_PCI_IO_LAST 0xffff
/* x86's physical addresses end here; no bridge decodes more, and KVM takes no slot there. */
#define TN_PCI_MEMORY_LAST ((G_GUINT64_CONSTANT(1) << 52) - 1)

G_STATIC_ASSERT(G_N_ELEMENTS(((TnPciDevice *)NULL)->bars) == TN_PCI_NUM_REGIONS);

unsigned
tn_pci_bar_register(const TnPciDevice *self, int n)
{
    if (n != TN_PCI_ROM_BAR) {
        return TN_PCI_REG_BAR0 + 4 * (unsigned)n;
    }
    return self->config.value[TN_PCI_REG_HEADER_TYPE] & TN_PCI_HEADER_BRIDGE
               ? TN_PCI_BRIDGE_REG_ROM
               : TN_PCI_REG_ROM;
}

static gboolean
is_free(const TnPciDevice *self, int n)
{
    return !self->bars[n].region &&
           !(n > 0 && n < TN_PCI_NUM_BARS && self->bars[n - 1].region &&
             (self->bars[n - 1].kind & TN_PCI_BAR_MEM64));
}

static void
assert_size(int n, unsigned kind, guint64 size)
{
    g_assert(size && (size & (size - 1)) == 0);
    if (kind & TN_PCI_BAR_IO) {
        g_assert(size >= TN_PCI_MIN_IO_SIZE && size <= TN_PCI_MAX_IO_SIZE);
    } else {
        g_assert(size >= (n == TN_PCI_ROM_BAR ? TN_PCI_MIN_ROM_SIZE : TN_PCI_MIN_MEMORY_SIZE));
        g_assert((kind & TN_PCI_BAR_MEM64) || size <= TN_PCI_MAX_MEM32_SIZE);
    }
}

void
tn_pci_device_register_bar(TnPciDevice *self, int n, unsigned kind, TnMemoryRegion *region)
{
    TnPciConfig *config = &self->config;
    guint64 size = tn_memory_region_size(region);
    gboolean wide = (kind & TN_PCI_BAR_MEM64) != 0;
    unsigned at;

    g_assert(n >= 0 && n < TN_PCI_NUM_REGIONS && is_free(self, n));
    g_assert(!wide || (n < TN_PCI_NUM_BARS - 1 && is_free(self, n + 1)));
    g_assert(!(kind & TN_PCI_BAR_IO) || (kind == TN_PCI_BAR_IO && n != TN_PCI_ROM_BAR));
    assert_size(n, kind, size);

    if (n == TN_PCI_ROM_BAR && !self->rom_bar) {
        return;
    }
    at = tn_pci_bar_register(self, n);
    self->bars[n] = (TnPciBar){ region, TN_PCI_BAR_UNMAPPED, kind };
    tn_pci_config_set_long(config, at, n == TN_PCI_ROM_BAR ? 0 : kind);
    tn_pci_config_allow(config, at, (guint32) ~(size - 1), 4);
    tn_pci_config_require(config, at, 0xffffffff, 4);
    if (n == TN_PCI_ROM_BAR) {
        tn_pci_config_allow(config, at, TN_PCI_ROM_ENABLE, 4);
    }
    if (wide) {
        tn_pci_config_set_long(config, at + 4, 0);
        tn_pci_config_allow(config, at + 4, (guint32)(~(size - 1) >> 32), 4);
        tn_pci_config_require(config, at + 4, 0xffffffff, 4);
    }
}

/* The address that the register holds; all of it decides, bits past 32 included. */
static guint64
programmed_address(const TnPciDevice *self, int n)
{
    const TnPciBar *bar = &self->bars[n];
    unsigned at = tn_pci_bar_register(self, n);
    guint64 value = tn_pci_config_get_long(&self->config, at);

    if (n == TN_PCI_ROM_BAR) {
        return value & ~(guint64)TN_PCI_ROM_KIND_BITS;
    }
    if (bar->kind & TN_PCI_BAR_IO) {
        return value & ~(guint64)TN_PCI_BAR_IO_KIND_BITS;
    }
    if (bar->kind & TN_PCI_BAR_MEM64) {
        value |= (guint64)tn_pci_config_get_long(&self->config, at + 4) << 32;
    }
    return value & ~(guint64)TN_PCI_BAR_KIND_BITS;
}

/* Where BAR @n belongs as its register and the command register are. */
static guint64
decide(const TnPciDevice *self, int n)
{
    const TnPciBar *bar = &self->bars[n];
    guint16 command = tn_pci_config_get_word(&self->config, TN_PCI_REG_COMMAND);
    guint64 last_size = tn_memory_region_size(bar->region) - 1;
    guint64 address = programmed_address(self, n);
    guint64 limit = bar->kind & TN_PCI_BAR_IO      ? TN_PCI_IO_LAST
                    : bar->kind & TN_PCI_BAR_MEM64 ? TN_PCI_MEMORY_LAST
                                                   : G_MAXUINT32 - 1;

    if (!(command & (bar->kind & TN_PCI_BAR_IO ? TN_PCI_COMMAND_IO : TN_PCI_COMMAND_MEMORY)) ||
        (n == TN_PCI_ROM_BAR &&
         !(self->config.value[tn_pci_bar_register(self, n)] & TN_PCI_ROM_ENABLE))) {
        return TN_PCI_BAR_UNMAPPED;
    }
    /* Zero is what was never programmed, all ones (a 32-bit BAR that ends with 4 GiB among
     * them) a guest that asks for the size with decoding left on. */
    if (address == 0 || address > limit || last_size > limit - address) {
        return TN_PCI_BAR_UNMAPPED;
    }
    return address;
}

static TnMemoryRegion *
container_of(TnPciDevice *self, const TnPciBar *bar)
{
    return bar->kind & TN_PCI_BAR_IO ? tn_pci_bus_get_io(self->bus)
                                     : tn_pci_bus_get_memory(self->bus);
}

/* Moves every BAR whose place in @plan is another than now. */
static void
apply(TnPciDevice *self, const guint64 plan[TN_PCI_NUM_REGIONS])
{
    TnMemory *memory = tn_device_get_platform(TN_DEVICE(self))->memory;

    tn_memory_begin(memory);
    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        TnPciBar *bar = &self->bars[n];

        if (!bar->region || bar->address == plan[n]) {
            continue;
        }
        if (bar->address != TN_PCI_BAR_UNMAPPED) {
            tn_memory_region_del_subregion(container_of(self, bar), bar->region);
        }
        bar->address = plan[n];
        if (bar->address != TN_PCI_BAR_UNMAPPED) {
            tn_memory_region_add_subregion_overlap(container_of(self, bar), bar->address,
                                                   bar->region, 1);
        }
    }
    tn_memory_commit(memory);
}

void
tn_pci_bars_update(TnPciDevice *self)
{
    guint64 plan[TN_PCI_NUM_REGIONS];
    gboolean same = TRUE;

    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        plan[n] = self->bars[n].region ? decide(self, n) : TN_PCI_BAR_UNMAPPED;
        same = same && plan[n] == self->bars[n].address;
    }
    if (!same) {
        apply(self, plan);
    }
}

void
tn_pci_bars_reset(TnPciDevice *self)
{
    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        const TnPciBar *bar = &self->bars[n];
        unsigned at = tn_pci_bar_register(self, n);

        if (!bar->region) {
            continue;
        }
        tn_pci_config_set_long(&self->config, at, n == TN_PCI_ROM_BAR ? 0 : bar->kind);
        if (bar->kind & TN_PCI_BAR_MEM64) {
            tn_pci_config_set_long(&self->config, at + 4, 0);
        }
    }
    tn_pci_bars_update(self);
}

void
tn_pci_bars_remove(TnPciDevice *self)
{
    guint64 plan[TN_PCI_NUM_REGIONS];

    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        plan[n] = TN_PCI_BAR_UNMAPPED;
    }
    apply(self, plan);
    for (int n = 0; n < TN_PCI_NUM_REGIONS; n++) {
        self->bars[n] = (TnPciBar){ .address = TN_PCI_BAR_UNMAPPED };
    }
}

guint64
tn_pci_device_get_bar_address(TnPciDevice *self, int n)
{
    g_return_val_if_fail(n >= 0 && n < TN_PCI_NUM_REGIONS, TN_PCI_BAR_UNMAPPED);

    return self->bars[n].address;
}

TnMemoryRegion *
tn_pci_device_get_bar_region(TnPciDevice *self, int n)
{
    g_return_val_if_fail(n >= 0 && n < TN_PCI_NUM_REGIONS, NULL);

    return self->bars[n].region;
}
