/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that plug and unplug devices. */
#include "vmm/monitor/cmd-fd.h"
#include "vmm/monitor/monitor-private.h"
#include "vmm/monitor/qom-info.h"

#include "vmm/core/type-registry.h"

TN_MONITOR_HANDLER(device_add)
{
    TnFdSource fds;

    tn_monitor_lend_fds(call, &fds);
    /* As in QEMU, a value may also be the text that -device would take. */
    (void)tn_machine_device_add(tn_monitor_machine(call), args, TN_PROPERTY_KEYVAL, error);
    tn_monitor_take_back_fds(call);
    return NULL;
}

TN_MONITOR_HANDLER(device_del)
{
    (void)tn_machine_device_del(tn_monitor_machine(call), tn_monitor_arg(args, "id"), error);
    return NULL;
}

TN_MONITOR_HANDLER(device_list_properties)
{
    const char *name = tn_monitor_arg(args, "typename");
    GType type = tn_type_registry_find(name);

    if (type == G_TYPE_INVALID) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found",
                    name);
        return NULL;
    }
    if (!g_type_is_a(type, TN_TYPE_DEVICE) || G_TYPE_IS_ABSTRACT(type)) {
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                            "Parameter 'typename' expects a non-abstract device type");
        return NULL;
    }
    return tn_qom_list_class_properties(type, TN_QOM_SETTABLE | TN_QOM_DEFAULTS);
}
