/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the server know of each other: event loop, clients, calls, streams, relays. */
#ifndef TN_DRIVER_RPC_SERVER_PRIVATE_H
#define TN_DRIVER_RPC_SERVER_PRIVATE_H

#include <glib.h>
#include <sys/epoll.h>

#include "driver/rpc/client.h"
#include "driver/rpc/frame.h"
#include "driver/rpc/pool.h"
#include "driver/rpc/program.h"
#include "driver/rpc/server.h"
#include "driver/rpc/stream.h"

G_BEGIN_DECLS

/* Bytes read from a socket at a time; the buffer is the server's, shared by all connections. */
#define TN_RPC_READ_SIZE 65536
/* Calls of one client that are under way or wait; beyond that its socket is not read. */
#define TN_RPC_CLIENT_CALLS_MAX 32
/* Unsent bytes of one client beyond which its socket is not read, and streams stop reading. */
#define TN_RPC_CLIENT_UNSENT_HIGH (256 * 1024)
/* Unsent bytes beyond which an event ends the connection: the client does not read. */
#define TN_RPC_CLIENT_UNSENT_MAX (16 * 1024 * 1024)
/* Bytes on their way to a stream's descriptor or another daemon beyond which the client waits. */
#define TN_RPC_OUTLET_HIGH (256 * 1024)
/* Streams of one client. */
#define TN_RPC_CLIENT_STREAMS_MAX 64

typedef struct TnRpcIo TnRpcIo;
typedef struct TnRpcRelay TnRpcRelay;

/* A descriptor the event loop watches; embedded in its owner. */
struct TnRpcIo {
    int fd; /* -1: not watched */
    guint32 events;
    void (*ready)(TnRpcIo *io, guint32 events);
};

/* Bytes on their way out, with the descriptors that follow them. */
typedef struct {
    GByteArray *bytes;
    gsize offset;
    GArray *fds; /* of int, or NULL */
    guint fds_sent;
} TnRpcOutgoing;

struct TnRpcClient {
    TnRpcIo io;
    gint ref_count; /* atomic */
    TnRpcServer *server;
    guint64 id;
    TnRpcIdentity identity;
    gboolean read_only_socket;

    /* atomic */
    gint read_only;
    gint authenticated;
    gint opened;         /* CONNECT_OPEN has succeeded */
    gint wants_keepalive; /* the client said that it knows keepalive */
    gint gone;

    /* I/O thread */
    TnRpcDecoder decoder;
    int rx_fds[TN_RPC_FRAME_FDS_MAX];
    guint n_rx_fds;
    GHashTable *streams; /* serial -> TnRpcStream, or NULL */
    TnRpcRelay *relays[TN_RPC_OWNER_LAST];
    gboolean anonymous;  /* counted in server->n_anonymous */
    guint n_full_outlets; /* streams and relays that take no more for now */
    gint64 last_heard;    /* monotonic microseconds */
    guint pings;          /* sent since then */
    GList link;           /* in server->clients */

    GMutex lock;
    /* under lock */
    GQueue tx; /* of TnRpcOutgoing */
    gsize tx_bytes;
    gboolean closed;
    gboolean paused;   /* the socket is not read */
    guint in_flight;   /* calls whose reply is not queued yet */
    guint n_ours;      /* of these, those that are not relayed */
    guint running;     /* of these, those with a worker and not of high priority */
    GQueue waiting;    /* of TnRpcCall: those that wait for one of their kind to end */
    gboolean exclusive; /* an exclusive call runs or waits: nothing else begins */
    TnRpcCall *alone;   /* the exclusive call that waits for the others to end */
    gboolean finished; /* the last thing before the end has been started */
    gpointer data;
    GDestroyNotify data_destroy;
};

struct TnRpcCall {
    TnRpcClient *client;
    const TnRpcProc *proc;
    TnRpcHandler handler;
    gpointer user_data;
    TnRpcHeader header;
    void *args;
    void *ret;
    GArray *fds_in;  /* of int, or NULL */
    GArray *fds_out; /* of int, or NULL */
    TnRpcStream *stream;
};

typedef struct {
    TnRpcIo io;
    TnRpcServer *server;
    char *path; /* ours to unlink, or NULL */
    gboolean read_only;
} TnRpcListener;

#define TN_RPC_BATCH 64

struct TnRpcServer {
    TnRpcServerOptions options;
    char *runtime_dir;
    TnRpcPool *pool;
    TnRpcProgram *programs[2];

    /* I/O thread */
    GMainContext *context;
    int epoll_fd;
    GSource *epoll_source;
    GSource *tick_source;
    struct epoll_event batch[TN_RPC_BATCH];
    int batch_len;
    guint8 *scratch; /* TN_RPC_READ_SIZE bytes */
    GPtrArray *listeners;
    gboolean listening; /* the listeners are watched */
    gint64 listen_again; /* when to try after descriptors ran out; 0: no need */
    GQueue clients;      /* by TnRpcClient.link */
    guint n_clients;
    guint n_anonymous;
    GHashTable *users;   /* user + 1 -> number of clients */
    guint64 last_id;
    gint64 last_complaint; /* when a client's rejection was last logged */
    gboolean stopping;
    TnRpcServerClientsChanged changed;
    gpointer changed_data;
    TnRpcIo wake;

    GMutex authorizing_lock;
    GArray *authorizing; /* of uid_t: who is being asked for a password; under authorizing_lock */

    GMutex post_lock;
    GQueue posts; /* under post_lock */
};

/* ---- server.c: the event loop ---- */

