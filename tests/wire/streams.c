/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: a console both ways, a file, ends of every kind, and flow control. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/protocol/domain.h"
#include "driver/rpc/protocol/procedures.h"
#include "driver/rpc/stream.h"
#include "tests/wire/peer.h"

#define CONSOLE TN_RPC_PROC_DOMAIN_OPEN_CONSOLE
#define SCREENSHOT TN_RPC_PROC_DOMAIN_SCREENSHOT

typedef struct {
    Peer *peer;
    int fd;    /* the client's socket */
    int guest; /* the other end of what the stream reads and writes */
    int file;  /* what a screenshot reads */
    gboolean fail;
    TnRpcStream *stream;
    GMutex lock;
    GCond changed;
    guint n_closed;
} Fixture;

static void
stream_closed(TnRpcStream *stream, gpointer data)
{
    Fixture *f = data;

    g_mutex_lock(&f->lock);
    f->n_closed++;
    g_cond_broadcast(&f->changed);
    g_mutex_unlock(&f->lock);
}

static void
wait_closed(Fixture *f, guint n)
{
    gint64 deadline = g_get_monotonic_time() + PEER_LIMIT_MS * G_TIME_SPAN_MILLISECOND;

    g_mutex_lock(&f->lock);
    while (f->n_closed < n) {
        g_assert_true(g_cond_wait_until(&f->changed, &f->lock, deadline));
    }
    g_mutex_unlock(&f->lock);
}

static gboolean
do_nothing(TnRpcCall *call, void *args, void *ret, GError **error)
{
    return TRUE;
}

static gboolean
open_console(TnRpcCall *call, void *args, void *ret, GError **error)
{
    Fixture *f = tn_rpc_call_get_user_data(call);
    TnRpcStreamOptions options = { .closed = stream_closed, .user_data = f };
    int ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    f->guest = ends[0];
    options.read_fd = ends[1];
    options.write_fd = ends[1];
    f->stream = tn_rpc_call_open_stream(call, &options, error);
    if (f->fail) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED, "after all not");
        return FALSE;
    }
    return f->stream != NULL;
}

static gboolean
take_screenshot(TnRpcCall *call, void *args, void *vret, GError **error)
{
    Fixture *f = tn_rpc_call_get_user_data(call);
    TnRpcDomainScreenshotRet *ret = vret;
    TnRpcStreamOptions options = {
        .read_fd = f->file, .write_fd = -1, .closed = stream_closed, .user_data = f
    };

    ret->mime = g_new0(char *, 1);
    *ret->mime = g_strdup("image/png");
    f->stream = tn_rpc_call_open_stream(call, &options, error);
    return f->stream != NULL;
}

static const TnRpcHandlerRow rows[] = {
    { TN_RPC_PROC_CONNECT_OPEN, do_nothing },
    { CONSOLE, open_console },
    { SCREENSHOT, take_screenshot },
    { 0, NULL },
};

static void
set_up(Fixture *f, gconstpointer data)
{
    g_mutex_init(&f->lock);
    g_cond_init(&f->changed);
    f->guest = -1;
    f->file = -1;
    f->peer = peer_new(NULL, rows, f);
    f->fd = peer_open(f->peer);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    peer_wait_clients(f->peer, 0);
    tn_rpc_stream_unref(f->stream);
    peer_free(f->peer);
    if (f->guest >= 0) {
        close(f->guest);
    }
    g_mutex_clear(&f->lock);
    g_cond_clear(&f->changed);
}

static char dom_name[] = "guest";

static void
send_open_console(Fixture *f, guint32 serial)
{
    TnRpcDomainOpenConsoleArgs args = { .dom = { .name = dom_name, .id = 1 } };

    peer_send_call(f->fd, CONSOLE, serial, &args);
}

static void
console(Fixture *f, guint32 serial)
{
    send_open_console(f, serial);
    peer_expect_reply(f->fd, CONSOLE, serial, NULL);
}

