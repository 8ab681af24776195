/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command-line forms of character devices, and the table of backends. */
#include "vmm/backend/chardev-options.h"

#include "vmm/backend/chardev-kinds.h"
#include "vmm/core/fd-set.h"

#include <string.h>

typedef json_object TnJson;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnJson, json_object_put)

static const struct {
    const char *name;
    GType (*get_type)(void);
} backends[] = {
    { "file", tn_chardev_file_get_type },
    { "null", tn_chardev_null_get_type },
    { "pty", tn_chardev_pty_get_type },
    { "socket", tn_chardev_socket_get_type },
    { "stdio", tn_chardev_stdio_get_type },
};

/* Old spellings without a value; any other word alone means "on". */
static const struct {
    const char *word;
    const char *name;
} negations[] = {
    { "noappend", "append" },
    { "nosignal", "signal" },
    { "nowait", "wait" },
};

static GType
find_backend(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (strcmp(backends[i].name, name) == 0) {
            return backends[i].get_type();
        }
    }
    return G_TYPE_INVALID;
}

static gboolean
check_names(TnObject *object, json_object *props, const char *const *skip, GError **error)
{
    json_object_object_foreach(props, name, value)
    {
        (void)value;
        if (!g_strv_contains(skip, name) &&
            !g_object_class_find_property(G_OBJECT_GET_CLASS(object), name)) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Invalid parameter '%s'",
                        name);
            return FALSE;
        }
    }
    return TRUE;
}

/* @tree: (nullable): whose sets of descriptors it may open. */
static TnChardev *
new_in(TnObject *tree, const char *backend, json_object *props, TnPropertyInput input,
       GError **error)
{
    static const char *const skip[] = { "id", "backend", NULL };
    GType type = find_backend(backend);
    g_autoptr(TnObject) object = NULL;

    if (type == G_TYPE_INVALID) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "'%s' is not a valid char driver name", backend);
        return NULL;
    }
    object = g_object_new(type, NULL);
    if (props && (!check_names(object, props, skip, error) ||
                  !tn_object_set_properties_json(object, props, skip, input, NULL, error))) {
        return NULL;
    }
    tn_fdsets_lend(object, tree);
    if (!TN_OBJECT_GET_CLASS(object)->complete(object, error)) {
        return NULL;
    }
    tn_fdsets_lend(object, NULL);
    return TN_CHARDEV(g_steal_pointer(&object));
}

TnChardev *
tn_chardev_new(const char *backend, json_object *props, TnPropertyInput input, GError **error)
{
    return new_in(NULL, backend, props, input, error);
}

/* The text up to the next single comma, ",," becoming ","; NULL at the end. */
static char *
next_term(const char **text)
{
    GString *term;
    const char *p = *text;

    if (!p) {
        return NULL;
    }
    term = g_string_new(NULL);
    for (; *p && (*p != ',' || p[1] == ','); p++) {
        if (*p == ',') {
            p++;
        }
        g_string_append_c(term, *p);
    }
    *text = *p ? p + 1 : NULL;
    return g_string_free(term, FALSE);
}

static void
add_term(json_object *props, const char *term)
{
    const char *eq = strchr(term, '=');

    if (eq) {
        g_autofree char *name = g_strndup(term, (gsize)(eq - term));

        json_object_object_add(props, name, json_object_new_string(eq + 1));
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(negations); i++) {
        if (strcmp(term, negations[i].word) == 0) {
            json_object_object_add(props, negations[i].name, json_object_new_string("off"));
            return;
        }
    }
    json_object_object_add(props, term, json_object_new_string("on"));
}

/* @text: "prop=val,prop=val", NULL at its end. Its first term is @implied's value if
 * that is given and the term has no '='. (transfer full) */
static json_object *
parse_terms(const char *text, const char *implied)
{
    json_object *props = json_object_new_object();

    for (;;) {
        g_autofree char *term = next_term(&text);

        if (!term) {
            return props;
        }
        if (implied && !strchr(term, '=')) {
            json_object_object_add(props, implied, json_object_new_string(term));
        } else if (*term) {
            add_term(props, term);
        }
        implied = NULL;
    }
}

static void
find_stdio(TnObject *child, gpointer user_data)
{
    gboolean *found = user_data;

    *found = *found || TN_IS_CHARDEV_STDIO(child);
}

