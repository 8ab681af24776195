/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the unpacker: limits before it begins, an eye on its end. */
#include "driver/core/kernel-unpacker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTION "-x-unpack-kernel"
/* tenon-vmm's status when the kernel is at fault, not the circumstances. */
#define STATUS_REFUSED 2
#define STATUS_NO_PROGRAM 127

/* Far above what any kernel takes: a second, and what xz needs beside packed and unpacked. */
#define LIMIT_SECONDS 120
#define LIMIT_CPU_SECONDS 60
#define LIMIT_MEMORY (G_GUINT64_CONSTANT(1) << 30)
#define LIMIT_FILES 64
#define NICE 19

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define TN_CLANG_SANITIZER
#endif
#endif

typedef struct Limit {
    int resource; /* __rlimit_resource_t where glibc has it */
    rlim_t value;
} Limit;

static const Limit limits[] = {
    { RLIMIT_CPU, LIMIT_CPU_SECONDS },
    { RLIMIT_FSIZE, TN_KERNEL_UNPACKER_MAX_BYTES },
    { RLIMIT_CORE, 0 },
    { RLIMIT_NOFILE, LIMIT_FILES },
/* Sanitizers lay claim to all addresses there are. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(TN_CLANG_SANITIZER)
    { RLIMIT_AS, LIMIT_MEMORY },
#endif
};

/* In the child, between fork and exec: async-signal-safe calls only. */
static void
exec_child(const char *program, const int *fds, pid_t parent)
{
    char *const argv[] = { (char *)program, (char *)OPTION, NULL };
    sigset_t none;

    sigemptyset(&none);
    for (int i = 0; i <= STDERR_FILENO; i++) {
        if (dup2(fds[i], i) < 0) {
            _exit(STATUS_NO_PROGRAM);
        }
    }
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
        const struct rlimit limit = { limits[i].value, limits[i].value };

        /* One that is lower already stays. */
        (void)setrlimit(limits[i].resource, &limit);
    }
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
        execv(program, argv);
    }
    _exit(STATUS_NO_PROGRAM);
}

static int
start(const char *program, int kernel_fd, int out_fd, char **ret_why)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int fds[] = { kernel_fd, out_fd, null_fd };
    pid_t parent = getpid();
    pid_t pid;
    int pidfd;

    if (null_fd < 0) {
        *ret_why = g_strdup_printf("cannot open /dev/null: %s", g_strerror(errno));
        return -1;
    }
    pid = fork();
    if (pid == 0) {
        exec_child(program, fds, parent);
    }
    (void)close(null_fd);
    if (pid < 0) {
        *ret_why = g_strdup_printf("cannot fork: %s", g_strerror(errno));
        return -1;
    }
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        *ret_why = g_strdup_printf("cannot watch the process: %s", g_strerror(errno));
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return -1;
    }
    (void)fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    return pidfd;
}

static TnKernelUnpackerResult
judge(const siginfo_t *info, const char *program, char **ret_why)
{
    if (info->si_code != CLD_EXITED) {
        /* Too long, too large, or worse: it will not be better another time. */
        *ret_why = g_strdup_printf("unpacking it ended by signal %d", info->si_status);
        return TN_KERNEL_UNPACKER_REFUSED;
    }
    switch (info->si_status) {
    case 0:
        return TN_KERNEL_UNPACKER_DONE;
    case STATUS_REFUSED:
        *ret_why = g_strdup("there is nothing to unpack");
        return TN_KERNEL_UNPACKER_REFUSED;
    default:
        *ret_why = g_strdup_printf("'%s' failed with status %d", program, info->si_status);
        return TN_KERNEL_UNPACKER_FAILED;
    }
}

TnKernelUnpackerResult
tn_kernel_unpacker_run(const char *program, int kernel_fd, int out_fd, int cancel_fd,
                       char **ret_why)
{
    int pidfd = start(program, kernel_fd, out_fd, ret_why);
    struct pollfd waits[] = { { .fd = pidfd, .events = POLLIN },
                              { .fd = cancel_fd, .events = POLLIN } };
    siginfo_t info = { 0 };
    int n;

    if (pidfd < 0) {
        return TN_KERNEL_UNPACKER_FAILED;
    }
    n = TEMP_FAILURE_RETRY(poll(waits, G_N_ELEMENTS(waits), LIMIT_SECONDS * 1000));
    if (waits[0].revents == 0 || n <= 0) {
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    }
    (void)TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
    (void)close(pidfd);
    if (n > 0 && waits[0].revents == 0) {
        return TN_KERNEL_UNPACKER_CANCELLED;
    }
    return judge(&info, program, ret_why);
}
