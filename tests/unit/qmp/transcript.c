/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs transcripts. */
#include "transcript.h"

#include <fcntl.h>
#include <string.h>

typedef struct Transcript {
    TnQmpServer *server;
    TnQmpSession *session;
    GQueue said; /* lines of the server, without CR LF */
    gboolean blocked;
    const char *file;
    unsigned line;
} Transcript;

static void
on_write(void *opaque, const char *data, gsize len)
{
    Transcript *t = opaque;
    g_autofree char *text = g_strndup(data, len);

    if (!g_str_has_suffix(text, "\r\n") || strchr(text, '\r') != text + strlen(text) - 2) {
        g_error("%s:%u: not one line: %s", t->file, t->line, text);
    }
    text[strlen(text) - 2] = '\0';
    g_queue_push_tail(&t->said, g_steal_pointer(&text));
}

static gboolean
on_can_write(void *opaque)
{
    return !((Transcript *)opaque)->blocked;
}

static void
expect_silence(Transcript *t)
{
    if (!g_queue_is_empty(&t->said)) {
        g_error("%s:%u: the server said, unexpected: %s", t->file, t->line,
                (char *)g_queue_peek_head(&t->said));
    }
}

static void
expect(Transcript *t, const char *expected, gboolean is_pattern)
{
    g_autofree char *said = g_queue_pop_head(&t->said);

    if (!said) {
        g_error("%s:%u: the server said nothing", t->file, t->line);
    }
    if (is_pattern ? !g_pattern_match_simple(expected, said) : strcmp(expected, said) != 0) {
        g_error("%s:%u: expected\n  %s\nsaid\n  %s", t->file, t->line, expected, said);
    }
}

static void
new_client(Transcript *t)
{
    static const TnQmpSessionOps ops = { on_write, on_can_write };

    expect_silence(t);
    tn_qmp_session_free(t->session);
    t->blocked = FALSE;
    t->session = tn_qmp_session_new(t->server, &ops, t);
}

static void
say(Transcript *t, const char *text)
{
    expect_silence(t);
    tn_qmp_session_feed(t->session, text, strlen(text));
}

/* "\xNN" and "\n" as bytes; other backslashes stay, for they are JSON's. */
static void
say_raw(Transcript *t, const char *text)
{
    g_autoptr(GString) bytes = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        if (p[0] == '\\' && p[1] == 'x') {
            g_string_append_c(bytes, (char)(g_ascii_xdigit_value(p[2]) * 16 +
                                            g_ascii_xdigit_value(p[3])));
            p += 3;
        } else if (p[0] == '\\' && p[1] == 'n') {
            g_string_append_c(bytes, '\n');
            p++;
        } else {
            g_string_append_c(bytes, *p);
        }
    }
    expect_silence(t);
    tn_qmp_session_feed(t->session, bytes->str, bytes->len);
}

static void
give_fds(Transcript *t, int n)
{
    int fds[64];

    g_assert_cmpint(n, <=, (int)G_N_ELEMENTS(fds));
    for (int i = 0; i < n; i++) {
        fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        g_assert_cmpint(fds[i], >=, 0);
    }
    tn_qmp_session_give_fds(t->session, fds, (unsigned)n);
}

static void
emit(Transcript *t, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, " ", 2);
    json_object *data = parts[1] ? json_tokener_parse(parts[1]) : NULL;

    expect_silence(t);
    tn_qmp_server_emit(t->server, parts[0], data, 1000002);
    json_object_put(data);
}

static void
direct(Transcript *t, const char *line, TranscriptDirective directive, void *opaque)
{
    if (strcmp(line, "client") == 0) {
        new_client(t);
    } else if (strcmp(line, "negotiated") == 0) {
        new_client(t);
        expect(t, "{\"QMP\": *", TRUE);
        say(t, "{\"execute\": \"qmp_capabilities\"}\n");
        expect(t, "{\"return\": {}}", FALSE);
    } else if (g_str_has_prefix(line, "fds ")) {
        give_fds(t, atoi(line + 4));
    } else if (g_str_has_prefix(line, "emit ")) {
        emit(t, line + 5);
    } else if (strcmp(line, "block") == 0) {
        t->blocked = TRUE;
    } else if (strcmp(line, "unblock") == 0) {
        t->blocked = FALSE;
        tn_qmp_session_resume(t->session);
    } else if (!directive || !directive(opaque, line)) {
        g_error("%s:%u: unknown directive", t->file, t->line);
    }
}

static void
run_line(Transcript *t, const char *line, TranscriptDirective directive, void *opaque)
{
    if (g_str_has_prefix(line, "> ")) {
        g_autofree char *text = g_strconcat(line + 2, "\n", NULL);

        say(t, text);
    } else if (g_str_has_prefix(line, ">> ")) {
        say_raw(t, line + 3);
    } else if (g_str_has_prefix(line, "< ")) {
        expect(t, line + 2, FALSE);
    } else if (g_str_has_prefix(line, "<~ ")) {
        expect(t, line + 3, TRUE);
    } else if (g_str_has_prefix(line, "! ")) {
        direct(t, line + 2, directive, opaque);
    } else if (line[0] != '\0' && line[0] != '#') {
        g_error("%s:%u: not understood: %s", t->file, t->line, line);
    }
}

void
transcript_run(const char *name, TnQmpServer *server, TranscriptDirective directive, void *opaque)
{
    g_autofree char *file = g_strconcat(name, ".txt", NULL);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "qmp-data", file, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    Transcript t = { .server = server, .file = file };

    g_queue_init(&t.said);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        t.line = i + 1;
        run_line(&t, lines[i], directive, opaque);
    }
    expect_silence(&t);
    tn_qmp_session_free(t.session);
    g_queue_clear_full(&t.said, g_free);
}
