/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake machine. */
#include "fake-machine.h"

#include "vmm/backend/memory-backend.h"
#include "vmm/core/clock.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/core/reset.h"
#include "vmm/core/stats.h"
#include "vmm/core/type-registry.h"
#include "vmm/memory/coalesced.h"
#include "vmm/memory/iommu.h"

#include <string.h>

struct _TnMachine {
    TnObject parent_instance;
    TnMachineConfig *config;
    TnPlatform platform;
    TnObject *root;
    TnMemoryRegion system_memory, system_io;
    TnMemoryRegion ram, flash, bar, device, iommu; /* in no container until asked for */
    FakeCounts counts;
};

G_DEFINE_TYPE(TnMachine, tn_machine, TN_TYPE_OBJECT)

/* A device of which any number can be plugged: "fake-device" with a slot. */
#define FAKE_TYPE_DEVICE (fake_device_get_type())
G_DECLARE_FINAL_TYPE(FakeDevice, fake_device, FAKE, DEVICE, TnDevice)

struct _FakeDevice {
    TnDevice parent_instance;
    int slot;
    guint64 size;
    gboolean live;
};

G_DEFINE_TYPE(FakeDevice, fake_device, TN_TYPE_DEVICE)

enum { PROP_0, PROP_SLOT, PROP_SIZE, PROP_LIVE };

static void
fake_device_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    FakeDevice *self = FAKE_DEVICE(object);

    if (id == PROP_SLOT) {
        g_value_set_int(value, self->slot);
    } else if (id == PROP_SIZE) {
        g_value_set_uint64(value, self->size);
    } else {
        g_value_set_boolean(value, self->live);
    }
}

static void
fake_device_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    FakeDevice *self = FAKE_DEVICE(object);

    if (id == PROP_SLOT) {
        self->slot = g_value_get_int(value);
    } else {
        self->live = g_value_get_boolean(value);
    }
}

static void
fake_device_class_init(FakeDeviceClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    TN_OBJECT_CLASS(klass)->type_name = "fake-device";
    TN_OBJECT_CLASS(klass)->user_creatable = TRUE;
    TN_DEVICE_CLASS(klass)->bus = "ISA";
    object_class->get_property = fake_device_get_property;
    object_class->set_property = fake_device_set_property;
    g_object_class_install_property(
        object_class, PROP_SLOT,
        g_param_spec_int("slot", NULL, "Where it is", -1, 255, -1, TN_PARAM_RW));
    g_object_class_install_property(object_class, PROP_SIZE,
                                    tn_param_spec_size("size", NULL, 0, TN_PARAM_RO));
    g_object_class_install_property(object_class, PROP_LIVE,
                                    g_param_spec_boolean("live", NULL, NULL, FALSE,
                                                         TN_PARAM_RW | TN_PARAM_LIVE_WRITABLE));
}

static void
fake_device_init(FakeDevice *self)
{
    self->slot = -1;
    self->size = 128 * 1024 * 1024;
}

static const TnGetTypeFunc fake_types[] = { fake_device_get_type, tn_memory_backend_ram_get_type,
                                            tn_memory_backend_file_get_type, NULL };

void
fake_machine_register_types(void)
{
    tn_type_registry_init(fake_types);
}

#define COUNTER(name)                                                                              \
    static void on_##name(void *opaque)                                                            \
    {                                                                                              \
        TN_MACHINE(opaque)->counts.name++;                                                         \
    }

COUNTER(pause)
COUNTER(resume)
COUNTER(reset)
COUNTER(powerdown)

static void
on_quit(void *opaque, int status)
{
    TN_MACHINE(opaque)->counts.quit++;
}

static void
on_suspend(void *opaque)
{
}

static gboolean
on_wake(void *opaque, TnWakeupReason reason)
{
    return TRUE;
}

static uint8_t host_memory[0x2000] __attribute__((aligned(0x1000)));

