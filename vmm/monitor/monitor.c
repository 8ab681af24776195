/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A monitor binds a session to a chardev: bytes in, lines out. What the client does
 * not take waits here, bounded: beyond one mark no further command is carried out,
 * beyond a second one, which events alone can reach, the client is dropped.
 */
#include "vmm/monitor/monitor.h"

#include "qmp/fd-pass.h"
#include "qmp/json-text.h"
#include "vmm/backend/chardev.h"
#include "vmm/monitor/monitor-private.h"
#include "vmm/monitor/text-session.h"

/* The first mark: more than a usual reply, less than the whole schema. */
#define BLOCK_BYTES (64 * 1024)
/* The second: some 50,000 events. */
#define DROP_BYTES (8 * 1024 * 1024)
/* Read at once. */
#define READ_BYTES 4096

struct TnMonitor {
    TnMonitorHub *hub;
    TnMonitorMode mode;
    TnChardev *chardev;
    TnQmpSession *session;  /* NULL: no client */
    TnTextSession *text;    /* likewise, in text mode */
    GString *unsent;
    gsize sent; /* of unsent */
    gboolean dropping;
};

static gsize
waiting(const TnMonitor *self)
{
    return self->unsent->len - self->sent;
}

static void
forget_unsent(TnMonitor *self)
{
    g_string_free(self->unsent, TRUE);
    self->unsent = g_string_new(NULL);
    self->sent = 0;
}

/* Hands over what the chardev takes. */
static void
flush(TnMonitor *self)
{
    if (waiting(self) == 0) {
        return;
    }
    self->sent += tn_chardev_write(self->chardev, self->unsent->str + self->sent, waiting(self));
    if (waiting(self) == 0) {
        if (self->unsent->allocated_len > BLOCK_BYTES) {
            forget_unsent(self);
        }
        g_string_truncate(self->unsent, 0);
        self->sent = 0;
    } else if (self->sent > BLOCK_BYTES) {
        g_string_erase(self->unsent, 0, (gssize)self->sent);
        self->sent = 0;
    }
}

/* The text session's way out, and a plain QMP session's. */
static void
on_write(void *opaque, const char *data, gsize len)
{
    TnMonitor *self = opaque;
    gsize taken = 0;

    if (self->dropping) {
        return;
    }
    if (waiting(self) == 0) {
        taken = tn_chardev_write(self->chardev, data, len);
    }
    if (waiting(self) + (len - taken) > DROP_BYTES) {
        self->dropping = TRUE;
        forget_unsent(self);
        tn_chardev_disconnect(self->chardev);
        return;
    }
    g_string_append_len(self->unsent, data + taken, (gssize)(len - taken));
}

/* TnQmpSessionOps.write of a session whose reader is a human. */
static void
on_write_pretty(void *opaque, const char *data, gsize len)
{
    g_autoptr(GString) text = g_string_sized_new(2 * len);

    tn_json_print_pretty(text, data, len);
    on_write(opaque, text->str, text->len);
}

static gboolean
on_can_write(void *opaque)
{
    TnMonitor *self = opaque;

    return waiting(self) < BLOCK_BYTES && !self->dropping;
}

static gsize
on_can_read(void *opaque)
{
    TnMonitor *self = opaque;

    if (self->text) {
        return on_can_write(self) ? READ_BYTES : 0;
    }
    return self->session && !tn_qmp_session_is_blocked(self->session) && on_can_write(self)
               ? READ_BYTES
               : 0;
}

static void
on_read(void *opaque, const guint8 *buf, gsize len)
{
    TnMonitor *self = opaque;
    int fds[TN_CHARDEV_MAX_FDS];
    unsigned n_fds = tn_chardev_take_fds(self->chardev, fds);

    if (self->text) {
        tn_fd_pass_close_all(fds, n_fds);
        tn_text_session_feed(self->text, (const char *)buf, len);
        return;
    }
    if (n_fds > 0) {
        tn_qmp_session_give_fds(self->session, fds, n_fds);
    }
    tn_qmp_session_feed(self->session, (const char *)buf, len);
}

static void
on_writable(void *opaque)
{
    TnMonitor *self = opaque;

    flush(self);
    if (self->session && on_can_write(self)) {
        tn_qmp_session_resume(self->session);
    }
    if (on_can_write(self)) {
        tn_chardev_accept_input(self->chardev);
    }
}

static void
end_session(TnMonitor *self)
{
    g_clear_pointer(&self->session, tn_qmp_session_free);
    g_clear_pointer(&self->text, tn_text_session_free);
    forget_unsent(self);
    self->dropping = FALSE;
}

static void
begin_session(TnMonitor *self)
{
    const TnQmpSessionOps ops = {
        self->mode == TN_MONITOR_CONTROL_PRETTY ? on_write_pretty : on_write, on_can_write
    };

    end_session(self);
    if (self->mode == TN_MONITOR_READLINE) {
        self->text = tn_text_session_new(self->hub, on_write, self);
    } else {
        self->session = tn_qmp_session_new(self->hub->server, &ops, self);
    }
    tn_chardev_accept_input(self->chardev);
}

static void
on_event(void *opaque, TnChardevEvent event)
{
    switch (event) {
    case TN_CHARDEV_EVENT_OPENED:
        begin_session(opaque);
        break;
    case TN_CHARDEV_EVENT_CLOSED:
        end_session(opaque);
        break;
    }
}

TnMonitor *
tn_monitor_new(TnMachine *machine, TnChardev *chardev, TnMonitorMode mode, GError **error)
{
    static const TnChardevHandlers handlers = { on_can_read, on_read, on_writable, on_event };
    TnMonitor *self = g_new0(TnMonitor, 1);

    self->hub = tn_monitor_hub_acquire(machine);
    self->mode = mode;
    self->chardev = g_object_ref(chardev);
    self->unsent = g_string_new(NULL);
    if (!tn_chardev_attach(chardev, &handlers, self, error)) {
        g_clear_object(&self->chardev);
        tn_monitor_free(self);
        return NULL;
    }
    return self;
}

void
tn_monitor_free(TnMonitor *self)
{
    if (!self) {
        return;
    }
    if (self->chardev) {
        tn_chardev_detach(self->chardev, self);
    }
    end_session(self);
    g_string_free(self->unsent, TRUE);
    g_clear_object(&self->chardev);
    tn_monitor_hub_release(self->hub);
    g_free(self);
}

void
tn_monitor_flush(TnMonitor *self, int timeout_ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    flush(self);
    while (waiting(self) > 0) {
        gint64 left_ms = (end - g_get_monotonic_time()) / 1000;

        if (left_ms <= 0 || !tn_chardev_wait_writable(self->chardev, (int)left_ms)) {
            return;
        }
        flush(self);
    }
}
