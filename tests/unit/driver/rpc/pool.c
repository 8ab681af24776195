/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Workers: priorities, limits, and that nothing is forgotten. */
#include "driver/rpc/pool.h"

#define LIMIT (20 * G_TIME_SPAN_SECOND)

typedef struct {
    GMutex lock;
    GCond changed;
    guint n_waiting;
    guint n_done;
    gboolean gate_open;
} Gate;

static void
wait_at_gate(gpointer data)
{
    Gate *gate = data;

    g_mutex_lock(&gate->lock);
    gate->n_waiting++;
    g_cond_broadcast(&gate->changed);
    while (!gate->gate_open) {
        g_cond_wait(&gate->changed, &gate->lock);
    }
    gate->n_done++;
    g_cond_broadcast(&gate->changed);
    g_mutex_unlock(&gate->lock);
}

static void
count(gpointer data)
{
    Gate *gate = data;

    g_mutex_lock(&gate->lock);
    gate->n_done++;
    g_cond_broadcast(&gate->changed);
    g_mutex_unlock(&gate->lock);
}

static void
wait_for(Gate *gate, const guint *value, guint at_least)
{
    gint64 deadline = g_get_monotonic_time() + LIMIT;

    g_mutex_lock(&gate->lock);
    while (*value < at_least) {
        g_assert_true(g_cond_wait_until(&gate->changed, &gate->lock, deadline));
    }
    g_mutex_unlock(&gate->lock);
}

static void
open_gate(Gate *gate)
{
    g_mutex_lock(&gate->lock);
    gate->gate_open = TRUE;
    g_cond_broadcast(&gate->changed);
    g_mutex_unlock(&gate->lock);
}

static void
test_priority_passes(void)
{
    Gate gate = { 0 };
    TnRpcPool *pool = tn_rpc_pool_new(2, 1);

    for (guint i = 0; i < 5; i++) {
        tn_rpc_pool_push(pool, wait_at_gate, &gate, FALSE);
    }
    wait_for(&gate, &gate.n_waiting, 2);
    for (guint i = 0; i < 10; i++) {
        tn_rpc_pool_push(pool, count, &gate, TRUE);
    }
    wait_for(&gate, &gate.n_done, 10);
    g_assert_cmpuint(gate.n_waiting, ==, 2);
    g_assert_cmpuint(tn_rpc_pool_get_n_threads(pool), ==, 3);
    open_gate(&gate);
    tn_rpc_pool_free(pool);
    g_assert_cmpuint(gate.n_done, ==, 15);
}

static void
test_no_threads_without_work(void)
{
    TnRpcPool *pool = tn_rpc_pool_new(20, 5);

    g_assert_cmpuint(tn_rpc_pool_get_n_threads(pool), ==, 0);
    tn_rpc_pool_free(pool);
}

/* Jobs from many sides at once; each must run, though threads go to sleep and wake all the time. */
static gpointer
push_many(gpointer data)
{
    gpointer *args = data;

    for (guint i = 0; i < 5000; i++) {
        tn_rpc_pool_push(args[0], count, args[1], i % 3 == 0);
    }
    return NULL;
}

static void
test_nothing_is_lost(void)
{
    Gate gate = { 0 };
    TnRpcPool *pool = tn_rpc_pool_new(4, 2);
    gpointer args[] = { pool, &gate };
    GThread *threads[4];

    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("push", push_many, args);
    }
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_thread_join(threads[i]);
    }
    wait_for(&gate, &gate.n_done, 20000);
    tn_rpc_pool_free(pool);
    g_assert_cmpuint(gate.n_done, ==, 20000);
}

static void
test_free_does_what_is_left(void)
{
    Gate gate = { 0 };
    TnRpcPool *pool = tn_rpc_pool_new(1, 0);

    for (guint i = 0; i < 100; i++) {
        tn_rpc_pool_push(pool, count, &gate, i % 2 == 0);
    }
    tn_rpc_pool_free(pool);
    g_assert_cmpuint(gate.n_done, ==, 100);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/pool/priority-passes-blocked-work", test_priority_passes);
    g_test_add_func("/rpc/pool/no-threads-without-work", test_no_threads_without_work);
    g_test_add_func("/rpc/pool/nothing-is-lost", test_nothing_is_lost);
    g_test_add_func("/rpc/pool/free-does-what-is-left", test_free_does_what_is_left);
    return g_test_run();
}
