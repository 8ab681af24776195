/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System control port A of the PS/2 architecture. */
#include "vmm/hw/port92.h"

#include "vmm/core/run-state.h"
#include "vmm/memory/region.h"

#define TN_PORT92_PORT 0x92

#define TN_PORT92_RESET 0x01 /* from 0 to 1 */
#define TN_PORT92_A20 0x02   /* state only: address line 20 is never masked under KVM */

struct _TnPort92 {
    TnDevice parent_instance;

    TnMemoryRegion io;
    guint8 value; /* atomic */
};

G_DEFINE_FINAL_TYPE(TnPort92, tn_port92, TN_TYPE_DEVICE)

static uint64_t
port92_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPort92 *self = opaque;

    return __atomic_load_n(&self->value, __ATOMIC_RELAXED);
}

static void
port92_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPort92 *self = opaque;
    guint8 before = __atomic_exchange_n(&self->value, (guint8)value, __ATOMIC_RELAXED);

    if (value & ~before & TN_PORT92_RESET) {
        tn_run_state_request_reset(tn_device_get_platform(TN_DEVICE(self))->run_state,
                                   TN_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const TnMemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .valid = { .min = 1, .max = 1 },
    .impl = { .min = 1, .max = 1 },
};

TnPort92 *
tn_port92_new(const TnPlatform *platform)
{
    TnPort92 *self = g_object_new(TN_TYPE_PORT92, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static void
tn_port92_reset(TnDevice *device)
{
    __atomic_store_n(&TN_PORT92(device)->value, TN_PORT92_A20, __ATOMIC_RELAXED);
}

static gboolean
tn_port92_realize(TnDevice *device, GError **error)
{
    TnPort92 *self = TN_PORT92(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_port92_reset(device);
    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &port92_ops, self,
                             "port92", 1);
    tn_memory_region_add_subregion(platform->system_io, TN_PORT92_PORT, &self->io);
    return TRUE;
}

static void
tn_port92_unrealize(TnDevice *device)
{
    TnPort92 *self = TN_PORT92(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->io);
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U8, TnPort92, value),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "port92",
    .version = 1,
    .fields = state_fields,
};

static void
tn_port92_class_init(TnPort92Class *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    tn_class->type_name = "port92";
    tn_class->description = "System control port A";
    device_class->bus = "ISA";
    device_class->realize = tn_port92_realize;
    device_class->unrealize = tn_port92_unrealize;
    device_class->reset = tn_port92_reset;
    device_class->state = &state_table;
}

static void
tn_port92_init(TnPort92 *self)
{
}
