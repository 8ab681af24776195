/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other side of the wire, for tests: a server on a thread of its own, and a client that sends
 * and expects bytes. */
#ifndef TN_TESTS_WIRE_PEER_H
#define TN_TESTS_WIRE_PEER_H

#include <glib.h>

#include "driver/rpc/frame.h"
#include "driver/rpc/program.h"
#include "driver/rpc/server.h"

/* How long anything may take before a test gives up. */
#define PEER_LIMIT_MS 20000

typedef struct Peer Peer;

/* Starts a server in a folder of its own. @rows are handlers of the remote program, ended by a row
 * without a handler; @user_data goes to them. @options may be NULL. */
Peer *peer_new(const TnRpcServerOptions *options, const TnRpcHandlerRow *rows, gpointer user_data);
/* Stops and frees; every client must be gone or go. */
void peer_free(Peer *peer);
const char *peer_get_folder(Peer *peer);
/* How many clients the server has now. */
guint peer_get_n_clients(Peer *peer);
/* Waits until the server has @n clients. */
void peer_wait_clients(Peer *peer, guint n);

/* Connects; the socket is blocking, with a limit on waiting. */
int peer_connect(Peer *peer);
int peer_connect_read_only(Peer *peer);
/* Connects and says what stock clients say first: authentication, and open. */
int peer_open(Peer *peer);

/* Sends bytes given as hexadecimal digits; blanks do not count. */
void peer_send_hex(int fd, const char *hex);
/* Reads exactly the bytes given as hexadecimal digits and compares them. */
void peer_expect_hex(int fd, const char *hex);
/* The other side has closed the connection, and sent nothing before. */
void peer_expect_end(int fd);
void peer_send_bytes(int fd, const void *bytes, gsize len);
void peer_read_bytes(int fd, void *bytes, gsize len);

/* Sends a frame of the remote program. @args is encoded by the procedure's row; may be NULL. */
void peer_send_call(int fd, gint32 procedure, guint32 serial, const void *args);
void peer_send_stream(int fd, gint32 procedure, guint32 serial, TnRpcStatus status,
                      const void *data, gsize len);

/* A frame that was read; free with peer_frame_clear(). */
typedef struct {
    guint8 *bytes;
    TnRpcFrame frame;
} PeerFrame;

void peer_read_frame(int fd, PeerFrame *ret_frame);
void peer_frame_clear(PeerFrame *frame);
/* Reads a reply and checks serial and status OK; @ret is filled by the procedure's row. */
void peer_expect_reply(int fd, gint32 procedure, guint32 serial, void *ret);
/* Reads a reply and checks that it is an error; returns its code, and its message if asked. */
int peer_expect_error(int fd, guint32 serial, char **ret_message);
/* Receives one descriptor. */
int peer_receive_fd(int fd);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PeerFrame, peer_frame_clear)

#endif
