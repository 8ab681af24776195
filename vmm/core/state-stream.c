/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk over state tables. Loading goes twice over the bytes: once only to judge them, and
 * once to copy, so that bytes which are refused have changed nothing.
 */
#include "vmm/core/state-stream.h"

#include "vmm/core/object.h"

#include <string.h>

typedef struct Reader {
    const guint8 *at;
    gsize left;
    gboolean copy; /* into the structs; else judge only */
} Reader;

static gsize
size_of(const TnStateField *field)
{
    static const gsize sizes[] = {
        [TN_STATE_BOOL] = 1, [TN_STATE_U8] = 1,  [TN_STATE_U16] = 2,
        [TN_STATE_U32] = 4,  [TN_STATE_U64] = 8, [TN_STATE_BYTES] = 1,
    };

    return sizes[field->type];
}

static gboolean
is_parts(const TnStateField *field)
{
    return field->type == TN_STATE_PART || field->type == TN_STATE_PARTS;
}

/* The structs behind a field of parts, and how many. */
static guint8 *
find_parts(const TnStateField *field, const void *opaque, guint32 *ret_count)
{
    const guint8 *base = opaque;
    guint8 *parts;

    memcpy(&parts, base + field->offset, sizeof(parts));
    if (field->type == TN_STATE_PARTS) {
        guint count;

        memcpy(&count, base + field->count, sizeof(count));
        *ret_count = parts ? count : 0;
    } else {
        *ret_count = parts ? 1 : 0;
    }
    return parts;
}

static void
put_u32(GByteArray *out, guint32 value)
{
    value = GUINT32_TO_LE(value);
    g_byte_array_append(out, (const guint8 *)&value, sizeof(value));
}

static void
put_name(GByteArray *out, const char *name)
{
    guint8 len = (guint8)strlen(name);

    g_assert(strlen(name) <= G_MAXUINT8);
    g_byte_array_append(out, &len, 1);
    g_byte_array_append(out, (const guint8 *)name, len);
}

/* Of @size bytes: bool or gboolean. */
static guint8
is_true(const guint8 *from, gsize size)
{
    gboolean value;

    if (size == sizeof(bool)) {
        return *from != 0;
    }
    memcpy(&value, from, sizeof(value));
    return value != 0;
}

static void
put_truth(guint8 *to, gsize size, guint8 truth)
{
    gboolean value = truth;

    if (size == sizeof(bool)) {
        *to = truth;
    } else {
        memcpy(to, &value, sizeof(value));
    }
}

static void
put_value(GByteArray *out, const TnStateField *field, const guint8 *from)
{
    gsize size = size_of(field);

    for (gsize i = 0; i < field->count; i++) {
        guint8 bytes[8];

        if (field->type == TN_STATE_BOOL) {
            bytes[0] = is_true(from + i * field->stride, field->stride);
        } else {
            memcpy(bytes, from + i * size, size);
        }
        g_byte_array_append(out, bytes, (guint)size);
    }
}

static unsigned
count_fields(const TnStateTable *table)
{
    unsigned n = 0;

    while (table->fields[n].name) {
        n++;
    }
    return n;
}

static void
save_table(GByteArray *out, const TnStateTable *table, void *opaque)
{
    if (table->pre_save) {
        table->pre_save(opaque);
    }
    put_name(out, table->name);
    put_u32(out, table->version);
    put_u32(out, count_fields(table));
    for (const TnStateField *field = table->fields; field->name; field++) {
        guint8 type = (guint8)field->type;

        put_name(out, field->name);
        g_byte_array_append(out, &type, 1);
        if (is_parts(field)) {
            guint32 count;
            guint8 *parts = find_parts(field, opaque, &count);

            put_u32(out, count);
            for (guint32 i = 0; i < count; i++) {
                save_table(out, field->table, parts + i * field->stride);
            }
        } else {
            put_u32(out, (guint32)field->count);
            put_value(out, field, (const guint8 *)opaque + field->offset);
        }
    }
}

GBytes *
tn_state_save(const TnStateTable *table, void *opaque)
{
    GByteArray *out = g_byte_array_new();

    save_table(out, table, opaque);
    return g_byte_array_free_to_bytes(out);
}

static gboolean
refuse(GError **error, const char *table, const char *field, const char *what)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "state of %s%s%s: %s", table,
                field ? ", " : "", field ? field : "", what);
    return FALSE;
}

/* The next @size bytes, NULL when there are not as many. */
static const guint8 *
take(Reader *r, gsize size)
{
    const guint8 *at = r->at;

    if (size > r->left) {
        return NULL;
    }
    r->at += size;
    r->left -= size;
    return at;
}

static gboolean
take_u32(Reader *r, guint32 *ret_value)
{
    const guint8 *bytes = take(r, sizeof(*ret_value));
    guint32 value;

    if (!bytes) {
        return FALSE;
    }
    memcpy(&value, bytes, sizeof(value));
    *ret_value = GUINT32_FROM_LE(value);
    return TRUE;
}