static TnIommuEntry
translate_nothing(TnMemoryRegion *mr, uint64_t addr, TnIommuPerm perm, unsigned index)
{
    return (TnIommuEntry){ .iova = { addr, addr } };
}

static const TnMemoryRegionOps no_ops = { 0 };
static const TnIommuOps no_iommu_ops = { .translate = translate_nothing };

static void
make_regions(TnMachine *self)
{
    const TnRamBlock block = { .host = host_memory, .fd = -1 };
    TnMemory *memory = self->platform.memory;

    tn_memory_region_init_ram(&self->ram, memory, NULL, "fake.ram", 0x2000, &block);
    tn_memory_region_init_rom_device(&self->flash, memory, NULL, &no_ops, NULL, "flash", 0x1000,
                                     &block);
    tn_memory_region_init_ram_device(&self->bar, memory, NULL, "bar", 0x1000, &block);
    tn_memory_region_init_io(&self->device, memory, NULL, &no_ops, NULL, "device", 0x100);
    tn_memory_region_init_iommu(&self->iommu, memory, NULL, &no_iommu_ops, NULL, "iommu", 0x1000);
}

void
fake_machine_map_memory(TnMachine *self)
{
    TnMemoryRegion *system = &self->system_memory;

    tn_memory_begin(self->platform.memory);
    tn_memory_region_add_subregion(system, 0, &self->ram);
    tn_memory_region_add_subregion(system, 0x10000, &self->flash);
    tn_memory_region_add_subregion(system, 0x20000, &self->bar);
    tn_memory_region_add_subregion_overlap(system, 0x20800, &self->device, 1);
    tn_memory_region_add_subregion(system, 0x30000, &self->iommu);
    tn_memory_region_add_eventfd(&self->device, 0x10, 4, true, 7, 0);
    tn_memory_region_add_eventfd(&self->device, 0x20, 0, false, 0, 0);
    tn_memory_region_add_coalescing(&self->device, 0x80, 8);
    tn_memory_commit(self->platform.memory);
}

static void
free_regions(TnMachine *self)
{
    TnMemoryRegion *all[] = { &self->ram, &self->flash, &self->bar, &self->device, &self->iommu };

    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i]->container) {
            tn_memory_region_del_subregion(all[i]->container, all[i]);
        }
    }
    tn_memory_synchronize(self->platform.memory);
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        tn_memory_region_done(all[i]);
    }
}

static const TnRunStateOps run_state_ops = {
    .pause_vcpus = on_pause,
    .resume_vcpus = on_resume,
    .reset = on_reset,
    .powerdown = on_powerdown,
    .quit = on_quit,
    .hold_vcpu = on_suspend,
    .suspend = on_suspend,
    .wake = on_wake,
};

static void
make_memory(TnMachine *self)
{
    TnPlatform *p = &self->platform;

    p->memory = tn_memory_new();
    tn_memory_region_init(&self->system_memory, p->memory, NULL, "system", TN_SIZE_WHOLE);
    tn_memory_region_init(&self->system_io, p->memory, NULL, "io", 0x10000);
    p->system_memory = &self->system_memory;
    p->system_io = &self->system_io;
    p->memory_space = tn_address_space_new(p->memory, p->system_memory, "memory");
    p->io_space = tn_address_space_new(p->memory, p->system_io, "I/O");
    make_regions(self);
}

