/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMware's backdoor port (docs/specs/vmport.md): one port whose accesses are calls with parameters
 * in the CPU's registers.
 */
#include "vmm/hw/vmport.h"

#include "vmm/core/fast-path.h"
#include "vmm/memory/region.h"

#include <string.h>

#define MAGIC 0x564d5868u

/* ECX, low half. */
enum {
    COMMAND_VERSION = 10,
    COMMAND_UUID = 19,
    COMMAND_RAM_SIZE = 20,
    COMMAND_HZ = 45,
    COMMAND_VCPU_INFO = 68,
};

#define VERSION 6u
#define PRODUCT_ESX 2u
#define RAM_SIZE_EBX 0x1177u
#define UNKNOWN 0xffffffffu
#define VCPU_LEGACY_X2APIC_OK 0x8u

struct _TnVmport {
    TnDevice parent_instance;

    TnVmportConfig config;
    TnMemoryRegion io;
};

G_DEFINE_FINAL_TYPE(TnVmport, tn_vmport, TN_TYPE_DEVICE)

static guint32
uuid_word(const TnVmport *self, unsigned n)
{
    guint32 word;

    memcpy(&word, &self->config.uuid[4 * n], sizeof(word));
    return GUINT32_FROM_LE(word);
}

/* What becomes of EAX; other registers are changed in @regs. */
static guint32
call(const TnVmport *self, TnGuestRegisters *regs)
{
    if ((guint32)regs->rax != MAGIC) {
        return UNKNOWN;
    }
    switch (regs->rcx & 0xffff) {
    case COMMAND_VERSION:
        regs->rbx = MAGIC;
        regs->rcx = PRODUCT_ESX;
        return VERSION;
    case COMMAND_UUID:
        regs->rbx = uuid_word(self, 1);
        regs->rcx = uuid_word(self, 2);
        regs->rdx = uuid_word(self, 3);
        return uuid_word(self, 0);
    case COMMAND_RAM_SIZE:
        regs->rbx = RAM_SIZE_EBX;
        return (guint32)self->config.ram_size;
    case COMMAND_HZ:
        regs->rbx = UNKNOWN; /* frequencies are not known */
        return (guint32)regs->rax;
    case COMMAND_VCPU_INFO:
        return VCPU_LEGACY_X2APIC_OK;
    default:
        return UNKNOWN;
    }
}

static uint64_t
port_read(void *opaque, uint64_t addr, unsigned size)
{
    TnVmport *self = opaque;
    const TnFastPath *path = tn_device_get_platform(TN_DEVICE(self))->fast_path;
    TnGuestRegisters regs;

    /* The region is as wide as an access may be; the port is one. */
    if (addr != 0 || !path || !path->get_registers || !path->get_registers(path->opaque, &regs)) {
        return UNKNOWN;
    }
    regs.rax = call(self, &regs);
    path->set_registers(path->opaque, &regs);
    return regs.rax;
}

/* As good as a read. */
static void
port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    (void)port_read(opaque, addr, size);
}

static const TnMemoryRegionOps port_ops = {
    .read = port_read,
    .write = port_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

TnVmport *
tn_vmport_new(const TnPlatform *platform, const TnVmportConfig *config)
{
    TnVmport *self = g_object_new(TN_TYPE_VMPORT, NULL);

    self->config = *config;
    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

static gboolean
tn_vmport_realize(TnDevice *device, GError **error)
{
    TnVmport *self = TN_VMPORT(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_init_io(&self->io, platform->memory, G_OBJECT(self), &port_ops, self,
                             "vmport", 4);
    tn_memory_region_add_subregion(platform->system_io, TN_VMPORT_PORT, &self->io);
    return TRUE;
}

static void
tn_vmport_unrealize(TnDevice *device)
{
    TnVmport *self = TN_VMPORT(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_del_subregion(platform->system_io, &self->io);
    tn_memory_synchronize(platform->memory);
    tn_memory_region_done(&self->io);
}

/* Nothing is kept between two calls. */
static const TnStateField state_fields[] = { TN_STATE_END };
static const TnStateTable state_table = { .name = "vmport", .version = 1, .fields = state_fields };

static void
tn_vmport_class_init(TnVmportClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    tn_class->type_name = "vmport";
    tn_class->description = "VMware's backdoor port";
    device_class->bus = "ISA";
    device_class->hotpluggable = FALSE;
    device_class->state = &state_table;
    device_class->realize = tn_vmport_realize;
    device_class->unrealize = tn_vmport_unrealize;
}

static void
tn_vmport_init(TnVmport *self)
{
}
