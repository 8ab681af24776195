/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Going to the background and the pid file. */
#include "vmm/process.h"

#include "vmm/core/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static gboolean
fail(GError **error, const char *what, const char *name)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "%s%s: %s", what, name,
                g_strerror(errno));
    return FALSE;
}

gboolean
tn_process_daemonize(int *ret_ready_fd, GError **error)
{
    int ends[2];
    char status = 1;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return fail(error, "-daemonize: cannot make a pipe", "");
    }
    child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return fail(error, "-daemonize: cannot fork", "");
    }
    if (child > 0) {
        close(ends[1]);
        /* End of file without a byte: the child gave up, and has said why. */
        if (TEMP_FAILURE_RETRY(read(ends[0], &status, 1)) != 1) {
            status = 1;
        }
        _exit(status);
    }
    close(ends[0]);
    (void)setsid();
    *ret_ready_fd = ends[1];
    return TRUE;
}

void
tn_process_ready(int ready_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char status = 0;

    if (null_fd >= 0) {
        (void)dup2(null_fd, STDIN_FILENO);
        (void)dup2(null_fd, STDOUT_FILENO);
        (void)dup2(null_fd, STDERR_FILENO);
        close(null_fd);
    }
    (void)chdir("/");
    (void)!write(ready_fd, &status, 1);
    close(ready_fd);
}

int
tn_process_dup_inherited(gint64 fd, GError **error)
{
    /* What was inherited survived exec; all that we opened ourselves would not. */
    int flags = fd >= 0 && fd <= G_MAXINT ? fcntl((int)fd, F_GETFD) : -1;
    int copy;

    if (flags < 0 || (flags & FD_CLOEXEC)) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "fd is not valid or already in use");
        return -1;
    }
    copy = fcntl((int)fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy < 0) {
        fail(error, "error duplicating fd", "");
    }
    return copy;
}

gboolean
tn_process_write_pidfile(const char *path, GError **error)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (fd < 0) {
        return fail(error, "cannot create PID file ", path);
    }
    /* The lock says that the process lives; the descriptor stays open for that. */
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        fail(error, "cannot lock PID file ", path);
        close(fd);
        return FALSE;
    }
    if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len) {
        fail(error, "cannot write PID file ", path);
        close(fd);
        return FALSE;
    }
    return TRUE;
}
