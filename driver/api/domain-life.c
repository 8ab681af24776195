/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting, stopping, suspending domains; what state they are in. */
#include "driver/api/api-private.h"
#include "driver/core/lifecycle.h"

#define START_FLAGS                                                                          \
    (VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_BYPASS_CACHE | \
     VIR_DOMAIN_START_FORCE_BOOT | VIR_DOMAIN_START_VALIDATE)

/* Flags of a start that mean something else than "start": refused, not ignored. */
static gboolean
check_start_flags(TnRpcCall *call, unsigned flags, GError **error)
{
    if (!tn_api_check_flags(call, flags, START_FLAGS, error)) {
        return FALSE;
    }
    if (flags & VIR_DOMAIN_START_AUTODESTROY) {
        return tn_api_unsupported(error, "domains cannot end with the connection");
    }
    return TRUE;
}

static gboolean
domain_create(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainCreateArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_create(domain, 0, error);
}

static gboolean
domain_create_with_flags(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainCreateWithFlagsArgs *args = data;
    TnRpcDomainCreateWithFlagsRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;

    if (!check_start_flags(call, args->flags, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (!domain || !tn_lifecycle_create(domain, args->flags, error)) {
        return FALSE;
    }
    tn_api_encode_domain(domain, &ret->dom);
    return TRUE;
}

static gboolean
domain_create_xml(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainCreateXmlArgs *args = data;
    TnRpcDomainCreateXmlRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;
    const char *schema = args->flags & VIR_DOMAIN_START_VALIDATE ? tn_host_domain_schema() : NULL;

    if (!check_start_flags(call, args->flags, error)) {
        return FALSE;
    }
    domain = tn_lifecycle_create_xml(tn_api_of(call)->driver, args->xml_desc, args->flags, schema,
                                     error);
    if (!domain) {
        return FALSE;
    }
    tn_api_encode_domain(domain, &ret->dom);
    return TRUE;
}

static gboolean
domain_destroy(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainDestroyArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_destroy(domain, 0, error);
}

static gboolean
domain_destroy_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainDestroyFlagsArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags,
                            VIR_DOMAIN_DESTROY_GRACEFUL | VIR_DOMAIN_DESTROY_REMOVE_LOGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_lifecycle_destroy(domain, args->flags, error);
}

static gboolean
domain_suspend(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSuspendArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_suspend(domain, error);
}

static gboolean
domain_resume(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainResumeArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_resume(domain, error);
}

static gboolean
domain_shutdown(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainShutdownArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_shutdown(domain, 0, error);
}

static gboolean
domain_shutdown_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainShutdownFlagsArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_shutdown(domain, args->flags, error);
}

static gboolean
domain_reboot(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainRebootArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_reboot(domain, args->flags, error);
}

static gboolean
domain_reset(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainResetArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_lifecycle_reset(domain, error);
}

static gboolean
domain_pm_wakeup(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainPmWakeupArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_lifecycle_pm_wakeup(domain, error);
}

static gboolean
domain_get_state(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetStateArgs *args = data;
    TnRpcDomainGetStateRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    if (!domain) {
        return FALSE;
    }
    ret->state = domain->state;
    ret->reason = domain->reason;
    return TRUE;
}

static gboolean
domain_get_control_info(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetControlInfoArgs *args = data;
    TnRpcDomainGetControlInfoRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    if (!domain || !tn_domain_check_active_locked(domain, error)) {
        return FALSE;
    }
    if (!domain->process.qmp || !tn_qmp_client_is_open(domain->process.qmp)) {
        ret->state = VIR_DOMAIN_CONTROL_ERROR;
        ret->details = VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR;
    } else {
        ret->state = domain->job ? VIR_DOMAIN_CONTROL_JOB : VIR_DOMAIN_CONTROL_OK;
    }
    return TRUE;
}

static gboolean
domain_is_active(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainIsActiveArgs *args = data;
    TnRpcDomainIsActiveRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->active = domain && domain->live;
    return domain != NULL;
}

static gboolean
domain_is_persistent(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainIsPersistentArgs *args = data;
    TnRpcDomainIsPersistentRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->persistent = domain && domain->persistent;
    return domain != NULL;
}

static gboolean
domain_is_updated(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainIsUpdatedArgs *args = data;
    TnRpcDomainIsUpdatedRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->updated = domain && domain->updated;
    return domain != NULL;
}

const TnRpcHandlerRow tn_api_domain_life_rows[] = {
    { TN_RPC_PROC_DOMAIN_CREATE, domain_create },
    { TN_RPC_PROC_DOMAIN_CREATE_WITH_FLAGS, domain_create_with_flags },
    { TN_RPC_PROC_DOMAIN_CREATE_XML, domain_create_xml },
    { TN_RPC_PROC_DOMAIN_DESTROY, domain_destroy },
    { TN_RPC_PROC_DOMAIN_DESTROY_FLAGS, domain_destroy_flags },
    { TN_RPC_PROC_DOMAIN_SUSPEND, domain_suspend },
    { TN_RPC_PROC_DOMAIN_RESUME, domain_resume },
    { TN_RPC_PROC_DOMAIN_SHUTDOWN, domain_shutdown },
    { TN_RPC_PROC_DOMAIN_SHUTDOWN_FLAGS, domain_shutdown_flags },
    { TN_RPC_PROC_DOMAIN_REBOOT, domain_reboot },
    { TN_RPC_PROC_DOMAIN_RESET, domain_reset },
    { TN_RPC_PROC_DOMAIN_PM_WAKEUP, domain_pm_wakeup },
    { TN_RPC_PROC_DOMAIN_GET_STATE, domain_get_state },
    { TN_RPC_PROC_DOMAIN_GET_CONTROL_INFO, domain_get_control_info },
    { TN_RPC_PROC_DOMAIN_IS_ACTIVE, domain_is_active },
    { TN_RPC_PROC_DOMAIN_IS_PERSISTENT, domain_is_persistent },
    { TN_RPC_PROC_DOMAIN_IS_UPDATED, domain_is_updated },
};
const gsize tn_api_n_domain_life_rows = G_N_ELEMENTS(tn_api_domain_life_rows);
