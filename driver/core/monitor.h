/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor of a running domain: its connection, and what its events mean for
 * the domain. Events arrive on the main thread and never wait.
 */
#ifndef TN_DRIVER_CORE_MONITOR_H
#define TN_DRIVER_CORE_MONITOR_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/* Time that a monitor has to answer one command of a job. */
#define TN_MONITOR_TIMEOUT_MS 30000
/* The same while memory is cleared and pinned for a host device. */
#define TN_MONITOR_PINNED_TIMEOUT_MS 180000

/* Speaks QMP over @fd (transfer full) for the present run of @domain. Any thread, no lock. */
void tn_monitor_open(TnDomain *domain, int fd);

/* Ends the connection of a run that is over. Any thread, no lock. */
void tn_monitor_close(TnDriver *driver, TnDomainProcess *process);

/* Wakes those who wait for the monitor, as the daemon ends. Any thread, no lock. */
void tn_monitor_cancel(TnDomain *domain);

/* (transfer full): the connection, or NULL with OPERATION_INVALID when the domain
 * does not run and INTERNAL_ERROR when its monitor is gone. Any thread, no lock. */
TnQmpClient *tn_monitor_get(TnDomain *domain, GError **error);

/**
 * tn_monitor_call:
 * One command of the domain's monitor, whose reply's content does not matter.
 * @args: (transfer full). Worker threads, no lock.
 */
gboolean tn_monitor_call(TnDomain *domain, const char *command, json_object *args,
                         GError **error);

/* Tells what the monitor refused as libvirt does: INTERNAL_ERROR "unable to execute QEMU command
 * ...". Other errors stay as they are; the connection's too. */
void tn_monitor_explain(GError **error, const char *command);

/**
 * tn_monitor_device_gone_locked:
 * The guest let go of the device @alias: it leaves the live definition, its backend is
 * deleted, and it is told of; a host device first goes back to the host, on another thread.
 * Nothing when there is no such device. Under the lock.
 */
void tn_monitor_device_gone_locked(TnDomain *domain, const char *alias);

/* @alias is gone, backend and all: wakes who waits; told of if @announce. Under the lock. */
void tn_monitor_unplug_done_locked(TnDomain *domain, const char *alias, gboolean announce);

/* The guest refused to let go of @alias: tells of it, once a request. Under the lock. */
void tn_monitor_unplug_refused_locked(TnDomain *domain, const char *alias);

/* The guest's word on a slot, an ACPIOSTInfo: whether it refused. Under the lock. */
void tn_monitor_take_ost_locked(TnDomain *domain, json_object *info);

G_END_DECLS

#endif
