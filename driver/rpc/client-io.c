/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's socket: reading frames as long as there is room for them, writing, and the end. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/error.h"
#include "driver/rpc/server-private.h"

void
tn_rpc_fds_free(GArray *fds)
{
    if (fds == NULL) {
        return;
    }
    for (guint i = 0; i < fds->len; i++) {
        int fd = g_array_index(fds, int, i);

        if (fd >= 0) {
            (void)close(fd);
        }
    }
    g_array_unref(fds);
}

static void
outgoing_free(TnRpcOutgoing *out)
{
    g_byte_array_unref(out->bytes);
    tn_rpc_fds_free(out->fds);
    g_free(out);
}

/* ---- writing ---- */

/* Each descriptor travels with a byte of its own, after the frame. */
static gssize
send_fd(int socket_fd, int fd)
{
    char byte = 0;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    return sendmsg(socket_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends what the socket takes of @out; TRUE when nothing of it is left. */
static gboolean
send_outgoing(TnRpcClient *client, TnRpcOutgoing *out, gboolean *ret_broken)
{
    gssize n;

    while (out->offset < out->bytes->len) {
        n = send(client->io.fd, out->bytes->data + out->offset, out->bytes->len - out->offset,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            *ret_broken = errno != EAGAIN;
            return FALSE;
        }
        out->offset += (gsize)n;
        client->tx_bytes -= (gsize)n;
    }
    while (out->fds != NULL && out->fds_sent < out->fds->len) {
        n = send_fd(client->io.fd, g_array_index(out->fds, int, out->fds_sent));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            *ret_broken = errno != EAGAIN;
            return FALSE;
        }
        out->fds_sent++;
    }
    return TRUE;
}

static void
update_events_locked(TnRpcClient *client)
{
    guint32 events = 0;

    if (!client->paused) {
        events |= EPOLLIN;
    }
    if (!g_queue_is_empty(&client->tx)) {
        events |= EPOLLOUT;
    }
    tn_rpc_io_modify(client->server, &client->io, events);
}

static void
transmit_locked(TnRpcClient *client)
{
    gboolean broken = FALSE;
    TnRpcOutgoing *out;

    while ((out = g_queue_peek_head(&client->tx)) != NULL &&
           send_outgoing(client, out, &broken)) {
        outgoing_free(g_queue_pop_head(&client->tx));
    }
    if (broken) {
        (void)shutdown(client->io.fd, SHUT_RDWR);
    }
    update_events_locked(client);
}

void
tn_rpc_client_queue(TnRpcClient *client, GByteArray *frame, GArray *fds)
{
    TnRpcOutgoing *out = g_new0(TnRpcOutgoing, 1);

    out->bytes = frame;
    out->fds = fds;
    g_mutex_lock(&client->lock);
    if (client->closed) {
        g_mutex_unlock(&client->lock);
        outgoing_free(out);
        return;
    }
    client->tx_bytes += frame->len;
    g_queue_push_tail(&client->tx, out);
    /* Mostly the socket takes it at once, which saves waking the I/O thread for every reply. */
    if (client->tx.length == 1) {
        transmit_locked(client);
    }
    g_mutex_unlock(&client->lock);
}

gsize
tn_rpc_client_unsent(TnRpcClient *client)
{
    gsize n;

    g_mutex_lock(&client->lock);
    n = client->tx_bytes;
    g_mutex_unlock(&client->lock);
    return n;
}

void
tn_rpc_client_reply_error(TnRpcClient *client, const TnRpcHeader *header, const GError *error)
{
    TnRpcHeader reply = *header;

    reply.type = header->type == TN_RPC_TYPE_STREAM || header->type == TN_RPC_TYPE_STREAM_HOLE
                     ? TN_RPC_TYPE_STREAM
                     : TN_RPC_TYPE_REPLY;
    tn_rpc_client_queue(client, tn_rpc_frame_encode_error(&reply, error), NULL);
}

/* ---- reading ---- */

static gboolean
may_read_locked(TnRpcClient *client)
{
    return client->in_flight < TN_RPC_CLIENT_CALLS_MAX && !client->exclusive &&
           client->tx_bytes < TN_RPC_CLIENT_UNSENT_HIGH && client->n_full_outlets == 0;
}

/* Whether another frame may be worked on; if not, the socket is not read until something has
 * been got rid of. */
static gboolean
may_read(TnRpcClient *client)
{
    gboolean may;

    g_mutex_lock(&client->lock);
    may = may_read_locked(client);
    if (may == client->paused) {
        client->paused = !may;
        update_events_locked(client);
    }
    g_mutex_unlock(&client->lock);
    return may;
}

static void
drop_rx_fds(TnRpcClient *client)
{
    for (guint i = 0; i < client->n_rx_fds; i++) {
        (void)close(client->rx_fds[i]);
    }
    client->n_rx_fds = 0;
}

/* Works on the frames that have arrived, as many as there is room for. */
static void
process_input(TnRpcClient *client)
{
    G_GNUC_UNUSED g_autoptr(TnRpcClient) keep = tn_rpc_client_ref(client);

    while (!client->closed && may_read(client)) {
        g_autoptr(GError) error = NULL;
        TnRpcFrame frame;

        client->decoder.max_frame = g_atomic_int_get(&client->authenticated)
                                        ? TN_RPC_FRAME_MAX
                                        : TN_RPC_FRAME_ANONYMOUS_MAX;
        switch (tn_rpc_decoder_next(&client->decoder, &frame, &error)) {
        case TN_RPC_DECODE_MORE:
            return;
        case TN_RPC_DECODE_ERROR:
            tn_rpc_client_disconnect(client, error->message);
            return;
        case TN_RPC_DECODE_FRAME:
            break;
        }
        if (frame.n_fds > client->n_rx_fds) {
            tn_rpc_client_disconnect(client, "it announced descriptors it did not send");
            return;
        }
        tn_rpc_program_dispatch(client, &frame);
        /* Those that nobody took, and those that came with frames that carry none. */
        drop_rx_fds(client);
    }
    if (!client->closed) {
        tn_rpc_decoder_hold(&client->decoder);
    }
}

void
tn_rpc_client_reconsider(TnRpcClient *client)
{
    if (client->closed || !may_read(client)) {
        return;
    }
    if (tn_rpc_decoder_has_input(&client->decoder)) {
        process_input(client);
    }
}

static void
collect_fds(TnRpcClient *client, struct msghdr *msg)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        gsize n;

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (gsize i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
            if (client->n_rx_fds < G_N_ELEMENTS(client->rx_fds)) {
                client->rx_fds[client->n_rx_fds++] = fd;
            } else {
                (void)close(fd);
            }
        }
    }
}

