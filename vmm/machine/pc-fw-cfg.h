/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the pc machine says through fw_cfg. docs/specs/fw-cfg.md. */
#pragma once

#include "vmm/hw/fw-cfg.h"
#include "vmm/machine/machine.h"

/* The device with its items and files, not realized. (transfer full); NULL with @error for
 * a -fw_cfg file that it does not take. Main thread. */
TnFwCfg *tn_pc_fw_cfg_new(const TnPlatform *platform, const TnMachineConfig *config,
                          GError **error);

/* What changes from one reset to the next: the file "bootorder". Main thread. */
void tn_pc_fw_cfg_refresh(TnFwCfg *fw_cfg, const TnPlatform *platform);
