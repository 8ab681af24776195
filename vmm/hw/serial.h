/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The 16550A serial port, QEMU's "isa-serial". Properties: chardev (link), index
 * (0..3: COM1..COM4; default the first free), iobase and irq (default by index).
 */
#pragma once

#include "vmm/backend/chardev.h"
#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_SERIAL (tn_serial_get_type())
G_DECLARE_FINAL_TYPE(TnSerial, tn_serial, TN, SERIAL, TnDevice)

/* "index" not given. */
#define TN_SERIAL_INDEX_AUTO G_MAXUINT32

/**
 * tn_serial_new:
 * @platform: (transfer none).
 * @index: 0..3, or TN_SERIAL_INDEX_AUTO.
 * @chardev: (nullable): output is discarded without one.
 * Returns: (transfer full), not realized.
 */
TnSerial *tn_serial_new(const TnPlatform *platform, guint32 index, TnChardev *chardev);

G_END_DECLS
