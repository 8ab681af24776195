/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event descriptors in KVM: a guest's write signals without an exit; and what KVM refuses. */
#include "tests/unit/vmm/accel/guest.h"
#include "vmm/memory/eventfd.h"

#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A guest with a device at 0xe0000 and one at port 0x500 that count what reaches them. */
typedef struct Bells {
    TnGuest *guest;
    TnMemoryRegion mmio, port;
    int fd;
    unsigned writes; /* atomic */
} Bells;

static void
count_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    __atomic_fetch_add(&((Bells *)opaque)->writes, 1, __ATOMIC_SEQ_CST);
}

static const TnMemoryRegionOps count_ops = { .write = count_write };

static bool
bells_init(Bells *b)
{
    *b = (Bells){ .guest = tn_guest_new(1) };
    if (!b->guest) {
        return false;
    }
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    g_assert_cmpint(b->fd, >=, 0);
    tn_memory_region_init_io(&b->mmio, b->guest->memory, NULL, &count_ops, b, "bell", 0x1000);
    tn_memory_region_add_subregion(&b->guest->system_memory, 0xe0000, &b->mmio);
    tn_memory_region_init_io(&b->port, b->guest->memory, NULL, &count_ops, b, "port-bell", 4);
    tn_memory_region_add_subregion(&b->guest->system_io, 0x500, &b->port);
    return true;
}

static void
bells_done(Bells *b)
{
    tn_guest_pause(b->guest);
    tn_memory_region_del_subregion(&b->guest->system_memory, &b->mmio);
    tn_memory_region_del_subregion(&b->guest->system_io, &b->port);
    tn_memory_synchronize(b->guest->memory);
    tn_memory_region_done(&b->mmio);
    tn_memory_region_done(&b->port);
    tn_guest_free(b->guest);
    (void)close(b->fd);
}

static uint64_t
bells_take(const Bells *b)
{
    uint64_t count = 0;

    return read(b->fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* Runs until the guest has said its word; returns how often it left the guest for that. */
static uint64_t
run(Bells *b)
{
    uint64_t before = tn_vcpu_get_exit_count(b->guest->vcpus[0]);

    tn_guest_resume(b->guest);
    g_assert_cmphex(tn_guest_wait_said(b->guest, 0), ==, 0x5a);
    return tn_vcpu_get_exit_count(b->guest->vcpus[0]) - before;
}

static void
test_mmio(void)
{
    Bells b;

    if (!bells_init(&b)) {
        return;
    }
    tn_memory_region_add_eventfd(&b.mmio, 0x10, 4, false, 0, b.fd);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick);
    /* The narrow write, and the word said. */
    g_assert_cmpuint(run(&b), ==, 2);
    g_assert_cmpuint(bells_take(&b), ==, 2);
    g_assert_cmpuint(b.writes, ==, 1);
    bells_done(&b);
}

static void
test_data_match(void)
{
    Bells b;

    if (!bells_init(&b)) {
        return;
    }
    tn_memory_region_add_eventfd(&b.mmio, 0x10, 4, true, 2, b.fd);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick);
    g_assert_cmpuint(run(&b), ==, 3);
    g_assert_cmpuint(bells_take(&b), ==, 1);
    g_assert_cmpuint(b.writes, ==, 2);
    bells_done(&b);
}

/* With or without KVM's help: where it cannot match any length, each write is an exit. */
static void
test_any_length(void)
{
    Bells b;

    if (!bells_init(&b)) {
        return;
    }
    tn_memory_region_add_eventfd(&b.mmio, 0x10, 0, false, 0, b.fd);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick);
    g_test_message("exits: %" PRIu64, run(&b));
    g_assert_cmpuint(bells_take(&b), ==, 3);
    g_assert_cmpuint(b.writes, ==, 0);
    bells_done(&b);
}

static void
test_port(void)
{
    Bells b;

    if (!bells_init(&b)) {
        return;
    }
    tn_memory_region_add_eventfd(&b.port, 0, 4, true, 8, b.fd);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick_port);
    g_assert_cmpuint(run(&b), ==, 2);
    g_assert_cmpuint(bells_take(&b), ==, 1);
    g_assert_cmpuint(b.writes, ==, 1);
    bells_done(&b);
}

static void
test_removed(void)
{
    Bells b;

    if (!bells_init(&b)) {
        return;
    }
    tn_memory_region_add_eventfd(&b.mmio, 0x10, 4, false, 0, b.fd);
    tn_memory_region_del_eventfd(&b.mmio, 0x10, 4, false, 0, b.fd);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick);
    g_assert_cmpuint(run(&b), ==, 4);
    g_assert_cmpuint(bells_take(&b), ==, 0);
    g_assert_cmpuint(b.writes, ==, 3);
    bells_done(&b);
}

/* The guest moves the device away and back: KVM has the place where it is now. */
static void
test_moved(void)
{
    Bells b;

    if (!bells_init(&b)) {
        return;
    }
    tn_memory_region_set_address(&b.mmio, 0xf0000);
    tn_memory_region_add_eventfd(&b.mmio, 0x10, 4, false, 0, b.fd);
    tn_memory_region_set_address(&b.mmio, 0xe0000);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick);
    g_assert_cmpuint(run(&b), ==, 2);
    g_assert_cmpuint(bells_take(&b), ==, 2);
    bells_done(&b);
}

/* No eventfd, so KVM refuses; the write leaves the guest and is matched there. */
static void
test_refused(void)
{
    Bells b;
    int pipes[2];
    uint64_t one = 0;

    if (!bells_init(&b)) {
        return;
    }
    g_assert_cmpint(pipe(pipes), ==, 0);
    tn_memory_region_add_eventfd(&b.mmio, 0x10, 4, true, 2, pipes[1]);
    tn_guest_load(b.guest, TN_GUEST_CODE, kick);
    g_assert_cmpuint(run(&b), ==, 4);
    g_assert_cmpint(read(pipes[0], &one, sizeof(one)), ==, sizeof(one));
    g_assert_cmpuint(one, ==, 1);
    g_assert_cmpuint(b.writes, ==, 2);
    tn_memory_region_del_eventfd(&b.mmio, 0x10, 4, true, 2, pipes[1]);
    bells_done(&b);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/ioeventfd/mmio-without-exit", test_mmio);
    g_test_add_func("/accel/ioeventfd/data-match", test_data_match);
    g_test_add_func("/accel/ioeventfd/any-length", test_any_length);
    g_test_add_func("/accel/ioeventfd/port-without-exit", test_port);
    g_test_add_func("/accel/ioeventfd/removed", test_removed);
    g_test_add_func("/accel/ioeventfd/moved", test_moved);
    g_test_add_func("/accel/ioeventfd/refused-by-kvm", test_refused);
    return g_test_run();
}
