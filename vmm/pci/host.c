/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration mechanism #1: the address port 0xcf8 and the data port 0xcfc. */
#include "vmm/pci/host.h"

#define TN_PCI_HOST_PORT_ADDRESS 0xcf8
#define TN_PCI_HOST_PORT_DATA 0xcfc
/* Port 0xcf9 as an offset in the address register. */
#define TN_PCI_HOST_RESET_OFFSET 1

/* Of "pci" in system memory: a BAR that a guest puts over RAM hides none of it. */
#define TN_PCI_HOST_PRIORITY (-1)

#define TN_PCI_HOST_ENABLE 0x80000000u
#define TN_PCI_HOST_BUS(address) (((address) >> 16) & 0xff)
#define TN_PCI_HOST_DEVFN(address) ((int)(((address) >> 8) & 0xff))
#define TN_PCI_HOST_REGISTER(address) ((address) & 0xfc)
/* Bits 30:24 and 1:0 are reserved and read as zero. */
#define TN_PCI_HOST_ADDRESS_BITS 0x80fffffcu

struct _TnPciHost {
    TnDevice parent_instance;

    TnPciBus *bus;
    TnMemoryRegion pci_region;
    TnMemoryRegion address_region;
    TnMemoryRegion data_region;

    const TnMemoryRegionOps *reset_ops;
    void *reset_opaque;

    /* Atomic: a guest's CPUs take turns on the pair of ports by a lock of theirs. */
    guint32 address;
};

G_DEFINE_FINAL_TYPE(TnPciHost, tn_pci_host, TN_TYPE_DEVICE)

static uint64_t
address_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPciHost *self = opaque;

    if (addr == 0 && size == 4) {
        return __atomic_load_n(&self->address, __ATOMIC_RELAXED);
    }
    if (addr == TN_PCI_HOST_RESET_OFFSET && size == 1 && self->reset_ops) {
        return self->reset_ops->read(self->reset_opaque, 0, 1);
    }
    return UINT64_MAX;
}

static void
address_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPciHost *self = opaque;

    if (addr == 0 && size == 4) {
        __atomic_store_n(&self->address, (guint32)value & TN_PCI_HOST_ADDRESS_BITS,
                         __ATOMIC_RELAXED);
    } else if (addr == TN_PCI_HOST_RESET_OFFSET && size == 1 && self->reset_ops) {
        self->reset_ops->write(self->reset_opaque, 0, value, 1);
    }
}

static uint64_t
data_read(void *opaque, uint64_t addr, unsigned size)
{
    TnPciHost *self = opaque;
    guint32 address = __atomic_load_n(&self->address, __ATOMIC_RELAXED);

    if (!(address & TN_PCI_HOST_ENABLE)) {
        return UINT64_MAX;
    }
    return tn_pci_bus_routed_read(self->bus, TN_PCI_HOST_BUS(address),
                                  TN_PCI_HOST_DEVFN(address),
                                  TN_PCI_HOST_REGISTER(address) + (unsigned)addr, size);
}

static void
data_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnPciHost *self = opaque;
    guint32 address = __atomic_load_n(&self->address, __ATOMIC_RELAXED);

    if (address & TN_PCI_HOST_ENABLE) {
        tn_pci_bus_routed_write(self->bus, TN_PCI_HOST_BUS(address), TN_PCI_HOST_DEVFN(address),
                                TN_PCI_HOST_REGISTER(address) + (unsigned)addr, (guint32)value,
                                size);
    }
}

static const TnMemoryRegionOps address_ops = {
    .read = address_read,
    .write = address_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

static const TnMemoryRegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .valid = { .min = 1, .max = 4 },
    .impl = { .min = 1, .max = 4 },
};

TnPciHost *
tn_pci_host_new(const TnPlatform *platform)
{
    TnPciHost *self = g_object_new(TN_TYPE_PCI_HOST, NULL);

    tn_device_set_platform(TN_DEVICE(self), platform);
    return self;
}

TnPciBus *
tn_pci_host_get_bus(TnPciHost *self)
{
    return self->bus;
}

void
tn_pci_host_set_reset_port(TnPciHost *self, const TnMemoryRegionOps *ops, void *opaque)
{
    self->reset_ops = ops;
    self->reset_opaque = opaque;
}

static gboolean
tn_pci_host_realize(TnDevice *device, GError **error)
{
    TnPciHost *self = TN_PCI_HOST(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_region_init(&self->pci_region, platform->memory, G_OBJECT(self), "pci",
                          TN_SIZE_WHOLE);
    tn_pci_bus_set_spaces(self->bus, &self->pci_region, platform->system_io);
    tn_memory_region_init_io(&self->address_region, platform->memory, G_OBJECT(self),
                             &address_ops, self, "pci-conf-idx", 4);
    tn_memory_region_init_io(&self->data_region, platform->memory, G_OBJECT(self), &data_ops,
                             self, "pci-conf-data", 4);
    tn_memory_begin(platform->memory);
    tn_memory_region_add_subregion_overlap(platform->system_memory, 0, &self->pci_region,
                                           TN_PCI_HOST_PRIORITY);
    tn_memory_region_add_subregion(platform->system_io, TN_PCI_HOST_PORT_ADDRESS,
                                   &self->address_region);
    tn_memory_region_add_subregion(platform->system_io, TN_PCI_HOST_PORT_DATA,
                                   &self->data_region);
    tn_memory_commit(platform->memory);
    return TRUE;
}

static void
tn_pci_host_unrealize(TnDevice *device)
{
    TnPciHost *self = TN_PCI_HOST(device);
    const TnPlatform *platform = tn_device_get_platform(device);

    tn_memory_begin(platform->memory);
    tn_memory_region_del_subregion(platform->system_io, &self->data_region);
    tn_memory_region_del_subregion(platform->system_io, &self->address_region);
    tn_memory_region_del_subregion(platform->system_memory, &self->pci_region);
    tn_memory_commit(platform->memory);
}

static void
tn_pci_host_reset(TnDevice *device)
{
    __atomic_store_n(&TN_PCI_HOST(device)->address, 0, __ATOMIC_RELAXED);
}

static void
tn_pci_host_finalize(GObject *object)
{
    TnPciHost *self = TN_PCI_HOST(object);

    tn_memory_region_done(&self->data_region);
    tn_memory_region_done(&self->address_region);
    tn_memory_region_done(&self->pci_region);
    g_clear_object(&self->bus);
    G_OBJECT_CLASS(tn_pci_host_parent_class)->finalize(object);
}

static const TnStateField state_fields[] = {
    TN_STATE_FIELD(TN_STATE_U32, TnPciHost, address),
    TN_STATE_END,
};

static const TnStateTable state_table = {
    .name = "i440FX-pcihost",
    .version = 1,
    .fields = state_fields,
};

static void
tn_pci_host_class_init(TnPciHostClass *klass)
{
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnDeviceClass *device_class = TN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tn_pci_host_finalize;
    tn_class->type_name = "i440FX-pcihost";
    tn_class->description = "PCI host of the i440FX: configuration mechanism #1";
    device_class->realize = tn_pci_host_realize;
    device_class->unrealize = tn_pci_host_unrealize;
    device_class->reset = tn_pci_host_reset;
    device_class->state = &state_table;
}

static void
tn_pci_host_init(TnPciHost *self)
{
    self->bus = tn_pci_bus_new();
    tn_object_add_child(TN_OBJECT(self), "pci.0", TN_OBJECT(self->bus), NULL);
}
