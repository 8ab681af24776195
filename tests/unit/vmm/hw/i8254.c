/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 8254's data sheet, mode by mode on one counter with times of our own; then the PC's three. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/i8254-counter.h"
#include "vmm/hw/i8254.h"
#include "vmm/memory/memory.h"

#define CONTROL 0x43
#define SPEAKER 0x61
#define WAIT_LIMIT (10 * G_TIME_SPAN_SECOND)

/* The first nanosecond after @ticks clock pulses. */
static gint64
at(guint64 ticks)
{
    return (gint64)((ticks * 1000000000 + TN_I8254_HZ - 1) / TN_I8254_HZ);
}

/* A counter in @mode with @count loaded at time 0, both bytes. */
static TnI8254Counter
make(unsigned mode, guint16 count)
{
    TnI8254Counter c = { .gate = TRUE };

    tn_i8254_counter_control(&c, (guint8)(0x30 | mode << 1), 0);
    tn_i8254_counter_write(&c, (guint8)count, 0);
    tn_i8254_counter_write(&c, (guint8)(count >> 8), 0);
    return c;
}

static unsigned
read_both(TnI8254Counter *c, gint64 now)
{
    unsigned low = tn_i8254_counter_read(c, now);

    return low | (unsigned)tn_i8254_counter_read(c, now) << 8;
}

static void
test_mode_0(void)
{
    TnI8254Counter c = make(0, 1000);

    g_assert_false(tn_i8254_counter_out(&c, 0));
    g_assert_cmpuint(read_both(&c, 0), ==, 1000);
    g_assert_cmpuint(read_both(&c, at(400)), ==, 600);
    g_assert_false(tn_i8254_counter_out(&c, at(999)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(400)), ==, at(1000));
    g_assert_true(tn_i8254_counter_out(&c, at(1000)));
    g_assert_cmpuint(read_both(&c, at(1001)), ==, 0xffff);
    g_assert_true(tn_i8254_counter_out(&c, at(100000)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(1000)), ==, -1);
}

/* "GATE = 0 disables counting", and has no effect on OUT. */
static void
test_mode_0_gate(void)
{
    TnI8254Counter c = make(0, 1000);

    tn_i8254_counter_set_gate(&c, FALSE, at(400));
    g_assert_cmpuint(read_both(&c, at(5000)), ==, 600);
    g_assert_false(tn_i8254_counter_out(&c, at(5000)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(5000)), ==, -1);
    tn_i8254_counter_set_gate(&c, TRUE, at(5000));
    g_assert_false(tn_i8254_counter_out(&c, at(5599)));
    g_assert_true(tn_i8254_counter_out(&c, at(5601)));
}

/* "Writing the first byte disables counting", the second loads the new count. */
static void
test_mode_0_new_count(void)
{
    TnI8254Counter c = make(0, 1000);

    tn_i8254_counter_write(&c, 50, at(2000));
    g_assert_false(tn_i8254_counter_out(&c, at(2000)));
    g_assert_false(tn_i8254_counter_out(&c, at(90000)));
    tn_i8254_counter_write(&c, 0, at(90000));
    g_assert_false(tn_i8254_counter_out(&c, at(90049)));
    g_assert_true(tn_i8254_counter_out(&c, at(90051)));
}

static void
test_mode_1(void)
{
    TnI8254Counter c = make(1, 100);

    g_assert_true(tn_i8254_counter_out(&c, at(500)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(500)), ==, -1);
    tn_i8254_counter_set_gate(&c, FALSE, at(900));
    tn_i8254_counter_set_gate(&c, TRUE, at(1000));
    g_assert_false(tn_i8254_counter_out(&c, at(1000)));
    g_assert_false(tn_i8254_counter_out(&c, at(1099)));
    g_assert_true(tn_i8254_counter_out(&c, at(1101)));
    /* "Retriggerable", and the gate's fall stops nothing. */
    tn_i8254_counter_set_gate(&c, FALSE, at(1200));
    tn_i8254_counter_set_gate(&c, TRUE, at(2000));
    tn_i8254_counter_set_gate(&c, FALSE, at(2050));
    tn_i8254_counter_set_gate(&c, TRUE, at(2060));
    g_assert_false(tn_i8254_counter_out(&c, at(2101)));
    tn_i8254_counter_set_gate(&c, FALSE, at(2110));
    g_assert_true(tn_i8254_counter_out(&c, at(2162)));
}

