/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A synchronous client of the protocol. */
#include "driver/rpc/caller.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/rpc/error.h"
#include "driver/rpc/frame.h"

struct TnRpcCaller {
    int fd;
    int timeout_ms;
    guint32 last_serial;
};

static void
set_system_error(GError **error, int code, const char *what)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "%s: %s", what, g_strerror(code));
}

TnRpcCaller *
tn_rpc_caller_connect(const char *path, int timeout_ms, GError **error)
{
    g_autoptr(TnRpcCaller) caller = g_new0(TnRpcCaller, 1);
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    caller->timeout_ms = timeout_ms;
    caller->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (caller->fd < 0) {
        set_system_error(error, errno, "cannot make a socket");
        return NULL;
    }
    if (strlen(path) >= sizeof(address.sun_path)) {
        set_system_error(error, ENAMETOOLONG, path);
        return NULL;
    }
    strcpy(address.sun_path, path);
    /* A unix socket connects at once or not at all (EAGAIN: its backlog is full). */
    if (connect(caller->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot connect to '%s': %s", path,
                    g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&caller);
}

/* Waits until the socket is ready, not beyond @deadline (monotonic microseconds). */
static gboolean
wait_ready(TnRpcCaller *caller, short events, gint64 deadline, GError **error)
{
    struct pollfd pfd = { .fd = caller->fd, .events = events };
    gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;
    int n = poll(&pfd, 1, (int)CLAMP(left, 0, caller->timeout_ms));

    if (n < 0 && errno != EINTR) {
        set_system_error(error, errno, "cannot wait for the other daemon");
        return FALSE;
    }
    if (n == 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_TIMEOUT,
                    "the other daemon did not answer within %d ms", caller->timeout_ms);
        return FALSE;
    }
    return TRUE;
}

static gboolean
write_all(TnRpcCaller *caller, const guint8 *bytes, gsize len, gint64 deadline, GError **error)
{
    while (len > 0) {
        gssize n = send(caller->fd, bytes, len, MSG_NOSIGNAL);

        if (n >= 0) {
            bytes += n;
            len -= (gsize)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            set_system_error(error, errno, "cannot write to the other daemon");
            return FALSE;
        } else if (!wait_ready(caller, POLLOUT, deadline, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
read_all(TnRpcCaller *caller, guint8 *bytes, gsize len, gint64 deadline, GError **error)
{
    while (len > 0) {
        gssize n = recv(caller->fd, bytes, len, 0);

        if (n > 0) {
            bytes += n;
            len -= (gsize)n;
        } else if (n == 0) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC, "the other daemon closed the connection");
            return FALSE;
        } else if (errno != EAGAIN && errno != EINTR) {
            set_system_error(error, errno, "cannot read from the other daemon");
            return FALSE;
        } else if (!wait_ready(caller, POLLIN, deadline, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Reads exactly one frame: what follows belongs to whoever takes the socket over. */
static guint8 *
read_frame(TnRpcCaller *caller, TnRpcDecoder *decoder, TnRpcFrame *ret_frame, gint64 deadline,
           GError **error)
{
    g_autofree guint8 *bytes = g_malloc(TN_RPC_FRAME_HEADER_SIZE);
    guint32 length;

    if (!read_all(caller, bytes, TN_RPC_FRAME_LENGTH_SIZE, deadline, error)) {
        return NULL;
    }
    memcpy(&length, bytes, sizeof(length));
    length = GUINT32_FROM_BE(length);
    if (length < TN_RPC_FRAME_HEADER_SIZE || length > TN_RPC_FRAME_ANONYMOUS_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC,
                    "the other daemon sent a packet of %u bytes", length);
        return NULL;
    }
    bytes = g_realloc(bytes, length);
    if (!read_all(caller, bytes + TN_RPC_FRAME_LENGTH_SIZE, length - TN_RPC_FRAME_LENGTH_SIZE,
                  deadline, error)) {
        return NULL;
    }
    tn_rpc_decoder_set_input(decoder, bytes, length);
    if (tn_rpc_decoder_next(decoder, ret_frame, error) != TN_RPC_DECODE_FRAME) {
        if (error != NULL && *error == NULL) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_RPC,
                        "the other daemon sent descriptors nobody asked for");
        }
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

static gboolean
take_reply(const TnRpcFrame *frame, const TnRpcProc *proc, void *ret, GError **error)
{
    TnRpcPayload error_payload = { (xdrproc_t)xdr_TnRpcWireError, sizeof(TnRpcWireError) };
    TnRpcWireError wire = { 0 };

    if (frame->header.status == TN_RPC_STATUS_OK) {
        return tn_rpc_frame_decode_payload(frame, proc->ret, ret, error);
    }
    if (tn_rpc_frame_decode_payload(frame, error_payload, &wire, error)) {
        g_propagate_error(error, tn_rpc_error_from_wire(&wire));
        xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
    }
    return FALSE;
}

gboolean
tn_rpc_caller_call(TnRpcCaller *caller, guint32 program, gint32 procedure, void *args, void *ret,
                   GError **error)
{
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(program, procedure);
    gint64 deadline = g_get_monotonic_time() + caller->timeout_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GByteArray) call = NULL;
    TnRpcHeader header = {
        .program = program,
        .version = TN_RPC_PROGRAM_VERSION,
        .procedure = procedure,
        .type = TN_RPC_TYPE_CALL,
        .serial = ++caller->last_serial,
        .status = TN_RPC_STATUS_OK,
    };

    g_return_val_if_fail(proc != NULL, FALSE);
    call = tn_rpc_frame_encode(&header, proc->args, args, 0, error);
    if (call == NULL || !write_all(caller, call->data, call->len, deadline, error)) {
        return FALSE;
    }
    for (;;) {
        g_autofree guint8 *bytes = NULL;
        TnRpcDecoder decoder;
        TnRpcFrame frame;
        gboolean ok;

        tn_rpc_decoder_init(&decoder, TN_RPC_FRAME_ANONYMOUS_MAX);
        bytes = read_frame(caller, &decoder, &frame, deadline, error);
        if (bytes == NULL) {
            tn_rpc_decoder_clear(&decoder);
            return FALSE;
        }
        ok = frame.header.type == TN_RPC_TYPE_REPLY && frame.header.serial == header.serial;
        if (ok) {
            ok = take_reply(&frame, proc, ret, error);
            tn_rpc_decoder_clear(&decoder);
            return ok;
        }
        tn_rpc_decoder_clear(&decoder);
    }
}

int
tn_rpc_caller_steal_fd(TnRpcCaller *caller)
{
    int fd = caller->fd;

    g_free(caller);
    return fd;
}

void
tn_rpc_caller_free(TnRpcCaller *caller)
{
    if (caller == NULL) {
        return;
    }
    if (caller->fd >= 0) {
        (void)close(caller->fd);
    }
    g_free(caller);
}
