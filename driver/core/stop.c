/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ending guests and noticing their end. */
#include "driver/core/stop.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#include "driver/core/domain-events.h"
#include "driver/core/driver-private.h"
#include "driver/core/hostdev.h"
#include "driver/core/monitor.h"
#include "driver/core/process.h"

#define KILL_WAIT_MS 15000

/* The watched process: the domain and which of its lives. */
typedef struct Watch {
    TnDomain *domain;
    guint run;
} Watch;

static void
watch_free(gpointer data)
{
    Watch *watch = data;

    tn_domain_unref(watch->domain);
    g_free(watch);
}

static void
cleanup_chore(TnDomain *domain, guint run, int value)
{
    tn_stop_cleanup(domain, run);
}

static gboolean
on_process_ended(int fd, GIOCondition condition, gpointer user_data)
{
    Watch *watch = user_data;

    tn_driver_push_chore(watch->domain->driver, cleanup_chore, watch->domain, watch->run, 0);
    return G_SOURCE_REMOVE;
}

void
tn_stop_watch(TnDomain *domain)
{
    Watch *watch = g_new0(Watch, 1);
    GSource *source;

    g_mutex_lock(&domain->lock);
    watch->domain = tn_domain_ref(domain);
    watch->run = domain->run;
    if (domain->process.pidfd < 0) {
        /* Destroyed already: whoever did it cleaned up. */
        g_mutex_unlock(&domain->lock);
        watch_free(watch);
        return;
    }
    source = g_unix_fd_source_new(domain->process.pidfd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(on_process_ended), watch, watch_free);
    domain->process.exit_source = source;
    g_source_attach(source, domain->driver->context);
    g_mutex_unlock(&domain->lock);
}

static void
event_of_reason(int reason, int *ret_event, int *ret_detail)
{
    static const struct {
        int reason, event, detail;
    } rows[] = {
        { VIR_DOMAIN_SHUTOFF_SHUTDOWN, VIR_DOMAIN_EVENT_STOPPED,
          VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN },
        { VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED,
          VIR_DOMAIN_EVENT_STOPPED_DESTROYED },
        { VIR_DOMAIN_SHUTOFF_CRASHED, VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED },
    };

    *ret_event = VIR_DOMAIN_EVENT_STOPPED;
    *ret_detail = VIR_DOMAIN_EVENT_STOPPED_FAILED;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].reason == reason) {
            *ret_event = rows[i].event;
            *ret_detail = rows[i].detail;
        }
    }
}

/* Under the lock: takes the run apart and tells of it; what must be freed without the
 * lock is handed out. */
static void
make_inactive_locked(TnDomain *domain, TnDomainProcess *ret_process, TnDomainDef **ret_live)
{
    int event, detail;

    *ret_process = domain->process;
    domain->process = (TnDomainProcess){ .pidfd = -1 };
    *ret_live = g_steal_pointer(&domain->live);
    g_hash_table_remove_all(domain->unplugs);
    domain->updated = FALSE;
    tn_domain_set_state_locked(domain, VIR_DOMAIN_SHUTOFF, ret_process->stop_reason);
    if (ret_process->announced) {
        event_of_reason(ret_process->stop_reason, &event, &detail);
        tn_event_hub_emit_lifecycle_locked(domain->driver->events, domain, event, detail);
    }
    /* Those who wait for an unplug look again. */
    g_cond_broadcast(&domain->job_cond);
}

/* What the daemon holds of a process; its monitor is closed. */
static void
free_process(TnDriver *driver, TnDomainProcess *p)
{
    if (p->exit_source) {
        g_source_destroy(p->exit_source);
        g_source_unref(p->exit_source);
    }
    tn_monitor_close(driver, p);
    tn_process_reap(p->pidfd);
    close(p->pidfd);
    g_free(p->monitor_path);
}

/* Deletes the state file, unless the next run has written its own there. */
static void
delete_run_file(TnDomain *domain)
{
    gboolean runs;

    g_mutex_lock(&domain->file_lock);
    g_mutex_lock(&domain->lock);
    runs = domain->live != NULL;
    g_mutex_unlock(&domain->lock);
    if (!runs) {
        tn_state_store_delete_run(domain->driver->store, domain->uuid_text);
    }
    g_mutex_unlock(&domain->file_lock);
}

/* Whoever puts run @run away has done it when this returns. Under the lock. */
static void
wait_for_cleanup_locked(TnDomain *domain, guint run)
{
    while (run != 0 && domain->cleaning == run) {
        g_cond_wait(&domain->job_cond, &domain->lock);
    }
}

void
tn_stop_wait_cleanup(TnDomain *domain)
{
    g_mutex_lock(&domain->lock);
    wait_for_cleanup_locked(domain, domain->cleaning);
    g_mutex_unlock(&domain->lock);
}

