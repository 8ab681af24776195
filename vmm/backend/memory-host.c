/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host memory for guests: mmap, mbind, madvise and preallocation. */
#include "vmm/backend/memory-host.h"

#include <errno.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif

/* The huge page of x86-64's page tables: mappings aligned to it can use huge
 * pages on both levels of translation. */
#define TN_HOST_HUGE_PAGE (G_GUINT64_CONSTANT(2) << 20)

/* A thread per part smaller than this costs more than it saves. */
#define TN_PREALLOC_MIN_PART (G_GUINT64_CONSTANT(16) << 20)
#define TN_PREALLOC_MAX_THREADS 64

guint64
tn_host_memory_page_size(void)
{
    return (guint64)sysconf(_SC_PAGESIZE);
}

guint64
tn_host_memory_fd_page_size(int fd)
{
    struct statfs fs;

    if (fd >= 0 && fstatfs(fd, &fs) == 0 && (guint64)fs.f_type == HUGETLBFS_MAGIC) {
        return (guint64)fs.f_bsize;
    }
    return tn_host_memory_page_size();
}

static void
set_errno_error(GError **error, int err)
{
    g_set_error_literal(error, G_FILE_ERROR, g_file_error_from_errno(err), g_strerror(err));
}

/* Address space for @size bytes at an address aligned to @align, with a page
 * that always faults behind it; NULL with errno set. */
static guint8 *
reserve_aligned(guint64 size, guint64 align)
{
    guint64 page = tn_host_memory_page_size();
    guint64 total;
    guint8 *area, *start;

    if (!g_uint64_checked_add(&total, size, align) || !g_uint64_checked_add(&total, total, page)) {
        errno = ENOMEM;
        return NULL;
    }
    area = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) {
        return NULL;
    }
    start = (guint8 *)(((guintptr)area + align - 1) & ~(guintptr)(align - 1));
    if (start > area) {
        (void)munmap(area, (gsize)(start - area));
    }
    (void)munmap(start + size + page, (gsize)(area + total - (start + size + page)));
    return start;
}

gboolean
tn_host_memory_map(const TnHostMemorySpec *spec, TnHostMemory *ret_memory, GError **error)
{
    guint64 align = MAX(spec->align, spec->page_size);
    guint64 size;
    guint8 *start;
    int prot = PROT_READ | (spec->readonly ? 0 : PROT_WRITE);
    int flags = MAP_FIXED | (spec->share ? MAP_SHARED : MAP_PRIVATE);

    if (!g_uint64_checked_add(&size, spec->size, spec->page_size - 1)) {
        set_errno_error(error, ENOMEM);
        return FALSE;
    }
    size &= ~(spec->page_size - 1);
    if (size >= TN_HOST_HUGE_PAGE) {
        align = MAX(align, TN_HOST_HUGE_PAGE);
    }
    start = reserve_aligned(size, align);
    if (!start) {
        set_errno_error(error, errno);
        return FALSE;
    }
    flags |= spec->fd < 0 ? MAP_ANONYMOUS : 0;
    flags |= spec->reserve ? 0 : MAP_NORESERVE;
    if (mmap(start, size, prot, flags, spec->fd, 0) == MAP_FAILED) {
        int err = errno;

        (void)munmap(start, size + tn_host_memory_page_size());
        set_errno_error(error, err);
        return FALSE;
    }
    *ret_memory = (TnHostMemory){ .base = start, .size = size };
    return TRUE;
}

void
tn_host_memory_unmap(TnHostMemory *memory)
{
    if (memory->base) {
        (void)munmap(memory->base, memory->size + tn_host_memory_page_size());
        *memory = (TnHostMemory){ 0 };
    }
}

/* mbind(2) without libnuma: one system call is not worth a library. */
static long
mbind_call(const TnHostMemory *memory, int mode, const gulong *nodes, gulong max_node)
{
    return syscall(SYS_mbind, memory->base, memory->size, mode, nodes, max_node,
                   MPOL_MF_STRICT | MPOL_MF_MOVE);
}

gboolean
tn_host_memory_bind(const TnHostMemory *memory, TnHostMemPolicy policy, const gulong *nodes,
                    GError **error)
{
    /* The kernel reads max_node - 1 bits. */
    const gulong max_node = TN_HOST_MAX_NODES + 1;
    long ret = -1;

    if (policy == TN_HOST_MEM_POLICY_DEFAULT) {
        return TRUE;
    }
    if (policy == TN_HOST_MEM_POLICY_PREFERRED) {
        /* Linux 5.15: any of several nodes; older kernels take the first alone. */
        ret = mbind_call(memory, MPOL_PREFERRED_MANY, nodes, max_node);
        if (ret < 0 && errno == EINVAL) {
            ret = mbind_call(memory, MPOL_PREFERRED, nodes, max_node);
        }
    } else {
        ret = mbind_call(memory, (int)policy, nodes, max_node);
    }
    if (ret < 0) {
        int err = errno;

        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
                    "cannot bind memory to host NUMA nodes: %s", g_strerror(err));
        return FALSE;
    }
    return TRUE;
}

void
tn_host_memory_set_merge(const TnHostMemory *memory, gboolean merge)
{
    (void)madvise(memory->base, memory->size, merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
}

void
tn_host_memory_set_dump(const TnHostMemory *memory, gboolean dump)
{
    (void)madvise(memory->base, memory->size, dump ? MADV_DODUMP : MADV_DONTDUMP);
}

void
tn_host_memory_advise(const TnHostMemory *memory)
{
    (void)madvise(memory->base, memory->size, MADV_HUGEPAGE);
    (void)madvise(memory->base, memory->size, MADV_DONTFORK);
}

/* One thread's part of the work. */
typedef struct {
    guint8 *start;
    guint64 size;
    int advice;
    int err; /* errno of the failure, 0 for none */
} PreallocPart;

static gpointer
prealloc_part(gpointer data)
{
    PreallocPart *part = data;

    if (part->size > 0) {
        int ret;

        do {
            ret = madvise(part->start, part->size, part->advice);
        } while (ret < 0 && (errno == EINTR || errno == EAGAIN));
        part->err = ret < 0 ? errno : 0;
    }
    return NULL;
}

gboolean
tn_host_memory_prealloc(const TnHostMemory *memory, guint64 page_size, gboolean readonly,
                        unsigned threads, GError **error)
{
    PreallocPart parts[TN_PREALLOC_MAX_THREADS];
    GThread *workers[TN_PREALLOC_MAX_THREADS] = { NULL };
    guint64 least = MAX(TN_PREALLOC_MIN_PART, page_size);
    guint64 count = CLAMP(memory->size / least, 1, MIN(MAX(threads, 1), TN_PREALLOC_MAX_THREADS));
    guint64 share = memory->size / page_size / count * page_size;
    int err = 0;

    for (guint64 i = 0; i < count; i++) {
        parts[i] = (PreallocPart){
            .start = (guint8 *)memory->base + i * share,
            .size = i == count - 1 ? memory->size - i * share : share,
            .advice = readonly ? MADV_POPULATE_READ : MADV_POPULATE_WRITE,
        };
        /* The first part, and any for which no thread can be had, is done here. */
        if (i > 0) {
            workers[i] = g_thread_try_new("prealloc", prealloc_part, &parts[i], NULL);
        }
    }
    for (guint64 i = 0; i < count; i++) {
        if (workers[i]) {
            g_thread_join(workers[i]);
        } else {
            prealloc_part(&parts[i]);
        }
        err = err ? err : parts[i].err;
    }
    if (err) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
                    "preallocating memory failed: %s", g_strerror(err));
        return FALSE;
    }
    return TRUE;
}
