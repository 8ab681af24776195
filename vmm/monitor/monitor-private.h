/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the monitors of one machine share (the hub), and the handlers of commands.
 * A handler gets the hub as TnQmpCall.ctx. Main thread.
 */
#pragma once

#include "qmp/server.h"
#include "vmm/machine/machine.h"

#include <glib.h>

G_BEGIN_DECLS

typedef struct TnFdsets TnFdsets; /* cmd-fd.h */

/* The QEMU release whose monitor and machine this one follows, and ourselves. */
#define TN_MONITOR_MAJOR 7
#define TN_MONITOR_MINOR 2
#define TN_MONITOR_MICRO 0
#define TN_MONITOR_VERSION_TEXT "7.2.0"
#define TN_MONITOR_PACKAGE_TEXT "tenon-0.1.0"

/* One per machine that has a monitor; counted by its monitors. */
typedef struct TnMonitorHub {
    unsigned users;
    TnMachine *machine; /* (transfer none) */
    TnQmpServer *server;
} TnMonitorHub;

/* The hub of @machine, made for its first user. Give it back with release. */
TnMonitorHub *tn_monitor_hub_acquire(TnMachine *machine);
/* NULL is fine. The last one ends the server and closes the descriptor sets. */
void tn_monitor_hub_release(TnMonitorHub *hub);

/* QMP's class of an error of any part of the program. */
TnQmpError tn_monitor_get_error_class(const GError *error);

/* From the machine's events to the server's clients (events.c). */
void tn_monitor_events_connect(TnMonitorHub *hub);
void tn_monitor_events_disconnect(TnMonitorHub *hub);

/**
 * tn_monitor_run_text:
 * Runs one command line of the text monitor.
 * @cpu: the CPU that commands about one CPU mean.
 * Returns: (transfer full): what it printed, lines ended by LF; may be empty.
 */
char *tn_monitor_run_text(TnMonitorHub *hub, const char *command_line, unsigned cpu);

/* Handlers, by the file that holds them. */
#define TN_MONITOR_HANDLER(name)                                                                   \
    json_object *tn_monitor_cmd_##name(TnQmpCall *call, json_object *args, GError **error)

/* cmd-machine.c */
TN_MONITOR_HANDLER(query_status);
TN_MONITOR_HANDLER(stop);
TN_MONITOR_HANDLER(cont);
TN_MONITOR_HANDLER(quit);
TN_MONITOR_HANDLER(system_reset);
TN_MONITOR_HANDLER(system_powerdown);
TN_MONITOR_HANDLER(system_wakeup);
TN_MONITOR_HANDLER(query_current_machine);
TN_MONITOR_HANDLER(query_kvm);
TN_MONITOR_HANDLER(query_name);
TN_MONITOR_HANDLER(query_uuid);
TN_MONITOR_HANDLER(query_target);
TN_MONITOR_HANDLER(query_machines);
TN_MONITOR_HANDLER(query_iothreads);
/* cmd-cpu.c */
TN_MONITOR_HANDLER(query_cpus_fast);
TN_MONITOR_HANDLER(query_hotpluggable_cpus);
/* cmd-memory.c */
TN_MONITOR_HANDLER(query_memory_size_summary);
TN_MONITOR_HANDLER(query_memdev);
TN_MONITOR_HANDLER(query_pci);
TN_MONITOR_HANDLER(query_memory_devices);
TN_MONITOR_HANDLER(query_acpi_ospm_status);
TN_MONITOR_HANDLER(x_query_flatview);

/* cmd-stats.c */
TN_MONITOR_HANDLER(query_stats);
TN_MONITOR_HANDLER(query_stats_schemas);
/* cmd-hotplug.c */
TN_MONITOR_HANDLER(x_query_acpi_slots);
TN_MONITOR_HANDLER(x_trace_hotplug);

/* cmd-device.c */
TN_MONITOR_HANDLER(device_add);
TN_MONITOR_HANDLER(device_del);
TN_MONITOR_HANDLER(device_list_properties);
/* cmd-object.c */
TN_MONITOR_HANDLER(object_add);
TN_MONITOR_HANDLER(object_del);
/* cmd-qom.c */
TN_MONITOR_HANDLER(qom_list);
TN_MONITOR_HANDLER(qom_get);
TN_MONITOR_HANDLER(qom_set);
TN_MONITOR_HANDLER(qom_list_types);
TN_MONITOR_HANDLER(qom_list_properties);
/* cmd-vfio.c */
TN_MONITOR_HANDLER(x_query_dma_maps);
/* cmd-chardev.c */
TN_MONITOR_HANDLER(query_chardev);
/* cmd-fd.c */
TN_MONITOR_HANDLER(getfd);
TN_MONITOR_HANDLER(closefd);
TN_MONITOR_HANDLER(add_fd);
TN_MONITOR_HANDLER(remove_fd);
TN_MONITOR_HANDLER(query_fdsets);
/* cmd-hmp.c */
TN_MONITOR_HANDLER(human_monitor_command);

/* The machine of a call. */
static inline TnMachine *
tn_monitor_machine(const TnQmpCall *call)
{
    return ((TnMonitorHub *)call->ctx)->machine;
}

/* The string @name of checked arguments; NULL when it is optional and absent. */
static inline const char *
tn_monitor_arg(json_object *args, const char *name)
{
    return json_object_get_string(json_object_object_get(args, name));
}

/* Members of a reply. */
static inline void
tn_reply_add_string(json_object *reply, const char *name, const char *value)
{
    json_object_object_add(reply, name, json_object_new_string(value));
}

static inline void
tn_reply_add_bool(json_object *reply, const char *name, gboolean value)
{
    json_object_object_add(reply, name, json_object_new_boolean(value));
}

static inline void
tn_reply_add_int(json_object *reply, const char *name, gint64 value)
{
    json_object_object_add(reply, name, json_object_new_int64(value));
}

static inline void
tn_reply_add_uint(json_object *reply, const char *name, guint64 value)
{
    json_object_object_add(reply, name, json_object_new_uint64(value));
}

G_END_DECLS
