/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The schema as tables: what the build makes from qmp/schema and the server walks.
 * Everything here is constant.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

G_BEGIN_DECLS

typedef struct TnQmpType TnQmpType;

typedef enum {
    TN_QMP_TYPE_STR,
    TN_QMP_TYPE_BOOL,
    TN_QMP_TYPE_INT,  /* signed, min..max */
    TN_QMP_TYPE_UINT, /* unsigned, 0..max */
    TN_QMP_TYPE_NUMBER,
    TN_QMP_TYPE_NULL,
    TN_QMP_TYPE_ANY,
    TN_QMP_TYPE_ENUM,
    TN_QMP_TYPE_ARRAY,
    TN_QMP_TYPE_OBJECT,
} TnQmpTypeKind;

typedef struct TnQmpMember {
    const char *name;
    const TnQmpType *type;
    gboolean optional;
} TnQmpMember;

/* What a value of the tag adds to a union. */
typedef struct TnQmpVariant {
    const char *value;
    const TnQmpType *type; /* an object */
} TnQmpVariant;

struct TnQmpType {
    TnQmpTypeKind kind;
    const char *name; /* as error texts call it; an object's or enum's name in the schema */
    gint64 min;
    guint64 max;
    const char *const *values;  /* ENUM: NULL-terminated */
    const TnQmpType *element;   /* ARRAY */
    const TnQmpMember *members; /* OBJECT: its base's first */
    unsigned n_members;
    const TnQmpVariant *variants;
    unsigned n_variants; /* 0: no union */
    unsigned tag;        /* index of the member that tells the variant */
    gboolean open;       /* further members are fine */
};

/* When a command may be given: before the machine is made, while it runs, while it does not. */
typedef enum {
    TN_QMP_PHASE_PRECONFIG = 1 << 0,
    TN_QMP_PHASE_RUNNING = 1 << 1,
    TN_QMP_PHASE_PAUSED = 1 << 2,
} TnQmpPhase;

typedef struct TnQmpCommand {
    const char *name;
    const TnQmpType *args;    /* an object; NULL: takes none */
    const TnQmpType *returns; /* NULL: the empty object */
    unsigned phases;          /* of TnQmpPhase */
} TnQmpCommand;

typedef struct TnQmpEvent {
    const char *name;
    const TnQmpType *data; /* an object; NULL: none */
} TnQmpEvent;

/* Sorted by name; the indices are the enums of qmp-schema-gen.h. */
extern const TnQmpCommand tn_qmp_commands[];
extern const unsigned tn_qmp_n_commands;
extern const TnQmpEvent tn_qmp_events[];
extern const unsigned tn_qmp_n_events;

/* What query-qmp-schema returns, as text. */
extern const char tn_qmp_schema_text[];

/* The row of the command called @name, or NULL. */
const TnQmpCommand *tn_qmp_command_find(const char *name);
/* The row of the event called @name, or NULL. */
const TnQmpEvent *tn_qmp_event_find(const char *name);

/**
 * tn_qmp_type_check:
 * @type: what @value must be.
 * @value: any JSON, NULL for null.
 * @name: what error texts call it; NULL for a command's arguments as a whole.
 * @error: TN_QMP_ERROR_GENERIC_ERROR in QEMU's words: "Parameter 'x' is missing",
 *   "Parameter 'x' is unexpected", "Invalid parameter type for 'x', expected: string",
 *   "Parameter 'x' expects uint16_t", "Parameter 'x' does not accept value 'y'".
 *   Members within are called "x.y", elements "x[0]".
 */
gboolean tn_qmp_type_check(const TnQmpType *type, json_object *value, const char *name,
                           GError **error);

G_END_DECLS
