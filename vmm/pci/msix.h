/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The MSI-X capability: table and pending bits as memory regions laid over a BAR.
 * Spec: PCI Local Bus 3.0, 6.8.2; docs/specs/pci.md.
 */
#pragma once

#include "vmm/core/fast-path.h"
#include "vmm/memory/region.h"
#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_PCI_MSIX_ENTRY_SIZE 16
#define TN_PCI_MSIX_MAX_VECTORS 2048

/**
 * TnPciMsixConfig:
 * @offset: of the capability, 0: the first room.
 * @vectors: 1 .. 2048.
 * @table_bar, @table_offset, @pba_bar, @pba_offset: as the capability shows them; offsets
 *   are multiples of 8.
 * @table_region, @pba_region: containers or regions registered as those BARs, over which
 *   the two are laid with priority 1.
 * @vector_used: the guest unmasked @vector with @message (a rewritten message is told
 *   again); @vector_released: it masked it, disabled MSI-X or the device was reset. Told
 *   under the msix lock of the device: they may use the fast path, and must neither
 *   touch config space nor begin a transaction. Both may be NULL.
 */
typedef struct TnPciMsixConfig {
    guint8 offset;
    unsigned vectors;
    guint8 table_bar, pba_bar;
    guint32 table_offset, pba_offset;
    TnMemoryRegion *table_region, *pba_region;
    void (*vector_used)(TnPciDevice *self, unsigned vector, const TnMsiMessage *message);
    void (*vector_released)(TnPciDevice *self, unsigned vector);
} TnPciMsixConfig;

/* In the class's realize. GENERIC when there is no room or table and PBA overlap. */
gboolean tn_pci_msix_init(TnPciDevice *self, const TnPciMsixConfig *config, GError **error);
/* In the class's unrealize, before the BAR's own regions are done. Half made is fine. */
void tn_pci_msix_done(TnPciDevice *self);

/* Any thread. */
gboolean tn_pci_msix_is_enabled(TnPciDevice *self);
/* By its own mask, by the function's mask, or disabled. */
gboolean tn_pci_msix_is_masked(TnPciDevice *self, unsigned vector);
void tn_pci_msix_get_message(TnPciDevice *self, unsigned vector, TnMsiMessage *ret_message);
/* Sends @vector; masked: sets its pending bit, sent when the mask goes. Disabled: nothing. */
void tn_pci_msix_send(TnPciDevice *self, unsigned vector);
/* Sets a pending bit on somebody else's word (VFIO, while masked). */
void tn_pci_msix_set_pending(TnPciDevice *self, unsigned vector, gboolean pending);

G_END_DECLS
