/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MSI routes, irqfds and KVM's VFIO device, with guests that count what they take. */
#include "tests/unit/vmm/accel/guest.h"
#include "vmm/accel/kvm-private.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNTS 0x7000u
#define READY 0xaa
#define WAIT_LIMIT (20 * G_TIME_SPAN_SECOND)
#define WAIT_LIMIT_MS 20000

/* To local APIC 0, physical, fixed, edge (Intel SDM 3A, 10.11). */
static const TnMsiMessage vector_31 = { .address = 0xfee00000, .data = 0x31 };
static const TnMsiMessage vector_32 = { .address = 0xfee00000, .data = 0x32 };

/* A guest that is ready to take vectors 0x31 and 0x32, or NULL where there is no KVM. */
static TnGuest *
start_guest(void)
{
    TnGuest *guest = tn_guest_new(1);
    TnVcpuStart start = { .mode = TN_VCPU_START_PVH, .entry = TN_GUEST_CODE, .stack = 0x0f00 };
    g_autoptr(GError) error = NULL;

    if (!guest) {
        return NULL;
    }
    tn_guest_load(guest, TN_GUEST_CODE, msi);
    (void)tn_vcpu_set_start(guest->vcpus[0], &start, &error);
    g_assert_no_error(error);
    tn_guest_reset(guest);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, READY);
    return guest;
}

static uint32_t
count_taken(TnGuest *guest, unsigned vector)
{
    return __atomic_load_n((uint32_t *)(void *)(guest->ram_host + COUNTS) + (vector - 0x31),
                           __ATOMIC_ACQUIRE);
}

/* What the guest counts in memory wakes nobody, so it is looked at until it is there. */
static void
wait_taken(TnGuest *guest, unsigned vector, uint32_t n)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;

    while (count_taken(guest, vector) != n) {
        if (g_get_monotonic_time() > deadline) {
            g_error("vector 0x%x was taken %u times, not %u", vector, count_taken(guest, vector),
                    n);
        }
        g_thread_yield();
    }
}

