/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text monitor: finds the command in a line, and human-monitor-command around it. */
#include "vmm/monitor/hmp.h"

#include <string.h>

/* Longest line; a client cannot make the answer grow by repeating itself in errors. */
#define MAX_LINE 4096

static TnRunStateControl *
run_state(const TnHmpCall *call)
{
    return tn_machine_get_platform(call->hub->machine)->run_state;
}

static void
print_error(TnHmpCall *call, const GError *error)
{
    g_string_append_printf(call->out, "Error: %s\n", error->message);
}

static void
run_cont(TnHmpCall *call)
{
    g_autoptr(GError) error = NULL;

    if (!tn_run_state_cont(run_state(call), &error)) {
        print_error(call, error);
    }
}

static void
run_device_del(TnHmpCall *call)
{
    g_autoptr(GError) error = NULL;

    if (!tn_machine_device_del(call->hub->machine, call->arg ? call->arg : "", &error)) {
        print_error(call, error);
    }
}

static void
run_object_del(TnHmpCall *call)
{
    g_autoptr(GError) error = NULL;

    if (!tn_machine_object_del(call->hub->machine, call->arg ? call->arg : "", &error)) {
        print_error(call, error);
    }
}

static void
run_quit(TnHmpCall *call)
{
    tn_run_state_request_shutdown(run_state(call), TN_SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

static void
run_stop(TnHmpCall *call)
{
    tn_run_state_stop(run_state(call));
}

static void
run_system_powerdown(TnHmpCall *call)
{
    tn_run_state_request_powerdown(run_state(call));
}

static void
run_system_reset(TnHmpCall *call)
{
    tn_run_state_request_reset(run_state(call), TN_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
}

static void
run_system_wakeup(TnHmpCall *call)
{
    g_autoptr(GError) error = NULL;

    if (!tn_run_state_wakeup(run_state(call), &error)) {
        print_error(call, error);
    }
}

static void run_help(TnHmpCall *call);
static void run_info(TnHmpCall *call);

static const TnHmpCommand commands[] = {
    { "cont|c", "", FALSE, "", "resume emulation", run_cont },
    { "device_del", "", TRUE, "device", "remove device", run_device_del },
    { "help|?", "", TRUE, "[cmd]", "show the help", run_help },
    { "info", "", TRUE, "[subcommand]", "show various information about the system state",
      run_info },
    { "object_del", "", TRUE, "id", "destroy QOM object", run_object_del },
    { "quit|q", "", FALSE, "", "quit the emulator", run_quit },
    { "stop|s", "", FALSE, "", "stop emulation", run_stop },
    { "system_powerdown", "", FALSE, "", "send system power down event", run_system_powerdown },
    { "system_reset", "", FALSE, "", "reset the system", run_system_reset },
    { "system_wakeup", "", FALSE, "", "wakeup guest from suspend", run_system_wakeup },
    { NULL },
};

/* Whether @word is one of "name|short". */
static gboolean
is_named(const TnHmpCommand *command, const char *word)
{
    g_auto(GStrv) names = g_strsplit(command->name, "|", -1);

    return g_strv_contains((const char *const *)names, word);
}

static const TnHmpCommand *
find(const TnHmpCommand *table, const char *word)
{
    for (; table->name; table++) {
        if (is_named(table, word)) {
            return table;
        }
    }
    return NULL;
}

static void
print_help(GString *out, const char *prefix, const TnHmpCommand *command)
{
    g_string_append_printf(out, "%s%s %s -- %s\n", prefix, command->name, command->usage,
                           command->help);
}

static void
print_table(GString *out, const char *prefix, const TnHmpCommand *table)
{
    for (; table->name; table++) {
        print_help(out, prefix, table);
    }
}

/* Takes @rest apart into an option and an argument and runs @command. */
static void
run_command(TnHmpCall *call, const char *prefix, const TnHmpCommand *command, const char *rest)
{
    g_autofree char *arg = g_strstrip(g_strdup(rest));

    call->flag = 0;
    call->arg = NULL;
    if (arg[0] == '-' && arg[1] && (command->flags[0] || !command->takes_arg)) {
        if (!strchr(command->flags, arg[1])) {
            g_string_append_printf(call->out, "%s: unsupported option -%c\nTry \"help %s%.*s\" "
                                   "for more information\n", command->name, arg[1], prefix,
                                   (int)strcspn(command->name, "|"), command->name);
            return;
        }
        call->flag = arg[1];
        memset(arg, ' ', 2);
        g_strstrip(arg);
    }
    if (arg[0] && !command->takes_arg) {
        g_string_append_printf(call->out, "%s: extraneous characters at the end of line\n"
                               "Try \"help %s%.*s\" for more information\n", command->name, prefix,
                               (int)strcspn(command->name, "|"), command->name);
        return;
    }
    call->arg = arg[0] ? arg : NULL;
    command->run(call);
}

/* The first word of @line; *@ret_rest is what follows it. (transfer full) */
static char *
split_word(const char *line, const char **ret_rest)
{
    size_t len;

    line += strspn(line, " \t");
    len = strcspn(line, " \t");
    *ret_rest = line + len;
    return g_strndup(line, len);
}

static void
run_info(TnHmpCall *call)
{
    g_autofree char *line = g_strdup(call->arg ? call->arg : "");
    const char *rest;
    g_autofree char *word = split_word(line, &rest);
    const TnHmpCommand *command = find(tn_hmp_info_commands, word);

    if (!word[0]) {
        print_table(call->out, "info ", tn_hmp_info_commands);
    } else if (!command) {
        g_string_append_printf(call->out, "unknown command: 'info %s'\n", word);
    } else {
        run_command(call, "info ", command, rest);
    }
}

static void
run_help(TnHmpCall *call)
{
    g_autofree char *line = g_strdup(call->arg ? call->arg : "");
    const char *rest;
    g_autofree char *word = split_word(line, &rest);
    g_autofree char *sub = split_word(rest, &rest);
    const TnHmpCommand *command = find(commands, word);

    if (!word[0]) {
        print_table(call->out, "", commands);
    } else if (!command) {
        g_string_append_printf(call->out, "unknown command: '%s'\n", word);
    } else if (command->run != run_info) {
        print_help(call->out, "", command);
    } else if (!sub[0]) {
        print_table(call->out, "info ", tn_hmp_info_commands);
    } else if ((command = find(tn_hmp_info_commands, sub))) {
        print_help(call->out, "info ", command);
    } else {
        g_string_append_printf(call->out, "unknown command: 'info %s'\n", sub);
    }
}

char *
tn_monitor_run_text(TnMonitorHub *hub, const char *command_line, unsigned cpu)
{
    TnHmpCall call = { .hub = hub, .cpu = cpu, .out = g_string_new(NULL) };
    const char *rest;
    g_autofree char *word = NULL;
    const TnHmpCommand *command;

    if (strlen(command_line) > MAX_LINE) {
        g_string_append_printf(call.out, "command line longer than %d bytes\n", MAX_LINE);
        return g_string_free(call.out, FALSE);
    }
    word = split_word(command_line, &rest);
    command = find(commands, word);
    if (command) {
        run_command(&call, "", command, rest);
    } else if (word[0]) {
        g_string_append_printf(call.out, "unknown command: '%s'\n", word);
    }
    return g_string_free(call.out, FALSE);
}

static gboolean
is_cpu(TnMachine *machine, gint64 cpu)
{
    TnCpuInfo info = { 0 };

    if (cpu < 0 || cpu >= tn_machine_get_cpu_count(machine)) {
        return FALSE;
    }
    tn_machine_get_cpu_info(machine, (unsigned)cpu, &info);
    return info.present;
}

TN_MONITOR_HANDLER(human_monitor_command)
{
    json_object *index = json_object_object_get(args, "cpu-index");
    gint64 cpu = index ? json_object_get_int64(index) : 0;
    g_autofree char *text = NULL;
    g_autoptr(GString) out = NULL;

    if (index && !is_cpu(tn_monitor_machine(call), cpu)) {
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                            "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    text = tn_monitor_run_text(call->ctx, tn_monitor_arg(args, "command-line"), (unsigned)cpu);
    out = g_string_new(text);
    g_string_replace(out, "\n", "\r\n", 0);
    return json_object_new_string_len(out->str, (int)out->len);
}
