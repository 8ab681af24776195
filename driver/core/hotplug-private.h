/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device kind gives to hot plug: a row in the table of hotplug.c. */
#ifndef TN_DRIVER_CORE_HOTPLUG_PRIVATE_H
#define TN_DRIVER_CORE_HOTPLUG_PRIVATE_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/** TnHotplugTarget: the running guest, borrowed: run @run of @domain, as @live has it. */
typedef struct TnHotplugTarget {
    TnDomain *domain;
    guint run;
    const TnDomainDef *live; /* a copy, without the device */
    TnQmpClient *qmp;
} TnHotplugTarget;

/** TnHotplugKind: worker threads, with the domain's job held and no lock. */
typedef struct TnHotplugKind {
    /** plug: @device, with alias and address, into the guest. On failure everything is undone.
     *  @ret_seen: what finish shall know, NULL for nothing. */
    gboolean (*plug)(const TnHotplugTarget *target, TnDevice *device, gpointer *ret_seen,
                     GError **error);

    /** finish: after a plug; @kept: the live definition has it; FALSE: the domain has ended.
     *  @device is a copy; @seen: plug's, (transfer full). */
    void (*finish)(const TnHotplugTarget *target, const TnDevice *device, gboolean kept,
                   gpointer seen);

    /** event_name: under which clients hear of the addition; NULL: its alias. (transfer full) */
    char *(*event_name)(const char *alias);
} TnHotplugKind;

extern const TnHotplugKind tn_hotplug_memory;
extern const TnHotplugKind tn_hotplug_hostdev;

G_END_DECLS

#endif
