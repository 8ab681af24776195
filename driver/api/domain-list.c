/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists and look-ups of domains. */
#include "driver/api/api-private.h"

/* virConnectListAllDomains: within a group one of the flags given must hold; none given: all do. */
typedef struct FilterGroup {
    unsigned yes, no;
    gboolean (*holds)(const TnDomain *domain);
} FilterGroup;

static gboolean
is_active(const TnDomain *domain)
{
    return domain->live != NULL;
}

static gboolean
is_persistent(const TnDomain *domain)
{
    return domain->persistent != NULL;
}

static gboolean
has_autostart(const TnDomain *domain)
{
    return domain->autostart;
}

/* Managed saves, snapshots and checkpoints do not exist yet. */
static gboolean
never(const TnDomain *domain)
{
    return FALSE;
}

static const FilterGroup filter_groups[] = {
    { VIR_CONNECT_LIST_DOMAINS_ACTIVE, VIR_CONNECT_LIST_DOMAINS_INACTIVE, is_active },
    { VIR_CONNECT_LIST_DOMAINS_PERSISTENT, VIR_CONNECT_LIST_DOMAINS_TRANSIENT, is_persistent },
    { VIR_CONNECT_LIST_DOMAINS_AUTOSTART, VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, has_autostart },
    { VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE, never },
    { VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT, VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT, never },
    { VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT, VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT, never },
};

#define STATE_FILTERS                                                                          \
    (VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |                      \
     VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER)

static unsigned
state_filter(int state)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING:
        return VIR_CONNECT_LIST_DOMAINS_RUNNING;
    case VIR_DOMAIN_PAUSED:
        return VIR_CONNECT_LIST_DOMAINS_PAUSED;
    case VIR_DOMAIN_SHUTOFF:
        return VIR_CONNECT_LIST_DOMAINS_SHUTOFF;
    default:
        return VIR_CONNECT_LIST_DOMAINS_OTHER;
    }
}

gboolean
tn_api_matches_locked(const TnDomain *domain, unsigned flags)
{
    if (tn_domain_is_empty_locked(domain)) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(filter_groups); i++) {
        const FilterGroup *group = &filter_groups[i];
        unsigned given = flags & (group->yes | group->no);

        if (given && !(given & (group->holds(domain) ? group->yes : group->no))) {
            return FALSE;
        }
    }
    return !(flags & STATE_FILTERS) || (flags & state_filter(domain->state));
}

static unsigned
all_filters(void)
{
    unsigned all = STATE_FILTERS;

    for (gsize i = 0; i < G_N_ELEMENTS(filter_groups); i++) {
        all |= filter_groups[i].yes | filter_groups[i].no;
    }
    return all;
}

static GPtrArray *
get_all(TnRpcCall *call)
{
    return tn_domain_list_get_all(tn_driver_get_domains(tn_api_of(call)->driver));
}

static gboolean
list_all_domains(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectListAllDomainsArgs *args = data;
    TnRpcConnectListAllDomainsRet *ret = data_ret;
    g_autoptr(GPtrArray) all = NULL;

    if (!tn_api_check_flags(call, args->flags, all_filters(), error)) {
        return FALSE;
    }
    all = get_all(call);
    ret->domains.domains_val = args->need_results ? g_new0(TnRpcDomain, all->len) : NULL;
    for (guint i = 0; i < all->len; i++) {
        TnDomain *domain = g_ptr_array_index(all, i);

        g_mutex_lock(&domain->lock);
        if (tn_api_matches_locked(domain, args->flags)) {
            if (args->need_results) {
                tn_api_encode_domain_locked(domain,
                                            &ret->domains.domains_val[ret->domains.domains_len++]);
            }
            ret->ret++;
        }
        g_mutex_unlock(&domain->lock);
    }
    return TRUE;
}

static int
count(TnRpcCall *call, unsigned flags)
{
    g_autoptr(GPtrArray) all = get_all(call);
    int n = 0;

    for (guint i = 0; i < all->len; i++) {
        TnDomain *domain = g_ptr_array_index(all, i);

        g_mutex_lock(&domain->lock);
        n += tn_api_matches_locked(domain, flags);
        g_mutex_unlock(&domain->lock);
    }
    return n;
}

