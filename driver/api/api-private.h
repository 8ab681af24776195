/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the handlers share: the connection of a call, its domain, its flags. */
#ifndef TN_DRIVER_API_API_PRIVATE_H
#define TN_DRIVER_API_API_PRIVATE_H

#include "driver/api/api.h"
#include "driver/core/domain.h"
#include "driver/core/host.h"
#include "driver/rpc/proc-table.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/domain-resource.h"
#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/protocol/event.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/protocol/qemu.h"

G_BEGIN_DECLS

struct TnApi {
    TnDriver *driver; /* borrowed */
    TnHost *host;
};

/* Kinds of events that a client may ask for: below this, whatever libvirt adds some day. */
#define TN_API_MAX_EVENT_ID 64

/* Event subscriptions that one connection may have. */
#define TN_API_MAX_SUBSCRIPTIONS 1024

/* One opened connection. */
typedef struct TnApiConnection {
    /* constant */
    TnApi *api;
    char *uri;
    gboolean qemu; /* opened by a qemu: name */

    GMutex lock;
    GHashTable *subscriptions; /* number -> kind; each of the driver's event hub */
    guint legacy[TN_API_MAX_EVENT_ID]; /* subscription of calls 105 and 167; 0: none */
} TnApiConnection;

/* The connection of @call, or NULL with INTERNAL_ERROR: it was not opened. */
TnApiConnection *tn_api_connection(TnRpcCall *call, GError **error);

TnApi *tn_api_of(TnRpcCall *call);

/* The domain that @dom names, NULL with NO_DOMAIN. (transfer full) */
TnDomain *tn_api_find_domain(TnRpcCall *call, const TnRpcDomain *dom, GError **error);

/* The same, locked, with a definition: for reads. Ends with the scope of its g_autoptr. */
typedef TnDomain TnLockedDomain;
TnLockedDomain *tn_api_lock_domain(TnRpcCall *call, const TnRpcDomain *dom, GError **error);
void tn_api_unlock_domain(TnLockedDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnLockedDomain, tn_api_unlock_domain)

/* INVALID_ARG "unsupported flags (0x..) in function ...". */
gboolean tn_api_check_flags(TnRpcCall *call, unsigned flags, unsigned supported, GError **error);

/* NO_SUPPORT-like refusals of what Tenon does not have: always FALSE. */
gboolean tn_api_unsupported(GError **error, const char *what);

/* ARGUMENT_UNSUPPORTED: the guest has no agent that could be asked. Always FALSE. */
gboolean tn_api_fail_agent(GError **error);

/* The name and identity of @domain. Allocates. */
void tn_api_encode_domain_locked(const TnDomain *domain, TnRpcDomain *ret_dom);
void tn_api_encode_domain(TnDomain *domain, TnRpcDomain *ret_dom);

/* Whether @domain is there and @flags (VIR_CONNECT_LIST_DOMAINS_*) ask for it. */
gboolean tn_api_matches_locked(const TnDomain *domain, unsigned flags);

/* The rows of each file of handlers; ended by how many. */
extern const TnRpcHandlerRow tn_api_connect_rows[];
extern const gsize tn_api_n_connect_rows;
extern const TnRpcHandlerRow tn_api_domain_list_rows[];
extern const gsize tn_api_n_domain_list_rows;
extern const TnRpcHandlerRow tn_api_domain_life_rows[];
extern const gsize tn_api_n_domain_life_rows;
extern const TnRpcHandlerRow tn_api_domain_absent_rows[];
extern const gsize tn_api_n_domain_absent_rows;
extern const TnRpcHandlerRow tn_api_domain_config_rows[];
extern const gsize tn_api_n_domain_config_rows;
extern const TnRpcHandlerRow tn_api_domain_device_rows[];
extern const gsize tn_api_n_domain_device_rows;
extern const TnRpcHandlerRow tn_api_domain_stats_rows[];
extern const gsize tn_api_n_domain_stats_rows;
extern const TnRpcHandlerRow tn_api_domain_tune_rows[];
extern const gsize tn_api_n_domain_tune_rows;
extern const TnRpcHandlerRow tn_api_domain_vcpu_rows[];
extern const gsize tn_api_n_domain_vcpu_rows;
extern const TnRpcHandlerRow tn_api_domain_event_rows[];
extern const gsize tn_api_n_domain_event_rows;
extern const TnRpcHandlerRow tn_api_domain_console_rows[];
extern const gsize tn_api_n_domain_console_rows;
extern const TnRpcHandlerRow tn_api_node_rows[];
extern const gsize tn_api_n_node_rows;
extern const TnRpcHandlerRow tn_api_node_device_rows[];
extern const gsize tn_api_n_node_device_rows;
extern const TnRpcHandlerRow tn_api_qemu_rows[];
extern const gsize tn_api_n_qemu_rows;

/* What to subscribe to; see tn_event_hub_subscribe(). @destroy is called on failure as well. */
typedef struct TnApiSubscription {
    int kind;
    const guint8 *uuid;
    TnDomainEventFunc func;
    gpointer user_data;
    GDestroyNotify destroy;
} TnApiSubscription;

/* Its number, which the connection now holds, or 0 with OPERATION_FAILED. */
guint tn_api_subscribe(TnRpcCall *call, const TnApiSubscription *subscription, GError **error);

/* @monitor: of the monitor's events, or of domain events. INVALID_ARG: no such number. */
gboolean tn_api_unsubscribe(TnRpcCall *call, guint number, gboolean monitor, GError **error);

/* Drops every subscription of @connection. */
void tn_api_drop_subscriptions(TnApiConnection *connection);

G_END_DECLS

#endif
