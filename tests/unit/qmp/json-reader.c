/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON reader: values, QEMU's words for what is no value, recovery, limits. */
#include "qmp/error.h"
#include "qmp/json-reader.h"
#include "qmp/json-text.h"

#include <string.h>

static const TnJsonLimits limits = { 4096, 16, 256 };

/* What one input gives: values as printed, errors by their text, one a line. */
typedef struct Case {
    const char *path;
    const char *input;
    const char *expected;
    gsize len; /* 0: up to the NUL */
} Case;

#define ERR "! JSON parse error, "

static const Case cases[] = {
    { "value/empty-object", "{}", "{}" },
    { "value/number-needs-its-end", "12", "" },
    { "value/number", "12 ", "12" },
    { "value/joined", "{\"a\":1}[2]\"x\"null\n", "{\"a\": 1}|[2]|\"x\"|null" },
    { "value/nested", "{\"a\":[{\"b\":[]},true,false,null]}",
      "{\"a\": [{\"b\": []}, true, false, null]}" },
    { "value/single-quotes", "{'a':'it\\'s \"b\"'}", "{\"a\": \"it's \\\"b\\\"\"}" },
    { "value/escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud83d\\ude00\\'\"]",
      "[\"\\\"\\\\/\\b\\f\\n\\r\\tA\\u00E9\\uD83D\\uDE00'\"]" },
    { "value/utf8", "[\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"]", "[\"\\u00E9\\uD83D\\uDE00\\u007F\"]" },
    { "value/int64", "[9223372036854775807,-9223372036854775808]",
      "[9223372036854775807, -9223372036854775808]" },
    { "value/uint64", "[9223372036854775808,18446744073709551615]",
      "[9223372036854775808, 18446744073709551615]" },
    { "value/beyond-uint64-is-a-double", "[18446744073709551616,-9223372036854775809]",
      "[18446744073709551616.0, -9223372036854775809.0]" },
    { "value/doubles", "[1.5,-0.25e+3,1E2,0.1]", "[1.5, -0.25e+3, 1E2, 0.1]" },
    { "value/minus-zero", "[-0]", "[0]" },
    { "lexical/stray", ".5\n", ERR "stray '.'" },
    { "lexical/stray-recovers-at-brace", "/* x */ {}", ERR "stray '/'|{}" },
    { "lexical/control-character-in-string", "{\"a\":\"b\nc\"}\n1 ",
      ERR "stray '\"b\n'|" ERR "expecting value|1" },
    { "lexical/ff-in-string", "\"\xff\" \n{}", ERR "stray '\"\xff'|{}" },
    { "lexical/minus", "[-]\n1 ", ERR "stray '-]'|1" },
    { "lexical/leading-zero", "01\n", ERR "stray '01'" },
    { "lexical/no-fraction", "1.\n", ERR "stray '1.\n'" },
    { "lexical/no-exponent", "1e\n", ERR "stray '1e\n'" },
    { "lexical/no-exponent-digits", "1e+\n", ERR "stray '1e+\n'" },
    { "lexical/uppercase", "True\n", ERR "stray 'T'" },
    { "lexical/nul", "\0{}", ERR "stray ''|{}", 3 },
    { "grammar/keyword", "nul ", ERR "invalid keyword 'nul'" },
    { "grammar/keyword-in-object", "{\"a\":nul}", ERR "invalid keyword 'nul'" },
    { "grammar/closing-brace", "}1 ", ERR "expecting value|1" },
    { "grammar/closing-bracket", "]1 ", ERR "expecting value|1" },
    { "grammar/comma", ",", ERR "expecting value" },
    { "grammar/list-separator", "[1 2]", ERR "expected separator in list" },
    { "grammar/list-trailing-comma", "[1,]", ERR "expecting value" },
    { "grammar/object-separator", "{\"a\":1 \"b\":2}", ERR "expected separator in dict" },
    { "grammar/object-trailing-comma", "{\"a\":1,}", ERR "expecting value" },
    { "grammar/object-colon", "{\"a\" 1}", ERR "missing : in object pair" },
    { "grammar/object-no-value", "{\"a\"}", ERR "missing : in object pair" },
    { "grammar/object-key-number", "{1:2}", ERR "key is not a string in object" },
    { "grammar/object-key-object", "{{}:1}", ERR "key is not a string in object" },
    { "grammar/object-closed-as-list", "{]", ERR "expecting value" },
    { "grammar/list-closed-as-object", "[}", ERR "expecting value" },
    { "grammar/first-fault-counts", "{1:nul,,}", ERR "key is not a string in object" },
    { "grammar/duplicate-key", "{\"a\":1,\"a\":2}", ERR "duplicate key" },
    { "grammar/duplicate-key-nested", "[{\"x\":{\"a\":1,\"a\":2}}]", ERR "duplicate key" },
    { "grammar/same-key-in-two-objects", "[{\"a\":1},{\"a\":2}]", "[{\"a\": 1}, {\"a\": 2}]" },
    { "string/escape", "\"\\x\"", ERR "invalid escape sequence in string" },
    { "string/short-unicode", "\"\\u12\"", ERR "\\u12\" is not a valid Unicode character" },
    { "string/no-hex-unicode", "\"\\u12zz\"", ERR "\\u12zz is not a valid Unicode character" },
    { "string/lone-high-surrogate", "\"\\ud800\"", ERR "\\ud800 is not a valid Unicode character" },
    { "string/lone-low-surrogate", "\"\\udc00\"", ERR "\\udc00 is not a valid Unicode character" },
    { "string/noncharacter", "\"\\ufffe\"", ERR "\\ufffe is not a valid Unicode character" },
    { "string/nul", "\"\\u0000\"", ERR "\\u0000 is not a valid Unicode character" },
    { "string/cut-utf8", "\"\xc3\"", ERR "invalid UTF-8 sequence in string" },
    { "string/overlong-utf8", "\"\xe0\x80\x80\"", ERR "invalid UTF-8 sequence in string" },
    { "string/surrogate-utf8", "\"\xed\xa0\x80\"", ERR "invalid UTF-8 sequence in string" },
    { "string/noncharacter-utf8", "\"\xef\xbf\xbe\"", ERR "invalid UTF-8 sequence in string" },
    { "limit/depth-reached", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
      "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]" },
    { "limit/depth-exceeded-is-told-once", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]1 ",
      "! JSON nesting depth limit exceeded|1" },
};

