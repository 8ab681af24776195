/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* State tables to bytes and back: docs/specs/state.md. */
#include "vmm/core/state-stream.h"

#include "vmm/core/object.h"

#include <string.h>

typedef struct Item {
    guint16 word;
} Item;

typedef struct Inner {
    guint n_items;
    Item *items;
} Inner;

typedef struct Outer {
    gboolean wide;
    bool narrow;
    gboolean truths[3];
    guint8 byte;
    guint32 longs[2];
    guint64 quad;
    guint8 raw[3];
    Inner *inner;
    unsigned saves, loads;
} Outer;

static void
on_save(void *opaque)
{
    ((Outer *)opaque)->saves++;
}

/* 13 is bad luck. */
static gboolean
on_load(void *opaque, unsigned version, GError **error)
{
    Outer *outer = opaque;

    outer->loads++;
    if (outer->byte == 13) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "13");
        return FALSE;
    }
    return TRUE;
}

static const TnStateField item_fields[] = {
    TN_STATE_FIELD(TN_STATE_U16, Item, word),
    TN_STATE_END,
};
static const TnStateTable item_table = { .name = "item", .version = 1, .fields = item_fields };

static const TnStateField inner_fields[] = {
    TN_STATE_STRUCTS(Inner, items, n_items, Item, &item_table),
    TN_STATE_END,
};
static const TnStateTable inner_table = { .name = "inner", .version = 1, .fields = inner_fields };

static const TnStateField outer_fields[] = {
    TN_STATE_FIELD(TN_STATE_BOOL, Outer, wide),
    TN_STATE_FIELD(TN_STATE_BOOL, Outer, narrow),
    TN_STATE_FIELD(TN_STATE_U8, Outer, byte),
    TN_STATE_ARRAY(TN_STATE_U32, Outer, longs, 2),
    TN_STATE_FIELD(TN_STATE_U64, Outer, quad),
    TN_STATE_ARRAY(TN_STATE_BYTES, Outer, raw, 3),
    TN_STATE_ARRAY(TN_STATE_BOOL, Outer, truths, 3),
    TN_STATE_POINTER(Outer, inner, &inner_table),
    TN_STATE_END,
};
static const TnStateTable outer_table = {
    .name = "outer",
    .version = 2,
    .fields = outer_fields,
    .pre_save = on_save,
    .post_load = on_load,
};

typedef struct Fixture {
    Item items[2];
    Inner inner;
    Outer outer;
    GBytes *saved;
} Fixture;

static void
fill(Fixture *f)
{
    f->items[0].word = 0x1234;
    f->items[1].word = 0x5678;
    f->inner = (Inner){ 2, f->items };
    f->outer = (Outer){ .wide = TRUE, .narrow = TRUE, .byte = 7, .longs = { 1, 0xfffffffe },
                        .quad = G_MAXUINT64 - 1, .raw = { 9, 8, 7 }, .inner = &f->inner,
                        .truths = { FALSE, TRUE, FALSE } };
}

static void
set_up(Fixture *f, gconstpointer data)
{
    fill(f);
    f->saved = tn_state_save(&outer_table, &f->outer);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_bytes_unref(f->saved);
}

/* The saved bytes with @byte at @at places after the end of @name. */
static GBytes *
change(Fixture *f, const char *name, gsize at, guint8 byte)
{
    gsize size = g_bytes_get_size(f->saved);
    guint8 *bytes = g_memdup2(g_bytes_get_data(f->saved, NULL), size);
    guint8 *place = memmem(bytes, size, name, strlen(name));

    g_assert_nonnull(place);
    place[strlen(name) + at] = byte;
    return g_bytes_new_take(bytes, size);
}

static void
assert_refused(Fixture *f, GBytes *data, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) after = NULL;

    g_assert_false(tn_state_load(&outer_table, &f->outer, data, &error));
    g_assert_cmpstr(error->message, ==, text);
    after = tn_state_save(&outer_table, &f->outer);
    g_assert_true(g_bytes_equal(after, f->saved));
}

static void
assert_change_refused(Fixture *f, const char *name, gsize at, guint8 byte, const char *text)
{
    g_autoptr(GBytes) data = change(f, name, at, byte);

    assert_refused(f, data, text);
}

