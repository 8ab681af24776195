/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workers: threads that run calls, some of them kept free for calls that must never wait. */
#ifndef TN_DRIVER_RPC_POOL_H
#define TN_DRIVER_RPC_POOL_H

#include <glib.h>

G_BEGIN_DECLS

/** TnRpcPool: the workers and what waits for them. */
typedef struct TnRpcPool TnRpcPool;

/** TnRpcJobFunc: a piece of work; runs once, on a worker. */
typedef void (*TnRpcJobFunc)(gpointer data);

/**
 * tn_rpc_pool_new:
 * @max_workers: most threads for all work, at least 1
 * @priority_workers: most further threads, which take high-priority work alone
 *
 * Threads start when there is work for them and end after a minute without any.
 *
 * Returns: (transfer full): a pool.
 */
TnRpcPool *tn_rpc_pool_new(guint max_workers, guint priority_workers);

/**
 * tn_rpc_pool_push:
 * @pool: a pool
 * @func: the work
 * @data: for @func
 * @priority: TRUE for work that may use the priority workers, and goes before work that may not
 *
 * Queues work. Any thread, never blocks.
 */
void tn_rpc_pool_push(TnRpcPool *pool, TnRpcJobFunc func, gpointer data, gboolean priority);

/**
 * tn_rpc_pool_get_n_threads:
 * @pool: a pool
 *
 * Returns: how many threads there are now. Any thread.
 */
guint tn_rpc_pool_get_n_threads(TnRpcPool *pool);

/**
 * tn_rpc_pool_free:
 * @pool: (nullable) (transfer full): a pool
 *
 * Waits until all work is done and the threads have ended, then frees. Not from a worker.
 */
void tn_rpc_pool_free(TnRpcPool *pool);

G_END_DECLS

#endif
