/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupt controllers outside of KVM, played by the test, and guests that take what they give. */
#include "tests/unit/vmm/accel/guest.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define COUNTS 0x7000u
#define READY 0xaa
#define WAIT_LIMIT (20 * G_TIME_SPAN_SECOND)

/* To local APIC 0, physical, fixed (Intel SDM 3A, 10.11). */
static const TnMsiMessage edge_31 = { .address = 0xfee00000, .data = 0x31 };
static const TnMsiMessage edge_32 = { .address = 0xfee00000, .data = 0x32 };
static const TnMsiMessage level_32 = { .address = 0xfee00000, .data = 0xc032 };

typedef struct Fixture {
    TnGuest *guest; /* NULL: no KVM */
    const TnIrqchipHost *host;
    const TnFastPath *path;

    unsigned left;  /* atomic: interrupts that the PICs still have */
    unsigned ended; /* atomic: ends told */
    guint8 ended_vector; /* atomic */
} Fixture;

/* As the PICs do it: the output falls when nothing is left. */
static guint8
acknowledge(void *opaque)
{
    Fixture *f = opaque;

    if (__atomic_sub_fetch(&f->left, 1, __ATOMIC_SEQ_CST) == 0) {
        tn_irq_lower(&f->host->extint);
    }
    return 0x25;
}

static void
end_of_interrupt(void *opaque, guint8 vector)
{
    Fixture *f = opaque;

    __atomic_store_n(&f->ended_vector, vector, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&f->ended, 1, __ATOMIC_SEQ_CST);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    const TnIrqchipOps ops = {
        .opaque = f, .acknowledge = acknowledge, .end_of_interrupt = end_of_interrupt
    };

    f->guest = tn_guest_new_with_irqchip(1, TN_KVM_IRQCHIP_SPLIT);
    if (f->guest) {
        f->host = tn_kvm_get_irqchip_host(f->guest->kvm);
        f->path = tn_kvm_get_fast_path(f->guest->kvm);
        tn_kvm_set_irqchip_ops(f->guest->kvm, &ops);
    }
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    if (f->guest) {
        tn_guest_free(f->guest);
    }
}

/* A guest that takes vector 0x25 from the PICs and says so. */
static void
start_pic_guest(Fixture *f)
{
    tn_guest_load(f->guest, TN_GUEST_CODE, irq);
    tn_guest_resume(f->guest);
    g_assert_cmphex(tn_guest_wait_said(f->guest, 0), ==, READY);
}

/* A guest whose local APIC is on, and that counts vectors 0x31 and 0x32. */
static void
start_apic_guest(Fixture *f)
{
    TnVcpuStart start = { .mode = TN_VCPU_START_PVH, .entry = TN_GUEST_CODE, .stack = 0x0f00 };
    g_autoptr(GError) error = NULL;

    tn_guest_load(f->guest, TN_GUEST_CODE, msi);
    (void)tn_vcpu_set_start(f->guest->vcpus[0], &start, &error);
    g_assert_no_error(error);
    tn_guest_reset(f->guest);
    tn_guest_resume(f->guest);
    g_assert_cmphex(tn_guest_wait_said(f->guest, 0), ==, READY);
}

static void
raise_pics(Fixture *f, unsigned n)
{
    __atomic_store_n(&f->left, n, __ATOMIC_SEQ_CST);
    tn_irq_raise(&f->host->extint);
}

/* What the guest counts in memory wakes nobody, so it is looked at until it is there. */
static void
wait_until(const unsigned *counter, unsigned n)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;

    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) != n) {
        if (g_get_monotonic_time() > deadline) {
            g_error("%u instead of %u", *counter, n);
        }
        g_thread_yield();
    }
}

static void
wait_taken(Fixture *f, unsigned vector, unsigned n)
{
    wait_until((unsigned *)(void *)(f->guest->ram_host + COUNTS) + (vector - 0x31), n);
}

static void
signal_eventfd(int fd)
{
    const uint64_t one = 1;

    g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
}

static void
test_pics_wake_halted(Fixture *f, gconstpointer data)
{
    if (!f->guest) {
        return;
    }
    start_pic_guest(f);
    for (unsigned i = 1; i <= 20; i++) {
        raise_pics(f, 1);
        g_assert_cmphex(tn_guest_wait_said(f->guest, i), ==, 0x25);
    }
    g_assert_cmpuint(f->left, ==, 0);
}

/* The next one is there while interrupts are off in the handler of the last. */
static void
test_pics_wait_for_the_window(Fixture *f, gconstpointer data)
{
    if (!f->guest) {
        return;
    }
    start_pic_guest(f);
    raise_pics(f, 50);
    g_assert_cmphex(tn_guest_wait_said(f->guest, 50), ==, 0x25);
    wait_until(&f->left, 0);
}

/* A request that is withdrawn before it was taken asks for nothing any more. */
static void
test_pics_withdraw(Fixture *f, gconstpointer data)
{
    if (!f->guest) {
        return;
    }
    start_pic_guest(f);
    tn_guest_pause(f->guest);
    raise_pics(f, 1);
    tn_irq_lower(&f->host->extint);
    tn_guest_resume(f->guest);
    raise_pics(f, 1);
    g_assert_cmphex(tn_guest_wait_said(f->guest, 1), ==, 0x25);
    tn_guest_pause(f->guest);
    g_assert_cmpuint(tn_guest_count_said(f->guest), ==, 2);
}

/* Raised while the machine stands, it is there when it goes on. */
static void
test_pics_while_paused(Fixture *f, gconstpointer data)
{
    if (!f->guest) {
        return;
    }
    start_pic_guest(f);
    tn_guest_pause(f->guest);
    raise_pics(f, 1);
    tn_guest_resume(f->guest);
    g_assert_cmphex(tn_guest_wait_said(f->guest, 1), ==, 0x25);
}

