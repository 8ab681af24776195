/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder of kept kernels:
 *   KEY.kernel  an entry: what the unpacker wrote, read-only
 *   KEY.seal    a line: what the kernel's file and the entry looked like when it was kept. Last
 *               written, first believed: no entry without it, nor one that has changed since.
 *               Its own time is when the entry was last used
 *   KEY.new     an entry on its way, locked by whoever makes it
 * KEY is a hash of what changes when anybody changes the kernel's file.
 */
#include "driver/core/kernel-cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/core/kernel-unpacker.h"

#define ENTRY ".kernel"
#define SEAL ".seal"
#define UNFINISHED ".new"
#define KEY_LENGTH 32
#define NAME_SIZE (KEY_LENGTH + sizeof(UNFINISHED SEAL))
#define SEAL_MAX 512
#define ENTRY_MODE 0400

#define MAX_ENTRIES 16
#define MAX_BYTES (G_GUINT64_CONSTANT(1) << 30)
/* Starts that ask at once for more than these go without; the next one asks again. */
#define MAX_WAITING 32
#define MAX_REFUSED 256

struct TnKernelCache {
    /* constant */
    char *dir, *program;
    guint max_entries;
    guint64 max_bytes;
    int cancel_fd; /* readable: the end */

    GMutex lock;
    GCond changed;
    /* under lock */
    GQueue waiting;      /* paths of kernels */
    gboolean working;    /* there is a thread at it */
    gboolean ending;

    /* the working thread's, one after another */
    GHashTable *refused; /* set of keys */
    gboolean warned;
};

/* One kernel's file as it is now. */
typedef struct Kernel {
    char facts[128];
    char key[KEY_LENGTH + 1];
} Kernel;

