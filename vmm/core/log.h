/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Logging. Only main, dispatchers and device callbacks log; everything else
 * returns its error. What a guest can trigger goes through the limited form.
 */
#pragma once

#include <glib.h>

/* To stderr, or the file of -D: "tenon-vmm: <text>". Any thread. */
void tn_log(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* For what a guest can cause: at most 10 lines per call site, then one that
 * says so. @count: a static counter of the call site, starting at 0. */
void tn_log_guest(int *count, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* -D FILE; FALSE with @error when it cannot be opened. */
gboolean tn_log_to_file(const char *path, GError **error);
