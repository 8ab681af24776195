/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server without a driver: a table of canned answers, for stock clients to talk to.
 * usage: table-server SOCKET_DIR [RUNTIME_DIR]; prints "ready"; ends at the end of its input. */
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/domain-resource.h"
#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/protocol/event.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/protocol/qemu.h"
#include "driver/rpc/server.h"
#include "driver/rpc/stream.h"
#include "driver/rpc/typed-params.h"

#define DOMAIN_XML                                                                                 \
    "<domain type='kvm'><name>guest</name><uuid>00112233-4455-6677-8899-aabbccddeeff</uuid>"       \
    "<memory>1048576</memory><os><type>hvm</type></os>"                                            \
    "<devices><console type='pty'/></devices></domain>"

static const char uuid[16] = "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";

/* Who wants to hear of lifecycle events; one is enough. */
typedef struct {
    GMutex lock;
    TnRpcClient *listener;
    int callback_id;
} Table;

static void
fill_domain(TnRpcDomain *dom)
{
    dom->name = g_strdup("guest");
    memcpy(dom->uuid, uuid, sizeof(uuid));
    dom->id = 3;
}

#define HANDLER(name) static gboolean name(TnRpcCall *call, void *vargs, void *vret, GError **error)

HANDLER(connect_open)
{
    const TnRpcConnectOpenArgs *args = vargs;
    const char *name = tn_rpc_string_from_opt(args->name);

    if (name == NULL || !g_str_has_prefix(name, "tenon:///")) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_CONNECT, "%s", name != NULL ? name : "(null)");
        return FALSE;
    }
    if (args->flags & 1) {
        tn_rpc_client_set_read_only(tn_rpc_call_get_client(call));
    }
    return TRUE;
}

HANDLER(succeed)
{
    return TRUE;
}

HANDLER(get_type)
{
    ((TnRpcConnectGetTypeRet *)vret)->type = g_strdup("Tenon");
    return TRUE;
}

HANDLER(get_version)
{
    ((TnRpcConnectGetVersionRet *)vret)->hv_ver = 1002003;
    return TRUE;
}

HANDLER(get_lib_version)
{
    ((TnRpcConnectGetLibVersionRet *)vret)->lib_ver = 9000000;
    return TRUE;
}

HANDLER(get_hostname)
{
    ((TnRpcConnectGetHostnameRet *)vret)->hostname = g_strdup("table");
    return TRUE;
}

HANDLER(get_uri)
{
    ((TnRpcConnectGetUriRet *)vret)->uri = g_strdup("tenon:///session");
    return TRUE;
}

HANDLER(get_node_info)
{
    TnRpcNodeGetInfoRet *ret = vret;

    memcpy(ret->model, "x86_64", sizeof("x86_64"));
    ret->memory = 8388608;
    ret->cpus = 2;
    ret->mhz = 2000;
    ret->nodes = 1;
    ret->sockets = 1;
    ret->cores = 2;
    ret->threads = 1;
    return TRUE;
}

HANDLER(list_domains)
{
    TnRpcConnectListAllDomainsRet *ret = vret;

    ret->domains.domains_val = g_new0(TnRpcDomain, 1);
    ret->domains.domains_len = 1;
    ret->ret = 1;
    fill_domain(&ret->domains.domains_val[0]);
    return TRUE;
}

HANDLER(lookup_by_name)
{
    const TnRpcDomainLookupByNameArgs *args = vargs;

    if (strcmp(args->name, "guest") != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'",
                    args->name);
        return FALSE;
    }
    fill_domain(&((TnRpcDomainLookupByNameRet *)vret)->dom);
    return TRUE;
}

HANDLER(get_state)
{
    ((TnRpcDomainGetStateRet *)vret)->state = 1;
    ((TnRpcDomainGetStateRet *)vret)->reason = 1;
    return TRUE;
}