static void
collect(TnJsonReader *reader, const char *data, gsize len, GString *out)
{
    json_object *value = NULL;
    GError *error = NULL;

    while (tn_json_reader_next(reader, &data, &len, &value, &error)) {
        g_string_append(out, out->len > 0 ? "|" : "");
        if (error) {
            g_assert_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR);
            g_string_append_printf(out, "! %s", error->message);
            g_clear_error(&error);
        } else {
            tn_json_print(out, value);
        }
        json_object_put(value);
        value = NULL;
    }
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);
    g_autoptr(GString) out = g_string_new(NULL);

    collect(reader, c->input, c->len ? c->len : strlen(c->input), out);
    g_assert_cmpstr(out->str, ==, c->expected);
}

static void
test_case_byte_by_byte(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);
    g_autoptr(GString) out = g_string_new(NULL);
    gsize len = c->len ? c->len : strlen(c->input);

    for (gsize i = 0; i < len; i++) {
        collect(reader, c->input + i, 1, out);
    }
    g_assert_cmpstr(out->str, ==, c->expected);
}

/* @prefix, then @fill until far beyond the limit, then @suffix. */
static void
check_limit(const char *prefix, const char *fill, const char *suffix, const char *expected)
{
    g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);
    g_autoptr(GString) out = g_string_new(NULL);

    collect(reader, prefix, strlen(prefix), out);
    for (int i = 0; i < 100000; i++) {
        collect(reader, fill, strlen(fill), out);
    }
    collect(reader, suffix, strlen(suffix), out);
    g_assert_cmpstr(out->str, ==, expected);
    g_assert_true(tn_json_reader_is_idle(reader));
}

static void
test_long_string_is_skipped(void)
{
    check_limit("{\"a\":\"", "xyz", "\"}{\"b\":1}",
                "! JSON token size limit exceeded|{\"b\": 1}");
}

