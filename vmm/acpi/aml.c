/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AML terms: encoding, names, data, named objects. */
#include "vmm/acpi/aml.h"

#include "vmm/acpi/aml-private.h"

#include <string.h>

/* 20.2.1 to 20.2.6: opcodes; two bytes where the first is ExtOpPrefix. */
enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f,
    OP_EXT = 0x5b,
    OP_LOCAL0 = 0x60,
    OP_ARG0 = 0x68,
    OP_CREATE_DWORD_FIELD = 0x8a,
    OP_CREATE_QWORD_FIELD = 0x8f,
    OP_ONES = 0xff,
};
enum {
    EXT_MUTEX = 0x01,
    EXT_OP_REGION = 0x80,
    EXT_FIELD = 0x81,
    EXT_DEVICE = 0x82,
};

/* 20.2.4: the longest package that four bytes of PkgLength describe. */
#define PKG_LENGTH_MAX 0x0fffffffU

typedef enum {
    TERM_PLAIN,    /* head, then body */
    TERM_PKG,      /* head, PkgLength, body */
    TERM_PACKAGE,  /* head, PkgLength, count of elements, body */
    TERM_TEMPLATE, /* a buffer of body and an end tag */
} TermKind;

/* Bytes that grow. Most terms are a few bytes long, and there are thousands of them at every
 * start: these need no memory of their own. */
typedef struct Bytes {
    guint8 *data; /* @few, or from the heap */
    gsize len, size;
    guint8 few[48];
} Bytes;

struct TnAml {
    TermKind kind;
    unsigned children; /* appended so far */
    Bytes head;        /* what stands before the PkgLength */
    Bytes body;
};

static void
bytes_init(Bytes *bytes)
{
    bytes->data = bytes->few;
    bytes->len = 0;
    bytes->size = sizeof(bytes->few);
}

static void
bytes_clear(Bytes *bytes)
{
    if (bytes->data != bytes->few) {
        g_free(bytes->data);
    }
}

static void
bytes_grow(Bytes *bytes, gsize size)
{
    gsize wanted = MAX(size, 2 * bytes->size);

    if (bytes->data == bytes->few) {
        bytes->data = g_malloc(wanted);
        memcpy(bytes->data, bytes->few, bytes->len);
    } else {
        bytes->data = g_realloc(bytes->data, wanted);
    }
    bytes->size = wanted;
}

static void
put_bytes(Bytes *out, const void *data, gsize size)
{
    if (size > out->size - out->len) {
        bytes_grow(out, out->len + size);
    }
    if (size > 0) {
        memcpy(out->data + out->len, data, size);
        out->len += size;
    }
}

static TnAml *
term_new(TermKind kind)
{
    TnAml *term = g_new(TnAml, 1);

    term->kind = kind;
    term->children = 0;
    bytes_init(&term->head);
    bytes_init(&term->body);
    return term;
}

void
tn_aml_free(TnAml *term)
{
    if (term) {
        bytes_clear(&term->head);
        bytes_clear(&term->body);
        g_free(term);
    }
}

static void
put_byte(Bytes *out, unsigned byte)
{
    if (out->len == out->size) {
        bytes_grow(out, out->len + 1);
    }
    out->data[out->len++] = (guint8)byte;
}

static void
put_le(Bytes *out, guint64 value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        put_byte(out, (value >> (8 * i)) & 0xff);
    }
}

/* An opcode below 0x100 or ExtOpPrefix and its second byte. */
static void
put_op(Bytes *out, unsigned op)
{
    put_byte(out, op);
}

static void
put_ext_op(Bytes *out, unsigned op)
{
    put_byte(out, OP_EXT);
    put_byte(out, op);
}

/* 20.2.4: the length counts its own bytes, which are as many as it needs. */
static void
put_pkg_length(Bytes *out, gsize content)
{
    unsigned bytes = 1;
    gsize length;

    if (content + 1 > 0x3f) {
        bytes = content + 2 <= 0xfff ? 2 : content + 3 <= 0xfffff ? 3 : 4;
    }
    length = content + bytes;
    g_assert(length <= PKG_LENGTH_MAX);
    if (bytes == 1) {
        put_byte(out, (unsigned)length);
        return;
    }
    put_byte(out, (bytes - 1) << 6 | (length & 0xf));
    put_le(out, length >> 4, bytes - 1);
}

/* 20.2.3 ComputationalData of an integer. */
static void
put_int(Bytes *out, guint64 value)
{
    if (value <= 1) {
        put_op(out, value ? OP_ONE : OP_ZERO);
    } else if (value <= 0xff) {
        put_op(out, OP_BYTE);
        put_le(out, value, 1);
    } else if (value <= 0xffff) {
        put_op(out, OP_WORD);
        put_le(out, value, 2);
    } else if (value <= 0xffffffff) {
        put_op(out, OP_DWORD);
        put_le(out, value, 4);
    } else {
        put_op(out, OP_QWORD);
        put_le(out, value, 8);
    }
}

