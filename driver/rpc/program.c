/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs: from a frame to its handler and back. The one place where calls are checked. */
#include "driver/rpc/program.h"

#include <string.h>

#include "driver/error.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/server-private.h"

/* Keepalive's two procedures. */
#define KEEPALIVE_PING 1
#define KEEPALIVE_PONG 2

typedef struct {
    TnRpcHandler handler;
    gpointer user_data;
} Slot;

struct TnRpcProgram {
    guint32 number;
    gsize n_slots;
    Slot *slots; /* by procedure number */
};

TnRpcProgram *
tn_rpc_program_new(guint32 number)
{
    TnRpcProgram *program = g_new0(TnRpcProgram, 1);

    program->number = number;
    program->n_slots = tn_rpc_proc_table_length(number);
    program->slots = g_new0(Slot, program->n_slots);
    return program;
}

void
tn_rpc_program_free(TnRpcProgram *program)
{
    if (program == NULL) {
        return;
    }
    g_free(program->slots);
    g_free(program);
}

guint32
tn_rpc_program_get_number(const TnRpcProgram *program)
{
    return program->number;
}

void
tn_rpc_program_set_own_handlers(TnRpcProgram *program, const TnRpcHandlerRow *rows, gsize n_rows,
                                gpointer user_data)
{
    for (gsize i = 0; i < n_rows; i++) {
        Slot *slot = &program->slots[rows[i].procedure];

        slot->handler = rows[i].handler;
        slot->user_data = user_data;
    }
}

void
tn_rpc_program_add_handlers(TnRpcProgram *program, const TnRpcHandlerRow *rows, gsize n_rows,
                            gpointer user_data)
{
    for (gsize i = 0; i < n_rows; i++) {
        const TnRpcProc *proc = tn_rpc_proc_table_lookup(program->number, rows[i].procedure);
        Slot *slot;

        /* A relayed one must say what it carries: it is answered when nobody else does. */
        g_assert(proc != NULL && (proc->owner == TN_RPC_OWNER_SELF || proc->ret.filter != NULL));
        slot = &program->slots[rows[i].procedure];
        g_assert(slot->handler == NULL);
        slot->handler = rows[i].handler;
        slot->user_data = user_data;
    }
}

/* ---- a call on its worker ---- */

static gsize
aligned(gsize size)
{
    return (size + 15) & ~(gsize)15;
}

/* A call with its arguments and its result in one piece of memory. */
static TnRpcCall *
call_new(TnRpcClient *client, const TnRpcProc *proc, const Slot *slot, const TnRpcHeader *header)
{
    gsize call_size = aligned(sizeof(TnRpcCall));
    gsize args_size = aligned(proc->args.size);
    guint8 *memory = g_malloc0(call_size + args_size + proc->ret.size);
    TnRpcCall *call = (TnRpcCall *)memory;

    call->client = tn_rpc_client_ref(client);
    call->proc = proc;
    call->handler = slot->handler;
    call->user_data = slot->user_data;
    call->header = *header;
    call->args = proc->args.size > 0 ? memory + call_size : NULL;
    call->ret = proc->ret.size > 0 ? memory + call_size + args_size : NULL;
    return call;
}

static void
call_free(TnRpcCall *call)
{
    tn_rpc_fds_free(call->fds_in);
    tn_rpc_fds_free(call->fds_out);
    tn_rpc_stream_unref(call->stream);
    tn_rpc_client_unref(call->client);
    g_free(call);
}

/* What the success of the calls that open and close a connection means to the dispatcher. */
static void
note_success(TnRpcCall *call)
{
    if (call->header.program != TN_RPC_PROGRAM_REMOTE) {
        return;
    }
    if (call->header.procedure == TN_RPC_PROC_CONNECT_OPEN) {
        g_atomic_int_set(&call->client->opened, TRUE);
    } else if (call->header.procedure == TN_RPC_PROC_CONNECT_CLOSE) {
        g_atomic_int_set(&call->client->opened, FALSE);
    }
}

