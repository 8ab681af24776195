/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plug in steps (docs/architecture.md): pre_plug may refuse and changes nothing;
 * claim, after realize, takes what only taking it can tell to be there, or leaves
 * everything as it was; plug tells the guest and cannot fail; unplug_request asks the
 * guest; unplug removes.
 * Threads: main thread.
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_HOTPLUG_HANDLER (tn_hotplug_handler_get_type())
G_DECLARE_INTERFACE(TnHotplugHandler, tn_hotplug_handler, TN, HOTPLUG_HANDLER, GObject)

struct _TnHotplugHandlerInterface {
    GTypeInterface parent_iface;

    gboolean (*pre_plug)(TnHotplugHandler *self, TnDevice *device, GError **error);
    gboolean (*claim)(TnHotplugHandler *self, TnDevice *device, GError **error);
    void (*plug)(TnHotplugHandler *self, TnDevice *device);
    gboolean (*unplug_request)(TnHotplugHandler *self, TnDevice *device, GError **error);
    void (*unplug)(TnHotplugHandler *self, TnDevice *device);
};

/* Each calls the interface's member; one that is NULL succeeds and does nothing,
 * but unplug_request, which then fails: "Device '<id>' does not support hotplugging". */
gboolean tn_hotplug_handler_pre_plug(TnHotplugHandler *self, TnDevice *device, GError **error);
gboolean tn_hotplug_handler_claim(TnHotplugHandler *self, TnDevice *device, GError **error);
void tn_hotplug_handler_plug(TnHotplugHandler *self, TnDevice *device);
gboolean tn_hotplug_handler_unplug_request(TnHotplugHandler *self, TnDevice *device,
                                           GError **error);
void tn_hotplug_handler_unplug(TnHotplugHandler *self, TnDevice *device);

G_END_DECLS
