/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server: listening sockets, the I/O of all clients on the main context, and the workers. */
#ifndef TN_DRIVER_RPC_SERVER_H
#define TN_DRIVER_RPC_SERVER_H

#include <glib.h>

#include "driver/rpc/client.h"
#include "driver/rpc/program.h"

G_BEGIN_DECLS

/**
 * TnRpcServer:
 *
 * Serves clients. Lives on the thread that runs the default main context.
 */
typedef struct TnRpcServer TnRpcServer;

/**
 * TnRpcAuthorize:
 * @identity: who asks
 * @read_only: TRUE for the read-only socket
 * @user_data: from #TnRpcServerOptions
 * @error: VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_CANCELLED or VIR_ERR_AUTH_UNAVAILABLE
 *
 * Decides whether a client that is neither root nor the daemon's own user may come in. Worker
 * thread: may wait for a person who types a password.
 *
 * Returns: TRUE to let the client in.
 */
typedef gboolean (*TnRpcAuthorize)(const TnRpcIdentity *identity, gboolean read_only,
                                   gpointer user_data, GError **error);

/**
 * TnRpcServerOptions:
 * @max_clients: connections at a time; further ones wait in the socket's backlog (default 5000).
 *   One user other than root gets half of them
 * @max_anonymous_clients: connections that have yet to authenticate; beyond that the one that has
 *   been silent longest is closed for each new one (default 20)
 * @max_workers: threads for calls (default 20)
 * @priority_workers: further threads for high-priority calls alone (default 5)
 * @max_client_requests: calls of one client that run at a time; further ones wait (default 5)
 * @keepalive_interval: seconds of silence before the server pings, 0 for never (default 5)
 * @keepalive_count: unanswered pings before a client counts as gone (default 5)
 * @session: TRUE when serving one unprivileged user: others are turned away at the door
 * @runtime_dir: (nullable): folder of the sockets of the other daemons; NULL: /run/libvirt or, for
 *   @session, $XDG_RUNTIME_DIR/libvirt
 * @authorize_rw: (nullable): asked for clients of the read-write socket; NULL: nobody is asked
 * @authorize_ro: (nullable): the same for the read-only socket
 * @authorize_data: for both
 */
typedef struct {
    guint max_clients;
    guint max_anonymous_clients;
    guint max_workers;
    guint priority_workers;
    guint max_client_requests;
    guint keepalive_interval;
    guint keepalive_count;
    gboolean session;
    const char *runtime_dir;
    TnRpcAuthorize authorize_rw;
    TnRpcAuthorize authorize_ro;
    gpointer authorize_data;
} TnRpcServerOptions;

/** TN_RPC_SERVER_OPTIONS_DEFAULT: initializer of #TnRpcServerOptions with the defaults. */
#define TN_RPC_SERVER_OPTIONS_DEFAULT                                                              \
    {                                                                                              \
        .max_clients = 5000, .max_anonymous_clients = 20, .max_workers = 20,                       \
        .priority_workers = 5, .max_client_requests = 5, .keepalive_interval = 5,                  \
        .keepalive_count = 5                                                                       \
    }

/**
 * TnRpcServerIdle:
 * @server: the server
 * @n_clients: how many clients are connected now
 * @user_data: from tn_rpc_server_set_clients_changed()
 *
 * Told on the main thread whenever the number of clients has changed.
 */
typedef void (*TnRpcServerClientsChanged)(TnRpcServer *server, guint n_clients,
                                          gpointer user_data);

/**
 * tn_rpc_server_new:
 * @options: limits and doorkeepers; copied
 * @error: VIR_ERR_SYSTEM_ERROR when the kernel refuses an epoll descriptor
 *
 * Returns: (transfer full) (nullable): a server that listens nowhere yet. Main thread.
 */
TnRpcServer *tn_rpc_server_new(const TnRpcServerOptions *options, GError **error);

/**
 * tn_rpc_server_free:
 * @server: (nullable) (transfer full): a server
 *
 * Stops, waits for every handler, and frees. Main thread.
 */
void tn_rpc_server_free(TnRpcServer *server);

/**
 * tn_rpc_server_take_program:
 * @server: a server that does not listen yet
 * @program: (transfer full): a program with its handlers
 *
 * Main thread. The procedures of the connection itself are the server's own, and handlers for them
 * are not called: AUTH_LIST, AUTH_POLKIT, CONNECT_SUPPORTS_FEATURE, CONNECT_SET_IDENTITY,
 * CONNECT_REGISTER_CLOSE_CALLBACK, CONNECT_UNREGISTER_CLOSE_CALLBACK.
 */
void tn_rpc_server_take_program(TnRpcServer *server, TnRpcProgram *program);

/**
 * tn_rpc_server_listen_path:
 * @server: a server
 * @path: where the socket shall be; a stale socket there is replaced, a live one is an error
 * @mode: the socket's permissions, e.g. 0666
 * @read_only: TRUE for the read-only socket
 * @error: VIR_ERR_SYSTEM_ERROR naming the path
 *
 * Listens on a socket of our own, which is removed again when the server stops. Main thread.
 *
 * Returns: TRUE on success.
 */
gboolean tn_rpc_server_listen_path(TnRpcServer *server, const char *path, mode_t mode,
                                   gboolean read_only, GError **error);

/**
 * tn_rpc_server_listen_fd:
 * @server: a server
 * @fd: (transfer full): a listening unix socket, e.g. from systemd
 * @read_only: TRUE for the read-only socket
 * @error: VIR_ERR_SYSTEM_ERROR
 *
 * Listens on a socket that somebody else made and keeps. Main thread.
 *
 * Returns: TRUE on success; @fd is taken over in any case.
 */
gboolean tn_rpc_server_listen_fd(TnRpcServer *server, int fd, gboolean read_only, GError **error);

/**
 * tn_rpc_server_stop:
 * @server: a server
 *
 * Closes the doors, sends every client home and waits until the handlers under way have returned
 * and the clients' data is destroyed, but not longer than ten seconds. Main thread, not from a
 * callback of the server.
 *
 * Returns: FALSE when handlers are still stuck: tn_rpc_server_free() would wait for them.
 */
gboolean tn_rpc_server_stop(TnRpcServer *server);

/**
 * tn_rpc_server_get_n_clients:
 * @server: a server
 *
 * Returns: how many clients are connected. Main thread.
 */
guint tn_rpc_server_get_n_clients(TnRpcServer *server);

/**
 * tn_rpc_server_set_clients_changed:
 * @server: a server
 * @changed: (nullable): told when the number of clients changes
 * @user_data: for @changed
 */
void tn_rpc_server_set_clients_changed(TnRpcServer *server, TnRpcServerClientsChanged changed,
                                       gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnRpcServer, tn_rpc_server_free)

G_END_DECLS

#endif