static void
test_mode_2(void)
{
    TnI8254Counter c = make(2, 10);

    g_assert_true(tn_i8254_counter_out(&c, 0));
    g_assert_cmpuint(read_both(&c, 0), ==, 10);
    g_assert_cmpuint(read_both(&c, at(9)), ==, 1);
    g_assert_false(tn_i8254_counter_out(&c, at(9)));
    g_assert_true(tn_i8254_counter_out(&c, at(10)));
    g_assert_cmpuint(read_both(&c, at(10)), ==, 10);
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(10)), ==, at(20));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(1234567)), ==, at(1234570));
}

/* "GATE = 0 disables counting. If GATE goes low during an output pulse, OUT is set high
 * immediately. A trigger reloads the counter." */
static void
test_mode_2_gate(void)
{
    TnI8254Counter c = make(2, 10);

    tn_i8254_counter_set_gate(&c, FALSE, at(9));
    g_assert_true(tn_i8254_counter_out(&c, at(9)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(9)), ==, -1);
    tn_i8254_counter_set_gate(&c, TRUE, at(1005));
    g_assert_cmpuint(read_both(&c, at(1006) + 1), ==, 9);
}

/* "Writing a new count while counting does not affect the current counting sequence." */
static void
test_mode_2_new_count(void)
{
    TnI8254Counter c = make(2, 100);

    tn_i8254_counter_write(&c, 10, at(30));
    tn_i8254_counter_write(&c, 0, at(30));
    g_assert_cmpuint(read_both(&c, at(60)), ==, 40);
    tn_i8254_counter_latch_status(&c, at(60));
    g_assert_cmphex(tn_i8254_counter_read(&c, at(60)), ==, 0xc0 | 0x34);
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(60)), ==, at(100));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(100)) - at(110), <=, 1);
    g_assert_cmpuint(read_both(&c, at(103) + 1), ==, 7);
}

static void
test_mode_3_even(void)
{
    TnI8254Counter c = make(3, 4);

    g_assert_cmpuint(read_both(&c, 0), ==, 4);
    g_assert_cmpuint(read_both(&c, at(1)), ==, 2);
    g_assert_true(tn_i8254_counter_out(&c, at(1)));
    g_assert_false(tn_i8254_counter_out(&c, at(2)));
    g_assert_cmpuint(read_both(&c, at(2)), ==, 4);
    g_assert_cmpuint(read_both(&c, at(3)), ==, 2);
    g_assert_true(tn_i8254_counter_out(&c, at(4)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(1)), ==, at(4));
}

/* "OUT will be high for (N + 1)/2 counts and low for (N - 1)/2 counts." */
static void
test_mode_3_odd(void)
{
    TnI8254Counter c = make(3, 5);

    g_assert_true(tn_i8254_counter_out(&c, at(2)));
    g_assert_false(tn_i8254_counter_out(&c, at(3)));
    g_assert_false(tn_i8254_counter_out(&c, at(4)));
    g_assert_true(tn_i8254_counter_out(&c, at(5)));
    g_assert_cmpuint(read_both(&c, at(2)), ==, 0);
    g_assert_cmpuint(read_both(&c, at(3)), ==, 4);
}

static void
test_mode_4(void)
{
    TnI8254Counter c = make(4, 100);

    g_assert_true(tn_i8254_counter_out(&c, at(99)));
    g_assert_false(tn_i8254_counter_out(&c, at(100)));
    g_assert_true(tn_i8254_counter_out(&c, at(101)));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(10)), ==, at(101));
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, at(101)), ==, -1);
}

static void
test_mode_5(void)
{
    TnI8254Counter c = make(5, 100);

    g_assert_true(tn_i8254_counter_out(&c, at(100)));
    tn_i8254_counter_set_gate(&c, FALSE, at(200));
    tn_i8254_counter_set_gate(&c, TRUE, at(300));
    tn_i8254_counter_set_gate(&c, FALSE, at(310));
    g_assert_true(tn_i8254_counter_out(&c, at(399)));
    g_assert_false(tn_i8254_counter_out(&c, at(400) + 10));
    g_assert_true(tn_i8254_counter_out(&c, at(402)));
}