void
tn_stop_cleanup(TnDomain *domain, guint run)
{
    TnDriver *driver = domain->driver;
    TnDomainProcess process;
    g_autoptr(TnDomainDef) live = NULL;

    g_mutex_lock(&domain->lock);
    if (domain->run != run || !domain->live) {
        wait_for_cleanup_locked(domain, run);
        g_mutex_unlock(&domain->lock);
        return;
    }
    domain->cleaning = run;
    make_inactive_locked(domain, &process, &live);
    g_mutex_unlock(&domain->lock);

    tn_domain_list_clear_id(driver->domains, domain, live->id);
    delete_run_file(domain);
    if (process.monitor_path) {
        (void)unlink(process.monitor_path);
    }
    free_process(driver, &process);
    tn_hostdev_release_all(domain);
    tn_domain_list_remove_if_empty(driver->domains, domain);
    tn_driver_count_running(driver, -1);
    g_mutex_lock(&domain->lock);
    if (domain->cleaning == run) {
        domain->cleaning = 0;
    }
    g_cond_broadcast(&domain->job_cond);
    g_mutex_unlock(&domain->lock);
}

void
tn_stop_let_go(TnDomain *domain)
{
    TnDomainProcess process;
    g_autoptr(TnDomainDef) live = NULL;

    g_mutex_lock(&domain->lock);
    process = domain->process;
    domain->process = (TnDomainProcess){ .pidfd = -1 };
    live = g_steal_pointer(&domain->live);
    domain->run++;
    g_mutex_unlock(&domain->lock);
    if (process.pidfd >= 0) {
        free_process(domain->driver, &process);
    }
}

/* A descriptor of our own for the process of run @run, so that a cleanup meanwhile
 * cannot pull it away; -1 when it does not run. Sets the reason to show. */
static int
hold_process(TnDomain *domain, guint run, int reason)
{
    int fd = -1;

    g_mutex_lock(&domain->lock);
    if (domain->run == run && domain->live && domain->process.pidfd >= 0) {
        if (reason != TN_STOP_REASON_KEEP) {
            domain->process.stop_reason = reason;
        }
        fd = fcntl(domain->process.pidfd, F_DUPFD_CLOEXEC, 3);
    }
    g_mutex_unlock(&domain->lock);
    return fd;
}

static gboolean
end_process(int pidfd, gboolean force)
{
    tn_process_kill(pidfd, SIGTERM);
    /* A stopped or hung process must not keep a destroy waiting. */
    tn_process_kill(pidfd, SIGCONT);
    if (tn_process_wait(pidfd, force ? TN_STOP_GRACE_MS : KILL_WAIT_MS)) {
        return TRUE;
    }
    if (!force) {
        return FALSE;
    }
    tn_process_kill(pidfd, SIGKILL);
    return tn_process_wait(pidfd, KILL_WAIT_MS);
}

static gboolean
stop(TnDomain *domain, guint run, int reason, gboolean force, GError **error)
{
    int pidfd = hold_process(domain, run, reason);
    gboolean ended;

    if (pidfd < 0) {
        /* It may be ending just now: what the caller does next finds it over. */
        g_mutex_lock(&domain->lock);
        wait_for_cleanup_locked(domain, run);
        g_mutex_unlock(&domain->lock);
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain is not running");
        return FALSE;
    }
    ended = end_process(pidfd, force);
    close(pidfd);
    if (!ended) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "the process of the domain did not end within %d seconds",
                    KILL_WAIT_MS / 1000);
        return FALSE;
    }
    tn_stop_cleanup(domain, run);
    return TRUE;
}

static guint
present_run(TnDomain *domain)
{
    guint run;

    g_mutex_lock(&domain->lock);
    run = domain->run;
    g_mutex_unlock(&domain->lock);
    return run;
}

gboolean
tn_stop_now(TnDomain *domain, int reason, GError **error)
{
    return stop(domain, present_run(domain), reason, TRUE, error);
}

gboolean
tn_stop_gracefully(TnDomain *domain, GError **error)
{
    return stop(domain, present_run(domain), VIR_DOMAIN_SHUTOFF_DESTROYED, FALSE, error);
}

void
tn_stop_run(TnDomain *domain, guint run, int reason)
{
    g_autoptr(GError) error = NULL;

    if (!stop(domain, run, reason, TRUE, &error) &&
        error->code != VIR_ERR_OPERATION_INVALID) {
        g_warning("domain %s: %s", domain->uuid_text, error->message);
    }
}

void
tn_stop_run_later(TnDomain *domain, guint run, int reason)
{
    tn_driver_push_chore(domain->driver, tn_stop_run, domain, run, reason);
}