/* Reads a stream frame; returns its status. */
static int
read_stream(Fixture *f, guint32 serial, GByteArray *data)
{
    g_auto(PeerFrame) frame = { 0 };

    peer_read_frame(f->fd, &frame);
    g_assert_cmpint(frame.frame.header.type, ==, TN_RPC_TYPE_STREAM);
    g_assert_cmpuint(frame.frame.header.serial, ==, serial);
    if (data != NULL) {
        g_byte_array_append(data, frame.frame.payload, frame.frame.payload_len);
    }
    return frame.frame.header.status;
}

static void
test_console_bytes(Fixture *f, gconstpointer data)
{
    char key[2];

    peer_send_hex(f->fd, "00000044 20008086 00000001 000000c9" /* DOMAIN_OPEN_CONSOLE = 201 */
                         "00000000 00000005 00000000"
                         "00000005 67756573 74000000"
                         "00112233 44556677 8899aabb ccddeeff 00000001"
                         "00000000"   /* no device name */
                         "00000000"); /* flags */
    peer_expect_hex(f->fd, "0000001c 20008086 00000001 000000c9 00000001 00000005 00000000");
    g_assert_cmpint(write(f->guest, "login", 5), ==, 5);
    peer_expect_hex(f->fd, "00000021 20008086 00000001 000000c9"
                           "00000003 00000005 00000002" /* stream, serial, goes on */
                           "6c6f6769 6e");              /* as it is: no length, no padding */
    peer_send_hex(f->fd, "0000001e 20008086 00000001 000000c9 00000003 00000005 00000002 680a");
    g_assert_cmpint(read(f->guest, key, 2), ==, 2);
    g_assert_cmpint(memcmp(key, "h\n", 2), ==, 0);
    peer_send_hex(f->fd, "0000001c 20008086 00000001 000000c9"
                         "00000003 00000005 00000000"); /* finish */
    peer_expect_hex(f->fd, "0000001c 20008086 00000001 000000c9 00000003 00000005 00000000");
    wait_closed(f, 1);
    g_assert_cmpint(read(f->guest, key, 1), ==, 0);
}

static void
test_abort_by_client(Fixture *f, gconstpointer data)
{
    char byte;

    console(f, 5);
    peer_send_stream(f->fd, CONSOLE, 5, TN_RPC_STATUS_ERROR, NULL, 0);
    g_assert_cmpint(read_stream(f, 5, NULL), ==, TN_RPC_STATUS_OK);
    wait_closed(f, 1);
    g_assert_cmpint(read(f->guest, &byte, 1), ==, 0);
}

static void
test_end_from_guest(Fixture *f, gconstpointer data)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    console(f, 5);
    g_assert_cmpint(write(f->guest, "bye", 3), ==, 3);
    close(f->guest);
    f->guest = -1;
    g_assert_cmpint(read_stream(f, 5, bytes), ==, TN_RPC_STATUS_CONTINUE);
    g_assert_cmpuint(bytes->len, ==, 3);
    g_assert_cmpint(read_stream(f, 5, bytes), ==, TN_RPC_STATUS_CONTINUE); /* the end: empty */
    g_assert_cmpuint(bytes->len, ==, 3);
    peer_send_stream(f->fd, CONSOLE, 5, TN_RPC_STATUS_OK, NULL, 0);
    g_assert_cmpint(read_stream(f, 5, NULL), ==, TN_RPC_STATUS_OK);
    wait_closed(f, 1);
}

static void
test_abort_by_driver(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = g_error_new(TN_VIR_ERROR, VIR_ERR_OPERATION_ABORTED, "taken over");

    console(f, 5);
    tn_rpc_stream_abort(f->stream, error);
    g_assert_cmpint(peer_expect_error(f->fd, 5, NULL), ==, VIR_ERR_OPERATION_ABORTED);
    wait_closed(f, 1);
    /* What the client sent before it knew is dropped, without an answer. */
    peer_send_stream(f->fd, CONSOLE, 5, TN_RPC_STATUS_CONTINUE, "x", 1);
    tn_rpc_stream_unref(g_steal_pointer(&f->stream));
    close(f->guest);
    console(f, 6);
}

