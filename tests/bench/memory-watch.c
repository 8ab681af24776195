/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs in the test guest of the group dimm: says on the first serial port, in as few bytes as
 * that takes, when the guest's memory has become more or less.
 *
 *   memory-watch MIB    says "watching" in the kernel's log, and from then on '+' or '-' and a
 *                       newline for each MIB that came or went
 *
 * Static, as the guest has no libraries. It sleeps until the kernel tells of a memory block, so
 * that it takes no time from what is measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define TN_KERNEL_EVENTS 1
#define TN_EVENT_BYTES 4096

static int
fail(const char *what)
{
    fprintf(stderr, "memory-watch: %s: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

/* One write, as the log takes each for a message. */
static bool
report(const char *message)
{
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    ssize_t length = (ssize_t)strlen(message);
    bool done = fd >= 0 && write(fd, message, (size_t)length) == length;

    if (fd >= 0)
        close(fd);
    return done;
}

static unsigned long
memory(void)
{
    struct sysinfo info;

    return sysinfo(&info) == 0 ? info.totalram : 0;
}

int
main(int argc, char **argv)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = TN_KERNEL_EVENTS };
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    int serial = open("/dev/ttyS0", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    char event[TN_EVENT_BYTES];
    unsigned long step = argc == 2 ? strtoul(argv[1], NULL, 10) << 20 : 0;
    unsigned long told = memory();

    if (step == 0) {
        fprintf(stderr, "usage: memory-watch MIB\n");
        return EXIT_FAILURE;
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return fail("kernel events");
    if (serial < 0)
        return fail("serial port");
    if (!report("<1>TENON-GUEST watching\n"))
        return fail("report");
    for (;;) {
        ssize_t length = recv(fd, event, sizeof(event) - 1, 0);

        if (length < 0)
            return fail("kernel event");
        unsigned long now = memory();
        if (now >= told + step || now + step <= told) {
            if (write(serial, now > told ? "+\n" : "-\n", 2) != 2)
                return fail("serial port");
            told = now;
        }
    }
}
