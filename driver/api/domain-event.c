/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subscriptions of clients to events, and events on their way to them. */
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/rpc/typed-params.h"

/* One subscription, as the driver's event hub holds it. */
typedef struct Subscriber {
    TnRpcClient *client;
    gboolean legacy; /* calls 105 and 167: messages without a callback's number */
} Subscriber;

static void
subscriber_free(gpointer data)
{
    Subscriber *subscriber = data;

    tn_rpc_client_unref(subscriber->client);
    g_free(subscriber);
}

static void
send_to(const Subscriber *subscriber, gint32 procedure, const void *message)
{
    tn_rpc_client_send_event(subscriber->client, TN_RPC_PROGRAM_REMOTE, procedure, message);
}

static void
send_lifecycle(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
               const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackLifecycleMsg message = {
        .callback_id = number,
        .msg = { .dom = *dom, .event = event->event, .detail = event->detail },
    };

    if (subscriber->legacy) {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_LIFECYCLE, &message.msg);
    } else {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &message);
    }
}

static void
send_reboot(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
            const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackRebootMsg message = { .callback_id = number, .msg = { .dom = *dom } };

    if (subscriber->legacy) {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_REBOOT, &message.msg);
    } else {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_REBOOT, &message);
    }
}

static void
send_device_removed(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                    const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackDeviceRemovedMsg message = {
        .callback_id = number,
        .msg = { .dom = *dom, .dev_alias = (char *)event->text },
    };

    if (subscriber->legacy) {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_DEVICE_REMOVED, &message.msg);
    } else {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED, &message);
    }
}

static void
send_device_added(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                  const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackDeviceAddedMsg message = {
        .callback_id = number, .dom = *dom, .dev_alias = (char *)event->text
    };

    send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED, &message);
}

static void
send_removal_failed(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                    const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackDeviceRemovalFailedMsg message = {
        .callback_id = number, .dom = *dom, .dev_alias = (char *)event->text
    };

    send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED, &message);
}

static void
send_metadata_change(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                     const TnDomainEvent *event)
{
    char *uri = (char *)event->text;
    TnRpcDomainEventCallbackMetadataChangeMsg message = {
        .callback_id = number, .dom = *dom, .type = event->detail, .nsuri = uri ? &uri : NULL
    };

    send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_METADATA_CHANGE, &message);
}

static void
send_tunable(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
             const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackTunableMsg message = { .callback_id = number, .dom = *dom };
    g_auto(TnRpcParams) params = { 0 };

    tn_rpc_params_add_string(&params, event->data, "%s", event->text);
    message.params.params_val = params.params;
    message.params.params_len = params.n_params;
    send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_TUNABLE, &message);
}

static void
send_pm_suspend(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackPmsuspendMsg message = {
        .callback_id = number, .msg = { .dom = *dom }
    };

    if (subscriber->legacy) {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_PMSUSPEND, &message.msg);
    } else {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND, &message);
    }
}

static void
send_pm_wakeup(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
               const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackPmwakeupMsg message = {
        .callback_id = number, .msg = { .dom = *dom }
    };

    if (subscriber->legacy) {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_PMWAKEUP, &message.msg);
    } else {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_PMWAKEUP, &message);
    }
}

static void
send_pm_suspend_disk(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                     const TnDomainEvent *event)
{
    TnRpcDomainEventCallbackPmsuspendDiskMsg message = {
        .callback_id = number, .msg = { .dom = *dom }
    };

    if (subscriber->legacy) {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_PMSUSPEND_DISK, &message.msg);
    } else {
        send_to(subscriber, TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK, &message);
    }
}

typedef struct EventRow {
    int kind;
    void (*send)(const Subscriber *subscriber, int number, const TnRpcDomain *dom,
                 const TnDomainEvent *event);
} EventRow;

