/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The i440FX's host bridge function (8086:1237 at 00:00.0). docs/specs/pci.md. */
#pragma once

#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_TYPE_I440FX (tn_i440fx_get_type())
GType tn_i440fx_get_type(void);

/* At 00.0 of @bus, not realized. (transfer full) */
TnPciDevice *tn_i440fx_new(const TnPlatform *platform, TnPciBus *bus);

G_END_DECLS
