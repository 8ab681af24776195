/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers (CPUs, NUMA nodes) as libvirt writes them. */
#include "xml/bitmap.h"

#include <string.h>

#define WORD_BITS 64

struct TnBitmap {
    guint64 words[TN_XML_BITMAP_MAX / WORD_BITS];
};

TnBitmap *
tn_bitmap_new(void)
{
    return g_new0(TnBitmap, 1);
}

void
tn_bitmap_free(TnBitmap *self)
{
    g_free(self);
}

TnBitmap *
tn_bitmap_copy(const TnBitmap *self)
{
    return g_memdup2(self, sizeof(*self));
}

static void
skip_blanks(const char **cursor)
{
    while (g_ascii_isspace(**cursor)) {
        (*cursor)++;
    }
}

static gboolean
read_number(const char **cursor, guint *ret_number)
{
    guint number = 0;

    if (!g_ascii_isdigit(**cursor)) {
        return FALSE;
    }
    while (g_ascii_isdigit(**cursor)) {
        number = number * 10 + (guint) g_ascii_digit_value(**cursor);
        if (number >= TN_XML_BITMAP_MAX) {
            return FALSE;
        }
        (*cursor)++;
    }
    skip_blanks(cursor);
    *ret_number = number;
    return TRUE;
}

static void
put(TnBitmap *self, guint bit, gboolean value)
{
    guint64 mask = G_GUINT64_CONSTANT(1) << (bit % WORD_BITS);

    if (value) {
        self->words[bit / WORD_BITS] |= mask;
    } else {
        self->words[bit / WORD_BITS] &= ~mask;
    }
}

/* One part: "3", "^3" or "1-3". */
static gboolean
parse_part(TnBitmap *self, const char **cursor)
{
    gboolean negated = FALSE;
    guint first;
    guint last;

    skip_blanks(cursor);
    if (**cursor == '^') {
        negated = TRUE;
        (*cursor)++;
    }
    if (!read_number(cursor, &first)) {
        return FALSE;
    }
    last = first;
    if (**cursor == '-') {
        (*cursor)++;
        skip_blanks(cursor);
        if (negated || !read_number(cursor, &last) || last < first) {
            return FALSE;
        }
    }
    for (guint bit = first; bit <= last; bit++) {
        put(self, bit, !negated);
    }
    return TRUE;
}

TnBitmap *
tn_bitmap_parse(const char *text)
{
    g_autoptr(TnBitmap) self = tn_bitmap_new();
    const char *cursor = text;

    while (TRUE) {
        if (!parse_part(self, &cursor)) {
            return NULL;
        }
        if (*cursor == '\0') {
            break;
        }
        if (*cursor != ',') {
            return NULL;
        }
        cursor++;
    }
    return tn_bitmap_count(self) > 0 ? g_steal_pointer(&self) : NULL;
}

char *
tn_bitmap_format(const TnBitmap *self)
{
    GString *text = g_string_new(NULL);
    int first = tn_bitmap_next(self, 0);

    while (first >= 0) {
        guint last = (guint) first;

        while (tn_bitmap_contains(self, last + 1)) {
            last++;
        }
        g_string_append_printf(text, "%s%d", text->len > 0 ? "," : "", first);
        if (last > (guint) first) {
            g_string_append_printf(text, "-%u", last);
        }
        first = tn_bitmap_next(self, last + 1);
    }
    return g_string_free(text, FALSE);
}

void
tn_bitmap_add(TnBitmap *self, guint bit)
{
    g_return_if_fail(bit < TN_XML_BITMAP_MAX);
    put(self, bit, TRUE);
}

gboolean
tn_bitmap_contains(const TnBitmap *self, guint bit)
{
    if (bit >= TN_XML_BITMAP_MAX) {
        return FALSE;
    }
    return (self->words[bit / WORD_BITS] >> (bit % WORD_BITS)) & 1;
}

int
tn_bitmap_next(const TnBitmap *self, guint from)
{
    for (guint bit = from; bit < TN_XML_BITMAP_MAX; bit++) {
        if (self->words[bit / WORD_BITS] == 0) {
            bit |= WORD_BITS - 1;
        } else if (tn_bitmap_contains(self, bit)) {
            return (int) bit;
        }
    }
    return -1;
}

guint
tn_bitmap_count(const TnBitmap *self)
{
    guint count = 0;

    for (guint i = 0; i < G_N_ELEMENTS(self->words); i++) {
        count += (guint) __builtin_popcountll(self->words[i]);
    }
    return count;
}

gboolean
tn_bitmap_overlaps(const TnBitmap *a, const TnBitmap *b)
{
    for (guint i = 0; i < G_N_ELEMENTS(a->words); i++) {
        if ((a->words[i] & b->words[i]) != 0) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
tn_bitmap_equal(const TnBitmap *a, const TnBitmap *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return memcmp(a->words, b->words, sizeof(a->words)) == 0;
}
