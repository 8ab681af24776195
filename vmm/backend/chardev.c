/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices: what all kinds share, from watching descriptors to handlers. */
#include "vmm/backend/chardev-private.h"

#include "vmm/backend/chardev-escape.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TN_CHARDEV_READ_SIZE 4096
#define TN_CHARDEV_TYPE_PREFIX "chardev-"

typedef struct Frontend {
    const TnChardevHandlers *handlers; /* NULL: a free place */
    void *opaque;
    gboolean told_open;
} Frontend;

typedef struct TnChardevPrivate {
    Frontend frontends[TN_CHARDEV_MAX_FRONTENDS];
    unsigned focus;   /* who has the keyboard */
    gboolean mux;     /* property: frontends share, keys escape */
    gboolean escaped; /* the last key was Ctrl-A */

    gboolean open;
    gboolean drop_peer;     /* asked by tn_chardev_disconnect() */
    gboolean want_writable; /* a write took less than it was given */
    gboolean out_broken;    /* the peer takes no more, its input is still read */
    int in_fd;
    int out_fd;

    /* Watches both descriptors while something is wanted of them. Its ready time
     * is the one thing that other threads touch. */
    GSource *source;
    gpointer in_tag;
    gpointer out_tag;

    int fds[TN_CHARDEV_MAX_FDS];
    unsigned num_fds;
} TnChardevPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(TnChardev, tn_chardev, TN_TYPE_OBJECT)

enum {
    PROP_MUX = 1,
};

static TnChardevPrivate *
priv(TnChardev *self)
{
    return tn_chardev_get_instance_private(self);
}

/* Adds, changes or drops one descriptor's watch. A descriptor of which nothing is
 * wanted must not be polled at all: its hangup would be reported for ever. */
static void
watch(GSource *source, gpointer *tag, int fd, GIOCondition wanted)
{
    if (fd >= 0 && wanted) {
        if (!*tag) {
            *tag = g_source_add_unix_fd(source, fd, wanted);
        }
    } else if (*tag) {
        g_source_remove_unix_fd(source, *tag);
        *tag = NULL;
    }
}

static gsize
room_of(const Frontend *f)
{
    if (!f->handlers || !f->handlers->read) {
        return 0;
    }
    return f->handlers->can_read ? f->handlers->can_read(f->opaque) : TN_CHARDEV_READ_SIZE;
}

/* How much may be read now. A chunk may change hands on the way, so that nobody who
 * could get a part of it may have less room, but for one key. */
static gsize
frontend_room(TnChardevPrivate *p)
{
    gsize room = room_of(&p->frontends[p->focus]);

    for (unsigned i = 0; p->mux && room > 1 && i < TN_CHARDEV_MAX_FRONTENDS; i++) {
        if (p->frontends[i].handlers) {
            room = MIN(room, MAX(room_of(&p->frontends[i]), 1));
        }
    }
    return room;
}

static void
update_watches(TnChardevPrivate *p)
{
    watch(p->source, &p->in_tag, p->in_fd,
          p->in_fd >= 0 && frontend_room(p) > 0 ? G_IO_IN : (GIOCondition)0);
    watch(p->source, &p->out_tag, p->out_fd,
          p->want_writable && !p->out_broken ? G_IO_OUT : (GIOCondition)0);
}

static void
tell_event(Frontend *f, TnChardevEvent event)
{
    f->told_open = event == TN_CHARDEV_EVENT_OPENED;
    if (f->handlers->event) {
        f->handlers->event(f->opaque, event);
    }
}

/* Tells the one with the keyboard that there is a peer, once. */
static void
tell_opened(TnChardevPrivate *p)
{
    Frontend *f = &p->frontends[p->focus];

    if (p->open && f->handlers && !f->told_open) {
        tell_event(f, TN_CHARDEV_EVENT_OPENED);
    }
}

static void
give_keyboard_to_next(TnChardevPrivate *p)
{
    for (unsigned i = 1; i < TN_CHARDEV_MAX_FRONTENDS; i++) {
        unsigned next = (p->focus + i) % TN_CHARDEV_MAX_FRONTENDS;

        if (p->frontends[next].handlers) {
            p->focus = next;
            tell_opened(p);
            return;
        }
    }
}

