/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Spawning, watching and killing the monitor program. */
#include "driver/core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/error.h"

/* What the child tells through its end of the gate when it cannot run the program. */
typedef struct SpawnReport {
    int error_number;
} SpawnReport;

static gboolean
fail(GError **error, const char *what, const char *name, int error_number)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "%s '%s': %s", what, name,
                g_strerror(error_number));
    return FALSE;
}

/* In the child: the kept descriptors under their numbers, and nothing else above them. */
static gboolean
hand_down(const TnProcessSpec *spec)
{
    int after = spec->child_fd + (int)spec->n_keep_fds;
    int fds[TN_PROCESS_MAX_FDS];

    /* Out of the way first: one's number may be another's place. */
    for (guint i = 0; i < spec->n_keep_fds; i++) {
        fds[i] = fcntl(spec->keep_fds[i], F_DUPFD_CLOEXEC, after);
        if (fds[i] < 0) {
            return FALSE;
        }
    }
    for (guint i = 0; i < spec->n_keep_fds; i++) {
        if (dup2(fds[i], spec->child_fd + (int)i) < 0) {
            return FALSE;
        }
    }
    /* All descriptors of ours are close-on-exec; those of libraries may not be. */
    (void)close_range((unsigned)after, ~0U, CLOSE_RANGE_CLOEXEC);
    return TRUE;
}

/* In the child: lets go of all that is the daemon's (clients, locks), so that waiting at the
 * gate holds up nobody, not even another daemon. */
static void
close_others(const TnProcessSpec *spec, int log_fd, int gate)
{
    unsigned from = STDERR_FILENO + 1;

    for (;;) {
        unsigned next = ~0U;

        for (guint i = 0; i < spec->n_keep_fds + 2; i++) {
            unsigned kept = (unsigned)(i < spec->n_keep_fds    ? spec->keep_fds[i]
                                       : i == spec->n_keep_fds ? log_fd
                                                               : gate);

            if (kept >= from && kept < next) {
                next = kept;
            }
        }
        if (next > from) {
            (void)close_range(from, next == ~0U ? ~0U : next - 1, 0);
        }
        if (next == ~0U) {
            return;
        }
        from = next + 1;
    }
}

/* In the child, between fork and exec: async-signal-safe calls only. @gate: its end. */
static void
exec_child(const TnProcessSpec *spec, int log_fd, int gate)
{
    SpawnReport report;
    sigset_t none;
    char go;
    int null_fd;

    setsid();
    close_others(spec, log_fd, gate);
    /* No byte but an end: the daemon died before it had noted us down. */
    if (TEMP_FAILURE_RETRY(read(gate, &go, 1)) != 1) {
        _exit(127);
    }
    null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(log_fd, STDOUT_FILENO) >= 0 &&
        dup2(log_fd, STDERR_FILENO) >= 0 && hand_down(spec)) {
        execv(spec->argv[0], (char *const *)spec->argv);
    }
    report.error_number = errno;
    (void)!write(gate, &report, sizeof(report));
    _exit(127);
}

static gboolean
make_gate(const TnProcessSpec *spec, int *ends, GError **error)
{
    int after = spec->child_fd + (int)spec->n_keep_fds;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return fail(error, "cannot make a pair of sockets for", "a process", errno);
    }
    /* The child's end must not have a number that dup2 will use. */
    if (ends[1] < after) {
        int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, after);

        close(ends[1]);
        ends[1] = moved;
    }
    return TRUE;
}

