/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of command-line options and the walk over the command line. */
#include "vmm/machine/options.h"

#include "vmm/machine/keyval.h"

#include <libintl.h>
#include <string.h>

#define _(text) gettext(text)
#define N_(text) text

#define MAX_OPTIONS_OF_A_KIND 1024

typedef gboolean (*TakeFunc)(TnOptions *options, const char *text, GError **error);
typedef gboolean (*TakeConfigFunc)(TnMachineConfig *config, const char *text, GError **error);

/* One option. Exactly one of the last four says what to do with it. */
typedef struct OptionRow {
    const char *name;
    const char *argument; /* as help shows it; NULL: takes none */
    const char *help;
    TakeConfigFunc take_config;
    TakeFunc take;
    size_t config_flag; /* offset of a gboolean in TnMachineConfig, plus 1 */
    size_t flag;        /* offset of a gboolean in TnOptions, plus 1 */
} OptionRow;

#define CONFIG_FLAG(field) .config_flag = offsetof(TnMachineConfig, field) + 1
#define FLAG(field) .flag = offsetof(TnOptions, field) + 1

static void
json_put(gpointer object)
{
    json_object_put(object);
}

static gboolean
add_spec(GPtrArray *list, const char *text, const char *implied_key, GError **error)
{
    json_object *spec;

    if (list->len >= MAX_OPTIONS_OF_A_KIND) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "given more than %d times",
                    MAX_OPTIONS_OF_A_KIND);
        return FALSE;
    }
    spec = tn_keyval_parse_or_json(text, implied_key, error);
    if (!spec) {
        return FALSE;
    }
    if (*text == '{') {
        json_object_set_userdata(spec, (void *)text, NULL);
    }
    g_ptr_array_add(list, spec);
    return TRUE;
}

TnPropertyInput
tn_options_input(json_object *spec)
{
    return json_object_get_userdata(spec) ? TN_PROPERTY_STRICT : TN_PROPERTY_KEYVAL;
}

/* "help" or "X,help"; (transfer full) what help is wanted for, or NULL. */
static char *
wants_help(const char *text)
{
    if (strcmp(text, "help") == 0 || strcmp(text, "?") == 0) {
        return g_strdup("");
    }
    if (g_str_has_suffix(text, ",help")) {
        return g_strndup(text, strlen(text) - strlen(",help"));
    }
    return NULL;
}

static gboolean
take_object(TnOptions *options, const char *text, GError **error)
{
    char *help = wants_help(text);

    if (help) {
        g_free(options->object_help);
        options->object_help = help;
        return TRUE;
    }
    return add_spec(options->objects, text, "qom-type", error);
}

static gboolean
take_device(TnOptions *options, const char *text, GError **error)
{
    char *help = wants_help(text);

    if (help) {
        g_free(options->device_help);
        options->device_help = help;
        return TRUE;
    }
    return add_spec(options->devices, text, "driver", error);
}

static gboolean
add_text(GPtrArray *list, const char *text, GError **error)
{
    if (list->len >= MAX_OPTIONS_OF_A_KIND) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "given more than %d times",
                    MAX_OPTIONS_OF_A_KIND);
        return FALSE;
    }
    g_ptr_array_add(list, g_strdup(text));
    return TRUE;
}

static gboolean
take_chardev(TnOptions *options, const char *text, GError **error)
{
    return add_text(options->chardevs, text, error);
}

static gboolean
take_mon(TnOptions *options, const char *text, GError **error)
{
    return add_spec(options->monitors, text, "chardev", error);
}

static gboolean
take_serial(TnOptions *options, const char *text, GError **error)
{
    return add_text(options->serials, text, error);
}

static gboolean
take_qmp(TnOptions *options, const char *text, GError **error)
{
    return add_text(options->qmps, text, error);
}

static gboolean
take_display(TnOptions *options, const char *text, GError **error)
{
    if (strcmp(text, "none") != 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter 'type' does not accept value '%s': only 'none' is supported", text);
        return FALSE;
    }
    return TRUE;
}

static gboolean
take_add_fd(TnOptions *options, const char *text, GError **error)
{
    TnAddFd add = { .text = text };

    if (options->add_fds->len >= MAX_OPTIONS_OF_A_KIND) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "given more than %d times",
                    MAX_OPTIONS_OF_A_KIND);
        return FALSE;
    }
    if (!tn_options_parse_add_fd(text, &add, error)) {
        return FALSE;
    }
    g_array_append_val(options->add_fds, add);
    return TRUE;
}