/* Runs the handler; the reply's frame. */
static GByteArray *
call_answer(TnRpcCall *call, gboolean *ret_ok)
{
    g_autoptr(GError) error = NULL;
    TnRpcHeader reply = call->header;
    GByteArray *frame = NULL;

    reply.type = TN_RPC_TYPE_REPLY;
    reply.status = TN_RPC_STATUS_OK;
    *ret_ok = call->handler(call, call->args, call->ret, &error);
    if (*ret_ok) {
        guint n_fds = call->fds_out != NULL ? call->fds_out->len : 0;

        if (n_fds > 0) {
            reply.type = TN_RPC_TYPE_REPLY_WITH_FDS;
        }
        frame = tn_rpc_frame_encode(&reply, call->proc->ret, call->ret, n_fds, &error);
        *ret_ok = frame != NULL;
    }
    if (*ret_ok) {
        note_success(call);
    } else {
        reply.type = TN_RPC_TYPE_REPLY;
        if (error == NULL) {
            g_set_error(&error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "%s failed without a reason",
                        call->proc->name);
        }
        frame = tn_rpc_frame_encode_error(&reply, error);
    }
    if (call->args != NULL) {
        xdr_free(call->proc->args.filter, call->args);
    }
    if (call->ret != NULL) {
        xdr_free(call->proc->ret.filter, call->ret);
    }
    return frame;
}

static void
call_run(gpointer data)
{
    TnRpcCall *call = data;
    TnRpcClient *client = call->client;
    gboolean high = call->proc->flags & TN_RPC_PROC_HIGH_PRIORITY;
    gboolean ok;
    GByteArray *frame = call_answer(call, &ok);

    if (call->stream != NULL) {
        tn_rpc_stream_start(call->stream, ok ? g_steal_pointer(&frame) : NULL);
    }
    if (frame != NULL) {
        tn_rpc_client_queue(client, frame, ok ? g_steal_pointer(&call->fds_out) : NULL);
    }
    tn_rpc_client_ref(client);
    call_free(call);
    tn_rpc_client_call_done(client, high ? TN_RPC_CALL_HIGH : TN_RPC_CALL_NORMAL);
    tn_rpc_client_unref(client);
}

void
tn_rpc_call_start_locked(TnRpcCall *call)
{
    tn_rpc_pool_push(call->client->server->pool, call_run, call,
                     call->proc->flags & TN_RPC_PROC_HIGH_PRIORITY);
}

/* ---- a frame on the I/O thread ---- */

/* Procedures that make sense before a connection is open. */
static gboolean
works_unopened(const TnRpcHeader *header, const TnRpcProc *proc)
{
    return header->program == TN_RPC_PROGRAM_REMOTE &&
           ((proc->flags & TN_RPC_PROC_NO_AUTH) ||
            header->procedure == TN_RPC_PROC_CONNECT_OPEN ||
            header->procedure == TN_RPC_PROC_CONNECT_CLOSE ||
            header->procedure == TN_RPC_PROC_CONNECT_SUPPORTS_FEATURE);
}

/* Whether @client may make this call at all. */
static gboolean
check_call(TnRpcClient *client, const TnRpcHeader *header, const TnRpcProc *proc, GError **error)
{
    if (proc == NULL || (proc->flags & TN_RPC_PROC_EVENT)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC, "unknown procedure: %d", header->procedure);
        return FALSE;
    }
    if (!(proc->flags & TN_RPC_PROC_NO_AUTH) && !g_atomic_int_get(&client->authenticated)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC, "authentication required");
        return FALSE;
    }
    if (!g_atomic_int_get(&client->opened) && !works_unopened(header, proc)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "hypervisor connection not open");
        return FALSE;
    }
    if (!(proc->flags & TN_RPC_PROC_READ_ONLY) && tn_rpc_client_is_read_only(client)) {
        g_autofree char *name = tn_rpc_proc_api_name(proc);

        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_DENIED,
                    "read only access prevents %s", name);
        return FALSE;
    }
    return TRUE;
}

