/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A CPU as the object tree shows it ("/machine/unattached/device[0]"), around its
 * vCPU. Main thread.
 */
#pragma once

#include "vmm/accel/kvm.h"
#include "vmm/machine/machine.h"

G_BEGIN_DECLS

#define TN_TYPE_CPU (tn_cpu_get_type())
G_DECLARE_FINAL_TYPE(TnCpu, tn_cpu, TN, CPU, TnObject)

/**
 * tn_cpu_new:
 * @config: the machine's; gives topology and node. Outlives the CPU.
 * @index: 0..config->cpus-1; also the APIC id.
 * Makes the vCPU with its thread, paused. NULL with KVM's error.
 */
TnCpu *tn_cpu_new(const TnMachineConfig *config, TnKvm *kvm, unsigned index,
                  const TnVcpuEnv *env, GError **error);

/* (transfer none) */
TnVcpu *tn_cpu_get_vcpu(TnCpu *self);

/* Where it sits. @ret_info's qom_path is owned by the CPU. */
void tn_cpu_get_info(TnCpu *self, TnCpuInfo *ret_info);

/* Ends the vCPU's thread; the object stays. */
void tn_cpu_stop(TnCpu *self);

G_END_DECLS
