/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of the table of host devices, for its two files. */
#ifndef TN_DRIVER_CORE_HOSTDEV_TABLE_PRIVATE_H
#define TN_DRIVER_CORE_HOSTDEV_TABLE_PRIVATE_H

#include "driver/core/hostdev-table.h"

/* A device that is not where it was. Strings are owned. */
typedef struct TnHostdevEntry {
    char *address; /* constant */

    /* Written by whoever has it (@busy), under the lock; read under the lock or by the same. */
    char *driver;   /* that had it before; NULL: none */
    char *override; /* driver_override before; NULL: none */
    gboolean detached; /* by a user, until a user says otherwise; not by a guest's start */
    gboolean managed;
    char *owner, *owner_name; /* NULL: no guest has it */
    char *alias;
    char *xml;
    int group;

    gboolean recorded; /* there is a file; whoever has it */

    /* under the lock */
    gboolean busy;
    gboolean leaving;
    gboolean announce;
} TnHostdevEntry;

struct TnHostdevTable {
    TnStateStore *store;
    TnPciHost *host;
    GMutex lock; /* a leaf, of moments; guards what follows */
    GCond changed;
    GHashTable *entries; /* address -> TnHostdevEntry, owned */
};

/**
 * tn_hostdev_enter: has the caller have @address; a new entry knows the device as it is now.
 * @group: of the device; -1: does not matter.
 * @create: make an entry when there is none.
 * Waits while it, or another device of @group, is being given back. NULL: with an error; or,
 * without @create, none is there.
 */
TnHostdevEntry *tn_hostdev_enter(TnHostdevTable *table, const char *address, int group,
                                 gboolean create, GError **error);

/* The caller no longer has it. @forget: nothing is to be known of it, its record goes. */
void tn_hostdev_leave(TnHostdevTable *table, TnHostdevEntry *entry, gboolean forget);

/* Writes the record. The caller has it. */
gboolean tn_hostdev_save(TnHostdevTable *table, TnHostdevEntry *entry, GError **error);

/* Puts it where it was. The caller has it. */
gboolean tn_hostdev_restore(TnHostdevTable *table, const TnHostdevEntry *entry, GError **error);

/* OPERATION_INVALID "PCI device ... is in use by driver QEMU, domain ...". */
gboolean tn_hostdev_check_free(const TnHostdevEntry *entry, GError **error);

#endif
