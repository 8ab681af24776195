/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmm/core/clock.h"

#include "tests/lib/test-platform.h"

#include <glib.h>

#define MS G_GINT64_CONSTANT(1000000)
#define FAR (3600 * 1000 * MS)

typedef struct Bell Bell;
struct Bell {
    TnClock *clock;
    TnTimer *timer;
    unsigned rang;
    gint64 last_ns;
    gint64 again_ns; /* armed for then each time; -1: not */
    Bell *frees;     /* this one goes when it rings */
};

static void
on_ring(void *opaque)
{
    Bell *bell = opaque;

    bell->rang++;
    bell->last_ns = tn_clock_now_ns(bell->clock);
    if (bell->again_ns >= 0) {
        tn_timer_arm(bell->timer, bell->again_ns);
    }
    if (bell->frees) {
        g_clear_pointer(&bell->frees->timer, tn_timer_free);
    }
}

typedef struct Fixture {
    TnClock *clock;
    Bell a, b;
} Fixture;

static void
make_bell(Bell *bell, TnClock *clock)
{
    *bell = (Bell){ .clock = clock, .again_ns = -1 };
    bell->timer = tn_timer_new(clock, on_ring, bell);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->clock = tn_clock_new();
    tn_clock_start(f->clock);
    make_bell(&f->a, f->clock);
    make_bell(&f->b, f->clock);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_timer_free(f->a.timer);
    tn_timer_free(f->b.timer);
    tn_clock_free(f->clock);
}

static gboolean
a_has_rung(gpointer data)
{
    return ((Fixture *)data)->a.rang > 0;
}

static gboolean
b_has_rung(gpointer data)
{
    return ((Fixture *)data)->b.rang > 0;
}

static void
test_never_early(Fixture *f, gconstpointer data)
{
    gint64 due = tn_clock_now_ns(f->clock) + 3 * MS;

    tn_timer_arm(f->a.timer, due);
    tn_test_wait(a_has_rung, f);
    g_assert_cmpint(f->a.last_ns, >=, due);
    tn_test_iterate();
    g_assert_cmpuint(f->a.rang, ==, 1);
}

static void
test_each_at_its_time(Fixture *f, gconstpointer data)
{
    tn_timer_arm(f->a.timer, tn_clock_now_ns(f->clock) + FAR);
    tn_timer_arm(f->b.timer, tn_clock_now_ns(f->clock) + MS);
    tn_test_wait(b_has_rung, f);
    g_assert_cmpuint(f->a.rang, ==, 0);
    tn_timer_arm(f->a.timer, 0);
    tn_test_iterate();
    g_assert_cmpuint(f->a.rang, ==, 1);
    g_assert_cmpuint(f->b.rang, ==, 1);
}

static void
test_disarmed_is_silent(Fixture *f, gconstpointer data)
{
    tn_timer_arm(f->a.timer, 0);
    tn_timer_disarm(f->a.timer);
    tn_timer_arm(f->b.timer, tn_clock_now_ns(f->clock) + MS);
    tn_test_wait(b_has_rung, f);
    g_assert_cmpuint(f->a.rang, ==, 0);
}

static void
test_time_stands_while_stopped(Fixture *f, gconstpointer data)
{
    gint64 at;

    tn_timer_arm(f->a.timer, 0);
    tn_clock_stop(f->clock);
    at = tn_clock_now_ns(f->clock);
    tn_test_iterate();
    g_assert_cmpuint(f->a.rang, ==, 0);
    g_assert_cmpint(tn_clock_now_ns(f->clock), ==, at);
    tn_clock_start(f->clock);
    tn_test_iterate();
    g_assert_cmpuint(f->a.rang, ==, 1);
    g_assert_cmpint(f->a.last_ns, >=, at);
}

/* Armed for the past whenever it rings, it keeps no other from its turn. */
static void
test_past_does_not_hog(Fixture *f, gconstpointer data)
{
    f->a.again_ns = 0;
    tn_timer_arm(f->a.timer, 0);
    tn_timer_arm(f->b.timer, 0);
    g_assert_true(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpuint(f->a.rang, ==, 1);
    g_assert_cmpuint(f->b.rang, ==, 1);
    g_assert_true(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpuint(f->a.rang, ==, 2);
    g_assert_cmpuint(f->b.rang, ==, 1);
}

static void
test_may_free_itself(Fixture *f, gconstpointer data)
{
    f->a.frees = &f->a;
    tn_timer_arm(f->a.timer, 0);
    tn_test_iterate();
    g_assert_cmpuint(f->a.rang, ==, 1);
    g_assert_null(f->a.timer);
}

/* Whichever comes first of two that are due, the other is gone. */
static void
test_may_free_another_that_is_due(Fixture *f, gconstpointer data)
{
    f->a.frees = &f->b;
    f->b.frees = &f->a;
    tn_timer_arm(f->a.timer, 0);
    tn_timer_arm(f->b.timer, 0);
    tn_test_iterate();
    g_assert_cmpuint(f->a.rang + f->b.rang, ==, 1);
}

static gpointer
arm_on_thread(gpointer data)
{
    Fixture *f = data;

    tn_timer_arm(f->a.timer, tn_clock_now_ns(f->clock) + MS);
    return NULL;
}

/* The main thread already sleeps, for a later one or for nothing. */
static void
test_armed_on_another_thread(Fixture *f, gconstpointer data)
{
    GThread *thread;

    tn_timer_arm(f->b.timer, tn_clock_now_ns(f->clock) + FAR);
    thread = g_thread_new("arm", arm_on_thread, f);
    tn_test_wait(a_has_rung, f);
    g_thread_join(thread);
    g_assert_cmpuint(f->b.rang, ==, 0);
}

#define add(path, func) g_test_add("/core/clock/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("never-early", test_never_early);
    add("each-at-its-time", test_each_at_its_time);
    add("disarmed-is-silent", test_disarmed_is_silent);
    add("time-stands-while-stopped", test_time_stands_while_stopped);
    add("past-does-not-hog", test_past_does_not_hog);
    add("may-free-itself", test_may_free_itself);
    add("may-free-another-that-is-due", test_may_free_another_that_is_due);
    add("armed-on-another-thread", test_armed_on_another_thread);
    return g_test_run();
}