TnMachine *
fake_machine_new(const char *name)
{
    TnMachine *self = g_object_new(TN_TYPE_MACHINE, NULL);
    TnPlatform *p = &self->platform;
    TnMachineConfig *config = g_new0(TnMachineConfig, 1);

    config->name = g_strdup(name);
    config->uuid = name ? g_strdup("c7a5fdbd-edaf-9455-926a-d65c16db1809") : NULL;
    config->cpu_model = g_strdup("host");
    config->cpus = 2;
    config->max_cpus = 4;
    config->sockets = 2;
    config->dies = 1;
    config->cores = 2;
    config->threads = 1;
    config->ram_size = 256 * 1024 * 1024;
    config->num_numa = 1;
    config->numa = g_new0(TnNumaNode, 1);
    config->numa[0].cpus[0] = 0xf;
    self->config = config;

    self->root = tn_object_new_root();
    (void)tn_object_ensure_container(self->root, "objects");
    (void)tn_object_ensure_container(self->root, "chardevs");
    (void)tn_object_add_child(self->root, "machine", TN_OBJECT(self), NULL);
    (void)tn_object_ensure_container(TN_OBJECT(self), "peripheral");
    make_memory(self);
    p->clock = tn_clock_new();
    p->events = tn_events_new();
    p->trace = tn_hotplug_trace_new(p->events);
    p->run_state = tn_run_state_new(p->clock, p->events, &run_state_ops, self);
    p->root = self->root;
    return self;
}

static void
tn_machine_finalize(GObject *object)
{
    TnMachine *self = TN_MACHINE(object);
    TnPlatform *p = &self->platform;

    tn_run_state_free(p->run_state);
    tn_hotplug_trace_free(p->trace);
    tn_events_free(p->events);
    tn_clock_free(p->clock);
    tn_address_space_free(p->memory_space);
    tn_address_space_free(p->io_space);
    free_regions(self);
    tn_memory_region_done(&self->system_memory);
    tn_memory_region_done(&self->system_io);
    tn_memory_free(p->memory);
    g_free(self->config->name);
    g_free(self->config->uuid);
    g_free(self->config->cpu_model);
    g_free(self->config->numa);
    g_free(self->config);
    G_OBJECT_CLASS(tn_machine_parent_class)->finalize(object);
}

static void
tn_machine_class_init(TnMachineClass *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "pc-i440fx-7.2-machine";
    G_OBJECT_CLASS(klass)->finalize = tn_machine_finalize;
}

static void
tn_machine_init(TnMachine *self)
{
}

const FakeCounts *
fake_machine_counts(TnMachine *self)
{
    return &self->counts;
}

const TnMachineConfig *
tn_machine_get_config(TnMachine *self)
{
    return self->config;
}

const TnPlatform *
tn_machine_get_platform(TnMachine *self)
{
    return &self->platform;
}

TnObject *
tn_machine_get_root(TnMachine *self)
{
    return self->root;
}

static TnObject *
container(TnMachine *self, const char *path)
{
    return tn_object_resolve(self->root, path, NULL);
}

gboolean
tn_machine_object_add(TnMachine *self, const char *type, const char *id, json_object *props,
                      TnPropertyInput input, GError **error)
{
    static const char *const skip[] = { "qom-type", "id", NULL };
    g_autoptr(TnObject) object = g_object_new(tn_type_registry_find(type), NULL);

    return tn_object_set_properties_json(object, props, skip, input, self->root, error) &&
           tn_object_add_child(container(self, "/objects"), id, object, error);
}

gboolean
tn_machine_object_del(TnMachine *self, const char *id, GError **error)
{
    TnObject *object = tn_object_get_child(container(self, "/objects"), id);

    if (!object) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "object '%s' not found", id);
        return FALSE;
    }
    tn_object_unparent(object);
    return TRUE;
}

gboolean
tn_machine_device_add(TnMachine *self, json_object *props, TnPropertyInput input, GError **error)
{
    static const char *const skip[] = { "driver", "id", "bus", NULL };
    const char *driver = json_object_get_string(json_object_object_get(props, "driver"));
    const char *id = json_object_get_string(json_object_object_get(props, "id"));
    GType type = tn_type_registry_find(driver);
    g_autoptr(TnObject) device = NULL;

    if (type == G_TYPE_INVALID || !g_type_is_a(type, TN_TYPE_DEVICE)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "'%s' is not a valid device model name", driver);
        return FALSE;
    }
    device = g_object_new(type, NULL);
    tn_device_set_id(TN_DEVICE(device), id);
    tn_device_set_platform(TN_DEVICE(device), &self->platform);
    return tn_object_set_properties_json(device, props, skip, input, self->root, error) &&
           tn_object_add_child(container(self, "/machine/peripheral"), id, device, error) &&
           tn_device_realize(TN_DEVICE(device), error);
}

