/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON text: strings checked and made strict on the way in, values printed on the way out. */
#include "qmp/json-text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Characters that no interchange may hold, by Unicode's own rule. */
static gboolean
is_noncharacter(gunichar c)
{
    return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Four hex digits at @p, before @end; -1 when they are not there. */
static int
parse_hex4(const char *p, const char *end)
{
    int value = 0;

    for (int i = 0; i < 4; i++, p++) {
        if (p >= end || !g_ascii_isxdigit(*p)) {
            return -1;
        }
        value = value * 16 + g_ascii_xdigit_value(*p);
    }
    return value;
}

/*
 * The escape "\uXXXX" (two of them for a surrogate pair) whose 'u' is at @p.
 * Returns its length after the 'u', 0 when it is no valid character.
 */
static size_t
check_unicode_escape(const char *p, const char *end)
{
    int high = parse_hex4(p + 1, end);
    int low;

    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff)) {
        return 0;
    }
    if (high < 0xd800 || high > 0xdbff) {
        return is_noncharacter((gunichar)high) ? 0 : 4;
    }
    if (end - p < 11 || p[5] != '\\' || p[6] != 'u') {
        return 0;
    }
    low = parse_hex4(p + 7, end);
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    return is_noncharacter(0x10000 + (((gunichar)high & 0x3ff) << 10) + ((gunichar)low & 0x3ff))
               ? 0
               : 10;
}

/* Whether @c may stand in a JSON string, and in our output, as it is. */
static gboolean
is_plain(char c)
{
    return (guchar)c >= 0x20 && (guchar)c < 0x7f && c != '"' && c != '\\';
}

static void
append(GByteArray *text, const char *bytes, size_t len)
{
    g_byte_array_append(text, (const guint8 *)bytes, (guint)len);
}

/* The escape whose backslash is at @p. Returns its length, 0 with *@ret_reason. */
static size_t
append_escape(GByteArray *text, const char *p, const char *end, char **ret_reason)
{
    size_t extra = 0;

    if (p[1] == '\'') {
        append(text, "'", 1);
        return 2;
    }
    if (!strchr("\"\\/bfnrtu", p[1])) {
        *ret_reason = g_strdup("invalid escape sequence in string");
        return 0;
    }
    if (p[1] == 'u') {
        extra = check_unicode_escape(p + 1, end);
        if (extra == 0) {
            /* QEMU shows the four characters, whatever they are. */
            *ret_reason = g_strdup_printf("\\u%.*s is not a valid Unicode character",
                                          (int)MIN(4, end + 1 - (p + 2)), p + 2);
            return 0;
        }
    }
    append(text, p, 2 + extra);
    return 2 + extra;
}

gboolean
tn_json_text_append_string(GByteArray *text, const char *token, size_t len, char **ret_reason)
{
    const char *p = token + 1;
    const char *end = token + len - 1;

    append(text, "\"", 1);
    while (p < end) {
        size_t plain = 0;

        while (p + plain < end && is_plain(p[plain])) {
            plain++;
        }
        append(text, p, plain);
        p += plain;
        if (p == end) {
            break;
        }
        if (*p == '\\') {
            size_t used = append_escape(text, p, end, ret_reason);

            if (used == 0) {
                return FALSE;
            }
            p += used;
        } else if (*p == '"') {
            append(text, "\\\"", 2);
            p++;
        } else {
            gunichar c = g_utf8_get_char_validated(p, end - p);

            if (c >= (gunichar)-2 || is_noncharacter(c)) {
                *ret_reason = g_strdup("invalid UTF-8 sequence in string");
                return FALSE;
            }
            plain = (size_t)g_unichar_to_utf8(c, NULL);
            append(text, p, plain);
            p += plain;
        }
    }
    append(text, "\"", 1);
    return TRUE;
}

void
tn_json_text_append_number(GByteArray *text, const char *token, size_t len, gboolean is_integer)
{
    append(text, token, len);
    if (is_integer && len >= 19) {
        g_autofree char *number = g_strndup(token, len);

        errno = 0;
        if (number[0] == '-') {
            (void)g_ascii_strtoll(number, NULL, 10);
        } else {
            (void)g_ascii_strtoull(number, NULL, 10);
        }
        if (errno == ERANGE) {
            append(text, ".0", 2);
        }
    }
}

static void
print_unichar(GString *out, gunichar c)
{
    if (c >= 0x10000) {
        c -= 0x10000;
        g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
    } else {
        g_string_append_printf(out, "\\u%04X", c);
    }
}

