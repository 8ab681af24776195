/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Realtek RTL8168: a window in BAR 2 through which the chip's MSI-X table can be written,
 * behind the back of the emulated one. Accesses of that type go to our table; others stay
 * the device's.
 *
 * Source: Linux, drivers/net/ethernet/realtek/r8169_main.c, "ERI access": ERIDR 0x70 (data),
 * ERIAR 0x74 (address): bit 31 write command, and when read: a read is finished; 17:16 type,
 * of which 1 is MSI-X; 15:12 byte enables; 11:0 address, a multiple of four.
 */
#include "vmm/vfio/quirks.h"

#include "vmm/memory/address-space.h"
#include "vmm/pci/msix.h"

#define VENDOR_REALTEK 0x10ec
#define DEVICE_RTL8168 0x8168
#define WINDOW_BAR 2
#define ERIDR 0x70
#define ERI_DATA 0x0
#define ERI_ADDRESS 0x4
#define ERI_SIZE 0x8
#define ERIAR_FLAG 0x80000000u
#define ERIAR_TYPE 0x00030000u
#define ERIAR_TYPE_MSIX 0x00010000u
#define ERIAR_OFFSET 0x00000ffcu

typedef struct EriState {
    gboolean ours;   /* the last address was of the table */
    guint32 data;    /* what the guest wrote, or the table said */
    guint32 address; /* as it reads back */
} EriState;

/* By the BAR's own space, wherever the guest has it now, and whether it shows or not. */
static void
access_table(TnVfioOverlay *overlay, guint32 address, guint32 *data)
{
    const TnVfioMsiCaps *caps = &overlay->device->caps;
    guint32 offset = address & ERIAR_OFFSET;
    guint32 value = GUINT32_TO_LE(*data);

    if (!overlay->device->has_msix || offset >= caps->msix_vectors * TN_PCI_MSIX_ENTRY_SIZE) {
        *data = G_MAXUINT32;
    } else if (address & ERIAR_FLAG) {
        (void)tn_address_space_write(overlay->device->table_space, caps->table_offset + offset,
                                     &value, sizeof value);
    } else {
        (void)tn_address_space_read(overlay->device->table_space, caps->table_offset + offset,
                                    &value, sizeof value);
        *data = GUINT32_FROM_LE(value);
    }
}

static uint64_t
eri_read(void *opaque, uint64_t addr, unsigned size)
{
    TnVfioOverlay *overlay = opaque;
    EriState *eri = overlay->state;
    gboolean ours;
    guint32 value;

    g_mutex_lock(&overlay->lock);
    ours = eri->ours;
    value = addr == ERI_DATA ? eri->data : eri->address;
    g_mutex_unlock(&overlay->lock);
    return ours ? value : tn_vfio_overlay_read_device(overlay, addr, size);
}

static void
eri_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnVfioOverlay *overlay = opaque;
    EriState *eri = overlay->state;
    guint32 word = (guint32)value;
    guint32 data;

    g_mutex_lock(&overlay->lock);
    if (addr == ERI_DATA) {
        eri->data = word;
    }
    data = eri->data;
    eri->ours = addr == ERI_ADDRESS ? (word & ERIAR_TYPE) == ERIAR_TYPE_MSIX : eri->ours;
    g_mutex_unlock(&overlay->lock);

    if (addr == ERI_DATA || (word & ERIAR_TYPE) != ERIAR_TYPE_MSIX) {
        tn_vfio_overlay_write_device(overlay, addr, value, size);
        return;
    }
    /* Not under the lock: the table's callbacks may send what was pending. */
    access_table(overlay, word, &data);
    g_mutex_lock(&overlay->lock);
    eri->data = data;
    /* Finished at once: a write shows the flag gone, a read shows it set. */
    eri->address = word ^ ERIAR_FLAG;
    g_mutex_unlock(&overlay->lock);
}

static const TnMemoryRegionOps eri_ops = {
    .read = eri_read,
    .write = eri_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 4, .max = 4 },
};

static const TnVfioWindow windows[] = {
    { .name = "vfio-rtl8168-eri",
      .bar = WINDOW_BAR,
      .offset = ERIDR,
      .size = ERI_SIZE,
      .priority = TN_VFIO_OVERLAY_PRIORITY,
      .ops = &eri_ops,
      .state_size = sizeof(EriState) },
    { 0 },
};

const TnVfioQuirk tn_vfio_quirk_rtl8168 = {
    .name = "rtl8168",
    .vendor = VENDOR_REALTEK,
    .device = DEVICE_RTL8168,
    .sub_vendor = TN_VFIO_ID_ANY,
    .sub_device = TN_VFIO_ID_ANY,
    .source = "linux/drivers/net/ethernet/realtek/r8169_main.c",
    .windows = windows,
};