/* Two readers of one terminal would each get half of it. */
static gboolean
check_stdio_free(TnObject *chardevs, GError **error)
{
    gboolean used = FALSE;

    tn_object_foreach_child(chardevs, find_stdio, &used);
    if (used) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "cannot use stdio by multiple character devices");
    }
    return !used;
}

/* Returns: (transfer none). */
static TnChardev *
create(TnObject *chardevs, const char *backend, const char *id, json_object *props,
       GError **error)
{
    g_autoptr(TnChardev) chardev = NULL;

    if (tn_object_get_child(chardevs, id)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "Duplicate ID '%s' for chardev",
                    id);
        return NULL;
    }
    if (strcmp(backend, "stdio") == 0 && !check_stdio_free(chardevs, error)) {
        return NULL;
    }
    chardev = new_in(chardevs, backend, props, TN_PROPERTY_KEYVAL, error);
    if (!chardev || !tn_object_add_child(chardevs, id, TN_OBJECT(chardev), error)) {
        return NULL;
    }
    return chardev; /* the tree holds it */
}

/* QEMU's rule for ids: a letter, then letters, digits, '-', '.', '_'. */
static gboolean
check_id(const char *id, GError **error)
{
    gboolean good = g_ascii_isalpha(id[0]);

    for (const char *p = id; good && *p; p++) {
        good = g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    if (!good) {
        g_set_error_literal(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                            "Parameter 'id' expects an identifier");
    }
    return good;
}

gboolean
tn_chardev_options_add(TnObject *chardevs, const char *text, GError **error)
{
    g_autoptr(TnJson) props = parse_terms(text, "backend");
    json_object *backend = NULL;
    json_object *id = NULL;
    const char *missing = NULL;

    if (!json_object_object_get_ex(props, "backend", &backend)) {
        missing = "backend";
    } else if (!json_object_object_get_ex(props, "id", &id)) {
        missing = "id";
    }
    if (missing) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "chardev: Parameter '%s' is missing", missing);
        return FALSE;
    }
    return check_id(json_object_get_string(id), error) &&
           create(chardevs, json_object_get_string(backend), json_object_get_string(id), props,
                  error) != NULL;
}

TnChardev *
tn_chardev_options_find(TnObject *chardevs, const char *id, GError **error)
{
    TnObject *child = tn_object_get_child(chardevs, id);

    if (!child || !TN_IS_CHARDEV(child)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_NOT_FOUND, "chardev '%s' not found", id);
        return NULL;
    }
    return TN_CHARDEV(child);
}

/* The backend that a short form names, its options in @props; NULL: none does. */
static const char *
parse_short_form(const char *text, TnJson **ret_props)
{
    static const char *const plain[] = { "stdio", "pty", "null", NULL };
    const char *rest;

    for (int i = 0; plain[i]; i++) {
        if (strcmp(text, plain[i]) == 0) {
            *ret_props = json_object_new_object();
            return plain[i];
        }
    }
    if (g_str_has_prefix(text, "file:")) {
        rest = text + strlen("file:");
        *ret_props = json_object_new_object();
        /* The whole rest is the path, commas and all. */
        json_object_object_add(*ret_props, "path", json_object_new_string(rest));
        return "file";
    }
    if (g_str_has_prefix(text, "unix:")) {
        *ret_props = parse_terms(text + strlen("unix:"), "path");
        return "socket";
    }
    return NULL;
}

gboolean
tn_chardev_options_open(TnObject *chardevs, const char *text, const char *label,
                        TnChardevTarget *ret_target, GError **error)
{
    TnChardevTarget target = { 0 };
    g_autoptr(TnJson) props = NULL;
    const char *backend;

    if (strcmp(text, "none") == 0) {
        *ret_target = target;
        return TRUE;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        target.chardev = tn_chardev_options_find(chardevs, text + strlen("chardev:"), error);
    } else {
        if (g_str_has_prefix(text, "mon:")) {
            text += strlen("mon:");
            target.mux = TRUE;
        }
        backend = parse_short_form(text, &props);
        if (!backend) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "'%s' is not a supported character device", text);
            return FALSE;
        }
        if (target.mux) {
            json_object_object_add(props, "mux", json_object_new_string("on"));
        }
        if (target.mux && strcmp(backend, "stdio") == 0) {
            json_object_object_add(props, "signal", json_object_new_string("off"));
        }
        target.chardev = create(chardevs, backend, label, props, error);
    }
    if (!target.chardev) {
        return FALSE;
    }
    *ret_target = target;
    return TRUE;
}
