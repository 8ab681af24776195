/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of descriptors, and opening files by path or from a set. */
#include "vmm/core/fd-set.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "/dev/fdset/"

/* What fcntl can set on an open file, among the flags of open. */
#define SETTABLE_FLAGS (O_APPEND | O_ASYNC | O_NONBLOCK | O_DIRECT | O_NOATIME)

typedef struct Entry {
    gint64 set;
    int fd;
    char *opaque; /* may be NULL */
} Entry;

/* Entries with the highest set first; within one, the oldest first. */
struct TnFdsets {
    GArray *entries;
};

static void
clear_entry(gpointer data)
{
    Entry *entry = data;

    (void)close(entry->fd);
    g_free(entry->opaque);
}

static void
fdsets_free(gpointer data)
{
    TnFdsets *sets = data;

    g_array_unref(sets->entries);
    g_free(sets);
}

static GQuark
own_quark(void)
{
    return g_quark_from_static_string("tn-fdsets");
}

static GQuark
lent_quark(void)
{
    return g_quark_from_static_string("tn-fdsets-lent");
}

TnFdsets *
tn_fdsets_get(TnObject *self)
{
    TnFdsets *sets = g_object_get_qdata(G_OBJECT(self), lent_quark());
    TnObject *parent;

    if (sets) {
        return sets;
    }
    while ((parent = tn_object_get_parent(self)) != NULL) {
        self = parent;
    }
    sets = g_object_get_qdata(G_OBJECT(self), own_quark());
    if (!sets) {
        sets = g_new0(TnFdsets, 1);
        sets->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
        g_array_set_clear_func(sets->entries, clear_entry);
        g_object_set_qdata_full(G_OBJECT(self), own_quark(), sets, fdsets_free);
    }
    return sets;
}

void
tn_fdsets_lend(TnObject *self, TnObject *tree)
{
    g_object_set_qdata(G_OBJECT(self), lent_quark(), tree ? tn_fdsets_get(tree) : NULL);
}

static Entry *
entry_at(const TnFdsets *sets, guint i)
{
    return &g_array_index(sets->entries, Entry, i);
}

/* The lowest number that is no set yet. */
static gint64
free_set(const TnFdsets *sets)
{
    gint64 set = 0;

    for (guint i = sets->entries->len; i > 0 && entry_at(sets, i - 1)->set <= set; i--) {
        set = entry_at(sets, i - 1)->set + 1;
    }
    return set;
}

static gboolean
check_limits(const TnFdsets *sets, const char *opaque, GError **error)
{
    if (sets->entries->len >= TN_FDSETS_MAX_FDS) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "%d file descriptors are in sets already, which is the limit",
                    TN_FDSETS_MAX_FDS);
        return FALSE;
    }
    if (opaque && strlen(opaque) > TN_FDSETS_MAX_OPAQUE) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter 'opaque' expects at most %d bytes", TN_FDSETS_MAX_OPAQUE);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_fdsets_add(TnFdsets *sets, gint64 set, int fd, const char *opaque, gint64 *ret_set,
              GError **error)
{
    Entry entry = { .fd = fd };
    guint i = 0;

    if (!check_limits(sets, opaque, error)) {
        (void)close(fd);
        return FALSE;
    }
    entry.set = set >= 0 ? set : free_set(sets);
    entry.opaque = g_strdup(opaque);
    while (i < sets->entries->len && entry_at(sets, i)->set >= entry.set) {
        i++;
    }
    g_array_insert_vals(sets->entries, i, &entry, 1);
    if (ret_set) {
        *ret_set = entry.set;
    }
    return TRUE;
}

gboolean
tn_fdsets_remove(TnFdsets *sets, gint64 set, gint64 fd)
{
    gboolean found = FALSE;

    for (guint i = sets->entries->len; i-- > 0;) {
        const Entry *entry = entry_at(sets, i);

        if (entry->set == set && (fd < 0 || fd == entry->fd)) {
            g_array_remove_index(sets->entries, i);
            found = TRUE;
        }
    }
    return found;
}

void
tn_fdsets_foreach(const TnFdsets *sets, TnFdsetsFunc func, gpointer user_data)
{
    for (guint i = 0; i < sets->entries->len; i++) {
        const Entry *entry = entry_at(sets, i);

        func(entry->set, entry->fd, entry->opaque, user_data);
    }
}

gboolean
tn_fdset_is_path(const char *path)
{
    return g_str_has_prefix(path, PREFIX);
}

/* A descriptor of set @number that was opened as @flags want; -1 with errno. */
static int
find_fd(const TnFdsets *sets, gint64 number, int flags)
{
    errno = ENOENT;
    for (guint i = 0; i < sets->entries->len; i++) {
        const Entry *entry = entry_at(sets, i);

        if (entry->set != number) {
            continue;
        }
        if ((fcntl(entry->fd, F_GETFL) & O_ACCMODE) == (flags & O_ACCMODE)) {
            return entry->fd;
        }
        errno = EACCES;
    }
    return -1;
}

/* Has @fd behave as if it had been opened with @flags. FALSE with errno. */
static gboolean
apply_flags(int fd, int flags)
{
    int now = fcntl(fd, F_GETFL);

    if (now < 0) {
        return FALSE;
    }
    if ((now & O_SYNC) != (flags & O_SYNC)) {
        errno = EINVAL; /* nothing can change that */
        return FALSE;
    }
    if (fcntl(fd, F_SETFL, (now & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS)) < 0) {
        return FALSE;
    }
    if ((flags & O_TRUNC) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return ftruncate(fd, 0) == 0;
    }
    return TRUE;
}

static int
open_from_set(const TnFdsets *sets, const char *text, int flags)
{
    guint64 number;
    int fd, copy;

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &number, NULL)) {
        errno = EINVAL;
        return -1;
    }
    fd = find_fd(sets, (gint64)number, flags);
    copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy >= 0 && !apply_flags(copy, flags)) {
        int saved = errno;

        (void)close(copy);
        errno = saved;
        return -1;
    }
    return copy;
}

int
tn_object_open_file(TnObject *self, const char *path, int flags, mode_t mode)
{
    return tn_fdset_is_path(path) ? open_from_set(tn_fdsets_get(self), path + strlen(PREFIX), flags)
                                  : open(path, flags | O_CLOEXEC, mode);
}
