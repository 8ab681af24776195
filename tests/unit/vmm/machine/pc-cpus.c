/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPUs that come and go, from device_add to DEVICE_DELETED, with the test in the guest's
 * part (GPE0 at 0xafe0, the controller at 0xaf00) and in KVM's: vCPUs only count.
 */
#include "tests/lib/test-platform.h"
#include "vmm/acpi/cpu-hotplug.h"
#include "vmm/machine/pc-cpus.h"

#include <string.h>

#define MAX_VCPUS 6

struct TnVcpu {
    unsigned index;
    gboolean running;
    unsigned resets;
};

/* The fake KVM: how many vCPUs live, and whether it makes another. */
static unsigned live_vcpus;
static gboolean refuse_vcpus;

TnVcpu *
tn_vcpu_new(TnKvm *kvm, unsigned index, const TnCpuModel *model, const TnVcpuEnv *env,
            GError **error)
{
    TnVcpu *vcpu;

    if (refuse_vcpus) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "KVM_CREATE_VCPU failed");
        return NULL;
    }
    g_assert_cmpstr(model->name, ==, "host");
    vcpu = g_new0(TnVcpu, 1);
    vcpu->index = index;
    live_vcpus++;
    return vcpu;
}

uint64_t
tn_vcpu_get_exit_count(TnVcpu *vcpu)
{
    return 40 + vcpu->index;
}

void
tn_vcpu_free(TnVcpu *vcpu)
{
    live_vcpus--;
    g_free(vcpu);
}

gboolean
tn_vcpu_reset(TnVcpu *vcpu, GError **error)
{
    g_assert_false(vcpu->running);
    vcpu->resets++;
    return TRUE;
}

gboolean
tn_vcpu_set_start(TnVcpu *vcpu, const TnVcpuStart *start, GError **error)
{
    return vcpu->index == 0;
}

void
tn_vcpu_request_pause(TnVcpu *vcpu)
{
    vcpu->running = FALSE;
}

void
tn_vcpu_wait_paused(TnVcpu *vcpu)
{
    g_assert_false(vcpu->running);
}

void
tn_vcpu_resume(TnVcpu *vcpu)
{
    vcpu->running = TRUE;
}

void
tn_vcpu_notify_stopped(TnVcpu *vcpu)
{
    g_assert_false(vcpu->running);
}

int
tn_vcpu_get_thread_id(TnVcpu *vcpu)
{
    return 1000 + (int)vcpu->index;
}

unsigned
tn_kvm_get_max_vcpus(TnKvm *kvm)
{
    return MAX_VCPUS;
}

typedef struct {
    TnTestPlatform *p;
    TnAcpiSci sci;
    TnAcpiGpe gpe;
    TnPcHotplug *hotplug;
    TnPcCpus *cpus;
    TnMachineConfig config;
    TnNumaNode node;
    TnObject *unattached, *peripheral;
} Fixture;

/* Two of six CPUs, three cores in each of two sockets. */
static void
set_up(Fixture *f, gconstpointer data)
{
    TnPcHotplugConfig hotplug = { .ram_end = 1ULL << 32, .ram_size = 1 << 20,
                                  .max_ram_size = 1 << 20 };
    TnPcCpusConfig cpus;
    g_autoptr(GError) error = NULL;

    f->config = (TnMachineConfig){ .cpu_model = (char *)"host", .cpus = 2, .max_cpus = 6,
                                   .sockets = 2, .dies = 1, .cores = 3, .threads = 1 };
    f->node.cpus[0] = 0x3f;
    f->config.numa = &f->node;
    f->config.num_numa = 1;
    f->p = tn_test_platform_new();
    tn_acpi_sci_init(&f->sci, &f->p->platform.isa_irqs[9]);
    tn_acpi_gpe_init(&f->gpe, f->p->platform.memory, f->p->platform.system_io, TN_ACPI_GPE0_PORT,
                     &f->sci);
    hotplug.platform = &f->p->platform;
    hotplug.gpe = &f->gpe;
    f->hotplug = tn_pc_hotplug_new(&hotplug, &error);
    g_assert_no_error(error);
    f->p->platform.hotplug = TN_HOTPLUG_HANDLER(f->hotplug);
    f->unattached = tn_object_ensure_container(f->p->platform.root, "unattached");
    f->peripheral = tn_object_ensure_container(f->p->platform.root, "peripheral");
    cpus = (TnPcCpusConfig){ .machine = &f->config, .platform = &f->p->platform, .gpe = &f->gpe };
    f->cpus = tn_pc_cpus_new(&cpus);
    tn_pc_cpus_add_row(f->cpus, f->hotplug);
    g_assert_true(tn_pc_cpus_make_first(f->cpus, f->unattached, &error));
    g_assert_no_error(error);
    /* The guest's ACPI code comes up. */
    tn_test_out(f->p, TN_ACPI_CPU_HOTPLUG_PORT, 0, 4);
}

