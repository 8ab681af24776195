/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PIIX3's ISA bridge function (8086:7000 at 00:01.0): PCI interrupt routing,
 * edge/level control, the reset control port 0xcf9. docs/specs/pci.md.
 */
#pragma once

#include "vmm/pci/device.h"
#include "vmm/pci/host.h"

G_BEGIN_DECLS

#define TN_TYPE_PIIX3 (tn_piix3_get_type())
G_DECLARE_FINAL_TYPE(TnPiix3, tn_piix3, TN, PIIX3, TnPciDevice)

/* At 01.0 of @host's bus, not realized. @host: (transfer none): outlives it. (transfer full) */
TnPiix3 *tn_piix3_new(const TnPlatform *platform, TnPciHost *host);

/**
 * tn_piix3_set_pirq:
 * @pirq: 0 (PIRQA#) .. 3.
 * @source: which of 64 sources on it; sources are ORed. 0 is the PCI bus's.
 * The level reaches the ISA interrupt that the guest routed the line to. Any thread.
 */
void tn_piix3_set_pirq(TnPiix3 *self, unsigned pirq, unsigned source, int level);

/* The ISA interrupt, and so the GSI, that @pirq is routed to; -1: none. Any thread. */
int tn_piix3_get_pirq_gsi(TnPiix3 *self, unsigned pirq);

G_END_DECLS