static gboolean
num_of_domains(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectNumOfDomainsRet *ret = data_ret;

    ret->num = count(call, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    return TRUE;
}

static gboolean
num_of_defined_domains(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectNumOfDefinedDomainsRet *ret = data_ret;

    ret->num = count(call, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
    return TRUE;
}

static gboolean
check_max(int max, GError **error)
{
    if (max >= 0 && max <= TN_DOMAIN_LIST_MAX) {
        return TRUE;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                "a list of %d domains was asked for; the limit is %d", max, TN_DOMAIN_LIST_MAX);
    return FALSE;
}

static gboolean
list_domains(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectListDomainsArgs *args = data;
    TnRpcConnectListDomainsRet *ret = data_ret;
    g_autoptr(GPtrArray) all = NULL;

    if (!check_max(args->maxids, error)) {
        return FALSE;
    }
    all = get_all(call);
    ret->ids.ids_val = g_new0(int, MIN(all->len, (guint)args->maxids) + 1);
    for (guint i = 0; i < all->len && ret->ids.ids_len < (guint)args->maxids; i++) {
        TnDomain *domain = g_ptr_array_index(all, i);

        g_mutex_lock(&domain->lock);
        if (domain->live) {
            ret->ids.ids_val[ret->ids.ids_len++] = domain->live->id;
        }
        g_mutex_unlock(&domain->lock);
    }
    return TRUE;
}

static gboolean
list_defined_domains(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectListDefinedDomainsArgs *args = data;
    TnRpcConnectListDefinedDomainsRet *ret = data_ret;
    g_autoptr(GPtrArray) all = NULL;

    if (!check_max(args->maxnames, error)) {
        return FALSE;
    }
    all = get_all(call);
    ret->names.names_val = g_new0(TnRpcString, MIN(all->len, (guint)args->maxnames) + 1);
    for (guint i = 0; i < all->len && ret->names.names_len < (guint)args->maxnames; i++) {
        TnDomain *domain = g_ptr_array_index(all, i);

        g_mutex_lock(&domain->lock);
        if (tn_api_matches_locked(domain, VIR_CONNECT_LIST_DOMAINS_INACTIVE)) {
            ret->names.names_val[ret->names.names_len++] = g_strdup(domain->name);
        }
        g_mutex_unlock(&domain->lock);
    }
    return TRUE;
}

static gboolean
lookup_by_id(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainLookupByIdArgs *args = data;
    TnRpcDomainLookupByIdRet *ret = data_ret;
    g_autoptr(TnDomain) domain = tn_domain_list_find_id(
        tn_driver_get_domains(tn_api_of(call)->driver), args->id, error);

    if (!domain) {
        return FALSE;
    }
    tn_api_encode_domain(domain, &ret->dom);
    return TRUE;
}

static gboolean
lookup_by_name(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainLookupByNameArgs *args = data;
    TnRpcDomainLookupByNameRet *ret = data_ret;
    g_autoptr(TnDomain) domain = tn_domain_list_find_name(
        tn_driver_get_domains(tn_api_of(call)->driver), args->name, error);

    if (!domain) {
        return FALSE;
    }
    tn_api_encode_domain(domain, &ret->dom);
    return TRUE;
}

static gboolean
lookup_by_uuid(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainLookupByUuidArgs *args = data;
    TnRpcDomainLookupByUuidRet *ret = data_ret;
    g_autoptr(TnDomain) domain =
        tn_domain_list_find_uuid(tn_driver_get_domains(tn_api_of(call)->driver),
                                 (const guint8 *)args->uuid, NULL, error);

    if (!domain) {
        return FALSE;
    }
    tn_api_encode_domain(domain, &ret->dom);
    return TRUE;
}

const TnRpcHandlerRow tn_api_domain_list_rows[] = {
    { TN_RPC_PROC_CONNECT_LIST_ALL_DOMAINS, list_all_domains },
    { TN_RPC_PROC_CONNECT_NUM_OF_DOMAINS, num_of_domains },
    { TN_RPC_PROC_CONNECT_NUM_OF_DEFINED_DOMAINS, num_of_defined_domains },
    { TN_RPC_PROC_CONNECT_LIST_DOMAINS, list_domains },
    { TN_RPC_PROC_CONNECT_LIST_DEFINED_DOMAINS, list_defined_domains },
    { TN_RPC_PROC_DOMAIN_LOOKUP_BY_ID, lookup_by_id },
    { TN_RPC_PROC_DOMAIN_LOOKUP_BY_NAME, lookup_by_name },
    { TN_RPC_PROC_DOMAIN_LOOKUP_BY_UUID, lookup_by_uuid },
};
const gsize tn_api_n_domain_list_rows = G_N_ELEMENTS(tn_api_domain_list_rows);
