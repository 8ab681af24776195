/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Quirks: devices whose BARs hold registers that a guest must not reach as they are. A
 * quirk is a row of ids and the overlays that it lays over BARs, each a window with its own
 * callbacks, above the maps and the trap. To add one: a file quirk-<name>.c with its source
 * cited, a line in quirks.c. docs/specs/vfio.md, "Quirks".
 */
#pragma once

#include "vmm/vfio/pci-private.h"

G_BEGIN_DECLS

/* The usual place: above what VFIO maps and traps, beside the MSI-X table. */
#define TN_VFIO_OVERLAY_PRIORITY 1

typedef struct TnVfioWindow TnVfioWindow;
typedef struct TnVfioOverlay TnVfioOverlay;

/**
 * TnVfioWindow:
 * One overlay of a quirk, as a constant.
 * @bar: over which BAR; the overlay is left out, and that is logged, when the function has
 *   none or a smaller one.
 * @offset, @size: bytes of the BAR.
 * @priority: among all that lies over the BAR; above 0 hides maps, TN_VFIO_OVERLAY_PRIORITY.
 * @ops: the callbacks; their opaque is the TnVfioOverlay, addresses count from @offset.
 * @state_size: bytes of zeroed state that the overlay carries, 0 for none.
 */
struct TnVfioWindow {
    const char *name;
    unsigned bar;
    guint64 offset, size;
    gint32 priority;
    const TnMemoryRegionOps *ops;
    gsize state_size;
};

/* A window over a BAR of a device that exists. */
struct TnVfioOverlay {
    TnVfioPci *device;
    const TnVfioWindow *window;
    TnMemoryRegion region;
    GMutex lock;    /* for the quirk's own use: of @state */
    gpointer state;
};

/**
 * TnVfioQuirk:
 * @vendor, @device, @sub_vendor, @sub_device: ids as the guest sees them;
 *   TN_VFIO_ID_ANY matches all.
 * @source: where the facts come from.
 * @windows: ends with one whose ops are NULL.
 */
struct TnVfioQuirk {
    const char *name;
    guint32 vendor, device, sub_vendor, sub_device;
    const char *source;
    const TnVfioWindow *windows;
};

extern const TnVfioQuirk tn_vfio_quirk_ascend910;
extern const TnVfioQuirk tn_vfio_quirk_ascend310;
extern const TnVfioQuirk tn_vfio_quirk_rtl8168;
extern const TnVfioQuirk tn_vfio_quirk_edu_test;

/* Lays the overlays of every quirk that matches over the BARs. */
void tn_vfio_quirks_setup(TnVfioPci *self);
/* Takes them off; nobody is inside of a callback. */
void tn_vfio_quirks_done(TnVfioPci *self);

/* The device's own bytes below the overlay. */
guint64 tn_vfio_overlay_read_device(TnVfioOverlay *overlay, guint64 addr, unsigned size);
void tn_vfio_overlay_write_device(TnVfioOverlay *overlay, guint64 addr, guint64 value,
                                  unsigned size);

G_END_DECLS
