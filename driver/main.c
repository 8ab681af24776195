/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virttenond: options, background, log; then the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "driver/daemon.h"

/* Where messages go. Set before there are threads, never after. */
typedef struct {
    gboolean verbose;
    gboolean to_syslog;
} LogTarget;

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    const LogTarget *target = data;
    const char *message = NULL;
    int priority = LOG_INFO;

    if ((level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO)) && !target->verbose) {
        return G_LOG_WRITER_HANDLED;
    }
    for (gsize i = 0; i < n_fields; i++) {
        if (g_strcmp0(fields[i].key, "MESSAGE") == 0) {
            message = fields[i].value;
        }
    }
    if (message == NULL) {
        return G_LOG_WRITER_UNHANDLED;
    }
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) {
        priority = LOG_ERR;
    } else if (level & G_LOG_LEVEL_WARNING) {
        priority = LOG_WARNING;
    } else if (level & G_LOG_LEVEL_DEBUG) {
        priority = LOG_DEBUG;
    }
    if (target->to_syslog) {
        syslog(priority, "%s", message);
    } else {
        fprintf(stderr, "virttenond[%d]: %s%s\n", (int)getpid(),
                priority == LOG_ERR       ? "error: "
                : priority == LOG_WARNING ? "warning: "
                                          : "",
                message);
    }
    return G_LOG_WRITER_HANDLED;
}

/* Every client and every guest takes descriptors. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Splits off the process that goes on in the background. The parent waits until that one is ready
 * to serve (a byte arrives) or has failed (the pipe ends), and says so by its exit status.
 * Returns the descriptor to write the byte to, in the child. */
static int
go_to_background(void)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        fprintf(stderr, "virttenond: cannot go to the background: %s\n", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    if (pid > 0) {
        (void)close(ready[1]);
        _exit(read(ready[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    (void)close(ready[0]);
    (void)setsid();
    (void)!chdir("/");
    return ready[1];
}

static void
report_ready(int fd, LogTarget *target)
{
    int null;

    if (fd < 0) {
        return;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)close(null);
    }
    openlog("virttenond", LOG_PID, LOG_DAEMON);
    target->to_syslog = TRUE;
    (void)!write(fd, "", 1);
    (void)close(fd);
}

int
main(int argc, char **argv)
{
    LogTarget target = { 0 }; /* first: what ends after main's last line still logs */
    g_auto(TnDaemonOptions) options = { 0 };
    g_autoptr(TnDaemon) daemon = NULL;
    g_autoptr(GError) error = NULL;
    TnDaemonConfig *config;
    int ready_fd = -1;

    /* Not LC_NUMERIC: numbers go to protocols. */
    (void)setlocale(LC_CTYPE, "");
    (void)setlocale(LC_MESSAGES, "");
    (void)bindtextdomain(GETTEXT_PACKAGE, TN_LOCALE_DIR);
    (void)textdomain(GETTEXT_PACKAGE);
    /* A worker a core would otherwise get heaps of its own that it hardly uses. */
    (void)mallopt(M_ARENA_MAX, 2);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!tn_daemon_options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, "virttenond: %s\n", error->message);
        return EXIT_FAILURE;
    }
    if (options.version) {
        printf("virttenond (Tenon) %s\n", TN_VERSION);
        return EXIT_SUCCESS;
    }
    target.verbose = options.verbose;
    g_log_set_writer_func(write_log, &target, NULL);
    config = tn_daemon_config_load(&options, &error);
    if (config == NULL) {
        fprintf(stderr, "virttenond: %s\n", error->message);
        return EXIT_FAILURE;
    }
    (void)umask(config->session ? 0077 : 0022);
    raise_descriptor_limit();
    if (options.daemonize) {
        ready_fd = go_to_background();
    }
    daemon = tn_daemon_new(config, &error);
    if (daemon == NULL) {
        fprintf(stderr, "virttenond: %s\n", error->message);
        return EXIT_FAILURE;
    }
    report_ready(ready_fd, &target);
    tn_daemon_run(daemon);
    return EXIT_SUCCESS;
}
