/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors by name, from the monitor's clients or the command line. */
#include "vmm/core/fd-source.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static GQuark
source_quark(void)
{
    return g_quark_from_static_string("tn-fd-source");
}

void
tn_fd_source_set(TnObject *root, const TnFdSource *source)
{
    g_object_set_qdata(G_OBJECT(root), source_quark(), (gpointer)source);
}

static const TnFdSource *
find_source(TnObject *self)
{
    TnObject *parent;

    while ((parent = tn_object_get_parent(self)) != NULL) {
        self = parent;
    }
    return g_object_get_qdata(G_OBJECT(self), source_quark());
}

/* A number that the process inherited; the standard streams are no such gift. */
static int
take_number(const char *property, const char *text, GError **error)
{
    char *end;
    gint64 fd;
    int flags;

    errno = 0;
    fd = g_ascii_strtoll(text, &end, 10);
    if (errno || end == text || *end || fd <= STDERR_FILENO || fd > G_MAXINT) {
        fd = -1;
    }
    flags = fd < 0 ? -1 : fcntl((int)fd, F_GETFD);
    if (flags < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter '%s' expects a file descriptor", property);
        return -1;
    }
    (void)fcntl((int)fd, F_SETFD, flags | FD_CLOEXEC);
    return (int)fd;
}

int
tn_fd_source_take(TnObject *self, const char *property, const char *name, GError **error)
{
    const TnFdSource *source = find_source(self);

    return source ? source->take(source->opaque, name, error)
                  : take_number(property, name, error);
}
