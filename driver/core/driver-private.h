/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver's inside, for driver/core alone. */
#ifndef TN_DRIVER_CORE_DRIVER_PRIVATE_H
#define TN_DRIVER_CORE_DRIVER_PRIVATE_H

#include "driver/core/driver.h"
#include "driver/core/hostdev-table.h"
#include "driver/core/kernel-cache.h"
#include "driver/core/state-store.h"

struct TnDriver {
    /* constant after tn_driver_new() */
    TnDriverConfig config; /* strings owned */
    GMainContext *context;
    TnDomainList *domains;
    TnEventHub *events;
    TnStateStore *store;
    TnPciHost *pci_host;
    TnPciHost *own_pci_host; /* the same if it is ours; NULL: lent */
    TnHostdevTable *hostdevs;
    TnKernelCache *kernels;
    TnXmlHost xml_host;
    GThreadPool *chores;

    /* atomic */
    gint last_id;   /* ids are given out once each while the daemon runs */
    gint n_running;
    gint n_busy;    /* chores and threads under way */
    gint ending;    /* tn_driver_free() has begun */

    GMutex console_lock;  /* a leaf */
    GHashTable *consoles; /* path of a pty -> TnConsole that holds it; nothing is owned */

    /* main thread */
    TnDriverRunningChanged running_changed;
    gpointer running_data;
};

/* A guest came up (+1) or ended (-1). Any thread; tells running_changed on the main thread. */
void tn_driver_count_running(TnDriver *driver, int change);

/* The next domain id, > 0. Any thread. */
int tn_driver_next_id(TnDriver *driver);

/* @id is in use: the next ones are higher. Any thread. */
void tn_driver_reserve_id(TnDriver *driver, int id);

/* Runs @func(@data) on the main thread, in order. Any thread. */
void tn_driver_on_main(TnDriver *driver, GSourceFunc func, gpointer data);

/* Work on run number @run of a domain; @value as given to tn_driver_push_chore(). */
typedef void (*TnChoreFunc)(TnDomain *domain, guint run, int value);

/**
 * tn_driver_push_chore:
 * Has @func called on a thread where it may wait for disks and processes: the main
 * thread must not. Chores run in no particular order. Any thread, any lock.
 */
void tn_driver_push_chore(TnDriver *driver, TnChoreFunc func, TnDomain *domain, guint run,
                          int value);

/* Work that belongs to no domain, on a thread of its own. @data: as given. Any thread. */
typedef void (*TnWorkFunc)(TnDriver *driver, char *data);
void tn_driver_push_work(TnDriver *driver, TnWorkFunc func, char *data);

#endif
