/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that make and remove user-creatable objects. */
#include "vmm/monitor/cmd-fd.h"
#include "vmm/monitor/monitor-private.h"

TN_MONITOR_HANDLER(object_add)
{
    TnFdSource fds;

    tn_monitor_lend_fds(call, &fds);
    (void)tn_machine_object_add(tn_monitor_machine(call), tn_monitor_arg(args, "qom-type"),
                                tn_monitor_arg(args, "id"), args, TN_PROPERTY_STRICT, error);
    tn_monitor_take_back_fds(call);
    return NULL;
}

TN_MONITOR_HANDLER(object_del)
{
    (void)tn_machine_object_del(tn_monitor_machine(call), tn_monitor_arg(args, "id"), error);
    return NULL;
}
