/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of descriptors (add-fd): numbered, shared by all clients, bounded. */
#pragma once

#include <glib.h>

typedef struct TnFdsets TnFdsets;

/* Descriptors in all sets together. */
#define TN_FDSETS_MAX_FDS 1024
/* Bytes of a client's note on one. */
#define TN_FDSETS_MAX_OPAQUE 4096

TnFdsets *tn_fdsets_new(void);
/* Closes all. NULL is fine. */
void tn_fdsets_free(TnFdsets *sets);
