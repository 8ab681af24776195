/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine's list of what to reset. */
#include "vmm/core/reset.h"

typedef struct ResetEntry {
    TnResetFunc func;
    void *opaque;
} ResetEntry;

struct TnReset {
    GArray *entries; /* of ResetEntry */
};

TnReset *
tn_reset_new(void)
{
    TnReset *reset = g_new0(TnReset, 1);

    reset->entries = g_array_new(FALSE, FALSE, sizeof(ResetEntry));
    return reset;
}

void
tn_reset_free(TnReset *reset)
{
    if (reset) {
        g_array_unref(reset->entries);
        g_free(reset);
    }
}

void
tn_reset_register(TnReset *reset, TnResetFunc func, void *opaque)
{
    ResetEntry entry = { func, opaque };

    g_array_append_val(reset->entries, entry);
}

void
tn_reset_unregister(TnReset *reset, TnResetFunc func, void *opaque)
{
    for (guint i = 0; i < reset->entries->len; i++) {
        const ResetEntry *entry = &g_array_index(reset->entries, ResetEntry, i);

        if (entry->func == func && entry->opaque == opaque) {
            g_array_remove_index(reset->entries, i);
            return;
        }
    }
}

void
tn_reset_run(TnReset *reset)
{
    /* A callback may unregister others (a reset completes a pending unplug):
     * walk a copy, and skip what is gone. */
    g_autoptr(GArray) entries = g_array_copy(reset->entries);

    for (guint i = 0; i < entries->len; i++) {
        const ResetEntry *entry = &g_array_index(entries, ResetEntry, i);

        for (guint j = 0; j < reset->entries->len; j++) {
            const ResetEntry *live = &g_array_index(reset->entries, ResetEntry, j);

            if (live->func == entry->func && live->opaque == entry->opaque) {
                entry->func(entry->opaque);
                break;
            }
        }
    }
}
