/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of named objects: parents, children and canonical paths. */
#include "vmm/core/object.h"

#include <string.h>

typedef struct TnObjectPrivate {
    TnObject *parent; /* weak: the parent holds the reference */
    char *name;
    GPtrArray *children; /* owned references, in order of addition; NULL: none yet */
} TnObjectPrivate;

G_DEFINE_QUARK(tn-core-error-quark, tn_core_error)

void
tn_core_set_error(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, text);
}

G_DEFINE_TYPE_WITH_PRIVATE(TnObject, tn_object, G_TYPE_OBJECT)

static TnObjectPrivate *
priv(TnObject *self)
{
    return tn_object_get_instance_private(self);
}

static void
tn_object_dispose(GObject *object)
{
    TnObjectPrivate *p = priv(TN_OBJECT(object));

    while (p->children && p->children->len > 0) {
        tn_object_unparent(g_ptr_array_index(p->children, p->children->len - 1));
    }
    G_OBJECT_CLASS(tn_object_parent_class)->dispose(object);
}

static void
tn_object_finalize(GObject *object)
{
    TnObjectPrivate *p = priv(TN_OBJECT(object));

    g_clear_pointer(&p->children, g_ptr_array_unref);
    g_free(p->name);
    G_OBJECT_CLASS(tn_object_parent_class)->finalize(object);
}

static void
tn_object_class_init(TnObjectClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = tn_object_dispose;
    G_OBJECT_CLASS(klass)->finalize = tn_object_finalize;
}

static void
tn_object_init(TnObject *self)
{
}

/* A container is a node that exists only to hold others. */
typedef TnObject TnContainer;
typedef TnObjectClass TnContainerClass;
static GType tn_container_get_type(void);
G_DEFINE_TYPE(TnContainer, tn_container, TN_TYPE_OBJECT)

static void
tn_container_class_init(TnContainerClass *klass)
{
    klass->type_name = "container";
}

static void
tn_container_init(TnContainer *self)
{
}

TnObject *
tn_object_new_root(void)
{
    return g_object_new(tn_container_get_type(), NULL);
}

static void
adopt(TnObject *parent, char *name, TnObject *child)
{
    TnObjectPrivate *p = priv(parent);
    TnObjectPrivate *c = priv(child);

    g_assert(!c->parent);
    if (!p->children) {
        p->children = g_ptr_array_new();
    }
    g_ptr_array_add(p->children, g_object_ref(child));
    c->parent = parent;
    g_free(c->name);
    c->name = name;
}

gboolean
tn_object_add_child(TnObject *parent, const char *name, TnObject *child, GError **error)
{
    g_assert(*name && !strchr(name, '/'));
    if (tn_object_get_child(parent, name)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "attempt to add duplicate property '%s' to object (type '%s')", name,
                    tn_object_get_type_name(parent));
        return FALSE;
    }
    adopt(parent, g_strdup(name), child);
    return TRUE;
}

void
tn_object_add_child_numbered(TnObject *parent, const char *stem, TnObject *child)
{
    for (unsigned n = 0;; n++) {
        g_autofree char *name = g_strdup_printf("%s[%u]", stem, n);

        if (!tn_object_get_child(parent, name)) {
            adopt(parent, g_steal_pointer(&name), child);
            return;
        }
    }
}

TnObject *
tn_object_ensure_container(TnObject *parent, const char *name)
{
    TnObject *child = tn_object_get_child(parent, name);

    if (!child) {
        g_autoptr(TnObject) fresh = tn_object_new_root();

        adopt(parent, g_strdup(name), fresh);
        child = fresh; /* the tree's reference keeps it */
    }
    return child;
}

void
tn_object_unparent(TnObject *self)
{
    TnObjectPrivate *c = priv(self);
    TnObject *parent = c->parent;

    if (!parent) {
        return;
    }
    c->parent = NULL;
    g_clear_pointer(&c->name, g_free);
    g_ptr_array_remove(priv(parent)->children, self);
    g_object_unref(self);
}

TnObject *
tn_object_get_parent(TnObject *self)
{
    return priv(self)->parent;
}

const char *
tn_object_get_name(TnObject *self)
{
    return priv(self)->name;
}

char *
tn_object_get_path(TnObject *self)
{
    g_autoptr(GString) path = g_string_new(NULL);

    if (!priv(self)->parent) {
        return NULL;
    }
    for (TnObject *at = self; priv(at)->parent; at = priv(at)->parent) {
        g_string_prepend(path, priv(at)->name);
        g_string_prepend_c(path, '/');
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

TnObject *
tn_object_get_child(TnObject *self, const char *name)
{
    TnObjectPrivate *p = priv(self);

    for (guint i = 0; p->children && i < p->children->len; i++) {
        TnObject *child = g_ptr_array_index(p->children, i);

        if (strcmp(priv(child)->name, name) == 0) {
            return child;
        }
    }
    return NULL;
}

void
tn_object_foreach_child(TnObject *self, TnObjectChildFunc func, gpointer user_data)
{
    TnObjectPrivate *p = priv(self);
    guint i = 0;

    while (p->children && i < p->children->len) {
        g_autoptr(TnObject) child = g_object_ref(g_ptr_array_index(p->children, i));

        func(child, user_data);
        if (p->children && i < p->children->len && g_ptr_array_index(p->children, i) == child) {
            i++;
        }
    }
}

static TnObject *
walk_path(TnObject *from, char *const *parts)
{
    TnObject *at = from;

    for (; at && *parts; parts++) {
        if (**parts) {
            at = tn_object_get_child(at, *parts);
        }
    }
    return at;
}

/* Counts the places below @from at which the partial path @parts fits. */
static void
search_partial(TnObject *from, char *const *parts, TnObject **found, unsigned *count)
{
    TnObjectPrivate *p = priv(from);
    TnObject *match = walk_path(from, parts);

    if (match) {
        *found = match;
        (*count)++;
    }
    for (guint i = 0; p->children && i < p->children->len; i++) {
        search_partial(g_ptr_array_index(p->children, i), parts, found, count);
    }
}

TnObject *
tn_object_resolve(TnObject *root, const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    TnObject *found = NULL;
    unsigned count = 0;

    if (*path == '/') {
        found = walk_path(root, parts);
        count = found ? 1 : 0;
    } else if (*path) {
        search_partial(root, parts, &found, &count);
    }
    if (count > 1) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Path '%s' is ambiguous", path);
        return NULL;
    }
    if (!found) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND, "Device '%s' not found", path);
    }
    return found;
}

const char *
tn_object_get_type_name(TnObject *self)
{
    TnObjectClass *klass = TN_OBJECT_GET_CLASS(self);

    return klass->type_name ? klass->type_name : G_OBJECT_TYPE_NAME(self);
}
