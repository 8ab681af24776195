/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Huawei Ascend 310 and 910: the register that starts an update of the card's loader
 * (xloader) must be out of the guest's reach, as an update by one guest affects all later
 * users of the card. Reads are the device's own, writes are dropped.
 *
 * Source: "[PATCH] vfio-pci: add Ascend devices passthrough quirks", Binfeng Wu (Huawei), on
 * qemu-devel, 29 October 2020, message 20201029114048.700-1-wubinfeng@huawei.com: ids, BARs,
 * offsets and why.
 */
#include "vmm/vfio/quirks.h"

#include "vmm/core/log.h"

#define VENDOR_HUAWEI 0x19e5
#define DEVICE_ASCEND910 0xd801
#define DEVICE_ASCEND310 0xd100
#define ASCEND910_LOADER_BAR 0
#define ASCEND910_LOADER 0x80400
#define ASCEND310_LOADER_BAR 4
#define ASCEND310_LOADER 0x400
#define LOADER_SIZE 4

static const char source[] = "qemu-devel, 20201029114048.700-1-wubinfeng@huawei.com";

static uint64_t
loader_read(void *opaque, uint64_t addr, unsigned size)
{
    return tn_vfio_overlay_read_device(opaque, addr, size);
}

static void
loader_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    static int complaints;
    TnVfioOverlay *overlay = opaque;

    tn_log_guest(&complaints, "vfio %s: the guest's write to the card's loader register is dropped",
                 overlay->device->vfio.name);
}

static const TnMemoryRegionOps loader_ops = {
    .read = loader_read,
    .write = loader_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

static const TnVfioWindow ascend910_windows[] = {
    { .name = "vfio-ascend910-loader",
      .bar = ASCEND910_LOADER_BAR,
      .offset = ASCEND910_LOADER,
      .size = LOADER_SIZE,
      .priority = TN_VFIO_OVERLAY_PRIORITY,
      .ops = &loader_ops },
    { 0 },
};

static const TnVfioWindow ascend310_windows[] = {
    { .name = "vfio-ascend310-loader",
      .bar = ASCEND310_LOADER_BAR,
      .offset = ASCEND310_LOADER,
      .size = LOADER_SIZE,
      .priority = TN_VFIO_OVERLAY_PRIORITY,
      .ops = &loader_ops },
    { 0 },
};

const TnVfioQuirk tn_vfio_quirk_ascend910 = {
    .name = "ascend910",
    .vendor = VENDOR_HUAWEI,
    .device = DEVICE_ASCEND910,
    .sub_vendor = TN_VFIO_ID_ANY,
    .sub_device = TN_VFIO_ID_ANY,
    .source = source,
    .windows = ascend910_windows,
};

const TnVfioQuirk tn_vfio_quirk_ascend310 = {
    .name = "ascend310",
    .vendor = VENDOR_HUAWEI,
    .device = DEVICE_ASCEND310,
    .sub_vendor = TN_VFIO_ID_ANY,
    .sub_device = TN_VFIO_ID_ANY,
    .source = source,
    .windows = ascend310_windows,
};