static gboolean
fork_child(const TnProcessSpec *spec, int log_fd, TnProcess *ret_process, GError **error)
{
    int ends[2];
    pid_t pid;

    g_return_val_if_fail(spec->n_keep_fds <= TN_PROCESS_MAX_FDS, FALSE);
    if (!make_gate(spec, ends, error)) {
        return FALSE;
    }
    pid = fork();
    if (pid == 0) {
        /* Or the end of the daemon would not be seen. */
        close(ends[0]);
        exec_child(spec, log_fd, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return fail(error, "cannot fork for", spec->argv[0], errno);
    }
    ret_process->pid = pid;
    ret_process->gate = ends[0];
    return TRUE;
}

gboolean
tn_process_spawn(const TnProcessSpec *spec, TnProcess *ret_process, GError **error)
{
    int log_fd = open(spec->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    gboolean ok;

    if (log_fd < 0) {
        return fail(error, "cannot open log file", spec->log_path, errno);
    }
    ok = fork_child(spec, log_fd, ret_process, error);
    close(log_fd);
    if (!ok) {
        return FALSE;
    }
    ret_process->start_time = tn_process_start_time(ret_process->pid);
    ret_process->pidfd = (int)syscall(SYS_pidfd_open, ret_process->pid, 0);
    if (ret_process->pidfd < 0) {
        int saved = errno;

        close(ret_process->gate);
        kill(ret_process->pid, SIGKILL);
        (void)waitpid(ret_process->pid, NULL, 0);
        return fail(error, "cannot watch the process of", spec->argv[0], saved);
    }
    (void)fcntl(ret_process->pidfd, F_SETFD, FD_CLOEXEC);
    return TRUE;
}

gboolean
tn_process_release(TnProcess *process, const char *program, GError **error)
{
    SpawnReport report;
    ssize_t n = 0;

    if (TEMP_FAILURE_RETRY(send(process->gate, "", 1, MSG_NOSIGNAL)) == 1) {
        /* The other end closes with exec. */
        n = TEMP_FAILURE_RETRY(recv(process->gate, &report, sizeof(report), MSG_WAITALL));
    }
    close(process->gate);
    process->gate = -1;
    if (n == (ssize_t)sizeof(report)) {
        return fail(error, "cannot execute binary", program, report.error_number);
    }
    return TRUE;
}

gboolean
tn_process_reopen(pid_t pid, guint64 start_time, TnProcess *ret_process)
{
    int pidfd;

    if (pid <= 1 || start_time == 0) {
        return FALSE;
    }
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    /* The time is read after the descriptor holds the number: it cannot be reused between. One
     * that ended may stay in the table until somebody asks for its status. */
    if (pidfd < 0 || tn_process_start_time(pid) != start_time || tn_process_wait(pidfd, 0)) {
        if (pidfd >= 0) {
            close(pidfd);
        }
        return FALSE;
    }
    (void)fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    *ret_process = (TnProcess){ pid, start_time, pidfd, -1 };
    return TRUE;
}

void
tn_process_kill(int pidfd, int signal)
{
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

gboolean
tn_process_wait(int pidfd, int timeout_ms)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };

    return TEMP_FAILURE_RETRY(poll(&p, 1, timeout_ms)) > 0;
}

void
tn_process_reap(int pidfd)
{
    siginfo_t info;

    (void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
}

/* The fields of a stat file after the name, from "state" on; NULL when it is gone.
 * @ret_name: (optional): the name. */
static GStrv
read_stat_file(const char *path, char **ret_name)
{
    g_autofree char *text = NULL;
    char *first, *after;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return NULL;
    }
    /* The name may hold anything, spaces and brackets included. */
    first = strchr(text, '(');
    after = strrchr(text, ')');
    if (!first || !after || !after[1]) {
        return NULL;
    }
    if (ret_name) {
        *ret_name = g_strndup(first + 1, (gsize)(after - first - 1));
    }
    return g_strsplit(after + 2, " ", -1);
}

static GStrv
read_stat(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%ld/stat", (long)pid);

    return read_stat_file(path, NULL);
}

guint64
tn_process_start_time(pid_t pid)
{
    g_auto(GStrv) fields = read_stat(pid);

    return fields && g_strv_length(fields) > 19 ? g_ascii_strtoull(fields[19], NULL, 10) : 0;
}

/* Nanoseconds in the field @index of clock ticks. */
static guint64
time_field(GStrv fields, guint index)
{
    return fields && g_strv_length(fields) > index
               ? g_ascii_strtoull(fields[index], NULL, 10) *
                     (1000000000ULL / (guint64)sysconf(_SC_CLK_TCK))
               : 0;
}

static guint64
cpu_time_of(GStrv fields)
{
    return time_field(fields, 11) + time_field(fields, 12);
}

void
tn_process_cpu_times(pid_t pid, guint64 *ret_user, guint64 *ret_system)
{
    g_auto(GStrv) fields = read_stat(pid);

    *ret_user = time_field(fields, 11);
    *ret_system = time_field(fields, 12);
}

guint64
tn_process_cpu_time(pid_t pid)
{
    g_auto(GStrv) fields = read_stat(pid);

    return cpu_time_of(fields);
}

void
tn_process_vcpus(pid_t pid, TnProcessThread *ret_threads, guint n)
{
    g_autofree char *dir_path = g_strdup_printf("/proc/%ld/task", (long)pid);
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    const char *task;

    while (dir && (task = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(dir_path, task, "stat", NULL);
        g_autofree char *name = NULL;
        g_auto(GStrv) fields = read_stat_file(path, &name);
        guint index;

        if (fields && sscanf(name, "CPU %u/KVM", &index) == 1 && index < n) {
            ret_threads[index].cpu_time = cpu_time_of(fields);
            ret_threads[index].tid = (pid_t)atoi(task);
            ret_threads[index].cpu = g_strv_length(fields) > 36 ? atoi(fields[36]) : -1;
        }
    }
}

guint64
tn_process_rss_kib(pid_t pid)
{
    g_auto(GStrv) fields = read_stat(pid);

    return fields && g_strv_length(fields) > 21
               ? g_ascii_strtoull(fields[21], NULL, 10) * (guint64)sysconf(_SC_PAGESIZE) / 1024
               : 0;
}
