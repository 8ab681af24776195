/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest has none of: disks, network interfaces, a balloon, I/O threads, an agent, a saved
 * image. Lists of them are empty, and those that a client names are not known, in the words of
 * libvirt's QEMU driver about a guest without them.
 */
#include "driver/api/api-private.h"

#define AFFECT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* Whether the domain that @dom names runs. */
static gboolean
check_runs(TnRpcCall *call, const TnRpcDomain *dom, GError **error)
{
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, dom, error);

    return domain && tn_domain_check_active_locked(domain, error);
}

/* Whether @flags can mean one of its definitions. */
static gboolean
check_affected(TnRpcCall *call, const TnRpcDomain *dom, unsigned flags, GError **error)
{
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, dom, error);
    gboolean live, config;

    return domain &&
           tn_domain_affected_locked(domain, flags & AFFECT_FLAGS, &live, &config, error);
}

/* INVALID_ARG: @what, @name, @more as one sentence. */
static gboolean
fail_name(GError **error, const char *what, const char *name, const char *more)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "%s%s%s", what, name, more);
    return FALSE;
}

/* --- disks ------------------------------------------------------------------------------------ */

/* An empty path means all disks together. */
static gboolean
check_all_disks(TnRpcCall *call, const TnRpcDomain *dom, const char *path, GError **error)
{
    return check_runs(call, dom, error) &&
           (*path == '\0' || fail_name(error, "invalid path: ", path, ""));
}

static gboolean
domain_block_stats(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainBlockStatsArgs *args = data;

    return check_all_disks(call, &args->dom, args->path, error);
}

static gboolean
domain_block_stats_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainBlockStatsFlagsArgs *args = data;

    return tn_api_check_flags(call, args->flags, VIR_TYPED_PARAM_STRING_OKAY, error) &&
           check_all_disks(call, &args->dom, args->path, error);
}

static gboolean
domain_get_block_info(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainGetBlockInfoArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && fail_name(error, "invalid path ", args->path, " not assigned to domain");
}

static gboolean
domain_get_disk_errors(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainGetDiskErrorsArgs *args = data;

    return tn_api_check_flags(call, args->flags, 0, error) && check_runs(call, &args->dom, error);
}

/* --- network interfaces ----------------------------------------------------------------------- */

static gboolean
domain_interface_stats(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainInterfaceStatsArgs *args = data;

    return check_runs(call, &args->dom, error) &&
           fail_name(error, "'", args->device, "' is not a known interface");
}

static gboolean
domain_get_interface_parameters(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainGetInterfaceParametersArgs *args = data;

    return tn_api_check_flags(call, args->flags, AFFECT_FLAGS | VIR_TYPED_PARAM_STRING_OKAY,
                              error) &&
           check_affected(call, &args->dom, args->flags, error) &&
           fail_name(error, "'", args->device, "' is not a known interface");
}

static gboolean
domain_interface_addresses(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainInterfaceAddressesArgs *args = data;

    if (!tn_api_check_flags(call, args->flags, 0, error) ||
        !check_runs(call, &args->dom, error)) {
        return FALSE;
    }
    if (args->source == VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT) {
        return tn_api_fail_agent(error);
    }
    if (args->source > VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_ARGUMENT_UNSUPPORTED,
                    "Unknown IP address data source %u", args->source);
        return FALSE;
    }
    return TRUE;
}

/* --- balloon, I/O threads, saved images ------------------------------------------------------- */

static gboolean
domain_set_memory_stats_period(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetMemoryStatsPeriodArgs *args = data;

    if (tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error) &&
        check_affected(call, &args->dom, args->flags, error)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                            "No memory balloon device configured, can not set the collection "
                            "period");
    }
    return FALSE;
}

static gboolean
domain_get_iothread_info(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainGetIothreadInfoArgs *args = data;

    return tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error) &&
           check_affected(call, &args->dom, args->flags, error);
}

static gboolean
domain_managed_save_get_xml_desc(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainManagedSaveGetXmlDescArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (domain) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                            "domain does not have managed save image");
    }
    return FALSE;
}

const TnRpcHandlerRow tn_api_domain_absent_rows[] = {
    { TN_RPC_PROC_DOMAIN_BLOCK_STATS, domain_block_stats },
    { TN_RPC_PROC_DOMAIN_BLOCK_STATS_FLAGS, domain_block_stats_flags },
    { TN_RPC_PROC_DOMAIN_GET_BLOCK_INFO, domain_get_block_info },
    { TN_RPC_PROC_DOMAIN_GET_DISK_ERRORS, domain_get_disk_errors },
    { TN_RPC_PROC_DOMAIN_INTERFACE_STATS, domain_interface_stats },
    { TN_RPC_PROC_DOMAIN_GET_INTERFACE_PARAMETERS, domain_get_interface_parameters },
    { TN_RPC_PROC_DOMAIN_INTERFACE_ADDRESSES, domain_interface_addresses },
    { TN_RPC_PROC_DOMAIN_SET_MEMORY_STATS_PERIOD, domain_set_memory_stats_period },
    { TN_RPC_PROC_DOMAIN_GET_IOTHREAD_INFO, domain_get_iothread_info },
    { TN_RPC_PROC_DOMAIN_MANAGED_SAVE_GET_XML_DESC, domain_managed_save_get_xml_desc },
};
const gsize tn_api_n_domain_absent_rows = G_N_ELEMENTS(tn_api_domain_absent_rows);
