/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about character devices. */
#include "vmm/backend/chardev.h"
#include "vmm/monitor/monitor-private.h"

static void
add_chardev(TnObject *object, gpointer reply)
{
    TnChardev *chardev = TN_CHARDEV(object);
    g_autofree char *filename = tn_chardev_describe(chardev);
    json_object *info = json_object_new_object();

    tn_reply_add_bool(info, "frontend-open", tn_chardev_is_frontend_open(chardev));
    tn_reply_add_string(info, "filename", filename);
    tn_reply_add_string(info, "label", tn_chardev_get_label(chardev));
    json_object_array_add(reply, info);
}

TN_MONITOR_HANDLER(query_chardev)
{
    TnObject *chardevs = tn_object_get_child(tn_machine_get_root(tn_monitor_machine(call)),
                                             "chardevs");
    json_object *reply = json_object_new_array();

    if (chardevs) {
        tn_object_foreach_child(chardevs, add_chardev, reply);
    }
    return reply;
}
