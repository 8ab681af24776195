/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket activation and readiness: two small protocols made of environment variables. */
#include "driver/daemon-systemd.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The first passed descriptor. */
#define LISTEN_FDS_START 3
#define LISTEN_FDS_MAX 16

GArray *
tn_daemon_systemd_take_sockets(void)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
    const char *pid = g_getenv("LISTEN_PID");
    const char *count = g_getenv("LISTEN_FDS");
    guint64 n = 0;

    if (pid != NULL && count != NULL &&
        g_ascii_strtoull(pid, NULL, 10) == (guint64)getpid()) {
        n = MIN(g_ascii_strtoull(count, NULL, 10), LISTEN_FDS_MAX);
    }
    for (guint64 i = 0; i < n; i++) {
        int fd = LISTEN_FDS_START + (int)i;

        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
            g_array_append_val(fds, fd);
        }
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return fds;
}

void
tn_daemon_systemd_notify(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    gsize len;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    len = strlen(path);
    if (len >= sizeof(address.sun_path)) {
        return;
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close(fd);
}