static void
test_handler_fails(Fixture *f, gconstpointer data)
{
    char byte;

    f->fail = TRUE;
    send_open_console(f, 5);
    g_assert_cmpint(peer_expect_error(f->fd, 5, NULL), ==, VIR_ERR_OPERATION_FAILED);
    wait_closed(f, 1);
    g_assert_cmpint(read(f->guest, &byte, 1), ==, 0);
}

static void
test_client_vanishes(Fixture *f, gconstpointer data)
{
    char byte;

    console(f, 5);
    close(f->fd);
    wait_closed(f, 1);
    g_assert_cmpint(read(f->guest, &byte, 1), ==, 0);
    f->fd = peer_open(f->peer);
}

static void
test_serial_in_use(Fixture *f, gconstpointer data)
{
    int first;
    TnRpcStream *first_stream;
    char byte;

    console(f, 5);
    first = f->guest;
    first_stream = f->stream;
    send_open_console(f, 5);
    g_assert_cmpint(peer_expect_error(f->fd, 5, NULL), ==, VIR_ERR_OPERATION_FAILED);
    wait_closed(f, 1);
    /* The first one is as it was. */
    peer_send_stream(f->fd, CONSOLE, 5, TN_RPC_STATUS_CONTINUE, "x", 1);
    g_assert_cmpint(read(first, &byte, 1), ==, 1);
    close(first);
    tn_rpc_stream_unref(first_stream);
}

static void
test_hole_is_refused(Fixture *f, gconstpointer data)
{
    console(f, 5);
    peer_send_hex(f->fd, "00000028 20008086 00000001 000000c9 00000006 00000005 00000002"
                         "00000000 00001000 00000000");
    g_assert_cmpint(peer_expect_error(f->fd, 5, NULL), ==, VIR_ERR_OPERATION_UNSUPPORTED);
    wait_closed(f, 1);
}

static void
test_data_for_no_stream(Fixture *f, gconstpointer data)
{
    peer_send_stream(f->fd, CONSOLE, 77, TN_RPC_STATUS_CONTINUE, "x", 1);
    console(f, 5);
}

/* The guest takes nothing: the client is stopped, not the daemon filled; then all of it arrives. */
static void
test_guest_takes_nothing(Fixture *f, gconstpointer data)
{
    g_autofree char *chunk = g_malloc(65536);
    struct timeval limit = { .tv_usec = 300000 };
    gsize sent = 0;
    gsize received = 0;
    gsize max = 64 * 1024 * 1024;
    TnRpcHeader header = { TN_RPC_PROGRAM_REMOTE, 1, CONSOLE, TN_RPC_TYPE_STREAM, 5,
                           TN_RPC_STATUS_CONTINUE };
    g_autoptr(GByteArray) frame = NULL;
    gsize left;

    console(f, 5);
    memset(chunk, 'x', 65536);
    frame = tn_rpc_frame_encode_raw(&header, chunk, 65536);
    (void)setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    left = frame->len;
    while (sent < max) {
        gssize n = send(f->fd, frame->data + frame->len - left, left, MSG_NOSIGNAL);

        if (n < 0) {
            break;
        }
        sent += (gsize)n;
        left -= (gsize)n;
        if (left == 0) {
            left = frame->len;
        }
    }
    g_assert_cmpuint(sent, <, 4 * 1024 * 1024);
    /* Now the guest wakes up. */
    limit.tv_usec = 0;
    limit.tv_sec = 20;
    (void)setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    for (gsize whole = sent / frame->len; received < whole * 65536;) {
        gssize n = read(f->guest, chunk, 65536);

        g_assert_cmpint(n, >, 0);
        received += (gsize)n;
    }
}

