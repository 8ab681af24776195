/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reader: characters -> tokens -> grammar -> text in json-c's strict dialect,
 * which its tokener turns into objects once the value is complete.
 */
#include "qmp/json-reader.h"

#include "qmp/error.h"
#include "qmp/json-text.h"

#include <errno.h>
#include <string.h>

/* Within a token: what may come next. */
typedef enum {
    LEX_START,
    LEX_STRING,
    LEX_ESCAPE,
    LEX_MINUS,    /* after the sign */
    LEX_ZERO,     /* after a leading 0 */
    LEX_INT,
    LEX_POINT,    /* after '.' */
    LEX_FRACTION,
    LEX_E,        /* after 'e' */
    LEX_E_SIGN,
    LEX_EXPONENT,
    LEX_KEYWORD,
    LEX_RECOVERY, /* after a stray character, until one that can begin anew */
} LexState;

/* Within an array or object: what must come next. */
typedef enum {
    WANT_VALUE,
    WANT_VALUE_OR_END, /* after '[' */
    WANT_KEY,
    WANT_KEY_OR_END,   /* after '{' */
    WANT_COLON,
    WANT_SEPARATOR,
} Want;

struct TnJsonReader {
    TnJsonLimits limits;
    json_tokener *tokener;

    LexState lex;
    char quote;          /* of the string being read */
    gboolean is_integer; /* the number being read has neither point nor exponent */
    GByteArray *token;   /* as it was sent */

    Want want;
    GByteArray *levels;  /* '[' or '{' each, the outermost first */
    int braces;          /* QEMU finds a broken value's end by counting either kind */
    int brackets;
    size_t bytes;        /* of this value so far */
    unsigned tokens;
    unsigned keys;
    GByteArray *text;    /* what the tokener will see */
    GError *failure;     /* to be told at the value's end */
    gboolean skipping;   /* told already; the rest is dropped */
};

TnJsonReader *
tn_json_reader_new(const TnJsonLimits *limits)
{
    TnJsonReader *self = g_new0(TnJsonReader, 1);

    self->limits = *limits;
    self->limits.max_depth = MIN(limits->max_depth, TN_JSON_MAX_DEPTH);
    self->tokener = json_tokener_new_ex((int)self->limits.max_depth + 2);
    self->token = g_byte_array_new();
    self->levels = g_byte_array_new();
    self->text = g_byte_array_new();
    return self;
}

void
tn_json_reader_free(TnJsonReader *self)
{
    if (!self) {
        return;
    }
    json_tokener_free(self->tokener);
    g_byte_array_unref(self->token);
    g_byte_array_unref(self->levels);
    g_byte_array_unref(self->text);
    g_clear_error(&self->failure);
    g_free(self);
}

/* Empties @array; gives a large one's memory back. */
static void
drain(GByteArray **array)
{
    if ((*array)->len > 4096) {
        g_byte_array_unref(*array);
        *array = g_byte_array_new();
    } else {
        g_byte_array_set_size(*array, 0);
    }
}

/* Before the first token of a value. */
static void
begin_value(TnJsonReader *self)
{
    drain(&self->text);
    g_byte_array_set_size(self->levels, 0);
    g_clear_error(&self->failure);
    self->want = WANT_VALUE;
    self->braces = self->brackets = 0;
    self->bytes = 0;
    self->tokens = self->keys = 0;
    self->skipping = FALSE;
}

void
tn_json_reader_reset(TnJsonReader *self)
{
    begin_value(self);
    drain(&self->token);
    self->lex = LEX_START;
}

gboolean
tn_json_reader_is_idle(const TnJsonReader *self)
{
    return self->tokens == 0 && (self->lex == LEX_START || self->lex == LEX_RECOVERY);
}

static gboolean
is_broken(const TnJsonReader *self)
{
    return self->failure || self->skipping;
}

/* The value is broken; the first reason counts. */
static void
fail(TnJsonReader *self, const char *reason)
{
    if (!is_broken(self)) {
        g_set_error(&self->failure, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                    "JSON parse error, %s", reason);
        drain(&self->text);
    }
}

