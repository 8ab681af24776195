/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of one guest, section by section. */
#include "driver/core/command-line.h"

#include "driver/core/memory-args.h"

#include <string.h>

/* @words ends with NULL. */
static void
add_words(GPtrArray *argv, const char *const *words)
{
    for (; *words; words++) {
        g_ptr_array_add(argv, g_strdup(*words));
    }
}
#define add(argv, ...) add_words(argv, (const char *const[]){ __VA_ARGS__ })

static void
add_take(GPtrArray *argv, const char *option, char *value)
{
    g_ptr_array_add(argv, g_strdup(option));
    g_ptr_array_add(argv, value);
}

static void
add_json(GPtrArray *argv, const char *option, json_object *value)
{
    add(argv, option, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), NULL);
    json_object_put(value);
}

/* A value inside "key=value,...": commas doubled. (transfer full) */
static char *
escape(const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);

    return g_strjoinv(",,", parts);
}

static void
add_identity(GPtrArray *argv, const TnDomainDef *def)
{
    g_autofree char *name = escape(def->name);
    char uuid[TN_UUID_STRING_LEN];

    tn_uuid_format(def->uuid, uuid);
    add_take(argv, "-name", g_strdup_printf("guest=%s,debug-threads=on", name));
    add(argv, "-S", NULL);
    add(argv, "-uuid", uuid, NULL);
}

static void
add_machine(GPtrArray *argv, const TnDomainDef *def, const TnCommandLineEnv *env)
{
    g_autoptr(GString) text = g_string_new(def->os.machine);

    g_string_append(text, ",usb=off");
    g_string_append_printf(text, ",dump-guest-core=%s",
                           def->memory.dump_core == TN_TRISTATE_YES ? "on" : "off");
    if (def->memory.nosharepages) {
        g_string_append(text, ",mem-merge=off");
    }
    if (def->cpu.cells->len == 0 && tn_memory_args_needs_backend(def)) {
        g_string_append(text, ",memory-backend=pc.ram");
    }
    if (def->features.vmport != TN_TRISTATE_ABSENT) {
        g_string_append_printf(text, ",vmport=%s",
                               def->features.vmport == TN_TRISTATE_YES ? "on" : "off");
    }
    if (def->features.ioapic != TN_IOAPIC_ABSENT) {
        g_string_append_printf(text, ",kernel_irqchip=%s",
                               def->features.ioapic == TN_IOAPIC_QEMU ? "split" : "on");
    }
    if (env->kernel_fd > 0) {
        g_string_append_printf(text, ",x-unpacked-kernel=%d", env->kernel_fd);
    }
    add(argv, "-machine", text->str, "-accel", "kvm", NULL);
}

static void
add_cpu(GPtrArray *argv, const TnDomainDef *def)
{
    g_autoptr(GString) text = g_string_new("host");
    g_autoptr(GString) smp = g_string_new(NULL);
    gboolean required = FALSE;

    for (guint i = 0; i < def->cpu.features->len; i++) {
        const TnCpuFeature *feature = &g_array_index(def->cpu.features, TnCpuFeature, i);
        gboolean on = feature->policy == TN_CPU_POLICY_REQUIRE ||
                      feature->policy == TN_CPU_POLICY_FORCE;

        if (on || feature->policy == TN_CPU_POLICY_DISABLE ||
            feature->policy == TN_CPU_POLICY_FORBID) {
            g_string_append_printf(text, ",%s=%s", feature->name, on ? "on" : "off");
        }
        required |= feature->policy == TN_CPU_POLICY_REQUIRE;
    }
    if (required) {
        /* Else the monitor leaves out what the host lacks, with a warning. */
        g_string_append(text, ",enforce=on");
    }
    add(argv, "-cpu", text->str, NULL);

    /* The others are plugged before the CPUs run, so that they can be unplugged again. */
    g_string_append_printf(smp, "%u", tn_domain_def_n_boot_vcpus(def));
    if (def->vcpus_max != tn_domain_def_n_boot_vcpus(def)) {
        g_string_append_printf(smp, ",maxcpus=%u", def->vcpus_max);
    }
    if (def->cpu.sockets) {
        g_string_append_printf(smp, ",sockets=%u,cores=%u,threads=%u", def->cpu.sockets,
                               def->cpu.cores, def->cpu.threads);
    } else {
        g_string_append_printf(smp, ",sockets=%u,cores=1,threads=1", def->vcpus_max);
    }
    add(argv, "-smp", smp->str, NULL);
}

