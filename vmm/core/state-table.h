/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device's run state as a table: what save, restore and migration walk.
 * A field is named by its place in the device's struct; no raw struct ever
 * goes to a file.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

typedef enum {
    TN_STATE_BOOL,
    TN_STATE_U8,
    TN_STATE_U16,
    TN_STATE_U32,
    TN_STATE_U64,
    TN_STATE_BYTES, /* count bytes */
} TnStateType;

typedef struct TnStateField {
    const char *name; /* NULL ends the table */
    TnStateType type;
    size_t offset;
    size_t count; /* array length, 1 for a scalar */
} TnStateField;

/* @post_load judges values that came from outside and recomputes what derives
 * from them; trusts nothing. May be NULL. */
typedef struct TnStateTable {
    const char *name;
    unsigned version;
    const TnStateField *fields;
    gboolean (*post_load)(void *opaque, unsigned version, GError **error);
} TnStateTable;

#define TN_STATE_FIELD(kind, type_, field_) { #field_, kind, offsetof(type_, field_), 1 }
#define TN_STATE_ARRAY(kind, type_, field_, n_) { #field_, kind, offsetof(type_, field_), n_ }
#define TN_STATE_END { NULL, TN_STATE_BOOL, 0, 0 }
