/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File descriptors over a unix socket (SCM_RIGHTS); see unix(7). */
#include "qmp/fd-pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ancillary data for TN_FD_PASS_MAX descriptors, aligned as cmsg(3) demands. */
typedef union FdControl {
    char buf[CMSG_SPACE(sizeof(int) * TN_FD_PASS_MAX)];
    struct cmsghdr align;
} FdControl;

gssize
tn_fd_pass_send(int socket, const void *data, gsize len, const int *fds, unsigned n_fds)
{
    struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    FdControl control;
    gssize n;

    g_return_val_if_fail(n_fds <= TN_FD_PASS_MAX && (n_fds == 0 || len > 0), -1);
    if (n_fds > 0) {
        struct cmsghdr *cmsg = &control.align;

        memset(&control, 0, sizeof(control));
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
    }
    do {
        n = sendmsg(socket, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Takes the descriptors out of @msg, closing those beyond the array's end. */
static unsigned
take_fds(struct msghdr *msg, int *fds)
{
    unsigned n = 0;

    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        size_t count;

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
            if (n < TN_FD_PASS_MAX) {
                fds[n++] = fd;
            } else {
                (void)close(fd);
            }
        }
    }
    return n;
}

gssize
tn_fd_pass_receive(int socket, void *buf, gsize len, int *fds, unsigned *ret_n_fds)
{
    FdControl control;
    struct iovec iov = { .iov_base = buf, .iov_len = len };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.buf,
        .msg_controllen = sizeof(control.buf),
    };
    gssize n;

    do {
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    *ret_n_fds = n < 0 ? 0 : take_fds(&msg, fds);
    return n;
}

void
tn_fd_pass_close_all(const int *fds, unsigned n)
{
    int saved = errno;

    for (unsigned i = 0; i < n; i++) {
        (void)close(fds[i]);
    }
    errno = saved;
}
