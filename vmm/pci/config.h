/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI configuration space as masks: what it holds, which bits the guest may write,
 * which it clears by writing one, which a loaded state must agree on. Behaviour that masks
 * cannot say is a device's config_write hook (device.h).
 * Spec: PCI Local Bus 3.0, chapter 6; docs/specs/pci.md.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
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
    TN_PCI_REG_ROM = 0x30,
    TN_PCI_REG_CAPABILITIES = 0x34,
    TN_PCI_REG_INTERRUPT_LINE = 0x3c,
    TN_PCI_REG_INTERRUPT_PIN = 0x3d,
    TN_PCI_REG_FIRST_OWN = 0x40, /* from here on the device's own */
};

/* Registers of the type 1 header where they differ (PCI-to-PCI Bridge 1.2, 3.2). */
enum {
    TN_PCI_BRIDGE_REG_PRIMARY = 0x18,
    TN_PCI_BRIDGE_REG_SECONDARY = 0x19,
    TN_PCI_BRIDGE_REG_SUBORDINATE = 0x1a,
    TN_PCI_BRIDGE_REG_SECONDARY_LATENCY = 0x1b,
    TN_PCI_BRIDGE_REG_IO_BASE = 0x1c,
    TN_PCI_BRIDGE_REG_IO_LIMIT = 0x1d,
    TN_PCI_BRIDGE_REG_SECONDARY_STATUS = 0x1e,
    TN_PCI_BRIDGE_REG_MEMORY_BASE = 0x20,
    TN_PCI_BRIDGE_REG_MEMORY_LIMIT = 0x22,
    TN_PCI_BRIDGE_REG_PREFETCH_BASE = 0x24,
    TN_PCI_BRIDGE_REG_PREFETCH_LIMIT = 0x26,
    TN_PCI_BRIDGE_REG_PREFETCH_BASE_UPPER = 0x28,
    TN_PCI_BRIDGE_REG_PREFETCH_LIMIT_UPPER = 0x2c,
    TN_PCI_BRIDGE_REG_IO_BASE_UPPER = 0x30,
    TN_PCI_BRIDGE_REG_IO_LIMIT_UPPER = 0x32,
    TN_PCI_BRIDGE_REG_ROM = 0x38,
    TN_PCI_BRIDGE_REG_CONTROL = 0x3e,
};

#define TN_PCI_COMMAND_IO 0x0001
#define TN_PCI_COMMAND_MEMORY 0x0002
#define TN_PCI_COMMAND_MASTER 0x0004
#define TN_PCI_COMMAND_SERR 0x0100
#define TN_PCI_COMMAND_INTX_DISABLE 0x0400

#define TN_PCI_STATUS_INTERRUPT 0x0008
#define TN_PCI_STATUS_CAPABILITIES 0x0010
#define TN_PCI_STATUS_DEVSEL_MEDIUM 0x0200
/* Error bits that the guest clears by writing one to them. */
#define TN_PCI_STATUS_W1C 0xf900

/* Of a bridge's control register: the secondary bus is held in reset. */
#define TN_PCI_BRIDGE_CONTROL_RESET 0x0040

#define TN_PCI_HEADER_BRIDGE 0x01
#define TN_PCI_HEADER_MULTIFUNCTION 0x80

/**
 * TnPciConfig:
 * @value: what a read gives.
 * @writable: bits that a guest's write replaces.
 * @w1c: bits that a guest's one clears. A bit is in at most one of the two masks.
 * @required: bits that a loaded state must have as @sealed has them, those that the
 *   guest can change excepted.
 * @sealed: the values at tn_pci_config_seal().
 * @capability: of each byte, the offset of the capability that it belongs to, 0: free.
 * A plain value; whoever embeds it locks it.
 */
typedef struct TnPciConfig {
    uint8_t value[TN_PCI_CONFIG_SIZE];
    uint8_t writable[TN_PCI_CONFIG_SIZE];
    uint8_t w1c[TN_PCI_CONFIG_SIZE];
    uint8_t required[TN_PCI_CONFIG_SIZE];
    uint8_t sealed[TN_PCI_CONFIG_SIZE];
    uint8_t capability[TN_PCI_CONFIG_SIZE];
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

/* Likewise to the required bits. */
void tn_pci_config_require(TnPciConfig *config, unsigned offset, uint32_t mask, unsigned size);

/* Set-up is over: what @required covers counts as it is now. */
void tn_pci_config_seal(TnPciConfig *config);

/* Whether @value, as loaded from outside, agrees on the required bits. @error: GENERIC,
 * with the first offset that does not. */
bool tn_pci_config_check(const TnPciConfig *config, GError **error);

/* Whether a write of @size bytes at @offset touches any of @reg .. @reg + @reg_size - 1. */
static inline gboolean
tn_pci_config_touches(unsigned offset, unsigned size, unsigned reg, unsigned reg_size)
{
    return offset < reg + reg_size && reg < offset + size;
}