static void
add_cells(GPtrArray *argv, const TnDomainDef *def)
{
    for (guint i = 0; i < def->cpu.cells->len; i++) {
        const TnNumaCell *cell = &g_array_index(def->cpu.cells, TnNumaCell, i);
        g_autofree char *id = g_strdup_printf("ram-node%u", i);
        g_autoptr(GString) text = g_string_new(NULL);

        add_json(argv, "-object", tn_memory_args_ram(def, (int)i, cell->memory_kib, id));
        g_string_append_printf(text, "node,nodeid=%u", i);
        if (cell->cpus) {
            g_autofree char *list = tn_bitmap_format(cell->cpus);
            g_auto(GStrv) ranges = g_strsplit(list, ",", -1);

            for (char **range = ranges; *range && **range; range++) {
                g_string_append_printf(text, ",cpus=%s", *range);
            }
        }
        g_string_append_printf(text, ",memdev=%s", id);
        add(argv, "-numa", text->str, NULL);
    }
}

/* All of them, once one is told: the program takes none for granted. */
static void
add_distances(GPtrArray *argv, const TnDomainDef *def)
{
    guint n = tn_domain_def_has_distances(def) ? def->cpu.cells->len : 0;

    for (guint from = 0; from < n; from++) {
        for (guint to = 0; to < n; to++) {
            add_take(argv, "-numa",
                     g_strdup_printf("dist,src=%u,dst=%u,val=%u", from, to,
                                     tn_domain_def_distance(def, from, to)));
        }
    }
}

static void
add_memory(GPtrArray *argv, const TnDomainDef *def)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "size=%" G_GUINT64_FORMAT "k", def->memory.initial_kib);
    if (def->memory.max_kib) {
        g_string_append_printf(text, ",slots=%u,maxmem=%" G_GUINT64_FORMAT "k",
                               def->memory.slots, def->memory.max_kib);
    }
    add(argv, "-m", text->str, NULL);
    if (def->cpu.cells->len == 0 && tn_memory_args_needs_backend(def)) {
        add_json(argv, "-object",
                 tn_memory_args_ram(def, -1, def->memory.initial_kib, "pc.ram"));
    }
    add_cells(argv, def);
    add_distances(argv, def);
}

static void
add_clock(GPtrArray *argv, const TnDomainDef *def)
{
    if (def->clock.offset == TN_CLOCK_LOCALTIME) {
        add(argv, "-rtc", "base=localtime", NULL);
    } else if (def->clock.offset == TN_CLOCK_VARIABLE && def->clock.adjustment != 0) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autoptr(GDateTime) then = g_date_time_add_seconds(now, (double)def->clock.adjustment);

        add_take(argv, "-rtc", g_date_time_format(then, "base=%Y-%m-%dT%H:%M:%S"));
    } else {
        add(argv, "-rtc", "base=utc", NULL);
    }
}

static void
add_sleep(GPtrArray *argv, const char *property, TnTristate enabled)
{
    if (enabled != TN_TRISTATE_ABSENT) {
        add_take(argv, "-global", g_strdup_printf("PIIX4_PM.%s=%d", property,
                                                  enabled == TN_TRISTATE_NO));
    }
}

static void
add_boot(GPtrArray *argv, const TnDomainDef *def)
{
    if (def->os.kernel) {
        add(argv, "-kernel", def->os.kernel, NULL);
    }
    if (def->os.initrd) {
        add(argv, "-initrd", def->os.initrd, NULL);
    }
    if (def->os.cmdline) {
        add(argv, "-append", def->os.cmdline, NULL);
    }
}

static char *
chardev_text(const TnChardevSource *source, const char *id)
{
    g_autofree char *path = source->path ? escape(source->path) : NULL;

    switch (source->type) {
    case TN_CHARDEV_FILE:
        return g_strdup_printf("file,id=%s,path=%s%s", id, path,
                               source->append == TN_TRISTATE_YES ? ",append=on" : "");
    case TN_CHARDEV_UNIX:
        return g_strdup_printf("socket,id=%s,path=%s%s", id, path,
                               source->listen ? ",server=on,wait=off" : "");
    case TN_CHARDEV_PTY:
        return g_strdup_printf("pty,id=%s", id);
    case TN_CHARDEV_STDIO:
        return g_strdup_printf("stdio,id=%s", id);
    case TN_CHARDEV_NULL:
    case TN_CHARDEV_LAST:
        break;
    }
    return g_strdup_printf("null,id=%s", id);
}

