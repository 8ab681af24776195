/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices but sockets: each kind, and the command line's forms. */
#include "tests/unit/vmm/backend/chardev-fixture.h"
#include "vmm/core/fd-set.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* null */

static void
test_null(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "null,id=c"));

    g_assert_cmpuint(f->opened, ==, 1);
    g_assert_cmpuint(tn_chardev_write(chardev, "abc", 3), ==, 3);
    assert_description(chardev, "null");
    g_assert_cmpstr(tn_chardev_get_label(chardev), ==, "c");
}

static void
test_one_frontend(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = open_chardev(f, "null,id=c");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_chardev_is_frontend_open(chardev));
    attach(f, chardev);
    g_assert_true(tn_chardev_is_frontend_open(chardev));
    g_assert_false(tn_chardev_attach(chardev, &fixture_handlers, f, &error));
    g_assert_cmpstr(error->message, ==, "Device 'c' is in use");
    tn_chardev_detach(chardev, f);
    attach(f, chardev);
}

/* file */

static void
assert_file(const char *path, const char *text)
{
    g_autofree char *got = NULL;

    g_assert_true(g_file_get_contents(path, &got, NULL, NULL));
    g_assert_cmpstr(got, ==, text);
}

static void
test_file_truncates(Fixture *f, gconstpointer data)
{
    g_assert_true(g_file_set_contents(f->path, "old and long", -1, NULL));
    tn_chardev_write(open_chardev(f, "file,id=c,path=%s", f->path), "new", 3);
    assert_file(f->path, "new");
}

static void
test_file_appends(Fixture *f, gconstpointer data)
{
    g_assert_true(g_file_set_contents(f->path, "old ", -1, NULL));
    tn_chardev_write(open_chardev(f, "file,id=c,path=%s,append=on", f->path), "new", 3);
    assert_file(f->path, "old new");
}

static void
test_file_input(Fixture *f, gconstpointer data)
{
    TnChardev *chardev;

    g_assert_true(g_file_set_contents(f->path, "typed", -1, NULL));
    chardev = attach(f, open_chardev(f, "file,id=c,path=/dev/null,input-path=%s", f->path));
    wait_input(f, "typed");
    tn_test_iterate();
    g_assert_cmpuint(f->closed, ==, 0);
    g_assert_cmpuint(tn_chardev_write(chardev, "x", 1), ==, 1);
    assert_description(chardev, "file");
}

static void
test_file_from_a_set(Fixture *f, gconstpointer data)
{
    int fd;

    g_assert_true(g_file_set_contents(f->path, "old and long", -1, NULL));
    fd = open(f->path, O_WRONLY | O_CLOEXEC);
    g_assert_true(tn_fdsets_add(tn_fdsets_get(f->root), 4, fd, NULL, NULL, NULL));
    tn_chardev_write(open_chardev(f, "file,id=c,path=/dev/fdset/4"), "new", 3);
    assert_file(f->path, "new");
    close_chardev(f);
    assert_refused(f, "file,id=c,path=/dev/null,input-path=/dev/fdset/4",
                   "Could not open '/dev/fdset/4': Permission denied");
    assert_refused(f, "file,id=c,path=/dev/fdset/5",
                   "Could not open '/dev/fdset/5': No such file or directory");
    assert_refused(f, "file,id=c,path=/dev/fdset/4x",
                   "Could not open '/dev/fdset/4x': Invalid argument");
}

static void
test_file_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, "file,id=c", "chardev: file: no filename given");
    assert_refused(f, "file,id=c,path=/nonexistent/x",
                   "Could not open '/nonexistent/x': No such file or directory");
}

/* pty */

static int
open_pty(TnChardev *chardev)
{
    g_autofree char *name = tn_chardev_describe(chardev);
    int fd;

    g_assert_true(g_str_has_prefix(name, "pty:/dev/pts/"));
    fd = open(name + strlen("pty:"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_no_errno(fd);
    return fd;
}

static void
test_pty_both_ways(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));
    int terminal;

    g_assert_cmpuint(f->opened, ==, 0);
    terminal = open_pty(chardev);
    tn_test_wait_count(&f->opened, 1);
    send_text(terminal, "\003a\r\n");
    wait_input(f, "\003a\r\n");
    g_assert_cmpuint(tn_chardev_write(chardev, "\r\nb", 3), ==, 3);
    assert_reads(terminal, "\r\nb");
    close(terminal);
    tn_test_wait_count(&f->closed, 1);
}

static void
test_pty_again_and_again(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));

    for (unsigned i = 1; i <= 5; i++) {
        int terminal = open_pty(chardev);

        tn_test_wait_count(&f->opened, i);
        send_text(terminal, "x");
        close(terminal);
        tn_test_wait_count(&f->closed, i);
        g_assert_cmpuint(f->input->len, ==, i);
    }
}

