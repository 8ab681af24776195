/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and closing connections, and what they are. */
#include <string.h>
#include <unistd.h>

#include "driver/api/api-private.h"
#include "driver/core/native.h"
#include "driver/rpc/typed-params.h"

/* What GET_VERSION answers: the QEMU whose command line and monitor are spoken. */
#define HYPERVISOR_VERSION 7002000

static void
connection_free(gpointer data)
{
    TnApiConnection *connection = data;

    tn_api_drop_subscriptions(connection);
    g_hash_table_unref(connection->subscriptions);
    g_mutex_clear(&connection->lock);
    g_free(connection->uri);
    g_free(connection);
}

/* tenon:///system, tenon:///session and the same with qemu. */
static gboolean
check_uri(const char *name, gboolean session, gboolean *ret_qemu, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(name, G_URI_FLAGS_NONE, NULL);
    const char *scheme = uri ? g_uri_get_scheme(uri) : "";
    const char *path = uri ? g_uri_get_path(uri) : "";
    const char *own = session ? "session" : "system";
    gboolean qemu = strcmp(scheme, "qemu") == 0;

    if (!qemu && strcmp(scheme, "tenon") != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_CONNECT, "%s", name);
        return FALSE;
    }
    if (!*path) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "no %s URI path given, try %s:///%s", qemu ? "QEMU" : "Tenon", scheme, own);
        return FALSE;
    }
    /* root's session is the system. */
    if (strcmp(path, "/session") != 0 && (session || strcmp(path, "/system") != 0)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "unexpected %s URI path '%s', try %s:///%s", scheme, path, scheme, own);
        return FALSE;
    }
    *ret_qemu = qemu;
    return TRUE;
}

static gboolean
connect_open(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectOpenArgs *args = data;
    TnApi *api = tn_api_of(call);
    TnRpcClient *client = tn_rpc_call_get_client(call);
    gboolean session = tn_driver_get_config(api->driver)->session;
    const char *name = tn_rpc_string_from_opt(args->name);
    TnApiConnection *connection;
    gboolean qemu = FALSE;

    if (!name || !*name) {
        name = session ? "tenon:///session" : "tenon:///system";
    }
    if (tn_rpc_client_get_data(client)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "connection already open");
        return FALSE;
    }
    /* Other flags are ignored: clients send along what they tell themselves (4: "start the
     * daemon if there is none"). */
    if (!check_uri(name, session, &qemu, error)) {
        return FALSE;
    }
    if (args->flags & VIR_CONNECT_RO) {
        tn_rpc_client_set_read_only(client);
    }
    connection = g_new0(TnApiConnection, 1);
    connection->api = api;
    connection->uri = g_strdup(name);
    connection->qemu = qemu;
    g_mutex_init(&connection->lock);
    connection->subscriptions = g_hash_table_new(NULL, NULL);
    tn_rpc_client_set_data(client, connection, connection_free);
    return TRUE;
}

static gboolean
connect_close(TnRpcCall *call, void *args, void *ret, GError **error)
{
    TnApiConnection *connection = tn_api_connection(call, error);

    if (!connection) {
        return FALSE;
    }
    /* The rest goes with the client: calls of it may still be under way. */
    tn_api_drop_subscriptions(connection);
    return TRUE;
}

static gboolean
connect_get_type(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectGetTypeRet *ret = data_ret;
    TnApiConnection *connection = tn_api_connection(call, error);

    ret->type = g_strdup(connection && connection->qemu ? "QEMU" : "Tenon");
    return connection != NULL;
}

static gboolean
connect_get_version(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectGetVersionRet *ret = data_ret;

    ret->hv_ver = HYPERVISOR_VERSION;
    return TRUE;
}

static gboolean
connect_get_lib_version(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectGetLibVersionRet *ret = data_ret;

    ret->lib_ver = LIBVIR_VERSION_NUMBER;
    return TRUE;
}

static gboolean
connect_get_hostname(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectGetHostnameRet *ret = data_ret;

    ret->hostname = g_strdup(g_get_host_name());
    return TRUE;
}

