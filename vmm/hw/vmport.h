/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMware's backdoor port, QEMU's "vmport". docs/specs/vmport.md. */
#pragma once

#include "vmm/core/device.h"

G_BEGIN_DECLS

#define TN_TYPE_VMPORT (tn_vmport_get_type())
G_DECLARE_FINAL_TYPE(TnVmport, tn_vmport, TN, VMPORT, TnDevice)

#define TN_VMPORT_PORT 0x5658

/* What guests are told. */
typedef struct TnVmportConfig {
    guint64 ram_size; /* bytes at boot */
    guint8 uuid[16];  /* in text order; zeroes for none */
} TnVmportConfig;

/* @config: copied. Not realized. (transfer full) */
TnVmport *tn_vmport_new(const TnPlatform *platform, const TnVmportConfig *config);

G_END_DECLS
