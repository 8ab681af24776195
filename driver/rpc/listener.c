/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doors: listening sockets, and who is let in through them. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/server-private.h"

/* How long to leave the listeners alone after the process ran out of descriptors. */
#define DESCRIPTOR_PAUSE_US (1 * G_TIME_SPAN_SECOND)
/* Connections taken from one listener before the clients get their turn. */
#define ACCEPT_BATCH 16
#define LISTEN_BACKLOG 128
/* Clients turned away are logged at most this often. */
#define COMPLAINT_INTERVAL_US (10 * G_TIME_SPAN_SECOND)

static GError *
system_error(int code, const char *what, const char *path)
{
    return g_error_new(TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "%s%s%s%s: %s", what,
                       path != NULL ? " '" : "", path != NULL ? path : "",
                       path != NULL ? "'" : "", g_strerror(code));
}

/* Watches the listeners while there is room for more clients, and only then. */
void
tn_rpc_listener_update(TnRpcServer *server)
{
    gboolean listen = !server->stopping && server->listen_again == 0 &&
                      server->n_clients < server->options.max_clients;

    if (listen == server->listening) {
        return;
    }
    server->listening = listen;
    for (guint i = 0; i < server->listeners->len; i++) {
        TnRpcListener *listener = g_ptr_array_index(server->listeners, i);

        tn_rpc_io_modify(server, &listener->io, listen ? EPOLLIN : 0);
    }
}

static void
clients_changed(TnRpcServer *server)
{
    tn_rpc_listener_update(server);
    if (server->changed != NULL) {
        server->changed(server, server->n_clients, server->changed_data);
    }
}

/* ---- who comes in ---- */

/* Users are keys beyond 0, which a table could not tell from "not there". */
static gpointer
user_key(const TnRpcClient *client)
{
    return GSIZE_TO_POINTER((gsize)client->identity.uid + 1);
}

static guint
count_user(TnRpcServer *server, const TnRpcClient *client, int change)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(server->users, user_key(client)));

    n += (guint)change;
    if (n == 0) {
        g_hash_table_remove(server->users, user_key(client));
    } else {
        g_hash_table_insert(server->users, user_key(client), GUINT_TO_POINTER(n));
    }
    return n;
}

/* Sends home the client that has waited longest without asking to be let in. */
static gboolean
drop_idle_anonymous(TnRpcServer *server)
{
    for (GList *l = server->clients.head; l != NULL; l = l->next) {
        TnRpcClient *client = l->data;
        guint in_flight;

        g_mutex_lock(&client->lock);
        in_flight = client->in_flight;
        g_mutex_unlock(&client->lock);
        if (client->anonymous && in_flight == 0) {
            tn_rpc_client_disconnect(client, "it did not authenticate, and others wait");
            return TRUE;
        }
    }
    return FALSE;
}

/* Nobody shall be able to keep all others out by connecting often enough: strangers make room for
 * each other, not for those who are known, and one user gets half of the places, unless root. */
static const char *
find_objection(TnRpcServer *server, TnRpcClient *client)
{
    guint others = count_user(server, client, 1) - 1;

    if (client->identity.uid != 0 && !server->options.session &&
        others >= MAX(1, server->options.max_clients / 2)) {
        return "its user has half of all connections already";
    }
    if (client->anonymous && server->n_anonymous > server->options.max_anonymous_clients &&
        !drop_idle_anonymous(server)) {
        return "too many others are authenticating";
    }
    return NULL;
}

/* Turning somebody away is worth a line in the log, but not as many as somebody likes to cause. */
static void
turn_away(TnRpcServer *server, TnRpcClient *client, const char *objection)
{
    gint64 now = g_get_monotonic_time();

    if (server->last_complaint == 0 || now - server->last_complaint > COMPLAINT_INTERVAL_US) {
        server->last_complaint = now;
        g_message("client %" G_GUINT64_FORMAT " of user %u: turned away: %s", client->id,
                  client->identity.uid, objection);
    }
    tn_rpc_client_disconnect(client, objection);
}

static void
add_client(TnRpcServer *server, int fd, gboolean read_only)
{
    TnRpcClient *client = tn_rpc_client_new(server, fd, read_only, ++server->last_id);
    const char *objection;

    if (client == NULL) {
        return;
    }
    if (client->anonymous) {
        server->n_anonymous++;
    }
    objection = find_objection(server, client);
    g_queue_push_tail_link(&server->clients, &client->link);
    server->n_clients++;
    g_debug("client %" G_GUINT64_FORMAT ": connected, user %u, process %d%s", client->id,
            client->identity.uid, (int)client->identity.pid, read_only ? ", read-only" : "");
    if (server->n_clients == 1) {
        tn_rpc_server_reschedule(server);
    }
    if (objection != NULL) {
        turn_away(server, client, objection);
    }
    clients_changed(server);
}

