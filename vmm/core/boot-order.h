/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which devices firmware tries in which order: those with a "bootindex". One list of the
 * machine, told to the guest by fw_cfg's file "bootorder" (docs/specs/fw-cfg.md). Main thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct TnBootOrder TnBootOrder;

TnBootOrder *tn_boot_order_new(void);
/* NULL is fine. */
void tn_boot_order_free(TnBootOrder *self);

/**
 * tn_boot_order_add:
 * @index: from 0 on, the lowest first.
 * @owner: the device, for tn_boot_order_remove; not followed.
 * @path: its path as firmware finds it ("/pci@i0cf8/ethernet@3"); copied.
 * @error: GENERIC when another device has @index.
 */
gboolean tn_boot_order_add(TnBootOrder *self, int index, gconstpointer owner, const char *path,
                           GError **error);
/* What @owner added; nothing is fine. */
void tn_boot_order_remove(TnBootOrder *self, gconstpointer owner);

/* (transfer full): the paths by index, a newline between, a NUL at the end; no bytes for none. */
GBytes *tn_boot_order_get_file(const TnBootOrder *self);

G_END_DECLS
