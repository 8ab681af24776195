/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table from GError domains and codes to what a client is told. See docs/errors.md. */
#include "driver/rpc/error.h"

#include <gio/gio.h>
#include <string.h>

/* A message longer than this is cut: it is for people, and must fit a frame. */
#define MESSAGE_MAX 65536

/* What a domain's codes are. The modules below us must not be included from here (driver/rpc knows
 * nobody), so domains stand by the names of their quarks. */
typedef enum {
    CODES_ARE_LIBVIRTS, /* the code is a virErrorNumber */
    CODES_ARE_MAPPED,   /* code_map says */
    CODES_ARE_ALIKE,    /* one number for all of them */
} CodeKind;

typedef struct {
    int code;
    int number;
} CodeRow;

typedef struct {
    const char *quark;
    CodeKind kind;
    int source; /* virErrorDomain: "who says so" */
    int number; /* for CODES_ARE_ALIKE, and for codes that no row of @map names */
    const CodeRow *map;
} DomainRow;

static const CodeRow io_codes[] = {
    { G_IO_ERROR_TIMED_OUT, VIR_ERR_OPERATION_TIMEOUT },
    { G_IO_ERROR_CANCELLED, VIR_ERR_OPERATION_ABORTED },
    { G_IO_ERROR_NOT_SUPPORTED, VIR_ERR_OPERATION_UNSUPPORTED },
    { G_IO_ERROR_PERMISSION_DENIED, VIR_ERR_ACCESS_DENIED },
    { G_IO_ERROR_BUSY, VIR_ERR_RESOURCE_BUSY },
    { G_IO_ERROR_INVALID_ARGUMENT, VIR_ERR_INVALID_ARG },
    { 0, 0 },
};

static const DomainRow domains[] = {
    { "tn-vir-error-quark", CODES_ARE_LIBVIRTS, VIR_FROM_QEMU, 0, NULL },
    { "tn-xml-error-quark", CODES_ARE_LIBVIRTS, VIR_FROM_DOMAIN, 0, NULL },
    { "tn-qmp-error-quark", CODES_ARE_ALIKE, VIR_FROM_QEMU, VIR_ERR_INTERNAL_ERROR, NULL },
    { "g-io-error-quark", CODES_ARE_MAPPED, VIR_FROM_QEMU, VIR_ERR_SYSTEM_ERROR, io_codes },
    { "g-file-error-quark", CODES_ARE_ALIKE, VIR_FROM_QEMU, VIR_ERR_SYSTEM_ERROR, NULL },
    { "g-spawn-error-quark", CODES_ARE_ALIKE, VIR_FROM_QEMU, VIR_ERR_SYSTEM_ERROR, NULL },
    { "g-unix-error-quark", CODES_ARE_ALIKE, VIR_FROM_QEMU, VIR_ERR_SYSTEM_ERROR, NULL },
    { "g-key-file-error-quark", CODES_ARE_ALIKE, VIR_FROM_QEMU, VIR_ERR_CONF_SYNTAX, NULL },
    { "g-option-context-error-quark", CODES_ARE_ALIKE, VIR_FROM_QEMU, VIR_ERR_INVALID_ARG, NULL },
    { "g-dbus-error-quark", CODES_ARE_ALIKE, VIR_FROM_DBUS, VIR_ERR_DBUS_SERVICE, NULL },
};

/* The words people know an error by. %NULL as @with_detail: the detail stands alone. */
typedef struct {
    const char *alone;
    const char *with_detail;
    int source; /* overrides the domain's when not 0 */
} TextRow;

