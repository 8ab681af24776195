/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attaching and detaching devices. */
#include "driver/api/api-private.h"
#include "driver/core/hotplug.h"

#define AFFECT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static gboolean
domain_attach_device(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainAttachDeviceArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    /* The old call means the running guest, whatever else is there. */
    return domain && tn_hotplug_attach(domain, args->xml, VIR_DOMAIN_AFFECT_LIVE, error);
}

static gboolean
domain_attach_device_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainAttachDeviceFlagsArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_hotplug_attach(domain, args->xml, args->flags, error);
}

static gboolean
domain_detach_device(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainDetachDeviceArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_hotplug_detach(domain, args->xml, VIR_DOMAIN_AFFECT_LIVE, error);
}

static gboolean
domain_detach_device_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainDetachDeviceFlagsArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_hotplug_detach(domain, args->xml, args->flags, error);
}

static gboolean
domain_detach_device_alias(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainDetachDeviceAliasArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_hotplug_detach_alias(domain, args->alias, args->flags, error);
}

const TnRpcHandlerRow tn_api_domain_device_rows[] = {
    { TN_RPC_PROC_DOMAIN_ATTACH_DEVICE, domain_attach_device },
    { TN_RPC_PROC_DOMAIN_ATTACH_DEVICE_FLAGS, domain_attach_device_flags },
    { TN_RPC_PROC_DOMAIN_DETACH_DEVICE, domain_detach_device },
    { TN_RPC_PROC_DOMAIN_DETACH_DEVICE_FLAGS, domain_detach_device_flags },
    { TN_RPC_PROC_DOMAIN_DETACH_DEVICE_ALIAS, domain_detach_device_alias },
};
const gsize tn_api_n_domain_device_rows = G_N_ELEMENTS(tn_api_domain_device_rows);