static gboolean
connect_get_uri(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectGetUriRet *ret = data_ret;
    TnApiConnection *connection = tn_api_connection(call, error);

    if (!connection) {
        return FALSE;
    }
    ret->uri = g_strdup(connection->uri);
    return TRUE;
}

static gboolean
connect_is_secure(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectIsSecureRet *ret = data_ret;

    ret->secure = 1; /* a unix socket */
    return TRUE;
}

static gboolean
connect_get_capabilities(TnRpcCall *call, void *args, void *data_ret, GError **error)
{
    TnRpcConnectGetCapabilitiesRet *ret = data_ret;

    ret->capabilities = tn_host_format_capabilities(tn_api_of(call)->host);
    return TRUE;
}

static gboolean
connect_get_domain_capabilities(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectGetDomainCapabilitiesArgs *args = data;
    TnRpcConnectGetDomainCapabilitiesRet *ret = data_ret;
    const TnHostDomainCapsQuery query = {
        .emulator = tn_rpc_string_from_opt(args->emulatorbin),
        .arch = tn_rpc_string_from_opt(args->arch),
        .machine = tn_rpc_string_from_opt(args->machine),
        .virt_type = tn_rpc_string_from_opt(args->virttype),
    };

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    ret->capabilities = tn_host_format_domain_capabilities(tn_api_of(call)->host, &query, error);
    return ret->capabilities != NULL;
}

static gboolean
connect_get_max_vcpus(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectGetMaxVcpusArgs *args = data;
    TnRpcConnectGetMaxVcpusRet *ret = data_ret;
    const char *type = tn_rpc_string_from_opt(args->type);

    if (type && g_ascii_strcasecmp(type, "kvm") != 0 && g_ascii_strcasecmp(type, "tenon") != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unknown type '%s'", type);
        return FALSE;
    }
    ret->max_vcpus = TN_XML_MAX_VCPUS;
    return TRUE;
}

static gboolean
connect_get_cpu_model_names(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectGetCpuModelNamesArgs *args = data;

    /* Guests have the host's CPU: there is no list of models to choose from. */
    return tn_api_check_flags(call, args->flags, 0, error);
}

static gboolean
connect_domain_xml_to_native(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcConnectDomainXmlToNativeArgs *args = data;
    TnRpcConnectDomainXmlToNativeRet *ret = data_ret;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    ret->native_config = tn_native_from_xml(tn_api_of(call)->driver, args->native_format,
                                            args->domain_xml, error);
    return ret->native_config != NULL;
}

const TnRpcHandlerRow tn_api_connect_rows[] = {
    { TN_RPC_PROC_CONNECT_DOMAIN_XML_TO_NATIVE, connect_domain_xml_to_native },
    { TN_RPC_PROC_CONNECT_OPEN, connect_open },
    { TN_RPC_PROC_CONNECT_CLOSE, connect_close },
    { TN_RPC_PROC_CONNECT_GET_TYPE, connect_get_type },
    { TN_RPC_PROC_CONNECT_GET_VERSION, connect_get_version },
    { TN_RPC_PROC_CONNECT_GET_LIB_VERSION, connect_get_lib_version },
    { TN_RPC_PROC_CONNECT_GET_HOSTNAME, connect_get_hostname },
    { TN_RPC_PROC_CONNECT_GET_URI, connect_get_uri },
    { TN_RPC_PROC_CONNECT_IS_SECURE, connect_is_secure },
    { TN_RPC_PROC_CONNECT_GET_CAPABILITIES, connect_get_capabilities },
    { TN_RPC_PROC_CONNECT_GET_DOMAIN_CAPABILITIES, connect_get_domain_capabilities },
    { TN_RPC_PROC_CONNECT_GET_MAX_VCPUS, connect_get_max_vcpus },
    { TN_RPC_PROC_CONNECT_GET_CPU_MODEL_NAMES, connect_get_cpu_model_names },
};
const gsize tn_api_n_connect_rows = G_N_ELEMENTS(tn_api_connect_rows);