/* The value is too large: told at once, the rest skipped. */
static gboolean
exceed(TnJsonReader *self, const char *limit, GError **error)
{
    if (is_broken(self)) {
        return FALSE;
    }
    g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR, "JSON %s limit exceeded", limit);
    self->skipping = TRUE;
    drain(&self->text);
    return TRUE;
}

/* Whether a value (not a key) may stand here; says what is wrong if not. */
static gboolean
accept_value(TnJsonReader *self)
{
    switch (self->want) {
    case WANT_VALUE:
    case WANT_VALUE_OR_END:
        return TRUE;
    case WANT_KEY:
    case WANT_KEY_OR_END:
        fail(self, "key is not a string in object");
        return FALSE;
    case WANT_COLON:
        fail(self, "missing : in object pair");
        return FALSE;
    case WANT_SEPARATOR:
        break;
    }
    fail(self, self->levels->data[self->levels->len - 1] == '{' ? "expected separator in dict"
                                                                : "expected separator in list");
    return FALSE;
}

static void
end_of_value(TnJsonReader *self)
{
    self->want = WANT_SEPARATOR;
}

static void
take_string(TnJsonReader *self)
{
    g_autofree char *reason = NULL;
    gboolean is_key = self->want == WANT_KEY || self->want == WANT_KEY_OR_END;

    if (!is_key && !accept_value(self)) {
        return;
    }
    if (!tn_json_text_append_string(self->text, (const char *)self->token->data,
                                    self->token->len, &reason)) {
        fail(self, reason);
        return;
    }
    if (is_key) {
        self->keys++;
        self->want = WANT_COLON;
    } else {
        end_of_value(self);
    }
}

static void
take_number(TnJsonReader *self)
{
    if (!accept_value(self)) {
        return;
    }
    tn_json_text_append_number(self->text, (const char *)self->token->data, self->token->len,
                               self->is_integer);
    end_of_value(self);
}

static void
take_keyword(TnJsonReader *self)
{
    static const char *const known[] = { "true", "false", "null" };
    g_autofree char *word = g_strndup((const char *)self->token->data, self->token->len);
    g_autofree char *reason = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(word, known[i]) == 0) {
            if (accept_value(self)) {
                g_byte_array_append(self->text, self->token->data, self->token->len);
                end_of_value(self);
            }
            return;
        }
    }
    reason = g_strdup_printf("invalid keyword '%s'", word);
    fail(self, reason);
}

static void
take_open(TnJsonReader *self, char c)
{
    if (!accept_value(self)) {
        return;
    }
    g_byte_array_append(self->levels, (const guint8 *)&c, 1);
    g_byte_array_append(self->text, (const guint8 *)&c, 1);
    self->want = c == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
}

static void
take_close(TnJsonReader *self, char c)
{
    char opened = self->levels->len > 0 ? (char)self->levels->data[self->levels->len - 1] : 0;
    Want empty = c == '}' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;

    if (opened != (c == '}' ? '{' : '[') || (self->want != WANT_SEPARATOR && self->want != empty)) {
        if (self->want == WANT_COLON || self->want == WANT_SEPARATOR) {
            (void)accept_value(self);
        } else {
            fail(self, "expecting value");
        }
        return;
    }
    g_byte_array_append(self->text, (const guint8 *)&c, 1);
    g_byte_array_set_size(self->levels, self->levels->len - 1);
    end_of_value(self);
}

static void
take_colon_or_comma(TnJsonReader *self, char c)
{
    if (c == ':' && self->want == WANT_COLON) {
        self->want = WANT_VALUE;
    } else if (c == ',' && self->want == WANT_SEPARATOR && self->levels->len > 0) {
        self->want = self->levels->data[self->levels->len - 1] == '{' ? WANT_KEY : WANT_VALUE;
    } else if (self->want == WANT_COLON || self->want == WANT_SEPARATOR) {
        (void)accept_value(self);
        return;
    } else {
        fail(self, "expecting value");
        return;
    }
    g_byte_array_append(self->text, (const guint8 *)&c, 1);
}

