/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that keep descriptors: by name for one client, in sets for all. */
#include "vmm/monitor/cmd-fd.h"

#include "vmm/monitor/monitor-private.h"

#include "vmm/core/fd-set.h"

#include <unistd.h>

static TnFdsets *
fdsets(TnQmpCall *call)
{
    return tn_fdsets_get(tn_machine_get_root(tn_monitor_machine(call)));
}

static int
take_named_fd(void *session, const char *name, GError **error)
{
    return tn_qmp_session_take_named_fd(session, name, error);
}

void
tn_monitor_lend_fds(TnQmpCall *call, TnFdSource *source)
{
    *source = (TnFdSource){ take_named_fd, call->session };
    tn_fd_source_set(tn_machine_get_root(tn_monitor_machine(call)), source);
}

void
tn_monitor_take_back_fds(TnQmpCall *call)
{
    tn_fd_source_set(tn_machine_get_root(tn_monitor_machine(call)), NULL);
}

TN_MONITOR_HANDLER(getfd)
{
    int fd = tn_qmp_session_take_received_fd(call->session, error);

    if (fd >= 0) {
        (void)tn_qmp_session_name_fd(call->session, tn_monitor_arg(args, "fdname"), fd, error);
    }
    return NULL;
}

TN_MONITOR_HANDLER(closefd)
{
    int fd = tn_qmp_session_take_named_fd(call->session, tn_monitor_arg(args, "fdname"), error);

    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

TN_MONITOR_HANDLER(add_fd)
{
    json_object *given = json_object_object_get(args, "fdset-id");
    int fd = tn_qmp_session_take_received_fd(call->session, error);
    gint64 set = given ? json_object_get_int64(given) : -1;
    json_object *reply;

    if (fd < 0) {
        return NULL;
    }
    if (given && set < 0) {
        (void)close(fd);
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                            "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    if (!tn_fdsets_add(fdsets(call), set, fd, tn_monitor_arg(args, "opaque"), &set, error)) {
        return NULL;
    }
    reply = json_object_new_object();
    tn_reply_add_int(reply, "fdset-id", set);
    tn_reply_add_int(reply, "fd", fd);
    return reply;
}

TN_MONITOR_HANDLER(remove_fd)
{
    gint64 set = json_object_get_int64(json_object_object_get(args, "fdset-id"));
    json_object *given = json_object_object_get(args, "fd");
    gint64 fd = given ? json_object_get_int64(given) : -1;

    /* A negative number is one that no set has, not "all". */
    if ((!given || fd >= 0) && tn_fdsets_remove(fdsets(call), set, fd)) {
        return NULL;
    }
    if (given) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "File descriptor named 'fdset-id:%" G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT
                    "' not found",
                    set, fd);
    } else {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", set);
    }
    return NULL;
}

/* The reply in the making. */
typedef struct FdsetList {
    json_object *sets;
    json_object *fds; /* of the last set */
    gint64 last;
} FdsetList;

static void
add_to_list(gint64 set, int fd, const char *opaque, gpointer user_data)
{
    FdsetList *list = user_data;
    json_object *info = json_object_new_object();

    if (!list->fds || list->last != set) {
        json_object *one = json_object_new_object();

        list->fds = json_object_new_array();
        list->last = set;
        tn_reply_add_int(one, "fdset-id", set);
        json_object_object_add(one, "fds", list->fds);
        json_object_array_add(list->sets, one);
    }
    tn_reply_add_int(info, "fd", fd);
    if (opaque) {
        tn_reply_add_string(info, "opaque", opaque);
    }
    json_object_array_add(list->fds, info);
}

TN_MONITOR_HANDLER(query_fdsets)
{
    FdsetList list = { .sets = json_object_new_array() };

    tn_fdsets_foreach(fdsets(call), add_to_list, &list);
    return list.sets;
}