/* Hands the descriptors that came with a call over to it. */
static void
take_fds(TnRpcClient *client, TnRpcCall *call, guint n_fds)
{
    if (n_fds == 0) {
        return;
    }
    call->fds_in = g_array_sized_new(FALSE, FALSE, sizeof(int), n_fds);
    g_array_append_vals(call->fds_in, client->rx_fds, n_fds);
    client->n_rx_fds -= n_fds;
    memmove(client->rx_fds, client->rx_fds + n_fds, client->n_rx_fds * sizeof(int));
}

static void
start_call(TnRpcClient *client, TnRpcCall *call)
{
    gboolean high = call->proc->flags & TN_RPC_PROC_HIGH_PRIORITY;
    gboolean instant = call->proc->flags & TN_RPC_PROC_INSTANT;

    g_mutex_lock(&client->lock);
    client->in_flight++;
    client->n_ours++;
    if (instant) {
        g_mutex_unlock(&client->lock);
        call_run(call);
        return;
    }
    if (call->proc->flags & TN_RPC_PROC_EXCLUSIVE) {
        client->exclusive = TRUE;
        if (client->n_ours == 1) {
            tn_rpc_call_start_locked(call);
        } else {
            client->alone = call;
        }
    } else if (high) {
        tn_rpc_call_start_locked(call);
    } else if (client->running < client->server->options.max_client_requests) {
        client->running++;
        tn_rpc_call_start_locked(call);
    } else {
        g_queue_push_tail(&client->waiting, call);
    }
    g_mutex_unlock(&client->lock);
}

/* The call is allowed and well-formed as far as its header goes. */
static gboolean
dispatch_own(TnRpcClient *client, const TnRpcProgram *program, const TnRpcFrame *frame,
             const TnRpcProc *proc, GError **error)
{
    const TnRpcHeader *header = &frame->header;
    const Slot *slot = &program->slots[header->procedure];
    TnRpcCall *call;

    if (slot->handler == NULL) {
        g_autofree char *name = tn_rpc_proc_api_name(proc);

        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_SUPPORT, "%s", name);
        return FALSE;
    }
    call = call_new(client, proc, slot, header);
    if (!tn_rpc_frame_decode_payload(frame, proc->args, call->args, error)) {
        call_free(call);
        return FALSE;
    }
    take_fds(client, call, frame->n_fds);
    start_call(client, call);
    return TRUE;
}

static gboolean
dispatch_call(TnRpcClient *client, const TnRpcProgram *program, const TnRpcFrame *frame,
              GError **error)
{
    const TnRpcHeader *header = &frame->header;
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(header->program, header->procedure);

    if (header->status != TN_RPC_STATUS_OK) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC, "Unexpected message status %d",
                    header->status);
        return FALSE;
    }
    if (!check_call(client, header, proc, error)) {
        return FALSE;
    }
    if (proc->owner != TN_RPC_OWNER_SELF) {
        tn_rpc_relay_call(client, proc->owner, proc, frame);
        return TRUE;
    }
    return dispatch_own(client, program, frame, proc, error);
}

static void
dispatch_stream(TnRpcClient *client, const TnRpcFrame *frame)
{
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(frame->header.program,
                                                     frame->header.procedure);

    if (proc != NULL && proc->owner != TN_RPC_OWNER_SELF) {
        tn_rpc_relay_stream(client, proc->owner, frame);
    } else if (!tn_rpc_stream_receive(client, frame)) {
        /* Sent before our end of the stream became known over there: no answer is waited for. */
        g_debug("client %" G_GUINT64_FORMAT ": data for a stream that has ended", client->id);
    }
}

static void
dispatch_keepalive(TnRpcClient *client, const TnRpcFrame *frame)
{
    TnRpcHeader pong = frame->header;

    if (pong.version != TN_RPC_PROGRAM_VERSION || pong.type != TN_RPC_TYPE_MESSAGE ||
        pong.procedure != KEEPALIVE_PING) {
        return;
    }
    pong.procedure = KEEPALIVE_PONG;
    tn_rpc_client_queue(client, tn_rpc_frame_encode_raw(&pong, NULL, 0), NULL);
}

