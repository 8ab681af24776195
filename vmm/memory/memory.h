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

/*
 * Registers the calling thread (tn_memory_register_thread()). Views that went out
 * of use, and with them the last references on regions' owners, are dropped by its
 * thread-default main context as it is now, by tn_memory_synchronize() and by free.
 */
TnMemory *tn_memory_new(void);
/* On the thread that made it. All address spaces must be gone. NULL is fine. Waits
 * for readers still inside. */
void tn_memory_free(TnMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnMemory, tn_memory_free)

/**
 * tn_memory_begin / tn_memory_commit:
 * Changes between them are rendered, and told to the listeners, once, by the
 * outermost commit. begin takes the (recursive) topology lock, commit lets go of
 * it; any thread, also from inside of a region's callback (a BAR moves). Neither
 * waits for readers. Lock order: a device's lock first, then this one; so take no
 * lock inside of a transaction that a device holds when it begins one.
 */
void tn_memory_begin(TnMemory *memory);
void tn_memory_commit(TnMemory *memory);

/**
 * tn_memory_commit_checked:
 * tn_memory_commit() of an outermost transaction, for a change that is worth nothing if a
 * listener cannot follow it (guest memory that a host device shall reach).
 * @error: the first listener's words (tn_memory_section_refuse()).
 * Returns: FALSE when a listener refused. The change is published all the same; who made
 * it takes it back in a transaction of its own.
 */
bool tn_memory_commit_checked(TnMemory *memory, GError **error);

/* Waits until no exit that began before the call still runs in a region's
 * callback (an RCU grace period), and drops views replaced before the call. Never
 * from inside of a callback or a transaction. */
void tn_memory_synchronize(TnMemory *memory);

/* The region tree and the flat views as QEMU's "info mtree" [-f] prints them. */
char *tn_memory_print_tree(TnMemory *memory);
char *tn_memory_print_flat_views(TnMemory *memory);
