/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering the handlers, and what they share. */
#include "driver/api/api.h"

#include <string.h>

#include "driver/api/api-private.h"

TnApi *
tn_api_new(TnDriver *driver)
{
    TnApi *api = g_new0(TnApi, 1);

    api->driver = driver;
    api->host = tn_host_new(tn_driver_get_config(driver)->vmm_path);
    return api;
}

void
tn_api_free(TnApi *api)
{
    if (api) {
        tn_host_free(api->host);
        g_free(api);
    }
}

void
tn_api_register(TnApi *api, TnRpcProgram *remote, TnRpcProgram *qemu)
{
    const struct {
        const TnRpcHandlerRow *rows;
        gsize n_rows;
    } files[] = {
        { tn_api_connect_rows, tn_api_n_connect_rows },
        { tn_api_domain_list_rows, tn_api_n_domain_list_rows },
        { tn_api_domain_life_rows, tn_api_n_domain_life_rows },
        { tn_api_domain_config_rows, tn_api_n_domain_config_rows },
        { tn_api_domain_device_rows, tn_api_n_domain_device_rows },
        { tn_api_domain_stats_rows, tn_api_n_domain_stats_rows },
        { tn_api_domain_absent_rows, tn_api_n_domain_absent_rows },
        { tn_api_domain_tune_rows, tn_api_n_domain_tune_rows },
        { tn_api_domain_vcpu_rows, tn_api_n_domain_vcpu_rows },
        { tn_api_domain_event_rows, tn_api_n_domain_event_rows },
        { tn_api_domain_console_rows, tn_api_n_domain_console_rows },
        { tn_api_node_rows, tn_api_n_node_rows },
        { tn_api_node_device_rows, tn_api_n_node_device_rows },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        tn_rpc_program_add_handlers(remote, files[i].rows, files[i].n_rows, api);
    }
    tn_rpc_program_add_handlers(qemu, tn_api_qemu_rows, tn_api_n_qemu_rows, api);
}

TnApi *
tn_api_of(TnRpcCall *call)
{
    return tn_rpc_call_get_user_data(call);
}

TnApiConnection *
tn_api_connection(TnRpcCall *call, GError **error)
{
    TnApiConnection *connection = tn_rpc_client_get_data(tn_rpc_call_get_client(call));

    if (!connection) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "connection not open");
    }
    return connection;
}

TnDomain *
tn_api_find_domain(TnRpcCall *call, const TnRpcDomain *dom, GError **error)
{
    return tn_domain_list_find_uuid(tn_driver_get_domains(tn_api_of(call)->driver),
                                    (const guint8 *)dom->uuid, dom->name, error);
}

TnLockedDomain *
tn_api_lock_domain(TnRpcCall *call, const TnRpcDomain *dom, GError **error)
{
    TnDomain *domain = tn_api_find_domain(call, dom, error);

    if (!domain) {
        return NULL;
    }
    g_mutex_lock(&domain->lock);
    if (tn_domain_is_empty_locked(domain)) {
        tn_domain_set_gone_error(error, domain->uuid_text, domain->name);
        tn_api_unlock_domain(domain);
        return NULL;
    }
    return domain;
}

void
tn_api_unlock_domain(TnLockedDomain *domain)
{
    if (domain) {
        g_mutex_unlock(&domain->lock);
        tn_domain_unref(domain);
    }
}

gboolean
tn_api_check_flags(TnRpcCall *call, unsigned flags, unsigned supported, GError **error)
{
    const TnRpcProc *proc;
    g_autofree char *name = NULL;

    if ((flags & ~supported) == 0) {
        return TRUE;
    }
    proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, tn_rpc_call_get_procedure(call));
    name = proc ? tn_rpc_proc_api_name(proc) : g_strdup("call");
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unsupported flags (0x%x) in function %s",
                flags & ~supported, name);
    return FALSE;
}

gboolean
tn_api_unsupported(GError **error, const char *what)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_UNSUPPORTED, "%s", what);
    return FALSE;
}

gboolean
tn_api_fail_agent(GError **error)
{
    g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_ARGUMENT_UNSUPPORTED,
                        "QEMU guest agent is not configured");
    return FALSE;
}

void
tn_api_encode_domain_locked(const TnDomain *domain, TnRpcDomain *ret_dom)
{
    ret_dom->name = g_strdup(domain->name);
    memcpy(ret_dom->uuid, domain->uuid, TN_UUID_LEN);
    ret_dom->id = domain->live ? domain->live->id : -1;
}

void
tn_api_encode_domain(TnDomain *domain, TnRpcDomain *ret_dom)
{
    g_mutex_lock(&domain->lock);
    tn_api_encode_domain_locked(domain, ret_dom);
    g_mutex_unlock(&domain->lock);
}
