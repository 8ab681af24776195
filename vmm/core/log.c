/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines to stderr or a file, with a limit on what a guest can cause. */
#include "vmm/core/log.h"

#include "vmm/core/object.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define GUEST_LINES_MAX 10

/* The one process-wide state: where the process's log goes, like stderr itself. */
static int log_fd = STDERR_FILENO;

static void
write_line(const char *text)
{
    g_autofree char *line = g_strdup_printf("tenon-vmm: %s\n", text);
    /* Nothing can be done about a log that cannot be written. */
    ssize_t ignored = write(g_atomic_int_get(&log_fd), line, strlen(line));

    (void)ignored;
}

void
tn_log(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    write_line(text);
}

void
tn_log_guest(int *count, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;
    int nth = g_atomic_int_get(count);

    if (nth > GUEST_LINES_MAX) {
        return;
    }
    nth = g_atomic_int_add(count, 1);
    if (nth >= GUEST_LINES_MAX) {
        if (nth == GUEST_LINES_MAX) {
            write_line("the guest causes this too often; not logged any more");
        }
        return;
    }
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    write_line(text);
}

gboolean
tn_log_to_file(const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (fd < 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Could not open log file '%s': %s",
                    path, g_strerror(errno));
        return FALSE;
    }
    g_atomic_int_set(&log_fd, fd);
    return TRUE;
}
