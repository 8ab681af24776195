/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pc-dimm: a memory backend in a slot. docs/specs/acpi-memory-hotplug.md. */
#include "vmm/hw/pc-dimm.h"

#include "vmm/core/property.h"

struct _TnPcDimm {
    TnDevice parent_instance;

    guint64 addr;
    int slot;
    guint32 node;
    TnMemoryBackend *memdev; /* reference */
};

G_DEFINE_FINAL_TYPE(TnPcDimm, tn_pc_dimm, TN_TYPE_DEVICE)

enum { PROP_0, PROP_ADDR, PROP_SLOT, PROP_NODE, PROP_MEMDEV, PROP_SIZE, N_PROPS };

static GParamSpec *props[N_PROPS];

TnMemoryBackend *
tn_pc_dimm_get_memdev(TnPcDimm *self)
{
    return self->memdev;
}

guint64
tn_pc_dimm_get_addr(TnPcDimm *self)
{
    return self->addr;
}

int
tn_pc_dimm_get_slot(TnPcDimm *self)
{
    return self->slot;
}

guint32
tn_pc_dimm_get_node(TnPcDimm *self)
{
    return self->node;
}

void
tn_pc_dimm_set_place(TnPcDimm *self, guint64 addr, unsigned slot)
{
    g_return_if_fail(!tn_device_is_realized(TN_DEVICE(self)));
    self->addr = addr;
    self->slot = (int)slot;
}

TnMemoryRegion *
tn_pc_dimm_get_region(TnPcDimm *self)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(self));

    return self->memdev && platform
               ? tn_memory_backend_get_region(self->memdev, platform->memory)
               : NULL;
}

static gboolean
realize(TnDevice *device, GError **error)
{
    TnPcDimm *self = TN_PC_DIMM(device);

    if (!self->memdev) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "'memdev' property is not set");
        return FALSE;
    }
    if (tn_memory_backend_is_mapped(self->memdev)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "can't use already busy memdev: %s",
                    tn_object_get_name(TN_OBJECT(self->memdev)));
        return FALSE;
    }
    tn_memory_backend_set_mapped(self->memdev, TRUE);
    return TRUE;
}

static void
unrealize(TnDevice *device)
{
    tn_memory_backend_set_mapped(TN_PC_DIMM(device)->memdev, FALSE);
}

static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnPcDimm *self = TN_PC_DIMM(object);

    switch (id) {
    case PROP_ADDR:
        self->addr = g_value_get_uint64(value);
        break;
    case PROP_SLOT:
        self->slot = g_value_get_int(value);
        break;
    case PROP_NODE:
        self->node = g_value_get_uint(value);
        break;
    case PROP_MEMDEV:
        g_set_object(&self->memdev, g_value_get_object(value));
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnPcDimm *self = TN_PC_DIMM(object);
    TnMemoryRegion *region;

    switch (id) {
    case PROP_ADDR:
        g_value_set_uint64(value, self->addr);
        break;
    case PROP_SLOT:
        g_value_set_int(value, self->slot);
        break;
    case PROP_NODE:
        g_value_set_uint(value, self->node);
        break;
    case PROP_MEMDEV:
        g_value_set_object(value, self->memdev);
        break;
    case PROP_SIZE:
        region = tn_pc_dimm_get_region(self);
        g_value_set_uint64(value, region ? tn_memory_region_size(region) : 0);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
dispose(GObject *object)
{
    /* The parent unrealizes, which needs the backend still. */
    G_OBJECT_CLASS(tn_pc_dimm_parent_class)->dispose(object);
    g_clear_object(&TN_PC_DIMM(object)->memdev);
}

static void
tn_pc_dimm_init(TnPcDimm *self)
{
    self->slot = TN_PC_DIMM_ANY_SLOT;
}

static void
tn_pc_dimm_class_init(TnPcDimmClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    object_class->set_property = set_property;
    object_class->get_property = get_property;
    object_class->dispose = dispose;
    tn_class->type_name = "pc-dimm";
    tn_class->description = "DIMM memory module";
    tn_class->user_creatable = TRUE;
    device_class->hotpluggable = TRUE;
    device_class->realize = realize;
    device_class->unrealize = unrealize;

    props[PROP_ADDR] = g_param_spec_uint64("addr", NULL, "Guest address, 0: the lowest that fits",
                                           0, G_MAXUINT64, 0, TN_PARAM_RW);
    props[PROP_SLOT] = g_param_spec_int("slot", NULL, "Slot, -1: the lowest that is free",
                                        G_MININT32, G_MAXINT32, TN_PC_DIMM_ANY_SLOT, TN_PARAM_RW);
    props[PROP_NODE] = g_param_spec_uint("node", NULL, "NUMA node of the guest", 0, G_MAXUINT32,
                                         0, TN_PARAM_RW);
    props[PROP_MEMDEV] = g_param_spec_object("memdev", NULL, "Memory backend",
                                             TN_TYPE_MEMORY_BACKEND, TN_PARAM_RW);
    props[PROP_SIZE] = g_param_spec_uint64("size", NULL, "Bytes of memory", 0, G_MAXUINT64, 0,
                                           TN_PARAM_RO);
    g_object_class_install_properties(object_class, N_PROPS, props);
}
