/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's CPUs: which are possible, which are there, and how one comes and
 * goes. docs/specs/acpi-cpu-hotplug.md. Main thread.
 */
#pragma once

#include "vmm/acpi/gpe.h"
#include "vmm/acpi/tables.h"
#include "vmm/machine/cpu.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/pc-hotplug.h"

G_BEGIN_DECLS

typedef struct TnPcCpus TnPcCpus;

/**
 * TnPcCpusConfig:
 * @machine: topology, model and nodes. @platform: of the CPUs. Both outlive the object.
 * @kvm: takes their vCPUs; outlives them.
 * @gpe: the PM device's; outlives tn_pc_cpus_stop().
 */
typedef struct TnPcCpusConfig {
    const TnMachineConfig *machine;
    const TnPlatform *platform;
    TnKvm *kvm;
    TnAcpiGpe *gpe;
} TnPcCpusConfig;

/* Puts the controller's ports into place; nobody is there yet. */
TnPcCpus *tn_pc_cpus_new(const TnPcCpusConfig *config);
/* After tn_pc_cpus_stop(). NULL is fine. */
void tn_pc_cpus_free(TnPcCpus *cpus);

/* Makes @hotplug plug and unplug CPUs from now on; @cpus outlives it. */
void tn_pc_cpus_add_row(TnPcCpus *cpus, TnPcHotplug *hotplug);

/* Makes and realizes the CPUs that are there from the beginning, below @parent, when the platform
 * has its hot-plug handler. GENERIC when KVM takes fewer than there may be; KVM's errors. */
gboolean tn_pc_cpus_make_first(TnPcCpus *cpus, TnObject *parent, GError **error);

/* Ends all vCPUs, then takes the ports away: before everything that they use goes. */
void tn_pc_cpus_stop(TnPcCpus *cpus);

/* How many there may be, and CPU @index of them: NULL when it is not there. */
unsigned tn_pc_cpus_get_count(TnPcCpus *cpus);
TnCpu *tn_pc_cpus_get(TnPcCpus *cpus, unsigned index);

/* Place and, where it is there, path and thread of CPU @index. */
void tn_pc_cpus_get_info(TnPcCpus *cpus, unsigned index, TnCpuInfo *ret_info);

/* What the ACPI tables tell of them: tn_pc_cpus_get_count() elements. */
void tn_pc_cpus_describe(TnPcCpus *cpus, TnAcpiCpu *ret_list);

/* One call a CPU once the guest has left the legacy mode; valid during the callback. */
void tn_pc_cpus_foreach_ospm_status(TnPcCpus *cpus, TnOspmFunc func, gpointer user_data);

/* One call a CPU that may be there, in order; valid during the callback. */
void tn_pc_cpus_foreach_acpi_slot(TnPcCpus *cpus, TnAcpiSlotFunc func, gpointer user_data);

/* All of them, as the run states ask. */
void tn_pc_cpus_pause(TnPcCpus *cpus);
void tn_pc_cpus_resume(TnPcCpus *cpus);
/* To their start state, paused: the boot CPU's is @start. */
gboolean tn_pc_cpus_set_start(TnPcCpus *cpus, const TnVcpuStart *start, GError **error);
gboolean tn_pc_cpus_reset(TnPcCpus *cpus, GError **error);

G_END_DECLS
