/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tenon-vmm: reads from the top down: options, machine, character devices,
 * objects, devices, board, monitors, main loop, end.
 */
#include "vmm/backend/chardev-options.h"
#include "vmm/core/fd-set.h"
#include "vmm/core/log.h"
#include "vmm/core/type-registry.h"
#include "vmm/kernel-unpacker.h"
#include "vmm/machine/help.h"
#include "vmm/machine/kernel-image.h"
#include "vmm/machine/keyval.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/options.h"
#include "vmm/monitor/monitor.h"
#include "vmm/process.h"

#include <glib-unix.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define _(text) gettext(text)

#define FLUSH_LIMIT_MS 200 /* how long the last words to a client may take */

typedef struct Program {
    TnOptions *options;
    TnMachine *machine;
    GPtrArray *monitors; /* of TnMonitor */
    GPtrArray *shared;   /* of TnChardev: "mon:", which get a text monitor too */
    GMainLoop *loop;
    int status;
    int ready_fd; /* -daemonize: tells the parent; -1: none */
} Program;

static void
on_quit(void *opaque, int status)
{
    Program *p = opaque;

    p->status = status;
    g_main_loop_quit(p->loop);
}

static gboolean
on_signal(gpointer user_data)
{
    Program *p = user_data;

    tn_run_state_request_shutdown(tn_machine_get_platform(p->machine)->run_state,
                                  TN_SHUTDOWN_CAUSE_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

static gboolean
add_monitor(Program *p, TnChardev *chardev, TnMonitorMode mode, GError **error)
{
    TnMonitor *monitor = tn_monitor_new(p->machine, chardev, mode, error);

    if (!monitor) {
        return FALSE;
    }
    g_ptr_array_add(p->monitors, monitor);
    return TRUE;
}

/* The originals are closed once all are taken: one may be in more than one set. */
static gboolean
add_fds(Program *p, GError **error)
{
    const GArray *adds = p->options->add_fds;
    TnFdsets *sets = tn_fdsets_get(tn_machine_get_root(p->machine));

    for (guint i = 0; i < adds->len; i++) {
        const TnAddFd *add = &g_array_index(adds, TnAddFd, i);
        int fd = tn_process_dup_inherited(add->fd, error);

        if (fd < 0 || !tn_fdsets_add(sets, add->set, fd, add->opaque, NULL, error)) {
            g_prefix_error(error, "-add-fd %s: ", add->text);
            return FALSE;
        }
    }
    for (guint i = 0; i < adds->len; i++) {
        (void)close((int)g_array_index(adds, TnAddFd, i).fd);
    }
    return TRUE;
}

static gboolean
add_chardevs(Program *p, GError **error)
{
    TnObject *chardevs = tn_machine_get_chardevs(p->machine);

    for (guint i = 0; i < p->options->chardevs->len; i++) {
        const char *text = g_ptr_array_index(p->options->chardevs, i);

        if (!tn_chardev_options_add(chardevs, text, error)) {
            g_prefix_error(error, "-chardev %s: ", text);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
add_objects(Program *p, GError **error)
{
    for (guint i = 0; i < p->options->objects->len; i++) {
        json_object *spec = g_ptr_array_index(p->options->objects, i);
        json_object *type = json_object_object_get(spec, "qom-type");
        json_object *id = json_object_object_get(spec, "id");

        if (!type || !id) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "-object: Parameter '%s' is missing", type ? "id" : "qom-type");
            return FALSE;
        }
        if (!tn_machine_object_add(p->machine, json_object_get_string(type),
                                   json_object_get_string(id), spec, tn_options_input(spec),
                                   error)) {
            g_prefix_error(error, "-object %s,id=%s: ", json_object_get_string(type),
                           json_object_get_string(id));
            return FALSE;
        }
    }
    return TRUE;
}

/* "-serial X": an ISA port on a chardev of its own. */
static gboolean
add_serial(Program *p, const char *text, unsigned index, GError **error)
{
    g_autofree char *label = g_strdup_printf("serial%u", index);
    TnChardevTarget target = { 0 };
    json_object *spec;
    gboolean ok;

    if (!tn_chardev_options_open(tn_machine_get_chardevs(p->machine), text, label, &target,
                                 error)) {
        g_prefix_error(error, "-serial %s: ", text);
        return FALSE;
    }
    if (target.mux) {
        g_ptr_array_add(p->shared, target.chardev);
    }
    if (!target.chardev) {
        return TRUE;
    }
    spec = json_object_new_object();
    json_object_object_add(spec, "driver", json_object_new_string("isa-serial"));
    json_object_object_add(spec, "chardev",
                           json_object_new_string(tn_chardev_get_label(target.chardev)));
    json_object_object_add(spec, "index", json_object_new_int((int)index));
    ok = tn_machine_device_add(p->machine, spec, TN_PROPERTY_STRICT, error);
    json_object_put(spec);
    return ok;
}

static gboolean
add_devices(Program *p, GError **error)
{
    if (p->options->serials->len == 0 && p->options->nographic) {
        g_ptr_array_add(p->options->serials, g_strdup("stdio"));
    }
    for (guint i = 0; i < p->options->serials->len; i++) {
        if (!add_serial(p, g_ptr_array_index(p->options->serials, i), i, error)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < p->options->devices->len; i++) {
        json_object *spec = g_ptr_array_index(p->options->devices, i);

        if (!tn_machine_device_add(p->machine, spec, tn_options_input(spec), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
add_mon(Program *p, json_object *given, GError **error)
{
    json_object *spec = NULL;
    g_autofree char *id = NULL;
    g_autofree char *mode = NULL;
    gboolean pretty = FALSE, is_control, ok;
    TnChardev *chardev;

    json_object_deep_copy(given, &spec, NULL);
    id = tn_keyval_take(spec, "chardev");
    mode = tn_keyval_take(spec, "mode");
    ok = tn_keyval_take_bool(spec, "pretty", &pretty, error) && tn_keyval_check_empty(spec, error);
    json_object_put(spec);
    if (!ok) {
        return FALSE;
    }
    if (mode && strcmp(mode, "control") != 0 && strcmp(mode, "readline") != 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter 'mode' does not accept value '%s'", mode);
        return FALSE;
    }
    is_control = g_strcmp0(mode, "control") == 0;
    if (pretty && !is_control) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "'pretty' is not compatible with HMP monitors");
        return FALSE;
    }
    chardev = tn_chardev_options_find(tn_machine_get_chardevs(p->machine), id ? id : "", error);
    return chardev && add_monitor(p, chardev,
                                  !is_control ? TN_MONITOR_READLINE
                                  : pretty    ? TN_MONITOR_CONTROL_PRETTY
                                              : TN_MONITOR_CONTROL,
                                  error);
}

static gboolean
add_monitors(Program *p, GError **error)
{
    for (guint i = 0; i < p->shared->len; i++) {
        if (!add_monitor(p, g_ptr_array_index(p->shared, i), TN_MONITOR_READLINE, error)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < p->options->monitors->len; i++) {
        if (!add_mon(p, g_ptr_array_index(p->options->monitors, i), error)) {
            g_prefix_error(error, "-mon: ");
            return FALSE;
        }
    }
    for (guint i = 0; i < p->options->qmps->len; i++) {
        const char *text = g_ptr_array_index(p->options->qmps, i);
        g_autofree char *label = g_strdup_printf("compat_monitor%u", i);
        TnChardevTarget target = { 0 };

        if (!tn_chardev_options_open(tn_machine_get_chardevs(p->machine), text, label, &target,
                                     error) ||
            (target.chardev && !add_monitor(p, target.chardev, TN_MONITOR_CONTROL, error))) {
            g_prefix_error(error, "-qmp %s: ", text);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
prepare_process(Program *p, GError **error)
{
    const TnMachineConfig *config = p->options->config;

    if (p->options->daemonize && !tn_process_daemonize(&p->ready_fd, error)) {
        return FALSE;
    }
    if (config->process_name) {
        (void)prctl(PR_SET_NAME, config->process_name);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    return (!p->options->log_file || tn_log_to_file(p->options->log_file, error)) &&
           (!p->options->pidfile || tn_process_write_pidfile(p->options->pidfile, error));
}

static gboolean
build(Program *p, GError **error)
{
    p->machine = tn_machine_new(g_steal_pointer(&p->options->config));
    tn_machine_set_quit(p->machine, on_quit, p);
    return add_fds(p, error) && add_chardevs(p, error) && add_objects(p, error) &&
           add_devices(p, error) && tn_machine_realize(p->machine, error) &&
           add_monitors(p, error);
}

static gboolean
run(Program *p, GError **error)
{
    const TnMachineConfig *config = tn_machine_get_config(p->machine);

    g_unix_signal_add(SIGTERM, on_signal, p);
    g_unix_signal_add(SIGINT, on_signal, p);
    g_unix_signal_add(SIGHUP, on_signal, p);
    if (p->ready_fd >= 0) {
        tn_process_ready(p->ready_fd);
    }
    if (!config->start_paused &&
        !tn_run_state_cont(tn_machine_get_platform(p->machine)->run_state, error)) {
        return FALSE;
    }
    g_main_loop_run(p->loop);
    for (guint i = 0; i < p->monitors->len; i++) {
        tn_monitor_flush(g_ptr_array_index(p->monitors, i), FLUSH_LIMIT_MS);
    }
    return TRUE;
}

static void
tear_down(Program *p)
{
    g_ptr_array_unref(p->monitors);
    g_ptr_array_unref(p->shared);
    if (p->machine) {
        tn_machine_shut_down(p->machine);
        g_object_unref(p->machine);
    }
    g_main_loop_unref(p->loop);
    if (p->options->pidfile) {
        (void)unlink(p->options->pidfile);
    }
    tn_options_free(p->options);
}

/* Help is for people; all else goes to logs and protocols, and a guest's start is spared reading
 * what the locale is made of. */
static void
speak_the_users_language(void)
{
    (void)setlocale(LC_CTYPE, "");
    (void)setlocale(LC_MESSAGES, "");
    bindtextdomain(GETTEXT_PACKAGE, TN_LOCALE_DIR);
    textdomain(GETTEXT_PACKAGE);
}

/* Its status tells which it was: a kernel of which nothing can be made, or a failure. */
static int
unpack_kernel(void)
{
    const int nothing_to_unpack = 2;
    g_autoptr(GError) error = NULL;

    if (tn_kernel_unpacker_run(&error)) {
        return EXIT_SUCCESS;
    }
    tn_log("%s", error->message);
    return g_error_matches(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_FORMAT)
               ? nothing_to_unpack
               : EXIT_FAILURE;
}

/* -help, -version and the like; FALSE when none was asked for. */
static gboolean
print_help(const TnOptions *options, int *ret_status)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    const char *type = options->device_help ? options->device_help : options->object_help;

    if (!options->help && !options->version && !type) {
        return FALSE;
    }
    speak_the_users_language();
    if (options->help) {
        text = tn_options_help();
    } else if (options->version) {
        text = g_strdup_printf(
            _("Tenon VMM version %s, with the machines and the monitor of QEMU 7.2\n"),
            TN_VERSION);
    } else if (type && *type) {
        text = tn_help_type(type, &error);
    } else {
        text = options->device_help ? tn_help_list_devices() : tn_help_list_objects();
    }
    *ret_status = error ? EXIT_FAILURE : EXIT_SUCCESS;
    if (error) {
        tn_log("%s", error->message);
    } else {
        fputs(text, stdout);
    }
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Program p = { .ready_fd = -1 };
    int status;

    tn_type_registry_init(tn_vmm_types);

    p.options = tn_options_parse(argc, argv, &error);
    if (!p.options) {
        tn_log("%s", error->message);
        return EXIT_FAILURE;
    }
    if (print_help(p.options, &status)) {
        tn_options_free(p.options);
        return status;
    }
    if (p.options->unpack_kernel) {
        tn_options_free(p.options);
        return unpack_kernel();
    }
    p.loop = g_main_loop_new(NULL, FALSE);
    p.monitors = g_ptr_array_new_with_free_func((GDestroyNotify)tn_monitor_free);
    p.shared = g_ptr_array_new();
    if (!prepare_process(&p, &error) || !build(&p, &error) || !run(&p, &error)) {
        tn_log("%s", error->message);
        p.status = EXIT_FAILURE;
    }
    tear_down(&p);
    return p.status;
}
