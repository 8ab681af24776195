/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relays: calls about networks, storage and so on go, frame by frame, to their own daemons. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/caller.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/server-private.h"
#include "driver/rpc/typed-params.h"

/* How long another daemon may take to open a connection; socket activation may have to start it. */
#define OPEN_TIMEOUT_MS 15000
#define CONNECT_READ_ONLY 1

/* What the other daemons are called. */
static const struct {
    const char *socket;
    const char *scheme;
} owners[TN_RPC_OWNER_LAST] = {
    [TN_RPC_OWNER_NETWORK] = { "virtnetworkd-sock", "network" },
    [TN_RPC_OWNER_STORAGE] = { "virtstoraged-sock", "storage" },
    [TN_RPC_OWNER_NODEDEV] = { "virtnodedevd-sock", "nodedev" },
    [TN_RPC_OWNER_INTERFACE] = { "virtinterfaced-sock", "interface" },
    [TN_RPC_OWNER_SECRET] = { "virtsecretd-sock", "secret" },
    [TN_RPC_OWNER_NWFILTER] = { "virtnwfilterd-sock", "nwfilter" },
};
#define MONOLITHIC_SOCKET "libvirt-sock"

typedef enum {
    RELAY_CLOSED,
    RELAY_OPENING,
    RELAY_OPEN,
} RelayState;

/* One client's connection to one of the other daemons; belongs to the client. I/O thread. Serials
 * are the client's own, for the other daemon sees no calls but this client's; its callback numbers
 * reach the client as they are, for clients tell events of networks, pools and domains apart by
 * their kind. */
struct TnRpcRelay {
    TnRpcIo io;
    gint ref_count; /* the client's, and the worker's that opens the connection */
    TnRpcClient *client;
    TnRpcOwner owner;
    RelayState state;
    GByteArray *unsent; /* frames for the other daemon */
    gsize sent;
    gboolean full;
    GHashTable *calls;   /* serial -> procedure: replies that are due */
    GHashTable *streams; /* serial -> procedure: streams under way */
    TnRpcDecoder decoder;
};

/* What a worker found out. */
typedef struct {
    TnRpcRelay *relay;
    int fd;
    GError *error;
} Opened;

static void
relay_unref(TnRpcRelay *relay)
{
    if (!g_atomic_int_dec_and_test(&relay->ref_count)) {
        return;
    }
    tn_rpc_decoder_clear(&relay->decoder);
    g_byte_array_unref(relay->unsent);
    g_hash_table_unref(relay->calls);
    g_hash_table_unref(relay->streams);
    tn_rpc_client_unref(relay->client);
    g_free(relay);
}

/* ---- the end of a connection ---- */

static void
fail_calls(TnRpcRelay *relay, int code, const char *why)
{
    GHashTableIter iter;
    gpointer key;
    gpointer value;

    g_hash_table_iter_init(&iter, relay->calls);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        TnRpcHeader header = {
            .program = TN_RPC_PROGRAM_REMOTE,
            .version = TN_RPC_PROGRAM_VERSION,
            .procedure = GPOINTER_TO_INT(value),
            .type = TN_RPC_TYPE_CALL,
            .serial = GPOINTER_TO_UINT(key),
        };
        g_autoptr(GError) error = NULL;

        if (code == VIR_ERR_NO_SUPPORT) {
            g_autofree char *name = tn_rpc_proc_api_name(
                tn_rpc_proc_table_lookup(header.program, header.procedure));

            g_set_error(&error, TN_VIR_ERROR, code, "%s", name);
        } else {
            g_set_error(&error, TN_VIR_ERROR, code, "%s", why);
        }
        g_hash_table_iter_remove(&iter);
        tn_rpc_client_reply_error(relay->client, &header, error);
        tn_rpc_client_call_done(relay->client, TN_RPC_CALL_RELAYED);
    }
}

