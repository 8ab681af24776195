/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of descriptors: numbers and order, opening from them by kind of access, limits. */
#include "vmm/core/fd-set.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Fixture {
    TnObject *root, *object;
    TnFdsets *sets;
    char *path; /* a file of four bytes */
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    int fd = g_file_open_tmp("tn-fd-set-XXXXXX", &f->path, NULL);

    g_assert_cmpint(write(fd, "abcd", 4), ==, 4);
    (void)close(fd);
    f->root = tn_object_new_root();
    f->object = tn_object_ensure_container(tn_object_ensure_container(f->root, "objects"), "m");
    f->sets = tn_fdsets_get(f->root);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_object_unref(f->root);
    (void)g_unlink(f->path);
    g_free(f->path);
}

/* The file opened with @flags, in set @set. */
static int
add(Fixture *f, gint64 set, int flags)
{
    int fd = open(f->path, flags | O_CLOEXEC);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(fd, >=, 0);
    (void)tn_fdsets_add(f->sets, set, fd, NULL, NULL, &error);
    g_assert_no_error(error);
    return fd;
}

static void
assert_refused(Fixture *f, const char *path, int flags, int error_number)
{
    errno = 0;
    g_assert_cmpint(tn_object_open_file(f->object, path, flags, 0), ==, -1);
    g_assert_cmpint(errno, ==, error_number);
}

static void
test_opens_a_duplicate(Fixture *f, gconstpointer data)
{
    int kept = add(f, 3, O_RDONLY);
    int fd = tn_object_open_file(f->object, "/dev/fdset/3", O_RDONLY, 0);
    char text[4];

    g_assert_cmpint(fd, >, STDERR_FILENO);
    g_assert_cmpint(fd, !=, kept);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_true(tn_fdsets_remove(f->sets, 3, -1));
    g_assert_cmpint(read(fd, text, 4), ==, 4);
    g_assert_cmpint(fcntl(kept, F_GETFD), ==, -1);
    (void)close(fd);
}

static void
test_access_is_matched(Fixture *f, gconstpointer data)
{
    int fd;

    (void)add(f, 1, O_RDONLY);
    assert_refused(f, "/dev/fdset/1", O_WRONLY, EACCES);
    assert_refused(f, "/dev/fdset/1", O_RDWR, EACCES);
    (void)add(f, 1, O_RDWR);
    fd = tn_object_open_file(f->object, "/dev/fdset/1", O_RDWR, 0);
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_RDWR);
    (void)close(fd);
}

static void
test_no_such_set(Fixture *f, gconstpointer data)
{
    (void)add(f, 1, O_RDONLY);
    assert_refused(f, "/dev/fdset/2", O_RDONLY, ENOENT);
}

static void
test_no_number(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = { "", "x", "-1", "1x", "1/2", " 1", "99999999999" };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *path = g_strconcat("/dev/fdset/", texts[i], NULL);

        assert_refused(f, path, O_RDONLY, EINVAL);
    }
}

static void
test_truncates(Fixture *f, gconstpointer data)
{
    struct stat st;
    int fd;

    (void)add(f, 1, O_WRONLY);
    fd = tn_object_open_file(f->object, "/dev/fdset/1", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0);
    (void)close(fd);
}