gboolean
tn_machine_device_del(TnMachine *self, const char *id, GError **error)
{
    TnObject *device = tn_object_resolve(self->root, id, error);
    json_object *data;
    g_autofree char *path = NULL;

    if (!device) {
        return FALSE;
    }
    path = tn_object_get_path(device);
    tn_object_unparent(device);
    data = json_object_new_object();
    json_object_object_add(data, "device", json_object_new_string(id));
    json_object_object_add(data, "path", json_object_new_string(path));
    tn_events_emit(self->platform.events, "DEVICE_DELETED", data);
    return TRUE;
}

unsigned
tn_machine_get_cpu_count(TnMachine *self)
{
    return self->config->max_cpus;
}

void
tn_machine_get_cpu_info(TnMachine *self, unsigned index, TnCpuInfo *ret_info)
{
    static const char *const paths[] = { "/machine/unattached/device[0]",
                                         "/machine/unattached/device[1]" };

    *ret_info = (TnCpuInfo){
        .index = index,
        .present = index < 2,
        .thread_id = index < 2 ? 1000 + (int)index : 0,
        .socket_id = index / 2,
        .core_id = index % 2,
        .has_node = TRUE,
        .qom_path = index < 2 ? paths[index] : NULL,
    };
}

char *
tn_machine_print_irqchip(TnMachine *self)
{
    return NULL;
}

char *
tn_machine_print_registers(TnMachine *self, unsigned index)
{
    return g_strdup_printf("RAX=%016x\n", index);
}

char *
tn_machine_print_lapic(TnMachine *self, unsigned index)
{
    return g_strdup_printf("local APIC of CPU %u\n", index);
}

/* APIC ids are even. */
int
tn_machine_find_apic_id(TnMachine *self, guint64 apic_id)
{
    return apic_id % 2 == 0 && apic_id < 4 ? (int)apic_id / 2 : -1;
}

gboolean
tn_machine_has_stats(TnMachine *self)
{
    return TRUE;
}

static void
free_stat(gpointer data)
{
    g_free(((TnStat *)data)->name);
    g_free(((TnStat *)data)->values);
    g_free(data);
}

static TnStat *
add_stat(GPtrArray *stats, const char *name, guint64 value)
{
    TnStat *stat = g_new0(TnStat, 1);

    stat->name = g_strdup(name);
    stat->base = 10;
    stat->n_values = 1;
    stat->values = g_new0(guint64, 3);
    stat->values[0] = value;
    g_ptr_array_add(stats, stat);
    return stat;
}

/* Of each kind one; the second CPU has counted more than signed numbers can say. */
GPtrArray *
tn_machine_read_stats(TnMachine *self, int cpu, GError **error)
{
    GPtrArray *stats = g_ptr_array_new_with_free_func(free_stat);
    TnStat *stat;

    if (cpu < 0) {
        add_stat(stats, "remote_tlb_flush", 5);
        stat = add_stat(stats, "pages_4k", 512);
        stat->type = TN_STAT_INSTANT;
        return stats;
    }
    add_stat(stats, "exits", cpu == 0 ? 7 : G_MAXUINT64);
    stat = add_stat(stats, "guest_mode", 1);
    stat->type = TN_STAT_INSTANT;
    stat->unit = TN_STAT_UNIT_BOOLEAN;
    stat = add_stat(stats, "halt_wait_hist", 1);
    stat->type = TN_STAT_LOG2_HISTOGRAM;
    stat->unit = TN_STAT_UNIT_SECONDS;
    stat->exponent = -9;
    stat->n_values = 3;
    stat->values[2] = 4;
    return stats;
}

