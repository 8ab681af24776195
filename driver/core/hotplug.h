/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching and detaching devices, live and in the definition. Worker threads;
 * takes the domain's job itself.
 *
 * Everything that can be refused is refused before anything changes: first the
 * checks of both definitions, then the monitor, then the file.
 */
#ifndef TN_DRIVER_CORE_HOTPLUG_H
#define TN_DRIVER_CORE_HOTPLUG_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/* How long a detach waits for the guest before it answers "asked for". */
#define TN_UNPLUG_WAIT_MS 5000

/**
 * tn_hotplug_attach:
 * @xml: one device element.
 * @flags: VIR_DOMAIN_AFFECT_*.
 * Errors: XML's; OPERATION_INVALID for a state that does not fit @flags;
 * CONFIG_UNSUPPORTED and others for no free slot or memory beyond maxMemory; what
 * the monitor said. State and definition are as before then.
 */
gboolean tn_hotplug_attach(TnDomain *domain, const char *xml, unsigned flags, GError **error);

/**
 * tn_hotplug_detach:
 * As tn_hotplug_attach(). A guest that does not answer in time is no error: the
 * device goes when DEVICE_DELETED comes, and shows in the live XML until then.
 * OPERATION_FAILED when the guest refused.
 */
gboolean tn_hotplug_detach(TnDomain *domain, const char *xml, unsigned flags, GError **error);

/* The same by alias: answers at once, the outcome comes as an event. */
gboolean tn_hotplug_detach_alias(TnDomain *domain, const char *alias, unsigned flags,
                                 GError **error);

G_END_DECLS

#endif
