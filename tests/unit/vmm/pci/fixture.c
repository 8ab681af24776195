/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host, a function to try things on, and recorders. */
#include "tests/unit/vmm/pci/fixture.h"

#include <sys/mman.h>

typedef struct TnPciProbeClass {
    TnPciDeviceClass parent_class;
} TnPciProbeClass;

GType tn_pci_probe_get_type(void);
G_DEFINE_FINAL_TYPE(TnPciProbe, tn_pci_probe, TN_TYPE_PCI_DEVICE)

static gboolean
tn_pci_probe_realize(TnPciDevice *pci, GError **error)
{
    TnPciProbe *self = (TnPciProbe *)pci;

    return !self->set_up || self->set_up(self, error);
}

static void
tn_pci_probe_unrealize(TnPciDevice *pci)
{
    TnPciProbe *self = (TnPciProbe *)pci;

    if (self->take_down) {
        self->take_down(self);
    }
    for (unsigned i = 0; i < TN_PCI_NUM_REGIONS; i++) {
        tn_memory_region_done(&self->regions[i]);
    }
}

static void
tn_pci_probe_finalize(GObject *object)
{
    g_string_free(((TnPciProbe *)object)->log, TRUE);
    G_OBJECT_CLASS(tn_pci_probe_parent_class)->finalize(object);
}

static void
tn_pci_probe_class_init(TnPciProbeClass *klass)
{
    TnPciDeviceClass *pci_class = (TnPciDeviceClass *)klass;

    G_OBJECT_CLASS(klass)->finalize = tn_pci_probe_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "pci-probe";
    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->class_id = 0xff0000;
    pci_class->interrupt_pin = 1;
    pci_class->realize = tn_pci_probe_realize;
    pci_class->unrealize = tn_pci_probe_unrealize;
}

static void
tn_pci_probe_init(TnPciProbe *self)
{
    self->log = g_string_new(NULL);
    for (unsigned i = 0; i < TN_PCI_NUM_REGIONS; i++) {
        self->regions_tag[i] = (guint8)(0xa0 + i);
    }
}

static uint64_t
tag_read(void *opaque, uint64_t addr, unsigned size)
{
    return *(const guint8 *)opaque;
}

static void
tag_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const TnMemoryRegionOps tag_ops = {
    .read = tag_read,
    .write = tag_write,
    .valid = { .min = 1, .max = 8 },
    .impl = { .min = 1, .max = 8 },
};

void
pci_add_bar(TnPciProbe *probe, int n, unsigned kind, guint64 size)
{
    const TnPlatform *platform = tn_device_get_platform(TN_DEVICE(probe));
    g_autofree char *name = g_strdup_printf("bar%d", n);

    tn_memory_region_init_io(&probe->regions[n], platform->memory, G_OBJECT(probe), &tag_ops,
                             &probe->regions_tag[n], name, size);
    tn_pci_device_register_bar(TN_PCI_DEVICE(probe), n, kind, &probe->regions[n]);
}

static void
record_message(void *opaque, const TnMsiMessage *message)
{
    PciFixture *f = opaque;

    g_array_append_val(f->messages, *message);
}

static void
record_line(void *opaque, unsigned line, int level)
{
    PciFixture *f = opaque;

    f->levels[line] = level;
    f->changes[line]++;
}

static int
tell_gsi(void *opaque, unsigned line)
{
    return ((PciFixture *)opaque)->gsis[line];
}

static const TnPciIrqRouter recorder = { .set_line = record_line, .get_gsi = tell_gsi };

void
pci_set_up(PciFixture *f, gconstpointer data)
{
    TnRamBlock block = { .fd = -1 };

    f->p = tn_test_platform_new();
    f->messages = g_array_new(FALSE, FALSE, sizeof(TnMsiMessage));
    f->fast_path = (TnFastPath){ .opaque = f, .msi_send = record_message };
    f->p->platform.fast_path = &f->fast_path;
    f->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(f->ram != MAP_FAILED);
    block.host = f->ram;
    tn_memory_region_init_ram(&f->ram_region, f->p->platform.memory, NULL, "ram", RAM_SIZE,
                              &block);
    tn_memory_region_add_subregion(&f->p->system_memory, 0, &f->ram_region);
    f->host = tn_test_realize(f->p, tn_pci_host_new(&f->p->platform));
    f->bus = tn_pci_host_get_bus(f->host);
    for (int i = 0; i < TN_PCI_NUM_LINES; i++) {
        f->gsis[i] = 10 + i;
    }
    tn_pci_bus_set_irq_router(f->bus, &recorder, f);
}

void
pci_tear_down(PciFixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < TN_PCI_NUM_LINES; i++) {
        g_assert_cmpint(f->levels[i], ==, 0);
    }
    tn_pci_bus_set_irq_router(f->bus, NULL, NULL);
    tn_test_drop(f->host);
    tn_memory_region_del_subregion(&f->p->system_memory, &f->ram_region);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&f->ram_region);
    tn_test_platform_free(f->p);
    g_array_unref(f->messages);
    (void)munmap(f->ram, RAM_SIZE);
}

TnPciProbe *
pci_new_probe(PciFixture *f, int devfn)
{
    TnPciProbe *probe = g_object_new(tn_pci_probe_get_type(), NULL);

    tn_device_set_platform(TN_DEVICE(probe), &f->p->platform);
    tn_pci_device_set_address(TN_PCI_DEVICE(probe), f->bus, devfn);
    return probe;
}

TnPciProbe *
pci_add_probe(PciFixture *f, int devfn, gboolean (*set_up)(TnPciProbe *, GError **))
{
    TnPciProbe *probe = pci_new_probe(f, devfn);

    probe->set_up = set_up;
    return tn_test_realize(f->p, probe);
}

guint32
pci_read(PciFixture *f, TnPciProbe *probe, unsigned offset, unsigned size)
{
    return tn_pci_bus_config_read(TN_PCI_DEVICE(probe)->bus, TN_PCI_DEVICE(probe)->devfn, offset,
                                  size);
}

void
pci_write(PciFixture *f, TnPciProbe *probe, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_bus_config_write(TN_PCI_DEVICE(probe)->bus, TN_PCI_DEVICE(probe)->devfn, offset, value,
                            size);
}

guint64
pci_mem_read(PciFixture *f, guint64 addr, unsigned size)
{
    TnAccessCache cache = { 0 };
    guint64 value = 0;

    (void)tn_address_space_access(f->p->platform.memory_space, &cache, addr, &value, size, false);
    return value;
}

TnMemResult
pci_mem_write(PciFixture *f, guint64 addr, guint64 value, unsigned size)
{
    TnAccessCache cache = { 0 };

    return tn_address_space_access(f->p->platform.memory_space, &cache, addr, &value, size, true);
}
