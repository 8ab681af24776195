/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line, configuration file, folders. */
#include "driver/daemon-config.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "driver/error.h"

#define N_(text) text

/* Where stock clients and other daemons expect things; not configurable at build time for that. */
#define SYSTEM_CONFIG_FILE "/etc/libvirt/virttenond.conf"
#define SYSTEM_CONFIG_DIR "/etc/libvirt/tenon"
#define SYSTEM_SOCKET_DIR "/run/libvirt"
#define SYSTEM_STATE_DIR "/run/libvirt/tenon"
#define SYSTEM_CACHE_DIR "/var/cache/libvirt/tenon"
#define SYSTEM_LOG_DIR "/var/log/libvirt/tenon"
#define SYSTEM_PID_FILE "/run/virttenond.pid"

gboolean
tn_daemon_options_parse(TnDaemonOptions *options, int *argc, char ***argv, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(N_("- libvirt driver for tenon-vmm"));
    GOptionEntry entries[] = {
        { "daemon", 'd', 0, G_OPTION_ARG_NONE, &options->daemonize,
          N_("Run as a daemon, in the background"), NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose, N_("Say more"), NULL },
        { "config", 'f', 0, G_OPTION_ARG_FILENAME, &options->config_file, N_("Configuration file"),
          "FILE" },
        { "pid-file", 'p', 0, G_OPTION_ARG_FILENAME, &options->pid_file,
          N_("Where to write the process number"), "FILE" },
        { "timeout", 't', 0, G_OPTION_ARG_INT, &options->timeout,
          N_("End after so long without clients and guests"), "SECONDS" },
        { "socket-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->socket_dir,
          N_("Folder of the sockets"), "DIR" },
        { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir,
          N_("Folder of the state of running guests"), "DIR" },
        { "config-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->config_dir,
          N_("Folder of the definitions"), "DIR" },
        { "cache-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->cache_dir,
          N_("Folder of what can be made again"), "DIR" },
        { "vmm", 0, 0, G_OPTION_ARG_FILENAME, &options->vmm, N_("The monitor program"), "PATH" },
        { "version", 'V', 0, G_OPTION_ARG_NONE, &options->version, N_("Print the version"), NULL },
        { NULL },
    };

    g_option_context_set_translation_domain(context, GETTEXT_PACKAGE);
    g_option_context_add_main_entries(context, entries, GETTEXT_PACKAGE);
    if (!g_option_context_parse(context, argc, argv, error)) {
        return FALSE;
    }
    if (*argc > 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                    "'%s' is not an option; virttenond takes no other arguments", (*argv)[1]);
        return FALSE;
    }
    if (options->timeout < 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "the timeout of %d seconds is negative", options->timeout);
        return FALSE;
    }
    return TRUE;
}

void
tn_daemon_options_clear(TnDaemonOptions *options)
{
    g_free(options->config_file);
    g_free(options->pid_file);
    g_free(options->socket_dir);
    g_free(options->state_dir);
    g_free(options->config_dir);
    g_free(options->cache_dir);
    g_free(options->vmm);
    memset(options, 0, sizeof(*options));
}

/* ---- the configuration file ---- */

static gboolean
set_number(guint *slot, const char *key, const char *value, guint min, guint max, GError **error)
{
    guint64 number = 0;
    g_autoptr(GError) cause = NULL;

    if (!g_ascii_string_to_unsigned(value, 10, min, max, &number, &cause)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX, "%s is %s, not between %u and %u",
                    key, value, min, max);
        return FALSE;
    }
    *slot = (guint)number;
    return TRUE;
}

static gboolean
set_mode(mode_t *slot, const char *key, const char *value, GError **error)
{
    char *end = NULL;
    guint64 mode = g_ascii_strtoull(value, &end, 8);

    if (*value == '\0' || *end != '\0' || mode > 0777) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX,
                    "%s is '%s', not an octal number up to 0777", key, value);
        return FALSE;
    }
    *slot = (mode_t)mode;
    return TRUE;
}

static gboolean
set_auth(gboolean *slot, const char *key, const char *value, GError **error)
{
    if (strcmp(value, "polkit") != 0 && strcmp(value, "none") != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX,
                    "%s is '%s', neither 'polkit' nor 'none'", key, value);
        return FALSE;
    }
    *slot = strcmp(value, "polkit") == 0;
    return TRUE;
}