static void
format_facts(const struct stat *st, char *ret_facts, gsize size)
{
    (void)g_snprintf(ret_facts, (gulong)size, "%llx:%llx:%llx:%lld.%09ld:%lld.%09ld",
                     (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
                     (unsigned long long)st->st_size, (long long)st->st_mtim.tv_sec,
                     st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static gboolean
identify(const struct stat *st, Kernel *ret_kernel)
{
    g_autofree char *hash = NULL;

    if (!S_ISREG(st->st_mode)) {
        return FALSE;
    }
    format_facts(st, ret_kernel->facts, sizeof(ret_kernel->facts));
    hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, ret_kernel->facts, -1);
    (void)g_strlcpy(ret_kernel->key, hash, sizeof(ret_kernel->key));
    return TRUE;
}

static void
name_of(const char *key, const char *suffix, char *ret_name)
{
    (void)g_snprintf(ret_name, NAME_SIZE, "%s%s", key, suffix);
}

/* Nobody but us may have put in anything. Returns -1 with errno. */
static int
open_folder(const TnKernelCache *cache)
{
    int fd = open(cache->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 &&
        (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))) {
        (void)close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

/* A regular file of ours with one name and exactly this @mode. Returns -1 otherwise. */
static int
open_own(int folder, const char *name, mode_t mode, struct stat *ret_st)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode) ||
                    ret_st->st_uid != geteuid() || ret_st->st_nlink != 1 ||
                    (ret_st->st_mode & 07777) != mode)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* (transfer full): what the seal of @kernel's entry says when the entry looks like @entry. */
static char *
format_seal(const Kernel *kernel, const struct stat *entry)
{
    char facts[sizeof(kernel->facts)];

    format_facts(entry, facts, sizeof(facts));
    return g_strdup_printf("tenon kernel 1 %s %s\n", kernel->facts, facts);
}

static gboolean
is_sealed(int folder, const Kernel *kernel, const struct stat *entry)
{
    g_autofree char *wanted = format_seal(kernel, entry);
    char found[SEAL_MAX] = { 0 };
    char name[NAME_SIZE];
    struct stat st;
    ssize_t n;
    int fd;

    name_of(kernel->key, SEAL, name);
    fd = open_own(folder, name, ENTRY_MODE, &st);
    if (fd < 0) {
        return FALSE;
    }
    n = TEMP_FAILURE_RETRY(read(fd, found, sizeof(found) - 1));
    (void)close(fd);
    return n > 0 && strcmp(found, wanted) == 0;
}

static int
open_entry(int folder, const Kernel *kernel)
{
    char name[NAME_SIZE];
    struct stat st;
    int fd;

    name_of(kernel->key, ENTRY, name);
    fd = open_own(folder, name, ENTRY_MODE, &st);
    if (fd >= 0 && !is_sealed(folder, kernel, &st)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int
tn_kernel_cache_open(TnKernelCache *cache, const char *kernel)
{
    char seal[NAME_SIZE];
    struct stat st;
    Kernel facts;
    int folder, fd;

    if (!cache->dir || !kernel || stat(kernel, &st) < 0 || !identify(&st, &facts)) {
        return -1;
    }
    folder = open_folder(cache);
    if (folder < 0) {
        return -1;
    }
    fd = open_entry(folder, &facts);
    if (fd >= 0) {
        name_of(facts.key, SEAL, seal);
        (void)utimensat(folder, seal, NULL, AT_SYMLINK_NOFOLLOW);
    }
    (void)close(folder);
    return fd;
}

/* ---- making room ---- */

typedef struct Listed {
    char key[KEY_LENGTH + 1];
    struct timespec used;
    guint64 bytes;
} Listed;

static gint
compare_use(gconstpointer a, gconstpointer b)
{
    const struct timespec *left = &((const Listed *)a)->used;
    const struct timespec *right = &((const Listed *)b)->used;

    if (left->tv_sec != right->tv_sec) {
        return left->tv_sec < right->tv_sec ? -1 : 1;
    }
    return left->tv_nsec < right->tv_nsec ? -1 : left->tv_nsec > right->tv_nsec;
}

static void
list_entry(int folder, const char *name, GArray *list)
{
    Listed entry = { 0 };
    char seal[NAME_SIZE];
    struct stat st;

    (void)g_strlcpy(entry.key, name, sizeof(entry.key));
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        entry.bytes = (guint64)st.st_blocks * 512;
    }
    name_of(entry.key, SEAL, seal);
    /* One that has none goes first. */
    if (fstatat(folder, seal, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        entry.used = st.st_mtim;
    }
    g_array_append_val(list, entry);
}

/* What a daemon left that was killed; those that somebody works at are locked. */
static void
drop_unfinished(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            (void)unlinkat(folder, name, 0);
        }
        (void)close(fd);
    }
}

/* (transfer full): all entries, the one that was used longest ago first. */
static GArray *
look_through(int folder)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Listed));
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *item;

    while (dir && (item = readdir(dir))) {
        if (g_str_has_suffix(item->d_name, UNFINISHED)) {
            drop_unfinished(folder, item->d_name);
        } else if (strlen(item->d_name) == KEY_LENGTH + strlen(ENTRY) &&
                   g_str_has_suffix(item->d_name, ENTRY)) {
            list_entry(folder, item->d_name, list);
        }
    }
    if (dir) {
        (void)closedir(dir);
    } else if (copy >= 0) {
        (void)close(copy);
    }
    g_array_sort(list, compare_use);
    return list;
}

static void
drop_entry(int folder, const char *key)
{
    char name[NAME_SIZE];

    name_of(key, SEAL, name);
    (void)unlinkat(folder, name, 0);
    name_of(key, ENTRY, name);
    (void)unlinkat(folder, name, 0);
}