static void
deliver(TnChardevPrivate *p, const guint8 *buf, gsize len)
{
    const Frontend *f = &p->frontends[p->focus];

    if (len > 0 && f->handlers && f->handlers->read) {
        f->handlers->read(f->opaque, buf, len);
    }
}

static void
obey_key(TnChardev *self, TnChardevKey key)
{
    TnChardevPrivate *p = priv(self);
    const Frontend *f = &p->frontends[p->focus];

    switch (key) {
    case TN_CHARDEV_KEY_HELP:
        (void)tn_chardev_write(self, TN_CHARDEV_ESCAPE_HELP, strlen(TN_CHARDEV_ESCAPE_HELP));
        break;
    case TN_CHARDEV_KEY_QUIT:
        /* The program's own way to an orderly end. */
        (void)kill(getpid(), SIGTERM);
        break;
    case TN_CHARDEV_KEY_BREAK:
        if (f->handlers && f->handlers->send_break) {
            f->handlers->send_break(f->opaque);
        }
        break;
    case TN_CHARDEV_KEY_NEXT:
        give_keyboard_to_next(p);
        break;
    case TN_CHARDEV_KEY_DATA:
    case TN_CHARDEV_KEY_NONE:
        break;
    }
}

/* Hands out input key by key where keys may be meant for us; in runs, else. */
static void
sort_input(TnChardev *self, const guint8 *buf, gsize len)
{
    TnChardevPrivate *p = priv(self);
    gsize begin = 0;

    if (!p->mux) {
        deliver(p, buf, len);
        return;
    }
    for (gsize i = 0; i < len; i++) {
        gboolean was_escaped = p->escaped;
        TnChardevKey key = tn_chardev_escape_key(&p->escaped, buf[i]);

        if (key == TN_CHARDEV_KEY_DATA) {
            continue;
        }
        /* All before the escape belongs to whoever had the keyboard. */
        if (!was_escaped) {
            deliver(p, buf + begin, i - begin);
        }
        begin = i + 1;
        obey_key(self, key);
    }
    deliver(p, buf + begin, len - begin);
}

