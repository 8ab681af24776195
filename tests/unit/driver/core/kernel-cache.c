/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of kept kernels, with a script in the unpacker's place: what is believed, what is
 * not, how large it grows, and what is left of a daemon that is killed. */
#include "driver/core/kernel-cache.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_US (20 * G_USEC_PER_SEC)
/* Between two looks at what no event tells of. */
#define LOOK_US 2000
#define LONG_AGO 1000000000

typedef struct Fixture {
    char *dir, *folder, *program, *runs;
    TnKernelCacheConfig config;
    TnKernelCache *cache;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->dir = g_dir_make_tmp("tenon-kernels-XXXXXX", &error);
    g_assert_no_error(error);
    f->folder = g_build_filename(f->dir, "cache", "kernels", NULL);
    f->runs = g_build_filename(f->dir, "runs", NULL);
    f->program = g_build_filename(g_getenv("G_TEST_SRCDIR"), "unit", "driver", "core",
                                  "fake-unpacker.sh", NULL);
    g_assert_true(g_setenv("TENON_TEST_RUNS", f->runs, TRUE));
    f->config = (TnKernelCacheConfig){ .dir = f->folder, .program = f->program };
    f->cache = tn_kernel_cache_new(&f->config);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    (void)g_remove(path);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_kernel_cache_free(f->cache);
    remove_tree(f->dir);
    g_free(f->dir);
    g_free(f->folder);
    g_free(f->program);
    g_free(f->runs);
}

/* (transfer full): a kernel that makes the script do @what. */
static char *
new_kernel(Fixture *f, const char *name, const char *what)
{
    char *path = g_build_filename(f->dir, name, NULL);
    g_autofree char *text = g_strdup_printf("%s %s\n", what, name);
    g_autoptr(GError) error = NULL;

    (void)g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
    return path;
}

static void
fill(Fixture *f, const char *kernel)
{
    tn_kernel_cache_fill(f->cache, kernel);
    tn_kernel_cache_wait(f->cache);
}

/* Until files that change now have another time than those that changed before. */
static void
wait_for_tick(Fixture *f)
{
    g_autofree char *path = g_build_filename(f->dir, "tick", NULL);
    gint64 end = g_get_monotonic_time() + LIMIT_US;
    struct stat first = { 0 }, now = { 0 };
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    do {
        g_assert_cmpint(pwrite(fd, "x", 1, 0), ==, 1);
        g_assert_cmpint(fstat(fd, &now), ==, 0);
        if (first.st_ino == 0) {
            first = now;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(LOOK_US);
    } while (now.st_ctim.tv_sec == first.st_ctim.tv_sec &&
             now.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
    (void)close(fd);
}

/* (transfer full): what is kept of @kernel, NULL for nothing. */
static char *
kept(Fixture *f, const char *kernel)
{
    int fd = tn_kernel_cache_open(f->cache, kernel);
    char text[64] = { 0 };

    if (fd < 0) {
        return NULL;
    }
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
    g_assert_cmpint(read(fd, text, sizeof(text) - 1), >, 0);
    (void)close(fd);
    return g_strdup(text);
}

static void
assert_kept(Fixture *f, const char *kernel, const char *wanted)
{
    g_autofree char *text = kept(f, kernel);

    g_assert_cmpstr(text, ==, wanted);
}

static guint
count_runs(Fixture *f)
{
    g_autofree char *text = NULL;
    guint n = 0;

    if (g_file_get_contents(f->runs, &text, NULL, NULL)) {
        for (const char *c = text; *c; c++) {
            n += *c == '\n';
        }
    }
    return n;
}

/* (transfer full): the one file with this suffix, NULL for none. */
static char *
find_file(Fixture *f, const char *suffix)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    char *found = NULL;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_suffix(name, suffix)) {
            g_assert_null(found);
            found = g_build_filename(f->folder, name, NULL);
        }
    }
    return found;
}

static void
assert_no_file(Fixture *f, const char *suffix)
{
    g_autofree char *found = find_file(f, suffix);

    g_assert_null(found);
}

