/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices: a stream of bytes between one frontend (a serial port, a
 * monitor) and the host (a terminal, a file, a socket). QOM types "chardev-*";
 * they live below "/chardevs" under their id. With "mux=on" up to four frontends
 * share one: all may write, one has the keyboard, Ctrl-A c gives it to the next.
 *
 * Threads: main thread, unless said otherwise; handlers run there as well.
 */
#pragma once

#include "vmm/core/object.h"
#include "vmm/core/property.h"

G_BEGIN_DECLS

#define TN_TYPE_CHARDEV (tn_chardev_get_type())
G_DECLARE_DERIVABLE_TYPE(TnChardev, tn_chardev, TN, CHARDEV, TnObject)

/* Descriptors that may come with one message; QEMU's number. */
#define TN_CHARDEV_MAX_FDS 16
/* Frontends of a shared device; QEMU's number. */
#define TN_CHARDEV_MAX_FRONTENDS 4

typedef enum {
    TN_CHARDEV_EVENT_OPENED, /* a peer is there; at once for those that always are */
    TN_CHARDEV_EVENT_CLOSED, /* it left; everything it sent was read before */
} TnChardevEvent;

/**
 * TnChardevHandlers: the frontend's side; members may be NULL.
 * @can_read: how many bytes read() takes now; 0 leaves them with the host until
 *   tn_chardev_accept_input(). NULL: no limit.
 * @read: @len bytes, 1 .. what can_read() said, at most 4096.
 * @writable: once after a tn_chardev_write() that took less than it was given.
 * @event: comes and goes of the peer. On a shared device OPENED waits until the
 *   frontend has the keyboard for the first time.
 * @send_break: the peer asks for a break on the line.
 * A handler may detach, or drop the last reference.
 */
typedef struct TnChardevHandlers {
    gsize (*can_read)(void *opaque);
    void (*read)(void *opaque, const guint8 *buf, gsize len);
    void (*writable)(void *opaque);
    void (*event)(void *opaque, TnChardevEvent event);
    void (*send_break)(void *opaque);
} TnChardevHandlers;

/**
 * tn_chardev_new:
 * @backend: "socket", "pty", "file", "stdio" or "null".
 * @props: the backend's options by name ("id" and "backend" are skipped); may be NULL.
 * @error: GENERIC: unknown backend or option, what the host said.
 * Returns: (transfer full): opened: a file made, a socket bound and listening.
 */
TnChardev *tn_chardev_new(const char *backend, json_object *props, TnPropertyInput input,
                          GError **error);

/**
 * tn_chardev_attach:
 * Makes the caller a frontend; the first one has the keyboard. OPENED is told before it
 * returns if a peer is there.
 * @handlers: outlives the attachment. @opaque: tells this frontend from others.
 * @error: GENERIC "Device '<id>' is in use" when there is a frontend already, or four.
 */
gboolean tn_chardev_attach(TnChardev *self, const TnChardevHandlers *handlers, void *opaque,
                           GError **error);
/* Ends @opaque's attachment; no handler of it runs afterwards. Not attached is fine. */
void tn_chardev_detach(TnChardev *self, const void *opaque);

/**
 * tn_chardev_write:
 * Never blocks. What has no peer to go to is taken and discarded, as on a line
 * with nobody at its end.
 * Returns: how many of the @len bytes were taken; when fewer, writable() follows.
 */
gsize tn_chardev_write(TnChardev *self, const void *buf, gsize len);

/* Waits until the peer takes more, at most @timeout_ms. Only for the last words
 * before the end. Returns: whether it does. */
gboolean tn_chardev_wait_writable(TnChardev *self, int timeout_ms);

/* can_read() may say more than before. Any thread. */
void tn_chardev_accept_input(TnChardev *self);

/**
 * tn_chardev_take_fds:
 * The descriptors that came with the newest message that had any (SCM_RIGHTS),
 * close-on-exec; the next such message closes what is not taken.
 * @ret_fds: room for TN_CHARDEV_MAX_FDS; (transfer full).
 * Returns: their number.
 */
unsigned tn_chardev_take_fds(TnChardev *self, int ret_fds[TN_CHARDEV_MAX_FDS]);

/* Drops the peer (a socket's client); CLOSED follows from the main loop. */
void tn_chardev_disconnect(TnChardev *self);

/* query-chardev's "filename" as QEMU words it: "pty:/dev/pts/3",
 * "disconnected:unix:/path,server=on", "stdio". (transfer full) */
char *tn_chardev_describe(TnChardev *self);

/* query-chardev's "frontend-open". */
gboolean tn_chardev_is_frontend_open(TnChardev *self);
/* Whether a peer is there. */
gboolean tn_chardev_is_open(TnChardev *self);

/* The id, or "" outside of the tree. */
const char *tn_chardev_get_label(TnChardev *self);

G_END_DECLS
