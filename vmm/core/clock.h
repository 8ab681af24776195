/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtual time: runs with CLOCK_MONOTONIC while the guest runs, stands while it
 * is stopped. Timers fire on the main thread.
 */
#pragma once

#include <glib.h>

typedef struct TnClock TnClock;
typedef struct TnTimer TnTimer;

TnClock *tn_clock_new(void);
void tn_clock_free(TnClock *clock);

/* Nanoseconds of virtual time. Any thread, no lock, no system call but the vDSO's. */
gint64 tn_clock_now_ns(TnClock *clock);

/* Called by the run state: stop/resume the flow of time. Main thread. */
void tn_clock_stop(TnClock *clock);
void tn_clock_start(TnClock *clock);

typedef void (*TnTimerFunc)(void *opaque);

/* A timer of @clock, not armed. @func runs on the main thread. */
TnTimer *tn_timer_new(TnClock *clock, TnTimerFunc func, void *opaque);
/* Disarms and frees. After it returns on the main thread @func does not run again. NULL is fine. */
void tn_timer_free(TnTimer *timer);
/* Arms for virtual time @expire_ns, replacing what was armed. Any thread. */
void tn_timer_arm(TnTimer *timer, gint64 expire_ns);
/* Any thread. */
void tn_timer_disarm(TnTimer *timer);