/* One character that does not stand for itself; returns its length in bytes. */
static size_t
print_special(GString *out, const char *p, const char *end)
{
    static const char controls[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *known = *p ? strchr(controls, *p) : NULL;
    gunichar c;

    if (known) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, letters[known - controls]);
        return 1;
    }
    if ((guchar)*p < 0x80) {
        print_unichar(out, (guchar)*p);
        return 1;
    }
    c = g_utf8_get_char_validated(p, end - p);
    if (c >= (gunichar)-2) {
        print_unichar(out, 0xfffd);
        return 1;
    }
    print_unichar(out, c);
    return (size_t)g_unichar_to_utf8(c, NULL);
}

void
tn_json_print_string(GString *out, const char *string, gssize len)
{
    const char *p = string ? string : "";
    const char *end = p + (len < 0 ? strlen(p) : (size_t)len);

    g_string_append_c(out, '"');
    while (p < end) {
        size_t plain = 0;

        while (p + plain < end && is_plain(p[plain])) {
            plain++;
        }
        g_string_append_len(out, p, (gssize)plain);
        p += plain;
        if (p < end) {
            p += print_special(out, p, end);
        }
    }
    g_string_append_c(out, '"');
}

static void
print_int(GString *out, json_object *value)
{
    gint64 n = json_object_get_int64(value);
    char digits[24];

    /* json-c clamps a uint64 beyond int64's end; only then ask for the unsigned one. */
    if (n == G_MAXINT64) {
        g_snprintf(digits, sizeof(digits), "%" G_GUINT64_FORMAT, json_object_get_uint64(value));
    } else {
        g_snprintf(digits, sizeof(digits), "%" G_GINT64_FORMAT, n);
    }
    g_string_append(out, digits);
}

static void
print_double(GString *out, json_object *value)
{
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);

    /* What was read is printed as it was sent; JSON has no word for infinities we made. */
    g_string_append(out, g_ascii_isdigit(text[0]) || g_ascii_isdigit(text[1]) ? text : "null");
}

void
tn_json_print(GString *out, json_object *value)
{
    const char *separator = "";

    switch (json_object_get_type(value)) {
    case json_type_null:
        g_string_append(out, "null");
        break;
    case json_type_boolean:
        g_string_append(out, json_object_get_boolean(value) ? "true" : "false");
        break;
    case json_type_int:
        print_int(out, value);
        break;
    case json_type_double:
        print_double(out, value);
        break;
    case json_type_string:
        tn_json_print_string(out, json_object_get_string(value),
                             json_object_get_string_len(value));
        break;
    case json_type_array:
        g_string_append_c(out, '[');
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            g_string_append(out, separator);
            tn_json_print(out, json_object_array_get_idx(value, i));
            separator = ", ";
        }
        g_string_append_c(out, ']');
        break;
    case json_type_object:
        g_string_append_c(out, '{');
        json_object_object_foreach(value, key, member) {
            g_string_append(out, separator);
            tn_json_print_string(out, key, -1);
            g_string_append(out, ": ");
            tn_json_print(out, member);
            separator = ", ";
        }
        g_string_append_c(out, '}');
        break;
    }
}

static void
begin_line(GString *out, unsigned depth)
{
    g_string_append_printf(out, "\r\n%*s", (int)(4 * depth), "");
}

/* The string whose opening quote is at @p. Returns its length with both quotes. */
static gsize
string_length(const char *p, const char *end)
{
    const char *q = p + 1;

    while (q < end && *q != '"') {
        q += *q == '\\' ? 2 : 1;
    }
    return (gsize)(MIN(q + 1, end) - p);
}

void
tn_json_print_pretty(GString *out, const char *text, gsize len)
{
    const char *end = text + len;
    unsigned depth = 0;

    for (const char *p = text; p < end; p++) {
        gsize string = *p == '"' ? string_length(p, end) : 0;

        if (string > 0) {
            g_string_append_len(out, p, (gssize)string);
            p += string - 1;
            continue;
        }
        if ((*p == '}' || *p == ']') && depth > 0) {
            begin_line(out, --depth);
        }
        g_string_append_c(out, *p);
        if (*p == '{' || *p == '[') {
            depth++;
            if (p + 1 < end && p[1] != '}' && p[1] != ']') {
                begin_line(out, depth);
            }
        } else if (*p == ',' && p + 1 < end) {
            begin_line(out, depth);
            p++; /* the blank */
        }
    }
}
