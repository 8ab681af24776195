/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's hyperv-testdev: raises synthetic interrupts, and sends a guest's messages and events
 * back to it. docs/specs/test-devices.md.
 */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_HYPERV_TESTDEV (tn_hyperv_testdev_get_type())
G_DECLARE_FINAL_TYPE(TnHypervTestdev, tn_hyperv_testdev, TN, HYPERV_TESTDEV, TnDevice)

/* The one port, of 4 bytes. */
#define TN_HYPERV_TESTDEV_PORT 0x3000

G_END_DECLS
