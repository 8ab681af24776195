/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State tables to bytes and back. docs/specs/state.md has the form. Main thread, with all
 * vCPUs paused.
 */
#pragma once

#include "vmm/core/state-table.h"

G_BEGIN_DECLS

/* Tables within tables, and bytes of one device's state, that a load follows. */
#define TN_STATE_MAX_DEPTH 4
#define TN_STATE_MAX_BYTES (16u << 20)

/**
 * tn_state_save:
 * @opaque: the struct that @table describes.
 * Returns: (transfer full): its state.
 */
GBytes *tn_state_save(const TnStateTable *table, void *opaque);

/**
 * tn_state_load:
 * @data: (transfer none): what tn_state_save() gave, or what a stranger says it did.
 * @error: GENERIC, naming the table and the field: another table or a later version, a field
 *   that is unknown, missing, of another type or length, bytes too few or too many, and what
 *   a post_load says of the values.
 * Returns: FALSE with @opaque as it was.
 */
gboolean tn_state_load(const TnStateTable *table, void *opaque, GBytes *data, GError **error);

G_END_DECLS