static void
fail_streams(TnRpcRelay *relay, const char *why)
{
    g_autoptr(GError) error = g_error_new(TN_VIR_ERROR, VIR_ERR_RPC, "%s", why);
    GHashTableIter iter;
    gpointer key;
    gpointer value;

    g_hash_table_iter_init(&iter, relay->streams);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        TnRpcHeader header = {
            .program = TN_RPC_PROGRAM_REMOTE,
            .version = TN_RPC_PROGRAM_VERSION,
            .procedure = GPOINTER_TO_INT(value),
            .type = TN_RPC_TYPE_STREAM,
            .serial = GPOINTER_TO_UINT(key),
        };

        g_hash_table_iter_remove(&iter);
        tn_rpc_client_reply_error(relay->client, &header, error);
    }
}

/* Back to the state in which the next call opens a connection. */
static void
close_relay(TnRpcRelay *relay, int code, const char *why)
{
    int fd = relay->io.fd;

    if (fd >= 0) {
        tn_rpc_io_unwatch(relay->client->server, &relay->io);
        (void)close(fd);
    }
    relay->state = RELAY_CLOSED;
    g_byte_array_set_size(relay->unsent, 0);
    relay->sent = 0;
    tn_rpc_decoder_clear(&relay->decoder);
    tn_rpc_decoder_init(&relay->decoder, TN_RPC_FRAME_MAX);
    if (relay->full) {
        relay->full = FALSE;
        tn_rpc_client_outlet_free(relay->client);
    }
    fail_calls(relay, code, why);
    fail_streams(relay, why);
}

static void
lose_relay(TnRpcRelay *relay, const char *why)
{
    g_autofree char *text = g_strdup_printf("the %s daemon is gone: %s",
                                            owners[relay->owner].scheme, why);

    close_relay(relay, VIR_ERR_RPC, text);
}

/* ---- to the other daemon ---- */

static void
update_relay(TnRpcRelay *relay)
{
    gsize left = relay->unsent->len - relay->sent;
    gboolean full = left > TN_RPC_OUTLET_HIGH;
    gboolean has_room = tn_rpc_client_unsent(relay->client) < TN_RPC_CLIENT_UNSENT_HIGH;

    tn_rpc_io_modify(relay->client->server, &relay->io,
                     (has_room ? EPOLLIN : 0) | (left > 0 ? EPOLLOUT : 0));
    if (full != relay->full) {
        relay->full = full;
        if (full) {
            tn_rpc_client_outlet_full(relay->client);
        } else {
            tn_rpc_client_outlet_free(relay->client);
        }
    }
}

static void
transmit(TnRpcRelay *relay)
{
    while (relay->state == RELAY_OPEN && relay->sent < relay->unsent->len) {
        gssize n = send(relay->io.fd, relay->unsent->data + relay->sent,
                        relay->unsent->len - relay->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            lose_relay(relay, g_strerror(errno));
            return;
        }
        relay->sent += (gsize)n;
    }
    if (relay->state == RELAY_CLOSED) {
        return;
    }
    if (relay->sent == relay->unsent->len) {
        g_byte_array_set_size(relay->unsent, 0);
        relay->sent = 0;
    }
    update_relay(relay);
}

static void
queue_frame(TnRpcRelay *relay, const TnRpcFrame *frame)
{
    if (relay->sent > 0) {
        g_byte_array_remove_range(relay->unsent, 0, relay->sent);
        relay->sent = 0;
    }
    g_byte_array_append(relay->unsent, frame->raw, frame->raw_len);
    transmit(relay);
}

/* ---- from the other daemon ---- */

