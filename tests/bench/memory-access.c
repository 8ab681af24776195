/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an access to a device costs between the vCPU loop and the callback.
 *
 *   memory-access [COUNT]
 *
 * Prints nanoseconds. For instructions, which do not depend on the load of the
 * host, run under valgrind and divide by COUNT what is counted in each loop:
 *
 *   valgrind --tool=callgrind --callgrind-out-file=/dev/stdout \
 *       --toggle-collect=bench_hit memory-access 100000
 */
#include "vmm/memory/address-space.h"

#include <stdio.h>
#include <stdlib.h>

#define TN_BENCH_REGIONS 64
#define TN_BENCH_STRIDE 0x1000

typedef struct Bench {
    TnMemory *memory;
    TnMemoryRegion root;
    TnMemoryRegion io[TN_BENCH_REGIONS];
    TnAddressSpace *as;
    TnAccessCache cache;
    unsigned count;
} Bench;

void bench_hit(Bench *b);
void bench_miss(Bench *b);
void bench_write(Bench *b);

static uint64_t
read_register(void *opaque, uint64_t addr, unsigned size)
{
    return addr;
}

static void
write_register(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const TnMemoryRegionOps ops = { .read = read_register, .write = write_register };

/* One device again and again: the usual case. */
G_GNUC_NO_INLINE void
bench_hit(Bench *b)
{
    uint32_t value;

    for (unsigned i = 0; i < b->count; i++) {
        tn_address_space_access(b->as, &b->cache, 0x2004, &value, 4, false);
    }
}

/* Two devices in turn: every look-up is a search. */
G_GNUC_NO_INLINE void
bench_miss(Bench *b)
{
    uint32_t value;

    for (unsigned i = 0; i < b->count; i++) {
        uint64_t addr = TN_BENCH_STRIDE * (uint64_t)(i & 1 ? 3 : TN_BENCH_REGIONS - 2);

        tn_address_space_access(b->as, &b->cache, addr, &value, 4, false);
    }
}

G_GNUC_NO_INLINE void
bench_write(Bench *b)
{
    uint32_t value = 1;

    for (unsigned i = 0; i < b->count; i++) {
        tn_address_space_access(b->as, &b->cache, 0x2004, &value, 4, true);
    }
}

static void
measure(const char *what, void (*func)(Bench *), Bench *b)
{
    gint64 start = g_get_monotonic_time();

    func(b);
    printf("%-24s %7.2f ns\n", what,
           1000.0 * (double)(g_get_monotonic_time() - start) / (double)b->count);
}

int
main(int argc, char **argv)
{
    Bench b = { .count = argc > 1 ? (unsigned)atoi(argv[1]) : 10000000 };

    b.memory = tn_memory_new();
    tn_memory_region_init(&b.root, b.memory, NULL, "root", TN_SIZE_WHOLE);
    tn_memory_begin(b.memory);
    for (unsigned i = 0; i < TN_BENCH_REGIONS; i++) {
        tn_memory_region_init_io(&b.io[i], b.memory, NULL, &ops, NULL, "io", 0x100);
        tn_memory_region_add_subregion(&b.root, (uint64_t)i * TN_BENCH_STRIDE, &b.io[i]);
    }
    tn_memory_commit(b.memory);
    b.as = tn_address_space_new(b.memory, &b.root, "bench");

    measure("read, same device", bench_hit, &b);
    measure("write, same device", bench_write, &b);
    measure("read, devices in turn", bench_miss, &b);

    tn_address_space_free(b.as);
    tn_memory_region_done(&b.root);
    for (unsigned i = 0; i < TN_BENCH_REGIONS; i++) {
        tn_memory_region_done(&b.io[i]);
    }
    tn_memory_free(b.memory);
    return 0;
}
