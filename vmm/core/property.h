/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties by name, as "-device x,prop=val", object-add and qom-set need them.
 *
 * A class declares ordinary GObject properties. Their QEMU-visible types are
 *   gboolean -> "bool", (u)int and (u)int64 -> "int", "uint8".."uint64",
 *   string -> "str", enum -> the enum's type name, TnObject -> "link<type>",
 *   a guint64 made by tn_param_spec_size() -> "size" (accepts "256M" in text).
 * Writable only before realize/complete unless the spec carries
 * TN_PARAM_LIVE_WRITABLE.
 */
#pragma once

#include "vmm/core/object.h"

#include <json-c/json.h>

G_BEGIN_DECLS

#define TN_PARAM_LIVE_WRITABLE (1 << G_PARAM_USER_SHIFT)

/* A QEMU name with underscores ("dma_mask") is the spec's nick, its name has dashes as
 * GObject wants them: what is listed is the nick, and either form finds the property. */

/* Flags for the usual property: set by the user before realize, readable always. */
#define TN_PARAM_RW (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY)
#define TN_PARAM_RO (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)

/* A byte count: like g_param_spec_uint64(0, G_MAXUINT64), of QEMU type "size". */
GParamSpec *tn_param_spec_size(const char *name, const char *blurb, guint64 default_value,
                               GParamFlags flags);

/* A list of 16-bit numbers (host-nodes): a GVariant of type "aq", by default NULL; text is
 * "0-3,5" (':' may stand for ','), JSON an array of integers. */
GParamSpec *tn_param_spec_u16_list(const char *name, const char *blurb, GParamFlags flags);

/* An int that users write as text too (a PCI address): of QEMU type "int32"; a JSON integer
 * is taken as it is. @parse: FALSE leaves its output untouched. @print: (transfer full),
 * what "info qtree" shows. */
typedef gboolean (*TnIntParse)(const char *text, int *ret_value);
typedef char *(*TnIntPrint)(int value);
typedef struct TnIntText {
    int min, max, default_value;
    TnIntParse parse;
    TnIntPrint print;
} TnIntText;
/* @text: static. */
GParamSpec *tn_param_spec_int_text(const char *name, const char *blurb, const TnIntText *text,
                                   GParamFlags flags);
/* NULL where @pspec was made otherwise. */
const TnIntText *tn_param_spec_get_int_text(GParamSpec *pspec);

typedef enum {
    TN_PROPERTY_STRICT, /* JSON from QMP: an int must be an int, a bool a bool */
    TN_PROPERTY_KEYVAL, /* text from the command line: every value is a string to parse */
} TnPropertyInput;

/**
 * tn_object_set_property_json:
 * @self: the object.
 * @name: the property's QEMU name ("node", "mem-path").
 * @value: (transfer none): the value; a link takes an id or path string.
 * @root: the tree in which links are looked up.
 * @error: "Property '<type>.<name>' not found", "Invalid parameter type for
 *   '<name>', expected: integer", "Parameter '<name>' expects a value ..." (GENERIC),
 *   NOT_FOUND for a link's target. @self is unchanged on failure.
 */
gboolean tn_object_set_property_json(TnObject *self, const char *name, json_object *value,
                                     TnPropertyInput input, TnObject *root, GError **error);

/* Sets every member of @props but those named in the NULL-terminated @skip.
 * The first failure ends it. */
gboolean tn_object_set_properties_json(TnObject *self, json_object *props,
                                       const char *const *skip, TnPropertyInput input,
                                       TnObject *root, GError **error);

/* (transfer full): the property's value as QMP shows it (links as paths, "" for
 * none; enums as their nick). NULL with NOT_FOUND/GENERIC error when there is no such one. */
json_object *tn_object_get_property_json(TnObject *self, const char *name, GError **error);

/* QEMU's type name of a property: "uint64", "size", "str", "link<memory-backend>". */
char *tn_property_type_name(GParamSpec *pspec);

/**
 * tn_parse_size:
 * @text: "256M", "1.5G", "0x1000", "4096"; suffixes B K M G T P E, either case.
 * @default_unit: multiplier when there is no suffix (1, or MiB for -m).
 * Returns: FALSE (and @ret_bytes untouched) when it is no size or exceeds 2^64-1.
 */
gboolean tn_parse_size(const char *text, guint64 default_unit, guint64 *ret_bytes);

G_END_DECLS