/* The events that there are; all other kinds can be subscribed to and never come. */
static const EventRow event_rows[] = {
    { VIR_DOMAIN_EVENT_ID_LIFECYCLE, send_lifecycle },
    { VIR_DOMAIN_EVENT_ID_REBOOT, send_reboot },
    { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, send_device_removed },
    { VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, send_device_added },
    { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, send_removal_failed },
    { VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, send_metadata_change },
    { VIR_DOMAIN_EVENT_ID_TUNABLE, send_tunable },
    { VIR_DOMAIN_EVENT_ID_PMSUSPEND, send_pm_suspend },
    { VIR_DOMAIN_EVENT_ID_PMWAKEUP, send_pm_wakeup },
    { VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK, send_pm_suspend_disk },
};

static void
on_event(const TnDomainEvent *event, guint number, gpointer user_data)
{
    TnRpcDomain dom = { .name = (char *)event->name, .id = event->id };

    memcpy(dom.uuid, event->uuid, TN_UUID_LEN);
    for (gsize i = 0; i < G_N_ELEMENTS(event_rows); i++) {
        if (event_rows[i].kind == event->kind) {
            event_rows[i].send(user_data, (int)number, &dom, event);
        }
    }
}

guint
tn_api_subscribe(TnRpcCall *call, const TnApiSubscription *subscription, GError **error)
{
    TnApiConnection *connection = tn_api_connection(call, error);
    TnEventHub *hub;
    guint number = 0;

    if (!connection) {
        subscription->destroy(subscription->user_data);
        return 0;
    }
    hub = tn_driver_get_events(connection->api->driver);
    g_mutex_lock(&connection->lock);
    if (g_hash_table_size(connection->subscriptions) < TN_API_MAX_SUBSCRIPTIONS) {
        number = tn_event_hub_subscribe(hub, subscription->kind, subscription->uuid,
                                        subscription->func, subscription->user_data,
                                        subscription->destroy);
        g_hash_table_insert(connection->subscriptions, GUINT_TO_POINTER(number),
                            GINT_TO_POINTER(subscription->kind));
    }
    g_mutex_unlock(&connection->lock);
    if (!number) {
        subscription->destroy(subscription->user_data);
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "the connection has %d event callbacks already, which is the limit",
                    TN_API_MAX_SUBSCRIPTIONS);
    }
    return number;
}

gboolean
tn_api_unsubscribe(TnRpcCall *call, guint number, gboolean monitor, GError **error)
{
    TnApiConnection *connection = tn_api_connection(call, error);
    gpointer kind = NULL;
    gboolean found;

    if (!connection) {
        return FALSE;
    }
    g_mutex_lock(&connection->lock);
    found = g_hash_table_lookup_extended(connection->subscriptions, GUINT_TO_POINTER(number), NULL,
                                         &kind) &&
            (GPOINTER_TO_INT(kind) == TN_EVENT_MONITOR) == monitor;
    if (found) {
        g_hash_table_remove(connection->subscriptions, GUINT_TO_POINTER(number));
    }
    g_mutex_unlock(&connection->lock);
    if (!found) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "could not find event callback %u for deletion", number);
        return FALSE;
    }
    (void)tn_event_hub_unsubscribe(tn_driver_get_events(connection->api->driver), number);
    return TRUE;
}

void
tn_api_drop_subscriptions(TnApiConnection *connection)
{
    TnEventHub *hub = tn_driver_get_events(connection->api->driver);
    GHashTableIter iter;
    gpointer number;

    g_mutex_lock(&connection->lock);
    g_hash_table_iter_init(&iter, connection->subscriptions);
    while (g_hash_table_iter_next(&iter, &number, NULL)) {
        (void)tn_event_hub_unsubscribe(hub, GPOINTER_TO_UINT(number));
    }
    g_hash_table_remove_all(connection->subscriptions);
    memset(connection->legacy, 0, sizeof(connection->legacy));
    g_mutex_unlock(&connection->lock);
}

static gboolean
check_kind(int kind, GError **error)
{
    /* Newer clients know more kinds than we do; those never come. */
    if (kind >= 0 && kind < TN_API_MAX_EVENT_ID) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unsupported event ID %d", kind);
    return FALSE;
}