static void
clear_add_fd(gpointer data)
{
    g_free(((TnAddFd *)data)->opaque);
}

static gboolean
take_string(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
    return TRUE;
}

static gboolean
take_pidfile(TnOptions *options, const char *text, GError **error)
{
    return take_string(&options->pidfile, text);
}

static gboolean
take_log_file(TnOptions *options, const char *text, GError **error)
{
    return take_string(&options->log_file, text);
}

static gboolean
take_kernel(TnMachineConfig *config, const char *text, GError **error)
{
    return take_string(&config->kernel, text);
}

static gboolean
take_initrd(TnMachineConfig *config, const char *text, GError **error)
{
    return take_string(&config->initrd, text);
}

static gboolean
take_append(TnMachineConfig *config, const char *text, GError **error)
{
    return take_string(&config->append, text);
}

static gboolean
take_nothing(TnOptions *options, const char *text, GError **error)
{
    return TRUE;
}

static const OptionRow rows[] = {
    { "machine", "[type=]pc[,prop=value...]", N_("machine type and its properties"),
      .take_config = tn_options_take_machine },
    { "M", "[type=]pc[,prop=value...]", N_("the same as -machine"),
      .take_config = tn_options_take_machine },
    { "accel", "[accel=]kvm", N_("accelerator"), .take_config = tn_options_take_accel },
    { "enable-kvm", NULL, N_("the same as -accel kvm"), .take = take_nothing },
    { "cpu", "host[,+feature][,-feature]", N_("CPU model"), .take_config = tn_options_take_cpu },
    { "smp", "[cpus=]n[,maxcpus=][,sockets=][,dies=][,cores=][,threads=]",
      N_("CPUs and their topology"), .take_config = tn_options_take_smp },
    { "m", "[size=]megs[,slots=n,maxmem=size]", N_("RAM at boot and room to plug more"),
      .take_config = tn_options_take_memory },
    { "numa", "node[,mem=size|,memdev=id][,cpus=first[-last]][,nodeid=n]", N_("one NUMA node; or"
      " dist,src=n,dst=n,val=distance: how far one is from another"),
      .take_config = tn_options_take_numa },
    { "object", "type,id=id[,prop=value...]", N_("user-creatable object; -object help lists them"),
      .take = take_object },
    { "device", "driver[,id=id][,prop=value...]", N_("device; -device help lists them"),
      .take = take_device },
    { "kernel", "file", N_("kernel: Linux bzImage, ELF with a PVH note, or multiboot"),
      .take_config = take_kernel },
    { "initrd", "file", N_("initial ramdisk"), .take_config = take_initrd },
    { "append", "text", N_("kernel command line"), .take_config = take_append },
    { "fw_cfg", "[name=]name,string=text|file=path", N_("file for the guest's firmware"),
      .take_config = tn_options_take_fw_cfg },
    { "overcommit", "[cpu-pm=on|off]", N_("let the guest put host CPUs to sleep"),
      .take_config = tn_options_take_overcommit },
    { "global", "driver.prop=value", N_("property of every device of a type"),
      .take_config = tn_options_take_global },
    { "serial", "dev", N_("what the next serial port is connected to"), .take = take_serial },
    { "chardev", "backend,id=id[,prop=value...]", N_("character device backend"),
      .take = take_chardev },
    { "add-fd", "fd=fd,set=set[,opaque=opaque]", N_("inherited descriptor for /dev/fdset/set"),
      .take = take_add_fd },
    { "mon", "[chardev=]id[,mode=control|readline]", N_("monitor on a character device"),
      .take = take_mon },
    { "qmp", "dev", N_("QMP monitor on a device such as unix:path,server=on,wait=off"),
      .take = take_qmp },
    { "rtc", "[base=utc|localtime|date][,clock=host]", N_("what the real-time clock shows"),
      .take_config = tn_options_take_rtc },
    { "name", "[guest=]name[,process=name][,debug-threads=on|off]", N_("names"),
      .take_config = tn_options_take_name },
    { "uuid", "uuid", N_("UUID of the machine"), .take_config = tn_options_take_uuid },
    { "S", NULL, N_("do not start the CPUs; use the monitor's cont"), CONFIG_FLAG(start_paused) },
    { "no-reboot", NULL, N_("exit instead of rebooting"), CONFIG_FLAG(no_reboot) },
    { "no-shutdown", NULL, N_("stop instead of exiting when the guest powers off"),
      CONFIG_FLAG(no_shutdown) },
    { "nodefaults", NULL, N_("no default devices"), FLAG(nodefaults) },
    { "no-user-config", NULL, N_("read no configuration files (there are none)"),
      .take = take_nothing },
    { "display", "none", N_("display type"), .take = take_display },
    { "nographic", NULL, N_("no display, first serial port on stdio"), FLAG(nographic) },
    { "pidfile", "file", N_("write the process id to a file"), .take = take_pidfile },
    { "daemonize", NULL, N_("go to the background once the machine is ready"), FLAG(daemonize) },
    { "D", "file", N_("write the log to a file"), .take = take_log_file },
    { "x-unpack-kernel", NULL,
      N_("unpack the bzImage on standard input to the file on standard output and exit"),
      FLAG(unpack_kernel) },
    { "version", NULL, N_("show the version and exit"), FLAG(version) },
    { "help", NULL, N_("show this help and exit"), FLAG(help) },
    { "h", NULL, N_("the same as -help"), FLAG(help) },
};

