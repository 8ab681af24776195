/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text monitor's session: echoes what is typed, so that a raw terminal or socket will do. */
#include "vmm/monitor/text-session.h"

/* What is typed beyond it is not taken. */
#define MAX_LINE 1024
#define PROMPT "(qemu) "

struct TnTextSession {
    TnMonitorHub *hub;
    TnTextWriteFunc write;
    void *opaque;
    GString *line;
    char last; /* "\r\n" ends one line, not two */
    unsigned escape; /* place in a terminal's escape sequence, which is skipped */
};

static void
say(TnTextSession *self, const char *text)
{
    g_autoptr(GString) out = g_string_new(text);

    g_string_replace(out, "\n", "\r\n", 0);
    self->write(self->opaque, out->str, out->len);
}

TnTextSession *
tn_text_session_new(TnMonitorHub *hub, TnTextWriteFunc write, void *opaque)
{
    TnTextSession *self = g_new0(TnTextSession, 1);

    self->hub = hub;
    self->write = write;
    self->opaque = opaque;
    self->line = g_string_new(NULL);
    say(self, "QEMU " TN_MONITOR_VERSION_TEXT " monitor - type 'help' for more information\n"
              PROMPT);
    return self;
}

void
tn_text_session_free(TnTextSession *self)
{
    if (self) {
        g_string_free(self->line, TRUE);
        g_free(self);
    }
}

static void
end_line(TnTextSession *self)
{
    g_autofree char *answer = NULL;

    say(self, "\n");
    answer = tn_monitor_run_text(self->hub, self->line->str, 0);
    g_string_truncate(self->line, 0);
    say(self, answer);
    say(self, PROMPT);
}

static void
erase_one(TnTextSession *self)
{
    if (self->line->len > 0) {
        g_string_truncate(self->line, self->line->len - 1);
        say(self, "\b \b");
    }
}

/* TRUE while @c is part of "ESC [ ... letter". */
static gboolean
skip_escape(TnTextSession *self, char c)
{
    if (c == '\033') {
        self->escape = 1;
        return TRUE;
    }
    if (self->escape == 1) {
        self->escape = c == '[' || c == 'O' ? 2 : 0;
        return TRUE;
    }
    if (self->escape == 2) {
        self->escape = g_ascii_isalpha(c) || c == '~' ? 0 : 2;
        return TRUE;
    }
    return FALSE;
}

static void
take(TnTextSession *self, char c)
{
    if (skip_escape(self, c)) {
        return;
    }
    if (c == '\n' || c == '\r') {
        if (c == '\r' || self->last != '\r') {
            end_line(self);
        }
    } else if (c == 0x7f || c == '\b') {
        erase_one(self);
    } else if ((guchar)c >= 0x20 && self->line->len < MAX_LINE) {
        char echo[2] = { c, '\0' };

        g_string_append_c(self->line, c);
        say(self, echo);
    }
}

void
tn_text_session_feed(TnTextSession *self, const char *data, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        take(self, data[i]);
        self->last = data[i];
    }
}
