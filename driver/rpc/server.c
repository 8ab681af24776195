/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server: one epoll set on the main context for all sockets, and a clock. */
#include "driver/rpc/server.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver/error.h"
#include "driver/rpc/server-private.h"

/* How long to wait for calls under way when stopping. */
#define STOP_SECONDS 10

typedef struct {
    TnRpcJobFunc func;
    gpointer data;
} Post;

/* ---- the event loop ---- */

int
tn_rpc_io_watch(TnRpcServer *server, TnRpcIo *io, int fd, guint32 events)
{
    struct epoll_event event = { .events = events, .data.ptr = io };

    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        return -errno;
    }
    io->fd = fd;
    io->events = events;
    return 0;
}

void
tn_rpc_io_modify(TnRpcServer *server, TnRpcIo *io, guint32 events)
{
    struct epoll_event event = { .events = events, .data.ptr = io };

    if (io->fd < 0 || io->events == events) {
        return;
    }
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, io->fd, &event) == 0) {
        io->events = events;
    }
}

void
tn_rpc_io_unwatch(TnRpcServer *server, TnRpcIo *io)
{
    if (io->fd < 0) {
        return;
    }
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    io->fd = -1;
    io->events = 0;
    /* An event of this very batch may still name what is about to be freed. */
    for (int i = 0; i < server->batch_len; i++) {
        if (server->batch[i].data.ptr == io) {
            server->batch[i].data.ptr = NULL;
        }
    }
}

static gboolean
epoll_ready(gint fd, GIOCondition condition, gpointer data)
{
    TnRpcServer *server = data;

    server->batch_len = epoll_wait(server->epoll_fd, server->batch, TN_RPC_BATCH, 0);
    for (int i = 0; i < server->batch_len; i++) {
        TnRpcIo *io = server->batch[i].data.ptr;

        if (io != NULL) {
            io->ready(io, server->batch[i].events);
        }
    }
    server->batch_len = 0;
    return G_SOURCE_CONTINUE;
}

void
tn_rpc_server_post(TnRpcServer *server, TnRpcJobFunc func, gpointer data)
{
    Post *post = g_new(Post, 1);
    guint64 one = 1;
    gboolean first;

    post->func = func;
    post->data = data;
    g_mutex_lock(&server->post_lock);
    first = g_queue_is_empty(&server->posts);
    g_queue_push_tail(&server->posts, post);
    /* Written under the lock: the server may be gone as soon as the post has run. */
    if (first) {
        (void)!write(server->wake.fd, &one, sizeof(one));
    }
    g_mutex_unlock(&server->post_lock);
}

static void
wake_ready(TnRpcIo *io, guint32 events)
{
    TnRpcServer *server = (TnRpcServer *)((char *)io - G_STRUCT_OFFSET(TnRpcServer, wake));
    GQueue posts;
    guint64 count;
    Post *post;

    (void)!read(io->fd, &count, sizeof(count));
    g_mutex_lock(&server->post_lock);
    posts = server->posts;
    g_queue_init(&server->posts);
    g_mutex_unlock(&server->post_lock);
    while ((post = g_queue_pop_head(&posts)) != NULL) {
        post->func(post->data);
        g_free(post);
    }
}

/* ---- the clock ---- */

static GByteArray *
encode_ping(void)
{
    TnRpcHeader header = {
        .program = TN_RPC_PROGRAM_KEEPALIVE,
        .version = TN_RPC_PROGRAM_VERSION,
        .procedure = 1,
        .type = TN_RPC_TYPE_MESSAGE,
    };

    return tn_rpc_frame_encode_raw(&header, NULL, 0);
}

/* Pings @client if it has been silent, gives it up if it stayed so; when to look again. */
static gint64
check_client(TnRpcServer *server, TnRpcClient *client, gint64 now)
{
    gint64 interval = (gint64)server->options.keepalive_interval * G_TIME_SPAN_SECOND;
    gint64 due = client->last_heard + (client->pings + 1) * interval;

    if (!g_atomic_int_get(&client->wants_keepalive) || g_atomic_int_get(&client->gone)) {
        return G_MAXINT64;
    }
    if (now < due) {
        return due;
    }
    if (client->pings >= server->options.keepalive_count) {
        tn_rpc_client_disconnect(client, "it answers no keepalive pings");
        return G_MAXINT64;
    }
    client->pings++;
    tn_rpc_client_queue(client, encode_ping(), NULL);
    return MAX(due + interval, now + interval / 2);
}

static gboolean
tick_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    TnRpcServer *server = data;
    gint64 now = g_get_monotonic_time();
    gint64 next = G_MAXINT64;

    if (server->listen_again != 0 && now >= server->listen_again) {
        server->listen_again = 0;
        tn_rpc_listener_update(server);
    }
    if (server->options.keepalive_interval > 0) {
        for (GList *l = server->clients.head, *after; l != NULL; l = after) {
            after = l->next;
            next = MIN(next, check_client(server, l->data, now));
        }
    }
    if (server->listen_again != 0) {
        next = MIN(next, server->listen_again);
    }
    g_source_set_ready_time(source, next == G_MAXINT64 ? -1 : next);
    return G_SOURCE_CONTINUE;
}

