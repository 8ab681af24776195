/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* chardev-stdio: the process's standard input and output, a terminal made raw. */
#include "vmm/backend/chardev-kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* What a terminal or pipe that polls writable surely takes (POSIX's PIPE_BUF minimum). */
#define TN_CHARDEV_STDIO_SAFE_SIZE 512

struct _TnChardevStdio {
    TnChardev parent_instance;

    gboolean signal;
    int in_fd;
    int out_fd;
    gboolean out_is_socket;
    gboolean out_may_block;
    gboolean is_terminal;
    struct termios saved;
};

G_DEFINE_FINAL_TYPE(TnChardevStdio, tn_chardev_stdio, TN_TYPE_CHARDEV)

enum {
    PROP_SIGNAL = 1,
};

/*
 * A descriptor of our own for @fd that does not block. O_NONBLOCK belongs to the
 * open file, which we share with the shell, so a pipe or terminal is opened anew.
 * What cannot be (a socket, somebody else's terminal) is duplicated as it is;
 * sockets have a flag per call, and the rest is polled before each access.
 */
static int
open_own(int fd, int flags)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
        int own = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (own >= 0) {
            return own;
        }
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Finds out how to write without blocking. */
static void
judge_output(TnChardevStdio *self)
{
    struct stat st;

    if (fstat(self->out_fd, &st) == 0) {
        self->out_is_socket = S_ISSOCK(st.st_mode);
        self->out_may_block = !self->out_is_socket && !S_ISREG(st.st_mode) &&
                              !(fcntl(self->out_fd, F_GETFL) & O_NONBLOCK);
    }
}

/* Keys reach the guest one by one and unchanged, Ctrl-C too unless signal=on. */
static void
make_raw(TnChardevStdio *self)
{
    struct termios raw;

    if (tcgetattr(self->in_fd, &self->saved) < 0) {
        return;
    }
    raw = self->saved;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag |= OPOST;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!self->signal) {
        raw.c_lflag &= ~(tcflag_t)ISIG;
    }
    raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    raw.c_cflag |= CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    self->is_terminal = tcsetattr(self->in_fd, TCSANOW, &raw) == 0;
}

static gboolean
tn_chardev_stdio_complete(TnObject *object, GError **error)
{
    TnChardevStdio *self = TN_CHARDEV_STDIO(object);

    self->in_fd = open_own(STDIN_FILENO, O_RDONLY);
    self->out_fd = open_own(STDOUT_FILENO, O_WRONLY);
    if (self->out_fd < 0) {
        return tn_chardev_fail_errno(error, errno, "Could not use standard output");
    }
    judge_output(self);
    if (self->in_fd >= 0) {
        make_raw(self);
    }
    tn_chardev_set_open(TN_CHARDEV(self), self->in_fd, self->out_fd);
    return TRUE;
}

static ssize_t
tn_chardev_stdio_send(TnChardev *chardev, int fd, const void *buf, gsize len)
{
    TnChardevStdio *self = TN_CHARDEV_STDIO(chardev);

    if (self->out_is_socket) {
        return send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (self->out_may_block) {
        struct pollfd pfd = { .fd = fd, .events = POLLOUT };

        if (poll(&pfd, 1, 0) <= 0) {
            errno = EAGAIN;
            return -1;
        }
        len = MIN(len, TN_CHARDEV_STDIO_SAFE_SIZE);
    }
    return write(fd, buf, len);
}

static void
tn_chardev_stdio_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    switch (id) {
    case PROP_SIGNAL:
        g_value_set_boolean(value, TN_CHARDEV_STDIO(object)->signal);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_stdio_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    switch (id) {
    case PROP_SIGNAL:
        TN_CHARDEV_STDIO(object)->signal = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_stdio_finalize(GObject *object)
{
    TnChardevStdio *self = TN_CHARDEV_STDIO(object);

    if (self->is_terminal) {
        (void)tcsetattr(self->in_fd, TCSANOW, &self->saved);
    }
    if (self->in_fd >= 0) {
        close(self->in_fd);
    }
    if (self->out_fd >= 0) {
        close(self->out_fd);
    }
    G_OBJECT_CLASS(tn_chardev_stdio_parent_class)->finalize(object);
}

static void
tn_chardev_stdio_class_init(TnChardevStdioClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->get_property = tn_chardev_stdio_get_property;
    object_class->set_property = tn_chardev_stdio_set_property;
    object_class->finalize = tn_chardev_stdio_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "chardev-stdio";
    TN_OBJECT_CLASS(klass)->description = "Standard input and output";
    TN_OBJECT_CLASS(klass)->complete = tn_chardev_stdio_complete;
    TN_CHARDEV_CLASS(klass)->send = tn_chardev_stdio_send;
    /* The end of input ("</dev/null") leaves the output alone. */
    TN_CHARDEV_CLASS(klass)->hangup = tn_chardev_stop_input;

    g_object_class_install_property(
        object_class, PROP_SIGNAL,
        g_param_spec_boolean("signal", NULL, "Keys like Ctrl-C send signals", TRUE,
                             TN_PARAM_RW));
}

static void
tn_chardev_stdio_init(TnChardevStdio *self)
{
    self->signal = TRUE;
    self->in_fd = -1;
    self->out_fd = -1;
}