static void
test_kept(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *entry = NULL;
    struct stat st;

    assert_kept(f, kernel, NULL);
    g_assert_false(g_file_test(f->folder, G_FILE_TEST_EXISTS));
    fill(f, kernel);
    assert_kept(f, kernel, "unpacked a\n");
    entry = find_file(f, ".kernel");
    g_assert_cmpint(stat(entry, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 07777, ==, 0400);
    g_assert_cmpint(stat(f->folder, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 07777, ==, 0700);
    assert_no_file(f, ".new");
    fill(f, kernel);
    g_assert_cmpuint(count_runs(f), ==, 1);
}

static void
test_kept_for_the_next_daemon(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");

    fill(f, kernel);
    tn_kernel_cache_free(f->cache);
    f->cache = tn_kernel_cache_new(&f->config);
    assert_kept(f, kernel, "unpacked a\n");
}

static void
test_nothing_without_folder(Fixture *f, gconstpointer data)
{
    const TnKernelCacheConfig config = { .program = f->program };
    g_autoptr(TnKernelCache) cache = tn_kernel_cache_new(&config);
    g_autofree char *kernel = new_kernel(f, "a", "good");

    tn_kernel_cache_fill(cache, kernel);
    tn_kernel_cache_wait(cache);
    g_assert_cmpint(tn_kernel_cache_open(cache, kernel), ==, -1);
    g_assert_cmpuint(count_runs(f), ==, 0);
}

static void
test_no_kernel(Fixture *f, gconstpointer data)
{
    g_autofree char *missing = g_build_filename(f->dir, "missing", NULL);

    fill(f, missing);
    fill(f, f->dir);
    fill(f, "/dev/null");
    tn_kernel_cache_fill(f->cache, NULL);
    g_assert_cmpint(tn_kernel_cache_open(f->cache, missing), ==, -1);
    g_assert_cmpint(tn_kernel_cache_open(f->cache, f->dir), ==, -1);
    g_assert_cmpint(tn_kernel_cache_open(f->cache, NULL), ==, -1);
    g_assert_cmpuint(count_runs(f), ==, 0);
}

static void
test_kernel_replaced(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *again = NULL;

    fill(f, kernel);
    again = new_kernel(f, "a", "good");
    assert_kept(f, kernel, NULL);
    fill(f, kernel);
    assert_kept(f, kernel, "unpacked a\n");
    g_assert_cmpuint(count_runs(f), ==, 2);
}

static void
test_kernel_written_to(Fixture *f, gconstpointer data)
{
    const struct timespec times[2] = { { LONG_AGO, 1 }, { LONG_AGO, 1 } };
    g_autofree char *kernel = new_kernel(f, "a", "good");

    fill(f, kernel);
    /* To the nanosecond. */
    g_assert_cmpint(utimensat(AT_FDCWD, kernel, times, 0), ==, 0);
    assert_kept(f, kernel, NULL);
}

/* What is left alone is believed, what anybody touched is not, and is made anew. */
static void
expect_made_anew(Fixture *f, const char *kernel)
{
    assert_kept(f, kernel, NULL);
    fill(f, kernel);
    assert_kept(f, kernel, "unpacked a\n");
    g_assert_cmpuint(count_runs(f), ==, 2);
}

static void
overwrite(const char *path, const char *text)
{
    int fd;

    g_assert_cmpint(chmod(path, 0600), ==, 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (int)strlen(text));
    (void)close(fd);
    g_assert_cmpint(chmod(path, 0400), ==, 0);
}

static void
test_entry_written_to(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *entry = NULL;
    struct stat st;

    fill(f, kernel);
    wait_for_tick(f);
    entry = find_file(f, ".kernel");
    g_assert_cmpint(stat(entry, &st), ==, 0);
    overwrite(entry, "UNPACKED");
    /* Its times set back tell as well: nobody sets back the third. */
    g_assert_cmpint(
        utimensat(AT_FDCWD, entry, (const struct timespec[]){ st.st_atim, st.st_mtim }, 0), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_entry_cut(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *entry = NULL;

    fill(f, kernel);
    wait_for_tick(f);
    entry = find_file(f, ".kernel");
    g_assert_cmpint(truncate(entry, 4), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_entry_replaced(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *other = new_kernel(f, "b", "good");
    g_autofree char *entry = NULL;

    fill(f, kernel);
    wait_for_tick(f);
    entry = find_file(f, ".kernel");
    g_assert_cmpint(chmod(other, 0400), ==, 0);
    g_assert_cmpint(rename(other, entry), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_entry_is_link(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *elsewhere = g_build_filename(f->dir, "elsewhere", NULL);
    g_autofree char *entry = NULL;

    fill(f, kernel);
    wait_for_tick(f);
    entry = find_file(f, ".kernel");
    g_assert_cmpint(rename(entry, elsewhere), ==, 0);
    g_assert_cmpint(symlink(elsewhere, entry), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_entry_has_other_names(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *elsewhere = g_build_filename(f->dir, "elsewhere", NULL);
    g_autofree char *entry = NULL;

    fill(f, kernel);
    wait_for_tick(f);
    entry = find_file(f, ".kernel");
    g_assert_cmpint(link(entry, elsewhere), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_entry_of_another_user(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *entry = NULL;

    if (geteuid() != 0) {
        g_test_skip("only root can give files away");
        return;
    }
    fill(f, kernel);
    wait_for_tick(f);
    entry = find_file(f, ".kernel");
    g_assert_cmpint(chown(entry, 65534, 65534), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_seal_missing(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *seal = NULL;

    fill(f, kernel);
    wait_for_tick(f);
    seal = find_file(f, ".seal");
    g_assert_cmpint(unlink(seal), ==, 0);
    expect_made_anew(f, kernel);
}

static void
test_seal_damaged(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *seal = NULL;

    fill(f, kernel);
    wait_for_tick(f);
    seal = find_file(f, ".seal");
    overwrite(seal, "tenon kernel 2");
    expect_made_anew(f, kernel);
}

static void
expect_one_warning(const char *pattern)
{
    g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, pattern);
}

static void
test_folder_of_all(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");

    fill(f, kernel);
    g_assert_cmpint(chmod(f->folder, 0777), ==, 0);
    assert_kept(f, kernel, NULL);
    expect_one_warning("*not kept: cannot use*");
    fill(f, kernel);
    fill(f, kernel);
    g_test_assert_expected_messages();
    g_assert_cmpuint(count_runs(f), ==, 1);
}

static void
test_folder_cannot_be_made(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");
    g_autofree char *other = new_kernel(f, "b", "good");
    g_autofree char *in_the_way = g_build_filename(f->dir, "cache", NULL);

    g_assert_true(g_file_set_contents(in_the_way, "", 0, NULL));
    expect_one_warning("*not kept: cannot use*");
    fill(f, kernel);
    fill(f, other);
    g_test_assert_expected_messages();
    assert_kept(f, kernel, NULL);
}

static void
use(Fixture *f, const char *kernel, time_t when)
{
    g_autofree char *seal = NULL;
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    const struct timespec now[2] = { { when, 0 }, { when, 0 } };
    const char *name;
    time_t newest = 0;

    /* The one that was just used. */
    g_assert_cmpint(close(tn_kernel_cache_open(f->cache, kernel)), ==, 0);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(f->folder, name, NULL);
        struct stat st;

        g_assert_cmpint(stat(path, &st), ==, 0);
        if (g_str_has_suffix(name, ".seal") && st.st_mtime > newest) {
            newest = st.st_mtime;
            g_free(g_steal_pointer(&seal));
            seal = g_steal_pointer(&path);
        }
    }
    g_assert_nonnull(seal);
    g_assert_cmpint(utimensat(AT_FDCWD, seal, now, 0), ==, 0);
}

static void
test_full_by_count(Fixture *f, gconstpointer data)
{
    g_autofree char *a = new_kernel(f, "a", "good");
    g_autofree char *b = new_kernel(f, "b", "good");
    g_autofree char *c = new_kernel(f, "c", "good");

    f->config.max_entries = 2;
    tn_kernel_cache_free(f->cache);
    f->cache = tn_kernel_cache_new(&f->config);
    fill(f, a);
    use(f, a, LONG_AGO + 1);
    fill(f, b);
    use(f, b, LONG_AGO);
    fill(f, c);
    assert_kept(f, a, "unpacked a\n");
    assert_kept(f, b, NULL);
    assert_kept(f, c, "unpacked c\n");
}

static void
test_full_by_size(Fixture *f, gconstpointer data)
{
    g_autofree char *a = new_kernel(f, "a", "large");
    g_autofree char *b = new_kernel(f, "b", "large");
    g_autofree char *old = NULL;
    g_autofree char *rest = NULL;

    f->config.max_bytes = 400000;
    tn_kernel_cache_free(f->cache);
    f->cache = tn_kernel_cache_new(&f->config);
    fill(f, a);
    g_assert_nonnull(old = kept(f, a));
    use(f, a, LONG_AGO);
    fill(f, b);
    assert_kept(f, a, NULL);
    g_assert_nonnull(rest = kept(f, b));
}

static void
test_larger_than_all(Fixture *f, gconstpointer data)
{
    g_autofree char *a = new_kernel(f, "a", "large");

    f->config.max_bytes = 100000;
    tn_kernel_cache_free(f->cache);
    f->cache = tn_kernel_cache_new(&f->config);
    fill(f, a);
    assert_kept(f, a, NULL);
    assert_no_file(f, ".kernel");
    assert_no_file(f, ".seal");
}

static void
test_refused_once(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "refuse");
    g_autofree char *again = NULL;

    fill(f, kernel);
    fill(f, kernel);
    assert_kept(f, kernel, NULL);
    assert_no_file(f, ".new");
    g_assert_cmpuint(count_runs(f), ==, 1);
    again = new_kernel(f, "a", "good");
    fill(f, kernel);
    assert_kept(f, kernel, "unpacked a\n");
}

static void
test_failure_is_tried_again(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "fail");

    expect_one_warning("*failed with status 1");
    fill(f, kernel);
    fill(f, kernel);
    g_test_assert_expected_messages();
    assert_no_file(f, ".new");
    g_assert_cmpuint(count_runs(f), ==, 2);
}

static void
test_no_program(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "good");

    f->config.program = "/nonexistent";
    tn_kernel_cache_free(f->cache);
    f->cache = tn_kernel_cache_new(&f->config);
    expect_one_warning("*'/nonexistent' failed with status 127");
    fill(f, kernel);
    g_test_assert_expected_messages();
}

static void
test_limits(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "limits");

    fill(f, kernel);
    assert_kept(f, kernel, "cpu=60 core=0 files=64\nnice=19\n");
}

static void
test_endless_output(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "endless");

    fill(f, kernel);
    assert_kept(f, kernel, NULL);
    assert_no_file(f, ".new");
    fill(f, kernel);
    g_assert_cmpuint(count_runs(f), ==, 1);
}

/* The script says its number when it hangs. */
static pid_t
wait_for_hanging(Fixture *f)
{
    g_autofree char *path = g_strconcat(f->runs, ".pid", NULL);
    gint64 end = g_get_monotonic_time() + LIMIT_US;
    g_autofree char *text = NULL;

    while (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(LOOK_US);
    }
    return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* A killed process may wait for its new parent to ask for its status. */
static gboolean
is_running(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *state;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(state = strrchr(text, ')'))) {
        return FALSE;
    }
    return state[2] != 'Z' && state[2] != 'X';
}

static void
wait_until_gone(pid_t pid)
{
    gint64 end = g_get_monotonic_time() + LIMIT_US;

    while (is_running(pid)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(LOOK_US);
    }
}

static void
test_ends_in_the_middle(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "hang");
    g_autofree char *other = new_kernel(f, "b", "good");
    pid_t pid;

    tn_kernel_cache_fill(f->cache, kernel);
    tn_kernel_cache_fill(f->cache, other);
    pid = wait_for_hanging(f);
    g_assert_true(is_running(pid));
    tn_kernel_cache_free(f->cache);
    g_assert_false(is_running(pid));
    assert_no_file(f, ".new");
    f->cache = tn_kernel_cache_new(&f->config);
    assert_kept(f, other, NULL);
    g_assert_cmpuint(count_runs(f), ==, 1);
}

static void
test_killed_in_the_middle(Fixture *f, gconstpointer data)
{
    g_autofree char *kernel = new_kernel(f, "a", "hang");
    g_autofree char *other = new_kernel(f, "b", "good");
    g_autofree char *left = NULL;
    pid_t daemon = fork();
    pid_t pid;

    if (daemon == 0) {
        tn_kernel_cache_fill(f->cache, kernel);
        tn_kernel_cache_wait(f->cache);
        _exit(0);
    }
    g_assert_cmpint(daemon, >, 0);
    pid = wait_for_hanging(f);
    g_assert_cmpint(kill(daemon, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(daemon, NULL, 0), ==, daemon);
    wait_until_gone(pid);
    left = find_file(f, ".new");
    g_assert_nonnull(left);
    assert_kept(f, kernel, NULL);
    fill(f, other);
    assert_kept(f, other, "unpacked b\n");
    assert_no_file(f, ".new");
}

static void
test_two_daemons_at_once(Fixture *f, gconstpointer data)
{
    TnKernelCache *second = tn_kernel_cache_new(&f->config);
    g_autofree char *kernel = new_kernel(f, "a", "hang");
    g_autofree char *other = new_kernel(f, "b", "good");
    g_autofree char *underway = NULL;

    tn_kernel_cache_fill(f->cache, kernel);
    (void)wait_for_hanging(f);
    /* The same kernel is left to the first; another one does not disturb it. */
    tn_kernel_cache_fill(second, kernel);
    tn_kernel_cache_fill(second, other);
    tn_kernel_cache_wait(second);
    underway = find_file(f, ".new");
    g_assert_nonnull(underway);
    assert_kept(f, other, "unpacked b\n");
    g_assert_cmpuint(count_runs(f), ==, 2);
    tn_kernel_cache_free(second);
}

static void
test_asked_twice_at_once(Fixture *f, gconstpointer data)
{
    g_autofree char *slow = new_kernel(f, "a", "good");

    for (int i = 0; i < 100; i++) {
        tn_kernel_cache_fill(f->cache, slow);
    }
    tn_kernel_cache_wait(f->cache);
    assert_kept(f, slow, "unpacked a\n");
    g_assert_cmpuint(count_runs(f), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) \
    g_test_add("/driver/kernel-cache/" name, Fixture, NULL, set_up, func, tear_down)
    ADD("kept", test_kept);
    ADD("kept-for-the-next-daemon", test_kept_for_the_next_daemon);
    ADD("nothing-without-folder", test_nothing_without_folder);
    ADD("no-kernel", test_no_kernel);
    ADD("kernel/replaced", test_kernel_replaced);
    ADD("kernel/written-to", test_kernel_written_to);
    ADD("entry/written-to", test_entry_written_to);
    ADD("entry/cut", test_entry_cut);
    ADD("entry/replaced", test_entry_replaced);
    ADD("entry/is-link", test_entry_is_link);
    ADD("entry/has-other-names", test_entry_has_other_names);
    ADD("entry/of-another-user", test_entry_of_another_user);
    ADD("entry/seal-missing", test_seal_missing);
    ADD("entry/seal-damaged", test_seal_damaged);
    ADD("folder/of-all", test_folder_of_all);
    ADD("folder/cannot-be-made", test_folder_cannot_be_made);
    ADD("full/by-count", test_full_by_count);
    ADD("full/by-size", test_full_by_size);
    ADD("full/larger-than-all", test_larger_than_all);
    ADD("unpacker/refuses-once", test_refused_once);
    ADD("unpacker/failure-is-tried-again", test_failure_is_tried_again);
    ADD("unpacker/no-program", test_no_program);
    ADD("unpacker/limits", test_limits);
    ADD("unpacker/endless-output", test_endless_output);
    ADD("ends-in-the-middle", test_ends_in_the_middle);
    ADD("killed-in-the-middle", test_killed_in_the_middle);
    ADD("two-daemons-at-once", test_two_daemons_at_once);
    ADD("asked-twice-at-once", test_asked_twice_at_once);
    return g_test_run();
}
