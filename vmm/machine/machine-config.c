/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration that the command line fills. */
#include "vmm/machine/machine.h"

void
tn_machine_config_free(TnMachineConfig *config)
{
    if (!config) {
        return;
    }
    for (unsigned i = 0; i < config->num_numa; i++) {
        g_free(config->numa[i].memdev);
    }
    g_free(config->numa);
    g_free(config->distances);
    g_free(config->type);
    g_free(config->name);
    g_free(config->process_name);
    g_free(config->uuid);
    g_free(config->cpu_model);
    g_strfreev(config->cpu_features);
    g_free(config->memory_backend);
    g_free(config->kernel);
    g_free(config->initrd);
    g_free(config->append);
    g_free(config->kvm_path);
    g_clear_pointer(&config->fw_cfg_files, g_ptr_array_unref);
    g_clear_pointer(&config->globals, g_ptr_array_unref);
    g_free(config);
}

TnCpuTopology
tn_machine_config_get_topology(const TnMachineConfig *config)
{
    return (TnCpuTopology){ config->sockets, config->dies, config->cores, config->threads };
}

gboolean
tn_machine_config_find_node(const TnMachineConfig *config, unsigned cpu, unsigned *ret_node)
{
    for (unsigned i = 0; i < config->num_numa; i++) {
        if ((config->numa[i].cpus[cpu / 64] >> (cpu % 64)) & 1) {
            *ret_node = i;
            return TRUE;
        }
    }
    return FALSE;
}