/* "The largest possible initial count is 0." */
static void
test_count_0(void)
{
    TnI8254Counter c = make(0, 0);
    TnI8254Counter bcd = { .gate = TRUE };

    g_assert_cmpuint(read_both(&c, at(1)), ==, 0xffff);
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, 0), ==, at(65536));
    tn_i8254_counter_control(&bcd, 0x31, 0);
    tn_i8254_counter_write(&bcd, 0, 0);
    tn_i8254_counter_write(&bcd, 0, 0);
    g_assert_cmphex(read_both(&bcd, at(1)), ==, 0x9999);
    g_assert_cmpint(tn_i8254_counter_next_rise(&bcd, 0), ==, at(10000));
}

static void
test_bcd(void)
{
    TnI8254Counter c = { .gate = TRUE };

    tn_i8254_counter_control(&c, 0x31, 0);
    tn_i8254_counter_write(&c, 0x34, 0);
    tn_i8254_counter_write(&c, 0x12, 0);
    g_assert_cmphex(read_both(&c, at(35)), ==, 0x1199);
    g_assert_true(tn_i8254_counter_out(&c, at(1234)));
    g_assert_cmphex(read_both(&c, at(1235)), ==, 0x9999);
}

/* "Read/write": one byte alone means zero in the other. */
static void
test_one_byte(void)
{
    TnI8254Counter c = { .gate = TRUE };

    tn_i8254_counter_control(&c, 0x10, 0);
    tn_i8254_counter_write(&c, 200, 0);
    g_assert_cmpuint(tn_i8254_counter_read(&c, at(50)), ==, 150);
    g_assert_cmpuint(tn_i8254_counter_read(&c, at(60)), ==, 140);
    tn_i8254_counter_control(&c, 0x20, 0);
    tn_i8254_counter_write(&c, 2, 0);
    g_assert_cmpuint(tn_i8254_counter_read(&c, at(1)), ==, 1);
    g_assert_cmpint(tn_i8254_counter_next_rise(&c, 0), ==, at(512));
}

/* "Counter latch command": held until read, a second one is ignored. */
static void
test_latch(void)
{
    TnI8254Counter c = make(0, 1000);

    tn_i8254_counter_control(&c, 0x00, at(100));
    tn_i8254_counter_control(&c, 0x00, at(200));
    g_assert_cmpuint(read_both(&c, at(300)), ==, 900);
    g_assert_cmpuint(read_both(&c, at(300)), ==, 700);
}

/* "Read-back command": the status comes first. */
static void
test_status(void)
{
    TnI8254Counter c = { .gate = TRUE };

    tn_i8254_counter_control(&c, 0x3a, 0);
    tn_i8254_counter_latch_status(&c, 0);
    g_assert_cmphex(tn_i8254_counter_read(&c, 0), ==, 0x80 | 0x40 | 0x3a);
    c = make(0, 1000);
    tn_i8254_counter_latch_count(&c, at(1));
    tn_i8254_counter_latch_status(&c, at(1));
    g_assert_cmphex(tn_i8254_counter_read(&c, at(2000)), ==, 0x30);
    g_assert_cmpuint(read_both(&c, at(2000)), ==, 999);
}

/* "Mode 2 and 3: M2 is don't care." */
static void
test_modes_6_and_7(void)
{
    TnI8254Counter c = { .gate = TRUE };

    tn_i8254_counter_control(&c, 0x3c, 0);
    g_assert_cmpuint(c.mode, ==, 2);
    tn_i8254_counter_control(&c, 0x3e, 0);
    g_assert_cmpuint(c.mode, ==, 3);
}

static void
test_random_counter(void)
{
    TnI8254Counter c = { .gate = TRUE };
    gint64 now = 0;

    for (unsigned i = 0; i < 500000; i++) {
        gint64 rise;

        now += g_test_rand_int_range(0, 3) ? g_test_rand_int_range(0, 5000)
                                           : g_test_rand_int_range(0, 1000000000);
        switch (g_test_rand_int_range(0, 6)) {
        case 0:
            tn_i8254_counter_control(&c, (guint8)g_test_rand_int(), now);
            break;
        case 1:
            tn_i8254_counter_latch_status(&c, now);
            break;
        case 2:
            tn_i8254_counter_set_gate(&c, g_test_rand_int_range(0, 2), now);
            break;
        case 3:
            (void)tn_i8254_counter_read(&c, now);
            break;
        default:
            tn_i8254_counter_write(&c, (guint8)g_test_rand_int(), now);
            break;
        }
        rise = tn_i8254_counter_next_rise(&c, now);
        g_assert_true(rise == -1 || rise > now);
        /* OUT is up at the time that was named, where it has a time to be down. */
        if (rise != -1) {
            TnI8254Counter then = c;

            g_assert_true(tn_i8254_counter_out(&then, rise));
        }
    }
}