static guint
subscribe(TnRpcCall *call, int kind, const TnRpcDomain *dom, gboolean legacy, GError **error)
{
    Subscriber *subscriber = g_new0(Subscriber, 1);
    TnApiSubscription subscription = {
        .kind = kind,
        .uuid = dom ? (const guint8 *)dom->uuid : NULL,
        .func = on_event,
        .user_data = subscriber,
        .destroy = subscriber_free,
    };

    subscriber->client = tn_rpc_client_ref(tn_rpc_call_get_client(call));
    subscriber->legacy = legacy;
    return tn_api_subscribe(call, &subscription, error);
}

static gboolean
callback_register_any(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectDomainEventCallbackRegisterAnyArgs *args = data;
    TnRpcConnectDomainEventCallbackRegisterAnyRet *ret = data_ret;

    if (!check_kind(args->event_id, error)) {
        return FALSE;
    }
    if (args->dom) {
        g_autoptr(TnDomain) domain = tn_api_find_domain(call, args->dom, error);

        if (!domain) {
            return FALSE;
        }
    }
    ret->callback_id = (int)subscribe(call, args->event_id, args->dom, FALSE, error);
    return ret->callback_id != 0;
}

static gboolean
callback_deregister_any(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcConnectDomainEventCallbackDeregisterAnyArgs *args = data;

    return tn_api_unsubscribe(call, (guint)args->callback_id, FALSE, error);
}

/* Clients that do not know callback numbers: at most one subscription of each kind. */
static gboolean
legacy_register(TnRpcCall *call, int kind, GError **error)
{
    TnApiConnection *connection = tn_api_connection(call, error);
    guint number;
    gboolean taken;

    if (!connection) {
        return FALSE;
    }
    if (kind < 0 || kind >= (int)G_N_ELEMENTS(connection->legacy)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unsupported event ID %d", kind);
        return FALSE;
    }
    number = subscribe(call, kind, NULL, TRUE, error);
    if (!number) {
        return FALSE;
    }
    g_mutex_lock(&connection->lock);
    taken = connection->legacy[kind] != 0;
    if (!taken) {
        connection->legacy[kind] = number;
    }
    g_mutex_unlock(&connection->lock);
    if (taken) {
        (void)tn_api_unsubscribe(call, number, FALSE, NULL);
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "domain event %d already registered", kind);
    }
    return !taken;
}

static gboolean
legacy_deregister(TnRpcCall *call, int kind, GError **error)
{
    TnApiConnection *connection = tn_api_connection(call, error);
    guint number = 0;

    if (!connection) {
        return FALSE;
    }
    if (kind >= 0 && kind < (int)G_N_ELEMENTS(connection->legacy)) {
        g_mutex_lock(&connection->lock);
        number = connection->legacy[kind];
        connection->legacy[kind] = 0;
        g_mutex_unlock(&connection->lock);
    }
    if (!number) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "domain event %d not registered",
                    kind);
        return FALSE;
    }
    return tn_api_unsubscribe(call, number, FALSE, error);
}

static gboolean
event_register(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectDomainEventRegisterRet *ret = data_ret;

    ret->cb_registered = legacy_register(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE, error);
    return ret->cb_registered;
}

static gboolean
event_deregister(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return legacy_deregister(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE, error);
}

static gboolean
event_register_any(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcConnectDomainEventRegisterAnyArgs *args = data;

    return legacy_register(call, args->event_id, error);
}

static gboolean
event_deregister_any(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcConnectDomainEventDeregisterAnyArgs *args = data;

    return legacy_deregister(call, args->event_id, error);
}

const TnRpcHandlerRow tn_api_domain_event_rows[] = {
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, callback_register_any },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, callback_deregister_any },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_REGISTER, event_register },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER, event_deregister },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY, event_register_any },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, event_deregister_any },
};
const gsize tn_api_n_domain_event_rows = G_N_ELEMENTS(tn_api_domain_event_rows);
