/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about the machine as a whole: run state, identity, what it could be. */
#include "vmm/monitor/monitor-private.h"

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

static TnRunStateControl *
run_state(const TnQmpCall *call)
{
    return tn_machine_get_platform(tn_monitor_machine(call))->run_state;
}

TN_MONITOR_HANDLER(query_status)
{
    TnRunState state = tn_run_state_get(run_state(call));
    json_object *reply = json_object_new_object();

    tn_reply_add_bool(reply, "running", state == TN_RUN_STATE_RUNNING);
    tn_reply_add_bool(reply, "singlestep", FALSE);
    tn_reply_add_string(reply, "status", tn_run_state_to_string(state));
    return reply;
}

TN_MONITOR_HANDLER(stop)
{
    tn_run_state_stop(run_state(call));
    return NULL;
}

TN_MONITOR_HANDLER(cont)
{
    (void)tn_run_state_cont(run_state(call), error);
    return NULL;
}

TN_MONITOR_HANDLER(quit)
{
    tn_run_state_request_shutdown(run_state(call), TN_SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    return NULL;
}

TN_MONITOR_HANDLER(system_reset)
{
    tn_run_state_request_reset(run_state(call), TN_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    return NULL;
}

TN_MONITOR_HANDLER(system_powerdown)
{
    tn_run_state_request_powerdown(run_state(call));
    return NULL;
}

TN_MONITOR_HANDLER(system_wakeup)
{
    (void)tn_run_state_wakeup(run_state(call), error);
    return NULL;
}

TN_MONITOR_HANDLER(query_current_machine)
{
    json_object *reply = json_object_new_object();

    /* As in QEMU: the machine can, whether or not this guest may sleep. */
    tn_reply_add_bool(reply, "wakeup-suspend-support", TRUE);
    return reply;
}

TN_MONITOR_HANDLER(query_kvm)
{
    json_object *reply = json_object_new_object();

    tn_reply_add_bool(reply, "enabled", TRUE);
    tn_reply_add_bool(reply, "present", TRUE);
    return reply;
}

TN_MONITOR_HANDLER(query_name)
{
    const TnMachineConfig *config = tn_machine_get_config(tn_monitor_machine(call));
    json_object *reply = json_object_new_object();

    if (config->name) {
        tn_reply_add_string(reply, "name", config->name);
    }
    return reply;
}

TN_MONITOR_HANDLER(query_uuid)
{
    const TnMachineConfig *config = tn_machine_get_config(tn_monitor_machine(call));
    json_object *reply = json_object_new_object();

    tn_reply_add_string(reply, "UUID", config->uuid ? config->uuid : NIL_UUID);
    return reply;
}

TN_MONITOR_HANDLER(query_target)
{
    json_object *reply = json_object_new_object();

    tn_reply_add_string(reply, "arch", "x86_64");
    return reply;
}

TN_MONITOR_HANDLER(query_machines)
{
    json_object *reply = json_object_new_array();
    json_object *pc = json_object_new_object();

    tn_reply_add_string(pc, "name", "pc-i440fx-7.2");
    tn_reply_add_string(pc, "alias", "pc");
    tn_reply_add_bool(pc, "is-default", TRUE);
    tn_reply_add_int(pc, "cpu-max", TN_MAX_CPUS);
    tn_reply_add_bool(pc, "hotpluggable-cpus", TRUE);
    tn_reply_add_bool(pc, "numa-mem-supported", FALSE);
    tn_reply_add_bool(pc, "deprecated", FALSE);
    tn_reply_add_string(pc, "default-cpu-type", "host-x86_64-cpu");
    tn_reply_add_string(pc, "default-ram-id", "pc.ram");
    json_object_array_add(reply, pc);
    return reply;
}

TN_MONITOR_HANDLER(query_iothreads)
{
    return json_object_new_array();
}
