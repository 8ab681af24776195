/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's type "pc-testdev": ports and memory through which bare-metal test suites
 * exercise KVM: a word that reads back, raised interrupt lines, a page whose
 * mapping is dropped. No properties. docs/specs/test-devices.md.
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_PC_TESTDEV (tn_pc_testdev_get_type())
G_DECLARE_FINAL_TYPE(TnPcTestdev, tn_pc_testdev, TN, PC_TESTDEV, TnDevice)

G_END_DECLS
