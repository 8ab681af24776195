/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon: what is made in which order, who may come in, when to end. */
#include "driver/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/api/api.h"
#include "driver/core/driver.h"
#include "driver/daemon-systemd.h"
#include "driver/error.h"
#include "driver/host/auth-polkit.h"
#include "driver/rpc/program.h"
#include "driver/rpc/server.h"

#define SOCKET_NAME "virttenond-sock"
#define SOCKET_NAME_RO "virttenond-sock-ro"
#define LOCK_NAME "daemon.lock"
#define ACTION_MANAGE "org.tenon.unix.manage"
#define ACTION_MONITOR "org.tenon.unix.monitor"

struct TnDaemon {
    TnDaemonConfig *config;
    GMainLoop *loop;
    TnDriver *driver;
    TnApi *api;
    TnRpcServer *server;
    guint n_clients;
    guint n_running; /* guests, which keep an idle daemon from ending */
    guint idle_source;
    guint signal_sources[3];
    gboolean wrote_pid;
    int lock_fd; /* -1: not open */
};

/* ---- idle ---- */

static gboolean
idle_for_long(gpointer data)
{
    TnDaemon *daemon = data;

    daemon->idle_source = 0;
    g_message("no clients and no guests for %d seconds: ending", daemon->config->timeout);
    g_main_loop_quit(daemon->loop);
    return G_SOURCE_REMOVE;
}

static void
update_idle(TnDaemon *daemon)
{
    gboolean idle = daemon->config->timeout > 0 && daemon->n_clients == 0 &&
                    daemon->n_running == 0;

    if (!idle && daemon->idle_source != 0) {
        g_source_remove(daemon->idle_source);
        daemon->idle_source = 0;
    } else if (idle && daemon->idle_source == 0) {
        daemon->idle_source = g_timeout_add_seconds((guint)daemon->config->timeout, idle_for_long,
                                                    daemon);
    }
}

static void
clients_changed(TnRpcServer *server, guint n_clients, gpointer data)
{
    TnDaemon *daemon = data;

    daemon->n_clients = n_clients;
    update_idle(daemon);
}

static void
running_changed(guint n_running, gpointer data)
{
    TnDaemon *daemon = data;

    daemon->n_running = n_running;
    update_idle(daemon);
}

/* ---- who may come in ---- */

static gboolean
ask_polkit(const TnRpcIdentity *identity, gboolean read_only, gpointer data, GError **error)
{
    TnAuthPolkitSubject subject = {
        .pid = identity->pid,
        .start_time = identity->start_time,
        .uid = identity->uid,
    };

    return tn_auth_polkit_check(&subject, read_only ? ACTION_MONITOR : ACTION_MANAGE, error);
}

/* ---- sockets ---- */

/* Read-write or read-only: a socket from systemd says so by its path. */
static gboolean
is_read_only_socket(int fd)
{
    struct sockaddr_un address = { 0 };
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
        address.sun_family != AF_UNIX) {
        return FALSE;
    }
    address.sun_path[sizeof(address.sun_path) - 1] = '\0';
    return g_str_has_suffix(address.sun_path, "-ro");
}