/* The oldest go; a guest that was started from one still has it open. */
static void
make_room(const TnKernelCache *cache, int folder, const char *newest)
{
    g_autoptr(GArray) list = look_through(folder);
    guint n = list->len;
    guint64 bytes = 0;

    for (guint i = 0; i < list->len; i++) {
        bytes += g_array_index(list, Listed, i).bytes;
    }
    for (guint i = 0; i < list->len && (n > cache->max_entries || bytes > cache->max_bytes);
         i++) {
        const Listed *entry = &g_array_index(list, Listed, i);

        if (strcmp(entry->key, newest) != 0) {
            drop_entry(folder, entry->key);
            n--;
            bytes -= entry->bytes;
        }
    }
    if (bytes > cache->max_bytes) {
        drop_entry(folder, newest);
    }
}

/* ---- filling ---- */

static void
warn_once(TnKernelCache *cache, const char *what, const char *why)
{
    if (!cache->warned) {
        cache->warned = TRUE;
        g_warning("unpacked kernels are not kept: %s '%s': %s", what, cache->dir, why);
    }
}

/* What was written to @fd is on the disk, and nobody writes to it any more. */
static gboolean
finish_file(int fd)
{
    return fchmod(fd, ENTRY_MODE) == 0 && fsync(fd) == 0;
}

static gboolean
write_seal(int folder, const Kernel *kernel, const struct stat *entry)
{
    g_autofree char *text = format_seal(kernel, entry);
    char temp[NAME_SIZE], name[NAME_SIZE];
    gboolean ok;
    int fd;

    name_of(kernel->key, SEAL UNFINISHED, temp);
    name_of(kernel->key, SEAL, name);
    (void)unlinkat(folder, temp, 0);
    fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return FALSE;
    }
    ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && finish_file(fd) &&
         renameat(folder, temp, folder, name) == 0;
    (void)close(fd);
    if (!ok) {
        (void)unlinkat(folder, temp, 0);
    }
    return ok;
}

/* What the unpacker has written becomes an entry. Renaming changes a file's times: the seal
 * is made after it. */
static gboolean
adopt(int folder, const Kernel *kernel, int out, const char *temp)
{
    char name[NAME_SIZE];
    struct stat st;

    name_of(kernel->key, ENTRY, name);
    return finish_file(out) && renameat(folder, temp, folder, name) == 0 &&
           fstat(out, &st) == 0 && S_ISREG(st.st_mode) &&
           (guint64)st.st_size <= TN_KERNEL_UNPACKER_MAX_BYTES &&
           write_seal(folder, kernel, &st) && fsync(folder) == 0;
}

static void
refuse(TnKernelCache *cache, const Kernel *kernel)
{
    if (g_hash_table_size(cache->refused) >= MAX_REFUSED) {
        g_hash_table_remove_all(cache->refused);
    }
    g_hash_table_add(cache->refused, g_strdup(kernel->key));
}

static void
unpack(TnKernelCache *cache, int folder, const char *path, const Kernel *kernel, int kernel_fd)
{
    g_autofree char *why = NULL;
    char temp[NAME_SIZE];
    TnKernelUnpackerResult result;
    gboolean kept = FALSE;
    int out;

    name_of(kernel->key, UNFINISHED, temp);
    out = openat(folder, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) {
        /* Another daemon with the same folder may be at it. */
        if (errno != EEXIST) {
            warn_once(cache, "cannot write in", g_strerror(errno));
        }
        return;
    }
    (void)flock(out, LOCK_EX | LOCK_NB);
    result = tn_kernel_unpacker_run(cache->program, kernel_fd, out, cache->cancel_fd, &why);
    if (result == TN_KERNEL_UNPACKER_DONE) {
        kept = adopt(folder, kernel, out, temp);
        if (!kept) {
            warn_once(cache, "cannot write in", g_strerror(errno));
        }
    } else if (result == TN_KERNEL_UNPACKER_REFUSED) {
        refuse(cache, kernel);
        g_info("kernel '%s' is not kept: %s", path, why);
    } else if (result == TN_KERNEL_UNPACKER_FAILED) {
        warn_once(cache, "nothing was unpacked to", why);
    }
    if (kept) {
        make_room(cache, folder, kernel->key);
    } else {
        (void)unlinkat(folder, temp, 0);
    }
    (void)close(out);
}

