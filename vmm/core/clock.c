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
    GMutex lock;   /* guards timers */
    GSList *timers; /* of TnTimer */
};

struct TnTimer {
    TnClock *clock;
    TnTimerFunc func;
    void *opaque;
    GSource *source;  /* attached to the main context for life */
    gint64 expire_ns; /* virtual; -1: not armed; under clock->lock */
};

static gint64
monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (gint64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

TnClock *
tn_clock_new(void)
{
    TnClock *clock = g_new0(TnClock, 1);

    g_mutex_init(&clock->lock);
    return clock;
}

void
tn_clock_free(TnClock *clock)
{
    if (clock) {
        g_assert(!clock->timers);
        g_mutex_clear(&clock->lock);
        g_free(clock);
    }
}

gint64
tn_clock_now_ns(TnClock *clock)
{
    if (!__atomic_load_n(&clock->running, __ATOMIC_ACQUIRE)) {
        return __atomic_load_n(&clock->stopped_at_ns, __ATOMIC_RELAXED);
    }
    return monotonic_ns() - __atomic_load_n(&clock->offset_ns, __ATOMIC_RELAXED);
}

/* Under clock->lock. Rounds up to the microseconds that GSource counts in. */
static void
schedule_locked(TnTimer *timer)
{
    gint64 ready_us = -1;

    if (timer->expire_ns >= 0 && timer->clock->running) {
        ready_us = (timer->expire_ns + timer->clock->offset_ns + 999) / 1000;
    }
    g_source_set_ready_time(timer->source, ready_us);
}

static void
reschedule_all(TnClock *clock)
{
    for (GSList *l = clock->timers; l; l = l->next) {
        schedule_locked(l->data);
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
        reschedule_all(clock);
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
        reschedule_all(clock);
    }
    g_mutex_unlock(&clock->lock);
}

static gboolean
timer_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    TnTimer *timer = user_data;
    gboolean due;

    g_mutex_lock(&timer->clock->lock);
    due = timer->expire_ns >= 0 && timer->clock->running &&
          tn_clock_now_ns(timer->clock) >= timer->expire_ns;
    if (due) {
        timer->expire_ns = -1;
    }
    schedule_locked(timer);
    g_mutex_unlock(&timer->clock->lock);
    if (due) {
        timer->func(timer->opaque);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
never_called(gpointer user_data)
{
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_source_funcs = { .dispatch = timer_dispatch };

TnTimer *
tn_timer_new(TnClock *clock, TnTimerFunc func, void *opaque)
{
    TnTimer *timer = g_new0(TnTimer, 1);

    timer->clock = clock;
    timer->func = func;
    timer->opaque = opaque;
    timer->expire_ns = -1;
    timer->source = g_source_new(&timer_source_funcs, sizeof(GSource));
    /* The callback only carries the timer to dispatch(). */
    g_source_set_callback(timer->source, never_called, timer, NULL);
    g_source_attach(timer->source, NULL);
    g_mutex_lock(&clock->lock);
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
    g_mutex_unlock(&timer->clock->lock);
    g_source_destroy(timer->source);
    g_source_unref(timer->source);
    g_free(timer);
}

void
tn_timer_arm(TnTimer *timer, gint64 expire_ns)
{
    g_mutex_lock(&timer->clock->lock);
    timer->expire_ns = MAX(expire_ns, 0);
    schedule_locked(timer);
    g_mutex_unlock(&timer->clock->lock);
}

void
tn_timer_disarm(TnTimer *timer)
{
    g_mutex_lock(&timer->clock->lock);
    timer->expire_ns = -1;
    schedule_locked(timer);
    g_mutex_unlock(&timer->clock->lock);
}