/* One complete token, of the kind its first character tells, to the grammar. */
static void
take_token(TnJsonReader *self, char first)
{
    switch (first) {
    case '{':
    case '[':
        take_open(self, first);
        break;
    case '}':
    case ']':
        take_close(self, first);
        break;
    case ':':
    case ',':
        take_colon_or_comma(self, first);
        break;
    case '"':
    case '\'':
        take_string(self);
        break;
    default:
        if (first == '-' || g_ascii_isdigit(first)) {
            take_number(self);
        } else {
            take_keyword(self);
        }
        break;
    }
}

/* How many keys the objects within @value hold; a key given twice counts once. */
static unsigned
count_keys(json_object *value)
{
    unsigned n = 0;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member) {
            (void)key;
            n += 1 + count_keys(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            n += count_keys(json_object_array_get_idx(value, i));
        }
    }
    return n;
}

/* The text is complete and well formed: lets json-c build it. */
static void
build(TnJsonReader *self, json_object **ret_value, GError **error)
{
    json_object *value;

    /* The final NUL ends a number that stands alone. */
    g_byte_array_append(self->text, (const guint8 *)"", 1);
    json_tokener_reset(self->tokener);
    value = json_tokener_parse_ex(self->tokener, (const char *)self->text->data,
                                  (int)self->text->len);
    if (json_tokener_get_error(self->tokener) != json_tokener_success) {
        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR, "JSON parse error, %s",
                    json_tokener_error_desc(json_tokener_get_error(self->tokener)));
    } else if (self->keys > 1 && count_keys(value) != self->keys) {
        g_set_error_literal(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR,
                            "JSON parse error, duplicate key");
        json_object_put(value);
    } else {
        *ret_value = value;
    }
}

/* A token is complete. Returns TRUE when something is to be told. */
static gboolean
end_token(TnJsonReader *self, json_object **ret_value, GError **error)
{
    char first = (char)self->token->data[0];
    gboolean told = FALSE;

    self->lex = LEX_START;
    self->tokens++;
    self->braces += (first == '{') - (first == '}');
    self->brackets += (first == '[') - (first == ']');
    if (self->braces + self->brackets > (int)self->limits.max_depth) {
        told = exceed(self, "nesting depth", error);
    } else if (self->tokens > self->limits.max_tokens) {
        told = exceed(self, "token count", error);
    }
    if (!is_broken(self)) {
        take_token(self, first);
    }
    drain(&self->token);

    if (self->braces >= 0 && self->brackets >= 0 && (self->braces > 0 || self->brackets > 0)) {
        return told;
    }
    if (self->failure) {
        g_propagate_error(error, g_steal_pointer(&self->failure));
        told = TRUE;
    } else if (!self->skipping) {
        build(self, ret_value, error);
        told = TRUE;
    }
    begin_value(self);
    return told;
}

/* A character that belongs nowhere: the whole value is given up. */
static gboolean
stray(TnJsonReader *self, GError **error)
{
    gboolean silent = self->skipping;

    if (!silent) {
        g_autofree char *raw = g_strndup((const char *)self->token->data, self->token->len);

        g_set_error(error, TN_QMP_ERROR, TN_QMP_ERROR_GENERIC_ERROR, "JSON parse error, stray '%s'",
                    raw);
    }
    begin_value(self);
    drain(&self->token);
    self->lex = LEX_RECOVERY;
    return !silent;
}

static LexState
lex_start(TnJsonReader *self, unsigned char c)
{
    switch (c) {
    case '"':
    case '\'':
        self->quote = (char)c;
        return LEX_STRING;
    case '-':
        self->is_integer = TRUE;
        return LEX_MINUS;
    case '0':
        self->is_integer = TRUE;
        return LEX_ZERO;
    default:
        if (g_ascii_isdigit(c)) {
            self->is_integer = TRUE;
            return LEX_INT;
        }
        return g_ascii_islower(c) ? LEX_KEYWORD : LEX_RECOVERY;
    }
}

/* The state after @c, which continues a token; LEX_RECOVERY for a stray one,
 * LEX_START when the token ended before @c. */
