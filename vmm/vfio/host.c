/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine's VFIO: found in the tree, told to the monitor. */
#include "vmm/vfio/host.h"

#include "vmm/vfio/container.h"
#include "vmm/vfio/group.h"

G_DEFINE_FINAL_TYPE(TnVfioHost, tn_vfio_host, TN_TYPE_OBJECT)

static void
tn_vfio_host_finalize(GObject *object)
{
    TnVfioHost *self = TN_VFIO_HOST(object);

    g_assert(self->containers->len == 0);
    g_assert(self->groups->len == 0);
    g_assert(self->functions->len == 0);
    g_ptr_array_unref(self->containers);
    g_ptr_array_unref(self->groups);
    g_ptr_array_unref(self->functions);
    g_rec_mutex_clear(&self->lock);
    G_OBJECT_CLASS(tn_vfio_host_parent_class)->finalize(object);
}

static void
tn_vfio_host_class_init(TnVfioHostClass *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "vfio-host";
    G_OBJECT_CLASS(klass)->finalize = tn_vfio_host_finalize;
}

static void
tn_vfio_host_init(TnVfioHost *self)
{
    self->kernel.ops = &tn_vfio_system_ops;
    self->containers = g_ptr_array_new();
    self->groups = g_ptr_array_new();
    self->functions = g_ptr_array_new();
    g_rec_mutex_init(&self->lock);
}

void
tn_vfio_host_list_add(TnVfioHost *self, GPtrArray *list, gpointer item)
{
    g_rec_mutex_lock(&self->lock);
    g_ptr_array_add(list, item);
    g_rec_mutex_unlock(&self->lock);
}

void
tn_vfio_host_list_remove(TnVfioHost *self, GPtrArray *list, gpointer item)
{
    g_rec_mutex_lock(&self->lock);
    (void)g_ptr_array_remove(list, item);
    g_rec_mutex_unlock(&self->lock);
}

TnVfioHost *
tn_vfio_host_of(TnObject *object)
{
    TnObject *parent, *host;

    while ((parent = tn_object_get_parent(object)) != NULL) {
        object = parent;
    }
    host = tn_object_get_child(object, "vfio");
    return host ? TN_VFIO_HOST(host) : tn_vfio_host_install(object, &tn_vfio_system_ops, NULL);
}

TnVfioHost *
tn_vfio_host_install(TnObject *root, const TnVfioOps *ops, void *opaque)
{
    g_autoptr(TnVfioHost) host = g_object_new(TN_TYPE_VFIO_HOST, NULL);

    host->kernel = (TnVfioKernel){ ops, opaque };
    g_assert_true(tn_object_add_child(root, "vfio", TN_OBJECT(host), NULL));
    return host;
}

static void
describe_map(const TnVfioMap *map, gpointer maps)
{
    json_object *reply = json_object_new_object();

    json_object_object_add(reply, "iova", json_object_new_uint64(map->iova));
    json_object_object_add(reply, "size", json_object_new_uint64(map->size));
    json_object_object_add(reply, "region", json_object_new_string(map->region));
    json_object_object_add(reply, "offset", json_object_new_uint64(map->offset));
    json_object_object_add(reply, "readonly", json_object_new_boolean(map->readonly));
    json_object_array_add(maps, reply);
}

static json_object *
describe_group(TnVfioGroup *group)
{
    json_object *reply = json_object_new_object();
    json_object *devices = json_object_new_array();

    for (unsigned i = 0; i < tn_vfio_group_get_devices(group)->len; i++) {
        json_object_array_add(
            devices, json_object_new_string(tn_vfio_group_get_devices(group)->pdata[i]));
    }
    json_object_object_add(reply, "group", json_object_new_int64(tn_vfio_group_get_number(group)));
    json_object_object_add(reply, "devices", devices);
    return reply;
}

static json_object *
describe_container(TnVfioHost *host, TnVfioContainer *container)
{
    json_object *reply = json_object_new_object();
    json_object *groups = json_object_new_array();
    json_object *maps = json_object_new_array();
    guint64 limit, left;

    for (unsigned i = 0; i < host->groups->len; i++) {
        TnVfioGroup *group = host->groups->pdata[i];

        if (tn_vfio_group_get_container(group) == container &&
            tn_vfio_group_get_devices(group)->len > 0) {
            json_object_array_add(groups, describe_group(group));
        }
    }
    tn_vfio_container_foreach_map(container, describe_map, maps);
    json_object_object_add(reply, "groups", groups);
    json_object_object_add(reply, "maps", maps);
    if (tn_vfio_container_get_limit(container, &limit, &left)) {
        json_object_object_add(reply, "max-maps", json_object_new_uint64(limit));
        json_object_object_add(reply, "free-maps", json_object_new_uint64(left));
    }
    return reply;
}

json_object *
tn_vfio_describe_dma_maps(TnObject *root)
{
    TnObject *host = tn_object_get_child(root, "vfio");
    json_object *reply = json_object_new_array();

    for (unsigned i = 0; host && i < TN_VFIO_HOST(host)->containers->len; i++) {
        TnVfioContainer *container = TN_VFIO_HOST(host)->containers->pdata[i];

        if (tn_vfio_container_is_active(container)) {
            json_object_array_add(reply, describe_container(TN_VFIO_HOST(host), container));
        }
    }
    return reply;
}