/* Lets through what belongs to this client and this kind of object, and nothing else. */
static void
take_frame(TnRpcRelay *relay, const TnRpcFrame *frame)
{
    const TnRpcHeader *header = &frame->header;
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(header->program, header->procedure);
    gpointer key = GUINT_TO_POINTER(header->serial);
    gboolean done = FALSE;
    GByteArray *copy;

    if (proc == NULL || proc->owner != relay->owner) {
        return;
    }
    switch (header->type) {
    case TN_RPC_TYPE_REPLY:
        if (!g_hash_table_remove(relay->calls, key)) {
            return;
        }
        done = TRUE;
        if (header->status == TN_RPC_STATUS_OK &&
            (header->procedure == TN_RPC_PROC_STORAGE_VOL_UPLOAD ||
             header->procedure == TN_RPC_PROC_STORAGE_VOL_DOWNLOAD)) {
            g_hash_table_insert(relay->streams, key, GINT_TO_POINTER(header->procedure));
        }
        break;
    case TN_RPC_TYPE_STREAM:
    case TN_RPC_TYPE_STREAM_HOLE:
        if (!g_hash_table_contains(relay->streams, key)) {
            return;
        }
        if (header->type == TN_RPC_TYPE_STREAM && header->status != TN_RPC_STATUS_CONTINUE) {
            g_hash_table_remove(relay->streams, key);
        }
        break;
    case TN_RPC_TYPE_MESSAGE:
        if (!(proc->flags & TN_RPC_PROC_EVENT)) {
            return;
        }
        break;
    default:
        return;
    }
    copy = g_byte_array_sized_new(frame->raw_len);
    g_byte_array_append(copy, frame->raw, frame->raw_len);
    tn_rpc_client_queue(relay->client, copy, NULL);
    if (done) {
        tn_rpc_client_call_done(relay->client, TN_RPC_CALL_RELAYED);
    }
}

static void
receive(TnRpcRelay *relay)
{
    TnRpcServer *server = relay->client->server;
    gssize n = recv(relay->io.fd, server->scratch, TN_RPC_READ_SIZE, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        lose_relay(relay, n == 0 ? "it closed the connection" : g_strerror(errno));
        return;
    }
    tn_rpc_decoder_set_input(&relay->decoder, server->scratch, (gsize)n);
    for (;;) {
        g_autoptr(GError) error = NULL;
        TnRpcFrame frame;

        switch (tn_rpc_decoder_next(&relay->decoder, &frame, &error)) {
        case TN_RPC_DECODE_MORE:
            update_relay(relay);
            return;
        case TN_RPC_DECODE_ERROR:
            lose_relay(relay, error->message);
            return;
        case TN_RPC_DECODE_FRAME:
            take_frame(relay, &frame);
            break;
        }
    }
}

static void
relay_ready(TnRpcIo *io, guint32 events)
{
    TnRpcRelay *relay = (TnRpcRelay *)io;

    g_atomic_int_inc(&relay->ref_count);
    if (events & EPOLLOUT) {
        transmit(relay);
    }
    if (relay->state == RELAY_OPEN && (events & EPOLLIN)) {
        receive(relay);
    } else if (relay->state == RELAY_OPEN && (events & (EPOLLHUP | EPOLLERR))) {
        lose_relay(relay, "it closed the connection");
    }
    relay_unref(relay);
}

/* ---- opening ---- */

/* A daemon of its own or the one of all: whoever listens. */
static TnRpcCaller *
connect_owner(TnRpcRelay *relay, GError **error)
{
    const char *names[] = { owners[relay->owner].socket, MONOLITHIC_SOCKET };
    TnRpcCaller *caller = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(names) && caller == NULL; i++) {
        g_autofree char *path = g_build_filename(relay->client->server->runtime_dir, names[i],
                                                 NULL);

        g_clear_error(error);
        caller = tn_rpc_caller_connect(path, OPEN_TIMEOUT_MS, error);
    }
    return caller;
}

static gboolean
authenticate(TnRpcCaller *caller, GError **error)
{
    TnRpcAuthListRet ret = { 0 };
    gboolean open = FALSE;

    if (!tn_rpc_caller_call(caller, TN_RPC_PROGRAM_REMOTE, TN_RPC_PROC_AUTH_LIST, NULL, &ret,
                            error)) {
        return FALSE;
    }
    for (guint i = 0; i < ret.types.types_len; i++) {
        open = open || ret.types.types_val[i] == 0;
    }
    xdr_free((xdrproc_t)xdr_TnRpcAuthListRet, &ret);
    if (!open) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_AUTH_FAILED,
                    "the other daemon asks this one to authenticate");
    }
    return open;
}

