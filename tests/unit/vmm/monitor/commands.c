/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monitor's handlers, by transcripts against a fake machine. */
#include "fake-machine.h"
#include "qmp/qmp-schema-gen.h"
#include "qmp/server-private.h"
#include "transcript.h"
#include "vmm/backend/chardev.h"
#include "vmm/monitor/monitor-private.h"

#include <gio/gio.h>
#include <string.h>

typedef struct Context {
    TnMachine *machine;
    TnMonitorHub *hub;
} Context;

/* "loop": what the main loop has to do is done; "counts ...": what happened to the machine. */
static gboolean
on_directive(void *opaque, const char *line)
{
    Context *context = opaque;
    const FakeCounts *counts = fake_machine_counts(context->machine);
    g_autofree char *text = NULL;

    if (strcmp(line, "loop") == 0) {
        while (g_main_context_iteration(NULL, FALSE)) {
        }
        return TRUE;
    }
    if (strcmp(line, "map-memory") == 0) {
        fake_machine_map_memory(context->machine);
        return TRUE;
    }
    if (!g_str_has_prefix(line, "counts ")) {
        return FALSE;
    }
    text = g_strdup_printf("counts pause %u resume %u reset %u powerdown %u quit %u",
                           counts->pause, counts->resume, counts->reset, counts->powerdown,
                           counts->quit);
    g_assert_cmpstr(text, ==, line);
    return TRUE;
}

static TnMachine *
new_machine(gboolean named)
{
    TnMachine *machine = fake_machine_new(named ? "guest" : NULL);
    g_autoptr(TnChardev) chardev = tn_chardev_new("null", NULL, TN_PROPERTY_STRICT, NULL);

    g_assert_true(tn_object_add_child(tn_object_resolve(tn_machine_get_root(machine), "/chardevs",
                                                        NULL),
                                      "c0", TN_OBJECT(chardev), NULL));
    return machine;
}

static void
free_machine(TnMachine *machine)
{
    g_autoptr(TnObject) root = g_object_ref(tn_machine_get_root(machine));

    tn_object_unparent(TN_OBJECT(machine));
    g_object_unref(machine);
    g_object_unref(root);
}

static void
test_transcript(gconstpointer data)
{
    Context context = { .machine = new_machine(strcmp(data, "monitor-nameless") != 0) };

    context.hub = tn_monitor_hub_acquire(context.machine);
    transcript_run(data, context.hub->server, on_directive, &context);
    tn_monitor_hub_release(context.hub);
    free_machine(context.machine);
}

static void
test_every_command_has_a_handler(void)
{
    TnMachine *machine = new_machine(TRUE);
    TnMonitorHub *hub = tn_monitor_hub_acquire(machine);

    for (unsigned i = 0; i < TN_QMP_COMMAND_LAST; i++) {
        g_assert_true(tn_qmp_server_has(hub->server, &tn_qmp_commands[i]));
    }
    tn_monitor_hub_release(hub);
    free_machine(machine);
}

int
main(int argc, char **argv)
{
    static const char *const transcripts[] = {
        "monitor-state",   "monitor-query", "monitor-nameless", "monitor-objects",
        "monitor-devices", "monitor-fds",   "monitor-hmp",
        "monitor-dma-maps",
        "monitor-flatview", "monitor-stats",
    };

    g_test_init(&argc, &argv, NULL);
    fake_machine_register_types();
    for (unsigned i = 0; i < G_N_ELEMENTS(transcripts); i++) {
        g_autofree char *path = g_strconcat("/monitor/transcript/", transcripts[i], NULL);

        g_test_add_data_func(path, transcripts[i], test_transcript);
    }
    g_test_add_func("/monitor/every-command-has-a-handler", test_every_command_has_a_handler);
    return g_test_run();
}
