/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * chardev-socket: a unix socket, listening (one client at a time, the next waits
 * in the backlog) or connecting (again every @reconnect seconds). Descriptors that
 * come along are kept for tn_chardev_take_fds().
 */
#include "vmm/backend/chardev-kinds.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <unistd.h>

#define TN_CHARDEV_SOCKET_BACKLOG 1

struct _TnChardevSocket {
    TnChardev parent_instance;

    char *path;
    char *fd_name;
    gboolean server;
    gboolean wait;
    gboolean wait_given;
    guint reconnect; /* seconds, 0: never */

    int listener;          /* -1: not a server */
    GSource *accept_source; /* while there is no client */
    int connection;        /* -1: none */
    GSource *retry_source;
    gboolean bound;        /* we made the socket's file */
};

G_DEFINE_FINAL_TYPE(TnChardevSocket, tn_chardev_socket, TN_TYPE_CHARDEV)

enum {
    PROP_PATH = 1,
    PROP_FD,
    PROP_SERVER,
    PROP_WAIT,
    PROP_RECONNECT,
};

static void watch_listener(TnChardevSocket *self);
static void retry_later(TnChardevSocket *self);

static void
clear_source(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void
use_connection(TnChardevSocket *self, int fd)
{
    clear_source(&self->accept_source);
    self->connection = fd;
    tn_chardev_set_open(TN_CHARDEV(self), fd, fd);
}

static gboolean
on_accept(int fd, GIOCondition condition, gpointer user_data)
{
    g_autoptr(TnChardevSocket) self = g_object_ref(user_data);
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    /* A client may have left already, and descriptors may have run out: the next
     * event tries again. */
    if (client >= 0) {
        use_connection(self, client);
    }
    return G_SOURCE_CONTINUE;
}

static void
watch_listener(TnChardevSocket *self)
{
    self->accept_source = g_unix_fd_source_new(self->listener, G_IO_IN);
    g_source_set_callback(self->accept_source, G_SOURCE_FUNC(on_accept), self, NULL);
    g_source_attach(self->accept_source, NULL);
}

static void
tn_chardev_socket_hangup(TnChardev *chardev)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(chardev);
    int fd = self->connection;

    if (fd < 0) {
        return;
    }
    self->connection = -1;
    tn_chardev_set_closed(chardev);
    close(fd);
    if (self->listener >= 0) {
        watch_listener(self);
    } else if (self->reconnect > 0) {
        retry_later(self);
    }
}

/* Copies out what one message's control data holds. */
static void
receive_fds(TnChardev *chardev, struct msghdr *msg)
{
    int fds[TN_CHARDEV_MAX_FDS];
    unsigned count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        gsize n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        n = MIN(n, TN_CHARDEV_MAX_FDS - count);
        memcpy(fds + count, CMSG_DATA(c), n * sizeof(int));
        count += (unsigned)n;
    }
    if (count > 0) {
        tn_chardev_keep_fds(chardev, fds, count);
    }
}

static ssize_t
tn_chardev_socket_receive(TnChardev *chardev, int fd, void *buf, gsize len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * TN_CHARDEV_MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec iov = { .iov_base = buf, .iov_len = len };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n > 0) {
        receive_fds(chardev, &msg);
    }
    return n;
}

static ssize_t
tn_chardev_socket_send(TnChardev *chardev, int fd, const void *buf, gsize len)
{
    return send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* "unix:/path,server=on" as QEMU words it. */
static char *
tn_chardev_socket_describe(TnChardev *chardev)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(chardev);
    const char *prefix = tn_chardev_is_open(chardev) ? "" : "disconnected:";
    const char *suffix = self->server ? ",server=on" : "";

    if (self->path) {
        return g_strdup_printf("%sunix:%s%s", prefix, self->path, suffix);
    }
    if (tn_chardev_is_open(chardev)) {
        struct sockaddr_un address = { 0 };
        socklen_t len = sizeof(address) - 1;

        if (getsockname(self->connection, (struct sockaddr *)&address, &len) == 0 &&
            address.sun_family == AF_UNIX) {
            return g_strdup_printf("unix:%s%s", address.sun_path, suffix);
        }
    }
    return g_strdup_printf("%sfd:%s%s", prefix, self->fd_name, suffix);
}

static gboolean
make_address(TnChardevSocket *self, struct sockaddr_un *ret_address, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(self->path) >= sizeof(address.sun_path)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "UNIX socket path '%s' is too long: Path must be less than %zu bytes",
                    self->path, sizeof(address.sun_path));
        return FALSE;
    }
    strcpy(address.sun_path, self->path);
    *ret_address = address;
    return TRUE;
}

