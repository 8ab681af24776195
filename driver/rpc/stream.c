/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: bytes between a client and a descriptor, with flow control both ways. */
#include "driver/rpc/stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/server-private.h"

/* Bytes read from the descriptor for one frame: below what the oldest clients accept (256 KiB). */
#define CHUNK 65536
/* Chunks of a plain file sent before the other clients get their turn. */
#define CHUNKS_A_TURN 16

typedef struct {
    TnRpcIo io;
    TnRpcStream *stream;
    gboolean plain; /* a regular file: always ready, unknown to epoll */
} Side;

struct TnRpcStream {
    gint ref_count; /* atomic */
    TnRpcClient *client;
    TnRpcHeader header;
    TnRpcStreamClosed closed;
    gpointer user_data;

    /* I/O thread, once started */
    int read_fd;
    int write_fd;
    Side reader;
    Side writer; /* not used when both descriptors are the same */
    gboolean open;
    gboolean ended;
    gboolean reading;   /* read_fd has not come to its end */
    gboolean finishing; /* the client will send no more */
    gboolean full;      /* counted as a full outlet */
    GByteArray *unwritten;
    gsize written; /* of unwritten */

    GMutex lock;
    GError *aborted; /* under lock */
};

typedef struct {
    TnRpcStream *stream;
    GByteArray *reply;
} Start;

TnRpcStream *
tn_rpc_stream_ref(TnRpcStream *stream)
{
    g_atomic_int_inc(&stream->ref_count);
    return stream;
}

void
tn_rpc_stream_unref(TnRpcStream *stream)
{
    if (stream == NULL || !g_atomic_int_dec_and_test(&stream->ref_count)) {
        return;
    }
    g_clear_error(&stream->aborted);
    g_clear_pointer(&stream->unwritten, g_byte_array_unref);
    tn_rpc_client_unref(stream->client);
    g_mutex_clear(&stream->lock);
    g_free(stream);
}

static Side *
write_side(TnRpcStream *stream)
{
    return stream->write_fd == stream->read_fd ? &stream->reader : &stream->writer;
}

static gsize
n_unwritten(const TnRpcStream *stream)
{
    return stream->unwritten->len - stream->written;
}

/* ---- frames to the client ---- */

static void
send_frame(TnRpcStream *stream, TnRpcStatus status, const void *data, gsize len)
{
    TnRpcHeader header = stream->header;

    header.type = TN_RPC_TYPE_STREAM;
    header.status = status;
    tn_rpc_client_queue(stream->client, tn_rpc_frame_encode_raw(&header, data, len), NULL);
}

static void
close_fds(TnRpcStream *stream)
{
    TnRpcServer *server = stream->client->server;

    tn_rpc_io_unwatch(server, &stream->reader.io);
    tn_rpc_io_unwatch(server, &stream->writer.io);
    if (stream->write_fd >= 0 && stream->write_fd != stream->read_fd) {
        (void)close(stream->write_fd);
    }
    if (stream->read_fd >= 0) {
        (void)close(stream->read_fd);
    }
    stream->read_fd = -1;
    stream->write_fd = -1;
}

/* The end of a stream in whatever way; the caller has told the client. */
static void
end_stream(TnRpcStream *stream)
{
    G_GNUC_UNUSED g_autoptr(TnRpcStream) keep = tn_rpc_stream_ref(stream);

    if (stream->ended) {
        return;
    }
    stream->ended = TRUE;
    close_fds(stream);
    if (stream->full) {
        stream->full = FALSE;
        tn_rpc_client_outlet_free(stream->client);
    }
    if (stream->open) {
        stream->open = FALSE;
        g_hash_table_remove(stream->client->streams, GUINT_TO_POINTER(stream->header.serial));
    }
    if (stream->closed != NULL) {
        stream->closed(stream, stream->user_data);
    }
}

static void
abort_stream(TnRpcStream *stream, const GError *error)
{
    TnRpcHeader header = stream->header;

    header.type = TN_RPC_TYPE_STREAM;
    tn_rpc_client_queue(stream->client, tn_rpc_frame_encode_error(&header, error), NULL);
    end_stream(stream);
}

static void
abort_with_errno(TnRpcStream *stream, const char *what, int code)
{
    g_autoptr(GError) error = g_error_new(TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "%s: %s", what,
                                          g_strerror(code));

    abort_stream(stream, error);
}

