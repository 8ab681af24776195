/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A CPU as a device: "host-x86_64-cpu" and the like, around its vCPU. Where it sits
 * is said by socket-id, die-id, core-id and thread-id, or by apic-id; the machine
 * (pc-cpus.h) judges that in its pre_plug. docs/specs/acpi-cpu-hotplug.md. Main thread.
 */
#pragma once

#include "vmm/accel/kvm.h"
#include "vmm/core/device.h"
#include "vmm/machine/machine.h"

G_BEGIN_DECLS

#define TN_TYPE_CPU (tn_cpu_get_type())
G_DECLARE_DERIVABLE_TYPE(TnCpu, tn_cpu, TN, CPU, TnDevice)

struct _TnCpuClass {
    TnDeviceClass parent_class;
};

/* The other models that -cpu takes. */
#define TN_TYPE_CPU_MAX (tn_cpu_max_get_type())
GType tn_cpu_max_get_type(void);
#define TN_TYPE_CPU_QEMU64 (tn_cpu_qemu64_get_type())
GType tn_cpu_qemu64_get_type(void);
#define TN_TYPE_CPU_OPTERON_G1 (tn_cpu_opteron_g1_get_type())
GType tn_cpu_opteron_g1_get_type(void);

/* The type of the CPUs that "-cpu @model" makes; G_TYPE_INVALID: there is no such model. */
GType tn_cpu_find_type(const char *model);

/* A property that nobody set. */
#define TN_CPU_UNSET (-1)
#define TN_CPU_NO_APIC_ID G_MAXUINT32

/* The properties as the user set them. */
typedef struct TnCpuAddress {
    int socket, die, core, thread, node; /* TN_CPU_UNSET: not given */
    guint32 apic_id;                     /* TN_CPU_NO_APIC_ID: not given */
} TnCpuAddress;
void tn_cpu_get_address(TnCpu *self, TnCpuAddress *ret_address);

/* What a CPU is made of; targets outlive it. */
typedef struct TnCpuHost {
    const TnMachineConfig *config; /* model and topology */
    TnKvm *kvm;
    TnVcpuEnv env;
} TnCpuHost;

/* It is CPU @index of the machine: properties follow. Before realize, which makes the
 * vCPU with its thread, paused. @host outlives the CPU. */
void tn_cpu_set_place(TnCpu *self, const TnCpuHost *host, unsigned index);
unsigned tn_cpu_get_index(TnCpu *self);

/* (transfer none); NULL before realize and after tn_cpu_stop(). */
TnVcpu *tn_cpu_get_vcpu(TnCpu *self);

/* Its path in the tree, owned by the CPU; NULL outside of it. */
const char *tn_cpu_get_path(TnCpu *self);

/* Ends the vCPU's thread; the object stays. */
void tn_cpu_stop(TnCpu *self);

G_END_DECLS