static void
test_pty_discards_without_terminal(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));
    g_autofree char *big = g_malloc0(1 << 20);

    g_assert_cmpuint(tn_chardev_write(chardev, big, 1 << 20), ==, 1 << 20);
}

static void
test_pty_full_terminal(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = attach(f, open_chardev(f, "pty,id=c"));
    g_autofree char *big = g_malloc0(1 << 20);
    int terminal = open_pty(chardev);

    tn_test_wait_count(&f->opened, 1);
    g_assert_cmpuint(tn_chardev_write(chardev, big, 1 << 20), <, 1 << 20);
    close(terminal);
    tn_test_wait_count(&f->writable, 1);
    tn_test_wait_count(&f->closed, 1);
}

/* stdio */

typedef struct Stdio {
    int in, out;             /* the test's ends */
    int saved_in, saved_out; /* the process's own */
} Stdio;

static Stdio
replace_stdio(void)
{
    Stdio s;
    int in[2], out[2];

    g_assert_no_errno(pipe2(in, O_CLOEXEC));
    g_assert_no_errno(pipe2(out, O_CLOEXEC));
    fflush(stdout);
    s.saved_in = dup(STDIN_FILENO);
    s.saved_out = dup(STDOUT_FILENO);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    close(in[0]);
    close(out[1]);
    s.in = in[1];
    s.out = out[0];
    return s;
}

static void
restore_stdio(Stdio *s)
{
    dup2(s->saved_in, STDIN_FILENO);
    dup2(s->saved_out, STDOUT_FILENO);
    close(s->saved_in);
    close(s->saved_out);
    close(s->in);
    close(s->out);
}

static void
test_stdio(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    TnChardev *chardev = attach(f, open_chardev(f, "stdio,id=c"));
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    tn_chardev_write(chardev, "out", 3);
    send_text(s.in, "in");
    wait_input(f, "in");
    close_chardev(f);
    assert_reads(s.out, "out");
    restore_stdio(&s);
    /* Whoever shares it sees no change. */
    g_assert_cmpint(flags & O_NONBLOCK, ==, 0);
}

static void
test_stdio_end_of_input(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    TnChardev *chardev = attach(f, open_chardev(f, "stdio,id=c"));

    dup2(STDERR_FILENO, s.in);
    tn_test_iterate();
    g_assert_cmpuint(tn_chardev_write(chardev, "on", 2), ==, 2);
    g_assert_cmpuint(f->closed, ==, 0);
    close_chardev(f);
    assert_reads(s.out, "on");
    restore_stdio(&s);
}

static void
test_stdio_terminal_is_raw_and_restored(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before, during, after;
    int terminal;

    g_assert_no_errno(grantpt(master));
    g_assert_no_errno(unlockpt(master));
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    dup2(terminal, STDIN_FILENO);
    g_assert_no_errno(tcgetattr(terminal, &before));
    open_chardev(f, "stdio,id=c,signal=off");
    g_assert_no_errno(tcgetattr(terminal, &during));
    close_chardev(f);
    g_assert_no_errno(tcgetattr(terminal, &after));
    restore_stdio(&s);
    g_assert_cmphex(during.c_lflag & (ECHO | ICANON | ISIG), ==, 0);
    g_assert_cmphex(after.c_lflag, ==, before.c_lflag);
    g_assert_cmphex(after.c_iflag, ==, before.c_iflag);
    close(terminal);
    close(master);
}

static void
test_stdio_only_once(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    g_autoptr(GError) error = NULL;

    open_chardev(f, "stdio,id=c");
    g_assert_false(tn_chardev_options_add(f->chardevs, "stdio,id=d", &error));
    close_chardev(f);
    restore_stdio(&s);
    g_assert_cmpstr(error->message, ==, "cannot use stdio by multiple character devices");
}

/* options */

static void
test_options_refusals(Fixture *f, gconstpointer data)
{
    assert_refused(f, "null", "chardev: Parameter 'id' is missing");
    assert_refused(f, "id=c", "chardev: Parameter 'backend' is missing");
    assert_refused(f, "spicevmc,id=c", "'spicevmc' is not a valid char driver name");
    assert_refused(f, "null,id=c,path=/x", "Invalid parameter 'path'");
    assert_refused(f, "pty,id=c,colour=red", "Invalid parameter 'colour'");
    assert_refused(f, "null,id=1c", "Parameter 'id' expects an identifier");
    assert_refused(f, "null,id=a/b", "Parameter 'id' expects an identifier");
    assert_refused(f, "socket,id=c,path=/x,server=maybe",
                   "Parameter 'server' expects 'on' or 'off'");
}

static void
test_options_duplicate_id(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    open_chardev(f, "null,id=c");
    g_assert_false(tn_chardev_options_add(f->chardevs, "null,id=c", &error));
    g_assert_cmpstr(error->message, ==, "Duplicate ID 'c' for chardev");
}

