/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node devices, as far as they are a hypervisor driver's: taken from the host and given back. */
#include "driver/api/api-private.h"
#include "driver/core/node-device.h"

/* Asked only when no node device daemon is there: the name says all that our own calls need. */
static gboolean
node_device_lookup_by_name(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcNodeDeviceLookupByNameArgs *args = data;
    TnRpcNodeDeviceLookupByNameRet *ret = data_ret;

    if (!tn_node_device_check(tn_api_of(call)->driver, args->name, error)) {
        return FALSE;
    }
    ret->name = g_strdup(args->name);
    return TRUE;
}

static gboolean
node_device_dettach(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcNodeDeviceDettachArgs *args = data;

    return tn_node_device_detach(tn_api_of(call)->driver, args->name, NULL, error);
}

static gboolean
node_device_detach_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcNodeDeviceDetachFlagsArgs *args = data;

    return tn_api_check_flags(call, args->flags, 0, error) &&
           tn_node_device_detach(tn_api_of(call)->driver, args->name,
                                 args->driver_name ? *args->driver_name : NULL, error);
}

static gboolean
node_device_re_attach(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcNodeDeviceReAttachArgs *args = data;

    return tn_node_device_reattach(tn_api_of(call)->driver, args->name, error);
}

static gboolean
node_device_reset(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcNodeDeviceResetArgs *args = data;

    return tn_node_device_reset(tn_api_of(call)->driver, args->name, error);
}

const TnRpcHandlerRow tn_api_node_device_rows[] = {
    { TN_RPC_PROC_NODE_DEVICE_LOOKUP_BY_NAME, node_device_lookup_by_name },
    { TN_RPC_PROC_NODE_DEVICE_DETTACH, node_device_dettach },
    { TN_RPC_PROC_NODE_DEVICE_DETACH_FLAGS, node_device_detach_flags },
    { TN_RPC_PROC_NODE_DEVICE_RE_ATTACH, node_device_re_attach },
    { TN_RPC_PROC_NODE_DEVICE_RESET, node_device_reset },
};
const gsize tn_api_n_node_device_rows = G_N_ELEMENTS(tn_api_node_device_rows);