static const TextRow texts[] = {
    [VIR_ERR_INTERNAL_ERROR] = { "internal error", "internal error: ", 0 },
    [VIR_ERR_NO_MEMORY] = { "out of memory", "out of memory: ", 0 },
    [VIR_ERR_NO_SUPPORT] = { "this function is not supported by the connection driver",
                             "this function is not supported by the connection driver: ", 0 },
    [VIR_ERR_UNKNOWN_HOST] = { "unknown host", "unknown host ", 0 },
    [VIR_ERR_NO_CONNECT] = { "no connection driver available",
                             "no connection driver available for ", 0 },
    [VIR_ERR_INVALID_CONN] = { "invalid connection pointer in",
                               "invalid connection pointer in ", 0 },
    [VIR_ERR_INVALID_DOMAIN] = { "invalid domain pointer in", "invalid domain pointer in ", 0 },
    [VIR_ERR_INVALID_ARG] = { "invalid argument", "invalid argument: ", 0 },
    [VIR_ERR_OPERATION_FAILED] = { "operation failed", "operation failed: ", 0 },
    [VIR_ERR_OS_TYPE] = { "unknown OS type", "unknown OS type ", 0 },
    [VIR_ERR_NO_NAME] = { "missing name information", "missing name information in ", 0 },
    [VIR_ERR_CALL_FAILED] = { "library call failed", "library call failed: ", 0 },
    [VIR_ERR_XML_ERROR] = { "XML description is invalid or not well formed", "XML error: ", 0 },
    [VIR_ERR_DOM_EXIST] = { "this domain exists already", NULL, 0 },
    [VIR_ERR_OPERATION_DENIED] = { "operation forbidden for read only access",
                                   "operation forbidden: ", 0 },
    [VIR_ERR_OPEN_FAILED] = { "failed to open configuration file for reading",
                              "failed to open configuration file: ", 0 },
    [VIR_ERR_CONF_SYNTAX] = { "failed to parse configuration file",
                              "configuration file syntax error: ", 0 },
    [VIR_ERR_XML_DETAIL] = { "parser error", NULL, VIR_FROM_DOMAIN },
    [VIR_ERR_SYSTEM_ERROR] = { "system call error", NULL, 0 },
    [VIR_ERR_RPC] = { "RPC error", NULL, VIR_FROM_RPC },
    [VIR_ERR_NO_DOMAIN] = { "Domain not found", "Domain not found: ", 0 },
    [VIR_ERR_NO_NETWORK] = { "Network not found", "Network not found: ", 0 },
    [VIR_ERR_INVALID_MAC] = { "invalid MAC address", "invalid MAC address: ", 0 },
    [VIR_ERR_AUTH_FAILED] = { "authentication failed", "authentication failed: ", VIR_FROM_RPC },
    [VIR_ERR_NO_STORAGE_POOL] = { "Storage pool not found", "Storage pool not found: ", 0 },
    [VIR_ERR_NO_STORAGE_VOL] = { "Storage volume not found", "Storage volume not found: ", 0 },
    [VIR_ERR_NO_NODE_DEVICE] = { "Node device not found", "Node device not found: ", 0 },
    [VIR_ERR_NO_SECURITY_MODEL] = { "Security model not found", "Security model not found: ", 0 },
    [VIR_ERR_OPERATION_INVALID] = { "Requested operation is not valid",
                                    "Requested operation is not valid: ", 0 },
    [VIR_ERR_NO_INTERFACE] = { "Failed to find the interface", "Interface not found: ", 0 },
    [VIR_ERR_NO_SECRET] = { "Secret not found", "Secret not found: ", 0 },
    [VIR_ERR_CONFIG_UNSUPPORTED] = { "unsupported configuration", "unsupported configuration: ",
                                     0 },
    [VIR_ERR_OPERATION_TIMEOUT] = { "Timed out during operation", "Timed out during operation: ",
                                    0 },
    [VIR_ERR_HOOK_SCRIPT_FAILED] = { "Hook script execution failed",
                                     "Hook script execution failed: ", 0 },
    [VIR_ERR_INVALID_DOMAIN_SNAPSHOT] = { "Invalid domain snapshot",
                                          "Invalid domain snapshot: ", 0 },
    [VIR_ERR_NO_DOMAIN_SNAPSHOT] = { "Domain snapshot not found", "Domain snapshot not found: ",
                                     0 },
    [VIR_ERR_INVALID_STREAM] = { "invalid stream pointer", "invalid stream pointer in ", 0 },
    [VIR_ERR_ARGUMENT_UNSUPPORTED] = { "argument unsupported", "argument unsupported: ", 0 },
    [VIR_ERR_OPERATION_ABORTED] = { "operation aborted", "operation aborted: ", 0 },
    [VIR_ERR_AUTH_CANCELLED] = { "authentication cancelled", "authentication cancelled: ",
                                 VIR_FROM_RPC },
    [VIR_ERR_NO_DOMAIN_METADATA] = { "metadata not found", "metadata not found: ", 0 },
    [VIR_ERR_OVERFLOW] = { "numerical overflow", "numerical overflow: ", 0 },
    [VIR_ERR_OPERATION_UNSUPPORTED] = { "Operation not supported", "Operation not supported: ",
                                        0 },
    [VIR_ERR_AGENT_UNRESPONSIVE] = { "Guest agent is not responding",
                                     "Guest agent is not responding: ", 0 },
    [VIR_ERR_RESOURCE_BUSY] = { "resource busy", "resource busy: ", 0 },
    [VIR_ERR_ACCESS_DENIED] = { "access denied", "access denied: ", 0 },
    [VIR_ERR_DBUS_SERVICE] = { "error from service", "error from service: ", 0 },
    [VIR_ERR_CPU_INCOMPATIBLE] = { "the CPU is incompatible with host CPU",
                                   "the CPU is incompatible with host CPU: ", 0 },
    [VIR_ERR_XML_INVALID_SCHEMA] = { "XML document failed to validate against schema",
                                     "XML document failed to validate against schema: ", 0 },
    [VIR_ERR_AUTH_UNAVAILABLE] = { "authentication unavailable", "authentication unavailable: ",
                                   VIR_FROM_RPC },
    [VIR_ERR_DEVICE_MISSING] = { "device not found", "device not found: ", 0 },
    [VIR_ERR_NO_DOMAIN_CHECKPOINT] = { "Domain checkpoint not found",
                                       "Domain checkpoint not found: ", 0 },
    [VIR_ERR_NO_DOMAIN_BACKUP] = { "Domain backup job id not found",
                                   "Domain backup job id not found: ", 0 },
    [VIR_ERR_NO_HOSTNAME] = { "no hostname found", "no hostname found: ", 0 },
    [VIR_ERR_MULTIPLE_DOMAINS] = { "multiple matching domains found",
                                   "multiple matching domains found: ", 0 },
};

