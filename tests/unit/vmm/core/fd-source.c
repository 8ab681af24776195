/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors by name: from a client while its command runs, else inherited by number. */
#include "vmm/core/fd-source.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct Fixture {
    TnObject *root, *object;
    int fds[2];
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->root = tn_object_new_root();
    f->object = tn_object_ensure_container(tn_object_ensure_container(f->root, "objects"), "g0");
    g_assert_cmpint(pipe(f->fds), ==, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)close(f->fds[0]);
    (void)close(f->fds[1]);
    g_object_unref(f->root);
}

static int
take_only_group(void *opaque, const char *name, GError **error)
{
    if (strcmp(name, "group") == 0) {
        return *(int *)opaque;
    }
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                "File descriptor named '%s' not found", name);
    return -1;
}

static void
test_client_name(Fixture *f, gconstpointer data)
{
    const TnFdSource source = { take_only_group, &f->fds[0] };
    g_autoptr(GError) error = NULL;

    tn_fd_source_set(f->root, &source);
    g_assert_cmpint(tn_fd_source_take(f->object, "fd", "group", &error), ==, f->fds[0]);
    g_assert_no_error(error);
}

static void
test_client_number(Fixture *f, gconstpointer data)
{
    const TnFdSource source = { take_only_group, &f->fds[0] };
    g_autofree char *number = g_strdup_printf("%d", f->fds[1]);
    g_autoptr(GError) error = NULL;

    tn_fd_source_set(f->root, &source);
    g_assert_cmpint(tn_fd_source_take(f->object, "fd", number, &error), ==, -1);
    g_assert_nonnull(strstr(error->message, "not found"));
}

static void
test_inherited_number(Fixture *f, gconstpointer data)
{
    g_autofree char *number = g_strdup_printf("%d", f->fds[1]);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(tn_fd_source_take(f->object, "fd", number, &error), ==, f->fds[1]);
    g_assert_no_error(error);
    g_assert_cmpint(fcntl(f->fds[1], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
}

static void
assert_refused(Fixture *f, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(tn_fd_source_take(f->object, "container-fd", text, &error), ==, -1);
    g_assert_cmpstr(error->message, ==, "Parameter 'container-fd' expects a file descriptor");
}

static void
test_no_number(Fixture *f, gconstpointer data)
{
    assert_refused(f, "group");
    assert_refused(f, "7x");
    assert_refused(f, "");
}

static void
test_standard_stream(Fixture *f, gconstpointer data)
{
    assert_refused(f, "1");
}

static void
test_closed_number(Fixture *f, gconstpointer data)
{
    g_autofree char *number = g_strdup_printf("%d", f->fds[1]);

    (void)close(f->fds[1]);
    assert_refused(f, number);
    f->fds[1] = -1;
}

static void
test_source_taken_back(Fixture *f, gconstpointer data)
{
    const TnFdSource source = { take_only_group, &f->fds[0] };

    tn_fd_source_set(f->root, &source);
    tn_fd_source_set(f->root, NULL);
    assert_refused(f, "group");
}

#define ADD(path, func) \
    g_test_add("/core/fd-source/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("name-of-the-client", test_client_name);
    ADD("client-gives-no-numbers", test_client_number);
    ADD("inherited-number", test_inherited_number);
    ADD("no-number", test_no_number);
    ADD("standard-streams-are-refused", test_standard_stream);
    ADD("closed-number", test_closed_number);
    ADD("taken-back", test_source_taken_back);
    return g_test_run();
}
