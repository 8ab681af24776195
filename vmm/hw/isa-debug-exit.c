/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * isa-debug-exit: a write of v ends the process with status (v << 1) | 1, so that a
 * test suite in the guest can say how it went. docs/specs/test-devices.md.
 *
 * The device has no state. Locks: none needed, properties are constant once realized.
 */
#include "vmm/hw/isa-debug-exit.h"

#include "vmm/core/property.h"
#include "vmm/core/run-state.h"
#include "vmm/memory/region.h"

#define TN_ISA_DEBUG_EXIT_PORT 0x501
#define TN_ISA_DEBUG_EXIT_SIZE 2
#define LAST_PORT 0xffffu

struct _TnIsaDebugExit {
    TnDevice parent_instance;

    guint32 iobase;
    guint32 iosize;
    TnMemoryRegion io;
};

G_DEFINE_FINAL_TYPE(TnIsaDebugExit, tn_isa_debug_exit, TN_TYPE_DEVICE)

enum {
    PROP_IOBASE = 1,
    PROP_IOSIZE,
};

static uint64_t
debug_exit_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void
debug_exit_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(opaque));

    tn_run_state_request_exit(platform->run_state, (int)(((guint32)value << 1) | 1));
}

static const TnMemoryRegionOps debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 4, .unaligned = true },
};

static gboolean
tn_isa_debug_exit_realize(TnDevice *device, GError **error)
{
    TnIsaDebugExit *self = TN_ISA_DEBUG_EXIT(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    if (self->iosize == 0 || self->iobase > LAST_PORT ||
        self->iosize - 1 > LAST_PORT - self->iobase) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "isa-debug-exit: 'iobase' 0x%x and 'iosize' 0x%x are not within ports "
                    "0..0xffff",
                    self->iobase, self->iosize);
        return FALSE;
    }
    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &debug_exit_ops, self,
                             "isa-debug-exit", self->iosize);
    /* The user chose the address: it may lie on somebody else's. */
    tn_memory_region_add_subregion_overlap(platform->system_io, self->iobase, &self->io, 0);
    return TRUE;
}

static void
tn_isa_debug_exit_unrealize(TnDevice *device)
{
    TnIsaDebugExit *self = TN_ISA_DEBUG_EXIT(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->io);
}

static void
tn_isa_debug_exit_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnIsaDebugExit *self = TN_ISA_DEBUG_EXIT(object);

    switch (id) {
    case PROP_IOBASE:
        g_value_set_uint(value, self->iobase);
        break;
    case PROP_IOSIZE:
        g_value_set_uint(value, self->iosize);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_isa_debug_exit_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnIsaDebugExit *self = TN_ISA_DEBUG_EXIT(object);

    switch (id) {
    case PROP_IOBASE:
        self->iobase = g_value_get_uint(value);
        break;
    case PROP_IOSIZE:
        self->iosize = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_isa_debug_exit_class_init(TnIsaDebugExitClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    object_class->get_property = tn_isa_debug_exit_get_property;
    object_class->set_property = tn_isa_debug_exit_set_property;
    tn_class->type_name = "isa-debug-exit";
    tn_class->description = "A port through which the guest ends the process";
    tn_class->user_creatable = TRUE;
    device_class->bus = "ISA";
    device_class->realize = tn_isa_debug_exit_realize;
    device_class->unrealize = tn_isa_debug_exit_unrealize;

    g_object_class_install_property(
        object_class, PROP_IOBASE,
        g_param_spec_uint("iobase", NULL, "First port", 0, G_MAXUINT32, TN_ISA_DEBUG_EXIT_PORT,
                          TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_IOSIZE,
        g_param_spec_uint("iosize", NULL, "Number of ports", 0, G_MAXUINT32,
                          TN_ISA_DEBUG_EXIT_SIZE, TN_PARAM_RW));
}

static void
tn_isa_debug_exit_init(TnIsaDebugExit *self)
{
    self->iobase = TN_ISA_DEBUG_EXIT_PORT;
    self->iosize = TN_ISA_DEBUG_EXIT_SIZE;
}
