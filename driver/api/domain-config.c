/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions: making, showing, changing and deleting them. */
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/core/config.h"
#include "driver/core/lifecycle.h"
#include "driver/rpc/typed-params.h"

#define UNDEFINE_FLAGS                                                                          \
    (VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |                \
     VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |                               \
     VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM |                       \
     VIR_DOMAIN_UNDEFINE_KEEP_TPM)

#define AFFECT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static gboolean
define(TnRpcCall *call, const char *xml, unsigned flags, TnRpcDomain *ret_dom, GError **error)
{
    const char *schema = flags & VIR_DOMAIN_DEFINE_VALIDATE ? tn_host_domain_schema() : NULL;
    g_autoptr(TnDomain) domain = tn_lifecycle_define(tn_api_of(call)->driver, xml, schema, error);

    if (!domain) {
        return FALSE;
    }
    tn_api_encode_domain(domain, ret_dom);
    return TRUE;
}

static gboolean
domain_define_xml(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainDefineXmlArgs *args = data;
    TnRpcDomainDefineXmlRet *ret = data_ret;

    return define(call, args->xml, 0, &ret->dom, error);
}

static gboolean
domain_define_xml_flags(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainDefineXmlFlagsArgs *args = data;
    TnRpcDomainDefineXmlFlagsRet *ret = data_ret;

    return tn_api_check_flags(call, args->flags, VIR_DOMAIN_DEFINE_VALIDATE, error) &&
           define(call, args->xml, args->flags, &ret->dom, error);
}

static gboolean
domain_undefine(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainUndefineArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_undefine(domain, error);
}

static gboolean
domain_undefine_flags(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainUndefineFlagsArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    /* What these flags would delete or keep does not exist: nothing to do for them. */
    if (!tn_api_check_flags(call, args->flags, UNDEFINE_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_lifecycle_undefine(domain, error);
}

static gboolean
domain_get_xml_desc(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetXmlDescArgs *args = data;
    TnRpcDomainGetXmlDescRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = NULL;
    TnDomainDef *def;

    if (!tn_api_check_flags(call, args->flags, TN_XML_FORMAT_FLAGS_ALL, error)) {
        return FALSE;
    }
    if ((args->flags & VIR_DOMAIN_XML_SECURE) &&
        tn_rpc_client_is_read_only(tn_rpc_call_get_client(call))) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_DENIED,
                            "virDomainGetXMLDesc with secure flag");
        return FALSE;
    }
    domain = tn_api_lock_domain(call, &args->dom, error);
    if (!domain) {
        return FALSE;
    }
    def = (args->flags & VIR_DOMAIN_XML_INACTIVE) && domain->persistent
              ? domain->persistent
              : tn_domain_def_locked(domain);
    ret->xml = tn_domain_def_format(def, (TnXmlFormatFlags)args->flags);
    return TRUE;
}

static gboolean
domain_get_os_type(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetOsTypeArgs *args = data;
    TnRpcDomainGetOsTypeRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->type = g_strdup("hvm");
    return domain != NULL;
}

static gboolean
domain_get_autostart(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetAutostartArgs *args = data;
    TnRpcDomainGetAutostartRet *ret = data_ret;
    g_autoptr(TnLockedDomain) domain = tn_api_lock_domain(call, &args->dom, error);

    ret->autostart = domain && domain->autostart;
    return domain != NULL;
}

static gboolean
domain_set_autostart(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetAutostartArgs *args = data;
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, &args->dom, error);

    return domain && tn_lifecycle_set_autostart(domain, args->autostart != 0, error);
}

static gboolean
domain_rename(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainRenameArgs *args = data;
    const char *new_name = tn_rpc_string_from_opt(args->new_name);
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, 0, error)) {
        return FALSE;
    }
    if (!new_name || !*new_name) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "the new name is empty");
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_lifecycle_rename(domain, new_name, error);
}

static gboolean
domain_get_metadata(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcDomainGetMetadataArgs *args = data;
    TnRpcDomainGetMetadataRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (!domain) {
        return FALSE;
    }
    ret->metadata = tn_config_get_metadata(domain, args->type, tn_rpc_string_from_opt(args->uri),
                                           args->flags, error);
    return ret->metadata != NULL;
}

