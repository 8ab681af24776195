/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of character devices share. */
#include "tests/unit/vmm/backend/chardev-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
set_up(Fixture *f, gconstpointer data)
{
    f->root = tn_object_new_root();
    f->chardevs = tn_object_ensure_container(f->root, "chardevs");
    f->dir = g_dir_make_tmp("tenon-test-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "x", NULL);
    f->input = g_string_new(NULL);
    f->room = 4096;
}

void
tear_down(Fixture *f, gconstpointer data)
{
    g_object_unref(f->root);
    (void)g_unlink(f->path);
    g_assert_no_errno(g_rmdir(f->dir));
    g_string_free(f->input, TRUE);
    g_free(f->path);
    g_free(f->dir);
}

static gsize
on_can_read(void *opaque)
{
    return ((Fixture *)opaque)->room;
}

static void
on_read(void *opaque, const guint8 *buf, gsize len)
{
    Fixture *f = opaque;

    g_assert_cmpuint(len, <=, f->room);
    g_string_append_len(f->input, (const char *)buf, (gssize)len);
}

static void
on_writable(void *opaque)
{
    ((Fixture *)opaque)->writable++;
}

static void
on_event(void *opaque, TnChardevEvent event)
{
    Fixture *f = opaque;

    if (event == TN_CHARDEV_EVENT_OPENED) {
        f->opened++;
    } else {
        f->closed++;
    }
}

const TnChardevHandlers fixture_handlers = { on_can_read, on_read, on_writable, on_event };

TnChardev *
open_chardev(Fixture *f, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    tn_chardev_options_add(f->chardevs, text, &error);
    g_assert_no_error(error);
    return tn_chardev_options_find(f->chardevs, "c", NULL);
}

TnChardev *
attach(Fixture *f, TnChardev *chardev)
{
    g_autoptr(GError) error = NULL;

    tn_chardev_attach(chardev, &fixture_handlers, f, &error);
    g_assert_no_error(error);
    return chardev;
}

void
close_chardev(Fixture *f)
{
    tn_object_unparent(TN_OBJECT(tn_chardev_options_find(f->chardevs, "c", NULL)));
}

void
assert_refused(Fixture *f, const char *options, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_chardev_options_add(f->chardevs, options, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_null(tn_object_get_child(f->chardevs, "c"));
}

void
assert_description(TnChardev *chardev, const char *format, ...)
{
    g_autofree char *got = tn_chardev_describe(chardev);
    g_autofree char *expected = NULL;
    va_list args;

    va_start(args, format);
    expected = g_strdup_vprintf(format, args);
    va_end(args);
    g_assert_cmpstr(got, ==, expected);
}

typedef struct Wanted {
    Fixture *f;
    const char *input;
} Wanted;

static gboolean
input_is(gpointer user_data)
{
    const Wanted *w = user_data;

    return strcmp(w->f->input->str, w->input) == 0;
}

void
wait_input(Fixture *f, const char *text)
{
    tn_test_wait(input_is, &(Wanted){ f, text });
}

int
connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_no_errno(connect(fd, (struct sockaddr *)&address, sizeof(address)));
    return fd;
}

void
send_text(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
}

void
assert_reads(int fd, const char *text)
{
    char buf[256] = { 0 };

    g_assert_cmpint(read(fd, buf, sizeof(buf) - 1), ==, strlen(text));
    g_assert_cmpstr(buf, ==, text);
}

int
listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_no_errno(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    g_assert_no_errno(listen(fd, 1));
    return fd;
}
