/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A port that firmware and kernels print to, QEMU's "isa-debugcon". Properties:
 * chardev (link), iobase (0xe9), readback (0xe9).
 */
#pragma once

#include "vmm/backend/chardev.h"
#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_DEBUGCON (tn_debugcon_get_type())
G_DECLARE_FINAL_TYPE(TnDebugcon, tn_debugcon, TN, DEBUGCON, TnDevice)

/* @chardev: where output goes. Not realized. (transfer full) */
TnDebugcon *tn_debugcon_new(const TnPlatform *platform, TnChardev *chardev);

G_END_DECLS
