/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's CPUs, and how one comes and goes:
 *
 *   pre_plug: index and APIC id from the properties: refuse or choose
 *   (realize: vCPU and thread, paused)
 *   plug: runs if the guest runs; registers, GPE 2 -> SCI
 *   unplug_request: registers, GPE 2 -> SCI; the guest answers by eject or by _OST
 *   unplug: registers; (unrealize: the thread ends, the vCPU is parked)
 */
#include "vmm/machine/pc-cpus.h"

#include "vmm/acpi/cpu-hotplug.h"
#include "vmm/core/hotplug-handler.h"

#include <string.h>

#define BOOT_CPU 0

struct TnPcCpus {
    TnPcCpusConfig config;
    TnCpuTopology topology;
    TnCpuHost host;
    TnAcpiCpuHotplug *controller;
    unsigned count;
    TnCpu **cpus; /* by index, references; NULL: not there */
};

static gboolean
check_id(const char *name, int id, unsigned count, GError **error)
{
    if (id < 0) {
        return tn_fail(error, "CPU %s is not set", name);
    }
    if ((unsigned)id >= count) {
        return tn_fail(error, "Invalid CPU %s: %d must be in range 0:%u", name, id, count - 1);
    }
    return TRUE;
}

static gboolean
index_from_place(TnPcCpus *self, const TnCpuAddress *a, unsigned *ret_index, GError **error)
{
    const TnCpuTopology *t = &self->topology;
    /* With one die a socket nobody needs to tell which. */
    int die = a->die < 0 && t->dies == 1 ? 0 : a->die;

    if (!check_id("socket-id", a->socket, t->sockets, error) ||
        !check_id("die-id", die, t->dies, error) ||
        !check_id("core-id", a->core, t->cores, error) ||
        !check_id("thread-id", a->thread, t->threads, error)) {
        return FALSE;
    }
    *ret_index = tn_cpu_topology_index(
        t, &(TnCpuPlace){ (unsigned)a->socket, (unsigned)die, (unsigned)a->core,
                          (unsigned)a->thread });
    return TRUE;
}

static gboolean
check_match(const char *name, int given, unsigned id, guint32 apic_id, GError **error)
{
    return given == TN_CPU_UNSET || given == (int)id ||
           tn_fail(error, "property %s: %d doesn't match set apic-id: 0x%x (%s: %u)", name, given,
                   apic_id, name, id);
}

static gboolean
index_from_apic_id(TnPcCpus *self, const TnCpuAddress *a, unsigned *ret_index, GError **error)
{
    TnCpuPlace place = tn_cpu_topology_place_of_apic_id(&self->topology, a->apic_id);

    for (unsigned i = 0; i < self->count; i++) {
        if (tn_cpu_topology_apic_id(&self->topology, i) == a->apic_id) {
            *ret_index = i;
            return TRUE;
        }
    }
    return tn_fail(error,
                   "Invalid CPU [socket: %u, die: %u, core: %u, thread: %u] with APIC ID %u, valid "
                   "index range 0:%u",
                   place.socket, place.die, place.core, place.thread, a->apic_id, self->count - 1);
}

/* Whether all that was given says the same of CPU @index. */
static gboolean
check_agreement(TnPcCpus *self, const TnCpuAddress *a, unsigned index, GError **error)
{
    TnCpuPlace place = tn_cpu_topology_place(&self->topology, index);
    unsigned node = 0;

    if (!check_match("socket-id", a->socket, place.socket, a->apic_id, error) ||
        !check_match("die-id", a->die, place.die, a->apic_id, error) ||
        !check_match("core-id", a->core, place.core, a->apic_id, error) ||
        !check_match("thread-id", a->thread, place.thread, a->apic_id, error)) {
        return FALSE;
    }
    (void)tn_machine_config_find_node(self->config.machine, index, &node);
    return a->node == TN_CPU_UNSET || a->node == (int)node ||
           tn_fail(error, "invalid node-id, must be %u", node);
}