static gboolean
set_group(gid_t *slot, const char *key, const char *value, GError **error)
{
    struct group *group = getgrnam(value);

    if (group == NULL) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX, "%s is '%s', no such group", key,
                    value);
        return FALSE;
    }
    *slot = group->gr_gid;
    return TRUE;
}

static gboolean
set_key(TnDaemonConfig *config, const char *key, const char *value, GError **error)
{
    const struct {
        const char *key;
        guint *slot;
        guint min;
        guint max;
    } numbers[] = {
        { "max_clients", &config->server.max_clients, 1, 100000 },
        { "max_anonymous_clients", &config->server.max_anonymous_clients, 1, 100000 },
        { "max_workers", &config->server.max_workers, 1, 1000 },
        { "prio_workers", &config->server.priority_workers, 1, 1000 },
        { "max_client_requests", &config->server.max_client_requests, 1, 1000 },
        { "keepalive_interval", &config->server.keepalive_interval, 0, 86400 },
        { "keepalive_count", &config->server.keepalive_count, 0, 1000 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (strcmp(numbers[i].key, key) == 0) {
            return set_number(numbers[i].slot, key, value, numbers[i].min, numbers[i].max, error);
        }
    }
    if (strcmp(key, "auth_unix_rw") == 0) {
        return set_auth(&config->auth_rw, key, value, error);
    }
    if (strcmp(key, "auth_unix_ro") == 0) {
        return set_auth(&config->auth_ro, key, value, error);
    }
    if (strcmp(key, "unix_sock_rw_perms") == 0) {
        return set_mode(&config->rw_mode, key, value, error);
    }
    if (strcmp(key, "unix_sock_ro_perms") == 0) {
        return set_mode(&config->ro_mode, key, value, error);
    }
    if (strcmp(key, "unix_sock_group") == 0) {
        return set_group(&config->group, key, value, error);
    }
    if (strcmp(key, "vmm") == 0) {
        g_free(config->vmm);
        config->vmm = g_strdup(value);
        return TRUE;
    }
    g_message("the configuration's '%s' is unknown to this version", key);
    return TRUE;
}

/* Takes one line apart. @ret_key stays NULL for a line without a setting. */
static gboolean
parse_line(char *line, char **ret_key, char **ret_value, GError **error)
{
    char *value;
    char *end;

    g_strstrip(line);
    *ret_key = NULL;
    if (*line == '\0' || *line == '#') {
        return TRUE;
    }
    value = strchr(line, '=');
    if (value == NULL) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX, "expecting an assignment");
        return FALSE;
    }
    *value++ = '\0';
    value = g_strchug(value);
    if (*value == '"' || *value == '\'') {
        end = strchr(value + 1, *value);
        if (end == NULL) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX, "unterminated string");
            return FALSE;
        }
        value++;
    } else {
        end = value + strspn(value, "0123456789");
        if (end == value) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX,
                        "expecting a number or a \"string\"");
            return FALSE;
        }
    }
    if (*end != '\0') {
        char *rest = end + (*end == '"' || *end == '\'');

        rest += strspn(rest, " \t");
        if (*rest != '\0' && *rest != '#') {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONF_SYNTAX, "'%s' after the value", rest);
            return FALSE;
        }
        *end = '\0';
    }
    *ret_key = g_strchomp(line);
    *ret_value = value;
    return TRUE;
}

gboolean
tn_daemon_config_parse_file(TnDaemonConfig *config, const char *name, const char *text,
                            GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        char *key = NULL;
        char *value = NULL;

        if (!parse_line(lines[i], &key, &value, error) ||
            (key != NULL && !set_key(config, key, value, error))) {
            g_prefix_error(error, "%s:%u: ", name, i + 1);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
load_file(TnDaemonConfig *config, const TnDaemonOptions *options, GError **error)
{
    g_autofree char *path = g_strdup(options->config_file);
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;

    if (path == NULL && config->session) {
        path = g_build_filename(g_get_user_config_dir(), "libvirt", "virttenond.conf", NULL);
    } else if (path == NULL) {
        path = g_strdup(SYSTEM_CONFIG_FILE);
    }
    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        if (options->config_file == NULL && g_error_matches(cause, G_FILE_ERROR,
                                                            G_FILE_ERROR_NOENT)) {
            return TRUE;
        }
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "%s", cause->message);
        return FALSE;
    }
    return tn_daemon_config_parse_file(config, path, text, error);
}

