/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One machine's memory core: owns its address spaces, the topology lock and the
 * depth of nested transactions. No state of it is ever global.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct TnMemory TnMemory;

TnMemory *tn_memory_new(void);
/* All address spaces must be gone. NULL is fine. Waits for readers still inside. */
void tn_memory_free(TnMemory *memory);

/**
 * tn_memory_begin / tn_memory_commit:
 * Changes between them are rendered, and told to the listeners, once, by the
 * outermost commit. begin takes the (recursive) topology lock, commit lets go of
 * it; any thread, but never with a device's lock held that its own MMIO
 * callbacks take.
 */
void tn_memory_begin(TnMemory *memory);
void tn_memory_commit(TnMemory *memory);

/* Waits until no exit that began before the call still runs in a region's
 * callback (an RCU grace period). Never from inside a callback. */
void tn_memory_synchronize(TnMemory *memory);

/* The region tree and the flat views as QEMU's "info mtree" [-f] prints them. */
char *tn_memory_print_tree(TnMemory *memory);
char *tn_memory_print_flat_views(TnMemory *memory);
