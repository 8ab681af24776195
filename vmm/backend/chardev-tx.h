/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device's way out to a chardev: the vCPU's thread puts characters into a ring
 * and goes on; the main loop writes them in runs. A character costs no system
 * call; the first after a pause wakes the main loop, which then looks again every
 * few milliseconds until nothing comes any more.
 *
 * One ring, two ends: put and room belong to the producer, whose device's lock
 * makes it one at a time; everything else belongs to the main thread, which takes no
 * lock to write.
 */
#pragma once

#include "vmm/backend/chardev.h"

#include <stdbool.h>

G_BEGIN_DECLS

/* Power of two. Untouched pages cost nothing. */
#define TN_CHARDEV_TX_SIZE 16384
/* So much in the ring wakes the main loop before its time. */
#define TN_CHARDEV_TX_HURRY 1024

typedef void (*TnChardevTxFunc)(void *opaque);

/* Embedded in its device; fields are its own but for tests. */
typedef struct TnChardevTx {
    guint8 *ring;
    unsigned head; /* written by the producer */
    unsigned tail; /* written by the main thread */
    int armed;     /* the main loop will look without being woken */
    TnChardev *chardev;
    GSource *source;
    TnChardevTxFunc drained;
    void *opaque;
} TnChardevTx;

/**
 * tn_chardev_tx_init:
 * @chardev: (transfer none) (nullable): outlives the ring; its frontend calls
 *   tn_chardev_tx_writable(). NULL: characters are discarded.
 * @drained: (nullable): called on the main thread after characters left the ring.
 */
void tn_chardev_tx_init(TnChardevTx *tx, TnChardev *chardev, TnChardevTxFunc drained,
                        void *opaque);
/* Writes what is left, waiting for a slow peer at most @timeout_ms in all; frees.
 * Zeroed is fine. */
void tn_chardev_tx_done(TnChardevTx *tx, int timeout_ms);

/* Characters that are in the ring. Producer's side or main thread. */
static inline unsigned
tn_chardev_tx_used(const TnChardevTx *tx)
{
    return tx->head - __atomic_load_n(&tx->tail, __ATOMIC_ACQUIRE);
}

/* Gets the main loop to look now. Any thread. */
void tn_chardev_tx_wake(TnChardevTx *tx);

/* Puts one character. Returns: false (nothing happened) when the ring is full. */
static inline bool
tn_chardev_tx_put(TnChardevTx *tx, guint8 c)
{
    unsigned used = tn_chardev_tx_used(tx);

    if (!tx->chardev) {
        return true;
    }
    if (used == TN_CHARDEV_TX_SIZE) {
        return false;
    }
    tx->ring[tx->head & (TN_CHARDEV_TX_SIZE - 1)] = c;
    /* Ordered against armed: either we see it clear or the main loop sees the character. */
    __atomic_store_n(&tx->head, tx->head + 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&tx->armed, __ATOMIC_SEQ_CST) || used == TN_CHARDEV_TX_HURRY) {
        tn_chardev_tx_wake(tx);
    }
    return true;
}

/* The frontend's writable(). Main thread. */
void tn_chardev_tx_writable(TnChardevTx *tx);

/* Writes what can be written now. Main thread. */
void tn_chardev_tx_flush(TnChardevTx *tx);

G_END_DECLS
