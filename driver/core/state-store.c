/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of definitions and run state, written atomically. */
#include "driver/core/state-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/error.h"

#define XML_SUFFIX ".xml"
#define RUN_SUFFIX ".state"
#define HOSTDEV_SUFFIX ".hostdev"
#define TEMP_SUFFIX ".new"

struct TnStateStore {
    char *config_dir;
    char *autostart_dir;
    char *state_dir;
};

static gboolean
fail(GError **error, const char *what, const char *path)
{
    g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot %s '%s': %s", what, path,
                g_strerror(errno));
    return FALSE;
}

static gboolean
make_dir(const char *path, GError **error)
{
    return g_mkdir_with_parents(path, 0700) == 0 || fail(error, "create directory", path);
}

TnStateStore *
tn_state_store_new(const char *config_dir, const char *state_dir, GError **error)
{
    TnStateStore *store = g_new0(TnStateStore, 1);

    store->config_dir = g_strdup(config_dir);
    store->autostart_dir = g_build_filename(config_dir, "autostart", NULL);
    store->state_dir = g_strdup(state_dir);
    if (!make_dir(store->autostart_dir, error) || !make_dir(store->state_dir, error)) {
        tn_state_store_free(store);
        return NULL;
    }
    return store;
}

void
tn_state_store_free(TnStateStore *store)
{
    if (store) {
        g_free(store->config_dir);
        g_free(store->autostart_dir);
        g_free(store->state_dir);
        g_free(store);
    }
}

/* A domain's name is user input: it becomes one path component, never more. */
static char *
file_path(const char *dir, const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);

    g_strdelimit(file, "/", '_');
    return g_build_filename(dir, file, NULL);
}

static gboolean
sync_dir(const char *dir, GError **error)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;

    if (!ok) {
        fail(error, "sync directory", dir);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static gboolean
write_all(int fd, const char *text, gsize len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR) {
            return FALSE;
        }
        if (n > 0) {
            text += n;
            len -= (gsize)n;
        }
    }
    return TRUE;
}

struct TnStagedFile {
    char *dir, *path;
    char *temp; /* NULL: committed */
};

static TnStagedFile *
stage_file(const char *dir, const char *path, const char *text, GError **error)
{
    g_autoptr(TnStagedFile) staged = g_new0(TnStagedFile, 1);
    int fd;
    gboolean ok;

    staged->dir = g_strdup(dir);
    staged->path = g_strdup(path);
    staged->temp = g_strconcat(path, TEMP_SUFFIX, NULL);
    fd = open(staged->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        fail(error, "create file", staged->temp);
        g_clear_pointer(&staged->temp, g_free);
        return NULL;
    }
    ok = write_all(fd, text, strlen(text)) && fsync(fd) == 0;
    if (!ok) {
        fail(error, "write file", staged->temp);
    }
    close(fd);
    return ok ? g_steal_pointer(&staged) : NULL;
}

gboolean
tn_staged_file_commit(TnStagedFile *staged, GError **error)
{
    if (rename(staged->temp, staged->path) < 0) {
        return fail(error, "replace file", staged->path);
    }
    g_clear_pointer(&staged->temp, g_free);
    return sync_dir(staged->dir, error);
}

void
tn_staged_file_free(TnStagedFile *staged)
{
    if (staged) {
        if (staged->temp) {
            (void)unlink(staged->temp);
        }
        g_free(staged->temp);
        g_free(staged->path);
        g_free(staged->dir);
        g_free(staged);
    }
}

static gboolean
write_file(const char *dir, const char *path, const char *text, GError **error)
{
    g_autoptr(TnStagedFile) staged = stage_file(dir, path, text, error);

    return staged && tn_staged_file_commit(staged, error);
}

static gboolean
delete_file(const char *dir, const char *path, GError **error)
{
    if (unlink(path) < 0 && errno != ENOENT) {
        return fail(error, "delete file", path);
    }
    return sync_dir(dir, error);
}

TnStagedFile *
tn_state_store_stage_definition(TnStateStore *store, const TnDomainDef *def, GError **error)
{
    g_autofree char *path = file_path(store->config_dir, def->name, XML_SUFFIX);
    g_autofree char *xml = tn_domain_def_format(def, TN_XML_FORMAT_INACTIVE |
                                                         TN_XML_FORMAT_SECURE);

    return stage_file(store->config_dir, path, xml, error);
}