/* Starts and stops watching; I/O thread. A stopped @io gets no event any more, even if one is
 * already at hand. EPERM (a regular file) is left to the caller. */
int tn_rpc_io_watch(TnRpcServer *server, TnRpcIo *io, int fd, guint32 events);
void tn_rpc_io_unwatch(TnRpcServer *server, TnRpcIo *io);
/* Changes what is waited for; any thread that holds the lock which protects io->events. */
void tn_rpc_io_modify(TnRpcServer *server, TnRpcIo *io, guint32 events);
/* Runs @func on the I/O thread, in the order of posting; any thread. */
void tn_rpc_server_post(TnRpcServer *server, TnRpcJobFunc func, gpointer data);
/* The clock that pings, retries and gives up must look again; I/O thread. */
void tn_rpc_server_reschedule(TnRpcServer *server);

/* ---- listener.c: the doors ---- */

/* Listens as long as there is room; I/O thread. */
void tn_rpc_listener_update(TnRpcServer *server);
void tn_rpc_listener_free(gpointer listener);
/* The client has left and its data is destroyed; drops the server's reference. I/O thread. */
void tn_rpc_server_remove_client(TnRpcServer *server, TnRpcClient *client);
/* A client has authenticated, or left without; I/O thread, may be told twice. */
void tn_rpc_server_not_anonymous(TnRpcServer *server, TnRpcClient *client);
/* ---- client-io.c ---- */

TnRpcClient *tn_rpc_client_new(TnRpcServer *server, int fd, gboolean read_only, guint64 id);
/* Queues a frame, sending what the socket takes at once; any thread. @fds may be NULL. */
void tn_rpc_client_queue(TnRpcClient *client, GByteArray *frame, GArray *fds);
/* Looks again at whether the socket may be read, and works on frames that were held; I/O thread. */
void tn_rpc_client_reconsider(TnRpcClient *client);
/* An outlet of the client (a stream's descriptor, another daemon) takes no more, or takes again:
 * its socket is read only while all take; I/O thread. */
void tn_rpc_client_outlet_full(TnRpcClient *client);
void tn_rpc_client_outlet_free(TnRpcClient *client);
/* The end; I/O thread. @why is for the log. */
void tn_rpc_client_disconnect(TnRpcClient *client, const char *why);
/* What an answered call was counted as. */
typedef enum {
    TN_RPC_CALL_RELAYED, /* another daemon's */
    TN_RPC_CALL_HIGH,    /* ours, of high priority */
    TN_RPC_CALL_NORMAL,  /* ours, one of the few that run at a time */
} TnRpcCallKind;

/* Counts an answered call; any thread. */
void tn_rpc_client_call_done(TnRpcClient *client, TnRpcCallKind kind);
gsize tn_rpc_client_unsent(TnRpcClient *client);
void tn_rpc_client_reply_error(TnRpcClient *client, const TnRpcHeader *header,
                               const GError *error);
/* Closes every descriptor in @fds and frees the array. */
void tn_rpc_fds_free(GArray *fds);

/* ---- program.c ---- */

/* Works on one frame of a client; I/O thread. */
void tn_rpc_program_dispatch(TnRpcClient *client, const TnRpcFrame *frame);
/* The same for a call that belongs to another daemon which is not there: a handler of ours answers,
 * if there is one. I/O thread. Returns: FALSE when nobody does. */
gboolean tn_rpc_program_dispatch_instead(TnRpcClient *client, const TnRpcFrame *frame);
guint32 tn_rpc_program_get_number(const TnRpcProgram *program);
/* Handlers that the server keeps for itself, whoever else claimed their procedures. */
void tn_rpc_program_set_own_handlers(TnRpcProgram *program, const TnRpcHandlerRow *rows,
                                     gsize n_rows, gpointer user_data);
/* Starts @call on a worker; client->lock is held. */
void tn_rpc_call_start_locked(TnRpcCall *call);

/* ---- auth.c ---- */

/* Adds the procedures that are the server's own: authentication, features, close callbacks. */
void tn_rpc_auth_add_handlers(TnRpcProgram *program, TnRpcServer *server);
/* TRUE when a client with this identity need not authenticate. */
gboolean tn_rpc_auth_is_trusted(TnRpcServer *server, const TnRpcIdentity *identity,
                                gboolean read_only);

/* ---- stream.c ---- */

/* The call was answered: @reply goes out and bytes flow. NULL: the call failed. Worker. */
void tn_rpc_stream_start(TnRpcStream *stream, GByteArray *reply);
/* A stream frame of a client; FALSE when there is no such stream. I/O thread. */
gboolean tn_rpc_stream_receive(TnRpcClient *client, const TnRpcFrame *frame);
/* The client has room again; I/O thread. */
void tn_rpc_stream_client_has_room(TnRpcClient *client);
/* The client has left; I/O thread. */
void tn_rpc_stream_end_all(TnRpcClient *client);

/* ---- relay.c ---- */

/* Forwards a call to the daemon that owns @owner; I/O thread. */
void tn_rpc_relay_call(TnRpcClient *client, TnRpcOwner owner, const TnRpcProc *proc,
                       const TnRpcFrame *frame);
/* Forwards a stream frame; I/O thread. */
void tn_rpc_relay_stream(TnRpcClient *client, TnRpcOwner owner, const TnRpcFrame *frame);
/* The client has room again; I/O thread. */
void tn_rpc_relay_client_has_room(TnRpcClient *client);
/* The client has left; I/O thread. */
void tn_rpc_relay_end_all(TnRpcClient *client);

G_END_DECLS

#endif
