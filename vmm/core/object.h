/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The object model: every thing a user can name is a GObject below a tree of
 * canonical paths ("/machine/peripheral/dimm0", "/objects/memdimm0").
 *
 * Threads: the tree is changed and walked on the main thread only.
 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* Errors of the object model. The monitor maps NOT_FOUND to QEMU's
 * "DeviceNotFound" class and everything else to "GenericError". */
#define TN_CORE_ERROR (tn_core_error_quark())
GQuark tn_core_error_quark(void);

typedef enum {
    TN_CORE_ERROR_GENERIC,
    TN_CORE_ERROR_NOT_FOUND,
} TnCoreError;

/* Sets @error (may be NULL) to TN_CORE_ERROR_GENERIC and this text. */
void tn_core_set_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same, with the value FALSE: for "return tn_fail(...)". */
#define tn_fail(error, ...) (tn_core_set_error((error), __VA_ARGS__), FALSE)

#define TN_TYPE_OBJECT (tn_object_get_type())
G_DECLARE_DERIVABLE_TYPE(TnObject, tn_object, TN, OBJECT, GObject)

/**
 * TnObjectClass:
 * @type_name: QEMU's name of the type ("pc-dimm"); static; NULL for internal types.
 * @description: one line for "-device help" and qom-list-types; static; may be NULL.
 * @user_creatable: whether object-add (backends) or device_add (devices) may make one.
 * @complete: called once after all properties of a user-created object are set;
 *   allocates what it stands for. NULL when there is nothing to do. Not used by
 *   devices, which have realize. Returns FALSE with @error set, object unchanged.
 * @can_be_deleted: whether object-del may remove it now; NULL means always.
 * @is_complete: whether @complete has succeeded, so that only live-writable
 *   properties can still be set by name; NULL: they always can.
 */
struct _TnObjectClass {
    GObjectClass parent_class;

    const char *type_name;
    const char *description;
    gboolean user_creatable;
    gboolean (*complete)(TnObject *self, GError **error);
    gboolean (*can_be_deleted)(TnObject *self);
    gboolean (*is_complete)(TnObject *self);
};

/* Makes the root of a tree ("/"). Returns: (transfer full). */
TnObject *tn_object_new_root(void);

/**
 * tn_object_add_child:
 * @parent: where to hang it.
 * @name: one path component; not empty, without '/'; copied.
 * @child: (transfer none): the tree takes its own reference. Must have no parent.
 * @error: GENERIC "attempt to add duplicate property '<name>' to object (type
 *   '<type>')" when @parent has a child of that name.
 */
gboolean tn_object_add_child(TnObject *parent, const char *name, TnObject *child, GError **error);

/* As tn_object_add_child(), under the first free "<stem>[<n>]". Cannot fail. */
void tn_object_add_child_numbered(TnObject *parent, const char *stem, TnObject *child);

/* Finds or makes the plain container @name below @parent. Returns: (transfer none). */
TnObject *tn_object_ensure_container(TnObject *parent, const char *name);

/* Takes @self out of the tree and drops the tree's reference; a no-op without a parent. */
void tn_object_unparent(TnObject *self);

/* (transfer none), NULL for a root or an object outside of the tree. */
TnObject *tn_object_get_parent(TnObject *self);

/* Own path component, NULL outside of the tree. Owned by @self. */
const char *tn_object_get_name(TnObject *self);

/* (transfer full): "/machine/peripheral/dimm0"; NULL outside of a rooted tree. */
char *tn_object_get_path(TnObject *self);

/* (transfer none): the child called @name, or NULL. */
TnObject *tn_object_get_child(TnObject *self, const char *name);

typedef void (*TnObjectChildFunc)(TnObject *child, gpointer user_data);
/* Calls @func for every direct child, in the order in which they were added.
 * @func may unparent the child it is given. */
void tn_object_foreach_child(TnObject *self, TnObjectChildFunc func, gpointer user_data);

/**
 * tn_object_resolve:
 * @root: the tree's root.
 * @path: absolute ("/machine") or partial ("dimm0", QEMU's rule: a suffix of a
 *   canonical path that must be unique).
 * @error: NOT_FOUND when nothing, GENERIC when more than one object matches.
 * Returns: (transfer none).
 */
TnObject *tn_object_resolve(TnObject *root, const char *path, GError **error);

/* QEMU's name of @self's type; g_type_name() where it has none. */
const char *tn_object_get_type_name(TnObject *self);

G_END_DECLS