HANDLER(get_info)
{
    TnRpcDomainGetInfoRet *ret = vret;

    *ret = (TnRpcDomainGetInfoRet){ .state = 1, .max_mem = 1048576, .memory = 524288,
                                    .nr_virt_cpu = 2, .cpu_time = 5000000000 };
    return TRUE;
}

HANDLER(get_xml)
{
    ((TnRpcDomainGetXmlDescRet *)vret)->xml = g_strdup(DOMAIN_XML);
    return TRUE;
}

HANDLER(get_security_label)
{
    TnRpcDomainGetSecurityLabelRet *ret = vret;

    ret->label.label_val = g_strdup("label");
    ret->label.label_len = sizeof("label");
    ret->enforcing = 1;
    return TRUE;
}

HANDLER(all_stats)
{
    TnRpcConnectGetAllDomainStatsRet *ret = vret;
    g_auto(TnRpcParams) params = { 0 };
    TnRpcDomainStatsRecord *record = g_new0(TnRpcDomainStatsRecord, 1);

    tn_rpc_params_add_int(&params, -1, "test.int");
    tn_rpc_params_add_uint(&params, 2, "vcpu.%d.state", 0);
    tn_rpc_params_add_llong(&params, -3000000000, "test.llong");
    tn_rpc_params_add_ullong(&params, 5000000000, "cpu.time");
    tn_rpc_params_add_double(&params, 0.5, "test.double");
    tn_rpc_params_add_boolean(&params, TRUE, "test.bool");
    tn_rpc_params_add_string(&params, "vda", "block.0.name");
    fill_domain(&record->dom);
    tn_rpc_params_steal(&params, &record->params.params_val, &record->params.params_len);
    ret->ret_stats.ret_stats_val = record;
    ret->ret_stats.ret_stats_len = 1;
    return TRUE;
}

HANDLER(register_event)
{
    const TnRpcConnectDomainEventCallbackRegisterAnyArgs *args = vargs;
    TnRpcConnectDomainEventCallbackRegisterAnyRet *ret = vret;
    Table *table = tn_rpc_call_get_user_data(call);

    g_mutex_lock(&table->lock);
    ret->callback_id = args->event_id + 40;
    if (args->event_id == 0) {
        tn_rpc_client_unref(table->listener);
        table->listener = tn_rpc_client_ref(tn_rpc_call_get_client(call));
        table->callback_id = ret->callback_id;
    }
    g_mutex_unlock(&table->lock);
    return TRUE;
}

HANDLER(suspend)
{
    Table *table = tn_rpc_call_get_user_data(call);
    TnRpcDomainEventCallbackLifecycleMsg msg = { .msg = { .event = 3, .detail = 0 } };

    g_mutex_lock(&table->lock);
    if (table->listener != NULL) {
        msg.callback_id = table->callback_id;
        fill_domain(&msg.msg.dom);
        tn_rpc_client_send_event(table->listener, TN_RPC_PROGRAM_REMOTE,
                                 TN_RPC_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &msg);
        xdr_free((xdrproc_t)xdr_TnRpcDomainEventCallbackLifecycleMsg, &msg);
    }
    g_mutex_unlock(&table->lock);
    return TRUE;
}

/* The console's other end repeats what it hears, in capitals, and hangs up at "q". */
static gpointer
shout(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    char c;

    while (read(fd, &c, 1) == 1 && c != 'q') {
        c = g_ascii_toupper(c);
        if (write(fd, &c, 1) != 1) {
            break;
        }
    }
    close(fd);
    return NULL;
}

HANDLER(open_console)
{
    TnRpcStreamOptions options = { 0 };
    g_autoptr(TnRpcStream) stream = NULL;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "no socket pair");
        return FALSE;
    }
    g_thread_unref(g_thread_new("shout", shout, GINT_TO_POINTER(ends[0])));
    options.read_fd = ends[1];
    options.write_fd = ends[1];
    stream = tn_rpc_call_open_stream(call, &options, error);
    return stream != NULL;
}

HANDLER(detach_slowly)
{
    /* Longer than a client waits for a pong. */
    g_usleep(3 * G_USEC_PER_SEC);
    return TRUE;
}

