/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options that hand the guest or its devices something: -fw_cfg -global -add-fd. */
#include "vmm/core/log.h"
#include "vmm/machine/keyval.h"
#include "vmm/machine/options.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one file; a guest's firmware reads them byte by byte. */
#define MAX_FW_CFG_BYTES (16 * 1024 * 1024)
/* What a command line may ask for; each is looked at for every device. */
#define MAX_GLOBALS 1024

static void
fw_cfg_file_free(gpointer data)
{
    TnFwCfgFile *file = data;

    g_free(file->name);
    g_bytes_unref(file->data);
    g_free(file);
}

static void
global_free(gpointer data)
{
    TnGlobal *global = data;

    g_free(global->driver);
    g_free(global->property);
    g_free(global->value);
    g_free(global);
}

static GBytes *
read_file(const char *path, GError **error)
{
    g_autoptr(GError) why = NULL;
    struct stat st;
    char *text = NULL;
    gsize size;

    if (stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > MAX_FW_CFG_BYTES)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "can't load %s: not a regular file of at most %d bytes", path,
                    MAX_FW_CFG_BYTES);
        return NULL;
    }
    if (!g_file_get_contents(path, &text, &size, &why)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "can't load %s: %s", path,
                    why->message);
        return NULL;
    }
    return g_bytes_new_take(text, size);
}

gboolean
tn_options_take_fw_cfg(TnMachineConfig *config, const char *text, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, "name", error);
    g_autofree char *name = NULL;
    g_autofree char *path = NULL;
    g_autofree char *string = NULL;
    g_autoptr(GBytes) data = NULL;
    TnFwCfgFile *file;

    if (!terms) {
        return FALSE;
    }
    name = tn_keyval_take(terms, "name");
    path = tn_keyval_take(terms, "file");
    string = tn_keyval_take(terms, "string");
    if (!tn_keyval_check_empty(terms, error)) {
        return FALSE;
    }
    if (!name || !*name || !path == !string) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "name, plus exactly one of file and string are needed");
        return FALSE;
    }
    if (!g_str_has_prefix(name, "opt/")) {
        tn_log("warning: externally provided fw_cfg item names should be prefixed with \"opt/\"");
    }
    data = string ? g_bytes_new(string, strlen(string)) : read_file(path, error);
    if (!data) {
        return FALSE;
    }
    if (!config->fw_cfg_files) {
        config->fw_cfg_files = g_ptr_array_new_with_free_func(fw_cfg_file_free);
    }
    file = g_new0(TnFwCfgFile, 1);
    file->name = g_steal_pointer(&name);
    file->data = g_steal_pointer(&data);
    g_ptr_array_add(config->fw_cfg_files, file);
    return TRUE;
}

/* "driver.property=value", or "driver=,property=,value=". */
static gboolean
split_global(const char *text, TnGlobal *global, GError **error)
{
    const char *equals = strchr(text, '=');
    const char *dot = equals ? memchr(text, '.', (size_t)(equals - text)) : NULL;

    if (dot && dot > text && dot + 1 < equals) {
        global->driver = g_strndup(text, (gsize)(dot - text));
        global->property = g_strndup(dot + 1, (gsize)(equals - dot - 1));
        global->value = g_strdup(equals + 1);
        return TRUE;
    } else {
        TN_AUTO_JSON terms = tn_keyval_parse(text, NULL, error);

        if (!terms) {
            return FALSE;
        }
        global->driver = tn_keyval_take(terms, "driver");
        global->property = tn_keyval_take(terms, "property");
        global->value = tn_keyval_take(terms, "value");
        if (!tn_keyval_check_empty(terms, error)) {
            return FALSE;
        }
    }
    if (!global->driver || !global->property || !global->value) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "'%s' is not of the form driver.property=value", text);
        return FALSE;
    }
    return TRUE;
}

/* The in-kernel PIT is no object here; QEMU's name for what can be said of it. */
static gboolean
take_pit(TnMachineConfig *config, const TnGlobal *global, GError **error)
{
    if (strcmp(global->property, "lost_tick_policy") != 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Property '%s.%s' not found", global->driver, global->property);
        return FALSE;
    }
    if (strcmp(global->value, "discard") != 0 && strcmp(global->value, "delay") != 0) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Parameter 'lost_tick_policy' does not accept value '%s': use 'delay' or "
                    "'discard'",
                    global->value);
        return FALSE;
    }
    config->pit_discard = strcmp(global->value, "discard") == 0;
    return TRUE;
}

gboolean
tn_options_take_global(TnMachineConfig *config, const char *text, GError **error)
{
    TnGlobal *global = g_new0(TnGlobal, 1);
    gboolean pit;

    if (!split_global(text, global, error)) {
        global_free(global);
        return FALSE;
    }
    pit = strcmp(global->driver, "kvm-pit") == 0;
    if (pit) {
        gboolean ok = take_pit(config, global, error);

        global_free(global);
        return ok;
    }
    if (!config->globals) {
        config->globals = g_ptr_array_new_with_free_func(global_free);
    }
    if (config->globals->len == MAX_GLOBALS) {
        global_free(global);
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "too many global properties: the limit is %d", MAX_GLOBALS);
        return FALSE;
    }
    g_ptr_array_add(config->globals, global);
    return TRUE;
}

/* The number that is @key; -1 when there is none. */
static gboolean
take_number(json_object *terms, const char *key, gint64 *ret_number, GError **error)
{
    g_autofree char *text = tn_keyval_take(terms, key);

    *ret_number = -1;
    if (!text || g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, ret_number, NULL)) {
        return TRUE;
    }
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Parameter '%s' expects a number",
                key);
    return FALSE;
}

gboolean
tn_options_parse_add_fd(const char *text, TnAddFd *ret_add, GError **error)
{
    TN_AUTO_JSON terms = tn_keyval_parse(text, NULL, error);
    g_autofree char *opaque = NULL;
    const char *wrong = NULL;
    gint64 fd, set;

    if (!terms || !take_number(terms, "fd", &fd, error) ||
        !take_number(terms, "set", &set, error)) {
        return FALSE;
    }
    opaque = tn_keyval_take(terms, "opaque");
    if (!tn_keyval_check_empty(terms, error)) {
        return FALSE;
    }
    if (fd < 0) {
        wrong = "fd option is required and must be non-negative";
    } else if (fd <= STDERR_FILENO) {
        wrong = "fd cannot be a standard I/O stream";
    } else if (set < 0) {
        wrong = "set option is required and must be non-negative";
    }
    if (wrong) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, wrong);
        return FALSE;
    }
    *ret_add = (TnAddFd){ fd, set, g_steal_pointer(&opaque), text };
    return TRUE;
}
