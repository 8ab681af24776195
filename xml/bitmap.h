/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers (CPUs, NUMA nodes) as libvirt writes them: "0-3,^2,7". */
#ifndef TN_XML_BITMAP_H
#define TN_XML_BITMAP_H

#include <glib.h>

/** TN_XML_BITMAP_MAX: numbers in a set are below this (libvirt's own bound for a CPU mask). */
#define TN_XML_BITMAP_MAX 16384

/** TnBitmap: a set of numbers 0 .. TN_XML_BITMAP_MAX - 1; plain value, no lock of its own. */
typedef struct TnBitmap TnBitmap;

/** tn_bitmap_new: an empty set. Free with tn_bitmap_free(). */
TnBitmap *tn_bitmap_new(void);

/** tn_bitmap_free: release @self; NULL does nothing. */
void tn_bitmap_free(TnBitmap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnBitmap, tn_bitmap_free)

/** tn_bitmap_copy: a new equal set; NULL for NULL. */
TnBitmap *tn_bitmap_copy(const TnBitmap *self);

/**
 * tn_bitmap_parse: read a list such as "0-3,^2,7"; spaces around the parts are allowed.
 * Returns: the set, or NULL when @text is malformed, names a number beyond the bound, or
 * leaves no number (libvirt refuses an empty set as well). Sets no error: the caller knows
 * the name of the attribute.
 */
TnBitmap *tn_bitmap_parse(const char *text);

/** tn_bitmap_format: the shortest list text, e.g. "0-1,3"; "" for the empty set. Caller frees. */
char *tn_bitmap_format(const TnBitmap *self);

/** tn_bitmap_add: put @bit (below TN_XML_BITMAP_MAX) into the set. */
void tn_bitmap_add(TnBitmap *self, guint bit);

/** tn_bitmap_contains: TRUE when @bit is in the set. Any @bit is allowed. */
gboolean tn_bitmap_contains(const TnBitmap *self, guint bit);

/** tn_bitmap_next: the smallest member >= @from, or -1 when there is none. */
int tn_bitmap_next(const TnBitmap *self, guint from);

/** tn_bitmap_count: how many numbers are in the set. */
guint tn_bitmap_count(const TnBitmap *self);

/** tn_bitmap_overlaps: TRUE when the two sets share a number. */
gboolean tn_bitmap_overlaps(const TnBitmap *a, const TnBitmap *b);

/** tn_bitmap_equal: TRUE when equal; two NULLs are equal. */
gboolean tn_bitmap_equal(const TnBitmap *a, const TnBitmap *b);

#endif
