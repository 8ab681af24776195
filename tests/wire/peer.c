/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other side of the wire, for tests. */
#include "tests/wire/peer.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/rpc/error.h"
#include "driver/rpc/protocol/connect.h"
#include "driver/rpc/protocol/procedures.h"

struct Peer {
    TnRpcServerOptions options;
    const TnRpcHandlerRow *rows;
    gpointer user_data;
    char *folder;
    char *path;
    char *path_ro;
    GThread *thread;
    GMainContext *context;
    gint stop; /* atomic */

    GMutex lock;
    GCond changed;
    gboolean ready;
    guint n_clients;
};

static void
clients_changed(TnRpcServer *server, guint n_clients, gpointer data)
{
    Peer *peer = data;

    g_mutex_lock(&peer->lock);
    peer->n_clients = n_clients;
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

static gpointer
server_main(gpointer data)
{
    Peer *peer = data;
    g_autoptr(GError) error = NULL;
    TnRpcServer *server;
    TnRpcProgram *program = tn_rpc_program_new(TN_RPC_PROGRAM_REMOTE);
    gsize n_rows = 0;

    g_main_context_push_thread_default(peer->context);
    server = tn_rpc_server_new(&peer->options, &error);
    g_assert_no_error(error);
    while (peer->rows != NULL && peer->rows[n_rows].handler != NULL) {
        n_rows++;
    }
    tn_rpc_program_add_handlers(program, peer->rows, n_rows, peer->user_data);
    tn_rpc_server_take_program(server, program);
    tn_rpc_server_take_program(server, tn_rpc_program_new(TN_RPC_PROGRAM_QEMU));
    tn_rpc_server_set_clients_changed(server, clients_changed, peer);
    (void)tn_rpc_server_listen_path(server, peer->path, 0600, FALSE, &error);
    g_assert_no_error(error);
    (void)tn_rpc_server_listen_path(server, peer->path_ro, 0600, TRUE, &error);
    g_assert_no_error(error);

    g_mutex_lock(&peer->lock);
    peer->ready = TRUE;
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
    while (!g_atomic_int_get(&peer->stop)) {
        g_main_context_iteration(peer->context, TRUE);
    }
    tn_rpc_server_free(server);
    g_main_context_pop_thread_default(peer->context);
    return NULL;
}

Peer *
peer_new(const TnRpcServerOptions *options, const TnRpcHandlerRow *rows, gpointer user_data)
{
    Peer *peer = g_new0(Peer, 1);

    (void)signal(SIGPIPE, SIG_IGN);
    peer->folder = g_dir_make_tmp("tn-wire-XXXXXX", NULL);
    g_assert_nonnull(peer->folder);
    peer->path = g_build_filename(peer->folder, "sock", NULL);
    peer->path_ro = g_build_filename(peer->folder, "sock-ro", NULL);
    peer->options = options != NULL ? *options
                                    : (TnRpcServerOptions)TN_RPC_SERVER_OPTIONS_DEFAULT;
    if (peer->options.runtime_dir == NULL) {
        peer->options.runtime_dir = peer->folder;
    }
    peer->rows = rows;
    peer->user_data = user_data;
    peer->context = g_main_context_new();
    g_mutex_init(&peer->lock);
    g_cond_init(&peer->changed);
    peer->thread = g_thread_new("server", server_main, peer);
    g_mutex_lock(&peer->lock);
    while (!peer->ready) {
        g_cond_wait(&peer->changed, &peer->lock);
    }
    g_mutex_unlock(&peer->lock);
    return peer;
}

void
peer_free(Peer *peer)
{
    g_atomic_int_set(&peer->stop, TRUE);
    g_main_context_wakeup(peer->context);
    g_thread_join(peer->thread);
    g_assert_false(g_file_test(peer->path, G_FILE_TEST_EXISTS));
    g_main_context_unref(peer->context);
    g_mutex_clear(&peer->lock);
    g_cond_clear(&peer->changed);
    (void)g_rmdir(peer->folder);
    g_free(peer->path);
    g_free(peer->path_ro);
    g_free(peer->folder);
    g_free(peer);
}

const char *
peer_get_folder(Peer *peer)
{
    return peer->folder;
}

guint
peer_get_n_clients(Peer *peer)
{
    guint n;

    g_mutex_lock(&peer->lock);
    n = peer->n_clients;
    g_mutex_unlock(&peer->lock);
    return n;
}

void
peer_wait_clients(Peer *peer, guint n)
{
    gint64 deadline = g_get_monotonic_time() + PEER_LIMIT_MS * G_TIME_SPAN_MILLISECOND;

    g_mutex_lock(&peer->lock);
    while (peer->n_clients != n) {
        g_assert_true(g_cond_wait_until(&peer->changed, &peer->lock, deadline));
    }
    g_mutex_unlock(&peer->lock);
}

static int
connect_path(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = PEER_LIMIT_MS / 1000 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return fd;
}

int
peer_connect(Peer *peer)
{
    return connect_path(peer->path);
}

int
peer_connect_read_only(Peer *peer)
{
    return connect_path(peer->path_ro);
}

int
peer_open(Peer *peer)
{
    char *uri = g_strdup("tenon:///system");
    TnRpcConnectOpenArgs args = { .name = &uri };
    int fd = peer_connect(peer);

    peer_send_call(fd, TN_RPC_PROC_CONNECT_OPEN, 1000001, &args);
    peer_expect_reply(fd, TN_RPC_PROC_CONNECT_OPEN, 1000001, NULL);
    g_free(uri);
    return fd;
}

/* ---- bytes ---- */

static GByteArray *
parse_hex(const char *hex)
{
    GByteArray *bytes = g_byte_array_new();
    int high = -1;

    for (; *hex != '\0'; hex++) {
        int digit = g_ascii_xdigit_value(*hex);

        if (*hex == ' ') {
            continue;
        }
        g_assert_cmpint(digit, >=, 0);
        if (high < 0) {
            high = digit;
        } else {
            guint8 byte = (guint8)(high << 4 | digit);

            g_byte_array_append(bytes, &byte, 1);
            high = -1;
        }
    }
    g_assert_cmpint(high, <, 0);
    return bytes;
}

void
peer_send_bytes(int fd, const void *bytes, gsize len)
{
    const guint8 *at = bytes;

    while (len > 0) {
        gssize n = send(fd, at, len, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        at += n;
        len -= (gsize)n;
    }
}

void
peer_read_bytes(int fd, void *bytes, gsize len)
{
    guint8 *at = bytes;

    while (len > 0) {
        gssize n = recv(fd, at, len, 0);

        if (n <= 0) {
            g_error("%" G_GSIZE_FORMAT " bytes short: %s", len, n == 0 ? "end" : g_strerror(errno));
        }
        at += n;
        len -= (gsize)n;
    }
}

void
peer_send_hex(int fd, const char *hex)
{
    g_autoptr(GByteArray) bytes = parse_hex(hex);

    peer_send_bytes(fd, bytes->data, bytes->len);
}

static char *
to_hex(const guint8 *bytes, gsize len)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < len; i++) {
        g_string_append_printf(text, "%s%02x", i > 0 && i % 4 == 0 ? " " : "", bytes[i]);
    }
    return g_string_free(text, FALSE);
}

