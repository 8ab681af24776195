/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The firmware configuration device, QEMU's type "fw_cfg_io": numbered items and named
 * files that the guest reads by ports or by DMA. docs/specs/fw-cfg.md.
 * Items are added on the main thread before realize; numbers and files may be set anew later.
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_FW_CFG (tn_fw_cfg_get_type())
G_DECLARE_FINAL_TYPE(TnFwCfg, tn_fw_cfg, TN, FW_CFG, TnDevice)

#define TN_FW_CFG_PORT 0x510
#define TN_FW_CFG_PORTS 12 /* with the gap between data and DMA address */

/* Items by number. */
enum {
    TN_FW_CFG_SIGNATURE = 0x00,
    TN_FW_CFG_ID = 0x01,
    TN_FW_CFG_UUID = 0x02,
    TN_FW_CFG_RAM_SIZE = 0x03,
    TN_FW_CFG_NOGRAPHIC = 0x04,
    TN_FW_CFG_NB_CPUS = 0x05,
    TN_FW_CFG_NUMA = 0x0d,
    TN_FW_CFG_BOOT_MENU = 0x0e,
    TN_FW_CFG_MAX_CPUS = 0x0f,
    TN_FW_CFG_FILE_DIR = 0x19,
    TN_FW_CFG_FILE_FIRST = 0x20,
    TN_FW_CFG_IRQ0_OVERRIDE = 0x8002,
};

#define TN_FW_CFG_MAX_FILES 128
#define TN_FW_CFG_MAX_NAME 55 /* bytes without the NUL */

/* With @platform set, not realized. (transfer full) */
TnFwCfg *tn_fw_cfg_new(const TnPlatform *platform);

/**
 * tn_fw_cfg_set_item:
 * @key: a number above that has no meaning of its own (not SIGNATURE, ID, FILE_DIR, files').
 * @data: copied; replaces what was there.
 */
void tn_fw_cfg_set_item(TnFwCfg *self, guint16 key, const void *data, gsize size);
/* Items that are little-endian numbers of 16 or 64 bits. Main thread, also while vCPUs run. */
void tn_fw_cfg_set_u16(TnFwCfg *self, guint16 key, guint16 value);
void tn_fw_cfg_set_u64(TnFwCfg *self, guint16 key, guint64 value);

/**
 * tn_fw_cfg_add_file:
 * @name: 1 .. TN_FW_CFG_MAX_NAME bytes.
 * @data: (transfer none)
 * @error: GENERIC for a name that is too long or there already, or too many files.
 * Before realize; files are numbered by name.
 */
gboolean tn_fw_cfg_add_file(TnFwCfg *self, const char *name, GBytes *data, GError **error);

/* New contents, (transfer none), of a file that was added. The size may change, so only at reset,
 * before the guest reads the directory again. Main thread. */
void tn_fw_cfg_set_file(TnFwCfg *self, const char *name, GBytes *data);

G_END_DECLS