static gboolean
check_type(TnPcCpus *self, TnDevice *device, GError **error)
{
    g_autofree char *wanted = g_strdup_printf("%s-x86_64-cpu", self->config.machine->cpu_model);

    return strcmp(tn_object_get_type_name(TN_OBJECT(device)), wanted) == 0 ||
           tn_fail(error, "Invalid CPU type, expected cpu type: '%s'", wanted);
}

static gboolean
cpu_pre_plug(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcCpus *self = opaque;
    TnCpu *cpu = TN_CPU(device);
    TnCpuAddress address;
    unsigned index = 0;

    tn_cpu_get_address(cpu, &address);
    if (!check_type(self, device, error) ||
        !(address.apic_id == TN_CPU_NO_APIC_ID
              ? index_from_place(self, &address, &index, error)
              : index_from_apic_id(self, &address, &index, error))) {
        return FALSE;
    }
    if (self->cpus[index]) {
        return tn_fail(error, "CPU[%u] with APIC ID %u exists", index,
                       tn_cpu_topology_apic_id(&self->topology, index));
    }
    if (!check_agreement(self, &address, index, error)) {
        return FALSE;
    }
    tn_cpu_set_place(cpu, &self->host, index);
    return TRUE;
}

static void
cpu_plug(gpointer opaque, TnDevice *device)
{
    TnPcCpus *self = opaque;
    TnCpu *cpu = TN_CPU(device);
    unsigned index = tn_cpu_get_index(cpu);

    self->cpus[index] = g_object_ref(cpu);
    if (tn_run_state_get(self->config.platform->run_state) == TN_RUN_STATE_RUNNING) {
        tn_vcpu_resume(tn_cpu_get_vcpu(cpu));
    }
    /* Told last: the CPU waits for its start when the guest looks. */
    tn_acpi_cpu_hotplug_plug(self->controller, index, device, tn_device_is_hotplugged(device));
}

static gboolean
cpu_unplug_request(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcCpus *self = opaque;
    unsigned index = tn_cpu_get_index(TN_CPU(device));

    if (index == BOOT_CPU) {
        return tn_fail(error, "Boot CPU is unpluggable");
    }
    if (!tn_acpi_cpu_hotplug_unplug_request(self->controller, index)) {
        return tn_fail(error, "acpi: device unplug request for not supported device type: %s",
                       tn_object_get_type_name(TN_OBJECT(device)));
    }
    tn_device_set_pending_unplug(device, TRUE);
    return TRUE;
}

static void
cpu_unplug(gpointer opaque, TnDevice *device)
{
    TnPcCpus *self = opaque;
    unsigned index = tn_cpu_get_index(TN_CPU(device));

    tn_acpi_cpu_hotplug_unplug(self->controller, index);
    g_clear_object(&self->cpus[index]);
}

static const TnPcHotplugRow cpu_row = {
    .pre_plug = cpu_pre_plug,
    .plug = cpu_plug,
    .unplug_request = cpu_unplug_request,
    .unplug = cpu_unplug,
};

static void
on_ejected(void *opaque, TnDevice *device)
{
    TnPcCpus *self = opaque;

    tn_hotplug_handler_unplug(self->config.platform->hotplug, device);
}

static void
make_controller(TnPcCpus *self)
{
    g_autofree guint32 *apic_ids = g_new0(guint32, self->count);
    const TnAcpiCpuHotplugConfig config = {
        .memory = self->config.platform->memory,
        .io = self->config.platform->system_io,
        .port = TN_ACPI_CPU_HOTPLUG_PORT,
        .gpe = self->config.gpe,
        .events = self->config.platform->events,
        .apic_ids = apic_ids,
        .cpus = self->count,
        .ejected = on_ejected,
        .opaque = self,
    };

    for (unsigned i = 0; i < self->count; i++) {
        apic_ids[i] = tn_cpu_topology_apic_id(&self->topology, i);
    }
    self->controller = tn_acpi_cpu_hotplug_new(&config);
}

