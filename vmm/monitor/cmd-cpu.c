/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about vCPUs. */
#include "vmm/monitor/monitor-private.h"

static json_object *
place_to_json(const TnCpuInfo *info)
{
    json_object *props = json_object_new_object();

    if (info->has_node) {
        tn_reply_add_int(props, "node-id", info->node_id);
    }
    tn_reply_add_int(props, "socket-id", info->socket_id);
    if (info->has_die) {
        tn_reply_add_int(props, "die-id", info->die_id);
    }
    tn_reply_add_int(props, "core-id", info->core_id);
    tn_reply_add_int(props, "thread-id", info->thread_in_core);
    return props;
}

TN_MONITOR_HANDLER(query_cpus_fast)
{
    TnMachine *machine = tn_monitor_machine(call);
    json_object *reply = json_object_new_array();

    for (unsigned i = 0; i < tn_machine_get_cpu_count(machine); i++) {
        json_object *cpu;
        TnCpuInfo info = { 0 };

        tn_machine_get_cpu_info(machine, i, &info);
        if (!info.present) {
            continue;
        }
        cpu = json_object_new_object();
        tn_reply_add_int(cpu, "thread-id", info.thread_id);
        json_object_object_add(cpu, "props", place_to_json(&info));
        tn_reply_add_string(cpu, "qom-path", info.qom_path);
        tn_reply_add_int(cpu, "cpu-index", info.index);
        tn_reply_add_string(cpu, "target", "x86_64");
        json_object_array_add(reply, cpu);
    }
    return reply;
}

TN_MONITOR_HANDLER(query_hotpluggable_cpus)
{
    TnMachine *machine = tn_monitor_machine(call);
    const TnMachineConfig *config = tn_machine_get_config(machine);
    g_autofree char *type = g_strdup_printf("%s-x86_64-cpu",
                                            config->cpu_model ? config->cpu_model : "host");
    json_object *reply = json_object_new_array();

    for (unsigned i = tn_machine_get_cpu_count(machine); i-- > 0;) {
        json_object *slot = json_object_new_object();
        TnCpuInfo info = { 0 };

        tn_machine_get_cpu_info(machine, i, &info);
        json_object_object_add(slot, "props", place_to_json(&info));
        tn_reply_add_int(slot, "vcpus-count", 1);
        if (info.present) {
            tn_reply_add_string(slot, "qom-path", info.qom_path);
        }
        tn_reply_add_string(slot, "type", type);
        json_object_array_add(reply, slot);
    }
    return reply;
}
