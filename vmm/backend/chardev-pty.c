/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * chardev-pty: a pseudo terminal whose other end anybody may open and leave
 * again. While nobody has it open, output is discarded as on an unplugged line.
 */
#include "vmm/backend/chardev-kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

struct _TnChardevPty {
    TnChardev parent_instance;

    char *name; /* "/dev/pts/3" */
    int master;
    /* The kernel tells of a slave that left (POLLHUP), not of one that came:
     * inotify does. */
    int inotify;
    GSource *inotify_source;
};

G_DEFINE_FINAL_TYPE(TnChardevPty, tn_chardev_pty, TN_TYPE_CHARDEV)

/* Opens or closes the line according to whether anybody has the slave open. */
static void
check_peer(TnChardevPty *self)
{
    struct pollfd pfd = { .fd = self->master, .events = POLLIN };
    gboolean there = poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP);
    TnChardev *chardev = TN_CHARDEV(self);

    if (there && !tn_chardev_is_open(chardev)) {
        tn_chardev_set_open(chardev, self->master, self->master);
    } else if (!there && tn_chardev_is_open(chardev) && !(pfd.revents & POLLIN)) {
        tn_chardev_set_closed(chardev);
    }
}

static gboolean
on_inotify(int fd, GIOCondition condition, gpointer user_data)
{
    g_autoptr(TnChardevPty) self = g_object_ref(user_data);
    char buf[4096];

    while (read(fd, buf, sizeof(buf)) > 0) {
        /* Only that something happened counts. */
    }
    check_peer(self);
    return G_SOURCE_CONTINUE;
}

static void
tn_chardev_pty_hangup(TnChardev *chardev)
{
    tn_chardev_set_closed(chardev);
    /* Whoever opened it since then was not told apart from the one who left. */
    check_peer(TN_CHARDEV_PTY(chardev));
}

/* Raw from the start, so that nothing is echoed before a client sets its own mode.
 * Opened and closed once, after which the master reports POLLHUP. */
static gboolean
init_slave(TnChardevPty *self, GError **error)
{
    struct termios raw;
    int slave = open(self->name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (slave < 0) {
        return tn_chardev_fail_errno(error, errno, "Could not open '%s'", self->name);
    }
    if (tcgetattr(slave, &raw) == 0) {
        cfmakeraw(&raw);
        (void)tcsetattr(slave, TCSAFLUSH, &raw);
    }
    close(slave);
    return TRUE;
}

static gboolean
watch_slave(TnChardevPty *self, GError **error)
{
    self->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->inotify < 0 ||
        inotify_add_watch(self->inotify, self->name, IN_OPEN | IN_CLOSE) < 0) {
        return tn_chardev_fail_errno(error, errno, "Could not watch '%s'", self->name);
    }
    self->inotify_source = g_unix_fd_source_new(self->inotify, G_IO_IN);
    g_source_set_callback(self->inotify_source, G_SOURCE_FUNC(on_inotify), self, NULL);
    g_source_attach(self->inotify_source, NULL);
    return TRUE;
}

static gboolean
tn_chardev_pty_complete(TnObject *object, GError **error)
{
    TnChardevPty *self = TN_CHARDEV_PTY(object);
    char name[64];
    int err;

    self->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (self->master < 0 || grantpt(self->master) < 0 || unlockpt(self->master) < 0) {
        return tn_chardev_fail_errno(error, errno, "Failed to create PTY");
    }
    err = ptsname_r(self->master, name, sizeof(name));
    if (err != 0) {
        return tn_chardev_fail_errno(error, err, "Failed to create PTY");
    }
    self->name = g_strdup(name);
    return init_slave(self, error) && watch_slave(self, error);
}

static char *
tn_chardev_pty_describe(TnChardev *chardev)
{
    return g_strdup_printf("pty:%s", TN_CHARDEV_PTY(chardev)->name);
}

static void
tn_chardev_pty_dispose(GObject *object)
{
    TnChardevPty *self = TN_CHARDEV_PTY(object);

    if (self->inotify_source) {
        g_source_destroy(self->inotify_source);
        g_clear_pointer(&self->inotify_source, g_source_unref);
    }
    G_OBJECT_CLASS(tn_chardev_pty_parent_class)->dispose(object);
}

static void
tn_chardev_pty_finalize(GObject *object)
{
    TnChardevPty *self = TN_CHARDEV_PTY(object);

    if (self->inotify >= 0) {
        close(self->inotify);
    }
    if (self->master >= 0) {
        close(self->master);
    }
    g_free(self->name);
    G_OBJECT_CLASS(tn_chardev_pty_parent_class)->finalize(object);
}

static void
tn_chardev_pty_class_init(TnChardevPtyClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = tn_chardev_pty_dispose;
    G_OBJECT_CLASS(klass)->finalize = tn_chardev_pty_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "chardev-pty";
    TN_OBJECT_CLASS(klass)->description = "Pseudo terminal";
    TN_OBJECT_CLASS(klass)->complete = tn_chardev_pty_complete;
    TN_CHARDEV_CLASS(klass)->hangup = tn_chardev_pty_hangup;
    TN_CHARDEV_CLASS(klass)->describe = tn_chardev_pty_describe;
}

static void
tn_chardev_pty_init(TnChardevPty *self)
{
    self->master = -1;
    self->inotify = -1;
}
