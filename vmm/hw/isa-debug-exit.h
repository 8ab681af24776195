/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's type "isa-debug-exit": ports whose write ends the process with a status of
 * the guest's. Properties: iobase (default 0x501), iosize (default 2).
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_ISA_DEBUG_EXIT (tn_isa_debug_exit_get_type())
G_DECLARE_FINAL_TYPE(TnIsaDebugExit, tn_isa_debug_exit, TN, ISA_DEBUG_EXIT, TnDevice)

G_END_DECLS