/* ---- from the descriptor to the client ---- */

static void
update_events(TnRpcStream *stream)
{
    TnRpcServer *server = stream->client->server;
    gboolean has_room = tn_rpc_client_unsent(stream->client) < TN_RPC_CLIENT_UNSENT_HIGH;
    guint32 reader = stream->reading && !stream->finishing && has_room ? EPOLLIN : 0;
    guint32 writer = n_unwritten(stream) > 0 ? EPOLLOUT : 0;

    if (write_side(stream) == &stream->reader) {
        reader |= writer;
    } else {
        tn_rpc_io_modify(server, &stream->writer.io, writer);
    }
    tn_rpc_io_modify(server, &stream->reader.io, reader);
}

/* Reads one chunk and sends it; FALSE when there is nothing more for now. */
static gboolean
pump_chunk(TnRpcStream *stream)
{
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    gssize n;

    do {
        n = read(stream->read_fd, chunk, CHUNK);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        return FALSE;
    }
    /* A pty whose other side was closed says EIO where a pipe says "end". */
    if (n < 0 && errno != EIO) {
        abort_with_errno(stream, "cannot read from the stream's source", errno);
        return FALSE;
    }
    if (n <= 0) {
        stream->reading = FALSE;
        /* The end of the data; the client then asks to finish. */
        send_frame(stream, TN_RPC_STATUS_CONTINUE, NULL, 0);
        return FALSE;
    }
    send_frame(stream, TN_RPC_STATUS_CONTINUE, chunk, (gsize)n);
    return TRUE;
}

static void pump_plain(TnRpcStream *stream);

static void
pump_plain_posted(gpointer data)
{
    TnRpcStream *stream = data;

    pump_plain(stream);
    tn_rpc_stream_unref(stream);
}

/* A file is always ready: sends until the client has enough, in turns. */
static void
pump_plain(TnRpcStream *stream)
{
    for (guint i = 0; stream->open && stream->reading && !stream->finishing; i++) {
        if (tn_rpc_client_unsent(stream->client) >= TN_RPC_CLIENT_UNSENT_HIGH) {
            return;
        }
        if (i == CHUNKS_A_TURN) {
            tn_rpc_server_post(stream->client->server, pump_plain_posted,
                               tn_rpc_stream_ref(stream));
            return;
        }
        if (!pump_chunk(stream)) {
            return;
        }
    }
}

/* ---- from the client to the descriptor ---- */

static void
finish_if_done(TnRpcStream *stream)
{
    if (stream->open && stream->finishing && n_unwritten(stream) == 0) {
        send_frame(stream, TN_RPC_STATUS_OK, NULL, 0);
        end_stream(stream);
    }
}

static void
update_full(TnRpcStream *stream)
{
    gboolean full = n_unwritten(stream) > TN_RPC_OUTLET_HIGH;

    if (full == stream->full) {
        return;
    }
    stream->full = full;
    if (full) {
        tn_rpc_client_outlet_full(stream->client);
    } else {
        tn_rpc_client_outlet_free(stream->client);
    }
}

static void
write_out(TnRpcStream *stream)
{
    while (n_unwritten(stream) > 0) {
        gssize n = write(stream->write_fd, stream->unwritten->data + stream->written,
                         n_unwritten(stream));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            abort_with_errno(stream, "cannot write to the stream's target", errno);
            return;
        }
        stream->written += (gsize)n;
    }
    if (n_unwritten(stream) == 0) {
        g_byte_array_set_size(stream->unwritten, 0);
        stream->written = 0;
    }
    update_full(stream);
    update_events(stream);
    finish_if_done(stream);
}

static void
take_data(TnRpcStream *stream, const TnRpcFrame *frame)
{
    if (stream->write_fd < 0) {
        g_autoptr(GError) error = g_error_new(TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                                              "the stream takes no data");

        abort_stream(stream, error);
        return;
    }
    if (frame->payload_len == 0 || stream->finishing) {
        return;
    }
    if (stream->written > 0) {
        g_byte_array_remove_range(stream->unwritten, 0, stream->written);
        stream->written = 0;
    }
    g_byte_array_append(stream->unwritten, frame->payload, frame->payload_len);
    write_out(stream);
}

