/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A quirk to test quirks with, over QEMU's edu device: a loader's window as an accelerator
 * card has it. Only a function that is shown with the subsystem id below has it, which no
 * device carries by itself: x-pci-sub-device-id=0x7e57.
 *
 * The window hides whatever the device has there: 16 bytes of memory of its own at 0, and at
 * 0x10 a count of the guest's writes to the window, read-only.
 */
#include "vmm/vfio/quirks.h"

#define VENDOR_QEMU 0x1234
#define DEVICE_EDU 0x11e8
#define SUBSYSTEM_TEST 0x7e57
#define WINDOW_BAR 0
#define WINDOW_OFFSET 0x80400
#define WINDOW_SIZE 0x20
#define COUNT_OFFSET 0x10

typedef struct WindowState {
    guint32 words[COUNT_OFFSET / 4];
    guint32 writes;
} WindowState;

static uint64_t
window_read(void *opaque, uint64_t addr, unsigned size)
{
    TnVfioOverlay *overlay = opaque;
    WindowState *state = overlay->state;
    guint32 value;

    g_mutex_lock(&overlay->lock);
    value = addr < COUNT_OFFSET ? state->words[addr / 4] : addr == COUNT_OFFSET ? state->writes : 0;
    g_mutex_unlock(&overlay->lock);
    return value;
}

static void
window_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnVfioOverlay *overlay = opaque;
    WindowState *state = overlay->state;

    g_mutex_lock(&overlay->lock);
    state->writes++;
    if (addr < COUNT_OFFSET) {
        state->words[addr / 4] = (guint32)value;
    }
    g_mutex_unlock(&overlay->lock);
}

static const TnMemoryRegionOps window_ops = {
    .read = window_read,
    .write = window_write,
    .valid = { .min = 4, .max = 4 },
    .impl = { .min = 4, .max = 4 },
};

static const TnVfioWindow windows[] = {
    { .name = "vfio-edu-test",
      .bar = WINDOW_BAR,
      .offset = WINDOW_OFFSET,
      .size = WINDOW_SIZE,
      .priority = TN_VFIO_OVERLAY_PRIORITY,
      .ops = &window_ops,
      .state_size = sizeof(WindowState) },
    { 0 },
};

const TnVfioQuirk tn_vfio_quirk_edu_test = {
    .name = "edu-test",
    .vendor = VENDOR_QEMU,
    .device = DEVICE_EDU,
    .sub_vendor = TN_VFIO_ID_ANY,
    .sub_device = SUBSYSTEM_TEST,
    .source = "docs/specs/vfio.md",
    .windows = windows,
};
