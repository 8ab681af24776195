/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver: all domains of one daemon, where they are kept, and who is told
 * about them. api/ decodes calls and lands here.
 *
 * Locks, in the order in which they may be taken:
 *   domain list (tn_domain_list_*) -> a domain's lock -> the event hub's
 * None of them is ever held while waiting for a job, a monitor, a guest or a disk.
 */
#ifndef TN_DRIVER_CORE_DRIVER_H
#define TN_DRIVER_CORE_DRIVER_H

#include <glib.h>

#include "driver/core/domain-events.h"
#include "driver/core/domain-list.h"
#include "driver/core/memlock.h"
#include "driver/host/pci-host.h"
#include "xml/domain.h"

G_BEGIN_DECLS

typedef struct TnDriver TnDriver;

/**
 * TnDriverConfig:
 * @session: serves one user; TRUE makes no difference but to what is said of it
 * @config_dir: definitions: NAME.xml, autostart/NAME.xml
 * @state_dir: what lives as long as the host runs: NAME.state, NAME.monitor, pid files
 * @log_dir: NAME.log of each guest
 * @vmm_path: the monitor program
 * @cache_dir: (nullable): kernels/: what can be made again; NULL: nothing is kept
 * @context: the daemon's main context; NULL for the default one
 * @memlock: sets locked-memory limits; NULL: the kernel
 * @pci_host: the host's PCI devices, borrowed; NULL: the real ones
 *
 * Strings are copied.
 */
typedef struct {
    gboolean session;
    const char *config_dir;
    const char *state_dir;
    const char *log_dir;
    const char *vmm_path;
    const char *cache_dir;
    GMainContext *context;
    TnMemlockFunc memlock;
    TnPciHost *pci_host;
} TnDriverConfig;

/**
 * tn_driver_new:
 * Makes the folders (0700) that are missing. Nothing is loaded yet. Main thread.
 * Returns: (transfer full): NULL with VIR_ERR_SYSTEM_ERROR.
 */
TnDriver *tn_driver_new(const TnDriverConfig *config, GError **error);

/**
 * tn_driver_start:
 * Loads the definitions, takes up again the guests that run, starts those marked
 * for autostart (on a thread of its own). A file that cannot be read is logged and
 * left alone. Main thread, once, before the first client is let in.
 */
void tn_driver_start(TnDriver *driver);

/**
 * tn_driver_reload:
 * Takes definitions that appeared in the folder since, or were changed there, on a thread
 * of its own; what is gone from there stays, and nothing is started. Main thread.
 */
void tn_driver_reload(TnDriver *driver);

/* Lets go of everything; guests keep running. Main thread, with no call under way. NULL is fine. */
void tn_driver_free(TnDriver *driver);

/* Called on the main thread with how many guests run now: keeps an idle daemon from ending. */
typedef void (*TnDriverRunningChanged)(guint n_running, gpointer user_data);
void tn_driver_set_running_changed(TnDriver *driver, TnDriverRunningChanged changed,
                                   gpointer user_data);

/* Any thread. */
TnDomainList *tn_driver_get_domains(TnDriver *driver);
TnEventHub *tn_driver_get_events(TnDriver *driver);
const TnDriverConfig *tn_driver_get_config(TnDriver *driver);

/* What postparse needs of the host; constant. Any thread. */
const TnXmlHost *tn_driver_get_xml_host(TnDriver *driver);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDriver, tn_driver_free)

G_END_DECLS

#endif
