/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An interrupt line: one end is held by a device, the other by a controller.
 * Threads: any; the handler must be callable from any thread and must not block.
 */
#pragma once

typedef struct TnIrqLine TnIrqLine;

typedef void (*TnIrqHandler)(void *opaque, int n, int level);

/* A plain value, embedded by whoever owns the controller's end. All zero: not connected. */
struct TnIrqLine {
    TnIrqHandler handler;
    void *opaque;
    int n; /* the line's number at the controller */
};

/* Sets the level (0 or 1). A line that is NULL or not connected takes it silently. */
static inline void
tn_irq_set(const TnIrqLine *line, int level)
{
    if (line && line->handler) {
        line->handler(line->opaque, line->n, level);
    }
}

static inline void
tn_irq_raise(const TnIrqLine *line)
{
    tn_irq_set(line, 1);
}

static inline void
tn_irq_lower(const TnIrqLine *line)
{
    tn_irq_set(line, 0);
}
