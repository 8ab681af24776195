/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The MSI capability. Spec: PCI Local Bus 3.0, 6.8.1; docs/specs/pci.md.
 */
#pragma once

#include "vmm/core/fast-path.h"
#include "vmm/pci/device.h"

G_BEGIN_DECLS

/**
 * TnPciMsiConfig:
 * @offset: of the capability, 0: the first room.
 * @vectors: 1, 2, 4, .. 32.
 * @maskable: with mask and pending registers.
 * @is_64bit: 64-bit message address.
 * @changed: the guest wrote to the capability (enable, address, data, mask);
 *   config lock held. May be NULL.
 */
typedef struct TnPciMsiConfig {
    guint8 offset;
    unsigned vectors;
    gboolean maskable, is_64bit;
    void (*changed)(TnPciDevice *self);
} TnPciMsiConfig;

/* In the class's realize. GENERIC when there is no room. */
gboolean tn_pci_msi_init(TnPciDevice *self, const TnPciMsiConfig *config, GError **error);

/* Any thread (a snapshot; the config lock orders it with the guest's writes). */
gboolean tn_pci_msi_is_enabled(TnPciDevice *self);
/* How many vectors the guest allowed: 1 .. vectors. */
unsigned tn_pci_msi_get_allocated(TnPciDevice *self);
gboolean tn_pci_msi_is_masked(TnPciDevice *self, unsigned vector);
/* The message of @vector; low data bits carry its number. */
void tn_pci_msi_get_message(TnPciDevice *self, unsigned vector, TnMsiMessage *ret_message);
/* Sends @vector; masked: sets its pending bit, sent when the mask goes. Disabled: nothing. */
void tn_pci_msi_send(TnPciDevice *self, unsigned vector);

G_END_DECLS
