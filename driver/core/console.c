/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ptys of guests and who holds them. */
#include "driver/core/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "driver/core/driver-private.h"

struct TnConsole {
    TnDriver *driver;
    char *path;
    TnConsoleRevoked revoked;
    gpointer user_data;
};

static const TnChardevSource *
find_source_locked(TnDomain *domain, const char *name, GError **error)
{
    TnDevice *device = NULL;

    if (name) {
        device = tn_domain_def_find_alias(domain->live, name);
    } else if (tn_domain_def_n_devices(domain->live, TN_DEVICE_CONSOLE) > 0) {
        device = tn_domain_def_device(domain->live, TN_DEVICE_CONSOLE, 0);
    } else if (tn_domain_def_n_devices(domain->live, TN_DEVICE_SERIAL) > 0) {
        device = tn_domain_def_device(domain->live, TN_DEVICE_SERIAL, 0);
    }
    if (device && device->kind == TN_DEVICE_CONSOLE) {
        return &((TnConsoleDevice *)device)->source;
    }
    if (device && device->kind == TN_DEVICE_SERIAL) {
        return &((TnSerialDevice *)device)->source;
    }
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "cannot find console device '%s'",
                name ? name : "default");
    return NULL;
}

/* The pty's path. (transfer full) */
static char *
find_path(TnDomain *domain, const char *name, GError **error)
{
    const TnChardevSource *source = NULL;
    char *path = NULL;

    g_mutex_lock(&domain->lock);
    if (tn_domain_check_active_locked(domain, error)) {
        source = find_source_locked(domain, name, error);
    }
    if (source && (source->type != TN_CHARDEV_PTY || !source->path)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "character device %s is not using a PTY", name ? name : "default");
    } else if (source) {
        path = g_strdup(source->path);
    }
    g_mutex_unlock(&domain->lock);
    return path;
}

static int
open_pty(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios raw;

    if (fd < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "unable to open tty '%s': %s", path,
                    g_strerror(errno));
        return -1;
    }
    /* What the guest and the user type passes as it is. */
    if (tcgetattr(fd, &raw) == 0) {
        cfmakeraw(&raw);
        (void)tcsetattr(fd, TCSANOW, &raw);
    }
    return fd;
}

/* Puts @console into its place. Whoever had it is told and forgotten. */
static gboolean
take_place(TnConsole *console, gboolean force, GError **error)
{
    TnDriver *driver = console->driver;
    TnConsole *holder;

    g_mutex_lock(&driver->console_lock);
    holder = g_hash_table_lookup(driver->consoles, console->path);
    if (holder && !force) {
        g_mutex_unlock(&driver->console_lock);
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED,
                            "Active console session exists for this domain");
        return FALSE;
    }
    if (holder) {
        /* Under the lock, so that it cannot be closed and freed meanwhile. */
        holder->revoked(holder->user_data);
    }
    g_hash_table_replace(driver->consoles, console->path, console);
    g_mutex_unlock(&driver->console_lock);
    return TRUE;
}

TnConsole *
tn_console_open(TnDomain *domain, const char *name, gboolean force, TnConsoleRevoked revoked,
                gpointer user_data, int *ret_fd, GError **error)
{
    g_autofree char *path = find_path(domain, name, error);
    TnConsole *console;
    int fd = path ? open_pty(path, error) : -1;

    if (fd < 0) {
        return NULL;
    }
    console = g_new0(TnConsole, 1);
    console->driver = domain->driver;
    console->path = g_steal_pointer(&path);
    console->revoked = revoked;
    console->user_data = user_data;
    if (!take_place(console, force, error)) {
        close(fd);
        g_free(console->path);
        g_free(console);
        return NULL;
    }
    *ret_fd = fd;
    return console;
}

void
tn_console_close(TnConsole *console)
{
    TnDriver *driver = console->driver;

    g_mutex_lock(&driver->console_lock);
    if (g_hash_table_lookup(driver->consoles, console->path) == console) {
        g_hash_table_remove(driver->consoles, console->path);
    }
    g_mutex_unlock(&driver->console_lock);
    g_free(console->path);
    g_free(console);
}
