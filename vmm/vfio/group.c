/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups: handed over by name, or opened; in a container while a device of theirs is used. */
#include "vmm/vfio/group.h"

#include "vmm/core/fast-path.h"
#include "vmm/core/fd-source.h"
#include "vmm/core/log.h"
#include "vmm/core/property.h"

#include <errno.h>
#include <linux/vfio.h>

struct _TnVfioGroup {
    TnObject parent_instance;

    /* Properties. */
    int number;
    char *fd_name, *container_fd_name;

    TnVfioHost *host; /* set when it is registered; outlives it */
    int fd;
    int container_fd;           /* what came with it, until a container is made of it */
    TnVfioContainer *container; /* NULL before the first join */
    GPtrArray *devices;         /* names of the open ones */
    const TnPlatform *platform; /* while a device is open */
    gboolean told_kvm;
};

G_DEFINE_FINAL_TYPE(TnVfioGroup, tn_vfio_group, TN_TYPE_OBJECT)

enum { PROP_0, PROP_GROUP, PROP_FD, PROP_CONTAINER_FD };

/* Whether all of its devices are in our hands. */
static gboolean
check_viable(const TnVfioKernel *kernel, int fd, int number, GError **error)
{
    struct vfio_group_status status = { .argsz = sizeof status };

    if (tn_vfio_ioctl(kernel, fd, VFIO_GROUP_GET_STATUS, &status) < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "failed to get group %d status: %s", number, g_strerror(errno));
        return FALSE;
    }
    if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "group %d is not viable\nPlease ensure all devices within the iommu_group "
                    "are bound to their vfio bus driver.",
                    number);
        return FALSE;
    }
    return TRUE;
}

static void
set_host(TnVfioGroup *self, TnVfioHost *host)
{
    self->host = host;
    tn_vfio_host_list_add(host, host->groups, self);
}

TnVfioGroup *
tn_vfio_group_find(TnVfioHost *host, int number)
{
    for (unsigned i = 0; i < host->groups->len; i++) {
        TnVfioGroup *group = host->groups->pdata[i];

        if (group->number == number) {
            return group;
        }
    }
    return NULL;
}

/* object-add: the descriptors' names become descriptors. */
static gboolean
tn_vfio_group_complete(TnObject *object, GError **error)
{
    TnVfioGroup *self = TN_VFIO_GROUP(object);
    TnVfioHost *host = tn_vfio_host_of(object);
    int fd, container_fd;

    if (self->number < 0 || !self->fd_name || !self->container_fd_name) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Parameter '%s' is missing",
                    self->number < 0 ? "group" : !self->fd_name ? "fd" : "container-fd");
        return FALSE;
    }
    if (tn_vfio_group_find(host, self->number)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "group %d is in use already", self->number);
        return FALSE;
    }
    fd = tn_fd_source_take(object, "fd", self->fd_name, error);
    if (fd < 0) {
        return FALSE;
    }
    container_fd = tn_fd_source_take(object, "container-fd", self->container_fd_name, error);
    if (container_fd < 0 || !check_viable(&host->kernel, fd, self->number, error)) {
        tn_vfio_close(&host->kernel, &container_fd);
        tn_vfio_close(&host->kernel, &fd);
        return FALSE;
    }
    set_host(self, host);
    self->fd = fd;
    self->container_fd = container_fd;
    return TRUE;
}

static gboolean
tn_vfio_group_is_complete(TnObject *object)
{
    return TN_VFIO_GROUP(object)->host != NULL;
}

static gboolean
tn_vfio_group_can_be_deleted(TnObject *object)
{
    return TN_VFIO_GROUP(object)->devices->len == 0;
}

static void
tn_vfio_group_dispose(GObject *object)
{
    TnVfioGroup *self = TN_VFIO_GROUP(object);

    if (self->host) {
        g_assert(self->devices->len == 0);
        tn_vfio_host_list_remove(self->host, self->host->groups, self);
        g_clear_pointer(&self->container, tn_vfio_container_unref);
        tn_vfio_close(&self->host->kernel, &self->container_fd);
        tn_vfio_close(&self->host->kernel, &self->fd);
        self->host = NULL;
    }
    G_OBJECT_CLASS(tn_vfio_group_parent_class)->dispose(object);
}

