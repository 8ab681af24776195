/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The synthetic interrupt controllers (SynIC) that a hypervisor with Hyper-V's interface gives
 * each CPU, as devices see them: Hyper-V Top Level Functional Specification 6.0b, 10 and 11.
 * docs/specs/hyperv.md.
 */
#pragma once

#include <glib.h>

#define TN_HYPERV_SINTS 16
#define TN_HYPERV_PAGE_SLOT 256       /* bytes of one SINT's slot in either page */
#define TN_HYPERV_MESSAGE_PAYLOAD 240 /* bytes of a message at most */
#define TN_HYPERV_SLOT_FLAGS 2048     /* event flags of one SINT */

/* 3.8: what a hypercall comes to. */
typedef enum {
    TN_HYPERV_SUCCESS = 0,
    TN_HYPERV_INVALID_CODE = 2,
    TN_HYPERV_INVALID_ALIGNMENT = 4,
    TN_HYPERV_INVALID_PARAMETER = 5,
    TN_HYPERV_INVALID_CONNECTION = 0x12,
    TN_HYPERV_INSUFFICIENT_BUFFERS = 0x13,
} TnHypervStatus;

/* 10.3: where a CPU has its pages; 0: not now. */
typedef struct TnHypervPages {
    guint64 messages, events;
} TnHypervPages;

/* A message as the guest posts it. */
typedef struct TnHypervMessage {
    guint32 type, size;
    guint8 payload[TN_HYPERV_MESSAGE_PAYLOAD];
} TnHypervMessage;

/* Who takes the guest's connections. Called on vCPU threads, without a lock. */
typedef struct TnHypervConnections {
    void *opaque;
    TnHypervStatus (*post_message)(void *opaque, guint32 connection,
                                   const TnHypervMessage *message);
    TnHypervStatus (*signal_event)(void *opaque, guint32 connection, guint16 flag);
} TnHypervConnections;

/* What the accelerator offers. Any thread. */
typedef struct TnHypervHost {
    void *opaque;
    /* From now on a write to @irq_fd raises @sint of @cpu; @ack_fd is written when the guest
     * is done with one, by EOI or EOM. Returns: a GSI for remove_sint, or -1 with @error. */
    int (*add_sint)(void *opaque, unsigned cpu, unsigned sint, int irq_fd, int ack_fd,
                    GError **error);
    void (*remove_sint)(void *opaque, unsigned gsi, int irq_fd);
    /* FALSE: no such CPU, or its SynIC is off. */
    gboolean (*get_pages)(void *opaque, unsigned cpu, TnHypervPages *ret_pages);
    /* One taker; NULL takes it away, and waits until nobody is inside of it. Main thread. */
    void (*set_connections)(void *opaque, const TnHypervConnections *connections);
} TnHypervHost;