static void
test_long_keyword_is_skipped(void)
{
    check_limit("", "abc", " {\"b\":1}", "! JSON token size limit exceeded|{\"b\": 1}");
}

static void
test_many_tokens_are_skipped(void)
{
    check_limit("[0", ",0", "]{\"b\":1}", "! JSON token count limit exceeded|{\"b\": 1}");
}

static void
test_deep_nesting_is_skipped(void)
{
    g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *open = g_strnfill(100000, '[');
    g_autofree char *close = g_strnfill(100000, ']');

    collect(reader, open, 100000, out);
    collect(reader, close, 100000, out);
    collect(reader, "{}", 2, out);
    g_assert_cmpstr(out->str, ==, "! JSON nesting depth limit exceeded|{}");
}

static void
test_reset_forgets_half_a_value(void)
{
    g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);
    g_autoptr(GString) out = g_string_new(NULL);

    collect(reader, "{\"a\":\"bc", 8, out);
    g_assert_false(tn_json_reader_is_idle(reader));
    tn_json_reader_reset(reader);
    g_assert_true(tn_json_reader_is_idle(reader));
    collect(reader, "{}", 2, out);
    g_assert_cmpstr(out->str, ==, "{}");
}

/* Random bytes, mostly of JSON's own, never upset the reader: after a pause for
 * recovery and enough closing brackets it reads on. */
static void
test_random_bytes_then_a_value(void)
{
    static const char alphabet[] = "{}[]:,\"'\\u00ed83eE+-.019truefalsn \n\t\xc3\xff\x00";
    g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);

    for (int round = 0; round < 20000; round++) {
        g_autoptr(GString) out = g_string_new(NULL);
        char noise[64];
        gsize len = (gsize)g_test_rand_int_range(1, sizeof(noise));

        for (gsize i = 0; i < len; i++) {
            noise[i] = g_test_rand_int_range(0, 8) == 0
                           ? (char)g_test_rand_int_range(0, 256)
                           : alphabet[g_test_rand_int_range(0, sizeof(alphabet))];
        }
        collect(reader, noise, len, out);
        tn_json_reader_reset(reader);
        g_string_truncate(out, 0);
        collect(reader, "{\"a\":[1]}", 9, out);
        g_assert_cmpstr(out->str, ==, "{\"a\": [1]}");
    }
}

static void
test_ff_resynchronizes(void)
{
    static const char *const halves[] = { "{\"a\":\"b", "{\"a", "[[[[", "{\"a\":1", "tru", "\"\\" };

    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        g_autoptr(TnJsonReader) reader = tn_json_reader_new(&limits);
        g_autoptr(GString) out = g_string_new(NULL);

        collect(reader, halves[i], strlen(halves[i]), out);
        collect(reader, "\xff", 1, out);
        g_string_truncate(out, 0);
        collect(reader, "{}", 2, out);
        g_assert_cmpstr(out->str, ==, "{}");
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *whole = g_strdup_printf("/qmp/json-reader/%s", cases[i].path);
        g_autofree char *bytes = g_strdup_printf("/qmp/json-reader/byte-by-byte/%s", cases[i].path);

        g_test_add_data_func(whole, &cases[i], test_case);
        g_test_add_data_func(bytes, &cases[i], test_case_byte_by_byte);
    }
    g_test_add_func("/qmp/json-reader/limit/long-string-is-skipped", test_long_string_is_skipped);
    g_test_add_func("/qmp/json-reader/limit/long-keyword-is-skipped", test_long_keyword_is_skipped);
    g_test_add_func("/qmp/json-reader/limit/many-tokens-are-skipped", test_many_tokens_are_skipped);
    g_test_add_func("/qmp/json-reader/limit/deep-nesting-is-skipped", test_deep_nesting_is_skipped);
    g_test_add_func("/qmp/json-reader/reset-forgets-half-a-value", test_reset_forgets_half_a_value);
    g_test_add_func("/qmp/json-reader/random-bytes-then-a-value", test_random_bytes_then_a_value);
    g_test_add_func("/qmp/json-reader/ff-resynchronizes", test_ff_resynchronizes);
    return g_test_run();
}