static int
make_eventfd(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void
signal_eventfd(int fd)
{
    const uint64_t one = 1;

    g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
}

static void
test_msi_send(void)
{
    TnGuest *guest = start_guest();
    const TnFastPath *path;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    path->msi_send(path->opaque, &vector_32);
    wait_taken(guest, 0x32, 1);
    g_assert_cmpuint(count_taken(guest, 0x31), ==, 0);
    tn_guest_free(guest);
}

static void
test_route_by_irqfd_needs_no_exit(void)
{
    TnGuest *guest = start_guest();
    const TnFastPath *path;
    g_autoptr(GError) error = NULL;
    uint64_t exits;
    int fd, gsi;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    gsi = path->add_msi_route(path->opaque, &vector_31, &error);
    g_assert_no_error(error);
    g_assert_cmpint(gsi, >=, TN_KVM_NUM_GSIS);
    fd = make_eventfd();
    g_assert_true(path->add_irqfd(path->opaque, fd, -1, (unsigned)gsi, &error));
    exits = tn_vcpu_get_exit_count(guest->vcpus[0]);
    for (unsigned i = 1; i <= 100; i++) {
        signal_eventfd(fd);
        wait_taken(guest, 0x31, i);
    }
    g_assert_cmpuint(tn_vcpu_get_exit_count(guest->vcpus[0]), ==, exits);
    path->remove_irqfd(path->opaque, fd, (unsigned)gsi);
    path->remove_msi_route(path->opaque, (unsigned)gsi);
    (void)close(fd);
    tn_guest_free(guest);
}

static void
test_update_route(void)
{
    TnGuest *guest = start_guest();
    const TnFastPath *path;
    g_autoptr(GError) error = NULL;
    int fd, gsi;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    gsi = path->add_msi_route(path->opaque, &vector_31, &error);
    g_assert_no_error(error);
    fd = make_eventfd();
    g_assert_true(path->add_irqfd(path->opaque, fd, -1, (unsigned)gsi, &error));
    g_assert_true(path->update_msi_route(path->opaque, (unsigned)gsi, &vector_32, &error));
    signal_eventfd(fd);
    wait_taken(guest, 0x32, 1);
    g_assert_cmpuint(count_taken(guest, 0x31), ==, 0);
    (void)close(fd);
    tn_guest_free(guest);
}

/* Bits that KVM would refuse: a guest may write anything there. */
static void
test_update_route_takes_any_address(void)
{
    TnGuest *guest = start_guest();
    const TnMsiMessage odd = { .address = 0xffffffffffffffff, .data = 0xffffffff };
    const TnFastPath *path;
    g_autoptr(GError) error = NULL;
    int gsi;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    gsi = path->add_msi_route(path->opaque, &odd, &error);
    g_assert_no_error(error);
    g_assert_true(path->update_msi_route(path->opaque, (unsigned)gsi, &odd, &error));
    g_assert_no_error(error);
    path->msi_send(path->opaque, &odd);
    tn_guest_free(guest);
}

/* Removing one in the middle leaves the others as they are, and gives its GSI back. */
static void
test_remove_route(void)
{
    TnGuest *guest = start_guest();
    const TnFastPath *path;
    g_autoptr(GError) error = NULL;
    int fd, first, last;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    first = path->add_msi_route(path->opaque, &vector_31, &error);
    last = path->add_msi_route(path->opaque, &vector_32, &error);
    g_assert_no_error(error);
    g_assert_cmpint(first, !=, last);
    fd = make_eventfd();
    g_assert_true(path->add_irqfd(path->opaque, fd, -1, (unsigned)last, &error));
    path->remove_msi_route(path->opaque, (unsigned)first);
    path->remove_msi_route(path->opaque, (unsigned)first);
    signal_eventfd(fd);
    wait_taken(guest, 0x32, 1);
    g_assert_false(path->update_msi_route(path->opaque, (unsigned)first, &vector_31, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_cmpint(path->add_msi_route(path->opaque, &vector_31, &error), ==, first);
    (void)close(fd);
    tn_guest_free(guest);
}

static void
test_full_table_names_the_limit(void)
{
    g_autoptr(GError) error = NULL;
    TnKvm *kvm = tn_kvm_new(NULL, &error);
    const TnFastPath *path;
    unsigned room;
    int last = -1;

    if (!kvm) {
        g_test_skip(error->message);
        return;
    }
    g_assert_cmpuint(kvm->routes.limit, >, 1000);
    kvm->routes.limit = 100; /* KVM's own is the same, only slower */
    path = tn_kvm_get_fast_path(kvm);
    room = 100 - kvm->routes.table->nr;
    for (unsigned i = 0; i < room; i++) {
        last = path->add_msi_route(path->opaque, &vector_31, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpint(path->add_msi_route(path->opaque, &vector_31, &error), ==, -1);
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "100"));
    g_clear_error(&error);
    path->remove_msi_route(path->opaque, (unsigned)last);
    g_assert_cmpint(path->add_msi_route(path->opaque, &vector_31, &error), ==, last);
    tn_kvm_free(kvm);
}

static void
test_resample_tells_of_eoi(void)
{
    TnGuest *guest = tn_guest_new(1);
    const TnFastPath *path;
    g_autoptr(GError) error = NULL;
    int fd, resample_fd;

    if (!guest) {
        return;
    }
    path = tn_kvm_get_fast_path(guest->kvm);
    fd = make_eventfd();
    resample_fd = make_eventfd();
    g_assert_true(path->add_irqfd(path->opaque, fd, resample_fd, 5, &error));
    tn_guest_load(guest, TN_GUEST_CODE, irq);
    tn_guest_resume(guest);
    g_assert_cmphex(tn_guest_wait_said(guest, 0), ==, READY);
    for (unsigned i = 1; i <= 3; i++) {
        struct pollfd ended = { .fd = resample_fd, .events = POLLIN };
        uint64_t times;

        g_assert_cmpint(poll(&ended, 1, 0), ==, 0);
        signal_eventfd(fd);
        g_assert_cmphex(tn_guest_wait_said(guest, i), ==, 0x25);
        g_assert_cmpint(poll(&ended, 1, WAIT_LIMIT_MS), ==, 1);
        g_assert_cmpint(read(resample_fd, &times, sizeof(times)), ==, sizeof(times));
    }
    path->remove_irqfd(path->opaque, fd, 5);
    (void)close(fd);
    (void)close(resample_fd);
    tn_guest_free(guest);
}

static void
test_vfio_takes_groups_only(void)
{
    g_autoptr(GError) error = NULL;
    TnKvm *kvm = tn_kvm_new(NULL, &error);
    const TnFastPath *path;
    int fd;

    if (!kvm) {
        g_test_skip(error->message);
        return;
    }
    path = tn_kvm_get_fast_path(kvm);
    if (!path->add_vfio_group) {
        g_test_skip("KVM has no VFIO device");
        tn_kvm_free(kvm);
        return;
    }
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    path->remove_vfio_group(path->opaque, fd);
    g_assert_false(path->add_vfio_group(path->opaque, fd, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
    g_assert_true(g_str_has_prefix(error->message, "KVM_DEV_VFIO_GROUP_ADD failed: "));
    path->remove_vfio_group(path->opaque, fd);
    (void)close(fd);
    tn_kvm_free(kvm);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/accel/irq/msi-send", test_msi_send);
    g_test_add_func("/accel/irq/route-by-irqfd-needs-no-exit", test_route_by_irqfd_needs_no_exit);
    g_test_add_func("/accel/irq/update-route", test_update_route);
    g_test_add_func("/accel/irq/update-route-takes-any-address",
                    test_update_route_takes_any_address);
    g_test_add_func("/accel/irq/remove-route", test_remove_route);
    g_test_add_func("/accel/irq/full-table-names-the-limit", test_full_table_names_the_limit);
    g_test_add_func("/accel/irq/resample-tells-of-eoi", test_resample_tells_of_eoi);
    g_test_add_func("/accel/irq/vfio-takes-groups-only", test_vfio_takes_groups_only);
    return g_test_run();
}