static void
unparent_child(TnObject *child, gpointer user_data)
{
    tn_object_unparent(child);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_pc_cpus_stop(f->cpus);
    g_assert_cmpuint(live_vcpus, ==, 0);
    tn_pc_hotplug_shut_down(f->hotplug);
    f->p->platform.hotplug = NULL;
    g_object_unref(f->hotplug);
    tn_object_foreach_child(f->peripheral, unparent_child, NULL);
    tn_object_foreach_child(f->unattached, unparent_child, NULL);
    tn_pc_cpus_free(f->cpus);
    tn_acpi_gpe_done(&f->gpe);
    tn_acpi_sci_done(&f->sci);
    tn_test_platform_free(f->p);
}

/* device_add: @props in pairs of name and value. NULL with @error when it is refused. */
static TnCpu *
try_plug(Fixture *f, const char *id, const char *props, GError **error)
{
    g_autoptr(TnCpu) cpu = g_object_new(TN_TYPE_CPU, NULL);
    json_object *json = json_tokener_parse(props);
    gboolean ok;

    tn_device_set_id(TN_DEVICE(cpu), id);
    tn_device_set_platform(TN_DEVICE(cpu), &f->p->platform);
    tn_device_set_hotplugged(TN_DEVICE(cpu), TRUE);
    ok = tn_object_add_child(f->peripheral, id, TN_OBJECT(cpu), error) &&
         tn_object_set_properties_json(TN_OBJECT(cpu), json, NULL, TN_PROPERTY_STRICT,
                                       f->p->platform.root, error);
    json_object_put(json);
    if (!ok || !tn_device_realize(TN_DEVICE(cpu), error)) {
        tn_object_unparent(TN_OBJECT(cpu));
        return NULL;
    }
    return cpu;
}

static TnCpu *
plug(Fixture *f, const char *id, unsigned index)
{
    g_autofree char *props = g_strdup_printf("{\"socket-id\":%u,\"core-id\":%u,\"thread-id\":0}",
                                             index / 3, index % 3);
    g_autoptr(GError) error = NULL;
    TnCpu *cpu = try_plug(f, id, props, &error);

    g_assert_no_error(error);
    return cpu;
}

static void
refuse(Fixture *f, const char *props, const char *text)
{
    g_autoptr(GError) error = NULL;
    unsigned before = live_vcpus;

    g_assert_null(try_plug(f, "x", props, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, text);
    g_assert_cmpuint(live_vcpus, ==, before);
    g_assert_null(tn_object_get_child(f->peripheral, "x"));
}

static void
test_first_ones(Fixture *f, gconstpointer data)
{
    TnAcpiCpu shown[6];

    g_assert_cmpuint(live_vcpus, ==, 2);
    tn_pc_cpus_describe(f->cpus, shown);
    g_assert_true(shown[1].present && !shown[2].present);
    g_assert_cmpuint(shown[3].apic_id, ==, 4);
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->gpe), ==, 0);
}

static void
test_plug_runs_and_is_told(Fixture *f, gconstpointer data)
{
    TnCpu *cpu = plug(f, "c4", 4);
    TnCpuInfo info;
    guint apic_id;

    g_assert_true(tn_cpu_get_vcpu(cpu)->running);
    g_assert_cmpuint(tn_cpu_get_vcpu(cpu)->resets, ==, 1);
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->gpe), ==, 4);
    g_object_get(cpu, "apic-id", &apic_id, NULL);
    g_assert_cmpuint(apic_id, ==, 5);
    tn_pc_cpus_get_info(f->cpus, 4, &info);
    g_assert_true(info.present && info.has_node && !info.has_die);
    g_assert_cmpuint(info.socket_id, ==, 1);
    g_assert_cmpuint(info.core_id, ==, 1);
    g_assert_cmpint(info.thread_id, ==, 1004);
    g_assert_cmpstr(info.qom_path, ==, "/peripheral/c4");
}

/* What a client reads before and after, to see that interrupts take no exit. */
static void
test_exits_are_shown(Fixture *f, gconstpointer data)
{
    g_autoptr(TnCpu) idle = g_object_new(TN_TYPE_CPU, NULL);
    guint64 exits;

    g_object_get(plug(f, "c4", 4), "exits", &exits, NULL);
    g_assert_cmpuint(exits, ==, 44);
    g_object_get(idle, "exits", &exits, NULL);
    g_assert_cmpuint(exits, ==, 0);
}

