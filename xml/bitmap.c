/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers (CPUs, NUMA nodes) as libvirt writes them. */
#include "xml/bitmap.h"

#include <string.h>

#define WORD_BITS 64

/* Most sets hold a handful of small numbers, and a daemon keeps thousands of sets: only as many
 * words are kept as the highest number needs. */
struct TnBitmap {
    guint64 *words;
    guint n_words;
};

TnBitmap *
tn_bitmap_new(void)
{
    return g_new0(TnBitmap, 1);
}

void
tn_bitmap_free(TnBitmap *self)
{
    if (self == NULL) {
        return;
    }
    g_free(self->words);
    g_free(self);
}

TnBitmap *
tn_bitmap_copy(const TnBitmap *self)
{
    TnBitmap *copy;

    if (self == NULL) {
        return NULL;
    }
    copy = tn_bitmap_new();
    copy->words = g_memdup2(self->words, self->n_words * sizeof(*self->words));
    copy->n_words = self->n_words;
    return copy;
}

static guint64
word(const TnBitmap *self, guint index)
{
    return index < self->n_words ? self->words[index] : 0;
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
    guint index = bit / WORD_BITS;

    if (value && index >= self->n_words) {
        self->words = g_renew(guint64, self->words, index + 1);
        memset(self->words + self->n_words, 0, (index + 1 - self->n_words) * sizeof(guint64));
        self->n_words = index + 1;
    }
    if (value) {
        self->words[index] |= mask;
    } else if (index < self->n_words) {
        self->words[index] &= ~mask;
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
    return (word(self, bit / WORD_BITS) >> (bit % WORD_BITS)) & 1;
}

int
tn_bitmap_next(const TnBitmap *self, guint from)
{
    for (guint bit = from; bit < self->n_words * WORD_BITS; bit++) {
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

    for (guint i = 0; i < self->n_words; i++) {
        count += (guint) __builtin_popcountll(self->words[i]);
    }
    return count;
}

gboolean
tn_bitmap_overlaps(const TnBitmap *a, const TnBitmap *b)
{
    for (guint i = 0; i < MIN(a->n_words, b->n_words); i++) {
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
    for (guint i = 0; i < MAX(a->n_words, b->n_words); i++) {
        if (word(a, i) != word(b, i)) {
            return FALSE;
        }
    }
    return TRUE;
}
