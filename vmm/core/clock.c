/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual time and its timers, over CLOCK_MONOTONIC and the main loop. */
#include "vmm/core/clock.h"

#include <time.h>

struct TnClock {
    /* Virtual time while it stands; written with all vCPUs out of the guest. */
    gint64 stopped_at_ns;
    /* CLOCK_MONOTONIC minus virtual time while it runs. */
    gint64 offset_ns;
    int running;
    /* One for all timers: the main loop goes through every source at each turn, and a guest
     * can have it turn a thousand times a second. */
    GSource *source;
    GMutex lock;     /* guards what follows */
    GSList *timers;  /* of TnTimer */
    gint64 ready_us; /* what the source is set to, -1: nothing */
    guint round;     /* of ringing */
};

struct TnTimer {
    TnClock *clock;
    TnTimerFunc func;
    void *opaque;
    /* under clock->lock */
    gint64 expire_ns; /* virtual; -1: not armed */
    guint rung;       /* the last round that it rang in */
};

typedef struct ClockSource {
    GSource parent;
    TnClock *clock;
} ClockSource;

static gint64
monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (gint64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

gint64
tn_clock_now_ns(TnClock *clock)
{
    if (!__atomic_load_n(&clock->running, __ATOMIC_ACQUIRE)) {
        return __atomic_load_n(&clock->stopped_at_ns, __ATOMIC_RELAXED);
    }
    return monotonic_ns() - __atomic_load_n(&clock->offset_ns, __ATOMIC_RELAXED);
}

/* Rounds up to the microseconds that GSource counts in. */
static void
schedule_locked(TnClock *clock)
{
    gint64 next_ns = G_MAXINT64;
    gint64 ready_us = -1;

    for (GSList *l = clock->timers; l; l = l->next) {
        const TnTimer *timer = l->data;

        if (timer->expire_ns >= 0) {
            next_ns = MIN(next_ns, timer->expire_ns);
        }
    }
    if (next_ns != G_MAXINT64 && clock->running) {
        ready_us = (next_ns + clock->offset_ns + 999) / 1000;
    }
    if (ready_us != clock->ready_us) {
        clock->ready_us = ready_us;
        g_source_set_ready_time(clock->source, ready_us);
    }
}

/* One that is due at @now_ns and has not rung in this round: a guest may arm it for the past
 * again and again, and others want their turn. */
static TnTimer *
take_due_locked(TnClock *clock, gint64 now_ns)
{
    for (GSList *l = clock->timers; l && clock->running; l = l->next) {
        TnTimer *timer = l->data;

        if (timer->expire_ns >= 0 && timer->expire_ns <= now_ns && timer->rung != clock->round) {
            timer->expire_ns = -1;
            timer->rung = clock->round;
            return timer;
        }
    }
    return NULL;
}

static gboolean
ring(GSource *source, GSourceFunc callback, gpointer user_data)
{
    TnClock *clock = ((ClockSource *)source)->clock;
    gint64 now_ns = tn_clock_now_ns(clock);
    TnTimer *timer;

    g_mutex_lock(&clock->lock);
    clock->round++;
    while ((timer = take_due_locked(clock, now_ns))) {
        TnTimerFunc func = timer->func;
        void *opaque = timer->opaque;

        /* Which may free it, and others. */
        g_mutex_unlock(&clock->lock);
        func(opaque);
        g_mutex_lock(&clock->lock);
    }
    schedule_locked(clock);
    g_mutex_unlock(&clock->lock);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs clock_source_funcs = { .dispatch = ring };

TnClock *
tn_clock_new(void)
{
    TnClock *clock = g_new0(TnClock, 1);

    g_mutex_init(&clock->lock);
    clock->ready_us = -1;
    clock->source = g_source_new(&clock_source_funcs, sizeof(ClockSource));
    ((ClockSource *)clock->source)->clock = clock;
    g_source_attach(clock->source, NULL);
    return clock;
}

void
tn_clock_free(TnClock *clock)
{
    if (clock) {
        g_assert(!clock->timers);
        g_source_destroy(clock->source);
        g_source_unref(clock->source);
        g_mutex_clear(&clock->lock);
        g_free(clock);
    }
}

void
tn_clock_stop(TnClock *clock)
{
    g_mutex_lock(&clock->lock);
    if (clock->running) {
        __atomic_store_n(&clock->stopped_at_ns, monotonic_ns() - clock->offset_ns,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&clock->running, 0, __ATOMIC_RELEASE);
        schedule_locked(clock);
    }
    g_mutex_unlock(&clock->lock);
}

void
tn_clock_start(TnClock *clock)
{
    g_mutex_lock(&clock->lock);
    if (!clock->running) {
        __atomic_store_n(&clock->offset_ns, monotonic_ns() - clock->stopped_at_ns,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&clock->running, 1, __ATOMIC_RELEASE);
        schedule_locked(clock);
    }
    g_mutex_unlock(&clock->lock);
}

TnTimer *
tn_timer_new(TnClock *clock, TnTimerFunc func, void *opaque)
{
    TnTimer *timer = g_new0(TnTimer, 1);

    timer->clock = clock;
    timer->func = func;
    timer->opaque = opaque;
    timer->expire_ns = -1;
    g_mutex_lock(&clock->lock);
    timer->rung = clock->round;
    clock->timers = g_slist_prepend(clock->timers, timer);
    g_mutex_unlock(&clock->lock);
    return timer;
}

void
tn_timer_free(TnTimer *timer)
{
    if (!timer) {
        return;
    }
    g_mutex_lock(&timer->clock->lock);
    timer->clock->timers = g_slist_remove(timer->clock->timers, timer);
    schedule_locked(timer->clock);
    g_mutex_unlock(&timer->clock->lock);
    g_free(timer);
}

void
tn_timer_arm(TnTimer *timer, gint64 expire_ns)
{
    g_mutex_lock(&timer->clock->lock);
    timer->expire_ns = MAX(expire_ns, 0);
    schedule_locked(timer->clock);
    g_mutex_unlock(&timer->clock->lock);
}

void
tn_timer_disarm(TnTimer *timer)
{
    g_mutex_lock(&timer->clock->lock);
    timer->expire_ns = -1;
    schedule_locked(timer->clock);
    g_mutex_unlock(&timer->clock->lock);
}
