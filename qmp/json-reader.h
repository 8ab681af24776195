/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON values out of a byte stream that nobody vouches for: finds where one value
 * ends and the next begins, refuses what is no JSON with QEMU's words, goes on
 * after it, and never holds more than its limits allow. Integers stay exact over
 * the whole of int64 and uint64; larger ones become doubles, as QEMU has it.
 *
 * Accepted beyond RFC 8259, because QEMU accepts it: strings in single quotes.
 * Refused beyond it: a key twice in one object, U+0000 and noncharacters.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

G_BEGIN_DECLS

/* What one value may cost. */
typedef struct TnJsonLimits {
    size_t max_bytes;    /* of its text */
    unsigned max_depth;  /* of nested arrays and objects, at most TN_JSON_MAX_DEPTH */
    unsigned max_tokens; /* each becomes an object of some 100 bytes at worst */
} TnJsonLimits;

/* QEMU's own bound; keeps recursion over a value shallow enough for any stack. */
#define TN_JSON_MAX_DEPTH 1024

typedef struct TnJsonReader TnJsonReader;

/* @limits: copied. (transfer full) */
TnJsonReader *tn_json_reader_new(const TnJsonLimits *limits);
/* NULL is fine. */
void tn_json_reader_free(TnJsonReader *reader);

/**
 * tn_json_reader_next:
 * @data: (inout): where to read on; moved past what was used.
 * @len: (inout): how many bytes are left there.
 * @ret_value: (transfer full): the value, when one is complete; NULL stands for
 *   JSON's null.
 * @error: why the text up to here is no value (TN_QMP_ERROR_GENERIC_ERROR with QEMU's
 *   "JSON parse error, ..."); the reader has recovered and may be called on.
 * Returns: TRUE when a value or an error came out of it, FALSE when all of @data was
 *   used and more is needed.
 * After an error that names a limit the rest of the value is skipped silently.
 */
gboolean tn_json_reader_next(TnJsonReader *reader, const char **data, size_t *len,
                             json_object **ret_value, GError **error);

/* Forgets a value that is not complete yet: another client is to follow. */
void tn_json_reader_reset(TnJsonReader *reader);

/* Whether no value has begun: the stream may end here. */
gboolean tn_json_reader_is_idle(const TnJsonReader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnJsonReader, tn_json_reader_free)

G_END_DECLS