/* 20.2.2 NameSeg: a lead character and three more. */
static void
put_name_seg(Bytes *out, const char *seg, gsize length)
{
    g_assert(length >= 1 && length <= 4 && !g_ascii_isdigit(seg[0]));
    for (gsize i = 0; i < 4; i++) {
        char c = i < length ? seg[i] : '_';

        g_assert(g_ascii_isupper(c) || g_ascii_isdigit(c) || c == '_');
        put_byte(out, (unsigned)c);
    }
}

static void
put_path(Bytes *out, const char *path)
{
    unsigned count = 0;

    if (*path == '\\') {
        put_byte(out, (unsigned)*path++);
    } else {
        while (*path == '^') {
            put_byte(out, (unsigned)*path++);
        }
    }
    for (const char *c = path; *c; c++) {
        count += c == path || *c == '.';
    }
    g_assert(count <= 255);
    if (count == 0) {
        put_byte(out, 0); /* NullName: the prefix alone */
    } else if (count == 2) {
        put_op(out, OP_DUAL_NAME);
    } else if (count > 2) {
        put_op(out, OP_MULTI_NAME);
        put_byte(out, count);
    }
    for (unsigned i = 0; i < count; i++) {
        gsize length = strcspn(path, ".");

        put_name_seg(out, path, length);
        path += length + 1;
    }
}

/* Encodes @term whole at the end of @out and frees it. */
static void
put_term(Bytes *out, TnAml *term)
{
    put_bytes(out, term->head.data, term->head.len);
    if (term->kind == TERM_PKG) {
        put_pkg_length(out, term->body.len);
    } else if (term->kind == TERM_PACKAGE) {
        g_assert(term->children <= 255);
        put_pkg_length(out, term->body.len + 1);
        put_byte(out, term->children);
    } else if (term->kind == TERM_TEMPLATE) {
        Bytes size;

        bytes_init(&size);
        /* 6.4.2.9 End Tag; a checksum of 0 says "not computed". */
        put_byte(&term->body, 0x79);
        put_byte(&term->body, 0);
        put_int(&size, term->body.len);
        put_pkg_length(out, size.len + term->body.len);
        put_bytes(out, size.data, size.len);
        bytes_clear(&size);
    }
    put_bytes(out, term->body.data, term->body.len);
    tn_aml_free(term);
}

void
tn_aml_append(TnAml *parent, TnAml *child)
{
    parent->children++;
    put_term(&parent->body, child);
}

GByteArray *
tn_aml_finish(TnAml *term)
{
    GByteArray *out;
    Bytes bytes;

    bytes_init(&bytes);
    put_term(&bytes, term);
    out = g_byte_array_sized_new((guint)bytes.len);
    g_byte_array_append(out, bytes.data, (guint)bytes.len);
    bytes_clear(&bytes);
    return out;
}

void
tn_aml_put_le(GByteArray *out, guint64 value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        guint8 byte = (value >> (8 * i)) & 0xff;

        g_byte_array_append(out, &byte, 1);
    }
}

TnAml *
tn_aml_list(void)
{
    return term_new(TERM_PLAIN);
}

TnAml *
tn_aml_raw(const void *data, gsize size)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_bytes(&term->body, data, size);
    return term;
}

TnAml *
tn_aml_path(const char *path)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_path(&term->body, path);
    return term;
}

TnAml *
tn_aml_int(guint64 value)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_int(&term->body, value);
    return term;
}

TnAml *
tn_aml_ones(void)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_op(&term->body, OP_ONES);
    return term;
}

TnAml *
tn_aml_string(const char *ascii)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_op(&term->body, OP_STRING);
    for (const char *c = ascii; *c; c++) {
        g_assert((guint8)*c < 0x80);
        put_byte(&term->body, (unsigned)*c);
    }
    put_byte(&term->body, 0);
    return term;
}

TnAml *
tn_aml_buffer(const void *data, gsize size)
{
    TnAml *term = term_new(TERM_PKG);

    put_op(&term->head, OP_BUFFER);
    put_int(&term->body, size);
    put_bytes(&term->body, data, size);
    return term;
}

TnAml *
tn_aml_package(void)
{
    TnAml *term = term_new(TERM_PACKAGE);

    put_op(&term->head, OP_PACKAGE);
    return term;
}

TnAml *
tn_aml_eisaid(const char *id)
{
    TnAml *term = term_new(TERM_PLAIN);
    guint32 value = 0;

    g_assert(strlen(id) == 7);
    for (int i = 0; i < 3; i++) {
        g_assert(g_ascii_isupper(id[i]));
        value = value << 5 | (guint32)(id[i] - 0x40);
    }
    for (int i = 3; i < 7; i++) {
        g_assert(g_ascii_isxdigit(id[i]));
        value = value << 4 | (guint32)g_ascii_xdigit_value(id[i]);
    }
    /* The id is kept in the order of its letters, so the constant is swapped. */
    put_op(&term->body, OP_DWORD);
    put_le(&term->body, GUINT32_SWAP_LE_BE(value), 4);
    return term;
}

