/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs in the test guest of the group hostdev: waits for a disk that is plugged, reads from it.
 *
 *   disk-reader wait DISK          says "waiting", then "disk" when DISK's uevent has come
 *   disk-reader read DISK COUNT    reads COUNT blocks, one after the other, past the page cache
 *
 * The first reports through the kernel's log, as the guest's init does; the second prints
 * a line. Static, as the guest has no libraries.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TN_BLOCK 4096
#define TN_KERNEL_EVENTS 1
#define TN_NANOSECONDS 1000000000LL

static int
fail(const char *what)
{
    fprintf(stderr, "disk-reader: %s: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

/* One write, as the log takes each for a message. */
static int
report(const char *message)
{
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = (ssize_t)strlen(message);
    ssize_t written = write(fd, message, (size_t)length);
    close(fd);
    return written == length ? 0 : -1;
}

/* The event's first line is ACTION@PATH, and the last part of PATH is the disk's name. */
static int
wait_for_disk(const char *disk)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = TN_KERNEL_EVENTS };
    const char *name = strrchr(disk, '/');
    char event[TN_BLOCK];
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return fail("kernel events");
    if (report("<1>TENON-GUEST waiting\n") < 0)
        return fail("report");
    for (;;) {
        ssize_t length = recv(fd, event, sizeof(event) - 1, 0);
        if (length < 0)
            return fail("kernel event");
        event[length] = '\0';
        const char *last = strrchr(event, '/');
        if (strncmp(event, "add@", 4) == 0 && last && name && strcmp(last, name) == 0)
            break;
    }
    return report("<1>TENON-GUEST disk\n") < 0 ? fail("report") : EXIT_SUCCESS;
}

/* Interrupts of all nvme drivers on the one processor there is, -1 on failure. */
static int64_t
interrupts(void)
{
    char line[512];
    int64_t sum = 0;
    FILE *file = fopen("/proc/interrupts", "re");

    if (!file)
        return -1;
    while (fgets(line, sizeof(line), file)) {
        const char *number = strchr(line, ':');
        if (number && strstr(line, "nvme"))
            sum += strtoll(number + 1, NULL, 10);
    }
    fclose(file);
    return sum;
}

static int64_t
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * TN_NANOSECONDS + time.tv_nsec;
}

/* Marsaglia's xorshift: the same places in every run and on both sides. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int
read_disk(const char *disk, long count)
{
    static char buffer[TN_BLOCK] __attribute__((aligned(TN_BLOCK)));
    uint64_t state = 88172645463325252ULL;
    uint64_t size = 0;
    int fd = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 || size < TN_BLOCK)
        return fail(disk);
    int64_t interrupts_before = interrupts();
    int64_t begin = now();
    for (long i = 0; i < count; i++) {
        off_t place = (off_t)(next_random(&state) % (size / TN_BLOCK) * TN_BLOCK);
        if (pread(fd, buffer, TN_BLOCK, place) != TN_BLOCK)
            return fail("read");
    }
    int64_t elapsed = now() - begin;
    int64_t gained = interrupts() - interrupts_before;
    close(fd);
    /* Always as long: each byte of a report is an exit. */
    printf("reads=%010ld ns=%015" PRId64 " interrupts=%010" PRId64 "\n", count, elapsed, gained);
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "wait") == 0)
        return wait_for_disk(argv[2]);
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        return read_disk(argv[2], strtol(argv[3], NULL, 10));
    fprintf(stderr, "usage: disk-reader wait DISK | read DISK COUNT\n");
    return 2;
}
