/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text monitor's "info" commands. */
#include "vmm/backend/chardev.h"
#include "vmm/monitor/hmp.h"

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

static const TnMachineConfig *
config(const TnHmpCall *call)
{
    return tn_machine_get_config(call->hub->machine);
}

static void
print_chardev(TnObject *object, gpointer data)
{
    TnHmpCall *call = data;
    g_autofree char *filename = tn_chardev_describe(TN_CHARDEV(object));

    g_string_append_printf(call->out, "%s: filename=%s\n", tn_object_get_name(object), filename);
}

static void
info_chardev(TnHmpCall *call)
{
    TnObject *chardevs = tn_object_get_child(tn_machine_get_root(call->hub->machine), "chardevs");

    if (chardevs) {
        tn_object_foreach_child(chardevs, print_chardev, call);
    }
}

static void
info_cpus(TnHmpCall *call)
{
    for (unsigned i = 0; i < tn_machine_get_cpu_count(call->hub->machine); i++) {
        TnCpuInfo info = { 0 };

        tn_machine_get_cpu_info(call->hub->machine, i, &info);
        if (info.present) {
            g_string_append_printf(call->out, "%c CPU #%u: thread_id=%d\n",
                                   i == call->cpu ? '*' : ' ', i, info.thread_id);
        }
    }
}

static void
info_kvm(TnHmpCall *call)
{
    g_string_append(call->out, "kvm support: enabled\n");
}

static void
print_memory_device(const TnMemoryDeviceInfo *info, gpointer data)
{
    TnHmpCall *call = data;

    g_string_append_printf(call->out,
                           "Memory device [dimm]: \"%s\"\n"
                           "  addr: 0x%" G_GINT64_MODIFIER "x\n"
                           "  slot: %u\n"
                           "  node: %u\n"
                           "  size: %" G_GUINT64_FORMAT "\n"
                           "  memdev: %s\n"
                           "  hotplugged: %s\n"
                           "  hotpluggable: %s\n",
                           info->id ? info->id : "", info->addr, info->slot, info->node,
                           info->size, info->memdev_path, info->hotplugged ? "true" : "false",
                           info->hotpluggable ? "true" : "false");
}

static void
info_memory_devices(TnHmpCall *call)
{
    tn_machine_foreach_memory_device(call->hub->machine, print_memory_device, call);
}

static void
add_size(const TnMemoryDeviceInfo *info, gpointer sum)
{
    *(guint64 *)sum += info->size;
}

static void
info_memory_size_summary(TnHmpCall *call)
{
    guint64 plugged = 0;

    tn_machine_foreach_memory_device(call->hub->machine, add_size, &plugged);
    g_string_append_printf(call->out,
                           "base memory: %" G_GUINT64_FORMAT "\nplugged memory: %" G_GUINT64_FORMAT
                           "\n",
                           config(call)->ram_size, plugged);
}

static void
info_mtree(TnHmpCall *call)
{
    TnMemory *memory = tn_machine_get_platform(call->hub->machine)->memory;
    g_autofree char *text = call->flag == 'f' ? tn_memory_print_flat_views(memory)
                                              : tn_memory_print_tree(memory);

    g_string_append(call->out, text);
}

static void
info_name(TnHmpCall *call)
{
    if (config(call)->name) {
        g_string_append_printf(call->out, "%s\n", config(call)->name);
    }
}

static void
print_registers(TnHmpCall *call, unsigned cpu)
{
    g_autofree char *text = NULL;
    TnCpuInfo info = { 0 };

    tn_machine_get_cpu_info(call->hub->machine, cpu, &info);
    if (!info.present) {
        return;
    }
    text = tn_machine_print_registers(call->hub->machine, cpu);
    g_string_append_printf(call->out, "\nCPU#%u\n%s", cpu, text);
}

static void
info_registers(TnHmpCall *call)
{
    unsigned n = tn_machine_get_cpu_count(call->hub->machine);

    if (n == 0) {
        g_string_append(call->out, "No CPU available\n");
    } else if (call->flag != 'a') {
        print_registers(call, call->cpu);
    } else {
        for (unsigned i = 0; i < n; i++) {
            print_registers(call, i);
        }
    }
}