#define ROUNDS 2000

typedef struct Fixture {
    TnTestPlatform *p;
    TnI8254 *pit;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->pit = tn_i8254_new(&f->p->platform);
    tn_test_realize(f->p, f->pit);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->pit);
    tn_test_platform_free(f->p);
}

static void
start_counter_0(Fixture *f, uint8_t word, unsigned count)
{
    tn_test_outb(f->p, CONTROL, word);
    tn_test_outb(f->p, 0x40, (uint8_t)count);
    tn_test_outb(f->p, 0x40, (uint8_t)(count >> 8));
}

static void
test_periodic_interrupts(Fixture *f, gconstpointer data)
{
    start_counter_0(f, 0x34, 1193); /* 1000 Hz */
    tn_test_wait_count(&f->p->irqs[0].raised, 5);
}

/* One tick, and none after it. */
static void
test_one_shot_interrupt(Fixture *f, gconstpointer data)
{
    unsigned before;

    start_counter_0(f, 0x30, 1193);
    before = f->p->irqs[0].raised;
    g_assert_cmpint(f->p->irqs[0].level, ==, 0);
    tn_test_wait_count(&f->p->irqs[0].raised, before + 1);
    start_counter_0(f, 0x30, 1193);
    g_assert_cmpint(f->p->irqs[0].level, ==, 0);
    tn_test_wait_count(&f->p->irqs[0].raised, before + 2);
    g_assert_cmpuint(f->p->irqs[0].raised, ==, before + 2);
}

/* A period of one tick must not take the host's time. */
static void
test_ticks_are_bounded(Fixture *f, gconstpointer data)
{
    gint64 begin = tn_clock_now_ns(f->p->platform.clock);
    gint64 passed;

    start_counter_0(f, 0x34, 1);
    tn_test_wait_count(&f->p->irqs[0].raised, 20);
    passed = tn_clock_now_ns(f->p->platform.clock) - begin;
    g_assert_cmpint(passed, >=, 18 * 100000);
}

/* No time passes while the guest stands, so no tick comes. */
static void
test_stands_with_the_clock(Fixture *f, gconstpointer data)
{
    unsigned low, again;

    start_counter_0(f, 0x34, 0);
    tn_clock_stop(f->p->platform.clock);
    tn_test_outb(f->p, CONTROL, 0x00);
    low = tn_test_inb(f->p, 0x40) | (unsigned)tn_test_inb(f->p, 0x40) << 8;
    tn_test_outb(f->p, CONTROL, 0x00);
    again = tn_test_inb(f->p, 0x40) | (unsigned)tn_test_inb(f->p, 0x40) << 8;
    g_assert_cmpuint(low, ==, again);
    tn_clock_start(f->p->platform.clock);
}

/* As kernels measure their clocks: counter 2, mode 0, its end seen in port 0x61. */
static void
test_speaker_counter(Fixture *f, gconstpointer data)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;

    tn_test_outb(f->p, SPEAKER, 0x01);
    tn_test_outb(f->p, CONTROL, 0xb0);
    tn_test_outb(f->p, 0x42, 0xff);
    tn_test_outb(f->p, 0x42, 0x0f);
    g_assert_cmphex(tn_test_inb(f->p, SPEAKER) & 0x2f, ==, 0x01);
    while (!(tn_test_inb(f->p, SPEAKER) & 0x20)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

static void
test_speaker_port(Fixture *f, gconstpointer data)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_LIMIT;
    uint8_t first;

    tn_test_outb(f->p, SPEAKER, 0xff);
    g_assert_cmphex(tn_test_inb(f->p, SPEAKER) & 0xef, ==, 0x0f);
    first = tn_test_inb(f->p, SPEAKER);
    while (((first ^ tn_test_inb(f->p, SPEAKER)) & 0x10) == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
    }
}

/* Counters 0 and 2 at once, status and count. */
static void
test_read_back(Fixture *f, gconstpointer data)
{
    start_counter_0(f, 0x34, 1000);
    tn_test_outb(f->p, CONTROL, 0xc0 | 0x0a);
    g_assert_cmphex(tn_test_inb(f->p, 0x40) & 0x7f, ==, 0x34);
    g_assert_cmpuint(tn_test_inb(f->p, 0x40) | (unsigned)tn_test_inb(f->p, 0x40) << 8, <=, 1000);
    g_assert_cmphex(tn_test_inb(f->p, 0x42), ==, 0x40);
    g_assert_cmphex(tn_test_inb(f->p, CONTROL), ==, 0);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    start_counter_0(f, 0x34, 1000);
    tn_test_outb(f->p, SPEAKER, 0x03);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->p->irqs[0].level, ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, SPEAKER) & 0xef, ==, 0);
    tn_test_outb(f->p, 0x40, 5); /* not programmed: nothing starts */
    tn_test_outb(f->p, CONTROL, 0xe2);
    g_assert_cmphex(tn_test_inb(f->p, 0x40), ==, 0x40);
}

