/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list behind "bootindex". */
#include "vmm/core/boot-order.h"

#include "vmm/core/object.h"

typedef struct Entry {
    int index;
    gconstpointer owner;
    char *path;
} Entry;

struct TnBootOrder {
    GArray *entries; /* of Entry, ascending by index */
};

static void
clear_entry(gpointer data)
{
    g_free(((Entry *)data)->path);
}

TnBootOrder *
tn_boot_order_new(void)
{
    TnBootOrder *self = g_new0(TnBootOrder, 1);

    self->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_array_set_clear_func(self->entries, clear_entry);
    return self;
}

void
tn_boot_order_free(TnBootOrder *self)
{
    if (self) {
        g_array_unref(self->entries);
        g_free(self);
    }
}

gboolean
tn_boot_order_add(TnBootOrder *self, int index, gconstpointer owner, const char *path,
                  GError **error)
{
    Entry entry = { index, owner, NULL };
    guint at = 0;

    while (at < self->entries->len && g_array_index(self->entries, Entry, at).index < index) {
        at++;
    }
    if (at < self->entries->len && g_array_index(self->entries, Entry, at).index == index) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "The bootindex %d has already been used", index);
        return FALSE;
    }
    entry.path = g_strdup(path);
    g_array_insert_val(self->entries, at, entry);
    return TRUE;
}

void
tn_boot_order_remove(TnBootOrder *self, gconstpointer owner)
{
    for (guint i = 0; i < self->entries->len; i++) {
        if (g_array_index(self->entries, Entry, i).owner == owner) {
            g_array_remove_index(self->entries, i);
            return;
        }
    }
}

GBytes *
tn_boot_order_get_file(const TnBootOrder *self)
{
    GString *text = g_string_new(NULL);
    gsize size;

    for (guint i = 0; i < self->entries->len; i++) {
        g_string_append_printf(text, "%s%s", i ? "\n" : "",
                               g_array_index(self->entries, Entry, i).path);
    }
    size = text->len ? text->len + 1 : 0;
    return g_bytes_new_take(g_string_free(text, FALSE), size);
}
