/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GLib's locks and main contexts as ThreadSanitizer can see them. The system's
 * GLib is not instrumented and its locks are made of futexes, so every use of
 * them would look like a race. Preloaded into programs that are built with
 * -Db_sanitize=thread, these functions take the place of GLib's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>

/* The sanitizer's own words for a hand-over; absent where a plain program preloads this. */
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

static void
taken_over(gpointer made)
{
    if (__tsan_acquire) {
        __tsan_acquire(made);
    }
}

static void
handed_over(gpointer made)
{
    if (__tsan_release) {
        __tsan_release(made);
    }
}

/* A zeroed GMutex or GCond is ready for use, so the real one is made when first needed. */
static pthread_mutex_t *
mutex_of(GMutex *mutex)
{
    pthread_mutex_t *made = __atomic_load_n((pthread_mutex_t **)&mutex->p, __ATOMIC_ACQUIRE);

    if (!made) {
        pthread_mutex_t *mine = malloc(sizeof(*mine));
        gpointer none = NULL;

        pthread_mutex_init(mine, NULL);
        handed_over(mine);
        if (__atomic_compare_exchange_n(&mutex->p, &none, (gpointer)mine, FALSE,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return mine;
        }
        pthread_mutex_destroy(mine);
        free(mine);
        made = none;
    }
    taken_over(made);
    return made;
}

static pthread_cond_t *
cond_of(GCond *cond)
{
    pthread_cond_t *made = __atomic_load_n((pthread_cond_t **)&cond->p, __ATOMIC_ACQUIRE);

    if (!made) {
        pthread_cond_t *mine = malloc(sizeof(*mine));
        pthread_condattr_t attributes;
        gpointer none = NULL;

        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(mine, &attributes);
        pthread_condattr_destroy(&attributes);
        handed_over(mine);
        if (__atomic_compare_exchange_n(&cond->p, &none, (gpointer)mine, FALSE,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return mine;
        }
        pthread_cond_destroy(mine);
        free(mine);
        made = none;
    }
    taken_over(made);
    return made;
}

void
g_mutex_init(GMutex *mutex)
{
    mutex->p = NULL;
}

void
g_mutex_clear(GMutex *mutex)
{
    if (mutex->p) {
        pthread_mutex_destroy(mutex->p);
        free(mutex->p);
        mutex->p = NULL;
    }
}

void
g_mutex_lock(GMutex *mutex)
{
    pthread_mutex_lock(mutex_of(mutex));
}

gboolean
g_mutex_trylock(GMutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(mutex)) == 0;
}

void
g_mutex_unlock(GMutex *mutex)
{
    pthread_mutex_unlock(mutex_of(mutex));
}

void
g_cond_init(GCond *cond)
{
    cond->p = NULL;
}

void
g_cond_clear(GCond *cond)
{
    if (cond->p) {
        pthread_cond_destroy(cond->p);
        free(cond->p);
        cond->p = NULL;
    }
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
    pthread_cond_wait(cond_of(cond), mutex_of(mutex));
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    struct timespec end = {
        .tv_sec = end_time / G_USEC_PER_SEC,
        .tv_nsec = end_time % G_USEC_PER_SEC * 1000,
    };

    return pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &end) != ETIMEDOUT;
}

void
g_cond_signal(GCond *cond)
{
    pthread_cond_signal(cond_of(cond));
}

void
g_cond_broadcast(GCond *cond)
{
    pthread_cond_broadcast(cond_of(cond));
}

/* What one thread gave to a main context to be called in another. */
typedef struct {
    GSourceFunc func;
    gpointer data;
    GDestroyNotify notify;
} Errand;

static gboolean
errand_run(gpointer data)
{
    Errand *errand = data;

    taken_over(errand);
    return errand->func(errand->data);
}

static void
errand_free(gpointer data)
{
    Errand *errand = data;

    if (errand->notify) {
        errand->notify(errand->data);
    }
    free(errand);
}

void
g_source_set_callback(GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
    void (*real)(GSource *, GSourceFunc, gpointer, GDestroyNotify) =
        (void (*)(GSource *, GSourceFunc, gpointer, GDestroyNotify))
            dlsym(RTLD_NEXT, "g_source_set_callback");
    Errand *errand;

    /* Callbacks of other sources have other arguments. */
    if (!func || (source->source_funcs != &g_idle_funcs &&
                  source->source_funcs != &g_timeout_funcs)) {
        real(source, func, data, notify);
        return;
    }
    errand = malloc(sizeof(*errand));
    *errand = (Errand){ .func = func, .data = data, .notify = notify };
    handed_over(errand);
    real(source, errand_run, errand, errand_free);
}