static void
test_random_access(Fixture *f, gconstpointer data)
{
    static const uint16_t ports[] = { 0x40, 0x41, 0x42, 0x43, 0x61 };

    for (unsigned i = 0; i < 100000; i++) {
        uint16_t port = ports[g_test_rand_int_range(0, G_N_ELEMENTS(ports))];

        if (g_test_rand_int_range(0, 2)) {
            tn_test_outb(f->p, port, (uint8_t)g_test_rand_int());
        } else {
            (void)tn_test_inb(f->p, port);
        }
        if (i % 1000 == 0) {
            tn_test_iterate();
        }
    }
    tn_reset_run(f->p->platform.reset);
    test_periodic_interrupts(f, data);
}

static gpointer
guest_main(gpointer data)
{
    Fixture *f = data;

    tn_memory_register_thread();
    for (unsigned i = 0; i < ROUNDS; i++) {
        tn_test_outb(f->p, CONTROL, 0);
        (void)tn_test_inb(f->p, 0x40);
        (void)tn_test_inb(f->p, 0x42);
        (void)tn_test_inb(f->p, SPEAKER);
        tn_test_outb(f->p, SPEAKER, i & 3);
        if (i % 100 == 0) {
            start_counter_0(f, 0x34, 1193);
        }
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* A vCPU reads and reloads the counters while the main thread ticks: for ThreadSanitizer. */
static void
test_guest_against_ticks(Fixture *f, gconstpointer data)
{
    GThread *guest;

    start_counter_0(f, 0x34, 1193);
    guest = g_thread_new("guest", guest_main, f);
    tn_test_wait_count(&f->p->irqs[0].raised, 3);
    g_thread_join(guest);
    start_counter_0(f, 0x34, 1193);
    tn_test_wait_count(&f->p->irqs[0].raised, f->p->irqs[0].raised + 2);
}

#define ADD(name, func) g_test_add("/i8254/" name, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/counter/mode-0", test_mode_0);
    g_test_add_func("/i8254/counter/mode-0-gate", test_mode_0_gate);
    g_test_add_func("/i8254/counter/mode-0-new-count", test_mode_0_new_count);
    g_test_add_func("/i8254/counter/mode-1", test_mode_1);
    g_test_add_func("/i8254/counter/mode-2", test_mode_2);
    g_test_add_func("/i8254/counter/mode-2-gate", test_mode_2_gate);
    g_test_add_func("/i8254/counter/mode-2-new-count", test_mode_2_new_count);
    g_test_add_func("/i8254/counter/mode-3-even", test_mode_3_even);
    g_test_add_func("/i8254/counter/mode-3-odd", test_mode_3_odd);
    g_test_add_func("/i8254/counter/mode-4", test_mode_4);
    g_test_add_func("/i8254/counter/mode-5", test_mode_5);
    g_test_add_func("/i8254/counter/count-0", test_count_0);
    g_test_add_func("/i8254/counter/bcd", test_bcd);
    g_test_add_func("/i8254/counter/one-byte", test_one_byte);
    g_test_add_func("/i8254/counter/latch", test_latch);
    g_test_add_func("/i8254/counter/status", test_status);
    g_test_add_func("/i8254/counter/modes-6-and-7", test_modes_6_and_7);
    g_test_add_func("/i8254/counter/random", test_random_counter);
    ADD("periodic-interrupts", test_periodic_interrupts);
    ADD("one-shot-interrupt", test_one_shot_interrupt);
    ADD("ticks-are-bounded", test_ticks_are_bounded);
    ADD("stands-with-the-clock", test_stands_with_the_clock);
    ADD("speaker-counter", test_speaker_counter);
    ADD("speaker-port", test_speaker_port);
    ADD("read-back", test_read_back);
    ADD("reset", test_reset);
    ADD("random-access", test_random_access);
    ADD("guest-against-ticks", test_guest_against_ticks);
    return g_test_run();
}