static void
test_plug_while_stopped_waits(Fixture *f, gconstpointer data)
{
    TnCpu *cpu;

    tn_run_state_stop(f->p->platform.run_state);
    tn_pc_cpus_pause(f->cpus);
    cpu = plug(f, "c2", 2);
    g_assert_false(tn_cpu_get_vcpu(cpu)->running);
    tn_pc_cpus_resume(f->cpus);
    g_assert_true(tn_cpu_get_vcpu(cpu)->running);
}

static void
test_apic_id_is_enough(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(try_plug(f, "c5", "{\"apic-id\":6}", &error));
    g_assert_nonnull(tn_pc_cpus_get(f->cpus, 5));
}

static void
test_refusals(Fixture *f, gconstpointer data)
{
    refuse(f, "{}", "CPU socket-id is not set");
    refuse(f, "{\"socket-id\":-3,\"core-id\":0,\"thread-id\":0}", "CPU socket-id is not set");
    refuse(f, "{\"socket-id\":0,\"thread-id\":0}", "CPU core-id is not set");
    refuse(f, "{\"socket-id\":0,\"core-id\":2}", "CPU thread-id is not set");
    refuse(f, "{\"socket-id\":2,\"core-id\":0,\"thread-id\":0}",
           "Invalid CPU socket-id: 2 must be in range 0:1");
    refuse(f, "{\"socket-id\":0,\"core-id\":3,\"thread-id\":0}",
           "Invalid CPU core-id: 3 must be in range 0:2");
    refuse(f, "{\"socket-id\":0,\"core-id\":2,\"thread-id\":1}",
           "Invalid CPU thread-id: 1 must be in range 0:0");
    refuse(f, "{\"socket-id\":0,\"core-id\":2,\"thread-id\":0,\"die-id\":1}",
           "Invalid CPU die-id: 1 must be in range 0:0");
    refuse(f, "{\"socket-id\":0,\"core-id\":1,\"thread-id\":0}", "CPU[1] with APIC ID 1 exists");
    refuse(f, "{\"socket-id\":0,\"core-id\":2,\"thread-id\":0,\"node-id\":1}",
           "invalid node-id, must be 0");
    refuse(f, "{\"apic-id\":3}", "Invalid CPU [socket: 0, die: 0, core: 3, thread: 0] with APIC "
                                 "ID 3, valid index range 0:5");
    refuse(f, "{\"apic-id\":5,\"core-id\":2}",
           "property core-id: 2 doesn't match set apic-id: 0x5 (core-id: 1)");
    refuse_vcpus = TRUE;
    refuse(f, "{\"apic-id\":5}", "KVM_CREATE_VCPU failed");
    refuse_vcpus = FALSE;
    g_assert_nonnull(plug(f, "c4", 4));
}

static void
test_another_model_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDevice) cpu = g_object_new(TN_TYPE_CPU_MAX, "apic-id", 5, NULL);
    g_autoptr(GError) error = NULL;

    tn_device_set_platform(cpu, &f->p->platform);
    g_assert_false(tn_device_realize(cpu, &error));
    g_assert_cmpstr(error->message, ==,
                    "Invalid CPU type, expected cpu type: 'host-x86_64-cpu'");
}

/* Each model that KVM's part knows has its type of CPU. */
static void
test_models_have_types(void)
{
    static const char *const models[] = { "host", "max", "qemu64", "Opteron_G1" };

    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        g_autofree char *name = g_strdup_printf("%s-x86_64-cpu", models[i]);
        g_autoptr(TnObject) cpu = g_object_new(tn_cpu_find_type(models[i]), NULL);

        g_assert_cmpstr(tn_object_get_type_name(cpu), ==, name);
    }
    g_assert_cmpuint(tn_cpu_find_type("i8080"), ==, G_TYPE_INVALID);
}

static void
eject(Fixture *f, unsigned index)
{
    tn_test_out(f->p, TN_ACPI_CPU_HOTPLUG_PORT, index, 4);
    tn_test_outb(f->p, TN_ACPI_CPU_HOTPLUG_PORT + 4, TN_ACPI_CPU_EJECT);
    tn_test_iterate();
}

