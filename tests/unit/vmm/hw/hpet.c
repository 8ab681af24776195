/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HPET, by the sections of docs/specs/hpet.md. */
#include "tests/lib/test-platform.h"
#include "vmm/core/fast-path.h"
#include "vmm/hw/hpet.h"

#define CONFIG 0x010
#define STATUS 0x020
#define COUNTER 0x0f0
#define TIMER(n) (0x100 + 0x20 * (n))
#define COMPARATOR(n) (0x108 + 0x20 * (n))

#define ENABLE 0x1
#define LEGACY 0x2
#define LEVEL 0x2
#define INT_ENABLE 0x4
#define PERIODIC 0x8
#define SET_ACCUMULATOR 0x40
#define MODE_32BIT 0x100
#define ROUTE_2 (2 << 9)

typedef struct Fixture {
    TnTestPlatform *p;
    TnHpet *hpet;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->hpet = tn_test_realize(f->p, tn_hpet_new(&f->p->platform));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->hpet);
    tn_test_platform_free(f->p);
}

static guint64
get(Fixture *f, guint64 reg, unsigned size)
{
    guint64 value = 0;

    (void)tn_address_space_read(f->p->platform.memory_space, TN_HPET_BASE + reg, &value, size);
    return value;
}

static void
set(Fixture *f, guint64 reg, guint64 value, unsigned size)
{
    (void)tn_address_space_write(f->p->platform.memory_space, TN_HPET_BASE + reg, &value, size);
}

static void
capabilities(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, 0, 8), ==, UINT64_C(0x009896808086a201));
    g_assert_cmphex(get(f, 0, 4), ==, 0x8086a201);
    g_assert_cmphex(get(f, 4, 4), ==, 10000000);
    set(f, 0, 0, 8);
    g_assert_cmphex(get(f, 0, 4), ==, 0x8086a201);
}

static void
reset_values(Fixture *f, gconstpointer data)
{
    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(1), INT_ENABLE, 4);
    set(f, COMPARATOR(1), 1000, 8);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(get(f, CONFIG, 8), ==, 0);
    g_assert_cmphex(get(f, STATUS, 8), ==, 0);
    g_assert_cmphex(get(f, COUNTER, 8), ==, 0);
    g_assert_cmphex(get(f, TIMER(1), 8), ==, UINT64_C(0x400000030));
    g_assert_cmphex(get(f, COMPARATOR(1), 8), ==, G_MAXUINT64);
}

static void
reserved_and_refused(Fixture *f, gconstpointer data)
{
    guint16 half = 0;

    g_assert_cmphex(get(f, 0x018, 8), ==, 0);
    g_assert_cmphex(get(f, TIMER(3), 8), ==, 0);
    set(f, TIMER(3), G_MAXUINT64, 8);
    set(f, 0x3f8, G_MAXUINT64, 8);
    g_assert_cmphex(get(f, 0x110, 8), ==, 0);
    g_assert_cmpint(tn_address_space_read(f->p->platform.memory_space, TN_HPET_BASE, &half, 2),
                    ==, TN_MEM_INVALID_SIZE);
    g_assert_cmphex(half, ==, 0xffff);
}

static void
counter_runs_only_when_enabled(Fixture *f, gconstpointer data)
{
    guint64 first, second;

    set(f, COUNTER, 0x123456789a, 8);
    g_assert_cmphex(get(f, COUNTER, 8), ==, 0x123456789a);
    set(f, CONFIG, ENABLE, 4);
    first = get(f, COUNTER, 8);
    do {
        second = get(f, COUNTER, 8);
    } while (second == first);
    g_assert_cmphex(second, >, 0x123456789a);
    set(f, CONFIG, 0, 4);
    first = get(f, COUNTER, 8);
    g_assert_cmphex(first, >=, second);
    g_assert_cmphex(get(f, COUNTER, 8), ==, first);
}

static void
counter_by_halves(Fixture *f, gconstpointer data)
{
    set(f, COUNTER, 0x11223344, 4);
    set(f, COUNTER + 4, 0x55667788, 4);
    g_assert_cmphex(get(f, COUNTER, 8), ==, 0x5566778811223344);
    g_assert_cmphex(get(f, COUNTER + 4, 4), ==, 0x55667788);
}

static void
counter_wraps(Fixture *f, gconstpointer data)
{
    set(f, COUNTER, G_MAXUINT64 - 100, 8);
    set(f, CONFIG, ENABLE, 4);
    while (get(f, COUNTER, 8) > G_MAXUINT64 / 2) {
    }
    g_assert_cmphex(get(f, COUNTER, 8), <, G_MAXUINT64 / 2);
}