static void
test_options_old_spelling(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = open_chardev(f, "socket,id=c,path=%s,server,nowait", f->path);

    assert_description(chardev, "disconnected:unix:%s,server=on", f->path);
}

static void
test_options_comma(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "a,b", NULL);

    open_chardev(f, "file,id=c,path=%s/a,,b", f->dir);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_no_errno(g_unlink(path));
}

static TnChardevTarget
open_target(Fixture *f, const char *text)
{
    TnChardevTarget target = { 0 };
    g_autoptr(GError) error = NULL;

    tn_chardev_options_open(f->chardevs, text, "serial0", &target, &error);
    g_assert_no_error(error);
    return target;
}

static void
test_target_none(Fixture *f, gconstpointer data)
{
    g_assert_null(open_target(f, "none").chardev);
}

static void
test_target_null(Fixture *f, gconstpointer data)
{
    TnChardevTarget target = open_target(f, "null");

    g_assert_true(TN_IS_CHARDEV_NULL(target.chardev));
    g_assert_cmpstr(tn_chardev_get_label(target.chardev), ==, "serial0");
    g_assert_false(target.mux);
}

static void
test_target_pty(Fixture *f, gconstpointer data)
{
    g_assert_true(TN_IS_CHARDEV_PTY(open_target(f, "pty").chardev));
}

static void
test_target_file(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strdup_printf("file:%s", f->path);

    g_assert_true(TN_IS_CHARDEV_FILE(open_target(f, text).chardev));
    g_assert_true(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void
test_target_unix(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strdup_printf("unix:%s,server=on,wait=off", f->path);

    assert_description(open_target(f, text).chardev, "disconnected:unix:%s,server=on", f->path);
}

static void
test_target_chardev(Fixture *f, gconstpointer data)
{
    TnChardev *chardev = open_chardev(f, "null,id=c");

    g_assert_true(open_target(f, "chardev:c").chardev == chardev);
}

static void
test_target_mon_stdio(Fixture *f, gconstpointer data)
{
    Stdio s = replace_stdio();
    TnChardevTarget target = open_target(f, "mon:stdio");
    gboolean signal_keys;

    g_object_get(target.chardev, "signal", &signal_keys, NULL);
    tn_object_unparent(TN_OBJECT(target.chardev));
    restore_stdio(&s);
    g_assert_true(target.mux);
    g_assert_false(signal_keys);
}

static void
test_target_refusals(Fixture *f, gconstpointer data)
{
    TnChardevTarget target = { 0 };
    g_autoptr(GError) unknown = NULL;
    g_autoptr(GError) missing = NULL;

    g_assert_false(tn_chardev_options_open(f->chardevs, "tcp::4444", "s", &target, &unknown));
    g_assert_cmpstr(unknown->message, ==, "'tcp::4444' is not a supported character device");
    g_assert_false(tn_chardev_options_open(f->chardevs, "chardev:x", "s", &target, &missing));
    g_assert_error(missing, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND);
    g_assert_cmpstr(missing->message, ==, "chardev 'x' not found");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    chardev_test("null", test_null);
    chardev_test("one-frontend", test_one_frontend);
    chardev_test("file/truncates", test_file_truncates);
    chardev_test("file/appends", test_file_appends);
    chardev_test("file/input", test_file_input);
    chardev_test("file/from-a-set", test_file_from_a_set);
    chardev_test("file/refusals", test_file_refusals);
    chardev_test("pty/both-ways", test_pty_both_ways);
    chardev_test("pty/again-and-again", test_pty_again_and_again);
    chardev_test("pty/discards-without-terminal", test_pty_discards_without_terminal);
    chardev_test("pty/full-terminal", test_pty_full_terminal);
    chardev_test("stdio/both-ways", test_stdio);
    chardev_test("stdio/end-of-input", test_stdio_end_of_input);
    chardev_test("stdio/terminal-is-raw-and-restored", test_stdio_terminal_is_raw_and_restored);
    chardev_test("stdio/only-once", test_stdio_only_once);
    chardev_test("options/refusals", test_options_refusals);
    chardev_test("options/duplicate-id", test_options_duplicate_id);
    chardev_test("options/old-spelling", test_options_old_spelling);
    chardev_test("options/comma", test_options_comma);
    chardev_test("target/none", test_target_none);
    chardev_test("target/null", test_target_null);
    chardev_test("target/pty", test_target_pty);
    chardev_test("target/file", test_target_file);
    chardev_test("target/unix", test_target_unix);
    chardev_test("target/chardev", test_target_chardev);
    chardev_test("target/mon-stdio", test_target_mon_stdio);
    chardev_test("target/refusals", test_target_refusals);
    return g_test_run();
}