gboolean
tn_state_store_save_definition(TnStateStore *store, const TnDomainDef *def, GError **error)
{
    g_autoptr(TnStagedFile) staged = tn_state_store_stage_definition(store, def, error);

    return staged && tn_staged_file_commit(staged, error);
}

gboolean
tn_state_store_delete_definition(TnStateStore *store, const char *name, GError **error)
{
    g_autofree char *path = file_path(store->config_dir, name, XML_SUFFIX);

    return tn_state_store_set_autostart(store, name, FALSE, error) &&
           delete_file(store->config_dir, path, error);
}

gboolean
tn_state_store_set_autostart(TnStateStore *store, const char *name, gboolean autostart,
                             GError **error)
{
    g_autofree char *target = file_path(store->config_dir, name, XML_SUFFIX);
    g_autofree char *link = file_path(store->autostart_dir, name, XML_SUFFIX);

    if (!autostart) {
        return g_file_test(link, G_FILE_TEST_IS_SYMLINK)
                   ? delete_file(store->autostart_dir, link, error)
                   : TRUE;
    }
    if (symlink(target, link) < 0 && errno != EEXIST) {
        return fail(error, "create autostart link", link);
    }
    return sync_dir(store->autostart_dir, error);
}

gboolean
tn_state_store_claim_autostart(TnStateStore *store)
{
    g_autofree char *path = g_build_filename(store->state_dir, "autostarted", NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

void
tn_run_record_free(TnRunRecord *record)
{
    if (record) {
        g_free(record->xml);
        g_free(record->monitor_path);
        g_strfreev(record->pending_unplugs);
        g_free(record);
    }
}

gboolean
tn_state_store_save_run(TnStateStore *store, const char *uuid, const TnRunRecord *record,
                        GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *path = file_path(store->state_dir, uuid, RUN_SUFFIX);
    g_autofree char *text = NULL;

    g_key_file_set_integer(file, "run", "id", record->id);
    g_key_file_set_integer(file, "run", "pid", record->pid);
    g_key_file_set_uint64(file, "run", "start-time", record->start_time);
    g_key_file_set_integer(file, "run", "state", record->state);
    g_key_file_set_integer(file, "run", "reason", record->reason);
    g_key_file_set_string(file, "run", "monitor", record->monitor_path);
    g_key_file_set_boolean(file, "run", "persistent", record->persistent);
    if (record->pending_unplugs) {
        g_key_file_set_string_list(file, "run", "pending-unplugs",
                                   (const char *const *)record->pending_unplugs,
                                   g_strv_length(record->pending_unplugs));
    }
    g_key_file_set_string(file, "run", "xml", record->xml);
    text = g_key_file_to_data(file, NULL, NULL);
    return write_file(store->state_dir, path, text, error);
}

void
tn_state_store_delete_run(TnStateStore *store, const char *uuid)
{
    g_autofree char *path = file_path(store->state_dir, uuid, RUN_SUFFIX);
    g_autoptr(GError) error = NULL;

    if (!delete_file(store->state_dir, path, &error)) {
        g_warning("%s", error->message);
    }
}

static TnRunRecord *
parse_run(const char *text, gsize len, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(TnRunRecord) record = g_new0(TnRunRecord, 1);

    if (!g_key_file_load_from_data(file, text, len, G_KEY_FILE_NONE, error)) {
        return NULL;
    }
    record->xml = g_key_file_get_string(file, "run", "xml", error);
    if (!record->xml) {
        return NULL;
    }
    record->monitor_path = g_key_file_get_string(file, "run", "monitor", error);
    if (!record->monitor_path) {
        return NULL;
    }
    record->id = g_key_file_get_integer(file, "run", "id", NULL);
    record->pid = g_key_file_get_integer(file, "run", "pid", NULL);
    record->start_time = g_key_file_get_uint64(file, "run", "start-time", NULL);
    record->state = g_key_file_get_integer(file, "run", "state", NULL);
    record->reason = g_key_file_get_integer(file, "run", "reason", NULL);
    record->persistent = g_key_file_get_boolean(file, "run", "persistent", NULL);
    record->pending_unplugs = g_key_file_get_string_list(file, "run", "pending-unplugs", NULL,
                                                         NULL);
    return g_steal_pointer(&record);
}

/* Reads a file of at most TN_XML_MAX_DOCUMENT bytes (run state quotes: twice that). */
static char *
read_file(const char *path, gsize *ret_len)
{
    g_autoptr(GError) error = NULL;
    struct stat st;
    char *text;

    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 2 * TN_XML_MAX_DOCUMENT) {
        g_warning("%s is no regular file of at most %d bytes: passed over", path,
                  2 * TN_XML_MAX_DOCUMENT);
        return NULL;
    }
    if (!g_file_get_contents(path, &text, ret_len, &error)) {
        g_warning("%s: passed over", error->message);
        return NULL;
    }
    return text;
}

void
tn_state_store_foreach_definition(TnStateStore *store, TnDefinitionFunc func, gpointer user_data)
{
    g_autoptr(GDir) dir = g_dir_open(store->config_dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(store->config_dir, name, NULL);
        g_autofree char *link = g_build_filename(store->autostart_dir, name, NULL);
        g_autofree char *text = NULL;
        gsize len;

        if (!g_str_has_suffix(name, XML_SUFFIX)) {
            continue;
        }
        text = read_file(path, &len);
        if (text) {
            func(text, path, g_file_test(link, G_FILE_TEST_IS_SYMLINK), user_data);
        }
    }
}

char *
tn_state_store_read_definition(TnStateStore *store, const char *name)
{
    g_autofree char *path = file_path(store->config_dir, name, XML_SUFFIX);
    gsize len;

    return read_file(path, &len);
}

void
tn_state_store_foreach_run(TnStateStore *store, TnRunRecordFunc func, gpointer user_data)
{
    g_autoptr(GDir) dir = g_dir_open(store->state_dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(store->state_dir, name, NULL);
        g_autofree char *text = NULL;
        g_autofree char *uuid = NULL;
        g_autoptr(TnRunRecord) record = NULL;
        g_autoptr(GError) error = NULL;
        gsize len;

        if (!g_str_has_suffix(name, RUN_SUFFIX)) {
            continue;
        }
        text = read_file(path, &len);
        record = text ? parse_run(text, len, &error) : NULL;
        if (text && !record) {
            g_warning("%s is no run state: %s; passed over", path, error->message);
        }
        if (record) {
            uuid = g_strndup(name, strlen(name) - strlen(RUN_SUFFIX));
            func(uuid, record, user_data);
        }
    }
}

gboolean
tn_state_store_save_hostdev(TnStateStore *store, const char *address, const char *text,
                            GError **error)
{
    g_autofree char *path = file_path(store->state_dir, address, HOSTDEV_SUFFIX);

    return write_file(store->state_dir, path, text, error);
}

void
tn_state_store_delete_hostdev(TnStateStore *store, const char *address)
{
    g_autofree char *path = file_path(store->state_dir, address, HOSTDEV_SUFFIX);
    g_autoptr(GError) error = NULL;

    if (!delete_file(store->state_dir, path, &error)) {
        g_warning("%s", error->message);
    }
}

void
tn_state_store_foreach_hostdev(TnStateStore *store, TnHostdevRecordFunc func, gpointer user_data)
{
    g_autoptr(GDir) dir = g_dir_open(store->state_dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(store->state_dir, name, NULL);
        g_autofree char *text = NULL;
        gsize len;

        if (!g_str_has_suffix(name, HOSTDEV_SUFFIX)) {
            continue;
        }
        text = read_file(path, &len);
        if (text) {
            func(path, text, user_data);
        }
    }
}

void
tn_state_store_sweep(TnStateStore *store, GHashTable *in_use)
{
    g_autoptr(GDir) dir = g_dir_open(store->state_dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(store->state_dir, name, NULL);

        if (g_str_has_suffix(name, RUN_SUFFIX TEMP_SUFFIX) ||
            g_str_has_suffix(name, HOSTDEV_SUFFIX TEMP_SUFFIX) ||
            (g_str_has_suffix(name, ".monitor") && !g_hash_table_contains(in_use, name))) {
            (void)unlink(path);
        }
    }
}