void
tn_machine_foreach_memory_device(TnMachine *self, TnMemoryDeviceFunc func, gpointer user_data)
{
    static const TnMemoryDeviceInfo info = {
        .id = "dimm0",
        .addr = 0x100000000,
        .size = 0x8000000,
        .memdev_path = "/objects/m0",
        .hotplugged = TRUE,
        .hotpluggable = TRUE,
    };

    func(&info, user_data);
}

/* A bridge, and behind it a function with two BARs. */
json_object *
tn_machine_query_pci(TnMachine *self)
{
    json_object *reply = json_tokener_parse(
        "[{'bus': 0, 'devices': [{'bus': 0, 'slot': 3, 'function': 0, 'class_info': "
        "{'desc': 'PCI bridge', 'class': 1540}, 'id': {'device': 1, 'vendor': 6966}, "
        "'irq_pin': 0, 'qdev_id': 'br1', 'pci_bridge': {'bus': {'number': 0, 'secondary': 1, "
        "'subordinate': 1, 'io_range': {'base': 49152, 'limit': 53247}, 'memory_range': "
        "{'base': 3758096384, 'limit': 3759144959}, 'prefetchable_range': {'base': 0, "
        "'limit': 1048575}}, 'devices': [{'bus': 1, 'slot': 2, 'function': 0, 'class_info': "
        "{'class': 255}, 'id': {'device': 4584, 'vendor': 4660, 'subsystem': 4352, "
        "'subsystem-vendor': 6900}, 'irq': 11, 'irq_pin': 1, 'qdev_id': '', 'regions': "
        "[{'bar': 0, 'type': 'memory', 'address': 3758096384, 'size': 1048576, 'prefetch': false, "
        "'mem_type_64': false}, {'bar': 1, 'type': 'io', 'address': -1, 'size': 16}]}]}, "
        "'regions': []}]}]");

    g_assert_nonnull(reply);
    return reply;
}

void
tn_machine_foreach_ospm_status(TnMachine *self, TnOspmFunc func, gpointer user_data)
{
    static const TnOspmInfo plugged = { "dimm0", "0", "DIMM", 1, 0 };
    static const TnOspmInfo empty = { NULL, "1", "DIMM", 0, 0 };

    func(&plugged, user_data);
    func(&empty, user_data);
}

void
tn_machine_foreach_acpi_slot(TnMachine *self, TnAcpiSlotFunc func, gpointer user_data)
{
    static const TnAcpiSlotInfo dimm = {
        .kind = "DIMM",
        .device = "dimm0",
        .path = "/machine/peripheral/dimm0",
        .enabled = TRUE,
        .removable = TRUE,
        .has_ost = TRUE,
        .ost_source = 0x103,
        .ost_status = 0x82,
    };
    static const TnAcpiSlotInfo pci = {
        .kind = "PCI",
        .bus = "br1",
        .slot = 4,
        .path = "/machine/peripheral-anon/device[0]",
        .functions = 2,
        .enabled = TRUE,
        .inserting = TRUE,
        .removing = TRUE,
        .pending = TRUE,
    };
    static const TnAcpiSlotInfo empty = {
        .kind = "PCI",
        .bus = "pci.0",
        .slot = 5,
        .removable = TRUE,
    };

    func(&dimm, user_data);
    func(&pci, user_data);
    func(&empty, user_data);
}

/* One device, one map. */
json_object *
tn_machine_query_dma_maps(TnMachine *self)
{
    return json_tokener_parse("[{\"groups\": [{\"group\": 7, \"devices\": [\"0000:00:06.0\"]}],"
                              " \"maps\": [{\"iova\": 0, \"size\": 8192,"
                              " \"region\": \"fake.ram\", \"offset\": 0,"
                              " \"readonly\": false}],"
                              " \"max-maps\": 65535, \"free-maps\": 65534}]");
}
