/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Coalesced writes in KVM: no exit for each, all in order, none after what it came before. */
#include "tests/unit/vmm/accel/guest.h"
#include "vmm/memory/coalesced.h"

#include <string.h>

#define WAIT_LIMIT (20 * G_TIME_SPAN_SECOND)

/* A guest with a device at 0xe0000 and one at port 0x500 that keep what is written. */
typedef struct Tape {
    TnGuest *guest;
    TnMemoryRegion mmio, port;
    GMutex lock;
    GArray *values; /* of uint32_t; under lock */
} Tape;

static void
tape_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Tape *t = opaque;
    uint32_t word = (uint32_t)value;

    g_mutex_lock(&t->lock);
    g_array_append_val(t->values, word);
    g_mutex_unlock(&t->lock);
}

static unsigned
tape_count(Tape *t)
{
    unsigned n;

    g_mutex_lock(&t->lock);
    n = t->values->len;
    g_mutex_unlock(&t->lock);
    return n;
}

/* How many writes came before it. */
static uint64_t
tape_read(void *opaque, uint64_t addr, unsigned size)
{
    return tape_count(opaque);
}

static const TnMemoryRegionOps tape_ops = { .read = tape_read, .write = tape_write };

static bool
tape_init(Tape *t)
{
    memset(t, 0, sizeof(*t));
    t->guest = tn_guest_new(1);
    if (!t->guest) {
        return false;
    }
    t->values = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    tn_memory_region_init_io(&t->mmio, t->guest->memory, NULL, &tape_ops, t, "tape", 0x1000);
    tn_memory_region_add_subregion(&t->guest->system_memory, 0xe0000, &t->mmio);
    tn_memory_region_init_io(&t->port, t->guest->memory, NULL, &tape_ops, t, "port-tape", 4);
    tn_memory_region_add_subregion(&t->guest->system_io, 0x500, &t->port);
    return true;
}

static void
tape_done(Tape *t)
{
    tn_guest_pause(t->guest);
    tn_memory_region_del_subregion(&t->guest->system_memory, &t->mmio);
    tn_memory_region_del_subregion(&t->guest->system_io, &t->port);
    tn_memory_synchronize(t->guest->memory);
    tn_memory_region_done(&t->mmio);
    tn_memory_region_done(&t->port);
    tn_guest_free(t->guest);
    g_array_unref(t->values);
}

static void
assert_counts_up(Tape *t, unsigned count)
{
    g_assert_cmpuint(t->values->len, ==, count);
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpuint(g_array_index(t->values, uint32_t, i), ==, i + 1);
    }
}

/* More of them than the ring holds, so some exits come from it being full. */
static void
test_in_order(void)
{
    Tape t;
    uint64_t exits;

    if (!tape_init(&t)) {
        return;
    }
    tn_memory_region_add_coalescing(&t.mmio, 0x20, 4);
    tn_guest_load(t.guest, TN_GUEST_CODE, stream);
    tn_guest_resume(t.guest);
    /* The read saw all of the writes before it. */
    g_assert_cmpuint(tn_guest_wait_said(t.guest, 0), ==, 1000);
    assert_counts_up(&t, 1000);
    exits = tn_vcpu_get_exit_count(t.guest->vcpus[0]);
    g_test_message("exits: %u", (unsigned)exits);
    g_assert_cmpuint(exits, <, 100);
    tape_done(&t);
}

static void
test_without(void)
{
    Tape t;

    if (!tape_init(&t)) {
        return;
    }
    tn_memory_region_add_coalescing(&t.mmio, 0x20, 4);
    tn_memory_region_clear_coalescing(&t.mmio);
    tn_guest_load(t.guest, TN_GUEST_CODE, stream);
    tn_guest_resume(t.guest);
    g_assert_cmpuint(tn_guest_wait_said(t.guest, 0), ==, 1000);
    assert_counts_up(&t, 1000);
    g_assert_cmpuint(tn_vcpu_get_exit_count(t.guest->vcpus[0]), ==, 1002);
    tape_done(&t);
}

/* The guest has written, and stays inside. */
static void
run_write_and_stay(Tape *t)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;

    tn_memory_begin(t->guest->memory);
    tn_memory_region_add_coalescing(&t->mmio, 0x20, 4);
    tn_memory_region_add_coalescing(&t->port, 0, 4);
    tn_memory_commit(t->guest->memory);
    tn_guest_load(t->guest, TN_GUEST_CODE, write_and_stay);
    tn_guest_resume(t->guest);
    while (!__atomic_load_n(&t->guest->ram_host[0x3000], __ATOMIC_SEQ_CST)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_thread_yield();
    }
}

static void
test_before_commit(void)
{
    Tape t;

    if (!tape_init(&t)) {
        return;
    }
    run_write_and_stay(&t);
    g_assert_cmpuint(tn_vcpu_get_exit_count(t.guest->vcpus[0]), ==, 0);
    g_assert_cmpuint(tape_count(&t), ==, 0);
    /* Unplugged: what the guest wrote before reaches the device all the same. */
    tn_memory_region_del_subregion(&t.guest->system_memory, &t.mmio);
    assert_counts_up(&t, 6);
    tn_memory_region_add_subregion(&t.guest->system_memory, 0xe0000, &t.mmio);
    g_assert_cmpuint(tn_vcpu_get_exit_count(t.guest->vcpus[0]), ==, 0);
    tape_done(&t);
}

static void
test_before_access(void)
{
    uint32_t seen = 0;
    Tape t;

    if (!tape_init(&t)) {
        return;
    }
    run_write_and_stay(&t);
    tn_address_space_read(t.guest->memory_space, 0xe0080, &seen, 4);
    g_assert_cmpuint(seen, ==, 6);
    assert_counts_up(&t, 6);
    tape_done(&t);
}

/* A machine that stands still has nothing in a queue. */
static void
test_before_pause(void)
{
    Tape t;

    if (!tape_init(&t)) {
        return;
    }
    run_write_and_stay(&t);
    tn_guest_pause(t.guest);
    assert_counts_up(&t, 6);
    tape_done(&t);
}

/* Two threads drain at once, over and over: every write is done once and in order. */
static gpointer
flush_until_told(gpointer opaque)
{
    Tape *t = opaque;

    while (!__atomic_load_n(&t->guest->ram_host[0x3000], __ATOMIC_SEQ_CST)) {
        tn_memory_flush_coalesced(t->guest->memory);
    }
    return NULL;
}

static void
test_concurrent(void)
{
    GThread *thread;
    Tape t;

    if (!tape_init(&t)) {
        return;
    }
    tn_memory_region_add_coalescing(&t.mmio, 0x20, 4);
    tn_guest_load(t.guest, TN_GUEST_CODE, stream);
    thread = g_thread_new("flusher", flush_until_told, &t);
    tn_guest_resume(t.guest);
    g_assert_cmpuint(tn_guest_wait_said(t.guest, 0), ==, 1000);
    __atomic_store_n(&t.guest->ram_host[0x3000], 1, __ATOMIC_SEQ_CST);
    g_thread_join(thread);
    assert_counts_up(&t, 1000);
    tape_done(&t);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/coalesced/in-order-with-few-exits", test_in_order);
    g_test_add_func("/accel/coalesced/cleared", test_without);
    g_test_add_func("/accel/coalesced/before-commit", test_before_commit);
    g_test_add_func("/accel/coalesced/before-access", test_before_access);
    g_test_add_func("/accel/coalesced/before-pause", test_before_pause);
    g_test_add_func("/accel/coalesced/concurrent-drainers", test_concurrent);
    return g_test_run();
}
