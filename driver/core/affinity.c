/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPU affinity of threads, by sched_setaffinity(2). */
#include "driver/core/affinity.h"

#include <errno.h>
#include <sched.h>

#include "driver/error.h"

/* Threads that come while the others are set are seen by looking again; one that makes new ones
 * without end is not waited for. */
#define MAX_LOOKS 8

#define SET_SIZE CPU_ALLOC_SIZE(TN_XML_BITMAP_MAX)

static gboolean
set(pid_t tid, const TnBitmap *cpus)
{
    cpu_set_t *mask = CPU_ALLOC(TN_XML_BITMAP_MAX);
    gboolean ok;
    int saved;

    CPU_ZERO_S(SET_SIZE, mask);
    for (guint i = 0; i < TN_XML_BITMAP_MAX; i++) {
        if (!cpus || tn_bitmap_contains(cpus, i)) {
            CPU_SET_S(i, SET_SIZE, mask);
        }
    }
    ok = sched_setaffinity(tid, SET_SIZE, mask) == 0;
    saved = errno;
    CPU_FREE(mask);
    errno = saved;
    return ok;
}

static gboolean
fail(pid_t tid, int error_number, GError **error)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                "cannot set CPU affinity on process %ld: %s", (long)tid,
                g_strerror(error_number));
    return FALSE;
}

gboolean
tn_affinity_set(pid_t tid, const TnBitmap *cpus, GError **error)
{
    return set(tid, cpus) || fail(tid, errno, error);
}

TnBitmap *
tn_affinity_get(pid_t tid)
{
    cpu_set_t *mask = CPU_ALLOC(TN_XML_BITMAP_MAX);
    TnBitmap *cpus = NULL;

    CPU_ZERO_S(SET_SIZE, mask);
    if (tid > 0 && sched_getaffinity(tid, SET_SIZE, mask) == 0) {
        cpus = tn_bitmap_new();
        for (guint i = 0; i < TN_XML_BITMAP_MAX; i++) {
            if (CPU_ISSET_S(i, SET_SIZE, mask)) {
                tn_bitmap_add(cpus, i);
            }
        }
    }
    CPU_FREE(mask);
    return cpus;
}

static gboolean
contains(const GArray *tids, pid_t tid)
{
    for (guint i = 0; i < tids->len; i++) {
        if (g_array_index(tids, pid_t, i) == tid) {
            return TRUE;
        }
    }
    return FALSE;
}

/* One look at the threads: sets those that are not in @done yet. */
static gboolean
set_new_ones(pid_t pid, GArray *done, const TnBitmap *cpus, gboolean *ret_any, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%ld/task", (long)pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    *ret_any = FALSE;
    while (dir && (name = g_dir_read_name(dir))) {
        pid_t tid = (pid_t)g_ascii_strtoull(name, NULL, 10);

        if (contains(done, tid)) {
            continue;
        }
        if (!set(tid, cpus) && errno != ESRCH) {
            return fail(tid, errno, error);
        }
        g_array_append_val(done, tid);
        *ret_any = TRUE;
    }
    return TRUE;
}

gboolean
tn_affinity_set_others(pid_t pid, const GArray *except, const TnBitmap *cpus, GError **error)
{
    g_autoptr(GArray) done = g_array_new(FALSE, FALSE, sizeof(pid_t));
    gboolean any = TRUE, ok = TRUE;

    if (except->len > 0) {
        g_array_append_vals(done, except->data, except->len);
    }
    for (guint i = 0; ok && any && i < MAX_LOOKS; i++) {
        ok = set_new_ones(pid, done, cpus, &any, error);
    }
    return ok;
}