static int
new_socket(GError **error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        (void)tn_chardev_fail_errno(error, errno, "Failed to create Unix socket");
    }
    return fd;
}

static gboolean
listen_on_path(TnChardevSocket *self, GError **error)
{
    struct sockaddr_un address;

    if (!make_address(self, &address, error)) {
        return FALSE;
    }
    self->listener = new_socket(error);
    if (self->listener < 0) {
        return FALSE;
    }
    if (unlink(self->path) < 0 && errno != ENOENT) {
        return tn_chardev_fail_errno(error, errno, "Failed to unlink socket %s", self->path);
    }
    if (bind(self->listener, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return tn_chardev_fail_errno(error, errno, "Failed to bind socket to %s", self->path);
    }
    self->bound = TRUE;
    if (listen(self->listener, TN_CHARDEV_SOCKET_BACKLOG) < 0) {
        return tn_chardev_fail_errno(error, errno, "Failed to listen on socket");
    }
    return TRUE;
}

static gboolean
connect_to_path(TnChardevSocket *self, GError **error)
{
    struct sockaddr_un address;
    int fd;

    if (!make_address(self, &address, error)) {
        return FALSE;
    }
    fd = new_socket(error);
    if (fd < 0) {
        return FALSE;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int err = errno;

        close(fd);
        return tn_chardev_fail_errno(error, err, "Failed to connect to '%s'", self->path);
    }
    use_connection(self, fd);
    return TRUE;
}

static gboolean
on_retry(gpointer user_data)
{
    g_autoptr(TnChardevSocket) self = g_object_ref(user_data);

    if (!connect_to_path(self, NULL)) {
        return G_SOURCE_CONTINUE;
    }
    clear_source(&self->retry_source);
    return G_SOURCE_REMOVE;
}

static void
retry_later(TnChardevSocket *self)
{
    clear_source(&self->retry_source);
    self->retry_source = g_timeout_source_new_seconds(self->reconnect);
    g_source_set_callback(self->retry_source, on_retry, self, NULL);
    g_source_attach(self->retry_source, NULL);
}

/* A socket that we were given: it is ours from here on. */
static gboolean
take_given_fd(TnChardevSocket *self, GError **error)
{
    struct stat st;
    guint64 fd;
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (!g_ascii_string_to_unsigned(self->fd_name, 10, 0, G_MAXINT, &fd, NULL)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "File descriptor '%s' is not a number", self->fd_name);
        return FALSE;
    }
    if (fstat((int)fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "File descriptor '%s' is not a socket", self->fd_name);
        return FALSE;
    }
    (void)getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
    if (self->server != (listening != 0)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    self->server ? "File descriptor '%s' is not a listening socket"
                                 : "File descriptor '%s' is a listening socket",
                    self->fd_name);
        return FALSE;
    }
    (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    if (self->server) {
        self->listener = (int)fd;
    } else {
        use_connection(self, (int)fd);
    }
    return TRUE;
}

static gboolean
check_options(TnChardevSocket *self, GError **error)
{
    const char *text = NULL;

    if (!self->path && !self->fd_name) {
        text = "chardev: socket: no path or fd given";
    } else if (self->path && self->fd_name) {
        text = "chardev: socket: 'path' and 'fd' are mutually exclusive";
    } else if (!self->server && self->wait_given) {
        text = "'wait' option is incompatible with socket in client connect mode";
    } else if (self->server && self->reconnect > 0) {
        text = "'reconnect' option is incompatible with socket in server listen mode";
    } else if (self->fd_name && self->reconnect > 0) {
        text = "'reconnect' option is incompatible with 'fd'";
    }
    if (text) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, text);
    }
    return text == NULL;
}

/* wait=on: nothing goes on before the first client is there. */
static gboolean
wait_for_client(TnChardevSocket *self, GError **error)
{
    g_autofree char *name = tn_chardev_socket_describe(TN_CHARDEV(self));
    int client;

    fprintf(stderr, "tenon-vmm: waiting for connection on: %s\n", name);
    do {
        struct pollfd pfd = { .fd = self->listener, .events = POLLIN };

        (void)poll(&pfd, 1, -1);
        client = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (client < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED));
    if (client < 0) {
        return tn_chardev_fail_errno(error, errno, "Failed to accept on '%s'", name);
    }
    use_connection(self, client);
    return TRUE;
}