static void
counter_stands_with_the_guest(Fixture *f, gconstpointer data)
{
    guint64 counter;

    set(f, CONFIG, ENABLE, 4);
    tn_run_state_stop(f->p->platform.run_state);
    counter = get(f, COUNTER, 8);
    g_usleep(1000);
    g_assert_cmphex(get(f, COUNTER, 8), ==, counter);
}

static void
one_shot(Fixture *f, gconstpointer data)
{
    TnTestIrq *irq = &f->p->irqs[0];

    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(2), INT_ENABLE | ROUTE_2, 4);
    set(f, COMPARATOR(2), get(f, COUNTER, 8) + 100000, 8);
    g_assert_cmpuint(irq->raised, ==, 0);
    tn_test_wait_count(&irq->raised, 1);
    g_assert_cmpint(irq->level, ==, 0); /* edge: a pulse */
    g_assert_cmphex(get(f, COUNTER, 8), >=, get(f, COMPARATOR(2), 8));
    tn_test_iterate();
    g_assert_cmpuint(irq->raised, ==, 1);
}

static void
comparator_behind_fires_at_once(Fixture *f, gconstpointer data)
{
    set(f, COUNTER, 5000, 8);
    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(2), INT_ENABLE | ROUTE_2, 4);
    set(f, COMPARATOR(2), 4000, 8);
    tn_test_wait_count(&f->p->irqs[0].raised, 1);
}

static void
enabling_alone_fires_nothing(Fixture *f, gconstpointer data)
{
    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(2), INT_ENABLE | ROUTE_2, 4);
    tn_test_iterate();
    g_assert_cmpuint(f->p->irqs[0].raised, ==, 0);
}

static void
periodic(Fixture *f, gconstpointer data)
{
    const guint64 period = 20000; /* 200 us */
    guint64 first = get(f, COUNTER, 8) + period;

    set(f, TIMER(2), INT_ENABLE | ROUTE_2 | PERIODIC | SET_ACCUMULATOR, 4);
    set(f, COMPARATOR(2), first, 8);
    g_assert_cmphex(get(f, TIMER(2), 4) & SET_ACCUMULATOR, ==, 0);
    set(f, COMPARATOR(2), period, 8);
    set(f, COMPARATOR(2), period, 8);
    set(f, TIMER(2), INT_ENABLE | ROUTE_2 | PERIODIC | SET_ACCUMULATOR, 4);
    set(f, COMPARATOR(2), first, 8);
    set(f, CONFIG, ENABLE, 4);
    tn_test_wait_count(&f->p->irqs[0].raised, 5);
    /* whole periods from the first one on, and ahead of the counter */
    g_assert_cmpuint((get(f, COMPARATOR(2), 8) - first) % period, ==, 0);
}

/* A guest's period of one tick must not take the whole main loop. */
static void
shortest_period_is_bounded(Fixture *f, gconstpointer data)
{
    gint64 end;
    unsigned before;

    set(f, TIMER(2), INT_ENABLE | ROUTE_2 | PERIODIC, 4);
    set(f, COMPARATOR(2), 1, 8);
    set(f, CONFIG, ENABLE, 4);
    tn_test_wait_count(&f->p->irqs[0].raised, 1);
    before = f->p->irqs[0].raised;
    end = g_get_monotonic_time() + 10000;
    while (g_get_monotonic_time() < end) {
        tn_test_iterate();
    }
    g_assert_cmpuint(f->p->irqs[0].raised - before, <=, 10000 / 20 + 2);
}

static void
level(Fixture *f, gconstpointer data)
{
    TnTestIrq *irq = &f->p->irqs[0];

    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(2), INT_ENABLE | ROUTE_2 | LEVEL, 4);
    set(f, COMPARATOR(2), 0, 8);
    tn_test_wait_count(&irq->raised, 1);
    g_assert_cmpint(irq->level, ==, 1);
    g_assert_cmphex(get(f, STATUS, 4), ==, 1 << 2);
    set(f, STATUS, 1 << 1, 4);
    g_assert_cmpint(irq->level, ==, 1);
    set(f, STATUS, 1 << 2, 4);
    g_assert_cmpint(irq->level, ==, 0);
    g_assert_cmphex(get(f, STATUS, 4), ==, 0);
}

static void
mode_32bit_compares_low_halves(Fixture *f, gconstpointer data)
{
    set(f, COUNTER, 0x700000000, 8);
    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(2), INT_ENABLE | ROUTE_2 | MODE_32BIT, 4);
    set(f, COMPARATOR(2), 0xffffffff00001000, 8);
    g_assert_cmphex(get(f, COMPARATOR(2), 8), ==, 0x1000);
    tn_test_wait_count(&f->p->irqs[0].raised, 1);
}