static void
add_serials(GPtrArray *argv, const TnDomainDef *def)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_SERIAL); i++) {
        const TnSerialDevice *serial = tn_domain_def_serial(def, i);
        const char *alias = serial->base.info.alias;
        g_autofree char *id = g_strconcat("char", alias, NULL);
        json_object *device = json_object_new_object();

        add_take(argv, "-chardev", chardev_text(&serial->source, id));
        json_object_object_add(device, "driver", json_object_new_string("isa-serial"));
        json_object_object_add(device, "chardev", json_object_new_string(id));
        json_object_object_add(device, "id", json_object_new_string(alias));
        json_object_object_add(device, "index", json_object_new_int(serial->port));
        add_json(argv, "-device", device);
    }
}

static void
add_dimms(GPtrArray *argv, const TnDomainDef *def)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
        const TnMemoryDevice *dimm = tn_domain_def_memory_device(def, i);

        add_json(argv, "-object", tn_memory_args_backend(def, dimm));
        add_json(argv, "-device", tn_memory_args_device(dimm));
    }
}

/* Bridges in the order of their buses: the way to one is there before it. */
static void
add_controllers(GPtrArray *argv, const TnDomainDef *def)
{
    const TnControllerDevice *root = tn_domain_def_pci_controller(def, 0);

    if (root && root->hotplug == TN_TRISTATE_NO) {
        add(argv, "-global", "PIIX4_PM.acpi-root-pci-hotplug=off", NULL);
    }
    for (int index = 1; index <= TN_PCI_BUS_MAX; index++) {
        const TnControllerDevice *bridge = tn_domain_def_pci_controller(def, index);
        json_object *device;

        if (!bridge) {
            continue;
        }
        device = json_object_new_object();
        json_object_object_add(device, "driver", json_object_new_string("pci-bridge"));
        json_object_object_add(device, "chassis_nr", json_object_new_int(bridge->chassis_nr));
        json_object_object_add(device, "id", json_object_new_string(bridge->base.info.alias));
        tn_hostdev_args_add_address(device, def, &bridge->base.info.address.pci);
        add_json(argv, "-device", device);
    }
}

static void
add_hostdevs(GPtrArray *argv, const TnDomainDef *def, const TnCommandLineEnv *env)
{
    for (guint i = 0; i < env->n_groups; i++) {
        g_autofree char *fd = g_strdup_printf("%d", env->groups[i].group_fd);
        g_autofree char *container = g_strdup_printf("%d", env->groups[i].container_fd);

        add_json(argv, "-object", tn_hostdev_args_group(env->groups[i].group, fd, container));
    }
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_HOSTDEV); i++) {
        add_json(argv, "-device", tn_hostdev_args_device(def, tn_domain_def_hostdev(def, i)));
    }
}

GStrv
tn_command_line_build(const TnDomainDef *def, const TnCommandLineEnv *env)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    add(argv, env->program, NULL);
    add_identity(argv, def);
    add_machine(argv, def, env);
    add_cpu(argv, def);
    add_memory(argv, def);
    add(argv, "-display", "none", "-no-user-config", "-nodefaults", NULL);
    add_take(argv, "-chardev",
             g_strdup_printf("socket,id=charmonitor,fd=%d,server=on,wait=off", env->monitor_fd));
    add(argv, "-mon", "chardev=charmonitor,mode=control", NULL);
    add_clock(argv, def);
    add(argv, "-no-shutdown", NULL);
    add_sleep(argv, "disable_s3", def->suspend_to_mem);
    add_sleep(argv, "disable_s4", def->suspend_to_disk);
    add_boot(argv, def);
    add_controllers(argv, def);
    add_serials(argv, def);
    add_dimms(argv, def);
    add_hostdevs(argv, def, env);
    g_ptr_array_add(argv, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}

char *
tn_command_line_to_shell(const char *const *argv)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (; *argv; argv++) {
        g_autofree char *quoted = strpbrk(*argv, " \t\n\"'\\$`(){}*?<>|&;") || !**argv
                                      ? g_shell_quote(*argv)
                                      : g_strdup(*argv);

        g_string_append_printf(text, "%s%s", text->len ? " " : "", quoted);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}
