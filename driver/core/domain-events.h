/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to domains, on its way to those who asked. Any thread. Events of a
 * domain are emitted under its lock, together with the change they tell of: so they
 * arrive in the order in which things happened.
 */
#ifndef TN_DRIVER_CORE_DOMAIN_EVENTS_H
#define TN_DRIVER_CORE_DOMAIN_EVENTS_H

#include "driver/core/domain.h"

G_BEGIN_DECLS

/**
 * TnDomainEvent:
 * @kind: VIR_DOMAIN_EVENT_ID_*, or %TN_EVENT_MONITOR
 * @name, @uuid, @id: which domain, as it was when it happened
 * @event, @detail: of a lifecycle event
 * @text: alias of a device event; name of a monitor event; metadata's URI; what was tuned
 * @data: JSON text of a monitor event, may be NULL; what it was tuned to
 * @time_us: wall clock of a monitor event
 * Borrowed for the call.
 */
typedef struct {
    int kind;
    const char *name;
    const guint8 *uuid;
    int id;
    int event;
    int detail;
    const char *text;
    const char *data;
    gint64 time_us;
} TnDomainEvent;

/* Every QMP event of every guest, for qemu-monitor-event. */
#define TN_EVENT_MONITOR 1000

typedef struct TnEventHub TnEventHub;
typedef void (*TnDomainEventFunc)(const TnDomainEvent *event, guint subscription,
                                  gpointer user_data);

TnEventHub *tn_event_hub_new(void);
void tn_event_hub_free(TnEventHub *hub);

/**
 * tn_event_hub_subscribe:
 * @kind: what to be told of
 * @uuid: of one domain (copied), or NULL for all
 * @func: must not block, take a domain's lock or call the hub
 * @destroy: frees @user_data after the last call of @func; may be NULL
 * Returns: a number for tn_event_hub_unsubscribe(), unique while the daemon runs, > 0.
 */
guint tn_event_hub_subscribe(TnEventHub *hub, int kind, const guint8 *uuid,
                             TnDomainEventFunc func, gpointer user_data, GDestroyNotify destroy);

/* FALSE when there is no such subscription. */
gboolean tn_event_hub_unsubscribe(TnEventHub *hub, guint subscription);

void tn_event_hub_emit(TnEventHub *hub, const TnDomainEvent *event);

/* The same with the identity of @domain filled into @event. Under the domain's lock. */
void tn_event_hub_emit_for_locked(TnEventHub *hub, TnDomain *domain, TnDomainEvent *event);
void tn_event_hub_emit_lifecycle_locked(TnEventHub *hub, TnDomain *domain, int event, int detail);
void tn_event_hub_emit_device_locked(TnEventHub *hub, TnDomain *domain, int kind,
                                     const char *alias);

G_END_DECLS

#endif