static gboolean
domain_set_metadata(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetMetadataArgs *args = data;
    const TnConfigMetadata metadata = {
        .type = args->type,
        .text = tn_rpc_string_from_opt(args->metadata),
        .key = tn_rpc_string_from_opt(args->key),
        .uri = tn_rpc_string_from_opt(args->uri),
    };
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_config_set_metadata(domain, &metadata, args->flags, error);
}

static gboolean
domain_set_lifecycle_action(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSetLifecycleActionArgs *args = data;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, AFFECT_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    return domain && tn_config_set_lifecycle_action(domain, args->type, args->action, args->flags,
                                                    error);
}

/* Managed saves and snapshots: there are none, and saying so keeps clients quiet. */
static gboolean
find_only(TnRpcCall *call, const TnRpcDomain *dom, GError **error)
{
    g_autoptr(TnDomain) domain = tn_api_find_domain(call, dom, error);

    return domain != NULL;
}

static gboolean
domain_has_managed_save_image(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainHasManagedSaveImageArgs *args = data;

    return find_only(call, &args->dom, error);
}

static gboolean
domain_snapshot_num(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSnapshotNumArgs *args = data;

    return find_only(call, &args->dom, error);
}

static gboolean
domain_snapshot_list_names(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSnapshotListNamesArgs *args = data;

    return find_only(call, &args->dom, error);
}

static gboolean
domain_list_all_snapshots(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainListAllSnapshotsArgs *args = data;

    return find_only(call, &args->dom, error);
}

static gboolean
domain_has_current_snapshot(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainHasCurrentSnapshotArgs *args = data;

    return find_only(call, &args->dom, error);
}

static gboolean
domain_snapshot_lookup_by_name(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSnapshotLookupByNameArgs *args = data;

    if (find_only(call, &args->dom, error)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN_SNAPSHOT,
                    "no domain snapshot with matching name '%s'", args->name);
    }
    return FALSE;
}

static gboolean
domain_snapshot_current(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcDomainSnapshotCurrentArgs *args = data;

    if (find_only(call, &args->dom, error)) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN_SNAPSHOT,
                            "the domain does not have a current snapshot");
    }
    return FALSE;
}

const TnRpcHandlerRow tn_api_domain_config_rows[] = {
    { TN_RPC_PROC_DOMAIN_DEFINE_XML, domain_define_xml },
    { TN_RPC_PROC_DOMAIN_DEFINE_XML_FLAGS, domain_define_xml_flags },
    { TN_RPC_PROC_DOMAIN_UNDEFINE, domain_undefine },
    { TN_RPC_PROC_DOMAIN_UNDEFINE_FLAGS, domain_undefine_flags },
    { TN_RPC_PROC_DOMAIN_GET_XML_DESC, domain_get_xml_desc },
    { TN_RPC_PROC_DOMAIN_GET_OS_TYPE, domain_get_os_type },
    { TN_RPC_PROC_DOMAIN_GET_AUTOSTART, domain_get_autostart },
    { TN_RPC_PROC_DOMAIN_SET_AUTOSTART, domain_set_autostart },
    { TN_RPC_PROC_DOMAIN_RENAME, domain_rename },
    { TN_RPC_PROC_DOMAIN_GET_METADATA, domain_get_metadata },
    { TN_RPC_PROC_DOMAIN_SET_METADATA, domain_set_metadata },
    { TN_RPC_PROC_DOMAIN_SET_LIFECYCLE_ACTION, domain_set_lifecycle_action },
    { TN_RPC_PROC_DOMAIN_HAS_MANAGED_SAVE_IMAGE, domain_has_managed_save_image },
    { TN_RPC_PROC_DOMAIN_SNAPSHOT_NUM, domain_snapshot_num },
    { TN_RPC_PROC_DOMAIN_SNAPSHOT_LIST_NAMES, domain_snapshot_list_names },
    { TN_RPC_PROC_DOMAIN_LIST_ALL_SNAPSHOTS, domain_list_all_snapshots },
    { TN_RPC_PROC_DOMAIN_HAS_CURRENT_SNAPSHOT, domain_has_current_snapshot },
    { TN_RPC_PROC_DOMAIN_SNAPSHOT_LOOKUP_BY_NAME, domain_snapshot_lookup_by_name },
    { TN_RPC_PROC_DOMAIN_SNAPSHOT_CURRENT, domain_snapshot_current },
};
const gsize tn_api_n_domain_config_rows = G_N_ELEMENTS(tn_api_domain_config_rows);