/* Whether a name comes next, and is @wanted; only then it is taken. */
static gboolean
take_name(Reader *r, const char *wanted)
{
    gsize len = strlen(wanted);

    if (r->left < 1 + len || r->at[0] != len || memcmp(r->at + 1, wanted, len) != 0) {
        return FALSE;
    }
    (void)take(r, 1 + len);
    return TRUE;
}

/* FALSE for a truth that is neither 0 nor 1. */
static gboolean
get_value(const Reader *r, const TnStateField *field, const guint8 *bytes, guint8 *to)
{
    gsize size = size_of(field);

    for (gsize i = 0; i < field->count; i++) {
        if (field->type == TN_STATE_BOOL && bytes[i] > 1) {
            return FALSE;
        }
        if (field->type == TN_STATE_BOOL && r->copy) {
            put_truth(to + i * field->stride, field->stride, bytes[i]);
        } else if (r->copy) {
            memcpy(to + i * size, bytes + i * size, size);
        }
    }
    return TRUE;
}

static gboolean load_table(Reader *r, const TnStateTable *table, void *opaque, unsigned depth,
                           GError **error);

static gboolean
load_parts(Reader *r, const TnStateTable *table, const TnStateField *field, void *opaque,
           unsigned depth, GError **error)
{
    guint32 count, given;
    guint8 *parts = find_parts(field, opaque, &count);

    if (!take_u32(r, &given) || given != count) {
        return refuse(error, table->name, field->name, "another number of parts than there are");
    }
    for (guint32 i = 0; i < count; i++) {
        if (!load_table(r, field->table, parts + i * field->stride, depth + 1, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
load_field(Reader *r, const TnStateTable *table, const TnStateField *field, void *opaque,
           unsigned depth, GError **error)
{
    const guint8 *type = take(r, 1);
    const guint8 *bytes;
    guint32 count;

    if (!type || *type != field->type) {
        return refuse(error, table->name, field->name, "another type");
    }
    if (is_parts(field)) {
        return load_parts(r, table, field, opaque, depth, error);
    }
    if (!take_u32(r, &count) || count != field->count) {
        return refuse(error, table->name, field->name, "another length");
    }
    bytes = take(r, size_of(field) * field->count);
    if (!bytes) {
        return refuse(error, table->name, field->name, "the bytes end in it");
    }
    if (!get_value(r, field, bytes, (guint8 *)opaque + field->offset)) {
        return refuse(error, table->name, field->name, "a truth that is neither 0 nor 1");
    }
    return TRUE;
}

/* Fields come in the table's order; an earlier version may lack some. */
static gboolean
load_fields(Reader *r, const TnStateTable *table, void *opaque, guint32 version, unsigned depth,
            GError **error)
{
    guint32 left;

    if (!take_u32(r, &left)) {
        return refuse(error, table->name, NULL, "the bytes end in its head");
    }
    for (const TnStateField *field = table->fields; field->name; field++) {
        if (left == 0 || !take_name(r, field->name)) {
            if (version == table->version) {
                return refuse(error, table->name, field->name, "missing");
            }
            continue;
        }
        left--;
        if (!load_field(r, table, field, opaque, depth, error)) {
            return FALSE;
        }
    }
    return left == 0 || refuse(error, table->name, NULL, "fields that it does not have");
}

static gboolean
load_table(Reader *r, const TnStateTable *table, void *opaque, unsigned depth, GError **error)
{
    guint32 version;

    g_assert(depth < TN_STATE_MAX_DEPTH);

    if (!take_name(r, table->name)) {
        return refuse(error, table->name, NULL, "another's");
    }
    if (!take_u32(r, &version) || version == 0 || version > table->version) {
        return refuse(error, table->name, NULL, "a version that is not known");
    }
    if (!load_fields(r, table, opaque, version, depth, error)) {
        return FALSE;
    }
    return !r->copy || !table->post_load || table->post_load(opaque, version, error);
}

static gboolean
walk(const TnStateTable *table, void *opaque, GBytes *data, gboolean copy, GError **error)
{
    Reader r = { .copy = copy };

    r.at = g_bytes_get_data(data, &r.left);
    if (r.left > TN_STATE_MAX_BYTES) {
        return refuse(error, table->name, NULL, "too many bytes");
    }
    return load_table(&r, table, opaque, 0, error) &&
           (r.left == 0 || refuse(error, table->name, NULL, "bytes after its end"));
}

gboolean
tn_state_load(const TnStateTable *table, void *opaque, GBytes *data, GError **error)
{
    g_autoptr(GBytes) before = NULL;

    if (!walk(table, opaque, data, FALSE, error)) {
        return FALSE;
    }
    before = tn_state_save(table, opaque);
    if (!walk(table, opaque, data, TRUE, error)) {
        (void)walk(table, opaque, before, TRUE, NULL);
        return FALSE;
    }
    return TRUE;
}
