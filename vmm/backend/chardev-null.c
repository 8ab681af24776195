/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* chardev-null: takes everything, gives nothing. */
#include "vmm/backend/chardev-kinds.h"

struct _TnChardevNull {
    TnChardev parent_instance;
};

G_DEFINE_FINAL_TYPE(TnChardevNull, tn_chardev_null, TN_TYPE_CHARDEV)

static gboolean
tn_chardev_null_complete(TnObject *object, GError **error)
{
    tn_chardev_set_open(TN_CHARDEV(object), -1, -1);
    return TRUE;
}

static void
tn_chardev_null_class_init(TnChardevNullClass *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "chardev-null";
    TN_OBJECT_CLASS(klass)->description = "Discards output, has no input";
    TN_OBJECT_CLASS(klass)->complete = tn_chardev_null_complete;
}

static void
tn_chardev_null_init(TnChardevNull *self)
{
}
