/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI devices of the host. */
#include "driver/core/hostdev.h"
#include "driver/core/hotplug-private.h"

static gboolean
plug(const TnHotplugTarget *target, TnDevice *device, gpointer *ret_seen, GError **error)
{
    return tn_hostdev_plug(target->domain, target->live, target->run, (TnHostdevDevice *)device,
                           target->qmp, error);
}

static void
finish(const TnHotplugTarget *target, const TnDevice *device, gboolean kept, gpointer seen)
{
    tn_hostdev_finish_plug(target->domain, target->run,
                           &((const TnHostdevDevice *)device)->source, device->info.alias, kept);
}

const TnHotplugKind tn_hotplug_hostdev = { .plug = plug, .finish = finish };
