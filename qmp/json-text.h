/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON text, token by token and whole: what may stand in a string, and how a value is printed. */
#pragma once

#include <glib.h>
#include <json-c/json.h>

G_BEGIN_DECLS

/**
 * tn_json_text_append_string:
 * @text: gets the string in double quotes, as strict JSON.
 * @token: a string as it was sent, with its quotes (double or single) and escapes.
 * @len: its length in bytes, at least 2.
 * @ret_reason: (transfer full): QEMU's words for what is wrong with it.
 * Returns: FALSE when an escape is unknown or a character is not valid; @text may then
 *   hold a part of it.
 */
gboolean tn_json_text_append_string(GByteArray *text, const char *token, size_t len,
                                    char **ret_reason);

/* A number as it was sent; an integer that fits neither int64 nor uint64 gets a
 * fraction, so that it is read as a double instead of being cut off. */
void tn_json_text_append_number(GByteArray *text, const char *token, size_t len,
                                gboolean is_integer);

/**
 * tn_json_print:
 * @out: gets @value the way QEMU prints it: one line, ASCII only, ", " and ": ".
 * @value: NULL stands for null. Strings that are no UTF-8 get U+FFFD in place of each bad byte.
 */
void tn_json_print(GString *out, json_object *value);

/**
 * tn_json_print_pretty:
 * @out: gets @text over several lines the way QEMU does with pretty=on: each member and
 *   element on a line of its own, four blanks a level, CR LF.
 * @text: values as tn_json_print() prints them, one after another, each ended by CR LF.
 */
void tn_json_print_pretty(GString *out, const char *text, gsize len);

/* @string (NULL for "") in quotes. */
void tn_json_print_string(GString *out, const char *string, gssize len);

G_END_DECLS