static void
side_ready(TnRpcIo *io, guint32 events)
{
    Side *side = (Side *)io;
    g_autoptr(TnRpcStream) stream = tn_rpc_stream_ref(side->stream);

    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) && side == write_side(stream) &&
        n_unwritten(stream) > 0) {
        write_out(stream);
    }
    if (!stream->open || side != &stream->reader) {
        return;
    }
    /* A hang-up alone counts only while the read side was being watched. */
    if (stream->reading &&
        ((events & EPOLLIN) ||
         ((events & (EPOLLHUP | EPOLLERR)) && (io->events & EPOLLIN)))) {
        (void)pump_chunk(stream);
    }
    if (stream->open && !stream->reading && (events & (EPOLLHUP | EPOLLERR))) {
        /* epoll would tell of the hang-up again and again. */
        tn_rpc_io_unwatch(stream->client->server, &stream->reader.io);
    }
    if (stream->open) {
        update_events(stream);
    }
}

/* ---- what the client sends ---- */

gboolean
tn_rpc_stream_receive(TnRpcClient *client, const TnRpcFrame *frame)
{
    g_autoptr(TnRpcStream) stream = NULL;
    g_autoptr(GError) error = NULL;

    if (client->streams != NULL) {
        stream = g_hash_table_lookup(client->streams, GUINT_TO_POINTER(frame->header.serial));
    }
    if (stream == NULL || stream->header.procedure != frame->header.procedure ||
        stream->header.program != frame->header.program) {
        stream = NULL;
        return FALSE;
    }
    (void)tn_rpc_stream_ref(stream);
    if (frame->header.type == TN_RPC_TYPE_STREAM_HOLE) {
        g_set_error(&error, TN_VIR_ERROR, VIR_ERR_OPERATION_UNSUPPORTED,
                    "the stream takes no holes");
        abort_stream(stream, error);
        return TRUE;
    }
    switch (frame->header.status) {
    case TN_RPC_STATUS_CONTINUE:
        take_data(stream, frame);
        break;
    case TN_RPC_STATUS_OK:
        stream->finishing = TRUE;
        update_events(stream);
        finish_if_done(stream);
        break;
    case TN_RPC_STATUS_ERROR:
        /* The client gave up; it waits for a word that this was heard. */
        send_frame(stream, TN_RPC_STATUS_OK, NULL, 0);
        end_stream(stream);
        break;
    default:
        g_set_error(&error, TN_VIR_ERROR, VIR_ERR_RPC, "stream aborted with unexpected status %d",
                    frame->header.status);
        abort_stream(stream, error);
        break;
    }
    return TRUE;
}

void
tn_rpc_stream_client_has_room(TnRpcClient *client)
{
    g_autoptr(GList) streams = NULL;

    if (client->streams == NULL) {
        return;
    }
    streams = g_hash_table_get_values(client->streams);
    for (GList *l = streams; l != NULL; l = l->next) {
        (void)tn_rpc_stream_ref(l->data);
    }
    for (GList *l = streams; l != NULL; l = l->next) {
        TnRpcStream *stream = l->data;

        if (stream->open && stream->reader.plain) {
            pump_plain(stream);
        } else if (stream->open) {
            update_events(stream);
        }
        tn_rpc_stream_unref(stream);
    }
}

void
tn_rpc_stream_end_all(TnRpcClient *client)
{
    g_autoptr(GList) streams = NULL;

    if (client->streams == NULL) {
        return;
    }
    streams = g_hash_table_get_values(client->streams);
    for (GList *l = streams; l != NULL; l = l->next) {
        end_stream(l->data);
    }
    g_clear_pointer(&client->streams, g_hash_table_unref);
}

/* ---- beginning ---- */

static gboolean
watch_side(TnRpcStream *stream, Side *side, int fd, guint32 events)
{
    int result;

    if (fd < 0) {
        return TRUE;
    }
    (void)g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    result = tn_rpc_io_watch(stream->client->server, &side->io, fd, events);
    side->plain = result == -EPERM;
    if (result < 0 && !side->plain) {
        abort_with_errno(stream, "cannot watch the stream's descriptor", -result);
        return FALSE;
    }
    return TRUE;
}

