/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a device: realize in steps, unrealize, reset. */
#include "vmm/core/device.h"

#include "vmm/core/hotplug-handler.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/core/reset.h"

typedef struct TnDevicePrivate {
    const TnPlatform *platform;
    char *id;
    gboolean realized;
    gboolean hotplugged;
    gboolean pending_unplug;
} TnDevicePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(TnDevice, tn_device, TN_TYPE_OBJECT)

static TnDevicePrivate *
priv(TnDevice *self)
{
    return tn_device_get_instance_private(self);
}

static void
tn_device_dispose(GObject *object)
{
    tn_device_unrealize(TN_DEVICE(object));
    G_OBJECT_CLASS(tn_device_parent_class)->dispose(object);
}

static void
tn_device_finalize(GObject *object)
{
    g_free(priv(TN_DEVICE(object))->id);
    G_OBJECT_CLASS(tn_device_parent_class)->finalize(object);
}

static void
tn_device_class_init(TnDeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = tn_device_dispose;
    G_OBJECT_CLASS(klass)->finalize = tn_device_finalize;
}

static void
tn_device_init(TnDevice *self)
{
}

void
tn_device_set_platform(TnDevice *self, const TnPlatform *platform)
{
    priv(self)->platform = platform;
}

const TnPlatform *
tn_device_get_platform(TnDevice *self)
{
    return priv(self)->platform;
}

void
tn_device_set_id(TnDevice *self, const char *id)
{
    TnDevicePrivate *p = priv(self);

    g_free(p->id);
    p->id = g_strdup(id);
}

const char *
tn_device_get_id(TnDevice *self)
{
    return priv(self)->id;
}

static void
trace(TnDevice *self, TnHotplugStep step)
{
    TnDevicePrivate *p = priv(self);

    if (p->platform && G_UNLIKELY(tn_hotplug_trace_is_on(p->platform->trace))) {
        tn_hotplug_trace_step(p->platform->trace, step, p->id, "%s",
                              tn_object_get_type_name(TN_OBJECT(self)));
    }
}

static void
reset_device(void *opaque)
{
    TnDevice *self = opaque;

    TN_DEVICE_GET_CLASS(self)->reset(self);
}

gboolean
tn_device_realize(TnDevice *self, GError **error)
{
    TnDevicePrivate *p = priv(self);
    TnDeviceClass *klass = TN_DEVICE_GET_CLASS(self);
    TnHotplugHandler *handler = p->platform ? p->platform->hotplug : NULL;

    g_assert(!p->realized);
    if (handler && !tn_hotplug_handler_pre_plug(handler, self, error)) {
        return FALSE;
    }
    if (klass->realize && !klass->realize(self, error)) {
        return FALSE;
    }
    if (handler && !tn_hotplug_handler_claim(handler, self, error)) {
        if (klass->unrealize) {
            klass->unrealize(self);
        }
        return FALSE;
    }
    p->realized = TRUE;
    trace(self, TN_HOTPLUG_STEP_REALIZE);
    if (klass->reset && p->platform && p->platform->reset) {
        tn_reset_register(p->platform->reset, reset_device, self);
    }
    if (handler) {
        tn_hotplug_handler_plug(handler, self);
    }
    return TRUE;
}

void
tn_device_unrealize(TnDevice *self)
{
    TnDevicePrivate *p = priv(self);
    TnDeviceClass *klass = TN_DEVICE_GET_CLASS(self);

    if (!p->realized) {
        return;
    }
    p->realized = FALSE;
    if (klass->reset && p->platform && p->platform->reset) {
        tn_reset_unregister(p->platform->reset, reset_device, self);
    }
    if (klass->unrealize) {
        klass->unrealize(self);
    }
    trace(self, TN_HOTPLUG_STEP_UNREALIZE);
}

gboolean
tn_device_is_realized(TnDevice *self)
{
    return priv(self)->realized;
}

void
tn_device_set_hotplugged(TnDevice *self, gboolean hotplugged)
{
    priv(self)->hotplugged = hotplugged;
}

gboolean
tn_device_is_hotplugged(TnDevice *self)
{
    return priv(self)->hotplugged;
}

void
tn_device_set_pending_unplug(TnDevice *self, gboolean pending)
{
    priv(self)->pending_unplug = pending;
}

gboolean
tn_device_is_pending_unplug(TnDevice *self)
{
    return priv(self)->pending_unplug;
}