static void
fill(TnKernelCache *cache, const char *path)
{
    int kernel_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    Kernel kernel;
    int folder, entry;

    if (kernel_fd < 0) {
        return;
    }
    if (fstat(kernel_fd, &st) == 0 && identify(&st, &kernel) &&
        !g_hash_table_contains(cache->refused, kernel.key)) {
        (void)g_mkdir_with_parents(cache->dir, 0700);
        folder = open_folder(cache);
        entry = folder >= 0 ? open_entry(folder, &kernel) : -1;
        if (folder < 0) {
            warn_once(cache, "cannot use", g_strerror(errno));
        } else if (entry < 0) {
            g_array_unref(look_through(folder)); /* for what was left unfinished */
            unpack(cache, folder, path, &kernel, kernel_fd);
        }
        if (entry >= 0) {
            (void)close(entry);
        }
        if (folder >= 0) {
            (void)close(folder);
        }
    }
    (void)close(kernel_fd);
}

static gpointer
work(gpointer data)
{
    TnKernelCache *cache = data;

    g_mutex_lock(&cache->lock);
    while (!cache->ending && !g_queue_is_empty(&cache->waiting)) {
        g_autofree char *path = g_strdup(g_queue_peek_head(&cache->waiting));

        g_mutex_unlock(&cache->lock);
        fill(cache, path);
        g_mutex_lock(&cache->lock);
        /* Until here it was in the queue, so that nobody asked for it twice. */
        g_free(g_queue_pop_head(&cache->waiting));
    }
    cache->working = FALSE;
    g_cond_broadcast(&cache->changed);
    g_mutex_unlock(&cache->lock);
    return NULL;
}

void
tn_kernel_cache_fill(TnKernelCache *cache, const char *kernel)
{
    if (!cache->dir || !kernel) {
        return;
    }
    g_mutex_lock(&cache->lock);
    if (!cache->ending && g_queue_get_length(&cache->waiting) < MAX_WAITING &&
        !g_queue_find_custom(&cache->waiting, kernel, (GCompareFunc)strcmp)) {
        g_queue_push_tail(&cache->waiting, g_strdup(kernel));
        if (!cache->working) {
            cache->working = TRUE;
            g_thread_unref(g_thread_new("kernels", work, cache));
        }
    }
    g_mutex_unlock(&cache->lock);
}

void
tn_kernel_cache_wait(TnKernelCache *cache)
{
    g_mutex_lock(&cache->lock);
    while (cache->working) {
        g_cond_wait(&cache->changed, &cache->lock);
    }
    g_mutex_unlock(&cache->lock);
}

TnKernelCache *
tn_kernel_cache_new(const TnKernelCacheConfig *config)
{
    TnKernelCache *cache = g_new0(TnKernelCache, 1);

    cache->dir = g_strdup(config->dir);
    cache->program = g_strdup(config->program);
    cache->max_entries = config->max_entries ? config->max_entries : MAX_ENTRIES;
    cache->max_bytes = config->max_bytes ? config->max_bytes : MAX_BYTES;
    cache->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    cache->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&cache->waiting);
    g_mutex_init(&cache->lock);
    g_cond_init(&cache->changed);
    return cache;
}

void
tn_kernel_cache_free(TnKernelCache *cache)
{
    const guint64 one = 1;

    if (!cache) {
        return;
    }
    g_mutex_lock(&cache->lock);
    cache->ending = TRUE;
    g_mutex_unlock(&cache->lock);
    (void)!write(cache->cancel_fd, &one, sizeof(one));
    tn_kernel_cache_wait(cache);
    g_queue_clear_full(&cache->waiting, g_free);
    g_hash_table_unref(cache->refused);
    g_mutex_clear(&cache->lock);
    g_cond_clear(&cache->changed);
    (void)close(cache->cancel_fd);
    g_free(cache->dir);
    g_free(cache->program);
    g_free(cache);
}