void
peer_expect_hex(int fd, const char *hex)
{
    g_autoptr(GByteArray) expected = parse_hex(hex);
    g_autofree guint8 *actual = g_malloc(expected->len);
    g_autofree char *expected_text = to_hex(expected->data, expected->len);
    g_autofree char *actual_text = NULL;

    peer_read_bytes(fd, actual, expected->len);
    actual_text = to_hex(actual, expected->len);
    g_assert_cmpstr(actual_text, ==, expected_text);
}

void
peer_expect_end(int fd)
{
    char byte;
    gssize n = recv(fd, &byte, 1, 0);

    g_assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* ---- frames ---- */

void
peer_send_call(int fd, gint32 procedure, guint32 serial, const void *args)
{
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, procedure);
    TnRpcHeader header = {
        .program = TN_RPC_PROGRAM_REMOTE,
        .version = TN_RPC_PROGRAM_VERSION,
        .procedure = procedure,
        .type = TN_RPC_TYPE_CALL,
        .serial = serial,
    };
    TnRpcPayload none = { 0 };
    g_autoptr(GByteArray) frame = tn_rpc_frame_encode(&header, args != NULL ? proc->args : none,
                                                      args, 0, NULL);

    g_assert_nonnull(frame);
    peer_send_bytes(fd, frame->data, frame->len);
}