/* Reads once, at most what the frontend takes. */
static void
read_input(TnChardev *self)
{
    TnChardevPrivate *p = priv(self);
    TnChardevClass *klass = TN_CHARDEV_GET_CLASS(self);
    guint8 buf[TN_CHARDEV_READ_SIZE];
    gsize room = MIN(frontend_room(p), sizeof(buf));
    ssize_t got;

    if (room == 0) {
        return;
    }
    got = klass->receive(self, p->in_fd, buf, room);
    if (got > 0) {
        sort_input(self, buf, (gsize)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        klass->hangup(self);
    }
}

static void
tell_writable(TnChardevPrivate *p)
{
    p->want_writable = FALSE;
    for (unsigned i = 0; i < TN_CHARDEV_MAX_FRONTENDS; i++) {
        const Frontend *f = &p->frontends[i];

        if (f->handlers && f->handlers->writable) {
            f->handlers->writable(f->opaque);
        }
    }
}

static gboolean
chardev_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    g_autoptr(TnChardev) self = g_object_ref(user_data);
    TnChardevPrivate *p = priv(self);
    gboolean readable = p->in_tag && g_source_query_unix_fd(source, p->in_tag);
    gboolean writable = p->out_tag && g_source_query_unix_fd(source, p->out_tag);

    g_source_set_ready_time(source, -1);
    if (p->drop_peer) {
        TN_CHARDEV_GET_CLASS(self)->hangup(self);
    } else if (readable) {
        read_input(self);
    }
    if (p->want_writable && (writable || p->out_fd < 0 || p->out_broken)) {
        tell_writable(p);
    }
    if (!g_source_is_destroyed(source)) {
        update_watches(p);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
never_called(gpointer user_data)
{
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs chardev_source_funcs = { .dispatch = chardev_dispatch };

void
tn_chardev_set_open(TnChardev *self, int in_fd, int out_fd)
{
    TnChardevPrivate *p = priv(self);

    g_return_if_fail(!p->open);
    p->open = TRUE;
    p->out_broken = FALSE;
    p->in_fd = in_fd;
    p->out_fd = out_fd;
    p->escaped = FALSE;
    tell_opened(p);
    update_watches(p);
}

void
tn_chardev_set_closed(TnChardev *self)
{
    TnChardevPrivate *p = priv(self);

    if (!p->open) {
        return;
    }
    p->open = FALSE;
    p->drop_peer = FALSE;
    p->in_fd = -1;
    p->out_fd = -1;
    update_watches(p);
    tn_chardev_keep_fds(self, NULL, 0);
    if (p->want_writable) {
        g_source_set_ready_time(p->source, 0);
    }
    for (unsigned i = 0; i < TN_CHARDEV_MAX_FRONTENDS; i++) {
        if (p->frontends[i].handlers && p->frontends[i].told_open) {
            tell_event(&p->frontends[i], TN_CHARDEV_EVENT_CLOSED);
        }
    }
}

void
tn_chardev_stop_input(TnChardev *self)
{
    TnChardevPrivate *p = priv(self);

    p->in_fd = -1;
    update_watches(p);
}

gboolean
tn_chardev_attach(TnChardev *self, const TnChardevHandlers *handlers, void *opaque,
                  GError **error)
{
    TnChardevPrivate *p = priv(self);
    unsigned places = p->mux ? TN_CHARDEV_MAX_FRONTENDS : 1;
    unsigned i;

    for (i = 0; i < places && p->frontends[i].handlers; i++) {
        /* Look for a free place. */
    }
    if (i == places) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Device '%s' is in use",
                    tn_chardev_get_label(self));
        return FALSE;
    }
    p->frontends[i] = (Frontend){ handlers, opaque, FALSE };
    if (!p->frontends[p->focus].handlers) {
        p->focus = i;
    }
    tell_opened(p);
    update_watches(p);
    return TRUE;
}

void
tn_chardev_detach(TnChardev *self, const void *opaque)
{
    TnChardevPrivate *p = priv(self);

    for (unsigned i = 0; i < TN_CHARDEV_MAX_FRONTENDS; i++) {
        if (p->frontends[i].handlers && p->frontends[i].opaque == opaque) {
            p->frontends[i] = (Frontend){ 0 };
        }
    }
    if (!p->frontends[p->focus].handlers) {
        give_keyboard_to_next(p);
    }
    if (!tn_chardev_is_frontend_open(self)) {
        p->want_writable = FALSE;
    }
    update_watches(p);
}

gsize
tn_chardev_write(TnChardev *self, const void *buf, gsize len)
{
    TnChardevPrivate *p = priv(self);
    gsize taken = 0;

    if (p->out_fd < 0 || p->out_broken) {
        return len;
    }
    while (taken < len) {
        ssize_t n = TN_CHARDEV_GET_CLASS(self)->send(self, p->out_fd,
                                                     (const guint8 *)buf + taken, len - taken);

        if (n >= 0) {
            taken += (gsize)n;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            p->out_broken = TRUE;
            return len;
        }
    }
    if (taken < len) {
        p->want_writable = TRUE;
        update_watches(p);
    }
    return taken;
}

gboolean
tn_chardev_wait_writable(TnChardev *self, int timeout_ms)
{
    TnChardevPrivate *p = priv(self);
    struct pollfd pfd = { .fd = p->out_fd, .events = POLLOUT };

    if (p->out_fd < 0 || p->out_broken) {
        return TRUE;
    }
    return poll(&pfd, 1, timeout_ms) > 0;
}

void
tn_chardev_accept_input(TnChardev *self)
{
    g_source_set_ready_time(priv(self)->source, 0);
}

void
tn_chardev_keep_fds(TnChardev *self, const int *fds, unsigned count)
{
    TnChardevPrivate *p = priv(self);

    g_return_if_fail(count <= TN_CHARDEV_MAX_FDS);
    for (unsigned i = 0; i < p->num_fds; i++) {
        close(p->fds[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        p->fds[i] = fds[i];
    }
    p->num_fds = count;
}

unsigned
tn_chardev_take_fds(TnChardev *self, int ret_fds[TN_CHARDEV_MAX_FDS])
{
    TnChardevPrivate *p = priv(self);
    unsigned count = p->num_fds;

    memcpy(ret_fds, p->fds, count * sizeof(int));
    p->num_fds = 0;
    return count;
}

void
tn_chardev_disconnect(TnChardev *self)
{
    TnChardevPrivate *p = priv(self);

    if (p->open && TN_CHARDEV_GET_CLASS(self)->can_disconnect) {
        p->drop_peer = TRUE;
        g_source_set_ready_time(p->source, 0);
    }
}

char *
tn_chardev_describe(TnChardev *self)
{
    TnChardevClass *klass = TN_CHARDEV_GET_CLASS(self);

    if (klass->describe) {
        return klass->describe(self);
    }
    return g_strdup(tn_object_get_type_name(TN_OBJECT(self)) + strlen(TN_CHARDEV_TYPE_PREFIX));
}

gboolean
tn_chardev_is_frontend_open(TnChardev *self)
{
    const TnChardevPrivate *p = priv(self);

    return p->frontends[p->focus].handlers != NULL;
}

gboolean
tn_chardev_is_open(TnChardev *self)
{
    return priv(self)->open;
}

const char *
tn_chardev_get_label(TnChardev *self)
{
    const char *name = tn_object_get_name(TN_OBJECT(self));

    return name ? name : "";
}

gboolean
tn_chardev_fail_errno(GError **error, int err, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "%s: %s", text, g_strerror(err));
    return FALSE;
}

static ssize_t
default_receive(TnChardev *self, int fd, void *buf, gsize len)
{
    return read(fd, buf, len);
}

static ssize_t
default_send(TnChardev *self, int fd, const void *buf, gsize len)
{
    return write(fd, buf, len);
}

static void
tn_chardev_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    switch (id) {
    case PROP_MUX:
        g_value_set_boolean(value, priv(TN_CHARDEV(object))->mux);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    switch (id) {
    case PROP_MUX:
        priv(TN_CHARDEV(object))->mux = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_dispose(GObject *object)
{
    TnChardev *self = TN_CHARDEV(object);
    TnChardevPrivate *p = priv(self);

    memset(p->frontends, 0, sizeof(p->frontends));
    g_source_destroy(p->source);
    p->in_tag = NULL;
    p->out_tag = NULL;
    p->in_fd = -1;
    p->out_fd = -1;
    tn_chardev_keep_fds(self, NULL, 0);
    G_OBJECT_CLASS(tn_chardev_parent_class)->dispose(object);
}

static void
tn_chardev_finalize(GObject *object)
{
    g_source_unref(priv(TN_CHARDEV(object))->source);
    G_OBJECT_CLASS(tn_chardev_parent_class)->finalize(object);
}

static void
tn_chardev_class_init(TnChardevClass *klass)
{
    G_OBJECT_CLASS(klass)->get_property = tn_chardev_get_property;
    G_OBJECT_CLASS(klass)->set_property = tn_chardev_set_property;
    G_OBJECT_CLASS(klass)->dispose = tn_chardev_dispose;
    G_OBJECT_CLASS(klass)->finalize = tn_chardev_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "chardev";
    klass->receive = default_receive;
    klass->send = default_send;
    klass->hangup = tn_chardev_set_closed;

    g_object_class_install_property(
        G_OBJECT_CLASS(klass), PROP_MUX,
        g_param_spec_boolean("mux", NULL, "Up to four frontends share it", FALSE, TN_PARAM_RW));
}

static void
tn_chardev_init(TnChardev *self)
{
    TnChardevPrivate *p = priv(self);

    p->in_fd = -1;
    p->out_fd = -1;
    p->source = g_source_new(&chardev_source_funcs, sizeof(GSource));
    g_source_set_static_name(p->source, "tn-chardev");
    /* The callback only carries the object to dispatch(). */
    g_source_set_callback(p->source, never_called, self, NULL);
    g_source_attach(p->source, NULL);
}