/* Tells the other daemon whom we call for, when that is not the user we run as. */
static void
forward_identity(TnRpcCaller *caller, const TnRpcIdentity *identity)
{
    g_auto(TnRpcParams) params = { 0 };
    TnRpcConnectSetIdentityArgs args = { 0 };
    g_autoptr(GError) error = NULL;

    if (identity->uid == geteuid()) {
        return;
    }
    tn_rpc_params_add_ullong(&params, identity->uid, "unix-user-id");
    tn_rpc_params_add_ullong(&params, identity->gid, "unix-group-id");
    tn_rpc_params_add_llong(&params, identity->pid, "process-id");
    if (identity->start_time != 0) {
        tn_rpc_params_add_ullong(&params, identity->start_time, "process-time");
    }
    tn_rpc_params_steal(&params, &args.params.params_val, &args.params.params_len);
    /* Daemons older than this procedure refuse it, and decide by our own identity. */
    if (!tn_rpc_caller_call(caller, TN_RPC_PROGRAM_REMOTE, TN_RPC_PROC_CONNECT_SET_IDENTITY,
                            &args, NULL, &error)) {
        g_debug("the other daemon takes no identity: %s", error->message);
    }
    xdr_free((xdrproc_t)xdr_TnRpcConnectSetIdentityArgs, &args);
}

static int
open_connection(TnRpcRelay *relay, GError **error)
{
    g_autoptr(TnRpcCaller) caller = connect_owner(relay, error);
    g_autofree char *uri = g_strdup_printf("%s:///%s", owners[relay->owner].scheme,
                                           relay->client->server->options.session ? "session"
                                                                                  : "system");
    TnRpcConnectOpenArgs args = { .name = &uri };

    if (tn_rpc_client_is_read_only(relay->client)) {
        args.flags = CONNECT_READ_ONLY;
    }
    if (caller == NULL || !authenticate(caller, error) ||
        !tn_rpc_caller_call(caller, TN_RPC_PROGRAM_REMOTE, TN_RPC_PROC_CONNECT_OPEN, &args, NULL,
                            error)) {
        return -1;
    }
    forward_identity(caller, &relay->client->identity);
    return tn_rpc_caller_steal_fd(g_steal_pointer(&caller));
}

/* There is no such daemon: what we can answer ourselves is answered; the rest stays waiting. */
static void
answer_instead(TnRpcRelay *relay)
{
    g_autoptr(GByteArray) unsent = g_steal_pointer(&relay->unsent);
    TnRpcDecoder decoder;
    TnRpcFrame frame;

    relay->unsent = g_byte_array_new();
    tn_rpc_decoder_init(&decoder, TN_RPC_FRAME_MAX);
    tn_rpc_decoder_set_input(&decoder, unsent->data, unsent->len);
    while (tn_rpc_decoder_next(&decoder, &frame, NULL) == TN_RPC_DECODE_FRAME) {
        gpointer key = GUINT_TO_POINTER(frame.header.serial);

        if (g_hash_table_contains(relay->calls, key) &&
            tn_rpc_program_dispatch_instead(relay->client, &frame)) {
            g_hash_table_remove(relay->calls, key);
            tn_rpc_client_call_done(relay->client, TN_RPC_CALL_RELAYED);
        }
    }
    tn_rpc_decoder_clear(&decoder);
}

static void
opened_posted(gpointer data)
{
    Opened *opened = data;
    TnRpcRelay *relay = opened->relay;
    g_autoptr(GError) error = opened->error;
    int fd = opened->fd;
    int result;

    g_free(opened);
    if (relay->client->closed) {
        if (fd >= 0) {
            (void)close(fd);
        }
        relay_unref(relay);
        return;
    }
    relay->state = RELAY_CLOSED;
    if (fd < 0) {
        g_debug("no %s daemon: %s", owners[relay->owner].scheme, error->message);
        answer_instead(relay);
        close_relay(relay, VIR_ERR_NO_SUPPORT, error->message);
        relay_unref(relay);
        return;
    }
    result = tn_rpc_io_watch(relay->client->server, &relay->io, fd, EPOLLIN);
    if (result < 0) {
        (void)close(fd);
        lose_relay(relay, g_strerror(-result));
    } else {
        relay->state = RELAY_OPEN;
        transmit(relay);
    }
    relay_unref(relay);
}