void
peer_send_stream(int fd, gint32 procedure, guint32 serial, TnRpcStatus status, const void *data,
                 gsize len)
{
    TnRpcHeader header = {
        .program = TN_RPC_PROGRAM_REMOTE,
        .version = TN_RPC_PROGRAM_VERSION,
        .procedure = procedure,
        .type = TN_RPC_TYPE_STREAM,
        .serial = serial,
        .status = status,
    };
    g_autoptr(GByteArray) frame = tn_rpc_frame_encode_raw(&header, data, len);

    peer_send_bytes(fd, frame->data, frame->len);
}

void
peer_read_frame(int fd, PeerFrame *ret_frame)
{
    TnRpcDecoder decoder;
    guint32 length;

    peer_read_bytes(fd, &length, sizeof(length));
    ret_frame->bytes = g_malloc(GUINT32_FROM_BE(length));
    memcpy(ret_frame->bytes, &length, sizeof(length));
    length = GUINT32_FROM_BE(length);
    peer_read_bytes(fd, ret_frame->bytes + 4, length - 4);
    tn_rpc_decoder_init(&decoder, TN_RPC_FRAME_MAX);
    /* Descriptors travel with bytes after the frame; whoever expects them reads these. */
    tn_rpc_decoder_set_input(&decoder, ret_frame->bytes, length);
    if (tn_rpc_decoder_next(&decoder, &ret_frame->frame, NULL) != TN_RPC_DECODE_FRAME) {
        guint8 type = ret_frame->bytes[19];

        g_assert_cmpint(type, ==, TN_RPC_TYPE_REPLY_WITH_FDS);
        ret_frame->frame.header.type = type;
        ret_frame->frame.n_fds = ret_frame->bytes[31];
    }
    tn_rpc_decoder_clear(&decoder);
}

void
peer_frame_clear(PeerFrame *frame)
{
    g_clear_pointer(&frame->bytes, g_free);
}

static char *
error_text(const TnRpcFrame *frame, int *ret_code)
{
    TnRpcPayload payload = { (xdrproc_t)xdr_TnRpcWireError, sizeof(TnRpcWireError) };
    TnRpcWireError wire = { 0 };
    char *text;

    g_assert_true(tn_rpc_frame_decode_payload(frame, payload, &wire, NULL));
    *ret_code = wire.code;
    text = g_strdup(wire.message != NULL ? *wire.message : NULL);
    xdr_free((xdrproc_t)xdr_TnRpcWireError, &wire);
    return text;
}

void
peer_expect_reply(int fd, gint32 procedure, guint32 serial, void *ret)
{
    const TnRpcProc *proc = tn_rpc_proc_table_lookup(TN_RPC_PROGRAM_REMOTE, procedure);
    g_auto(PeerFrame) reply = { 0 };

    peer_read_frame(fd, &reply);
    if (reply.frame.header.status == TN_RPC_STATUS_ERROR) {
        int code;
        g_autofree char *text = error_text(&reply.frame, &code);

        g_error("call %d failed with code %d: %s", procedure, code, text);
    }
    g_assert_cmpint(reply.frame.header.procedure, ==, procedure);
    g_assert_cmpint(reply.frame.header.type, ==, TN_RPC_TYPE_REPLY);
    g_assert_cmpuint(reply.frame.header.serial, ==, serial);
    g_assert_cmpint(reply.frame.header.status, ==, TN_RPC_STATUS_OK);
    if (ret != NULL) {
        g_assert_true(tn_rpc_frame_decode_payload(&reply.frame, proc->ret, ret, NULL));
    }
}

int
peer_expect_error(int fd, guint32 serial, char **ret_message)
{
    g_auto(PeerFrame) reply = { 0 };
    g_autofree char *text = NULL;
    int code;

    peer_read_frame(fd, &reply);
    g_assert_cmpuint(reply.frame.header.serial, ==, serial);
    g_assert_cmpint(reply.frame.header.status, ==, TN_RPC_STATUS_ERROR);
    text = error_text(&reply.frame, &code);
    if (ret_message != NULL) {
        *ret_message = g_steal_pointer(&text);
    }
    return code;
}

int
peer_receive_fd(int fd)
{
    char byte;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    struct cmsghdr *cmsg;
    int received;

    g_assert_cmpint(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC), ==, 1);
    cmsg = CMSG_FIRSTHDR(&msg);
    g_assert_nonnull(cmsg);
    g_assert_cmpint(cmsg->cmsg_type, ==, SCM_RIGHTS);
    memcpy(&received, CMSG_DATA(cmsg), sizeof(int));
    return received;
}
