/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subscriptions to domain events. */
#include "driver/core/domain-events.h"

#include <string.h>

typedef struct Subscription {
    guint number;
    int kind;
    gboolean one_domain;
    guint8 uuid[TN_UUID_LEN];
    TnDomainEventFunc func;
    gpointer user_data;
    GDestroyNotify destroy;
} Subscription;

struct TnEventHub {
    GMutex lock; /* held while subscribers are called: they must not block */
    GPtrArray *subscriptions;
    guint last_number;
};

static void
subscription_free(gpointer data)
{
    Subscription *sub = data;

    if (sub->destroy) {
        sub->destroy(sub->user_data);
    }
    g_free(sub);
}

TnEventHub *
tn_event_hub_new(void)
{
    TnEventHub *hub = g_new0(TnEventHub, 1);

    g_mutex_init(&hub->lock);
    hub->subscriptions = g_ptr_array_new_with_free_func(subscription_free);
    return hub;
}

void
tn_event_hub_free(TnEventHub *hub)
{
    if (hub) {
        g_ptr_array_unref(hub->subscriptions);
        g_mutex_clear(&hub->lock);
        g_free(hub);
    }
}

guint
tn_event_hub_subscribe(TnEventHub *hub, int kind, const guint8 *uuid, TnDomainEventFunc func,
                       gpointer user_data, GDestroyNotify destroy)
{
    Subscription *sub = g_new0(Subscription, 1);
    guint number;

    sub->kind = kind;
    sub->one_domain = uuid != NULL;
    if (uuid) {
        memcpy(sub->uuid, uuid, TN_UUID_LEN);
    }
    sub->func = func;
    sub->user_data = user_data;
    sub->destroy = destroy;
    g_mutex_lock(&hub->lock);
    number = sub->number = ++hub->last_number;
    g_ptr_array_add(hub->subscriptions, sub);
    g_mutex_unlock(&hub->lock);
    return number;
}

gboolean
tn_event_hub_unsubscribe(TnEventHub *hub, guint subscription)
{
    Subscription *found = NULL;

    g_mutex_lock(&hub->lock);
    for (guint i = 0; i < hub->subscriptions->len; i++) {
        Subscription *sub = g_ptr_array_index(hub->subscriptions, i);

        if (sub->number == subscription) {
            found = g_ptr_array_steal_index(hub->subscriptions, i);
            break;
        }
    }
    g_mutex_unlock(&hub->lock);
    if (!found) {
        return FALSE;
    }
    subscription_free(found);
    return TRUE;
}

void
tn_event_hub_emit(TnEventHub *hub, const TnDomainEvent *event)
{
    g_mutex_lock(&hub->lock);
    for (guint i = 0; i < hub->subscriptions->len; i++) {
        const Subscription *sub = g_ptr_array_index(hub->subscriptions, i);

        if (sub->kind == event->kind &&
            (!sub->one_domain || memcmp(sub->uuid, event->uuid, TN_UUID_LEN) == 0)) {
            sub->func(event, sub->number, sub->user_data);
        }
    }
    g_mutex_unlock(&hub->lock);
}

void
tn_event_hub_emit_for_locked(TnEventHub *hub, TnDomain *domain, TnDomainEvent *event)
{
    event->name = domain->name;
    event->uuid = domain->uuid;
    event->id = domain->live ? domain->live->id : -1;
    tn_event_hub_emit(hub, event);
}

void
tn_event_hub_emit_lifecycle_locked(TnEventHub *hub, TnDomain *domain, int event, int detail)
{
    TnDomainEvent e = { .kind = VIR_DOMAIN_EVENT_ID_LIFECYCLE, .event = event, .detail = detail };

    tn_event_hub_emit_for_locked(hub, domain, &e);
}

void
tn_event_hub_emit_device_locked(TnEventHub *hub, TnDomain *domain, int kind, const char *alias)
{
    TnDomainEvent e = { .kind = kind, .text = alias };

    tn_event_hub_emit_for_locked(hub, domain, &e);
}