static gboolean
tick_trampoline(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs tick_funcs = { .dispatch = tick_dispatch };

void
tn_rpc_server_reschedule(TnRpcServer *server)
{
    g_source_set_ready_time(server->tick_source, 0);
}

/* ---- life ---- */

TnRpcServer *
tn_rpc_server_new(const TnRpcServerOptions *options, GError **error)
{
    g_autoptr(TnRpcServer) server = g_new0(TnRpcServer, 1);
    int wake_fd;

    server->options = *options;
    server->options.runtime_dir = NULL;
    server->runtime_dir = g_strdup(options->runtime_dir);
    if (server->runtime_dir == NULL && options->session) {
        server->runtime_dir = g_build_filename(g_get_user_runtime_dir(), "libvirt", NULL);
    } else if (server->runtime_dir == NULL) {
        server->runtime_dir = g_strdup("/run/libvirt");
    }
    g_mutex_init(&server->post_lock);
    g_mutex_init(&server->authorizing_lock);
    server->authorizing = g_array_new(FALSE, FALSE, sizeof(uid_t));
    server->wake.fd = -1;
    server->listeners = g_ptr_array_new_with_free_func(tn_rpc_listener_free);
    server->listening = TRUE;
    server->users = g_hash_table_new(NULL, NULL);
    server->scratch = g_malloc(TN_RPC_READ_SIZE);
    server->context = g_main_context_ref_thread_default();
    server->pool = tn_rpc_pool_new(options->max_workers, options->priority_workers);
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_fd < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                    "cannot make an epoll descriptor: %s", g_strerror(errno));
        return NULL;
    }
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->wake.ready = wake_ready;
    if (wake_fd < 0 || tn_rpc_io_watch(server, &server->wake, wake_fd, EPOLLIN) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                    "cannot make an event descriptor: %s", g_strerror(errno));
        return NULL;
    }
    server->epoll_source = g_unix_fd_source_new(server->epoll_fd, G_IO_IN);
    g_source_set_callback(server->epoll_source, G_SOURCE_FUNC(epoll_ready), server, NULL);
    /* Nothing below it iterates the context; a source that might recurse is not taken out of the
     * poll set and put back around each dispatch, which costs four system calls a frame. */
    g_source_set_can_recurse(server->epoll_source, TRUE);
    g_source_attach(server->epoll_source, server->context);
    server->tick_source = g_source_new(&tick_funcs, sizeof(GSource));
    g_source_set_callback(server->tick_source, tick_trampoline, server, NULL);
    g_source_attach(server->tick_source, server->context);
    return g_steal_pointer(&server);
}

void
tn_rpc_server_take_program(TnRpcServer *server, TnRpcProgram *program)
{
    guint slot = tn_rpc_program_get_number(program) == TN_RPC_PROGRAM_REMOTE ? 0 : 1;

    g_assert(server->programs[slot] == NULL);
    if (slot == 0) {
        tn_rpc_auth_add_handlers(program, server);
    }
    server->programs[slot] = program;
}

static gboolean
stop_deadline_passed(gpointer data)
{
    gboolean *passed = data;

    *passed = TRUE;
    return G_SOURCE_REMOVE;
}

gboolean
tn_rpc_server_stop(TnRpcServer *server)
{
    g_autoptr(GSource) deadline = g_timeout_source_new_seconds(STOP_SECONDS);
    gboolean passed = FALSE;

    server->stopping = TRUE;
    g_ptr_array_set_size(server->listeners, 0);
    for (GList *l = server->clients.head, *after; l != NULL; l = after) {
        after = l->next;
        tn_rpc_client_disconnect(l->data, "the daemon ends");
    }
    g_source_set_callback(deadline, stop_deadline_passed, &passed, NULL);
    g_source_attach(deadline, server->context);
    while (server->n_clients > 0 && !passed) {
        g_main_context_iteration(server->context, TRUE);
    }
    g_source_destroy(deadline);
    return server->n_clients == 0;
}

void
tn_rpc_server_free(TnRpcServer *server)
{
    if (server == NULL) {
        return;
    }
    if (server->epoll_source != NULL) {
        while (!tn_rpc_server_stop(server)) {
            g_message("waiting for %u calls to end", server->n_clients);
        }
    }
    tn_rpc_pool_free(server->pool);
    if (server->wake.fd >= 0) {
        int fd = server->wake.fd;

        /* What the last workers posted wants its memory back. */
        wake_ready(&server->wake, EPOLLIN);
        tn_rpc_io_unwatch(server, &server->wake);
        (void)close(fd);
    }
    g_ptr_array_unref(server->listeners);
    g_hash_table_unref(server->users);
    if (server->epoll_source != NULL) {
        g_source_destroy(server->epoll_source);
        g_source_unref(server->epoll_source);
    }
    if (server->tick_source != NULL) {
        g_source_destroy(server->tick_source);
        g_source_unref(server->tick_source);
    }
    if (server->epoll_fd >= 0) {
        (void)close(server->epoll_fd);
    }
    for (guint i = 0; i < G_N_ELEMENTS(server->programs); i++) {
        tn_rpc_program_free(server->programs[i]);
    }
    g_main_context_unref(server->context);
    g_mutex_clear(&server->post_lock);
    g_mutex_clear(&server->authorizing_lock);
    g_array_unref(server->authorizing);
    g_free(server->scratch);
    g_free(server->runtime_dir);
    g_free(server);
}

guint
tn_rpc_server_get_n_clients(TnRpcServer *server)
{
    return server->n_clients;
}

void
tn_rpc_server_set_clients_changed(TnRpcServer *server, TnRpcServerClientsChanged changed,
                                  gpointer user_data)
{
    server->changed = changed;
    server->changed_data = user_data;
}
