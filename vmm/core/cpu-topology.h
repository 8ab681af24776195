/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where each possible CPU sits, and the APIC id that follows from it. An APIC id is
 * the numbers of thread, core, die and socket side by side, each as wide as its
 * count needs (Intel SDM vol. 3, 9.9.1 "Hierarchical Mapping"; AMD APM vol. 3,
 * E.5): with a count that is no power of two it is not the CPU's index.
 * docs/specs/acpi-cpu-hotplug.md. Pure; any thread.
 */
#pragma once

#include <glib.h>

/* Their product is the number of possible CPUs; none is 0. */
typedef struct TnCpuTopology {
    unsigned sockets, dies, cores, threads; /* dies per socket, cores per die, threads per core */
} TnCpuTopology;

/* One CPU's place: thread within core within die within socket. */
typedef struct TnCpuPlace {
    unsigned socket, die, core, thread;
} TnCpuPlace;

/* How many bits of an APIC id lie below the core's, the die's, the socket's number. */
unsigned tn_cpu_topology_core_shift(const TnCpuTopology *topology);
unsigned tn_cpu_topology_die_shift(const TnCpuTopology *topology);
unsigned tn_cpu_topology_socket_shift(const TnCpuTopology *topology);

/* How many CPUs there can be; 64 bits hold the product of any four counts up to 65535. */
guint64 tn_cpu_topology_count(const TnCpuTopology *topology);

/* The place of CPU @index (0 .. count-1): threads first, sockets last. */
TnCpuPlace tn_cpu_topology_place(const TnCpuTopology *topology, unsigned index);
/* The inverse; @place is within the topology. */
unsigned tn_cpu_topology_index(const TnCpuTopology *topology, const TnCpuPlace *place);

/* The place that an APIC id names, within the topology or not. */
TnCpuPlace tn_cpu_topology_place_of_apic_id(const TnCpuTopology *topology, guint32 apic_id);

/* The APIC id of CPU @index. */
guint32 tn_cpu_topology_apic_id(const TnCpuTopology *topology, unsigned index);