/* Of the current CPU, or of the one whose APIC id the argument says. */
static void
info_lapic(TnHmpCall *call)
{
    TnMachine *machine = call->hub->machine;
    int cpu = tn_machine_get_cpu_count(machine) > 0 ? (int)call->cpu : -1;
    g_autofree char *text = NULL;
    guint64 id;

    if (call->arg) {
        if (!g_ascii_string_to_unsigned(call->arg, 10, 0, G_MAXUINT32, &id, NULL)) {
            g_string_append_printf(call->out, "Invalid APIC id '%s'\n", call->arg);
            return;
        }
        cpu = tn_machine_find_apic_id(machine, id);
    }
    if (cpu < 0) {
        g_string_append(call->out, "No CPU available\n");
        return;
    }
    text = tn_machine_print_lapic(machine, (unsigned)cpu);
    g_string_append(call->out, text);
}

/* Nobody counts: neither KVM's controllers nor ours. */
static void
info_irq(TnHmpCall *call)
{
    const gboolean split = config(call)->split_irqchip;

    g_string_append_printf(call->out,
                           "IRQ statistics not available for %s.\n"
                           "IRQ statistics not available for %s.\n",
                           split ? "ioapic" : "kvm-ioapic", split ? "isa-i8259" : "kvm-i8259");
}

static void
info_pic(TnHmpCall *call)
{
    g_autofree char *text = tn_machine_print_irqchip(call->hub->machine);

    g_string_append(call->out, text ? text : "The interrupt controllers are in KVM\n");
}

static void
info_status(TnHmpCall *call)
{
    TnRunState state = tn_run_state_get(tn_machine_get_platform(call->hub->machine)->run_state);

    if (state == TN_RUN_STATE_RUNNING) {
        g_string_append(call->out, "VM status: running\n");
    } else if (state == TN_RUN_STATE_PAUSED) {
        g_string_append(call->out, "VM status: paused\n");
    } else {
        g_string_append_printf(call->out, "VM status: paused (%s)\n",
                               tn_run_state_to_string(state));
    }
}

static void
info_uuid(TnHmpCall *call)
{
    g_string_append_printf(call->out, "%s\n", config(call)->uuid ? config(call)->uuid : NIL_UUID);
}

static void
info_version(TnHmpCall *call)
{
    g_string_append_printf(call->out, "%s\n", TN_MONITOR_VERSION_TEXT TN_MONITOR_PACKAGE_TEXT);
}

const TnHmpCommand tn_hmp_info_commands[] = {
    { "chardev", "", FALSE, "", "show the character devices", info_chardev },
    { "cpus", "", FALSE, "", "show infos for each CPU", info_cpus },
    { "irq", "", FALSE, "", "show the interrupts statistics (if available)", info_irq },
    { "kvm", "", FALSE, "", "show KVM information", info_kvm },
    { "lapic", "", TRUE, "[apic-id]", "show local apic state (apic-id: local apic to read, default "
      "is which of current CPU)", info_lapic },
    { "memory-devices", "", FALSE, "", "show memory devices", info_memory_devices },
    { "memory_size_summary", "", FALSE, "", "show the amount of initially allocated and present "
      "hotpluggable (if enabled) memory in bytes", info_memory_size_summary },
    { "mtree", "f", FALSE, "[-f]", "show memory tree (-f: dump flat view for address spaces)",
      info_mtree },
    { "name", "", FALSE, "", "show the current VM name", info_name },
    { "pic", "", FALSE, "", "show PIC state", info_pic },
    { "pci", "", FALSE, "", "show PCI info", tn_hmp_info_pci },
    { "qtree", "", FALSE, "", "show device tree", tn_hmp_info_qtree },
    { "registers", "a", FALSE, "[-a]", "show the cpu registers (-a: show register info for all "
      "cpus)", info_registers },
    { "status", "", FALSE, "", "show the current VM status (running|paused)", info_status },
    { "uuid", "", FALSE, "", "show the current VM UUID", info_uuid },
    { "version", "", FALSE, "", "show the version", info_version },
    { NULL },
};