static gboolean
register_stream(TnRpcStream *stream, GError **error)
{
    TnRpcClient *client = stream->client;
    gpointer key = GUINT_TO_POINTER(stream->header.serial);

    if (client->streams == NULL) {
        client->streams = g_hash_table_new_full(NULL, NULL, NULL,
                                                (GDestroyNotify)tn_rpc_stream_unref);
    }
    if (g_hash_table_contains(client->streams, key) ||
        g_hash_table_size(client->streams) >= TN_RPC_CLIENT_STREAMS_MAX) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                    "serial %u has a stream already, or %d streams are open",
                    stream->header.serial, TN_RPC_CLIENT_STREAMS_MAX);
        return FALSE;
    }
    g_mutex_lock(&stream->lock);
    if (stream->aborted != NULL) {
        g_propagate_error(error, g_error_copy(stream->aborted));
    }
    g_mutex_unlock(&stream->lock);
    if (error != NULL && *error != NULL) {
        return FALSE;
    }
    g_hash_table_insert(client->streams, key, tn_rpc_stream_ref(stream));
    stream->open = TRUE;
    return TRUE;
}

static void
start_posted(gpointer data)
{
    Start *start = data;
    g_autoptr(TnRpcStream) stream = start->stream;
    g_autoptr(GByteArray) reply = start->reply;
    g_autoptr(GError) error = NULL;

    g_free(start);
    if (reply == NULL || stream->client->closed) {
        end_stream(stream);
        return;
    }
    if (!register_stream(stream, &error)) {
        tn_rpc_client_reply_error(stream->client, &stream->header, error);
        end_stream(stream);
        return;
    }
    tn_rpc_client_queue(stream->client, g_steal_pointer(&reply), NULL);
    stream->reading = stream->read_fd >= 0;
    if (!watch_side(stream, &stream->reader, stream->read_fd, stream->reading ? EPOLLIN : 0)) {
        return;
    }
    if (write_side(stream) == &stream->writer &&
        !watch_side(stream, &stream->writer, stream->write_fd, 0)) {
        return;
    }
    if (stream->reader.plain) {
        pump_plain(stream);
    }
}

void
tn_rpc_stream_start(TnRpcStream *stream, GByteArray *reply)
{
    Start *start = g_new(Start, 1);

    start->stream = tn_rpc_stream_ref(stream);
    start->reply = reply;
    tn_rpc_server_post(stream->client->server, start_posted, start);
}

TnRpcStream *
tn_rpc_call_open_stream(TnRpcCall *call, const TnRpcStreamOptions *options, GError **error)
{
    TnRpcStream *stream;

    if (call->stream != NULL) {
        if (options->write_fd >= 0 && options->write_fd != options->read_fd) {
            (void)close(options->write_fd);
        }
        if (options->read_fd >= 0) {
            (void)close(options->read_fd);
        }
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "the call has a stream already");
        return NULL;
    }
    stream = g_new0(TnRpcStream, 1);
    stream->ref_count = 1;
    stream->client = tn_rpc_client_ref(call->client);
    stream->header = call->header;
    stream->closed = options->closed;
    stream->user_data = options->user_data;
    stream->read_fd = options->read_fd;
    stream->write_fd = options->write_fd;
    stream->reader = (Side){ .io = { .fd = -1, .ready = side_ready }, .stream = stream };
    stream->writer = (Side){ .io = { .fd = -1, .ready = side_ready }, .stream = stream };
    stream->unwritten = g_byte_array_new();
    g_mutex_init(&stream->lock);
    call->stream = tn_rpc_stream_ref(stream);
    return stream;
}

static void
abort_posted(gpointer data)
{
    g_autoptr(TnRpcStream) stream = data;

    g_autoptr(GError) error = NULL;

    if (!stream->open) {
        return;
    }
    g_mutex_lock(&stream->lock);
    error = g_error_copy(stream->aborted);
    g_mutex_unlock(&stream->lock);
    abort_stream(stream, error);
}

void
tn_rpc_stream_abort(TnRpcStream *stream, const GError *error)
{
    gboolean first;

    g_mutex_lock(&stream->lock);
    first = stream->aborted == NULL;
    if (first) {
        stream->aborted = g_error_copy(error);
    }
    g_mutex_unlock(&stream->lock);
    if (first) {
        tn_rpc_server_post(stream->client->server, abort_posted, tn_rpc_stream_ref(stream));
    }
}