TnAml *
tn_aml_uuid(const char *uuid)
{
    /* Which pair of digits stands at each byte of the buffer. */
    static const guint8 order[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };
    guint8 bytes[16];

    g_assert(strlen(uuid) == 36);
    for (int i = 0; i < 16; i++) {
        const char *pair = uuid + order[i];

        g_assert(g_ascii_isxdigit(pair[0]) && g_ascii_isxdigit(pair[1]));
        bytes[i] = (guint8)(g_ascii_xdigit_value(pair[0]) << 4 | g_ascii_xdigit_value(pair[1]));
    }
    return tn_aml_buffer(bytes, sizeof bytes);
}

TnAml *
tn_aml_one_op(unsigned op)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_op(&term->body, op);
    return term;
}

TnAml *
tn_aml_arg(unsigned n)
{
    g_assert(n <= 6);
    return tn_aml_one_op(OP_ARG0 + n);
}

TnAml *
tn_aml_local(unsigned n)
{
    g_assert(n <= 7);
    return tn_aml_one_op(OP_LOCAL0 + n);
}

TnAml *
tn_aml_name(const char *path, TnAml *object)
{
    TnAml *term = tn_aml_one_op(OP_NAME);

    put_path(&term->body, path);
    put_term(&term->body, object);
    return term;
}

TnAml *
tn_aml_pkg_op(unsigned op)
{
    TnAml *term = term_new(TERM_PKG);

    put_op(&term->head, op);
    return term;
}

TnAml *
tn_aml_scope(const char *path)
{
    TnAml *term = tn_aml_pkg_op(OP_SCOPE);

    put_path(&term->body, path);
    return term;
}

TnAml *
tn_aml_device(const char *path)
{
    TnAml *term = term_new(TERM_PKG);

    put_ext_op(&term->head, EXT_DEVICE);
    put_path(&term->body, path);
    return term;
}

TnAml *
tn_aml_method(const char *path, unsigned args, gboolean serialized)
{
    TnAml *term = tn_aml_pkg_op(OP_METHOD);

    g_assert(args <= 7);
    put_path(&term->body, path);
    put_byte(&term->body, args | (serialized ? 0x08 : 0));
    return term;
}

TnAml *
tn_aml_mutex(const char *path, unsigned sync_level)
{
    TnAml *term = term_new(TERM_PLAIN);

    g_assert(sync_level <= 15);
    put_ext_op(&term->body, EXT_MUTEX);
    put_path(&term->body, path);
    put_byte(&term->body, sync_level);
    return term;
}

TnAml *
tn_aml_op_region(const char *path, TnAmlSpace space, guint64 offset, guint64 length)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_ext_op(&term->body, EXT_OP_REGION);
    put_path(&term->body, path);
    put_byte(&term->body, space);
    put_int(&term->body, offset);
    put_int(&term->body, length);
    return term;
}

TnAml *
tn_aml_field(const char *region, TnAmlAccess access, TnAmlUpdate update)
{
    TnAml *term = term_new(TERM_PKG);

    put_ext_op(&term->head, EXT_FIELD);
    put_path(&term->body, region);
    put_byte(&term->body, (unsigned)access | (unsigned)update << 5);
    return term;
}

TnAml *
tn_aml_field_unit(const char *name, unsigned bits)
{
    TnAml *term = term_new(TERM_PLAIN);

    put_name_seg(&term->body, name, strlen(name));
    /* A field's width is written as a PkgLength that counts nothing but itself. */
    if (bits <= 0x3f) {
        put_byte(&term->body, bits);
    } else {
        g_assert(bits <= 0xfff);
        put_byte(&term->body, 0x40 | (bits & 0xf));
        put_byte(&term->body, bits >> 4);
    }
    return term;
}

TnAml *
tn_aml_field_gap(unsigned bits)
{
    TnAml *term = tn_aml_one_op(OP_ZERO); /* ReservedField */

    if (bits <= 0x3f) {
        put_byte(&term->body, bits);
    } else {
        g_assert(bits <= 0xfff);
        put_byte(&term->body, 0x40 | (bits & 0xf));
        put_byte(&term->body, bits >> 4);
    }
    return term;
}

static TnAml *
create_field(unsigned op, TnAml *buffer, unsigned byte_index, const char *name)
{
    TnAml *term = tn_aml_one_op(op);

    put_term(&term->body, buffer);
    put_int(&term->body, byte_index);
    put_path(&term->body, name);
    return term;
}

TnAml *
tn_aml_create_dword_field(TnAml *buffer, unsigned byte_index, const char *name)
{
    return create_field(OP_CREATE_DWORD_FIELD, buffer, byte_index, name);
}

TnAml *
tn_aml_create_qword_field(TnAml *buffer, unsigned byte_index, const char *name)
{
    return create_field(OP_CREATE_QWORD_FIELD, buffer, byte_index, name);
}

TnAml *
tn_aml_resource_template(void)
{
    TnAml *term = term_new(TERM_TEMPLATE);

    put_op(&term->head, OP_BUFFER);
    return term;
}