/* The client reads nothing: the guest is stopped. */
static void
test_client_reads_nothing(Fixture *f, gconstpointer data)
{
    g_autofree char *chunk = g_malloc0(65536);
    struct timeval limit = { .tv_usec = 300000 };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gsize written = 0;

    console(f, 5);
    (void)setsockopt(f->guest, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    while (written < 64 * 1024 * 1024) {
        gssize n = send(f->guest, chunk, 65536, MSG_NOSIGNAL);

        if (n < 0) {
            break;
        }
        written += (gsize)n;
    }
    g_assert_cmpuint(written, <, 4 * 1024 * 1024);
    while (bytes->len < written) {
        g_assert_cmpint(read_stream(f, 5, bytes), ==, TN_RPC_STATUS_CONTINUE);
    }
    g_assert_cmpuint(bytes->len, ==, written);
}

static void
test_file(Fixture *f, gconstpointer data)
{
    TnRpcDomainScreenshotArgs args = { .dom = { .name = dom_name, .id = 1 } };
    TnRpcDomainScreenshotRet ret = { 0 };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree guint8 *content = g_malloc(3000001);
    g_autofree char *path = NULL;
    gsize before;

    for (guint i = 0; i < 3000001; i++) {
        content[i] = (guint8)(i * 7 ^ i >> 8);
    }
    f->file = g_file_open_tmp("tn-stream-XXXXXX", &path, NULL);
    g_assert_cmpint(f->file, >=, 0);
    g_assert_cmpint(write(f->file, content, 3000001), ==, 3000001);
    g_assert_cmpint(lseek(f->file, 0, SEEK_SET), ==, 0);
    unlink(path);
    peer_send_call(f->fd, SCREENSHOT, 9, &args);
    peer_expect_reply(f->fd, SCREENSHOT, 9, &ret);
    g_assert_cmpstr(*ret.mime, ==, "image/png");
    xdr_free((xdrproc_t)xdr_TnRpcDomainScreenshotRet, &ret);
    do {
        before = bytes->len;
        g_assert_cmpint(read_stream(f, 9, bytes), ==, TN_RPC_STATUS_CONTINUE);
    } while (bytes->len > before);
    g_assert_cmpmem(bytes->data, bytes->len, content, 3000001);
    peer_send_stream(f->fd, SCREENSHOT, 9, TN_RPC_STATUS_OK, NULL, 0);
    g_assert_cmpint(read_stream(f, 9, NULL), ==, TN_RPC_STATUS_OK);
    wait_closed(f, 1);
}

static void
test_data_into_source(Fixture *f, gconstpointer data)
{
    TnRpcDomainScreenshotArgs args = { .dom = { .name = dom_name, .id = 1 } };
    int ends[2];

    g_assert_cmpint(pipe(ends), ==, 0);
    f->file = ends[0];
    f->guest = ends[1];
    peer_send_call(f->fd, SCREENSHOT, 9, &args);
    peer_expect_reply(f->fd, SCREENSHOT, 9, NULL);
    peer_send_stream(f->fd, SCREENSHOT, 9, TN_RPC_STATUS_CONTINUE, "x", 1);
    g_assert_cmpint(peer_expect_error(f->fd, 9, NULL), ==, VIR_ERR_OPERATION_INVALID);
    wait_closed(f, 1);
}

#define ADD(path, func) g_test_add("/wire/streams/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("console-bytes", test_console_bytes);
    ADD("abort-by-client", test_abort_by_client);
    ADD("end-from-guest", test_end_from_guest);
    ADD("abort-by-driver", test_abort_by_driver);
    ADD("handler-fails", test_handler_fails);
    ADD("client-vanishes", test_client_vanishes);
    ADD("serial-in-use", test_serial_in_use);
    ADD("hole-is-refused", test_hole_is_refused);
    ADD("data-for-no-stream", test_data_for_no_stream);
    ADD("guest-takes-nothing", test_guest_takes_nothing);
    ADD("client-reads-nothing", test_client_reads_nothing);
    ADD("file", test_file);
    ADD("data-into-source", test_data_into_source);
    return g_test_run();
}
