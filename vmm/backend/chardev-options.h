/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command-line forms of character devices: "-chardev backend,id=..,prop=val" and
 * the short ones of -serial, -qmp and -debugcon. Main thread.
 */
#pragma once

#include "vmm/backend/chardev.h"

G_BEGIN_DECLS

/**
 * tn_chardev_options_add:
 * @chardevs: the container "/chardevs".
 * @text: "socket,id=mon,path=/a,,b,server=on,wait=off" (",," is a comma).
 * @error: GENERIC: "chardev: Parameter 'id' is missing", "Duplicate ID 'x' for chardev",
 *   "'x' is not a valid char driver name", "Invalid parameter 'y'", what the backend says.
 */
gboolean tn_chardev_options_add(TnObject *chardevs, const char *text, GError **error);

/* (transfer none): the one called @id; NOT_FOUND "chardev '<id>' not found". */
TnChardev *tn_chardev_options_find(TnObject *chardevs, const char *id, GError **error);

/* What a short form stands for. */
typedef struct TnChardevTarget {
    TnChardev *chardev; /* (transfer none), in @chardevs; NULL: "none" */
    gboolean mux;       /* "mon:": made with mux=on, to be shared with a text monitor */
} TnChardevTarget;

/**
 * tn_chardev_options_open:
 * @text: "stdio", "pty", "null", "file:PATH", "unix:PATH,server=on,wait=off", "chardev:ID",
 *   "none", and "mon:" before any but the last two.
 * @label: the id of a chardev that is made ("serial0", "compat_monitor0").
 */
gboolean tn_chardev_options_open(TnObject *chardevs, const char *text, const char *label,
                                 TnChardevTarget *ret_target, GError **error);

G_END_DECLS