static void
open_job(gpointer data)
{
    TnRpcRelay *relay = data;
    Opened *opened = g_new0(Opened, 1);

    opened->relay = relay;
    opened->fd = open_connection(relay, &opened->error);
    tn_rpc_server_post(relay->client->server, opened_posted, opened);
}

static TnRpcRelay *
get_relay(TnRpcClient *client, TnRpcOwner owner)
{
    TnRpcRelay *relay = client->relays[owner];

    if (relay == NULL) {
        relay = g_new0(TnRpcRelay, 1);
        relay->ref_count = 1;
        relay->io.fd = -1;
        relay->io.ready = relay_ready;
        relay->client = tn_rpc_client_ref(client);
        relay->owner = owner;
        relay->unsent = g_byte_array_new();
        relay->calls = g_hash_table_new(NULL, NULL);
        relay->streams = g_hash_table_new(NULL, NULL);
        tn_rpc_decoder_init(&relay->decoder, TN_RPC_FRAME_MAX);
        client->relays[owner] = relay;
    }
    return relay;
}

/* ---- from the client ---- */

void
tn_rpc_relay_call(TnRpcClient *client, TnRpcOwner owner, const TnRpcProc *proc,
                  const TnRpcFrame *frame)
{
    TnRpcRelay *relay = get_relay(client, owner);
    gpointer key = GUINT_TO_POINTER(frame->header.serial);

    if (frame->header.type != TN_RPC_TYPE_CALL || g_hash_table_contains(relay->calls, key) ||
        g_hash_table_contains(relay->streams, key)) {
        g_autoptr(GError) error = NULL;

        g_set_error(&error, TN_VIR_ERROR, VIR_ERR_RPC,
                    "%s with descriptors, or with a serial (%u) that is in use", proc->name,
                    frame->header.serial);
        tn_rpc_client_reply_error(client, &frame->header, error);
        return;
    }
    g_mutex_lock(&client->lock);
    client->in_flight++;
    g_mutex_unlock(&client->lock);
    g_hash_table_insert(relay->calls, key, GINT_TO_POINTER(frame->header.procedure));
    if (relay->state == RELAY_CLOSED) {
        relay->state = RELAY_OPENING;
        g_atomic_int_inc(&relay->ref_count);
        tn_rpc_pool_push(client->server->pool, open_job, relay, FALSE);
    }
    queue_frame(relay, frame);
}

void
tn_rpc_relay_stream(TnRpcClient *client, TnRpcOwner owner, const TnRpcFrame *frame)
{
    TnRpcRelay *relay = client->relays[owner];

    if (relay == NULL || relay->state != RELAY_OPEN ||
        !g_hash_table_contains(relay->streams, GUINT_TO_POINTER(frame->header.serial))) {
        return;
    }
    queue_frame(relay, frame);
}

void
tn_rpc_relay_client_has_room(TnRpcClient *client)
{
    for (guint i = 0; i < TN_RPC_OWNER_LAST; i++) {
        if (client->relays[i] != NULL && client->relays[i]->state == RELAY_OPEN) {
            update_relay(client->relays[i]);
        }
    }
}

void
tn_rpc_relay_end_all(TnRpcClient *client)
{
    for (guint i = 0; i < TN_RPC_OWNER_LAST; i++) {
        TnRpcRelay *relay = client->relays[i];

        if (relay != NULL) {
            client->relays[i] = NULL;
            close_relay(relay, VIR_ERR_RPC, "the client left");
            relay_unref(relay);
        }
    }
}