static LexState
lex_continue(TnJsonReader *self, unsigned char c)
{
    gboolean digit = g_ascii_isdigit(c);

    switch (self->lex) {
    case LEX_STRING:
        if (c < 0x20 || c >= 0xfe) {
            return LEX_RECOVERY;
        }
        return c == '\\' ? LEX_ESCAPE : LEX_STRING;
    case LEX_ESCAPE:
        return c < 0x20 || c >= 0xfe ? LEX_RECOVERY : LEX_STRING;
    case LEX_MINUS:
        return c == '0' ? LEX_ZERO : digit ? LEX_INT : LEX_RECOVERY;
    case LEX_ZERO:
    case LEX_INT:
        if (c == '.' || c == 'e' || c == 'E') {
            self->is_integer = FALSE;
            return c == '.' ? LEX_POINT : LEX_E;
        }
        if (digit) {
            return self->lex == LEX_ZERO ? LEX_RECOVERY : LEX_INT;
        }
        return LEX_START;
    case LEX_POINT:
        return digit ? LEX_FRACTION : LEX_RECOVERY;
    case LEX_FRACTION:
        return digit ? LEX_FRACTION : c == 'e' || c == 'E' ? LEX_E : LEX_START;
    case LEX_E:
        return digit ? LEX_EXPONENT : c == '+' || c == '-' ? LEX_E_SIGN : LEX_RECOVERY;
    case LEX_E_SIGN:
        return digit ? LEX_EXPONENT : LEX_RECOVERY;
    case LEX_EXPONENT:
        return digit ? LEX_EXPONENT : LEX_START;
    case LEX_KEYWORD:
        return g_ascii_islower(c) ? LEX_KEYWORD : LEX_START;
    case LEX_START:
    case LEX_RECOVERY:
        break;
    }
    return LEX_RECOVERY;
}

/* Characters after which reading can begin anew (QEMU's rule). */
static gboolean
ends_recovery(unsigned char c)
{
    return c < 0x20 || c >= 0xfe || strchr("[]{}:,", c);
}

/* One character, which begins something or stands for itself. */
static gboolean
feed_start(TnJsonReader *self, unsigned char c, json_object **ret_value, GError **error)
{
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        return FALSE;
    }
    g_byte_array_append(self->token, &c, 1);
    if (c != 0 && strchr("[]{}:,", c)) {
        return end_token(self, ret_value, error);
    }
    self->lex = lex_start(self, c);
    return self->lex == LEX_RECOVERY ? stray(self, error) : FALSE;
}

/* One character; *@ret_used is FALSE when it must be given again. */
static gboolean
feed(TnJsonReader *self, unsigned char c, gboolean *ret_used, json_object **ret_value,
     GError **error)
{
    LexState next;

    *ret_used = TRUE;
    if (self->lex == LEX_RECOVERY) {
        if (ends_recovery(c)) {
            self->lex = LEX_START;
            *ret_used = FALSE;
        }
        return FALSE;
    }
    if (self->lex == LEX_START) {
        return feed_start(self, c, ret_value, error);
    }
    next = lex_continue(self, c);
    if (next == LEX_START) {
        *ret_used = FALSE;
        return end_token(self, ret_value, error);
    }
    if (!is_broken(self) || next == LEX_RECOVERY || self->token->len < 2) {
        g_byte_array_append(self->token, &c, 1);
    }
    if (next == LEX_RECOVERY) {
        return stray(self, error);
    }
    if (next == LEX_STRING && self->lex == LEX_STRING && c == (unsigned char)self->quote) {
        return end_token(self, ret_value, error);
    }
    self->lex = next;
    return FALSE;
}

gboolean
tn_json_reader_next(TnJsonReader *self, const char **data, size_t *len, json_object **ret_value,
                    GError **error)
{
    while (*len > 0) {
        gboolean used;
        gboolean told = feed(self, (unsigned char)**data, &used, ret_value, error);

        if (used) {
            (*data)++;
            (*len)--;
            self->bytes += self->tokens > 0 || self->token->len > 0;
        }
        if (!told && self->bytes > self->limits.max_bytes) {
            told = exceed(self, "token size", error);
            self->bytes = 0;
        }
        if (told) {
            return TRUE;
        }
    }
    return FALSE;
}
