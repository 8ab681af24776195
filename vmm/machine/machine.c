/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine as an object: its platform, its tree and its run state. */
#include "vmm/machine/machine.h"

#include "vmm/core/boot-order.h"
#include "vmm/core/clock.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/core/reset.h"
#include "vmm/machine/machine-private.h"
#include "vmm/machine/user-objects.h"
#include "vmm/memory/address-space.h"
#include "vmm/vfio/host.h"

G_DEFINE_FINAL_TYPE(TnMachine, tn_machine, TN_TYPE_OBJECT)

static void
op_pause_vcpus(void *opaque)
{
    tn_pc_board_pause_vcpus(TN_MACHINE(opaque)->board);
}

static void
op_resume_vcpus(void *opaque)
{
    tn_pc_board_resume_vcpus(TN_MACHINE(opaque)->board);
}

static void
op_reset(void *opaque)
{
    tn_pc_board_reset(TN_MACHINE(opaque)->board);
}

static void
op_powerdown(void *opaque)
{
    tn_pc_board_powerdown(TN_MACHINE(opaque)->board);
}

static void
op_quit(void *opaque, int status)
{
    TnMachine *self = TN_MACHINE(opaque);

    if (self->quit) {
        self->quit(self->quit_opaque, status);
    }
}

static void
op_hold_vcpu(void *opaque)
{
    tn_pc_board_hold_vcpu();
}

static void
op_suspend(void *opaque)
{
    tn_pc_board_suspend(TN_MACHINE(opaque)->board);
}

static gboolean
op_wake(void *opaque, TnWakeupReason reason)
{
    return tn_pc_board_wake(TN_MACHINE(opaque)->board, reason);
}

static const TnRunStateOps run_state_ops = {
    .pause_vcpus = op_pause_vcpus,
    .resume_vcpus = op_resume_vcpus,
    .reset = op_reset,
    .powerdown = op_powerdown,
    .quit = op_quit,
    .hold_vcpu = op_hold_vcpu,
    .suspend = op_suspend,
    .wake = op_wake,
};

/* "/machine" and the containers that clients know by name. */
static void
build_tree(TnMachine *self)
{
    TnObject *machine = TN_OBJECT(self);

    self->root = tn_object_new_root();
    self->objects = tn_object_ensure_container(self->root, "objects");
    self->chardevs = tn_object_ensure_container(self->root, "chardevs");
    g_assert_true(tn_object_add_child(self->root, "machine", machine, NULL));
    self->peripheral = tn_object_ensure_container(machine, "peripheral");
    self->peripheral_anon = tn_object_ensure_container(machine, "peripheral-anon");
    self->unattached = tn_object_ensure_container(machine, "unattached");
}

static void
build_platform(TnMachine *self)
{
    TnPlatform *p = &self->platform;

    p->memory = tn_memory_new();
    self->system_memory = g_new0(TnMemoryRegion, 1);
    tn_memory_region_init(self->system_memory, p->memory, NULL, "system", TN_SIZE_WHOLE);
    self->system_io = g_new0(TnMemoryRegion, 1);
    tn_memory_region_init(self->system_io, p->memory, NULL, "io", 0x10000);
    p->system_memory = self->system_memory;
    p->system_io = self->system_io;
    p->memory_space = tn_address_space_new(p->memory, self->system_memory, "memory");
    p->io_space = tn_address_space_new(p->memory, self->system_io, "I/O");
    p->clock = tn_clock_new();
    p->reset = tn_reset_new();
    p->events = tn_events_new();
    p->boot_order = tn_boot_order_new();
    p->trace = tn_hotplug_trace_new(p->events);
    p->run_state = tn_run_state_new(p->clock, p->events, &run_state_ops, self);
    p->root = self->root;
}

TnMachine *
tn_machine_new(TnMachineConfig *config)
{
    TnMachine *self = g_object_new(TN_TYPE_MACHINE, NULL);

    self->config = config;
    build_tree(self);
    build_platform(self);
    tn_run_state_set_no_reboot(self->platform.run_state, config->no_reboot);
    tn_run_state_set_no_shutdown(self->platform.run_state, config->no_shutdown);
    return self;
}

gboolean
tn_machine_realize(TnMachine *self, GError **error)
{
    self->board = tn_pc_board_new(self, error);
    if (!self->board || !tn_user_objects_realize_cold_devices(self, error) ||
        !tn_pc_board_finish(self->board, error)) {
        return FALSE;
    }
    self->started = TRUE;
    return TRUE;
}

static void
unparent_child(TnObject *child, gpointer user_data)
{
    /* Flat views hold the owners of what they show: the regions must go first. */
    if (TN_IS_DEVICE(child)) {
        tn_device_unrealize(TN_DEVICE(child));
    }
    tn_object_unparent(child);
}

