/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of plug and unplug as an interface. */
#include "vmm/core/hotplug-handler.h"

G_DEFINE_INTERFACE(TnHotplugHandler, tn_hotplug_handler, G_TYPE_OBJECT)

static void
tn_hotplug_handler_default_init(TnHotplugHandlerInterface *iface)
{
}

gboolean
tn_hotplug_handler_pre_plug(TnHotplugHandler *self, TnDevice *device, GError **error)
{
    TnHotplugHandlerInterface *iface = TN_HOTPLUG_HANDLER_GET_IFACE(self);

    return !iface->pre_plug || iface->pre_plug(self, device, error);
}

gboolean
tn_hotplug_handler_claim(TnHotplugHandler *self, TnDevice *device, GError **error)
{
    TnHotplugHandlerInterface *iface = TN_HOTPLUG_HANDLER_GET_IFACE(self);

    return !iface->claim || iface->claim(self, device, error);
}

void
tn_hotplug_handler_plug(TnHotplugHandler *self, TnDevice *device)
{
    TnHotplugHandlerInterface *iface = TN_HOTPLUG_HANDLER_GET_IFACE(self);

    if (iface->plug) {
        iface->plug(self, device);
    }
}

gboolean
tn_hotplug_handler_unplug_request(TnHotplugHandler *self, TnDevice *device, GError **error)
{
    TnHotplugHandlerInterface *iface = TN_HOTPLUG_HANDLER_GET_IFACE(self);
    const char *id = tn_device_get_id(device);

    if (!iface->unplug_request) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Device '%s' does not support hotplugging",
                    id ? id : tn_object_get_type_name(TN_OBJECT(device)));
        return FALSE;
    }
    return iface->unplug_request(self, device, error);
}

void
tn_hotplug_handler_unplug(TnHotplugHandler *self, TnDevice *device)
{
    TnHotplugHandlerInterface *iface = TN_HOTPLUG_HANDLER_GET_IFACE(self);

    if (iface->unplug) {
        iface->unplug(self, device);
    }
}
