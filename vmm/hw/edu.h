/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The educational PCI device: registers, a factorial with its thread, interrupts, DMA.
 * docs/specs/edu.md; registers in edu-registers.h.
 */
#pragma once

#include "vmm/pci/device.h"

G_BEGIN_DECLS

#define TN_TYPE_EDU (tn_edu_get_type())
G_DECLARE_FINAL_TYPE(TnEdu, tn_edu, TN, EDU, TnPciDevice)

G_END_DECLS
