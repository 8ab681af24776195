/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs in the test guest: has a disk write into memory of a NUMA node, and says where that is.
 *
 *   dma-buffer DISK MIB NODE
 *
 * The buffer is bound to NODE and locked. Its bytes, read past the page cache, go to standard
 * output; a line "low=0xN high=0xN" to standard error: the lowest and the highest guest-physical
 * address of its pages by /proc/self/pagemap, the same before and after. Static, as the guest
 * has no libraries.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TN_PAGE 4096UL
#define TN_MIB (1UL << 20)
#define TN_PIECE (128UL << 10)
/* Documentation/admin-guide/mm/pagemap.rst */
#define TN_PAGEMAP_PRESENT (1ULL << 63)
#define TN_PAGEMAP_FRAME ((1ULL << 55) - 1)

typedef struct Place {
    uint64_t low, high;
} Place;

static int
fail(const char *what)
{
    fprintf(stderr, "dma-buffer: %s: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

/* Where the pages of a buffer are; -1 if one is not in memory or may not be asked for. */
static int
find(const char *buffer, size_t size, Place *ret_place)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    Place place = { UINT64_MAX, 0 };
    int status = fd < 0 ? -1 : 0;

    for (size_t at = 0; status == 0 && at < size; at += TN_PAGE) {
        uint64_t entry = 0;
        off_t offset = (off_t)(((uintptr_t)buffer + at) / TN_PAGE * sizeof(entry));
        uint64_t frame;

        if (pread(fd, &entry, sizeof(entry), offset) != sizeof(entry) ||
            !(entry & TN_PAGEMAP_PRESENT) || !(entry & TN_PAGEMAP_FRAME)) {
            status = -1;
            break;
        }
        frame = (entry & TN_PAGEMAP_FRAME) * TN_PAGE;
        place.low = frame < place.low ? frame : place.low;
        place.high = frame > place.high ? frame : place.high;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (status == 0) {
        *ret_place = place;
    }
    return status;
}

/* Memory of one node alone, all of it there; NULL with errno. */
static char *
allocate(size_t size, unsigned node)
{
    unsigned long nodes = 1UL << node;
    char *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (buffer == MAP_FAILED) {
        return NULL;
    }
    /* There is no wrapper of this call in the C library. */
    if (syscall(SYS_mbind, buffer, size, MPOL_BIND, &nodes, sizeof(nodes) * 8, 0) < 0 ||
        mlock(buffer, size) < 0) {
        return NULL;
    }
    memset(buffer, 0x5a, size);
    return buffer;
}

static int
copy(const char *disk, char *buffer, size_t size)
{
    int fd = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);

    if (fd < 0) {
        return -1;
    }
    for (size_t at = 0; at < size; at += TN_PIECE) {
        if (pread(fd, buffer + at, TN_PIECE, (off_t)at) != (ssize_t)TN_PIECE) {
            close(fd);
            return -1;
        }
    }
    close(fd);
    return 0;
}

int
main(int argc, char **argv)
{
    size_t size = argc == 4 ? strtoul(argv[2], NULL, 10) * TN_MIB : 0;
    unsigned long node = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    Place before, after;
    char *buffer;

    if (size == 0 || node >= sizeof(long) * 8) {
        fprintf(stderr, "usage: dma-buffer DISK MIB NODE\n");
        return 2;
    }
    buffer = allocate(size, (unsigned)node);
    if (!buffer) {
        return fail("memory of the node");
    }
    if (find(buffer, size, &before) < 0) {
        return fail("pagemap");
    }
    if (copy(argv[1], buffer, size) < 0) {
        return fail(argv[1]);
    }
    if (find(buffer, size, &after) < 0 || before.low != after.low || before.high != after.high) {
        return fail("the buffer moved");
    }
    if (fwrite(buffer, 1, size, stdout) != size || fflush(stdout) != 0) {
        return fail("output");
    }
    fprintf(stderr, "low=0x%" PRIx64 " high=0x%" PRIx64 "\n", after.low, after.high);
    return EXIT_SUCCESS;
}
