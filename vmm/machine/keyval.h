/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's "value,key=value,flag" option syntax as a flat JSON object of strings.
 * ",," stands for a comma inside a value.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

#define TN_KEYVAL_MAX 65536 /* bytes of one option's text */

/* A json_object that this scope owns; may be NULL. */
#define TN_AUTO_JSON __attribute__((cleanup(tn_keyval_clear_json))) json_object *

static inline void
tn_keyval_clear_json(json_object **object)
{
    (void)json_object_put(*object);
}

/**
 * tn_keyval_parse:
 * @text: "kvm,dump-guest-core=off".
 * @implied_key: key of a first term without '='; NULL where there is none.
 * @error: an empty or doubled key, or a bare word (which is no boolean: QEMU's
 *   keyval has none), each with the term in the message.
 * Returns: (transfer full): an object whose members are strings.
 */
json_object *tn_keyval_parse(const char *text, const char *implied_key, GError **error);

/* As tn_keyval_parse(), but text that begins with '{' is a JSON object. */
json_object *tn_keyval_parse_or_json(const char *text, const char *implied_key, GError **error);

/* The string member @key, removed from @object; NULL when it is absent. (transfer full) */
char *tn_keyval_take(json_object *object, const char *key);

/* FALSE with "Invalid parameter '<key>'" when members are left that nobody took. */
gboolean tn_keyval_check_empty(json_object *object, GError **error);

/* "on"/"off" (and yes/no/true/false/y/n) of @key, removed; untouched @ret_value when absent. */
gboolean tn_keyval_take_bool(json_object *object, const char *key, gboolean *ret_value,
                             GError **error);

/* A decimal or 0x number of @key within @min..@max, removed; untouched when absent. */
gboolean tn_keyval_take_uint(json_object *object, const char *key, guint64 min, guint64 max,
                             unsigned *ret_value, GError **error);
