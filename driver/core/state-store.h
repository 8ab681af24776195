/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What survives the daemon: definitions, autostart marks, and the state of running
 * guests. Every file is written whole beside its place, fsynced, renamed, and its
 * folder fsynced: a daemon or host that stops at any moment leaves the old file or
 * the new one. Names of files are the domain's UUID for run state (a rename moves
 * nothing) and the domain's name for definitions, as administrators expect them.
 *
 * Threads: any; one call per file at a time, which the domain's job sees to.
 */
#ifndef TN_DRIVER_CORE_STATE_STORE_H
#define TN_DRIVER_CORE_STATE_STORE_H

#include <glib.h>
#include <sys/types.h>

#include "xml/domain.h"

G_BEGIN_DECLS

typedef struct TnStateStore TnStateStore;

/* Folders are made (0700) when missing. NULL with VIR_ERR_SYSTEM_ERROR. */
TnStateStore *tn_state_store_new(const char *config_dir, const char *state_dir, GError **error);
void tn_state_store_free(TnStateStore *store);

/* Writes, and deletes, NAME.xml. VIR_ERR_SYSTEM_ERROR names the file. */
gboolean tn_state_store_save_definition(TnStateStore *store, const TnDomainDef *def,
                                        GError **error);
gboolean tn_state_store_delete_definition(TnStateStore *store, const char *name, GError **error);

/**
 * TnStagedFile:
 * A definition that is on the disk, fsynced, beside the place it is meant for: what is
 * left to do, tn_staged_file_commit(), needs no room and hardly fails.
 */
typedef struct TnStagedFile TnStagedFile;
TnStagedFile *tn_state_store_stage_definition(TnStateStore *store, const TnDomainDef *def,
                                              GError **error);
gboolean tn_staged_file_commit(TnStagedFile *staged, GError **error);
/* Deletes it unless it was committed. NULL is fine. */
void tn_staged_file_free(TnStagedFile *staged);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnStagedFile, tn_staged_file_free)

/* autostart/NAME.xml: a link to the definition. */
gboolean tn_state_store_set_autostart(TnStateStore *store, const char *name, gboolean autostart,
                                      GError **error);

/**
 * tn_state_store_claim_autostart:
 * Returns: TRUE for the first daemon that asks since the host came up.
 */
gboolean tn_state_store_claim_autostart(TnStateStore *store);

/**
 * tn_state_store_sweep:
 * @in_use: set of file names.
 * Deletes what a daemon that was killed left half done in the state folder: temporary
 * files, and sockets of monitors that are not in @in_use. At start.
 */
void tn_state_store_sweep(TnStateStore *store, GHashTable *in_use);

/* What is kept of a running guest. */
typedef struct TnRunRecord {
    char *xml; /* of the live definition, owned */
    int id;
    pid_t pid;
    guint64 start_time;
    int state, reason;
    char *monitor_path;       /* owned */
    gboolean persistent;      /* there is a definition as well */
    GStrv pending_unplugs;    /* aliases the guest was asked to let go of; owned, may be NULL */
} TnRunRecord;
void tn_run_record_free(TnRunRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnRunRecord, tn_run_record_free)

/* Writes, and deletes, UUID.state. */
gboolean tn_state_store_save_run(TnStateStore *store, const char *uuid, const TnRunRecord *record,
                                 GError **error);
void tn_state_store_delete_run(TnStateStore *store, const char *uuid);

/* Writes, and deletes, ADDRESS.hostdev: what is known of a host device that changed hands. */
gboolean tn_state_store_save_hostdev(TnStateStore *store, const char *address, const char *text,
                                     GError **error);
void tn_state_store_delete_hostdev(TnStateStore *store, const char *address);

/**
 * tn_state_store_foreach_definition / _run / _hostdev:
 * Reads every file of its kind. Files that cannot be read, or are larger than
 * TN_XML_MAX_DOCUMENT, are logged (g_warning names them) and passed over.
 * @func: takes @xml and @record as borrowed.
 */
typedef void (*TnDefinitionFunc)(const char *xml, const char *path, gboolean autostart,
                                 gpointer user_data);
typedef void (*TnRunRecordFunc)(const char *uuid, const TnRunRecord *record, gpointer user_data);
void tn_state_store_foreach_definition(TnStateStore *store, TnDefinitionFunc func,
                                       gpointer user_data);
/* The definition's file as it is now; NULL when there is none that can be read (logged). Under
 * the domain's job nobody of the daemon's own changes it. (transfer full) */
char *tn_state_store_read_definition(TnStateStore *store, const char *name);
void tn_state_store_foreach_run(TnStateStore *store, TnRunRecordFunc func, gpointer user_data);
typedef void (*TnHostdevRecordFunc)(const char *path, const char *text, gpointer user_data);
void tn_state_store_foreach_hostdev(TnStateStore *store, TnHostdevRecordFunc func,
                                    gpointer user_data);

G_END_DECLS

#endif
