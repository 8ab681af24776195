/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device's run state as a table: what save, restore and migration walk
 * (vmm/core/state-stream.h). A field is named by its place in the device's struct; no raw
 * struct ever goes to a file.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    TN_STATE_BOOL, /* a bool or a gboolean */
    TN_STATE_U8,
    TN_STATE_U16,
    TN_STATE_U32,
    TN_STATE_U64,
    TN_STATE_BYTES, /* count bytes */
    TN_STATE_PART,  /* a pointer to a struct with a table of its own; NULL: there is none */
    TN_STATE_PARTS, /* a pointer to an array of such */
} TnStateType;

typedef struct TnStateTable TnStateTable;

typedef struct TnStateField {
    const char *name; /* NULL ends the table */
    TnStateType type;
    size_t offset;
    size_t count; /* array length, 1 for a scalar; PARTS: the offset of a guint that has it */
    const TnStateTable *table; /* of a part */
    size_t stride;             /* BOOL, PARTS: bytes of one */
} TnStateField;

/* @pre_save brings the fields up to date. @post_load judges values that came from outside and
 * recomputes what derives from them; trusts nothing. Parts are loaded, and judged, before what
 * holds them. Both may be NULL. */
struct TnStateTable {
    const char *name;
    unsigned version; /* from 1 on */
    const TnStateField *fields;
    void (*pre_save)(void *opaque);
    gboolean (*post_load)(void *opaque, unsigned version, GError **error);
};

/* 1, or no program at all when the field is not of the size that @kind copies. */
#define TN_STATE_FITS(kind, size)                                              \
    ((kind) == TN_STATE_BOOL  ? (size) == sizeof(bool) || (size) == sizeof(gboolean) \
     : (kind) == TN_STATE_U8  ? (size) == 1                                    \
     : (kind) == TN_STATE_U16 ? (size) == 2                                    \
     : (kind) == TN_STATE_U32 ? (size) == 4                                    \
                              : (size) == 8)
#define TN_STATE_SIZE(type_, field_) sizeof(((type_ *)NULL)->field_)
#define TN_STATE_ONE(kind, type_, field_) \
    (sizeof(char[TN_STATE_FITS(kind, TN_STATE_SIZE(type_, field_)) ? 1 : -1]))

#define TN_STATE_FIELD(kind, type_, field_)                                    \
    { #field_, kind, offsetof(type_, field_), TN_STATE_ONE(kind, type_, field_), NULL, \
      TN_STATE_SIZE(type_, field_) }
#define TN_STATE_ARRAY(kind, type_, field_, n_) \
    { #field_, kind, offsetof(type_, field_), n_, NULL, TN_STATE_SIZE(type_, field_[0]) }
#define TN_STATE_POINTER(type_, field_, table_) \
    { #field_, TN_STATE_PART, offsetof(type_, field_), 1, table_, 0 }
#define TN_STATE_STRUCTS(type_, field_, n_field_, item_, table_) \
    { #field_, TN_STATE_PARTS, offsetof(type_, field_), offsetof(type_, n_field_), table_, \
      sizeof(item_) }
#define TN_STATE_END { NULL, TN_STATE_BOOL, 0, 0, NULL, 0 }
