/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor program as a process: spawned with the descriptors it is meant to
 * have, watched and killed by pidfd, so that a reused pid is never hit.
 */
#ifndef TN_DRIVER_CORE_PROCESS_H
#define TN_DRIVER_CORE_PROCESS_H

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* A process of ours or of the daemon's life before. */
typedef struct TnProcess {
    pid_t pid;
    guint64 start_time; /* clock ticks after boot, from /proc/PID/stat */
    int pidfd;
    int gate;           /* between spawn and release: what it waits at; -1 otherwise */
} TnProcess;

/* Descriptors that one process may inherit: a monitor's, two for each of 31 PCI slots, and a
 * kernel's. */
#define TN_PROCESS_MAX_FDS 64

/**
 * TnProcessSpec: what to run.
 * @argv: program and arguments.
 * @keep_fds, @n_keep_fds: handed down, under the numbers from @child_fd on; at most
 *   TN_PROCESS_MAX_FDS.
 * @log_path: stdout and stderr go there, appended; stdin is /dev/null.
 */
typedef struct TnProcessSpec {
    const char *const *argv;
    const int *keep_fds;
    guint n_keep_fds;
    int child_fd;
    const char *log_path;
} TnProcessSpec;

/**
 * tn_process_spawn:
 * Makes the process, which waits at its gate before it runs the program: time to note
 * that it is there. When the daemon dies before it opens the gate the process ends.
 * Errors: VIR_ERR_SYSTEM_ERROR.
 */
gboolean tn_process_spawn(const TnProcessSpec *spec, TnProcess *ret_process, GError **error);

/**
 * tn_process_release:
 * Opens the gate and waits until the program runs, in a session of its own; it
 * survives the daemon. VIR_ERR_SYSTEM_ERROR with @program's name when it cannot be run.
 */
gboolean tn_process_release(TnProcess *process, const char *program, GError **error);

/* Opens @pid again; FALSE when it ended or is another process than started at @start_time. */
gboolean tn_process_reopen(pid_t pid, guint64 start_time, TnProcess *ret_process);

/* Signals by pidfd; a process that is gone already is fine. */
void tn_process_kill(int pidfd, int signal);

/* Waits until it ended; FALSE after @timeout_ms. */
gboolean tn_process_wait(int pidfd, int timeout_ms);

/* Collects a child's status so that it leaves no zombie; not a child: nothing. */
void tn_process_reap(int pidfd);

/* Start time of @pid, 0 when there is no such process. */
guint64 tn_process_start_time(pid_t pid);

/* CPU time of @pid in nanoseconds, user and system; 0 when unknown. */
guint64 tn_process_cpu_time(pid_t pid);
/* The same, told apart. */
void tn_process_cpu_times(pid_t pid, guint64 *ret_user, guint64 *ret_system);

/** TnProcessThread: what one thread has used. */
typedef struct TnProcessThread {
    guint64 cpu_time; /* nanoseconds */
    int cpu;          /* where it ran last; -1: unknown */
    pid_t tid;
} TnProcessThread;

/**
 * tn_process_vcpus:
 * @ret_threads: (array length=n): of the threads "CPU 0/KVM" and on; those that are not
 * found stay as they are.
 */
void tn_process_vcpus(pid_t pid, TnProcessThread *ret_threads, guint n);

/* Resident memory of @pid in KiB; 0 when unknown. */
guint64 tn_process_rss_kib(pid_t pid);

G_END_DECLS

#endif