static void
legacy_route(Fixture *f, gconstpointer data)
{
    set(f, CONFIG, ENABLE | LEGACY, 4);
    set(f, TIMER(0), INT_ENABLE, 4);
    set(f, TIMER(1), INT_ENABLE, 4);
    set(f, COMPARATOR(0), 0, 8);
    tn_test_wait_count(&f->p->irqs[0].raised, 1);
    set(f, COMPARATOR(1), 0, 8);
    tn_test_wait_count(&f->p->irqs[8].raised, 1);
}

static void
legacy_route_keeps_the_rtc_away(Fixture *f, gconstpointer data)
{
    TnTestIrq *irq = &f->p->irqs[8];

    tn_irq_raise(&f->p->platform.isa_irqs[8]);
    g_assert_cmpint(irq->level, ==, 1);
    set(f, CONFIG, LEGACY, 4);
    g_assert_cmpint(irq->level, ==, 0);
    tn_irq_lower(&f->p->platform.isa_irqs[8]);
    tn_irq_raise(&f->p->platform.isa_irqs[8]);
    g_assert_cmpint(irq->level, ==, 0);
    set(f, CONFIG, 0, 4);
    g_assert_cmpint(irq->level, ==, 1);
}

static void
gate_pit(void *opaque, gboolean gated)
{
    *(int *)opaque = gated;
}

static void
legacy_route_gates_the_pit(Fixture *f, gconstpointer data)
{
    int gated = -1;
    TnFastPath fast_path = { .opaque = &gated, .gate_pit = gate_pit };

    f->p->platform.fast_path = &fast_path;
    set(f, CONFIG, LEGACY, 4);
    g_assert_cmpint(gated, ==, 1);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(gated, ==, 0);
    f->p->platform.fast_path = NULL;
}

static void
no_route_no_interrupt(Fixture *f, gconstpointer data)
{
    set(f, CONFIG, ENABLE, 4);
    set(f, TIMER(0), INT_ENABLE | 5 << 9, 4);
    set(f, COMPARATOR(0), 0, 8);
    tn_test_iterate();
    for (unsigned i = 0; i < TN_TEST_ISA_IRQS; i++) {
        g_assert_cmpuint(f->p->irqs[i].raised, ==, 0);
    }
}

/* Whatever a guest writes: no crash, no interrupt flood, reset puts it right. */
static void
random_writes(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 20000; i++) {
        guint64 reg = (guint64)g_test_rand_int_range(0, TN_HPET_SIZE / 4) * 4;
        guint64 value = (guint64)(guint32)g_test_rand_int() << 32 | (guint32)g_test_rand_int();

        if (g_test_rand_bit()) {
            set(f, reg, value, g_test_rand_bit() ? 4 : 8);
        } else {
            (void)get(f, reg, g_test_rand_bit() ? 4 : 8);
        }
        if (i % 100 == 0) {
            tn_test_iterate();
        }
    }
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(get(f, CONFIG, 8), ==, 0);
    g_assert_cmphex(get(f, COUNTER, 8), ==, 0);
    g_assert_cmphex(get(f, TIMER(0), 8), ==, UINT64_C(0x400000030));
}

#define ADD(func, path) g_test_add("/hw/hpet/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(capabilities, "capabilities");
    ADD(reset_values, "reset-values");
    ADD(reserved_and_refused, "reserved-and-refused");
    ADD(counter_runs_only_when_enabled, "counter/runs-only-when-enabled");
    ADD(counter_by_halves, "counter/by-halves");
    ADD(counter_wraps, "counter/wraps");
    ADD(counter_stands_with_the_guest, "counter/stands-with-the-guest");
    ADD(one_shot, "timer/one-shot");
    ADD(comparator_behind_fires_at_once, "timer/behind-fires-at-once");
    ADD(enabling_alone_fires_nothing, "timer/enabling-alone-fires-nothing");
    ADD(periodic, "timer/periodic");
    ADD(shortest_period_is_bounded, "timer/shortest-period-is-bounded");
    ADD(level, "timer/level");
    ADD(mode_32bit_compares_low_halves, "timer/32-bit");
    ADD(legacy_route, "route/legacy");
    ADD(legacy_route_keeps_the_rtc_away, "route/legacy-keeps-the-rtc-away");
    ADD(legacy_route_gates_the_pit, "route/legacy-gates-the-pit");
    ADD(no_route_no_interrupt, "route/none");
    ADD(random_writes, "random-writes");
    return g_test_run();
}
