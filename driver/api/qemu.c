/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program of monitor commands and monitor events. */
#include <libvirt/libvirt-qemu.h>
#include <string.h>

#include "driver/api/api-private.h"
#include "driver/core/passthrough.h"
#include "driver/rpc/typed-params.h"

#define MONITOR_COMMAND_FLAGS                                                                  \
    (VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
#define MAX_PATTERN 1024

static gboolean
monitor_command(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcQemuDomainMonitorCommandArgs *args = data;
    TnRpcQemuDomainMonitorCommandRet *ret = data_ret;
    g_autoptr(TnDomain) domain = NULL;

    if (!tn_api_check_flags(call, args->flags, MONITOR_COMMAND_FLAGS, error)) {
        return FALSE;
    }
    domain = tn_api_find_domain(call, &args->dom, error);
    if (!domain) {
        return FALSE;
    }
    ret->result = args->flags & VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
                      ? tn_passthrough_human(domain, args->cmd, error)
                      : tn_passthrough_qmp(domain, args->cmd, error);
    return ret->result != NULL;
}

/* Which monitor events a client wants. */
typedef struct Listener {
    TnRpcClient *client;
    char *name;       /* NULL: all */
    gboolean no_case;
    GRegex *regex;    /* instead of the name */
} Listener;

static void
listener_free(gpointer data)
{
    Listener *listener = data;

    tn_rpc_client_unref(listener->client);
    g_free(listener->name);
    if (listener->regex) {
        g_regex_unref(listener->regex);
    }
    g_free(listener);
}

static gboolean
wants(const Listener *listener, const char *name)
{
    if (listener->regex) {
        return g_regex_match(listener->regex, name, 0, NULL);
    }
    if (!listener->name) {
        return TRUE;
    }
    return listener->no_case ? g_ascii_strcasecmp(listener->name, name) == 0
                             : strcmp(listener->name, name) == 0;
}

static void
on_monitor_event(const TnDomainEvent *event, guint number, gpointer user_data)
{
    Listener *listener = user_data;
    char *details = (char *)event->data;
    TnRpcQemuDomainMonitorEventMsg message = {
        .callback_id = (int)number,
        .dom = { .name = (char *)event->name, .id = event->id },
        .event = (char *)event->text,
        .seconds = event->time_us / G_USEC_PER_SEC,
        .micros = (guint)(event->time_us % G_USEC_PER_SEC),
        .details = details ? &details : NULL,
    };

    memcpy(message.dom.uuid, event->uuid, TN_UUID_LEN);
    if (wants(listener, event->text)) {
        tn_rpc_client_send_event(listener->client, TN_RPC_PROGRAM_QEMU,
                                 TN_RPC_QEMU_PROC_DOMAIN_MONITOR_EVENT, &message);
    }
}

/* What @args ask for; NULL with INVALID_ARG. */
static Listener *
new_listener(const TnRpcQemuConnectDomainMonitorEventRegisterArgs *args, GError **error)
{
    Listener *listener = g_new0(Listener, 1);
    const char *name = tn_rpc_string_from_opt(args->event);
    gboolean no_case = args->flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE;
    g_autoptr(GError) why = NULL;

    listener->name = g_strdup(name);
    listener->no_case = no_case;
    if (name && strlen(name) > MAX_PATTERN) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                    "the event's name is longer than %d bytes", MAX_PATTERN);
        listener_free(listener);
        return NULL;
    }
    if (name && (args->flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX)) {
        listener->regex = g_regex_new(name, no_case ? G_REGEX_CASELESS : 0, 0, &why);
        if (!listener->regex) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG,
                        "failed to compile regex '%s': %s", name, why->message);
            listener_free(listener);
            return NULL;
        }
    }
    return listener;
}

static gboolean
monitor_event_register(TnRpcCall *call, void *data, void *data_ret, GError **error)
{
    TnRpcQemuConnectDomainMonitorEventRegisterArgs *args = data;
    TnRpcQemuConnectDomainMonitorEventRegisterRet *ret = data_ret;
    TnApiSubscription subscription = {
        .kind = TN_EVENT_MONITOR, .func = on_monitor_event, .destroy = listener_free
    };
    Listener *listener;

    if (!tn_api_check_flags(call, args->flags,
                            VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX |
                                VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE,
                            error)) {
        return FALSE;
    }
    if (args->dom) {
        g_autoptr(TnDomain) domain = tn_api_find_domain(call, args->dom, error);

        if (!domain) {
            return FALSE;
        }
        subscription.uuid = (const guint8 *)args->dom->uuid;
    }
    listener = new_listener(args, error);
    if (!listener) {
        return FALSE;
    }
    listener->client = tn_rpc_client_ref(tn_rpc_call_get_client(call));
    subscription.user_data = listener;
    ret->callback_id = (int)tn_api_subscribe(call, &subscription, error);
    return ret->callback_id != 0;
}

static gboolean
monitor_event_deregister(TnRpcCall *call, void *data, void *ret, GError **error)
{
    TnRpcQemuConnectDomainMonitorEventDeregisterArgs *args = data;

    return tn_api_unsubscribe(call, (guint)args->callback_id, TRUE, error);
}

const TnRpcHandlerRow tn_api_qemu_rows[] = {
    { TN_RPC_QEMU_PROC_DOMAIN_MONITOR_COMMAND, monitor_command },
    { TN_RPC_QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, monitor_event_register },
    { TN_RPC_QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, monitor_event_deregister },
};
const gsize tn_api_n_qemu_rows = G_N_ELEMENTS(tn_api_qemu_rows);
