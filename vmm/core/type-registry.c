/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-up of types by QEMU's names, over the list that the build generates. */
#include "vmm/core/type-registry.h"

#include <string.h>

/* Constant after tn_type_registry_init(), like the type system it indexes. */
static GPtrArray *registry; /* of TnObjectClass, sorted by type_name */

static int
compare_names(gconstpointer a, gconstpointer b)
{
    const TnObjectClass *x = *(TnObjectClass *const *)a;
    const TnObjectClass *y = *(TnObjectClass *const *)b;

    return strcmp(x->type_name, y->type_name);
}

void
tn_type_registry_init(const TnGetTypeFunc *types)
{
    g_clear_pointer(&registry, g_ptr_array_unref);
    registry = g_ptr_array_new();
    for (; *types; types++) {
        TnObjectClass *klass = g_type_class_ref((*types)());

        g_assert(klass->type_name);
        g_ptr_array_add(registry, klass);
    }
    g_ptr_array_sort(registry, compare_names);
}

GType
tn_type_registry_find(const char *name)
{
    for (guint i = 0; registry && i < registry->len; i++) {
        TnObjectClass *klass = g_ptr_array_index(registry, i);

        if (strcmp(klass->type_name, name) == 0) {
            return G_TYPE_FROM_CLASS(klass);
        }
    }
    return G_TYPE_INVALID;
}

void
tn_type_registry_foreach(GType base, TnTypeFunc func, gpointer user_data)
{
    for (guint i = 0; registry && i < registry->len; i++) {
        TnObjectClass *klass = g_ptr_array_index(registry, i);

        if (g_type_is_a(G_TYPE_FROM_CLASS(klass), base)) {
            func(G_TYPE_FROM_CLASS(klass), klass, user_data);
        }
    }
}
