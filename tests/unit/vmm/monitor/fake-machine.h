/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine without KVM, for the monitor's tests: the object tree, run state, events
 * and memory are real, the board is pretended. It stands in for vmm/machine.
 */
#pragma once

#include "vmm/machine/machine.h"

/* 256 MiB, two of four CPUs, name, UUID, one NUMA node; paused. @name may be NULL. */
TnMachine *fake_machine_new(const char *name);

/* How often vCPUs were paused, resumed, reset; buttons pressed; quit asked for. */
typedef struct FakeCounts {
    unsigned pause, resume, reset, powerdown, quit;
} FakeCounts;
const FakeCounts *fake_machine_counts(TnMachine *machine);

/* Shows RAM, a ROM device, a device's RAM with a device in front of it, and an IOMMU in
 * the memory space; the device has event descriptors and a zone of queued writes. Once. */
void fake_machine_map_memory(TnMachine *machine);

/* The type list of the tests: a backend and a device. */
void fake_machine_register_types(void);
