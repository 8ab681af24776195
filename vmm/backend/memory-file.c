/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory-backend-file: guest memory in a file, on tmpfs, hugetlbfs or a disk. */
#include "vmm/backend/memory-backend.h"

#include "vmm/core/fd-set.h"
#include "vmm/core/property.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    TnMemoryBackend parent_instance;

    char *mem_path;
    guint64 align;
    gboolean discard_data;
    gboolean readonly;
    gboolean created; /* complete made the file and has not succeeded yet */
} TnMemoryBackendFile;

typedef struct {
    TnMemoryBackendClass parent_class;
} TnMemoryBackendFileClass;

G_DEFINE_TYPE(TnMemoryBackendFile, tn_memory_backend_file, TN_TYPE_MEMORY_BACKEND)

enum { PROP_0, PROP_MEM_PATH, PROP_ALIGN, PROP_DISCARD_DATA, PROP_READONLY };

static TnMemoryBackendFile *
file_of(gpointer object)
{
    return (TnMemoryBackendFile *)object;
}

static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnMemoryBackendFile *self = file_of(object);

    switch (id) {
    case PROP_MEM_PATH:
        g_free(self->mem_path);
        self->mem_path = g_value_dup_string(value);
        break;
    case PROP_ALIGN:
        self->align = g_value_get_uint64(value);
        break;
    case PROP_DISCARD_DATA:
        self->discard_data = g_value_get_boolean(value);
        break;
    case PROP_READONLY:
        self->readonly = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnMemoryBackendFile *self = file_of(object);

    switch (id) {
    case PROP_MEM_PATH:
        g_value_set_string(value, self->mem_path);
        break;
    case PROP_ALIGN:
        g_value_set_uint64(value, self->align);
        break;
    case PROP_DISCARD_DATA:
        g_value_set_boolean(value, self->discard_data);
        break;
    case PROP_READONLY:
        g_value_set_boolean(value, self->readonly);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

/* An unlinked file in the directory "mem-path"; -1 with errno set. */
static int
open_in_directory(TnMemoryBackendFile *self)
{
    g_autofree char *path = g_strdup_printf("%s/tenon-mem.XXXXXX", self->mem_path);
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd >= 0) {
        (void)unlink(path);
    }
    return fd;
}

/* Opens what "mem-path" names, making it when it is not there; -1 with @error set.
 * Another process may make or remove the file between two attempts, so they repeat. */
static int
open_path(TnMemoryBackendFile *self, GError **error)
{
    int access_mode = self->readonly ? O_RDONLY : O_RDWR;
    int fd = -1;

    for (int attempt = 0; attempt < 8 && fd < 0; attempt++) {
        fd = tn_object_open_file(TN_OBJECT(self), self->mem_path, access_mode, 0);
        if (fd < 0 && tn_fdset_is_path(self->mem_path)) {
            break; /* there is nothing to make */
        }
        if (fd < 0 && errno == ENOENT && !self->readonly) {
            fd = open(self->mem_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
            self->created = fd >= 0;
        } else if (fd < 0 && errno == EISDIR) {
            fd = open_in_directory(self);
        }
        if (fd < 0 && errno != EEXIST && errno != ENOENT && errno != EINTR) {
            break;
        }
    }
    if (fd < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "can't open backing store %s for guest RAM: %s", self->mem_path,
                    g_strerror(errno));
    }
    return fd;
}

static gboolean
check_alignment(TnMemoryBackendFile *self, guint64 page_size, guint64 size, GError **error)
{
    if (self->align % page_size) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "alignment 0x%" G_GINT64_MODIFIER "x must be multiples of page size "
                    "0x%" G_GINT64_MODIFIER "x", self->align, page_size);
        return FALSE;
    }
    if (self->align & (self->align - 1)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "alignment 0x%" G_GINT64_MODIFIER "x must be a power of two", self->align);
        return FALSE;
    }
    if (size < page_size && page_size > tn_host_memory_page_size()) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "memory size 0x%" G_GINT64_MODIFIER "x must be equal to or larger than page "
                    "size 0x%" G_GINT64_MODIFIER "x", size, page_size);
        return FALSE;
    }
    return TRUE;
}