static void
test_pin_by_irqfd_needs_no_exit(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    uint64_t exits;
    int fd;

    if (!f->guest) {
        return;
    }
    start_apic_guest(f);
    fd = eventfd(0, EFD_CLOEXEC);
    g_assert_true(f->path->add_irqfd(f->path->opaque, fd, -1, 11, &error));
    f->host->set_pin(f->host->opaque, 11, &edge_31, FALSE);
    exits = tn_vcpu_get_exit_count(f->guest->vcpus[0]);
    for (unsigned i = 1; i <= 50; i++) {
        signal_eventfd(fd);
        wait_taken(f, 0x31, i);
    }
    g_assert_cmpuint(tn_vcpu_get_exit_count(f->guest->vcpus[0]), ==, exits);
    f->path->remove_irqfd(f->path->opaque, fd, 11);
    (void)close(fd);
}

static void
test_masked_pin_is_silent(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int fd;

    if (!f->guest) {
        return;
    }
    start_apic_guest(f);
    fd = eventfd(0, EFD_CLOEXEC);
    g_assert_true(f->path->add_irqfd(f->path->opaque, fd, -1, 11, &error));
    f->host->set_pin(f->host->opaque, 11, &edge_32, FALSE);
    f->host->set_pin(f->host->opaque, 11, &edge_32, TRUE);
    signal_eventfd(fd);
    /* Of less priority and later: when it has been taken the other was not to come. */
    f->path->msi_send(f->path->opaque, &edge_31);
    wait_taken(f, 0x31, 1);
    wait_taken(f, 0x32, 0);
    f->host->set_pin(f->host->opaque, 11, &edge_32, FALSE);
    signal_eventfd(fd);
    wait_taken(f, 0x32, 1);
    (void)close(fd);
}

/* Sends level triggered vector 0x32 and waits for its @n-th end. Where KVM emulates protected
 * mode, a guest that halts right after the end of interrupt tells it when it goes on: the edge
 * makes it. */
static void
send_level(Fixture *f, unsigned n)
{
    f->path->msi_send(f->path->opaque, &level_32);
    wait_taken(f, 0x32, n);
    f->path->msi_send(f->path->opaque, &edge_31);
    wait_taken(f, 0x31, n);
    wait_until(&f->ended, n);
    g_assert_cmphex(__atomic_load_n(&f->ended_vector, __ATOMIC_SEQ_CST), ==, 0x32);
}

/* And an edge's end is nobody's business. */
static void
test_level_end_is_told(Fixture *f, gconstpointer data)
{
    if (!f->guest) {
        return;
    }
    start_apic_guest(f);
    f->host->set_pin(f->host->opaque, 9, &level_32, FALSE);
    for (unsigned i = 1; i <= 5; i++) {
        send_level(f, i);
    }
    tn_guest_pause(f->guest);
    g_assert_cmpuint(f->ended, ==, 5);
}

/* Masked while it is served: the end is told all the same. */
static void
test_level_end_of_masked_pin(Fixture *f, gconstpointer data)
{
    if (!f->guest) {
        return;
    }
    start_apic_guest(f);
    f->host->set_pin(f->host->opaque, 9, &level_32, FALSE);
    f->host->set_pin(f->host->opaque, 9, &level_32, TRUE);
    send_level(f, 1);
}

static void
test_resample(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct pollfd looked = { .events = POLLIN };
    int fd, resample_fd;

    if (!f->guest) {
        return;
    }
    fd = eventfd(0, EFD_CLOEXEC);
    looked.fd = resample_fd = eventfd(0, EFD_CLOEXEC);
    g_assert_true(f->path->add_irqfd(f->path->opaque, fd, resample_fd, 11, &error));
    f->host->resample(f->host->opaque, 10);
    g_assert_cmpint(poll(&looked, 1, 0), ==, 0);
    f->host->resample(f->host->opaque, 11);
    g_assert_cmpint(poll(&looked, 1, 0), ==, 1);
    f->path->remove_irqfd(f->path->opaque, fd, 11);
    f->path->remove_irqfd(f->path->opaque, fd, 11);
    (void)close(fd);
    (void)close(resample_fd);
}

static void
test_refused_irqfd(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    if (!f->guest) {
        return;
    }
    g_assert_false(f->path->add_irqfd(f->path->opaque, -1, -1, 11, &error));
    g_assert_error(error, TN_KVM_ERROR, TN_KVM_ERROR_FAILED);
}

static void
test_kernel_has_no_host(void)
{
    TnGuest *guest = tn_guest_new(1);

    if (guest) {
        g_assert_null(tn_kvm_get_irqchip_host(guest->kvm));
        tn_guest_free(guest);
    }
}

#define ADD(name, func) \
    g_test_add("/accel/split-irqchip/" name, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("pics-wake-halted", test_pics_wake_halted);
    ADD("pics-wait-for-the-window", test_pics_wait_for_the_window);
    ADD("pics-withdraw", test_pics_withdraw);
    ADD("pics-while-paused", test_pics_while_paused);
    ADD("pin-by-irqfd-needs-no-exit", test_pin_by_irqfd_needs_no_exit);
    ADD("masked-pin-is-silent", test_masked_pin_is_silent);
    ADD("level-end-is-told", test_level_end_is_told);
    ADD("level-end-of-masked-pin", test_level_end_of_masked_pin);
    ADD("resample", test_resample);
    ADD("refused-irqfd", test_refused_irqfd);
    g_test_add_func("/accel/split-irqchip/kernel-has-no-host", test_kernel_has_no_host);
    return g_test_run();
}