static TnRpcProgram *
find_program(TnRpcServer *server, const TnRpcHeader *header)
{
    for (guint i = 0; i < G_N_ELEMENTS(server->programs); i++) {
        TnRpcProgram *program = server->programs[i];

        if (program != NULL && program->number == header->program &&
            header->version == TN_RPC_PROGRAM_VERSION) {
            return program;
        }
    }
    return NULL;
}

void
tn_rpc_program_dispatch(TnRpcClient *client, const TnRpcFrame *frame)
{
    const TnRpcHeader *header = &frame->header;
    g_autoptr(GError) error = NULL;
    TnRpcProgram *program;

    if (header->program == TN_RPC_PROGRAM_KEEPALIVE) {
        dispatch_keepalive(client, frame);
        return;
    }
    program = find_program(client->server, header);
    if (program == NULL) {
        g_set_error(&error, TN_VIR_ERROR, VIR_ERR_RPC, "Cannot find program %u version %u",
                    header->program, header->version);
        tn_rpc_client_reply_error(client, header, error);
        return;
    }
    switch (header->type) {
    case TN_RPC_TYPE_CALL:
    case TN_RPC_TYPE_CALL_WITH_FDS:
        if (!dispatch_call(client, program, frame, &error)) {
            tn_rpc_client_reply_error(client, header, error);
        }
        break;
    case TN_RPC_TYPE_STREAM:
    case TN_RPC_TYPE_STREAM_HOLE:
        dispatch_stream(client, frame);
        break;
    case TN_RPC_TYPE_REPLY:
    case TN_RPC_TYPE_REPLY_WITH_FDS:
    case TN_RPC_TYPE_MESSAGE:
        /* We ask nothing of clients, so this answers nothing; an answer would start a quarrel. */
        break;
    default:
        g_set_error(&error, TN_VIR_ERROR, VIR_ERR_RPC, "Unexpected message type %d",
                    header->type);
        tn_rpc_client_reply_error(client, header, error);
        break;
    }
}

gboolean
tn_rpc_program_dispatch_instead(TnRpcClient *client, const TnRpcFrame *frame)
{
    const TnRpcHeader *header = &frame->header;
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(header->program, header->procedure);
    const TnRpcProgram *program = find_program(client->server, header);
    g_autoptr(GError) error = NULL;

    if (program == NULL || proc == NULL || program->slots[header->procedure].handler == NULL) {
        return FALSE;
    }
    if (!dispatch_own(client, program, frame, proc, &error)) {
        tn_rpc_client_reply_error(client, header, error);
    }
    return TRUE;
}

/* ---- what handlers ask of their call ---- */

TnRpcClient *
tn_rpc_call_get_client(TnRpcCall *call)
{
    return call->client;
}

gpointer
tn_rpc_call_get_user_data(TnRpcCall *call)
{
    return call->user_data;
}

gint32
tn_rpc_call_get_procedure(TnRpcCall *call)
{
    return call->header.procedure;
}

guint
tn_rpc_call_get_n_fds(TnRpcCall *call)
{
    return call->fds_in != NULL ? call->fds_in->len : 0;
}

int
tn_rpc_call_take_fd(TnRpcCall *call, guint index)
{
    int *slot;
    int fd;

    g_return_val_if_fail(index < tn_rpc_call_get_n_fds(call), -1);
    slot = &g_array_index(call->fds_in, int, index);
    fd = *slot;
    *slot = -1;
    return fd;
}

void
tn_rpc_call_return_fd(TnRpcCall *call, int fd)
{
    if (call->fds_out == NULL) {
        call->fds_out = g_array_new(FALSE, FALSE, sizeof(int));
    }
    g_assert(call->fds_out->len < TN_RPC_FRAME_FDS_MAX);
    g_array_append_val(call->fds_out, fd);
}

gboolean
tn_rpc_call_client_is_gone(TnRpcCall *call)
{
    return g_atomic_int_get(&call->client->gone);
}