static void
tn_vfio_group_finalize(GObject *object)
{
    TnVfioGroup *self = TN_VFIO_GROUP(object);

    g_ptr_array_unref(self->devices);
    g_free(self->fd_name);
    g_free(self->container_fd_name);
    G_OBJECT_CLASS(tn_vfio_group_parent_class)->finalize(object);
}

static void
tn_vfio_group_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnVfioGroup *self = TN_VFIO_GROUP(object);

    switch (id) {
    case PROP_GROUP:
        g_value_set_int(value, self->number);
        break;
    case PROP_FD:
        g_value_set_string(value, self->fd_name);
        break;
    case PROP_CONTAINER_FD:
        g_value_set_string(value, self->container_fd_name);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_vfio_group_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnVfioGroup *self = TN_VFIO_GROUP(object);

    switch (id) {
    case PROP_GROUP:
        self->number = g_value_get_int(value);
        break;
    case PROP_FD:
        g_free(self->fd_name);
        self->fd_name = g_value_dup_string(value);
        break;
    case PROP_CONTAINER_FD:
        g_free(self->container_fd_name);
        self->container_fd_name = g_value_dup_string(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_vfio_group_class_init(TnVfioGroupClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);

    tn_class->type_name = "vfio-group";
    tn_class->description = "IOMMU group whose descriptors are handed over";
    tn_class->user_creatable = TRUE;
    tn_class->complete = tn_vfio_group_complete;
    tn_class->is_complete = tn_vfio_group_is_complete;
    tn_class->can_be_deleted = tn_vfio_group_can_be_deleted;
    object_class->dispose = tn_vfio_group_dispose;
    object_class->finalize = tn_vfio_group_finalize;
    object_class->get_property = tn_vfio_group_get_property;
    object_class->set_property = tn_vfio_group_set_property;
    g_object_class_install_property(
        object_class, PROP_GROUP,
        g_param_spec_int("group", NULL, "Number of the IOMMU group", -1, G_MAXINT, -1,
                         TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_FD,
        g_param_spec_string("fd", NULL, "Descriptor of /dev/vfio/GROUP, by getfd's name or number",
                            NULL, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_CONTAINER_FD,
        g_param_spec_string("container-fd", NULL,
                            "Descriptor of /dev/vfio/vfio, by getfd's name or number", NULL,
                            TN_PARAM_RW));
}

static void
tn_vfio_group_init(TnVfioGroup *self)
{
    self->number = -1;
    self->fd = self->container_fd = -1;
    self->devices = g_ptr_array_new_with_free_func(g_free);
}

/* A group of nobody's: opened by itself. (transfer full) */
static TnVfioGroup *
open_group(TnVfioHost *host, int number, GError **error)
{
    const TnVfioKernel *kernel = &host->kernel;
    g_autofree char *path = g_strdup_printf("/dev/vfio/%d", number);
    int fd = kernel->ops->open(kernel->opaque, path);
    TnVfioGroup *self;

    if (fd < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "failed to open %s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    if (!check_viable(kernel, fd, number, error)) {
        tn_vfio_close(kernel, &fd);
        return NULL;
    }
    self = g_object_new(TN_TYPE_VFIO_GROUP, NULL);
    self->number = number;
    self->fd = fd;
    set_host(self, host);
    return self;
}

/* A container of this group's own. (transfer full) */
static TnVfioContainer *
new_container(TnVfioGroup *self, GError **error)
{
    const TnVfioKernel *kernel = &self->host->kernel;
    int fd = self->container_fd;

    if (fd < 0) {
        fd = kernel->ops->open(kernel->opaque, "/dev/vfio/vfio");
    }
    if (fd < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "failed to open /dev/vfio/vfio: %s", g_strerror(errno));
        return NULL;
    }
    self->container_fd = -1;
    return tn_vfio_container_new(self->host, fd, error);
}

/* Into a container: the one it was in, else one that others have, else its own. */
static gboolean
join(TnVfioGroup *self, const TnPlatform *platform, GError **error)
{
    TnVfioHost *host = self->host;
    g_autoptr(TnVfioContainer) own = NULL;

    if (self->container && tn_vfio_container_join(self->container, self->fd, platform, error)) {
        return TRUE;
    }
    if (self->container) {
        return FALSE;
    }
    for (unsigned i = 0; i < host->containers->len; i++) {
        /* One that cannot take it (another IOMMU) says so, and the next is tried. */
        if (tn_vfio_container_join(host->containers->pdata[i], self->fd, platform, NULL)) {
            self->container = tn_vfio_container_ref(host->containers->pdata[i]);
            tn_vfio_close(&host->kernel, &self->container_fd);
            return TRUE;
        }
    }
    own = new_container(self, error);
    if (!own || !tn_vfio_container_join(own, self->fd, platform, error)) {
        return FALSE;
    }
    self->container = g_steal_pointer(&own);
    return TRUE;
}

/* KVM wants to know, for the coherency of caches; devices work without. */
static void
tell_kvm(TnVfioGroup *self)
{
    TnFastPath *fast_path = self->platform->fast_path;
    g_autoptr(GError) error = NULL;

    if (fast_path && fast_path->add_vfio_group) {
        self->told_kvm = fast_path->add_vfio_group(fast_path->opaque, self->fd, &error);
        if (!self->told_kvm) {
            tn_log("vfio: KVM does not take group %d: %s", self->number, error->message);
        }
    }
}

static void
leave(TnVfioGroup *self)
{
    TnFastPath *fast_path = self->platform->fast_path;

    if (self->told_kvm) {
        fast_path->remove_vfio_group(fast_path->opaque, self->fd);
        self->told_kvm = FALSE;
    }
    tn_vfio_container_leave(self->container, self->fd);
    self->platform = NULL;
}

int
tn_vfio_group_open_device(TnVfioHost *host, const TnPlatform *platform, int number,
                          const char *name, TnVfioGroup **ret_group, GError **error)
{
    TnVfioGroup *found = tn_vfio_group_find(host, number);
    g_autoptr(TnVfioGroup) self = found ? g_object_ref(found) : open_group(host, number, error);
    int fd;

    if (!self) {
        return -1;
    }
    if (self->devices->len == 0) {
        if (!join(self, platform, error)) {
            return -1;
        }
        self->platform = platform;
        tell_kvm(self);
    }
    fd = tn_vfio_ioctl(&host->kernel, self->fd, VFIO_GROUP_GET_DEVICE_FD, (void *)(uintptr_t)name);
    if (fd < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "error getting device from group %d: %s\nVerify all devices in group %d are "
                    "bound to vfio-<bus> or pci-stub and not already in use",
                    number, g_strerror(errno), number);
        if (self->devices->len == 0) {
            leave(self);
        }
        return -1;
    }
    tn_vfio_host_list_add(host, self->devices, g_strdup(name));
    *ret_group = g_steal_pointer(&self);
    return fd;
}

void
tn_vfio_group_close_device(TnVfioGroup *self, const char *name, int fd)
{
    guint index;

    tn_vfio_close(&self->host->kernel, &fd);
    g_assert_true(g_ptr_array_find_with_equal_func(self->devices, name, g_str_equal, &index));
    tn_vfio_host_list_remove(self->host, self->devices, self->devices->pdata[index]);
    if (self->devices->len == 0) {
        leave(self);
    }
    g_object_unref(self);
}

int
tn_vfio_group_get_number(TnVfioGroup *self)
{
    return self->number;
}

int
tn_vfio_group_get_fd(TnVfioGroup *self)
{
    return self->fd;
}

const GPtrArray *
tn_vfio_group_get_devices(TnVfioGroup *self)
{
    return self->devices;
}

TnVfioContainer *
tn_vfio_group_get_container(TnVfioGroup *self)
{
    return self->container;
}
