/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI devices of the host in guests: from claim to plug and back. Spec: docs/specs/vfio.md.
 *
 * Worker threads, no lock held, unless a name ends in _locked. Whatever fails half way is undone
 * in the reverse order.
 */
#ifndef TN_DRIVER_CORE_HOSTDEV_H
#define TN_DRIVER_CORE_HOSTDEV_H

#include "driver/core/domain.h"
#include "driver/core/hostdev-args.h"

G_BEGIN_DECLS

/**
 * tn_hostdev_prepare:
 * @def: what is to be started, with aliases; its devices' driver is filled in.
 * Takes every host device of @def and opens their groups, for a process that inherits them.
 * Returns: (transfer full): an array of #TnHostdevGroup, perhaps empty; free it with
 * tn_hostdev_groups_free(). NULL: nothing is taken. Errors: tn_hostdev_table_take()'s,
 * OPERATION_INVALID for a group whose other devices the host uses, SYSTEM_ERROR.
 */
GArray *tn_hostdev_prepare(TnDomain *domain, TnDomainDef *def, GError **error);

/* Closes the descriptors. NULL is fine. */
void tn_hostdev_groups_free(GArray *groups);

/* The process that inherited them is the domain's: its end gives them back from here on. */
void tn_hostdev_settle(TnDomain *domain, const TnDomainDef *def);

/* The start failed before there was a process: gives all of @def back. */
void tn_hostdev_abandon(TnDomain *domain, const TnDomainDef *def);

/**
 * tn_hostdev_plug:
 * @live: the running definition, without @device.
 * @device: with alias and address; its driver is filled in.
 * Takes the device, raises the locked-memory limit of the process, hands the group over and plugs
 * it. The caller ends with tn_hostdev_finish_plug().
 */
gboolean tn_hostdev_plug(TnDomain *domain, const TnDomainDef *live, guint run,
                         TnHostdevDevice *device, TnQmpClient *qmp, GError **error);

/**
 * tn_hostdev_finish_plug:
 * @kept: the live definition has it; FALSE: the domain ended meanwhile, the host gets it back.
 */
void tn_hostdev_finish_plug(TnDomain *domain, guint run, const TnPciAddress *source,
                            const char *alias, gboolean kept);

/* DEVICE_DELETED of @alias: given back on another thread, then told if @announce. FALSE: the
 * domain has no host device of that name. Under the domain's lock. */
gboolean tn_hostdev_gone_locked(TnDomain *domain, const char *alias, gboolean announce);

/* The guest is gone: everything of it is given back. */
void tn_hostdev_release_all(TnDomain *domain);

/**
 * tn_hostdev_reconcile:
 * After a restart: what the monitor has decides. Devices it has are put into the live definition,
 * those it has not are given back.
 */
gboolean tn_hostdev_reconcile(TnDomain *domain, TnQmpClient *qmp, GError **error);

/* At start, after the guests that run are known: gives back what those have that do not. */
void tn_hostdev_recover(TnDriver *driver);

G_END_DECLS

#endif
