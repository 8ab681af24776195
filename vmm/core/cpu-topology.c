/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPU indices, places and APIC ids. */
#include "vmm/core/cpu-topology.h"

static unsigned
bits_for(unsigned count)
{
    return count <= 1 ? 0 : 32 - (unsigned)__builtin_clz(count - 1);
}

unsigned
tn_cpu_topology_core_shift(const TnCpuTopology *t)
{
    return bits_for(t->threads);
}

unsigned
tn_cpu_topology_die_shift(const TnCpuTopology *t)
{
    return tn_cpu_topology_core_shift(t) + bits_for(t->cores);
}

unsigned
tn_cpu_topology_socket_shift(const TnCpuTopology *t)
{
    return tn_cpu_topology_die_shift(t) + bits_for(t->dies);
}

guint64
tn_cpu_topology_count(const TnCpuTopology *t)
{
    return (guint64)t->sockets * t->dies * t->cores * t->threads;
}

TnCpuPlace
tn_cpu_topology_place(const TnCpuTopology *t, unsigned index)
{
    return (TnCpuPlace){
        .socket = index / (t->dies * t->cores * t->threads),
        .die = index / (t->cores * t->threads) % t->dies,
        .core = index / t->threads % t->cores,
        .thread = index % t->threads,
    };
}

unsigned
tn_cpu_topology_index(const TnCpuTopology *t, const TnCpuPlace *place)
{
    return ((place->socket * t->dies + place->die) * t->cores + place->core) * t->threads +
           place->thread;
}

TnCpuPlace
tn_cpu_topology_place_of_apic_id(const TnCpuTopology *t, guint32 apic_id)
{
    unsigned core_shift = tn_cpu_topology_core_shift(t);
    unsigned die_shift = tn_cpu_topology_die_shift(t);
    unsigned socket_shift = tn_cpu_topology_socket_shift(t);

    return (TnCpuPlace){
        .socket = apic_id >> socket_shift,
        .die = (apic_id & ((1u << socket_shift) - 1)) >> die_shift,
        .core = (apic_id & ((1u << die_shift) - 1)) >> core_shift,
        .thread = apic_id & ((1u << core_shift) - 1),
    };
}

guint32
tn_cpu_topology_apic_id(const TnCpuTopology *t, unsigned index)
{
    TnCpuPlace place = tn_cpu_topology_place(t, index);

    return place.socket << tn_cpu_topology_socket_shift(t) |
           place.die << tn_cpu_topology_die_shift(t) |
           place.core << tn_cpu_topology_core_shift(t) | place.thread;
}
