/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory-backend-memfd: host memory with a descriptor, of small or huge pages. */
#include "vmm/backend/memory-backend.h"

#include "vmm/core/property.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

typedef struct {
    TnMemoryBackend parent_instance;

    gboolean hugetlb;
    guint64 hugetlbsize; /* 0: the host's default */
    gboolean hugetlbsize_given;
    gboolean seal;
} TnMemoryBackendMemfd;

typedef struct {
    TnMemoryBackendClass parent_class;
} TnMemoryBackendMemfdClass;

G_DEFINE_TYPE(TnMemoryBackendMemfd, tn_memory_backend_memfd, TN_TYPE_MEMORY_BACKEND)

enum { PROP_0, PROP_HUGETLB, PROP_HUGETLBSIZE, PROP_SEAL };

static TnMemoryBackendMemfd *
memfd_of(gpointer object)
{
    return (TnMemoryBackendMemfd *)object;
}

static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnMemoryBackendMemfd *self = memfd_of(object);

    switch (id) {
    case PROP_HUGETLB:
        self->hugetlb = g_value_get_boolean(value);
        break;
    case PROP_HUGETLBSIZE:
        self->hugetlbsize = g_value_get_uint64(value);
        self->hugetlbsize_given = TRUE;
        break;
    case PROP_SEAL:
        self->seal = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnMemoryBackendMemfd *self = memfd_of(object);

    switch (id) {
    case PROP_HUGETLB:
        g_value_set_boolean(value, self->hugetlb);
        break;
    case PROP_HUGETLBSIZE:
        g_value_set_uint64(value, self->hugetlbsize);
        break;
    case PROP_SEAL:
        g_value_set_boolean(value, self->seal);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static gboolean
check(TnMemoryBackendMemfd *self, GError **error)
{
    if (self->hugetlbsize_given && self->hugetlbsize == 0) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Property 'memory-backend-memfd.hugetlbsize' doesn't take value '0'");
        return FALSE;
    }
    if (self->hugetlbsize & (self->hugetlbsize - 1)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Hugepage size must be a power of 2");
        return FALSE;
    }
    return TRUE;
}

/* A memfd of @size bytes; -1 with @error set. */
static int
make_memfd(TnMemoryBackendMemfd *self, guint64 size, GError **error)
{
    unsigned flags = MFD_CLOEXEC | (self->seal ? MFD_ALLOW_SEALING : 0);
    int fd;

    if (self->hugetlb) {
        flags |= MFD_HUGETLB;
        if (self->hugetlbsize) {
            flags |= (unsigned)__builtin_ctzll(self->hugetlbsize) << MFD_HUGE_SHIFT;
        }
    }
    fd = memfd_create("memory-backend-memfd", flags);
    if (fd < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "failed to create memfd: %s",
                    g_strerror(errno));
        return -1;
    }
    if (size > G_MAXINT64 || ftruncate(fd, (off_t)size) < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "failed to resize memfd to %" G_GUINT64_FORMAT ": %s", size,
                    g_strerror(size > G_MAXINT64 ? EFBIG : errno));
        (void)close(fd);
        return -1;
    }
    if (self->seal &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "failed to add seals: %s",
                    g_strerror(errno));
        (void)close(fd);
        return -1;
    }
    return fd;
}

static gboolean
open_memfd(TnMemoryBackend *backend, TnHostMemorySpec *spec, GError **error)
{
    TnMemoryBackendMemfd *self = memfd_of(backend);
    guint64 page_size, rounded;
    int fd;

    if (!check(self, error)) {
        return FALSE;
    }
    fd = make_memfd(self, spec->size, error);
    if (fd < 0) {
        return FALSE;
    }
    page_size = tn_host_memory_fd_page_size(fd);
    rounded = (spec->size + page_size - 1) & ~(page_size - 1);
    if (rounded != spec->size) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "backing store size 0x%" G_GINT64_MODIFIER "x does not match 'size' option "
                    "0x%" G_GINT64_MODIFIER "x", spec->size, rounded);
        (void)close(fd);
        return FALSE;
    }
    spec->fd = fd;
    spec->page_size = page_size;
    return TRUE;
}

static void
tn_memory_backend_memfd_init(TnMemoryBackendMemfd *self)
{
    self->seal = TRUE;
    /* A descriptor is there to be handed to somebody else. */
    g_object_set(self, "share", TRUE, NULL);
}

static void
tn_memory_backend_memfd_class_init(TnMemoryBackendMemfdClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);

    object_class->set_property = set_property;
    object_class->get_property = get_property;
    tn_class->type_name = "memory-backend-memfd";
    tn_class->description = "host memory with a descriptor (memfd)";
    tn_class->user_creatable = TRUE;
    TN_MEMORY_BACKEND_CLASS(klass)->open = open_memfd;
    g_object_class_install_property(
        object_class, PROP_HUGETLB,
        g_param_spec_boolean("hugetlb", NULL, "Use huge pages", FALSE, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_HUGETLBSIZE,
        tn_param_spec_size("hugetlbsize", "Huge pages size (ex: 2M, 1G)", 0, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_SEAL,
        g_param_spec_boolean("seal", NULL, "Seal growing & shrinking", TRUE, TN_PARAM_RW));
}
