/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon is told: command line, configuration file, and the folders that follow. */
#ifndef TN_DRIVER_DAEMON_CONFIG_H
#define TN_DRIVER_DAEMON_CONFIG_H

#include <glib.h>
#include <sys/types.h>

#include "driver/rpc/server.h"

G_BEGIN_DECLS

/**
 * TnDaemonOptions: the command line.
 * @daemonize: go into the background once clients can connect
 * @verbose: say more on stderr
 * @version: print the version and end
 * @config_file: (nullable): instead of the usual one
 * @pid_file: (nullable): instead of the usual one
 * @socket_dir: (nullable): folder of the sockets
 * @state_dir: (nullable): folder of what lives as long as the host runs
 * @config_dir: (nullable): folder of the definitions
 * @cache_dir: (nullable): folder of what can be made again
 * @vmm: (nullable): path of the monitor program
 * @timeout: seconds without clients and guests after which to end; 0: never
 */
typedef struct {
    gboolean daemonize;
    gboolean verbose;
    gboolean version;
    char *config_file;
    char *pid_file;
    char *socket_dir;
    char *state_dir;
    char *config_dir;
    char *cache_dir;
    char *vmm;
    int timeout;
} TnDaemonOptions;

/**
 * tn_daemon_options_parse:
 * @options: zeroed
 * @argc: (inout): of main()
 * @argv: (inout): of main()
 * @error: G_OPTION_ERROR
 *
 * Reads the command line; `--help` prints and ends the process.
 *
 * Returns: TRUE on success.
 */
gboolean tn_daemon_options_parse(TnDaemonOptions *options, int *argc, char ***argv,
                                 GError **error);

/** tn_daemon_options_clear: frees what @options points to. */
void tn_daemon_options_clear(TnDaemonOptions *options);

/**
 * TnDaemonConfig: everything the daemon goes by.
 * @session: serves one unprivileged user
 * @socket_dir: folder of virttenond-sock
 * @state_dir: folder of what lives as long as the host runs
 * @config_dir: folder of the definitions
 * @cache_dir: folder of what can be made again
 * @log_dir: folder of the guests' logs
 * @pid_file: (nullable): where to write the process number
 * @vmm: path of the monitor program, or its bare name when it was found nowhere
 * @timeout: seconds, 0: never
 * @auth_rw: TRUE: polkit is asked about clients of the read-write socket
 * @auth_ro: the same for the read-only socket
 * @rw_mode: permissions of the read-write socket
 * @ro_mode: permissions of the read-only socket
 * @group: group of the sockets, -1 for the daemon's own
 * @server: limits for the server
 */
typedef struct {
    gboolean session;
    char *socket_dir;
    char *state_dir;
    char *config_dir;
    char *cache_dir;
    char *log_dir;
    char *pid_file;
    char *vmm;
    int timeout;
    gboolean auth_rw;
    gboolean auth_ro;
    mode_t rw_mode;
    mode_t ro_mode;
    gid_t group;
    TnRpcServerOptions server;
} TnDaemonConfig;

/**
 * tn_daemon_config_load:
 * @options: the command line
 * @error: VIR_ERR_CONF_SYNTAX naming file and line; VIR_ERR_SYSTEM_ERROR
 *
 * Puts defaults, configuration file and command line together. Root serves the system, anybody else
 * their session. A missing file is an error only if @options names it.
 *
 * Returns: (transfer full) (nullable): the configuration.
 */
TnDaemonConfig *tn_daemon_config_load(const TnDaemonOptions *options, GError **error);

/** tn_daemon_config_free: frees @config, which may be NULL. */
void tn_daemon_config_free(TnDaemonConfig *config);

/**
 * tn_daemon_config_parse_file:
 * @config: what to change
 * @name: the file's name, for messages
 * @text: its text
 * @error: VIR_ERR_CONF_SYNTAX naming file and line
 *
 * Reads `key = value` lines: values are numbers or "strings", `#` begins a comment. Unknown keys
 * are logged, for the file may be written for a newer daemon.
 *
 * Returns: TRUE on success; @config may have been changed on failure.
 */
gboolean tn_daemon_config_parse_file(TnDaemonConfig *config, const char *name, const char *text,
                                     GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnDaemonConfig, tn_daemon_config_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TnDaemonOptions, tn_daemon_options_clear)

G_END_DECLS

#endif