TnPcCpus *
tn_pc_cpus_new(const TnPcCpusConfig *config)
{
    TnPcCpus *self = g_new0(TnPcCpus, 1);

    self->config = *config;
    self->topology = tn_machine_config_get_topology(config->machine);
    self->count = config->machine->max_cpus;
    self->cpus = g_new0(TnCpu *, self->count);
    self->host = (TnCpuHost){
        .config = config->machine,
        .kvm = config->kvm,
        .env = { config->platform->memory_space, config->platform->io_space,
                 config->platform->run_state },
    };
    make_controller(self);
    return self;
}

void
tn_pc_cpus_free(TnPcCpus *self)
{
    if (!self) {
        return;
    }
    tn_pc_cpus_stop(self);
    for (unsigned i = 0; i < self->count; i++) {
        g_clear_object(&self->cpus[i]);
    }
    g_free(self->cpus);
    g_free(self);
}

void
tn_pc_cpus_add_row(TnPcCpus *self, TnPcHotplug *hotplug)
{
    tn_pc_hotplug_add_row(hotplug, TN_TYPE_CPU, &cpu_row, self);
}

static gboolean
make_one(TnPcCpus *self, TnObject *parent, unsigned index, GError **error)
{
    g_autoptr(TnCpu) cpu =
        g_object_new(tn_cpu_find_type(self->config.machine->cpu_model), "apic-id",
                     tn_cpu_topology_apic_id(&self->topology, index), NULL);

    tn_device_set_platform(TN_DEVICE(cpu), self->config.platform);
    tn_object_add_child_numbered(parent, "device", TN_OBJECT(cpu));
    return tn_device_realize(TN_DEVICE(cpu), error);
}

static gboolean
check_model(TnPcCpus *self, GError **error)
{
    const char *model = self->config.machine->cpu_model;

    return tn_cpu_find_type(model) != G_TYPE_INVALID ||
           tn_fail(error,
                   "unable to find CPU model '%s' (there are 'host', 'max', 'qemu64' and "
                   "'Opteron_G1')",
                   model);
}

