/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DIMMs: object-add of the memory, device_add of the module. */
#include "driver/core/hotplug-private.h"

#include "driver/core/driver-private.h"
#include "driver/core/launch.h"
#include "driver/core/memlock.h"
#include "driver/core/memory-args.h"
#include "driver/core/monitor.h"

static void
object_del(TnQmpClient *qmp, const char *alias)
{
    g_autofree char *backend = tn_memory_args_backend_id(alias);
    json_object *args = json_object_new_object();

    json_object_object_add(args, "id", json_object_new_string(backend));
    tn_qmp_client_call_async(qmp, "object-del", args, NULL, 0, TN_MONITOR_TIMEOUT_MS, NULL, NULL);
}

static gboolean
call(TnQmpClient *qmp, const char *command, json_object *args, GError **error)
{
    json_object *reply = tn_qmp_client_call(qmp, command, args, NULL, 0, TN_MONITOR_TIMEOUT_MS,
                                            error);

    if (!reply) {
        return FALSE;
    }
    json_object_put(reply);
    return TRUE;
}

/* Assigned devices reach all of the guest's memory: more of it may have to be locked. */
static gboolean
raise_memlock(const TnHotplugTarget *target, const TnDevice *device, GError **error)
{
    TnDomain *domain = target->domain;
    pid_t pid;

    g_mutex_lock(&domain->lock);
    pid = domain->run == target->run ? domain->process.pid : 0;
    g_mutex_unlock(&domain->lock);
    /* One that has ended meanwhile is told by the monitor. */
    return pid == 0 || tn_memlock_raise(domain->driver->config.memlock, pid, target->live, device,
                                        error);
}

static gboolean
plug(const TnHotplugTarget *target, TnDevice *device, GError **error)
{
    const TnMemoryDevice *dimm = (const TnMemoryDevice *)device;
    TnQmpClient *qmp = target->qmp;
    GError *why = NULL;

    if (!raise_memlock(target, device, error)) {
        return FALSE;
    }
    if (!call(qmp, "object-add", tn_memory_args_backend(target->live, dimm), &why)) {
        tn_monitor_explain(&why, "object-add");
        /* Without an answer nobody knows whether it was made: it is not to stay. */
        if (why->domain == TN_QMP_CLIENT_ERROR) {
            object_del(qmp, device->info.alias);
        }
        g_propagate_error(error, why);
        return FALSE;
    }
    if (!call(qmp, "device_add", tn_memory_args_device(dimm), &why)) {
        tn_monitor_explain(&why, "device_add");
        object_del(qmp, device->info.alias);
        g_propagate_error(error, why);
        return FALSE;
    }
    return TRUE;
}

static void
finish(const TnHotplugTarget *target, const TnDevice *device, gboolean kept)
{
    if (kept) {
        /* Not knowing the address is no reason to take the memory away again. */
        (void)tn_launch_read_memory_devices(target->domain, target->qmp, NULL);
    }
}

/* Clients know a DIMM that was added by its backend's name, one that was removed by its own: so it
 * is with QEMU's driver. */
const TnHotplugKind tn_hotplug_memory = {
    .plug = plug,
    .finish = finish,
    .event_name = tn_memory_args_backend_id,
};