HANDLER(monitor_command)
{
    const TnRpcQemuDomainMonitorCommandArgs *args = vargs;

    ((TnRpcQemuDomainMonitorCommandRet *)vret)->result = g_strdup_printf("heard %s", args->cmd);
    return TRUE;
}

static const TnRpcHandlerRow rows[] = {
    { TN_RPC_PROC_CONNECT_OPEN, connect_open },
    { TN_RPC_PROC_CONNECT_CLOSE, succeed },
    { TN_RPC_PROC_CONNECT_GET_TYPE, get_type },
    { TN_RPC_PROC_CONNECT_GET_VERSION, get_version },
    { TN_RPC_PROC_CONNECT_GET_LIB_VERSION, get_lib_version },
    { TN_RPC_PROC_CONNECT_GET_HOSTNAME, get_hostname },
    { TN_RPC_PROC_CONNECT_GET_URI, get_uri },
    { TN_RPC_PROC_NODE_GET_INFO, get_node_info },
    { TN_RPC_PROC_CONNECT_LIST_ALL_DOMAINS, list_domains },
    { TN_RPC_PROC_CONNECT_GET_ALL_DOMAIN_STATS, all_stats },
    { TN_RPC_PROC_DOMAIN_LOOKUP_BY_NAME, lookup_by_name },
    { TN_RPC_PROC_DOMAIN_GET_STATE, get_state },
    { TN_RPC_PROC_DOMAIN_GET_INFO, get_info },
    { TN_RPC_PROC_DOMAIN_GET_XML_DESC, get_xml },
    { TN_RPC_PROC_DOMAIN_GET_SECURITY_LABEL, get_security_label },
    { TN_RPC_PROC_DOMAIN_SUSPEND, suspend },
    { TN_RPC_PROC_DOMAIN_DESTROY, succeed },
    { TN_RPC_PROC_DOMAIN_DETACH_DEVICE_FLAGS, detach_slowly },
    { TN_RPC_PROC_DOMAIN_OPEN_CONSOLE, open_console },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, register_event },
    { TN_RPC_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, succeed },
};

static const TnRpcHandlerRow qemu_rows[] = {
    { TN_RPC_QEMU_PROC_DOMAIN_MONITOR_COMMAND, monitor_command },
};

static gboolean
input_ended(gint fd, GIOCondition condition, gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

int
main(int argc, char **argv)
{
    TnRpcServerOptions options = TN_RPC_SERVER_OPTIONS_DEFAULT;
    TnRpcProgram *remote = tn_rpc_program_new(TN_RPC_PROGRAM_REMOTE);
    TnRpcProgram *qemu = tn_rpc_program_new(TN_RPC_PROGRAM_QEMU);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(argv[1], "virttenond-sock", NULL);
    Table table = { 0 };
    TnRpcServer *server;

    (void)signal(SIGPIPE, SIG_IGN);
    options.session = geteuid() != 0;
    options.keepalive_interval = 1;
    options.keepalive_count = 5;
    options.runtime_dir = argc > 2 ? argv[2] : argv[1];
    tn_rpc_program_add_handlers(remote, rows, G_N_ELEMENTS(rows), &table);
    tn_rpc_program_add_handlers(qemu, qemu_rows, G_N_ELEMENTS(qemu_rows), &table);
    server = tn_rpc_server_new(&options, &error);
    g_assert_no_error(error);
    tn_rpc_server_take_program(server, remote);
    tn_rpc_server_take_program(server, qemu);
    (void)tn_rpc_server_listen_path(server, path, 0666, FALSE, &error);
    g_assert_no_error(error);
    g_unix_fd_add(0, G_IO_HUP | G_IO_IN, input_ended, loop);
    printf("ready\n");
    fflush(stdout);
    g_main_loop_run(loop);
    tn_rpc_server_free(server);
    tn_rpc_client_unref(table.listener);
    return 0;
}