/* Sees to it that the file holds @size bytes: an empty one is extended, one that
 * has data is never resized. Devices have no size and are left to mmap. */
static gboolean
fit_size(TnMemoryBackendFile *self, int fd, guint64 size, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return TRUE;
    }
    if (st.st_size == 0 && !self->readonly) {
        if (size > G_MAXINT64 || ftruncate(fd, (off_t)size) < 0) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "can't resize backing store %s to 0x%" G_GINT64_MODIFIER "x: %s",
                        self->mem_path, size, g_strerror(size > G_MAXINT64 ? EFBIG : errno));
            return FALSE;
        }
        return TRUE;
    }
    if ((guint64)st.st_size < size) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "backing store size 0x%" G_GINT64_MODIFIER "x does not match 'size' option "
                    "0x%" G_GINT64_MODIFIER "x", (guint64)st.st_size, size);
        return FALSE;
    }
    return TRUE;
}

static void
remove_created(TnMemoryBackend *backend)
{
    TnMemoryBackendFile *self = file_of(backend);

    if (self->created) {
        (void)unlink(self->mem_path);
        self->created = FALSE;
    }
}

static gboolean
open_file(TnMemoryBackend *backend, TnHostMemorySpec *spec, GError **error)
{
    TnMemoryBackendFile *self = file_of(backend);
    guint64 page_size, rounded;
    int fd;

    self->created = FALSE;
    if (!self->mem_path || !*self->mem_path) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Parameter 'mem-path' is missing");
        return FALSE;
    }
    fd = open_path(self, error);
    if (fd < 0) {
        return FALSE;
    }
    page_size = tn_host_memory_fd_page_size(fd);
    if (!g_uint64_checked_add(&rounded, spec->size, page_size - 1)) {
        rounded = G_MAXUINT64;
    }
    rounded &= ~(page_size - 1);
    if (!check_alignment(self, page_size, spec->size, error) ||
        !fit_size(self, fd, rounded, error)) {
        (void)close(fd);
        remove_created(backend);
        return FALSE;
    }
    spec->fd = fd;
    spec->page_size = page_size;
    spec->align = self->align;
    spec->readonly = self->readonly;
    return TRUE;
}

/* The contents are not wanted any more: the file's blocks go back at once
 * instead of being written out. */
static void
dispose(GObject *object)
{
    TnMemoryBackendFile *self = file_of(object);
    const TnHostMemory *memory = tn_memory_backend_get_mapping(TN_MEMORY_BACKEND(self));
    TnMemoryBackendInfo info;

    tn_memory_backend_get_info(TN_MEMORY_BACKEND(self), &info);
    if (self->discard_data && info.share && !self->readonly && memory->base) {
        (void)madvise(memory->base, memory->size, MADV_REMOVE);
    }
    G_OBJECT_CLASS(tn_memory_backend_file_parent_class)->dispose(object);
}

static void
finalize(GObject *object)
{
    g_free(file_of(object)->mem_path);
    G_OBJECT_CLASS(tn_memory_backend_file_parent_class)->finalize(object);
}

static void
tn_memory_backend_file_init(TnMemoryBackendFile *self)
{
}

static void
tn_memory_backend_file_class_init(TnMemoryBackendFileClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnMemoryBackendClass *backend_class = TN_MEMORY_BACKEND_CLASS(klass);

    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->dispose = dispose;
    object_class->finalize = finalize;
    tn_class->type_name = "memory-backend-file";
    tn_class->description = "guest memory in a file";
    tn_class->user_creatable = TRUE;
    backend_class->open = open_file;
    backend_class->has_contents = TRUE;
    backend_class->map_failed = remove_created;
    g_object_class_install_property(
        object_class, PROP_MEM_PATH,
        g_param_spec_string("mem-path", NULL, "File, or directory for an unnamed file", NULL,
                            TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_ALIGN,
        tn_param_spec_size("align", "Alignment of the memory's address", 0, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_DISCARD_DATA,
        g_param_spec_boolean("discard-data", NULL, "Drop the file's contents at the end", FALSE,
                             TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_READONLY,
        g_param_spec_boolean("readonly", NULL, "Open and map the file read-only", FALSE,
                             TN_PARAM_RW));
}