static gboolean
complete_server(TnChardevSocket *self, GError **error)
{
    /* A client may leave between poll and accept. */
    (void)fcntl(self->listener, F_SETFL, fcntl(self->listener, F_GETFL) | O_NONBLOCK);
    if (self->wait) {
        return wait_for_client(self, error);
    }
    watch_listener(self);
    return TRUE;
}

static gboolean
tn_chardev_socket_complete(TnObject *object, GError **error)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(object);
    g_autoptr(GError) connect_error = NULL;

    if (!check_options(self, error)) {
        return FALSE;
    }
    if (self->fd_name) {
        if (!take_given_fd(self, error)) {
            return FALSE;
        }
    } else if (self->server) {
        if (!listen_on_path(self, error)) {
            return FALSE;
        }
    } else if (!connect_to_path(self, &connect_error)) {
        if (self->reconnect == 0) {
            g_propagate_error(error, g_steal_pointer(&connect_error));
            return FALSE;
        }
        retry_later(self);
    }
    return !self->server || complete_server(self, error);
}

static void
tn_chardev_socket_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(object);

    switch (id) {
    case PROP_PATH:
        g_value_set_string(value, self->path);
        break;
    case PROP_FD:
        g_value_set_string(value, self->fd_name);
        break;
    case PROP_SERVER:
        g_value_set_boolean(value, self->server);
        break;
    case PROP_WAIT:
        g_value_set_boolean(value, self->wait);
        break;
    case PROP_RECONNECT:
        g_value_set_uint(value, self->reconnect);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_socket_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(object);

    switch (id) {
    case PROP_PATH:
        g_free(self->path);
        self->path = g_value_dup_string(value);
        break;
    case PROP_FD:
        g_free(self->fd_name);
        self->fd_name = g_value_dup_string(value);
        break;
    case PROP_SERVER:
        self->server = g_value_get_boolean(value);
        break;
    case PROP_WAIT:
        self->wait = g_value_get_boolean(value);
        self->wait_given = TRUE;
        break;
    case PROP_RECONNECT:
        self->reconnect = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_socket_dispose(GObject *object)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(object);

    clear_source(&self->accept_source);
    clear_source(&self->retry_source);
    G_OBJECT_CLASS(tn_chardev_socket_parent_class)->dispose(object);
}

static void
tn_chardev_socket_finalize(GObject *object)
{
    TnChardevSocket *self = TN_CHARDEV_SOCKET(object);

    if (self->connection >= 0) {
        close(self->connection);
    }
    if (self->listener >= 0) {
        close(self->listener);
    }
    if (self->bound) {
        (void)unlink(self->path);
    }
    g_free(self->path);
    g_free(self->fd_name);
    G_OBJECT_CLASS(tn_chardev_socket_parent_class)->finalize(object);
}

static void
install_properties(GObjectClass *klass)
{
    g_object_class_install_property(
        klass, PROP_PATH,
        g_param_spec_string("path", NULL, "Path of a unix socket", NULL, TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_FD,
        g_param_spec_string("fd", NULL, "Number of an inherited socket", NULL, TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_SERVER,
        g_param_spec_boolean("server", NULL, "Listen instead of connecting", FALSE,
                             TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_WAIT,
        g_param_spec_boolean("wait", NULL, "Server: block until the first client", TRUE,
                             TN_PARAM_RW));
    g_object_class_install_property(
        klass, PROP_RECONNECT,
        g_param_spec_uint("reconnect", NULL, "Client: seconds between attempts, 0: none", 0,
                          G_MAXINT / 1000, 0, TN_PARAM_RW));
}

static void
tn_chardev_socket_class_init(TnChardevSocketClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    TnObjectClass *tn_class = TN_OBJECT_CLASS(klass);
    TnChardevClass *chardev_class = TN_CHARDEV_CLASS(klass);

    object_class->get_property = tn_chardev_socket_get_property;
    object_class->set_property = tn_chardev_socket_set_property;
    object_class->dispose = tn_chardev_socket_dispose;
    object_class->finalize = tn_chardev_socket_finalize;
    tn_class->type_name = "chardev-socket";
    tn_class->description = "Unix socket";
    tn_class->complete = tn_chardev_socket_complete;
    chardev_class->receive = tn_chardev_socket_receive;
    chardev_class->send = tn_chardev_socket_send;
    chardev_class->hangup = tn_chardev_socket_hangup;
    chardev_class->describe = tn_chardev_socket_describe;
    chardev_class->can_disconnect = TRUE;
    install_properties(object_class);
}

static void
tn_chardev_socket_init(TnChardevSocket *self)
{
    self->wait = TRUE;
    self->listener = -1;
    self->connection = -1;
}