void
tn_rpc_server_not_anonymous(TnRpcServer *server, TnRpcClient *client)
{
    if (!client->anonymous) {
        return;
    }
    client->anonymous = FALSE;
    server->n_anonymous--;
    tn_rpc_listener_update(server);
}

void
tn_rpc_server_remove_client(TnRpcServer *server, TnRpcClient *client)
{
    g_queue_unlink(&server->clients, &client->link);
    server->n_clients--;
    (void)count_user(server, client, -1);
    if (server->listen_again != 0) {
        server->listen_again = 0;
    }
    g_debug("client %" G_GUINT64_FORMAT ": gone", client->id);
    tn_rpc_client_unref(client);
    clients_changed(server);
}

/* ---- listening ---- */

static void
listener_ready(TnRpcIo *io, guint32 events)
{
    TnRpcListener *listener = (TnRpcListener *)io;
    TnRpcServer *server = listener->server;

    for (int i = 0; i < ACCEPT_BATCH && server->listening; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            add_client(server, fd, listener->read_only);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The waiting connection would wake us again and again: look away for a moment. */
            g_message("no descriptors left for further clients: %s", g_strerror(errno));
            server->listen_again = g_get_monotonic_time() + DESCRIPTOR_PAUSE_US;
            tn_rpc_listener_update(server);
            tn_rpc_server_reschedule(server);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void
tn_rpc_listener_free(gpointer data)
{
    TnRpcListener *listener = data;
    int fd = listener->io.fd;

    tn_rpc_io_unwatch(listener->server, &listener->io);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (listener->path != NULL) {
        (void)unlink(listener->path);
    }
    g_free(listener->path);
    g_free(listener);
}

static gboolean
add_listener(TnRpcServer *server, int fd, const char *path, gboolean read_only, GError **error)
{
    TnRpcListener *listener = g_new0(TnRpcListener, 1);
    int result;

    listener->server = server;
    listener->read_only = read_only;
    listener->io.fd = -1;
    listener->io.ready = listener_ready;
    result = tn_rpc_io_watch(server, &listener->io, fd, server->listening ? EPOLLIN : 0);
    if (result < 0) {
        g_propagate_error(error, system_error(-result, "cannot watch a listening socket", path));
        (void)close(fd);
        tn_rpc_listener_free(listener);
        return FALSE;
    }
    listener->path = g_strdup(path);
    g_ptr_array_add(server->listeners, listener);
    return TRUE;
}

gboolean
tn_rpc_server_listen_fd(TnRpcServer *server, int fd, gboolean read_only, GError **error)
{
    if (!g_unix_set_fd_nonblocking(fd, TRUE, NULL)) {
        g_propagate_error(error, system_error(errno, "cannot use the listening socket", NULL));
        (void)close(fd);
        return FALSE;
    }
    return add_listener(server, fd, NULL, read_only, error);
}

/* Removes a socket nobody listens on; FALSE when somebody does. */
static gboolean
clear_stale_socket(const char *path, const struct sockaddr_un *address, GError **error)
{
    struct stat info;
    int fd;
    int result;

    if (lstat(path, &info) < 0 || !S_ISSOCK(info.st_mode)) {
        return TRUE;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        g_propagate_error(error, system_error(errno, "cannot make a socket for", path));
        return FALSE;
    }
    result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    if (result < 0) {
        result = -errno;
    }
    (void)close(fd);
    if (result == -ECONNREFUSED) {
        (void)unlink(path);
        return TRUE;
    }
    g_propagate_error(error, system_error(EADDRINUSE, "another daemon listens on", path));
    return FALSE;
}

gboolean
tn_rpc_server_listen_path(TnRpcServer *server, const char *path, mode_t mode, gboolean read_only,
                          GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    mode_t old_mask;
    int result;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        g_propagate_error(error, system_error(ENAMETOOLONG, "cannot listen on", path));
        return FALSE;
    }
    strcpy(address.sun_path, path);
    if (!clear_stale_socket(path, &address, error)) {
        return FALSE;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        g_propagate_error(error, system_error(errno, "cannot make a socket for", path));
        return FALSE;
    }
    /* With chmod() alone there would be a moment in which the wrong ones can connect. */
    old_mask = umask(~mode & 0777);
    result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    (void)umask(old_mask);
    if (result < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        g_propagate_error(error, system_error(errno, "cannot listen on", path));
        (void)close(fd);
        return FALSE;
    }
    return add_listener(server, fd, path, read_only, error);
}