static gboolean
listen_passed(TnDaemon *daemon, GArray *fds, GError **error)
{
    for (guint i = 0; i < fds->len; i++) {
        int fd = g_array_index(fds, int, i);

        if (!tn_rpc_server_listen_fd(daemon->server, fd, is_read_only_socket(fd), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
listen_own(TnDaemon *daemon, const char *name, mode_t mode, gboolean read_only, GError **error)
{
    const TnDaemonConfig *config = daemon->config;
    g_autofree char *path = g_build_filename(config->socket_dir, name, NULL);

    if (!tn_rpc_server_listen_path(daemon->server, path, mode, read_only, error)) {
        return FALSE;
    }
    if (config->group != (gid_t)-1 && chown(path, (uid_t)-1, config->group) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                    "cannot give '%s' to group %u: %s", path, config->group, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

static gboolean
open_doors(TnDaemon *daemon, GArray *passed, GError **error)
{
    const TnDaemonConfig *config = daemon->config;

    if (passed->len > 0) {
        return listen_passed(daemon, passed, error);
    }
    if (g_mkdir_with_parents(config->socket_dir, config->session ? 0700 : 0755) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot make the folder '%s': %s",
                    config->socket_dir, g_strerror(errno));
        return FALSE;
    }
    if (!listen_own(daemon, SOCKET_NAME, config->rw_mode, FALSE, error)) {
        return FALSE;
    }
    /* A session has one user: there is nobody to show things to who may not change them. */
    return config->session || listen_own(daemon, SOCKET_NAME_RO, config->ro_mode, TRUE, error);
}

/* ---- beginning and end ---- */

static gboolean
make_driver(TnDaemon *daemon, GError **error)
{
    const TnDaemonConfig *config = daemon->config;
    const TnDriverConfig driver_config = {
        .session = config->session,
        .config_dir = config->config_dir,
        .state_dir = config->state_dir,
        .log_dir = config->log_dir,
        .vmm_path = config->vmm,
        .cache_dir = config->cache_dir,
    };

    daemon->driver = tn_driver_new(&driver_config, error);
    if (daemon->driver == NULL) {
        return FALSE;
    }
    daemon->api = tn_api_new(daemon->driver);
    tn_driver_set_running_changed(daemon->driver, running_changed, daemon);
    return TRUE;
}

/* Two daemons on the same guests would each undo what the other does. The lock ends with the
 * process, however it ends. */
static gboolean
lock_state(TnDaemon *daemon, GError **error)
{
    g_autofree char *path = g_build_filename(daemon->config->state_dir, LOCK_NAME, NULL);

    daemon->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (daemon->lock_fd < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot open '%s': %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    if (flock(daemon->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR,
                    "another daemon has locked '%s'", path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
make_server(TnDaemon *daemon, GError **error)
{
    TnRpcServerOptions options = daemon->config->server;
    TnRpcProgram *remote;
    TnRpcProgram *qemu;

    options.authorize_rw = daemon->config->auth_rw ? ask_polkit : NULL;
    options.authorize_ro = daemon->config->auth_ro ? ask_polkit : NULL;
    daemon->server = tn_rpc_server_new(&options, error);
    if (daemon->server == NULL) {
        return FALSE;
    }
    remote = tn_rpc_program_new(TN_RPC_PROGRAM_REMOTE);
    qemu = tn_rpc_program_new(TN_RPC_PROGRAM_QEMU);
    tn_api_register(daemon->api, remote, qemu);
    tn_rpc_server_take_program(daemon->server, remote);
    tn_rpc_server_take_program(daemon->server, qemu);
    tn_rpc_server_set_clients_changed(daemon->server, clients_changed, daemon);
    return TRUE;
}

static gboolean
write_pid_file(TnDaemon *daemon, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());

    if (daemon->config->pid_file == NULL) {
        return TRUE;
    }
    daemon->wrote_pid = g_file_set_contents(daemon->config->pid_file, text, -1, error);
    return daemon->wrote_pid;
}

static void
remove_pid_file(TnDaemon *daemon)
{
    if (daemon->wrote_pid) {
        (void)unlink(daemon->config->pid_file);
    }
}

static gboolean
terminate(gpointer data)
{
    TnDaemon *daemon = data;

    g_main_loop_quit(daemon->loop);
    return G_SOURCE_CONTINUE;
}

static gboolean
reload(gpointer data)
{
    TnDaemon *daemon = data;

    tn_driver_reload(daemon->driver);
    return G_SOURCE_CONTINUE;
}

TnDaemon *
tn_daemon_new(TnDaemonConfig *config, GError **error)
{
    g_autoptr(TnDaemon) daemon = g_new0(TnDaemon, 1);
    /* First: it changes the environment, which only the first thread may do. */
    g_autoptr(GArray) passed = tn_daemon_systemd_take_sockets();

    daemon->config = config;
    daemon->lock_fd = -1;
    daemon->loop = g_main_loop_new(NULL, FALSE);
    daemon->signal_sources[0] = g_unix_signal_add(SIGTERM, terminate, daemon);
    daemon->signal_sources[1] = g_unix_signal_add(SIGINT, terminate, daemon);
    daemon->signal_sources[2] = g_unix_signal_add(SIGHUP, reload, daemon);
    if (!make_driver(daemon, error) || !lock_state(daemon, error) ||
        !make_server(daemon, error) || !open_doors(daemon, passed, error)) {
        return NULL;
    }
    /* Whoever knocks from now on waits until the loop runs. */
    tn_driver_start(daemon->driver);
    if (!write_pid_file(daemon, error)) {
        return NULL;
    }
    update_idle(daemon);
    tn_daemon_systemd_notify("READY=1");
    return g_steal_pointer(&daemon);
}

void
tn_daemon_run(TnDaemon *daemon)
{
    g_main_loop_run(daemon->loop);
}

void
tn_daemon_free(TnDaemon *daemon)
{
    if (daemon == NULL) {
        return;
    }
    tn_daemon_systemd_notify("STOPPING=1");
    if (daemon->server != NULL) {
        tn_rpc_server_set_clients_changed(daemon->server, NULL, NULL);
        if (!tn_rpc_server_stop(daemon->server)) {
            /* Files are whole at any moment, and the next daemon takes the guests up again. */
            g_warning("calls do not end: leaving without them");
            remove_pid_file(daemon);
            _exit(EXIT_SUCCESS);
        }
    }
    tn_rpc_server_free(daemon->server);
    if (daemon->driver != NULL) {
        tn_driver_set_running_changed(daemon->driver, NULL, NULL);
    }
    tn_api_free(daemon->api);
    tn_driver_free(daemon->driver);
    remove_pid_file(daemon);
    if (daemon->idle_source != 0) {
        g_source_remove(daemon->idle_source);
    }
    for (guint i = 0; i < G_N_ELEMENTS(daemon->signal_sources); i++) {
        g_source_remove(daemon->signal_sources[i]);
    }
    if (daemon->lock_fd >= 0) {
        (void)close(daemon->lock_fd);
    }
    g_main_loop_unref(daemon->loop);
    tn_daemon_config_free(daemon->config);
    g_free(daemon);
}