char *
tn_options_help(void)
{
    g_autoptr(GString) text = g_string_new(_("usage: tenon-vmm [options]\n\n"));

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_string_append_printf(text, "-%s%s%s\n                %s\n", rows[i].name,
                               rows[i].argument ? " " : "",
                               rows[i].argument ? rows[i].argument : "", _(rows[i].help));
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static const OptionRow *
find_row(const char *argument)
{
    const char *name = argument + (g_str_has_prefix(argument, "--") ? 2 : 1);

    if (*argument != '-') {
        return NULL;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static gboolean
carry_out(TnOptions *options, const OptionRow *row, const char *text, GError **error)
{
    gboolean ok = TRUE;

    if (row->take_config) {
        ok = row->take_config(options->config, text, error);
    } else if (row->take) {
        ok = row->take(options, text, error);
    } else if (row->config_flag) {
        *(gboolean *)((char *)options->config + row->config_flag - 1) = TRUE;
    } else {
        *(gboolean *)((char *)options + row->flag - 1) = TRUE;
    }
    if (!ok && row->argument) {
        g_prefix_error(error, "-%s %s: ", row->name, text);
    }
    return ok;
}

static TnOptions *
options_new(void)
{
    TnOptions *options = g_new0(TnOptions, 1);

    options->config = g_new0(TnMachineConfig, 1);
    options->config->dump_guest_core = TRUE;
    options->config->mem_merge = TRUE;
    options->config->hpet = TRUE;
    options->config->pit = TRUE;
    options->config->vmport = TRUE;
    options->config->rtc_date = G_MININT64;
    options->objects = g_ptr_array_new_with_free_func(json_put);
    options->devices = g_ptr_array_new_with_free_func(json_put);
    options->chardevs = g_ptr_array_new_with_free_func(g_free);
    options->monitors = g_ptr_array_new_with_free_func(json_put);
    options->add_fds = g_array_new(FALSE, FALSE, sizeof(TnAddFd));
    g_array_set_clear_func(options->add_fds, clear_add_fd);
    options->serials = g_ptr_array_new_with_free_func(g_free);
    options->qmps = g_ptr_array_new_with_free_func(g_free);
    return options;
}

TnOptions *
tn_options_parse(int argc, char *const *argv, GError **error)
{
    g_autoptr(TnOptions) options = options_new();

    for (int i = 1; i < argc; i++) {
        const OptionRow *row = find_row(argv[i]);
        const char *text = NULL;

        if (!row) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "%s: invalid option",
                        argv[i]);
            return NULL;
        }
        if (row->argument) {
            if (i + 1 >= argc) {
                g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "%s: requires an argument",
                            argv[i]);
                return NULL;
            }
            text = argv[++i];
        }
        if (!carry_out(options, row, text, error)) {
            return NULL;
        }
    }
    if (!options->help && !options->version && !tn_options_complete(options->config, error)) {
        return NULL;
    }
    return g_steal_pointer(&options);
}

void
tn_options_free(TnOptions *options)
{
    if (!options) {
        return;
    }
    tn_machine_config_free(options->config);
    g_ptr_array_unref(options->objects);
    g_ptr_array_unref(options->devices);
    g_ptr_array_unref(options->chardevs);
    g_array_unref(options->add_fds);
    g_ptr_array_unref(options->monitors);
    g_ptr_array_unref(options->serials);
    g_ptr_array_unref(options->qmps);
    g_free(options->pidfile);
    g_free(options->log_file);
    g_free(options->device_help);
    g_free(options->object_help);
    g_free(options);
}
