/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices: TnObjects with a realize/unrealize life and a place on the machine.
 *
 *   new -> properties set -> tn_device_realize() -> ... -> tn_device_unrealize()
 *
 * Realizing runs: hotplug handler's pre_plug (may refuse, changes nothing),
 * the class's realize (may fail, undoes itself), the handler's claim (likewise; then
 * the class's unrealize follows) and plug (cannot fail).
 * Threads: main thread only; a device's callbacks lock the device themselves.
 */
#pragma once

#include "vmm/core/object.h"
#include "vmm/core/platform.h"
#include "vmm/core/state-table.h"

G_BEGIN_DECLS

#define TN_TYPE_DEVICE (tn_device_get_type())
G_DECLARE_DERIVABLE_TYPE(TnDevice, tn_device, TN, DEVICE, TnObject)

/**
 * TnDeviceClass:
 * @bus: the kind of bus it sits on ("ISA", "PCI"), NULL for none; shown by help and info qtree.
 * @hotpluggable: device_add after the machine's start and device_del are allowed.
 * @realize: claims regions, lines and slots; on failure leaves everything as it was.
 * @unrealize: gives back all of it; must accept a half-realized device.
 * @reset: back to power-on state; registered with the machine's reset while realized.
 * @state: what save, restore and migration carry; NULL for none.
 */
struct _TnDeviceClass {
    TnObjectClass parent_class;

    const char *bus;
    gboolean hotpluggable;
    gboolean (*realize)(TnDevice *self, GError **error);
    void (*unrealize)(TnDevice *self);
    void (*reset)(TnDevice *self);
    const TnStateTable *state;
};

/* What the device may see of the machine. Set before realize by whoever creates
 * it; (transfer none), outlives the device. */
void tn_device_set_platform(TnDevice *self, const TnPlatform *platform);
const TnPlatform *tn_device_get_platform(TnDevice *self);

/* The user's "id=", copied; NULL for on-board devices. */
void tn_device_set_id(TnDevice *self, const char *id);
const char *tn_device_get_id(TnDevice *self);

/* Runs the steps above. On failure @error says why and the world is as before. */
gboolean tn_device_realize(TnDevice *self, GError **error);

/* Gives everything back; a no-op when not realized. Does not unparent. */
void tn_device_unrealize(TnDevice *self);

gboolean tn_device_is_realized(TnDevice *self);

/* Whether it was added while the machine existed already (device_add). */
void tn_device_set_hotplugged(TnDevice *self, gboolean hotplugged);
gboolean tn_device_is_hotplugged(TnDevice *self);

/* Unplug asked of the guest and not answered yet. Kept by the device's unplug handler. */
void tn_device_set_pending_unplug(TnDevice *self, gboolean pending);
gboolean tn_device_is_pending_unplug(TnDevice *self);

G_END_DECLS