static void
read_socket(TnRpcClient *client)
{
    TnRpcServer *server = client->server;
    struct iovec iov = { .iov_base = server->scratch, .iov_len = TN_RPC_READ_SIZE };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(TN_RPC_FRAME_FDS_MAX * sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    gssize n = recvmsg(client->io.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        tn_rpc_client_disconnect(client, n == 0 ? "it left" : g_strerror(errno));
        return;
    }
    if (msg.msg_controllen > 0) {
        collect_fds(client, &msg);
    }
    client->last_heard = g_get_monotonic_time();
    client->pings = 0;
    tn_rpc_decoder_set_input(&client->decoder, server->scratch, (gsize)n);
    process_input(client);
}

static void
client_ready(TnRpcIo *io, guint32 events)
{
    g_autoptr(TnRpcClient) client = tn_rpc_client_ref((TnRpcClient *)io);

    if (events & EPOLLOUT) {
        gboolean has_room;

        g_mutex_lock(&client->lock);
        if (!client->closed) {
            transmit_locked(client);
        }
        has_room = !client->closed && client->tx_bytes < TN_RPC_CLIENT_UNSENT_HIGH;
        g_mutex_unlock(&client->lock);
        if (has_room) {
            tn_rpc_stream_client_has_room(client);
            tn_rpc_relay_client_has_room(client);
            tn_rpc_client_reconsider(client);
        }
    }
    if (client->closed) {
        return;
    }
    if ((events & EPOLLIN) && !client->paused) {
        read_socket(client);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        tn_rpc_client_disconnect(client, "it left");
    }
}

/* ---- the end ---- */

static void
client_removed(gpointer data)
{
    TnRpcClient *client = data;

    tn_rpc_server_remove_client(client->server, client);
}

static void
finish_client(gpointer data)
{
    TnRpcClient *client = data;

    tn_rpc_client_set_data(client, NULL, NULL);
    tn_rpc_server_post(client->server, client_removed, client);
}

/* The last call has returned and the connection is closed: what is left is the driver's data. */
static void
maybe_finish_locked(TnRpcClient *client)
{
    if (!client->closed || client->in_flight > 0 || client->finished) {
        return;
    }
    client->finished = TRUE;
    tn_rpc_pool_push(client->server->pool, finish_client, client, FALSE);
}

void
tn_rpc_client_disconnect(TnRpcClient *client, const char *why)
{
    TnRpcOutgoing *out;
    int fd = client->io.fd;

    if (client->closed) {
        return;
    }
    g_debug("client %" G_GUINT64_FORMAT ": closing: %s", client->id, why);
    g_atomic_int_set(&client->gone, TRUE);
    tn_rpc_server_not_anonymous(client->server, client);
    g_mutex_lock(&client->lock);
    client->closed = TRUE;
    tn_rpc_io_unwatch(client->server, &client->io);
    (void)close(fd);
    while ((out = g_queue_pop_head(&client->tx)) != NULL) {
        outgoing_free(out);
    }
    client->tx_bytes = 0;
    g_mutex_unlock(&client->lock);
    drop_rx_fds(client);
    tn_rpc_stream_end_all(client);
    tn_rpc_relay_end_all(client);
    g_mutex_lock(&client->lock);
    maybe_finish_locked(client);
    g_mutex_unlock(&client->lock);
}

static void
reconsider_posted(gpointer data)
{
    TnRpcClient *client = data;

    tn_rpc_client_reconsider(client);
    tn_rpc_client_unref(client);
}

void
tn_rpc_client_outlet_full(TnRpcClient *client)
{
    client->n_full_outlets++;
}

void
tn_rpc_client_outlet_free(TnRpcClient *client)
{
    client->n_full_outlets--;
    /* Later: this may have been found out while working on a frame of this client. */
    if (client->n_full_outlets == 0 && !client->closed) {
        tn_rpc_server_post(client->server, reconsider_posted, tn_rpc_client_ref(client));
    }
}

void
tn_rpc_client_call_done(TnRpcClient *client, TnRpcCallKind kind)
{
    TnRpcCall *next = NULL;

    g_mutex_lock(&client->lock);
    client->in_flight--;
    if (kind != TN_RPC_CALL_RELAYED) {
        client->n_ours--;
    }
    if (kind == TN_RPC_CALL_NORMAL) {
        client->running--;
        next = g_queue_pop_head(&client->waiting);
    }
    if (next != NULL) {
        client->running++;
        tn_rpc_call_start_locked(next);
    }
    if (client->alone != NULL && client->n_ours == 1) {
        tn_rpc_call_start_locked(g_steal_pointer(&client->alone));
    } else if (client->n_ours == 0) {
        client->exclusive = FALSE;
    }
    if (client->paused && !client->closed && may_read_locked(client)) {
        tn_rpc_server_post(client->server, reconsider_posted, tn_rpc_client_ref(client));
    }
    maybe_finish_locked(client);
    g_mutex_unlock(&client->lock);
}

/* ---- the beginning ---- */

/* When process @pid started (proc(5), field 22 of stat), 0 if that cannot be told. */
static guint64
read_start_time(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    const char *rest;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    /* The second field, the command, may hold blanks and brackets itself. */
    rest = strrchr(text, ')');
    if (rest == NULL) {
        return 0;
    }
    fields = g_strsplit(rest + 2, " ", 22);
    return g_strv_length(fields) < 20 ? 0 : g_ascii_strtoull(fields[19], NULL, 10);
}

static gboolean
read_identity(int fd, TnRpcIdentity *ret_identity)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        return FALSE;
    }
    ret_identity->uid = peer.uid;
    ret_identity->gid = peer.gid;
    ret_identity->pid = peer.pid;
    return TRUE;
}