static void
test_appends(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    int fd;

    (void)add(f, 1, O_WRONLY);
    fd = tn_object_open_file(f->object, "/dev/fdset/1", O_WRONLY | O_APPEND, 0);
    g_assert_cmpint(write(fd, "e", 1), ==, 1);
    (void)close(fd);
    g_assert_true(g_file_get_contents(f->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "abcde");
}

static void
test_what_cannot_be_truncated(Fixture *f, gconstpointer data)
{
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_true(tn_fdsets_add(f->sets, 1, ends[1], NULL, NULL, NULL));
    assert_refused(f, "/dev/fdset/1", O_WRONLY | O_TRUNC, EINVAL);
    (void)close(ends[0]);
}

static void
test_other_paths_are_files(Fixture *f, gconstpointer data)
{
    int fd = tn_object_open_file(f->object, f->path, O_RDONLY, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    (void)close(fd);
    assert_refused(f, "/dev/fdse", O_RDONLY, ENOENT);
}

static void
test_lent_outside_of_the_tree(Fixture *f, gconstpointer data)
{
    g_autoptr(TnObject) outside = tn_object_new_root();
    int fd;

    (void)add(f, 1, O_RDONLY);
    g_assert_cmpint(tn_object_open_file(outside, "/dev/fdset/1", O_RDONLY, 0), ==, -1);
    tn_fdsets_lend(outside, f->object);
    fd = tn_object_open_file(outside, "/dev/fdset/1", O_RDONLY, 0);
    g_assert_cmpint(fd, >=, 0);
    (void)close(fd);
    tn_fdsets_lend(outside, NULL);
    g_assert_cmpint(tn_object_open_file(outside, "/dev/fdset/1", O_RDONLY, 0), ==, -1);
}

static void
note(gint64 set, int fd, const char *opaque, gpointer user_data)
{
    g_string_append_printf(user_data, "%d%s ", (int)set, opaque ? opaque : "");
}

static void
add_noted(Fixture *f, gint64 set, const char *opaque, gint64 wanted)
{
    gint64 got = -1;

    g_assert_true(tn_fdsets_add(f->sets, set, open("/dev/null", O_RDONLY | O_CLOEXEC), opaque,
                                &got, NULL));
    g_assert_cmpint(got, ==, wanted);
}

static void
test_numbers_and_order(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) order = g_string_new(NULL);

    add_noted(f, 1, "a", 1);
    add_noted(f, -1, NULL, 0);
    add_noted(f, -1, NULL, 2);
    add_noted(f, 1, "b", 1);
    tn_fdsets_foreach(f->sets, note, order);
    g_assert_cmpstr(order->str, ==, "2 1a 1b 0 ");
    g_assert_true(tn_fdsets_remove(f->sets, 0, -1));
    add_noted(f, -1, NULL, 0);
}

static void
test_limits(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strnfill(TN_FDSETS_MAX_OPAQUE + 1, 'x');
    g_autoptr(GError) error = NULL;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    g_assert_false(tn_fdsets_add(f->sets, 1, fd, text, NULL, &error));
    g_assert_cmpstr(error->message, ==, "Parameter 'opaque' expects at most 4096 bytes");
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);
    g_clear_error(&error);
    for (int i = 0; i < TN_FDSETS_MAX_FDS; i++) {
        /* Numbers that are no descriptors: only their count matters, and closing them fails. */
        g_assert_true(tn_fdsets_add(f->sets, 1, 1000000 + i, NULL, NULL, NULL));
    }
    g_assert_false(tn_fdsets_add(f->sets, 1, 2000000, NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "1024 file descriptors are in sets already, which is the limit");
}

static void
test_root_closes_them(Fixture *f, gconstpointer data)
{
    g_autoptr(TnObject) root = tn_object_new_root();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    g_assert_true(tn_fdsets_add(tn_fdsets_get(root), 1, fd, NULL, NULL, NULL));
    g_clear_object(&root);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);
}

#define ADD(path, func)                                                                         \
    g_test_add("/core/fd-set/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("opens-a-duplicate", test_opens_a_duplicate);
    ADD("access-is-matched", test_access_is_matched);
    ADD("no-such-set", test_no_such_set);
    ADD("no-number", test_no_number);
    ADD("truncates", test_truncates);
    ADD("appends", test_appends);
    ADD("what-cannot-be-truncated", test_what_cannot_be_truncated);
    ADD("other-paths-are-files", test_other_paths_are_files);
    ADD("lent-outside-of-the-tree", test_lent_outside_of_the_tree);
    ADD("numbers-and-order", test_numbers_and_order);
    ADD("limits", test_limits);
    ADD("root-closes-them", test_root_closes_them);
    return g_test_run();
}