static void
test_unplug(Fixture *f, gconstpointer data)
{
    TnDevice *device = TN_DEVICE(plug(f, "c2", 2));
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_hotplug_handler_unplug_request(f->p->platform.hotplug, device, &error));
    g_assert_true(tn_device_is_pending_unplug(device));
    g_assert_cmpuint(live_vcpus, ==, 3);
    eject(f, 2);
    g_assert_cmpuint(live_vcpus, ==, 2);
    g_assert_null(tn_pc_cpus_get(f->cpus, 2));
    g_assert_nonnull(strstr(f->p->events->str,
                            "DEVICE_DELETED {\"device\":\"c2\",\"path\":\"\\/peripheral\\/c2\"}"));
    g_assert_nonnull(plug(f, "c2", 2));
}

static void
test_guest_may_let_go_unasked(Fixture *f, gconstpointer data)
{
    eject(f, 1);
    g_assert_cmpuint(live_vcpus, ==, 1);
    eject(f, 0);
    g_assert_cmpuint(live_vcpus, ==, 1);
}

static void
test_boot_cpu_stays(Fixture *f, gconstpointer data)
{
    TnDevice *boot = TN_DEVICE(tn_pc_cpus_get(f->cpus, 0));
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_handler_unplug_request(f->p->platform.hotplug, boot, &error));
    g_assert_cmpstr(error->message, ==, "Boot CPU is unpluggable");
}

static void
test_reset_with_a_pending_unplug(Fixture *f, gconstpointer data)
{
    TnDevice *device = TN_DEVICE(plug(f, "c2", 2));
    TnAcpiCpu shown[6];
    g_autoptr(GError) error = NULL;

    (void)tn_hotplug_handler_unplug_request(f->p->platform.hotplug, device, &error);
    tn_pc_cpus_pause(f->cpus);
    tn_acpi_gpe_reset(&f->gpe);
    g_assert_true(tn_pc_cpus_reset(f->cpus, &error));
    tn_pc_cpus_describe(f->cpus, shown);
    g_assert_true(shown[2].present);
    g_assert_true(tn_device_is_pending_unplug(device));
    tn_pc_cpus_resume(f->cpus);
    /* Asked again, the next kernel hears of it. */
    g_assert_true(tn_hotplug_handler_unplug_request(f->p->platform.hotplug, device, &error));
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->gpe), ==, 4);
    eject(f, 2);
    g_assert_null(tn_pc_cpus_get(f->cpus, 2));
}

static void
count_status(const TnOspmInfo *info, gpointer user_data)
{
    unsigned *count = user_data;

    g_assert_cmpstr(info->slot_type, ==, "CPU");
    g_assert_cmpint(g_ascii_strtoll(info->slot, NULL, 10), ==, *count);
    (*count)++;
}

static void
test_ospm_status_of_all(Fixture *f, gconstpointer data)
{
    unsigned count = 0;

    tn_pc_cpus_foreach_ospm_status(f->cpus, count_status, &count);
    g_assert_cmpuint(count, ==, 6);
}

static void
test_too_many_for_kvm(Fixture *f, gconstpointer data)
{
    TnMachineConfig large = f->config;
    TnPcCpusConfig config = { .machine = &large, .platform = &f->p->platform, .gpe = &f->gpe };
    g_autoptr(GError) error = NULL;
    TnPcCpus *cpus;

    large.max_cpus = 9;
    large.cores = 9;
    large.sockets = 1;
    /* One controller at a time has the ports. */
    tn_pc_cpus_stop(f->cpus);
    cpus = tn_pc_cpus_new(&config);
    g_assert_false(tn_pc_cpus_make_first(cpus, f->unattached, &error));
    g_assert_cmpstr(error->message, ==, "Number of hotpluggable cpus requested (9) exceeds the "
                                        "maximum cpus supported by KVM (6)");
    tn_pc_cpus_free(cpus);
}

#define ADD(path, func) g_test_add("/machine/pc-cpus/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/pc-cpus/models-have-types", test_models_have_types);
    ADD("first-ones", test_first_ones);
    ADD("plug-runs-and-is-told", test_plug_runs_and_is_told);
    ADD("exits-are-shown", test_exits_are_shown);
    ADD("plug-while-stopped-waits", test_plug_while_stopped_waits);
    ADD("apic-id-is-enough", test_apic_id_is_enough);
    ADD("refusals", test_refusals);
    ADD("another-model-is-refused", test_another_model_is_refused);
    ADD("unplug", test_unplug);
    ADD("guest-may-let-go-unasked", test_guest_may_let_go_unasked);
    ADD("boot-cpu-stays", test_boot_cpu_stays);
    ADD("reset-with-a-pending-unplug", test_reset_with_a_pending_unplug);
    ADD("ospm-status-of-all", test_ospm_status_of_all);
    ADD("too-many-for-kvm", test_too_many_for_kvm);
    return g_test_run();
}
