/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One domain as the daemon knows it: its definitions, its state, its process.
 *
 * Reads take @lock for a moment and answer from here. Whatever changes a domain
 * holds its job (job.h) meanwhile, and takes @lock only to look and to write.
 */
#ifndef TN_DRIVER_CORE_DOMAIN_H
#define TN_DRIVER_CORE_DOMAIN_H

#include <glib.h>
#include <libvirt/libvirt.h>
#include <sys/types.h>

#include "driver/error.h"
#include "qmp/client.h"
#include "xml/domain.h"

G_BEGIN_DECLS

typedef struct TnDriver TnDriver;

/* How a detach that the guest was asked for came out. */
typedef enum {
    TN_UNPLUG_PENDING,
    TN_UNPLUG_DONE,
    TN_UNPLUG_REFUSED,
} TnUnplugOutcome;

/* A device that the guest was asked to let go of. */
typedef struct TnUnplug {
    TnUnplugOutcome outcome;
    gboolean waiting; /* somebody will read the outcome and drop this entry */
} TnUnplug;

/* The process of a running domain. Pointers belong to the domain. */
typedef struct TnDomainProcess {
    pid_t pid;             /* 0: none */
    guint64 start_time;    /* of the process, clock ticks after boot: tells a reused pid */
    int pidfd;             /* -1: none */
    GSource *exit_source;  /* main context: the process ended */
    TnQmpClient *qmp;      /* NULL before it is connected and after it is gone */
    gpointer link;         /* monitor.c's end of @qmp */
    char *monitor_path;    /* where a restarted daemon finds the monitor */
    int stop_reason;       /* virDomainShutoffReason to show once it ended */
    gboolean announced;    /* its start was told of: so will be its end */
    guint own_stops;       /* STOP events to come of what we asked for ourselves */
    guint own_resumes;     /* the same of RESUME events */
    gboolean fake_reboot;  /* when the guest powers off it is reset and goes on */
} TnDomainProcess;

typedef struct TnDomain {
    gatomicrefcount refs;

    /* constant */
    TnDriver *driver;
    guint8 uuid[TN_UUID_LEN];
    char uuid_text[TN_UUID_STRING_LEN];

    /* Held while the run's state file is written or deleted; before @lock. */
    GMutex file_lock;

    GMutex lock; /* guards everything below; only the event hub's may be taken within it */

    /* definitions and state */
    char *name;
    TnDomainDef *persistent; /* what a start boots; NULL: transient */
    TnDomainDef *live;       /* what runs; NULL: inactive */
    gboolean autostart;
    gboolean updated;        /* redefined while it ran */
    int state;               /* virDomainState */
    int reason;              /* of the state, by its own enum */
    guint run;               /* counts starts: tells one life of a guest from the next */
    TnDomainProcess process;
    guint cleaning;          /* run that is being put away; 0: none */

    /* the job */
    GCond job_cond;     /* the job ended, or an unplug was answered */
    const char *job;    /* static: who holds it; NULL: nobody */
    guint job_waiters;

    /* Under the list's lock as well as @lock: taken out of the list for good. */
    gboolean removed;

    gint64 stats_pause_end; /* monotonic, us: until then no statistics are asked of its monitor */
    /* unplugs the guest was asked for and that are not over: alias -> TnUnplug */
    GHashTable *unplugs;
} TnDomain;

/* An inactive domain with the identity of @def; no definition is taken. (transfer full) */
TnDomain *tn_domain_new(TnDriver *driver, const TnDomainDef *def);
TnDomain *tn_domain_ref(TnDomain *domain);
void tn_domain_unref(TnDomain *domain);

/* Its name now. (transfer full). Any thread, no lock. */
char *tn_domain_dup_name(TnDomain *domain);

/* Under the lock. */
gboolean tn_domain_is_active_locked(const TnDomain *domain);
/* Nothing defines it and it does not run: to all but who is making it, it is not there. */
gboolean tn_domain_is_empty_locked(const TnDomain *domain);
/* The definition to show: the live one while it runs; NULL when it is empty. */
TnDomainDef *tn_domain_def_locked(const TnDomain *domain);

/* "no domain..."-like errors that several calls share. Set @error, return FALSE. */
gboolean tn_domain_check_active_locked(const TnDomain *domain, GError **error);
gboolean tn_domain_check_inactive_locked(const TnDomain *domain, GError **error);
gboolean tn_domain_check_persistent_locked(const TnDomain *domain, GError **error);

/* NO_DOMAIN "no domain with matching uuid '...' (name)", also for a domain that has just gone. */
void tn_domain_set_gone_error(GError **error, const char *uuid_text, const char *name);

/* Sets state and reason. Under the lock. */
void tn_domain_set_state_locked(TnDomain *domain, int state, int reason);

/**
 * tn_domain_affected_locked:
 * @flags: VIR_DOMAIN_AFFECT_CURRENT, _LIVE, _CONFIG
 * @ret_live, @ret_config: which definitions a change of @flags means now
 * Errors: OPERATION_INVALID "domain is not running", "cannot modify the persistent
 * configuration of a transient domain". Under the lock.
 */
gboolean tn_domain_affected_locked(const TnDomain *domain, unsigned flags, gboolean *ret_live,
                                   gboolean *ret_config, GError **error);

/* The definition that a query with @flags means, valid under the lock; NULL: errors as above. */
const TnDomainDef *tn_domain_affected_def_locked(const TnDomain *domain, unsigned flags,
                                                 GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDomain, tn_domain_unref)

G_END_DECLS

#endif