static void
test_round_trip(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    memset(f->items, 0, sizeof(f->items));
    f->outer = (Outer){ .inner = &f->inner };
    g_assert_true(tn_state_load(&outer_table, &f->outer, f->saved, &error));
    g_assert_no_error(error);
    g_assert_cmpint(f->outer.wide, ==, TRUE);
    g_assert_true(f->outer.narrow);
    g_assert_cmpint(f->outer.truths[0], ==, FALSE);
    g_assert_cmpint(f->outer.truths[1], ==, TRUE);
    g_assert_cmpint(f->outer.truths[2], ==, FALSE);
    g_assert_cmpuint(f->outer.byte, ==, 7);
    g_assert_cmphex(f->outer.longs[1], ==, 0xfffffffe);
    g_assert_cmphex(f->outer.quad, ==, G_MAXUINT64 - 1);
    g_assert_cmpuint(f->outer.raw[2], ==, 7);
    g_assert_cmphex(f->items[1].word, ==, 0x5678);
    g_assert_cmpuint(f->outer.loads, ==, 1);
}

static void
test_no_part(Fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) saved = NULL;
    g_autoptr(GError) error = NULL;

    f->outer.inner = NULL;
    saved = tn_state_save(&outer_table, &f->outer);
    g_assert_true(tn_state_load(&outer_table, &f->outer, saved, NULL));
    g_assert_false(tn_state_load(&outer_table, &f->outer, f->saved, &error));
    g_assert_cmpstr(error->message, ==,
                    "state of outer, inner: another number of parts than there are");
}

static void
test_judged(Fixture *f, gconstpointer data)
{
    assert_change_refused(f, "byte", 5, 13, "13");
    g_assert_cmpuint(f->outer.loads, ==, 2);
}

static void
test_refusals(Fixture *f, gconstpointer data)
{
    assert_change_refused(f, "outer", 0, 3, "state of outer: a version that is not known");
    assert_change_refused(f, "outer", 0, 0, "state of outer: a version that is not known");
    assert_change_refused(f, "outer", 4, 9, "state of outer: fields that it does not have");
    assert_change_refused(f, "byte", 0, TN_STATE_U16, "state of outer, byte: another type");
    assert_change_refused(f, "longs", 1, 3, "state of outer, longs: another length");
    assert_change_refused(f, "narrow", 5, 2,
                          "state of outer, narrow: a truth that is neither 0 nor 1");
    assert_change_refused(f, "items", 1, 1,
                          "state of inner, items: another number of parts than there are");
    assert_change_refused(f, "item", 1, 'x', "state of inner, items: another type");
}

static void
test_cut_anywhere(Fixture *f, gconstpointer data)
{
    gsize size = g_bytes_get_size(f->saved);

    for (gsize n = 0; n < size; n++) {
        g_autoptr(GBytes) part = g_bytes_new_from_bytes(f->saved, 0, n);

        g_assert_false(tn_state_load(&outer_table, &f->outer, part, NULL));
    }
    g_assert_cmpuint(f->outer.loads, ==, 0);
}

static void
test_more_bytes(Fixture *f, gconstpointer data)
{
    gsize size;
    const guint8 *bytes = g_bytes_get_data(f->saved, &size);
    g_autofree guint8 *longer = g_malloc0(size + 1);
    g_autoptr(GBytes) more = NULL;

    memcpy(longer, bytes, size);
    more = g_bytes_new(longer, size + 1);
    assert_refused(f, more, "state of outer: bytes after its end");
}

/* Version 1 had only the first three fields. */
static void
test_earlier_version(Fixture *f, gconstpointer data)
{
    static const TnStateField old_fields[] = {
        TN_STATE_FIELD(TN_STATE_BOOL, Outer, wide),
        TN_STATE_FIELD(TN_STATE_U8, Outer, byte),
        TN_STATE_END,
    };
    TnStateTable old = { .name = "outer", .version = 1, .fields = old_fields };
    Outer from = { .byte = 99 };
    g_autoptr(GBytes) saved = tn_state_save(&old, &from);
    g_autoptr(GBytes) incomplete = NULL;

    g_assert_true(tn_state_load(&outer_table, &f->outer, saved, NULL));
    g_assert_cmpuint(f->outer.byte, ==, 99);
    g_assert_cmphex(f->outer.quad, ==, G_MAXUINT64 - 1);
    fill(f);
    old.version = 2;
    incomplete = tn_state_save(&old, &from);
    assert_refused(f, incomplete, "state of outer, narrow: missing");
}

#define ADD(path, func) \
    g_test_add("/core/state-stream/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("round-trip", test_round_trip);
    ADD("no-part", test_no_part);
    ADD("post-load-judges", test_judged);
    ADD("refusals", test_refusals);
    ADD("cut-anywhere", test_cut_anywhere);
    ADD("more-bytes", test_more_bytes);
    ADD("earlier-version", test_earlier_version);
    return g_test_run();
}
