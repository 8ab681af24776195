/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI configuration space as masks: what it holds, which bits the guest may
 * write, which it clears by writing one. Behaviour that masks cannot say is a
 * device's config_write hook (device.h).
 * Spec: PCI Local Bus 3.0, chapter 6; docs/specs/pci.md.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#define TN_PCI_CONFIG_SIZE 256

/* Registers of the type 0 header (PCI 3.0, 6.1). */
enum {
    TN_PCI_REG_VENDOR_ID = 0x00,
    TN_PCI_REG_DEVICE_ID = 0x02,
    TN_PCI_REG_COMMAND = 0x04,
    TN_PCI_REG_STATUS = 0x06,
    TN_PCI_REG_REVISION = 0x08,
    TN_PCI_REG_CLASS = 0x09, /* three bytes: interface, sub-class, base class */
    TN_PCI_REG_CACHE_LINE_SIZE = 0x0c,
    TN_PCI_REG_LATENCY_TIMER = 0x0d,
    TN_PCI_REG_HEADER_TYPE = 0x0e,
    TN_PCI_REG_BAR0 = 0x10,
    TN_PCI_REG_SUBSYSTEM_VENDOR_ID = 0x2c,
    TN_PCI_REG_SUBSYSTEM_ID = 0x2e,
    TN_PCI_REG_CAPABILITIES = 0x34,
    TN_PCI_REG_INTERRUPT_LINE = 0x3c,
    TN_PCI_REG_INTERRUPT_PIN = 0x3d,
    TN_PCI_REG_FIRST_OWN = 0x40, /* from here on the device's own */
};

#define TN_PCI_COMMAND_IO 0x0001
#define TN_PCI_COMMAND_MEMORY 0x0002
#define TN_PCI_COMMAND_MASTER 0x0004
#define TN_PCI_COMMAND_SERR 0x0100
#define TN_PCI_COMMAND_INTX_DISABLE 0x0400

#define TN_PCI_STATUS_DEVSEL_MEDIUM 0x0200
/* Error bits that the guest clears by writing one to them. */
#define TN_PCI_STATUS_W1C 0xf900

#define TN_PCI_HEADER_MULTIFUNCTION 0x80

/**
 * TnPciConfig:
 * @value: what a read gives.
 * @writable: bits that a guest's write replaces.
 * @w1c: bits that a guest's one clears. A bit is in at most one of the masks.
 * A plain value; whoever embeds it locks it.
 */
typedef struct TnPciConfig {
    uint8_t value[TN_PCI_CONFIG_SIZE];
    uint8_t writable[TN_PCI_CONFIG_SIZE];
    uint8_t w1c[TN_PCI_CONFIG_SIZE];
} TnPciConfig;

/**
 * tn_pci_config_read:
 * @offset: 0 .. 255.
 * @size: 1, 2 or 4 bytes.
 * Returns: the bytes, little-endian; those past the end of the space read as ones.
 */
uint32_t tn_pci_config_read(const TnPciConfig *config, unsigned offset, unsigned size);

/* A guest's write: applies the masks; bytes past the end are dropped. */
void tn_pci_config_write(TnPciConfig *config, unsigned offset, uint32_t value, unsigned size);

/* The owner's stores and loads, past the masks. @offset + width must be inside. */
void tn_pci_config_set_byte(TnPciConfig *config, unsigned offset, uint8_t value);
void tn_pci_config_set_word(TnPciConfig *config, unsigned offset, uint16_t value);
void tn_pci_config_set_long(TnPciConfig *config, unsigned offset, uint32_t value);
uint8_t tn_pci_config_get_byte(const TnPciConfig *config, unsigned offset);
uint16_t tn_pci_config_get_word(const TnPciConfig *config, unsigned offset);
uint32_t tn_pci_config_get_long(const TnPciConfig *config, unsigned offset);

/* Adds @mask (little-endian, @size 1, 2 or 4 bytes) to the writable bits at @offset. */
void tn_pci_config_allow(TnPciConfig *config, unsigned offset, uint32_t mask, unsigned size);

/* Whether a write of @size bytes at @offset touches any of @reg .. @reg + @reg_size - 1. */
static inline gboolean
tn_pci_config_touches(unsigned offset, unsigned size, unsigned reg, unsigned reg_size)
{
    return offset < reg + reg_size && reg < offset + size;
}