gboolean
tn_pc_cpus_make_first(TnPcCpus *self, TnObject *parent, GError **error)
{
    unsigned limit = tn_kvm_get_max_vcpus(self->config.kvm);

    if (!check_model(self, error)) {
        return FALSE;
    }
    if (self->count > limit) {
        return tn_fail(
            error,
            "Number of %s cpus requested (%u) exceeds the maximum cpus supported "
            "by KVM (%u)",
            self->config.machine->cpus > limit ? "SMP" : "hotpluggable",
            self->config.machine->cpus > limit ? self->config.machine->cpus : self->count, limit);
    }
    for (unsigned i = 0; i < self->config.machine->cpus; i++) {
        if (!make_one(self, parent, i, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_pc_cpus_stop(TnPcCpus *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (self->cpus[i]) {
            tn_cpu_stop(self->cpus[i]);
        }
    }
    g_clear_pointer(&self->controller, tn_acpi_cpu_hotplug_free);
}

unsigned
tn_pc_cpus_get_count(TnPcCpus *self)
{
    return self->count;
}

TnCpu *
tn_pc_cpus_get(TnPcCpus *self, unsigned index)
{
    return self->cpus[index];
}

void
tn_pc_cpus_get_info(TnPcCpus *self, unsigned index, TnCpuInfo *ret_info)
{
    TnCpuPlace place = tn_cpu_topology_place(&self->topology, index);
    TnCpu *cpu = self->cpus[index];
    TnVcpu *vcpu = cpu ? tn_cpu_get_vcpu(cpu) : NULL;
    TnCpuInfo info = {
        .index = index,
        .present = cpu != NULL,
        .socket_id = place.socket,
        .die_id = place.die,
        .has_die = self->topology.dies > 1,
        .core_id = place.core,
        .thread_in_core = place.thread,
        .thread_id = vcpu ? tn_vcpu_get_thread_id(vcpu) : 0,
        .qom_path = cpu ? tn_cpu_get_path(cpu) : NULL,
    };

    info.has_node = tn_machine_config_find_node(self->config.machine, index, &info.node_id);
    *ret_info = info;
}

void
tn_pc_cpus_describe(TnPcCpus *self, TnAcpiCpu *ret_list)
{
    for (unsigned i = 0; i < self->count; i++) {
        unsigned node = 0;

        (void)tn_machine_config_find_node(self->config.machine, i, &node);
        ret_list[i] = (TnAcpiCpu){
            .apic_id = (guint8)tn_cpu_topology_apic_id(&self->topology, i),
            .node = (guint8)node,
            .present = self->cpus[i] != NULL,
        };
    }
}

void
tn_pc_cpus_foreach_ospm_status(TnPcCpus *self, TnOspmFunc func, gpointer user_data)
{
    if (!self->controller || !tn_acpi_cpu_hotplug_is_modern(self->controller)) {
        return;
    }
    for (unsigned i = 0; i < self->count; i++) {
        TnOspmInfo info = { .slot_type = "CPU" };
        TnDevice *device;

        tn_acpi_cpu_hotplug_get_ost(self->controller, i, &device, &info.source, &info.status);
        (void)g_snprintf(info.slot, sizeof info.slot, "%u", i);
        info.device = device ? tn_device_get_id(device) : NULL;
        func(&info, user_data);
    }
}

static void
describe_slot(TnPcCpus *self, unsigned index, TnAcpiSlotFunc func, gpointer user_data)
{
    guint8 flags = tn_acpi_cpu_hotplug_get_flags(self->controller, index);
    g_autofree char *path = NULL;
    TnDevice *device;
    TnAcpiSlotInfo info = {
        .kind = "CPU",
        .slot = index,
        .enabled = (flags & TN_ACPI_CPU_ENABLED) != 0,
        .inserting = (flags & TN_ACPI_CPU_INSERTING) != 0,
        .removing = (flags & TN_ACPI_CPU_REMOVING) != 0,
        .removable = index != BOOT_CPU,
    };

    tn_acpi_cpu_hotplug_get_ost(self->controller, index, &device, &info.ost_source,
                                &info.ost_status);
    info.has_ost = info.ost_source != 0 || info.ost_status != 0;
    if (device) {
        path = tn_object_get_path(TN_OBJECT(device));
        info.device = tn_device_get_id(device);
        info.pending = tn_device_is_pending_unplug(device);
    }
    info.path = path;
    func(&info, user_data);
}

void
tn_pc_cpus_foreach_acpi_slot(TnPcCpus *self, TnAcpiSlotFunc func, gpointer user_data)
{
    for (unsigned i = 0; self->controller && i < self->count; i++) {
        describe_slot(self, i, func, user_data);
    }
}

void
tn_pc_cpus_pause(TnPcCpus *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (self->cpus[i]) {
            tn_vcpu_request_pause(tn_cpu_get_vcpu(self->cpus[i]));
        }
    }
    for (unsigned i = 0; i < self->count; i++) {
        if (self->cpus[i]) {
            tn_vcpu_wait_paused(tn_cpu_get_vcpu(self->cpus[i]));
        }
    }
}

void
tn_pc_cpus_resume(TnPcCpus *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (self->cpus[i]) {
            tn_vcpu_notify_stopped(tn_cpu_get_vcpu(self->cpus[i]));
            tn_vcpu_resume(tn_cpu_get_vcpu(self->cpus[i]));
        }
    }
}

gboolean
tn_pc_cpus_set_start(TnPcCpus *self, const TnVcpuStart *start, GError **error)
{
    return tn_vcpu_set_start(tn_cpu_get_vcpu(self->cpus[BOOT_CPU]), start, error);
}

gboolean
tn_pc_cpus_reset(TnPcCpus *self, GError **error)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (self->cpus[i] && !tn_vcpu_reset(tn_cpu_get_vcpu(self->cpus[i]), error)) {
            return FALSE;
        }
    }
    return TRUE;
}
