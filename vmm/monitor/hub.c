/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hub: one QMP server for all monitors of a machine, with its table of handlers. */
#include "vmm/monitor/cmd-fd.h"
#include "vmm/monitor/monitor-private.h"

#include "qmp/qmp-schema-gen.h"

static const TnQmpHandler handlers[TN_QMP_COMMAND_LAST] = {
    [TN_QMP_COMMAND_ADD_FD] = tn_monitor_cmd_add_fd,
    [TN_QMP_COMMAND_CLOSEFD] = tn_monitor_cmd_closefd,
    [TN_QMP_COMMAND_CONT] = tn_monitor_cmd_cont,
    [TN_QMP_COMMAND_DEVICE_ADD] = tn_monitor_cmd_device_add,
    [TN_QMP_COMMAND_DEVICE_DEL] = tn_monitor_cmd_device_del,
    [TN_QMP_COMMAND_DEVICE_LIST_PROPERTIES] = tn_monitor_cmd_device_list_properties,
    [TN_QMP_COMMAND_GETFD] = tn_monitor_cmd_getfd,
    [TN_QMP_COMMAND_HUMAN_MONITOR_COMMAND] = tn_monitor_cmd_human_monitor_command,
    [TN_QMP_COMMAND_OBJECT_ADD] = tn_monitor_cmd_object_add,
    [TN_QMP_COMMAND_OBJECT_DEL] = tn_monitor_cmd_object_del,
    [TN_QMP_COMMAND_QOM_GET] = tn_monitor_cmd_qom_get,
    [TN_QMP_COMMAND_QOM_LIST] = tn_monitor_cmd_qom_list,
    [TN_QMP_COMMAND_QOM_LIST_PROPERTIES] = tn_monitor_cmd_qom_list_properties,
    [TN_QMP_COMMAND_QOM_LIST_TYPES] = tn_monitor_cmd_qom_list_types,
    [TN_QMP_COMMAND_QOM_SET] = tn_monitor_cmd_qom_set,
    [TN_QMP_COMMAND_QUERY_ACPI_OSPM_STATUS] = tn_monitor_cmd_query_acpi_ospm_status,
    [TN_QMP_COMMAND_X_QUERY_ACPI_SLOTS] = tn_monitor_cmd_x_query_acpi_slots,
    [TN_QMP_COMMAND_X_TRACE_HOTPLUG] = tn_monitor_cmd_x_trace_hotplug,
    [TN_QMP_COMMAND_QUERY_CHARDEV] = tn_monitor_cmd_query_chardev,
    [TN_QMP_COMMAND_QUERY_CPUS_FAST] = tn_monitor_cmd_query_cpus_fast,
    [TN_QMP_COMMAND_QUERY_FDSETS] = tn_monitor_cmd_query_fdsets,
    [TN_QMP_COMMAND_QUERY_HOTPLUGGABLE_CPUS] = tn_monitor_cmd_query_hotpluggable_cpus,
    [TN_QMP_COMMAND_QUERY_IOTHREADS] = tn_monitor_cmd_query_iothreads,
    [TN_QMP_COMMAND_QUERY_KVM] = tn_monitor_cmd_query_kvm,
    [TN_QMP_COMMAND_QUERY_MACHINES] = tn_monitor_cmd_query_machines,
    [TN_QMP_COMMAND_QUERY_MEMDEV] = tn_monitor_cmd_query_memdev,
    [TN_QMP_COMMAND_QUERY_MEMORY_DEVICES] = tn_monitor_cmd_query_memory_devices,
    [TN_QMP_COMMAND_QUERY_MEMORY_SIZE_SUMMARY] = tn_monitor_cmd_query_memory_size_summary,
    [TN_QMP_COMMAND_QUERY_NAME] = tn_monitor_cmd_query_name,
    [TN_QMP_COMMAND_QUERY_PCI] = tn_monitor_cmd_query_pci,
    [TN_QMP_COMMAND_QUERY_STATS] = tn_monitor_cmd_query_stats,
    [TN_QMP_COMMAND_QUERY_STATS_SCHEMAS] = tn_monitor_cmd_query_stats_schemas,
    [TN_QMP_COMMAND_QUERY_STATUS] = tn_monitor_cmd_query_status,
    [TN_QMP_COMMAND_QUERY_TARGET] = tn_monitor_cmd_query_target,
    [TN_QMP_COMMAND_QUERY_UUID] = tn_monitor_cmd_query_uuid,
    [TN_QMP_COMMAND_QUIT] = tn_monitor_cmd_quit,
    [TN_QMP_COMMAND_REMOVE_FD] = tn_monitor_cmd_remove_fd,
    [TN_QMP_COMMAND_STOP] = tn_monitor_cmd_stop,
    [TN_QMP_COMMAND_SYSTEM_POWERDOWN] = tn_monitor_cmd_system_powerdown,
    [TN_QMP_COMMAND_SYSTEM_WAKEUP] = tn_monitor_cmd_system_wakeup,
    [TN_QMP_COMMAND_QUERY_CURRENT_MACHINE] = tn_monitor_cmd_query_current_machine,
    [TN_QMP_COMMAND_SYSTEM_RESET] = tn_monitor_cmd_system_reset,
    [TN_QMP_COMMAND_X_QUERY_DMA_MAPS] = tn_monitor_cmd_x_query_dma_maps,
    [TN_QMP_COMMAND_X_QUERY_FLATVIEW] = tn_monitor_cmd_x_query_flatview,
};

TnQmpError
tn_monitor_get_error_class(const GError *error)
{
    if (g_error_matches(error, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND)) {
        return TN_QMP_ERROR_DEVICE_NOT_FOUND;
    }
    return tn_qmp_error_get_class(error);
}

static TnQmpPhase
get_phase(void *ctx)
{
    const TnPlatform *platform = tn_machine_get_platform(((TnMonitorHub *)ctx)->machine);

    return tn_run_state_get(platform->run_state) == TN_RUN_STATE_RUNNING ? TN_QMP_PHASE_RUNNING
                                                                         : TN_QMP_PHASE_PAUSED;
}

/* Key of the hub on its machine. */
static GQuark
hub_quark(void)
{
    return g_quark_from_static_string("tn-monitor-hub");
}

TnMonitorHub *
tn_monitor_hub_acquire(TnMachine *machine)
{
    TnMonitorHub *hub = g_object_get_qdata(G_OBJECT(machine), hub_quark());
    TnQmpServerConfig config = {
        .handlers = handlers,
        .get_phase = get_phase,
        .get_class = tn_monitor_get_error_class,
        .major = TN_MONITOR_MAJOR,
        .minor = TN_MONITOR_MINOR,
        .micro = TN_MONITOR_MICRO,
        .package = TN_MONITOR_PACKAGE_TEXT,
        /* A test that exercises the handlers finds the ones that break their word. */
        .check_replies = g_test_initialized(),
    };

    if (!hub) {
        hub = g_new0(TnMonitorHub, 1);
        hub->machine = machine;
        config.ctx = hub;
        hub->server = tn_qmp_server_new(&config);
        tn_monitor_events_connect(hub);
        g_object_set_qdata(G_OBJECT(machine), hub_quark(), hub);
    }
    hub->users++;
    return hub;
}

void
tn_monitor_hub_release(TnMonitorHub *hub)
{
    if (!hub || --hub->users > 0) {
        return;
    }
    g_object_set_qdata(G_OBJECT(hub->machine), hub_quark(), NULL);
    tn_monitor_events_disconnect(hub);
    tn_qmp_server_free(hub->server);
    g_free(hub);
}
