/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI configuration space as masks. */
#include "vmm/pci/config.h"

#include "vmm/core/object.h"

#include <string.h>

uint32_t
tn_pci_config_read(const TnPciConfig *config, unsigned offset, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = offset + i;
        uint8_t byte = at < TN_PCI_CONFIG_SIZE ? config->value[at] : 0xff;

        value |= (uint32_t)byte << (8 * i);
    }
    return value;
}

void
tn_pci_config_write(TnPciConfig *config, unsigned offset, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size && offset + i < TN_PCI_CONFIG_SIZE; i++) {
        unsigned at = offset + i;
        uint8_t byte = (uint8_t)(value >> (8 * i));
        uint8_t writable = config->writable[at];

        config->value[at] = (config->value[at] & ~writable) | (byte & writable);
        config->value[at] &= ~(byte & config->w1c[at]);
    }
}

void
tn_pci_config_set_byte(TnPciConfig *config, unsigned offset, uint8_t value)
{
    g_assert(offset < TN_PCI_CONFIG_SIZE);
    config->value[offset] = value;
}

void
tn_pci_config_set_word(TnPciConfig *config, unsigned offset, uint16_t value)
{
    tn_pci_config_set_byte(config, offset, (uint8_t)value);
    tn_pci_config_set_byte(config, offset + 1, (uint8_t)(value >> 8));
}

void
tn_pci_config_set_long(TnPciConfig *config, unsigned offset, uint32_t value)
{
    tn_pci_config_set_word(config, offset, (uint16_t)value);
    tn_pci_config_set_word(config, offset + 2, (uint16_t)(value >> 16));
}

uint8_t
tn_pci_config_get_byte(const TnPciConfig *config, unsigned offset)
{
    return (uint8_t)tn_pci_config_read(config, offset, 1);
}

uint16_t
tn_pci_config_get_word(const TnPciConfig *config, unsigned offset)
{
    return (uint16_t)tn_pci_config_read(config, offset, 2);
}

uint32_t
tn_pci_config_get_long(const TnPciConfig *config, unsigned offset)
{
    return tn_pci_config_read(config, offset, 4);
}

void
tn_pci_config_allow(TnPciConfig *config, unsigned offset, uint32_t mask, unsigned size)
{
    g_assert(offset + size <= TN_PCI_CONFIG_SIZE);
    for (unsigned i = 0; i < size; i++) {
        config->writable[offset + i] |= (uint8_t)(mask >> (8 * i));
    }
}

void
tn_pci_config_require(TnPciConfig *config, unsigned offset, uint32_t mask, unsigned size)
{
    g_assert(offset + size <= TN_PCI_CONFIG_SIZE);
    for (unsigned i = 0; i < size; i++) {
        config->required[offset + i] |= (uint8_t)(mask >> (8 * i));
    }
}

void
tn_pci_config_seal(TnPciConfig *config)
{
    memcpy(config->sealed, config->value, sizeof config->sealed);
}

bool
tn_pci_config_check(const TnPciConfig *config, GError **error)
{
    for (unsigned i = 0; i < TN_PCI_CONFIG_SIZE; i++) {
        uint8_t fixed = config->required[i] & ~config->writable[i] & ~config->w1c[i];

        if ((config->value[i] ^ config->sealed[i]) & fixed) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "Bad config data: i=0x%x read: %x device: %x cmask: %x wmask: %x "
                        "w1cmask:%x",
                        i, config->value[i], config->sealed[i], config->required[i],
                        config->writable[i], config->w1c[i]);
            return false;
        }
    }
    return true;
}