static const DomainRow *
find_domain(GQuark quark)
{
    const char *name = g_quark_to_string(quark);

    for (gsize i = 0; name != NULL && i < G_N_ELEMENTS(domains); i++) {
        if (strcmp(domains[i].quark, name) == 0) {
            return &domains[i];
        }
    }
    return NULL;
}

static const TextRow *
find_text(int code)
{
    if (code <= 0 || (gsize)code >= G_N_ELEMENTS(texts) || texts[code].alone == NULL) {
        return NULL;
    }
    return &texts[code];
}

int
tn_rpc_error_code(const GError *error)
{
    const DomainRow *row = find_domain(error->domain);

    if (row == NULL) {
        return VIR_ERR_INTERNAL_ERROR;
    }
    if (row->kind == CODES_ARE_LIBVIRTS) {
        return error->code;
    }
    for (const CodeRow *map = row->map; map != NULL && map->number != 0; map++) {
        if (map->code == error->code) {
            return map->number;
        }
    }
    return row->number;
}

/* TRUE when @detail begins with the words of @text: xml/ writes whole sentences. */
static gboolean
has_words(const TextRow *text, const char *detail)
{
    return text->with_detail == NULL || g_str_has_prefix(detail, text->with_detail) ||
           strcmp(detail, text->alone) == 0;
}

char *
tn_rpc_error_format(int code, const char *detail)
{
    const TextRow *text = find_text(code);

    if (text == NULL) {
        return g_strdup(detail != NULL ? detail : "unknown error");
    }
    if (detail == NULL || *detail == '\0') {
        return g_strdup(text->alone);
    }
    if (has_words(text, detail)) {
        return g_strdup(detail);
    }
    return g_strconcat(text->with_detail, detail, NULL);
}

static TnRpcOptString
opt_string_take(char *value)
{
    TnRpcOptString opt = g_new0(TnRpcString, 1);

    *opt = value;
    return opt;
}

void
tn_rpc_error_to_wire(const GError *error, TnRpcWireError *ret_wire)
{
    const DomainRow *domain = find_domain(error->domain);
    int code = tn_rpc_error_code(error);
    const TextRow *text = find_text(code);
    /* A byte that is no UTF-8 would be handed to bindings that insist on it. */
    g_autofree char *valid = g_utf8_make_valid(error->message, -1);
    g_autofree char *detail = g_strndup(valid, MESSAGE_MAX);
    const char *bare = detail;

    memset(ret_wire, 0, sizeof(*ret_wire));
    ret_wire->code = code;
    ret_wire->domain = domain != NULL ? domain->source : VIR_FROM_NONE;
    if (text != NULL && text->source != 0) {
        ret_wire->domain = text->source;
    }
    ret_wire->message = opt_string_take(tn_rpc_error_format(code, detail));
    ret_wire->level = VIR_ERR_ERROR;
    if (text != NULL && text->with_detail != NULL) {
        ret_wire->str1 = opt_string_take(g_strconcat(text->with_detail, "%s", NULL));
        if (g_str_has_prefix(detail, text->with_detail)) {
            bare = detail + strlen(text->with_detail);
        }
    } else {
        ret_wire->str1 = opt_string_take(g_strdup("%s"));
    }
    ret_wire->str2 = opt_string_take(g_strdup(bare));
    ret_wire->int1 = -1;
    ret_wire->int2 = -1;
}

GError *
tn_rpc_error_from_wire(const TnRpcWireError *wire)
{
    return g_error_new_literal(TN_VIR_ERROR, wire->code,
                               wire->message != NULL ? *wire->message : "no error message");
}
