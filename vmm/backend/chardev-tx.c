/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device's way out to a chardev: a ring that the main loop empties. */
#include "vmm/backend/chardev-tx.h"

/* Short enough for a reader's eye, long enough that a busy line costs little. */
#define TN_CHARDEV_TX_PERIOD_US 5000

/* The longest piece of the ring that lies in one go. */
static unsigned
first_run(const TnChardevTx *tx, unsigned used)
{
    unsigned at = tx->tail & (TN_CHARDEV_TX_SIZE - 1);

    return MIN(used, TN_CHARDEV_TX_SIZE - at);
}

/* Returns: whether the ring was emptied as far as it was filled when we looked. */
static gboolean
write_out(TnChardevTx *tx)
{
    unsigned used = __atomic_load_n(&tx->head, __ATOMIC_ACQUIRE) - tx->tail;

    while (used > 0) {
        unsigned run = first_run(tx, used);
        unsigned taken = (unsigned)tn_chardev_write(
            tx->chardev, tx->ring + (tx->tail & (TN_CHARDEV_TX_SIZE - 1)), run);

        __atomic_store_n(&tx->tail, tx->tail + taken, __ATOMIC_RELEASE);
        used -= taken;
        if (taken < run) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_chardev_tx_flush(TnChardevTx *tx)
{
    unsigned before = tx->tail;

    if (!tx->chardev) {
        return;
    }
    if (!write_out(tx)) {
        /* writable() goes on from here; nobody needs to wake us until then. */
        __atomic_store_n(&tx->armed, 1, __ATOMIC_SEQ_CST);
        g_source_set_ready_time(tx->source, -1);
    } else if (tx->tail != before) {
        __atomic_store_n(&tx->armed, 1, __ATOMIC_SEQ_CST);
        g_source_set_ready_time(tx->source, g_get_monotonic_time() + TN_CHARDEV_TX_PERIOD_US);
    } else {
        g_source_set_ready_time(tx->source, -1);
        __atomic_store_n(&tx->armed, 0, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&tx->head, __ATOMIC_SEQ_CST) != tx->tail) {
            tn_chardev_tx_wake(tx);
        }
    }
    if (tx->tail != before && tx->drained) {
        tx->drained(tx->opaque);
    }
}

void
tn_chardev_tx_wake(TnChardevTx *tx)
{
    __atomic_store_n(&tx->armed, 1, __ATOMIC_SEQ_CST);
    g_source_set_ready_time(tx->source, 0);
}

void
tn_chardev_tx_writable(TnChardevTx *tx)
{
    tn_chardev_tx_flush(tx);
}

static gboolean
tx_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    tn_chardev_tx_flush(user_data);
    return G_SOURCE_CONTINUE;
}

static gboolean
never_called(gpointer user_data)
{
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs tx_source_funcs = { .dispatch = tx_dispatch };

void
tn_chardev_tx_init(TnChardevTx *tx, TnChardev *chardev, TnChardevTxFunc drained, void *opaque)
{
    *tx = (TnChardevTx){ .chardev = chardev, .drained = drained, .opaque = opaque };
    if (!chardev) {
        return;
    }
    tx->ring = g_malloc(TN_CHARDEV_TX_SIZE);
    tx->source = g_source_new(&tx_source_funcs, sizeof(GSource));
    g_source_set_static_name(tx->source, "tn-chardev-tx");
    /* The callback only carries the ring to dispatch(). */
    g_source_set_callback(tx->source, never_called, tx, NULL);
    g_source_attach(tx->source, NULL);
}

void
tn_chardev_tx_done(TnChardevTx *tx, int timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    if (!tx->chardev) {
        return;
    }
    while (!write_out(tx)) {
        gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;

        if (left_ms <= 0 || !tn_chardev_wait_writable(tx->chardev, (int)left_ms)) {
            break;
        }
    }
    g_source_destroy(tx->source);
    g_source_unref(tx->source);
    g_free(tx->ring);
    *tx = (TnChardevTx){ 0 };
}