void
tn_machine_shut_down(TnMachine *self)
{
    TnPlatform *p = &self->platform;

    if (!self->root) {
        return;
    }
    /* vCPUs first: they use everything else. Devices before what they are built on. */
    if (self->board) {
        tn_pc_board_stop(self->board);
    }
    tn_object_foreach_child(self->peripheral, unparent_child, NULL);
    tn_object_foreach_child(self->peripheral_anon, unparent_child, NULL);
    tn_object_foreach_child(self->unattached, unparent_child, NULL);
    g_clear_pointer(&self->board, tn_pc_board_free);
    tn_object_foreach_child(self->objects, unparent_child, NULL);
    tn_object_foreach_child(self->chardevs, unparent_child, NULL);

    g_clear_pointer(&p->run_state, tn_run_state_free);
    g_clear_pointer(&p->trace, tn_hotplug_trace_free);
    g_clear_pointer(&p->boot_order, tn_boot_order_free);
    g_clear_pointer(&p->events, tn_events_free);
    g_clear_pointer(&p->reset, tn_reset_free);
    tn_address_space_free(p->io_space);
    tn_address_space_free(p->memory_space);
    tn_memory_region_done(self->system_io);
    tn_memory_region_done(self->system_memory);
    tn_memory_free(p->memory);
    g_clear_pointer(&p->clock, tn_clock_free);
    g_free(self->system_io);
    g_free(self->system_memory);
    tn_object_unparent(TN_OBJECT(self));
    g_clear_object(&self->root);
}

void
tn_machine_set_quit(TnMachine *self, TnMachineQuitFunc quit, void *opaque)
{
    self->quit = quit;
    self->quit_opaque = opaque;
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

TnObject *
tn_machine_get_chardevs(TnMachine *self)
{
    return self->chardevs;
}

json_object *
tn_machine_query_dma_maps(TnMachine *self)
{
    return tn_vfio_describe_dma_maps(self->root);
}

static void
tn_machine_finalize(GObject *object)
{
    TnMachine *self = TN_MACHINE(object);

    tn_machine_config_free(self->config);
    g_ptr_array_unref(self->cold_devices);
    G_OBJECT_CLASS(tn_machine_parent_class)->finalize(object);
}

enum {
    PROP_TYPE = 1,
    PROP_KERNEL,
    PROP_INITRD,
    PROP_APPEND,
    PROP_DUMP,
    PROP_MERGE,
    PROP_BACKEND,
    PROP_KERNEL_SOURCE,
};

static void
tn_machine_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    const TnMachine *self = TN_MACHINE(object);
    const TnMachineConfig *config = self->config;

    switch (id) {
    case PROP_TYPE:
        g_value_set_string(value, config->type);
        break;
    case PROP_KERNEL:
        g_value_set_string(value, config->kernel);
        break;
    case PROP_INITRD:
        g_value_set_string(value, config->initrd);
        break;
    case PROP_APPEND:
        g_value_set_string(value, config->append);
        break;
    case PROP_DUMP:
        g_value_set_boolean(value, config->dump_guest_core);
        break;
    case PROP_MERGE:
        g_value_set_boolean(value, config->mem_merge);
        break;
    case PROP_KERNEL_SOURCE:
        g_value_set_static_string(
            value, self->board ? tn_pc_board_get_kernel_source(self->board) : NULL);
        break;
    case PROP_BACKEND:
        g_value_set_string(value, config->memory_backend);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
        break;
    }
}

static void
add_text_property(GObjectClass *klass, guint id, const char *name, const char *blurb)
{
    g_object_class_install_property(klass, id,
                                    g_param_spec_string(name, NULL, blurb, NULL, TN_PARAM_RO));
}

static void
tn_machine_class_init(TnMachineClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    TN_OBJECT_CLASS(klass)->type_name = "pc-i440fx-7.2-machine";
    TN_OBJECT_CLASS(klass)->description = "Standard PC (i440FX + PIIX, 1996)";
    object_class->finalize = tn_machine_finalize;
    object_class->get_property = tn_machine_get_property;
    add_text_property(object_class, PROP_TYPE, "machine-type", "name of the machine type");
    add_text_property(object_class, PROP_KERNEL, "kernel", "Linux kernel image file");
    add_text_property(object_class, PROP_INITRD, "initrd", "Linux initial ramdisk file");
    add_text_property(object_class, PROP_APPEND, "append", "Linux kernel command line");
    add_text_property(object_class, PROP_KERNEL_SOURCE, "x-kernel-source",
                      "where the kernel's code comes from: file, unpacked or kept");
    add_text_property(object_class, PROP_BACKEND, "memory-backend", "id of the RAM's backend");
    g_object_class_install_property(
        object_class, PROP_DUMP,
        g_param_spec_boolean("dump-guest-core", NULL, "include guest memory in a core dump", TRUE,
                             TN_PARAM_RO));
    g_object_class_install_property(
        object_class, PROP_MERGE,
        g_param_spec_boolean("mem-merge", NULL, "allow memory merging", TRUE, TN_PARAM_RO));
}

static void
tn_machine_init(TnMachine *self)
{
    self->cold_devices = tn_user_objects_new_cold_list();
}
