/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 16550A UART as a plain struct, to be embedded in a device that gives it ports and an
 * interrupt.
 *
 * Locks: @lock covers all registers and the receive side. vCPU threads hold it in
 * the callbacks, the main thread when input comes or output went. The transmit ring
 * has rules of its own (vmm/backend/chardev-tx.h); its producer is whoever holds @lock.
 */
#pragma once

#include "vmm/backend/chardev-tx.h"
#include "vmm/core/irq-line.h"
#include "vmm/memory/region.h"

G_BEGIN_DECLS

#define TN_UART_PORTS 8
#define TN_UART_FIFO_SIZE 16
/* Input taken from the host ahead of the FIFO, so that a guest that reads a burst
 * does not wait for the main loop every 16 characters. */
#define TN_UART_STAGE_SIZE 256

typedef struct TnUart {
    /* Constant. */
    TnChardev *chardev;
    const TnIrqLine *irq_line;

    TnChardevTx tx;

    GMutex lock;
    /* All below: under lock. */
    bool irq_level;
    bool thre;          /* the transmitter takes characters */
    bool thri_pending;  /* "transmitter empty" not yet acknowledged */
    bool input_waiting; /* the chardev was told that there is no room */
    guint8 ier;
    guint8 fcr;
    guint8 lcr;
    guint8 mcr;
    guint8 lsr_errors;
    guint8 msr;
    guint8 scr;
    guint8 dll;
    guint8 dlm;
    guint8 rbr; /* what was received last */
    guint8 rx_trigger;
    guint8 rx_head, rx_count;
    guint16 stage_head, stage_count;
    guint8 rx[TN_UART_FIFO_SIZE];
    guint8 stage[TN_UART_STAGE_SIZE];
    int lost_logged;
} TnUart;

/* Ports 0 .. 7; the opaque is the TnUart. */
extern const TnMemoryRegionOps tn_uart_ops;

/**
 * tn_uart_init:
 * @chardev: (transfer none) (nullable): outlives it; without one output is discarded.
 * @irq_line: (nullable).
 * Becomes @chardev's frontend, in power-on state. Main thread.
 */
gboolean tn_uart_init(TnUart *self, TnChardev *chardev, const TnIrqLine *irq_line,
                      GError **error);
/* After the last access: writes out what is left (500 ms at most), lowers the interrupt. */
void tn_uart_done(TnUart *self);
/* Power-on state. What the transmitter took goes out all the same. */
void tn_uart_reset(TnUart *self);
/* After the fields below lock were loaded: judges them, recomputes the rest. */
gboolean tn_uart_check_loaded(TnUart *self, GError **error);

G_END_DECLS
