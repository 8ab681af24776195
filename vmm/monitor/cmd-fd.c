/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that keep descriptors: by name for one client, in sets for all. */
#include "vmm/monitor/cmd-fd.h"

#include "vmm/monitor/monitor-private.h"

#include <string.h>
#include <unistd.h>

typedef struct FdsetEntry {
    gint64 set;
    int fd;
    char *opaque; /* may be NULL */
} FdsetEntry;

/* Entries sorted by set; within one, the newest first. */
struct TnFdsets {
    GArray *entries;
};

static void
clear_entry(gpointer data)
{
    FdsetEntry *entry = data;

    (void)close(entry->fd);
    g_free(entry->opaque);
}

TnFdsets *
tn_fdsets_new(void)
{
    TnFdsets *sets = g_new0(TnFdsets, 1);

    sets->entries = g_array_new(FALSE, FALSE, sizeof(FdsetEntry));
    g_array_set_clear_func(sets->entries, clear_entry);
    return sets;
}

void
tn_fdsets_free(TnFdsets *sets)
{
    if (sets) {
        g_array_unref(sets->entries);
        g_free(sets);
    }
}

static TnFdsets *
fdsets(const TnQmpCall *call)
{
    return ((TnMonitorHub *)call->ctx)->fdsets;
}

static FdsetEntry *
entry_at(const TnFdsets *sets, guint i)
{
    return &g_array_index(sets->entries, FdsetEntry, i);
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

/* The lowest number that is no set yet. */
static gint64
free_set(const TnFdsets *sets)
{
    gint64 set = 0;

    for (guint i = 0; i < sets->entries->len && entry_at(sets, i)->set <= set; i++) {
        set = entry_at(sets, i)->set + 1;
    }
    return set;
}

/* Puts the entry before the first of its set; takes what it holds. */
static void
insert_entry(TnFdsets *sets, const FdsetEntry *entry)
{
    guint i = 0;

    while (i < sets->entries->len && entry_at(sets, i)->set < entry->set) {
        i++;
    }
    g_array_insert_vals(sets->entries, i, entry, 1);
}

/* What is wrong with the arguments of add-fd beyond their types. */
static gboolean
check_add_fd(const TnFdsets *sets, json_object *set, const char *opaque, GError **error)
{
    if (set && json_object_get_int64(set) < 0) {
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                            "Parameter 'fdset-id' expects a non-negative value");
        return FALSE;
    }
    if (sets->entries->len >= TN_FDSETS_MAX_FDS) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "%d file descriptors are in sets already, which is the limit",
                    TN_FDSETS_MAX_FDS);
        return FALSE;
    }
    if (opaque && strlen(opaque) > TN_FDSETS_MAX_OPAQUE) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "Parameter 'opaque' expects at most %d bytes", TN_FDSETS_MAX_OPAQUE);
        return FALSE;
    }
    return TRUE;
}

TN_MONITOR_HANDLER(add_fd)
{
    TnFdsets *sets = fdsets(call);
    json_object *set = json_object_object_get(args, "fdset-id");
    const char *opaque = tn_monitor_arg(args, "opaque");
    FdsetEntry entry = { .fd = tn_qmp_session_take_received_fd(call->session, error) };
    json_object *reply;

    if (entry.fd < 0) {
        return NULL;
    }
    if (!check_add_fd(sets, set, opaque, error)) {
        (void)close(entry.fd);
        return NULL;
    }
    entry.set = set ? json_object_get_int64(set) : free_set(sets);
    entry.opaque = g_strdup(opaque);
    insert_entry(sets, &entry);
    reply = json_object_new_object();
    tn_reply_add_int(reply, "fdset-id", entry.set);
    tn_reply_add_int(reply, "fd", entry.fd);
    return reply;
}

TN_MONITOR_HANDLER(remove_fd)
{
    TnFdsets *sets = fdsets(call);
    gint64 set = json_object_get_int64(json_object_object_get(args, "fdset-id"));
    json_object *fd = json_object_object_get(args, "fd");
    gboolean found = FALSE;

    for (guint i = sets->entries->len; i-- > 0;) {
        const FdsetEntry *entry = entry_at(sets, i);

        if (entry->set == set && (!fd || json_object_get_int64(fd) == entry->fd)) {
            g_array_remove_index(sets->entries, i);
            found = TRUE;
        }
    }
    if (!found && fd) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "File descriptor named 'fdset-id:%" G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT
                    "' not found",
                    set, json_object_get_int64(fd));
    } else if (!found) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", set);
    }
    return NULL;
}

TN_MONITOR_HANDLER(query_fdsets)
{
    const TnFdsets *sets = fdsets(call);
    json_object *reply = json_object_new_array();
    json_object *fds = NULL;

    for (guint i = 0; i < sets->entries->len; i++) {
        const FdsetEntry *entry = entry_at(sets, i);
        json_object *info = json_object_new_object();

        if (i == 0 || entry_at(sets, i - 1)->set != entry->set) {
            json_object *set = json_object_new_object();

            fds = json_object_new_array();
            tn_reply_add_int(set, "fdset-id", entry->set);
            json_object_object_add(set, "fds", fds);
            json_object_array_add(reply, set);
        }
        tn_reply_add_int(info, "fd", entry->fd);
        if (entry->opaque) {
            tn_reply_add_string(info, "opaque", entry->opaque);
        }
        json_object_array_add(fds, info);
    }
    return reply;
}