/* ---- defaults ---- */

/* The monitor that was built together with this program, else the installed one. */
static char *
find_vmm(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : g_strdup("/");
    const char *installed[] = { TN_BINDIR "/tenon-vmm", TN_LIBEXECDIR "/tenon-vmm" };
    g_autofree char *sibling = g_build_filename(folder, "..", "vmm", "tenon-vmm", NULL);
    char *in_path;

    if (g_file_test(sibling, G_FILE_TEST_IS_EXECUTABLE)) {
        return g_canonicalize_filename(sibling, "/");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(installed); i++) {
        if (g_file_test(installed[i], G_FILE_TEST_IS_EXECUTABLE)) {
            return g_strdup(installed[i]);
        }
    }
    in_path = g_find_program_in_path("tenon-vmm");
    return in_path != NULL ? in_path : g_strdup(installed[0]);
}

static void
set_folders(TnDaemonConfig *config)
{
    const char *runtime = g_get_user_runtime_dir();

    if (!config->session) {
        config->socket_dir = g_strdup(SYSTEM_SOCKET_DIR);
        config->state_dir = g_strdup(SYSTEM_STATE_DIR);
        config->config_dir = g_strdup(SYSTEM_CONFIG_DIR);
        config->cache_dir = g_strdup(SYSTEM_CACHE_DIR);
        config->log_dir = g_strdup(SYSTEM_LOG_DIR);
        return;
    }
    config->socket_dir = g_build_filename(runtime, "libvirt", NULL);
    config->state_dir = g_build_filename(runtime, "libvirt", "tenon", "run", NULL);
    config->config_dir = g_build_filename(g_get_user_config_dir(), "libvirt", "tenon", NULL);
    config->cache_dir = g_build_filename(g_get_user_cache_dir(), "libvirt", "tenon", NULL);
    config->log_dir = g_build_filename(config->cache_dir, "log", NULL);
}

static void
replace(char **slot, const char *value)
{
    if (value != NULL) {
        g_free(*slot);
        *slot = g_canonicalize_filename(value, NULL);
    }
}

static void
apply_options(TnDaemonConfig *config, const TnDaemonOptions *options)
{
    replace(&config->socket_dir, options->socket_dir);
    replace(&config->state_dir, options->state_dir);
    replace(&config->config_dir, options->config_dir);
    replace(&config->vmm, options->vmm);
    replace(&config->pid_file, options->pid_file);
    /* Folders of somebody's own mean: leave the system's alone. */
    if (options->state_dir != NULL) {
        g_free(config->log_dir);
        config->log_dir = g_build_filename(config->state_dir, "log", NULL);
        g_free(config->cache_dir);
        config->cache_dir = g_build_filename(config->state_dir, "cache", NULL);
    } else if (config->pid_file == NULL && !config->session && options->socket_dir == NULL) {
        config->pid_file = g_strdup(SYSTEM_PID_FILE);
    }
    replace(&config->cache_dir, options->cache_dir);
    config->timeout = options->timeout;
}

TnDaemonConfig *
tn_daemon_config_load(const TnDaemonOptions *options, GError **error)
{
    g_autoptr(TnDaemonConfig) config = g_new0(TnDaemonConfig, 1);

    config->server = (TnRpcServerOptions)TN_RPC_SERVER_OPTIONS_DEFAULT;
    config->session = geteuid() != 0;
    config->server.session = config->session;
    config->group = (gid_t)-1;
    config->auth_rw = !config->session;
    config->auth_ro = FALSE;
    config->rw_mode = (mode_t)-1;
    config->ro_mode = 0777;
    set_folders(config);
    if (!load_file(config, options, error)) {
        return NULL;
    }
    apply_options(config, options);
    if (config->vmm == NULL) {
        config->vmm = find_vmm();
    }
    /* Where nobody is asked at the door, the door itself must choose. */
    if (config->rw_mode == (mode_t)-1) {
        config->rw_mode = config->auth_rw ? 0666 : 0700;
    }
    return g_steal_pointer(&config);
}

void
tn_daemon_config_free(TnDaemonConfig *config)
{
    if (config == NULL) {
        return;
    }
    g_free(config->socket_dir);
    g_free(config->state_dir);
    g_free(config->config_dir);
    g_free(config->cache_dir);
    g_free(config->log_dir);
    g_free(config->pid_file);
    g_free(config->vmm);
    g_free(config);
}
