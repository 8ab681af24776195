/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* chardev-file: output to a file, input from another if wanted. */
#include "vmm/backend/chardev-kinds.h"
#include "vmm/core/fd-set.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct _TnChardevFile {
    TnChardev parent_instance;

    char *path;
    char *input_path;
    gboolean append;
    int out_fd;
    int in_fd;
};

G_DEFINE_FINAL_TYPE(TnChardevFile, tn_chardev_file, TN_TYPE_CHARDEV)

enum {
    PROP_PATH = 1,
    PROP_INPUT_PATH,
    PROP_APPEND,
};

/* A pipe or a terminal must not block the main loop; opened without O_NONBLOCK
 * because a pipe without a reader would be refused then. */
static void
make_nonblocking(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
}

static gboolean
tn_chardev_file_complete(TnObject *object, GError **error)
{
    TnChardevFile *self = TN_CHARDEV_FILE(object);
    int flags = O_WRONLY | O_CREAT | O_NOCTTY | (self->append ? O_APPEND : O_TRUNC);

    if (!self->path) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "chardev: file: no filename given");
        return FALSE;
    }
    if (self->input_path) {
        self->in_fd = tn_object_open_file(object, self->input_path,
                                          O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
        if (self->in_fd < 0) {
            return tn_chardev_fail_errno(error, errno, "Could not open '%s'", self->input_path);
        }
    }
    self->out_fd = tn_object_open_file(object, self->path, flags, 0666);
    if (self->out_fd < 0) {
        return tn_chardev_fail_errno(error, errno, "Could not open '%s'", self->path);
    }
    make_nonblocking(self->out_fd);
    tn_chardev_set_open(TN_CHARDEV(self), self->in_fd, self->out_fd);
    return TRUE;
}

static void
tn_chardev_file_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    TnChardevFile *self = TN_CHARDEV_FILE(object);

    switch (id) {
    case PROP_PATH:
        g_value_set_string(value, self->path);
        break;
    case PROP_INPUT_PATH:
        g_value_set_string(value, self->input_path);
        break;
    case PROP_APPEND:
        g_value_set_boolean(value, self->append);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_file_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    TnChardevFile *self = TN_CHARDEV_FILE(object);

    switch (id) {
    case PROP_PATH:
        g_free(self->path);
        self->path = g_value_dup_string(value);
        break;
    case PROP_INPUT_PATH:
        g_free(self->input_path);
        self->input_path = g_value_dup_string(value);
        break;
    case PROP_APPEND:
        self->append = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    }
}

static void
tn_chardev_file_finalize(GObject *object)
{
    TnChardevFile *self = TN_CHARDEV_FILE(object);

    if (self->in_fd >= 0) {
        close(self->in_fd);
    }
    if (self->out_fd >= 0) {
        close(self->out_fd);
    }
    g_free(self->path);
    g_free(self->input_path);
    G_OBJECT_CLASS(tn_chardev_file_parent_class)->finalize(object);
}

static void
tn_chardev_file_class_init(TnChardevFileClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->get_property = tn_chardev_file_get_property;
    object_class->set_property = tn_chardev_file_set_property;
    object_class->finalize = tn_chardev_file_finalize;
    TN_OBJECT_CLASS(klass)->type_name = "chardev-file";
    TN_OBJECT_CLASS(klass)->description = "Output to a file";
    TN_OBJECT_CLASS(klass)->complete = tn_chardev_file_complete;
    /* A file's end is no hangup: output goes on. */
    TN_CHARDEV_CLASS(klass)->hangup = tn_chardev_stop_input;

    g_object_class_install_property(
        object_class, PROP_PATH,
        g_param_spec_string("path", NULL, "File to write", NULL, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_INPUT_PATH,
        g_param_spec_string("input-path", NULL, "File to read", NULL, TN_PARAM_RW));
    g_object_class_install_property(
        object_class, PROP_APPEND,
        g_param_spec_boolean("append", NULL, "Append instead of truncating", FALSE,
                             TN_PARAM_RW));
}

static void
tn_chardev_file_init(TnChardevFile *self)
{
    self->in_fd = -1;
    self->out_fd = -1;
}