TnRpcClient *
tn_rpc_client_new(TnRpcServer *server, int fd, gboolean read_only, guint64 id)
{
    TnRpcIdentity identity = { 0 };
    TnRpcClient *client;

    if (!read_identity(fd, &identity)) {
        g_message("client %" G_GUINT64_FORMAT ": turned away: %s", id, g_strerror(errno));
        (void)close(fd);
        return NULL;
    }
    if (server->options.session && identity.uid != 0 && identity.uid != geteuid()) {
        g_debug("client %" G_GUINT64_FORMAT ": turned away: user %u has no business here", id,
                identity.uid);
        (void)close(fd);
        return NULL;
    }
    client = g_new0(TnRpcClient, 1);
    client->ref_count = 1;
    client->server = server;
    client->id = id;
    client->read_only_socket = read_only;
    client->read_only = read_only;
    client->authenticated = tn_rpc_auth_is_trusted(server, &identity, read_only);
    client->anonymous = !client->authenticated;
    if (client->anonymous) {
        identity.start_time = read_start_time(identity.pid);
    }
    client->identity = identity;
    client->link.data = client;
    client->last_heard = g_get_monotonic_time();
    g_mutex_init(&client->lock);
    tn_rpc_decoder_init(&client->decoder, TN_RPC_FRAME_ANONYMOUS_MAX);
    client->io.fd = -1;
    client->io.ready = client_ready;
    if (tn_rpc_io_watch(server, &client->io, fd, EPOLLIN) < 0) {
        (void)close(fd);
        tn_rpc_client_unref(client);
        return NULL;
    }
    return client;
}
