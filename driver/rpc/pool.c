/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workers: two queues, two kinds of threads. */
#include "driver/rpc/pool.h"

/* How long a thread without work stays; the first of its kind stays for good. */
#define IDLE_SECONDS 60

typedef struct {
    TnRpcJobFunc func;
    gpointer data;
} Job;

/* A kind of threads. All under the pool's lock. */
typedef struct {
    TnRpcPool *pool;
    const char *name;
    gboolean priority_only;
    guint max;
    guint n_threads;
    guint n_idle;    /* asleep and not engaged */
    guint n_engaged; /* engaged and not yet awake: a thread that wakes takes one of these */
    GCond cond;
} Crew;

struct TnRpcPool {
    GMutex lock;
    /* under lock */
    GQueue jobs;
    GQueue priority_jobs;
    Crew normal;
    Crew priority;
    gboolean stopping;
    GCond ended; /* a thread has ended */
};

static Job *
next_job(Crew *crew)
{
    TnRpcPool *pool = crew->pool;
    Job *job = g_queue_pop_head(&pool->priority_jobs);

    if (job == NULL && !crew->priority_only) {
        job = g_queue_pop_head(&pool->jobs);
    }
    return job;
}

/* Sleeps until engaged; FALSE when the thread has been of no use for so long that it may end. */
static gboolean
sleep_until_engaged(Crew *crew)
{
    TnRpcPool *pool = crew->pool;
    gint64 deadline = g_get_monotonic_time() + IDLE_SECONDS * G_TIME_SPAN_SECOND;

    crew->n_idle++;
    while (crew->n_engaged == 0 && !pool->stopping) {
        if (crew->n_threads == 1) {
            g_cond_wait(&crew->cond, &pool->lock);
        } else if (!g_cond_wait_until(&crew->cond, &pool->lock, deadline) &&
                   crew->n_engaged == 0) {
            crew->n_idle--;
            return FALSE;
        }
    }
    if (crew->n_engaged > 0) {
        crew->n_engaged--;
    } else {
        crew->n_idle--;
    }
    return TRUE;
}

/* Waits for work; NULL when the thread shall end. */
static Job *
wait_for_job(Crew *crew)
{
    Job *job;

    while ((job = next_job(crew)) == NULL) {
        if (crew->pool->stopping || !sleep_until_engaged(crew)) {
            return NULL;
        }
    }
    return job;
}

static gpointer
worker_main(gpointer data)
{
    Crew *crew = data;
    TnRpcPool *pool = crew->pool;
    Job *job;

    g_mutex_lock(&pool->lock);
    while ((job = wait_for_job(crew)) != NULL) {
        g_mutex_unlock(&pool->lock);
        job->func(job->data);
        g_free(job);
        g_mutex_lock(&pool->lock);
    }
    crew->n_threads--;
    g_cond_broadcast(&pool->ended);
    g_mutex_unlock(&pool->lock);
    return NULL;
}

/* Finds a thread of @crew for one more job. The pool's lock is held. */
static gboolean
engage_locked(Crew *crew)
{
    g_autoptr(GError) error = NULL;
    GThread *thread;

    if (crew->n_idle > 0) {
        crew->n_idle--;
        crew->n_engaged++;
        g_cond_signal(&crew->cond);
        return TRUE;
    }
    if (crew->n_threads >= crew->max) {
        return FALSE;
    }
    thread = g_thread_try_new(crew->name, worker_main, crew, &error);
    if (thread == NULL) {
        /* With a thread at all the job waits its turn; without one nothing would ever run. */
        if (crew->n_threads == 0) {
            g_error("no thread for calls: %s", error->message);
        }
        return FALSE;
    }
    g_thread_unref(thread);
    crew->n_threads++;
    return TRUE;
}

static void
init_crew(Crew *crew, TnRpcPool *pool, const char *name, guint max, gboolean priority_only)
{
    crew->pool = pool;
    crew->name = name;
    crew->max = max;
    crew->priority_only = priority_only;
    g_cond_init(&crew->cond);
}

TnRpcPool *
tn_rpc_pool_new(guint max_workers, guint priority_workers)
{
    TnRpcPool *pool = g_new0(TnRpcPool, 1);

    g_mutex_init(&pool->lock);
    g_cond_init(&pool->ended);
    init_crew(&pool->normal, pool, "rpc-worker", MAX(1, max_workers), FALSE);
    init_crew(&pool->priority, pool, "rpc-priority", priority_workers, TRUE);
    return pool;
}

void
tn_rpc_pool_push(TnRpcPool *pool, TnRpcJobFunc func, gpointer data, gboolean priority)
{
    Job *job = g_new(Job, 1);

    job->func = func;
    job->data = data;
    g_mutex_lock(&pool->lock);
    g_queue_push_tail(priority ? &pool->priority_jobs : &pool->jobs, job);
    if (!engage_locked(&pool->normal) && priority) {
        (void)engage_locked(&pool->priority);
    }
    g_mutex_unlock(&pool->lock);
}

guint
tn_rpc_pool_get_n_threads(TnRpcPool *pool)
{
    guint n;

    g_mutex_lock(&pool->lock);
    n = pool->normal.n_threads + pool->priority.n_threads;
    g_mutex_unlock(&pool->lock);
    return n;
}

void
tn_rpc_pool_free(TnRpcPool *pool)
{
    if (pool == NULL) {
        return;
    }
    g_mutex_lock(&pool->lock);
    pool->stopping = TRUE;
    g_cond_broadcast(&pool->normal.cond);
    g_cond_broadcast(&pool->priority.cond);
    while (pool->normal.n_threads + pool->priority.n_threads > 0) {
        g_cond_wait(&pool->ended, &pool->lock);
    }
    g_mutex_unlock(&pool->lock);
    g_cond_clear(&pool->normal.cond);
    g_cond_clear(&pool->priority.cond);
    g_cond_clear(&pool->ended);
    g_mutex_clear(&pool->lock);
    g_free(pool);
}
