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
plug(const TnHotplugTarget *target, TnDevice *device, gpointer *ret_seen, GError **error)
{
    const TnMemoryDevice *dimm = (const TnMemoryDevice *)device;
    TnQmpClient *qmp = target->qmp;
    json_object *reply, *devices;
    GError *why = NULL;

    if (!raise_memlock(target, device, error)) {
        return FALSE;
    }
    reply = tn_qmp_client_call(qmp, "object-add", tn_memory_args_backend(target->live, dimm), NULL,
                               0, TN_MONITOR_TIMEOUT_MS, &why);
    if (!reply) {
        tn_monitor_explain(&why, "object-add");
        /* Without an answer nobody knows whether it was made: it is not to stay. */
        if (why->domain == TN_QMP_CLIENT_ERROR) {
            object_del(qmp, device->info.alias);
        }
        g_propagate_error(error, why);
        return FALSE;
    }
    json_object_put(reply);
    /* The guest is busy with it from here on: better to have the address asked for already. */
    reply = tn_qmp_client_call_and_query(qmp, "device_add", tn_memory_args_device(dimm),
                                         "query-memory-devices", TN_MONITOR_TIMEOUT_MS, &devices,
                                         &why);
    if (!reply) {
        json_object_put(devices);
        tn_monitor_explain(&why, "device_add");
        object_del(qmp, device->info.alias);
        g_propagate_error(error, why);
        return FALSE;
    }
    json_object_put(reply);
    *ret_seen = devices;
    return TRUE;
}

static void
finish(const TnHotplugTarget *target, const TnDevice *device, gboolean kept, gpointer seen)
{
    /* Not knowing the address is no reason to take the memory away again. */
    if (kept && seen) {
        tn_launch_take_memory_devices(target->domain, seen);
    }
    json_object_put(seen);
}

/* Clients know a DIMM that was added by its backend's name, one that was removed by its own: so it
 * is with QEMU's driver. */
const TnHotplugKind tn_hotplug_memory = {
    .plug = plug,
    .finish = finish,
    .event_name = tn_memory_args_backend_id,
};
