/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Firmware paths of functions. Spec: PCI Bus Binding to IEEE 1275-1994, 2.2.1.1, and table 1 of
 * Generic Names recommended practice; the numbers of classes are PCI 3.0's, appendix D.
 */
#include "vmm/pci/firmware-path.h"

#include "vmm/pci/bus.h"

/* The host bridge's node: its configuration ports are at 0xcf8. */
#define ROOT "/pci@i0cf8"
#define WHOLE_BASE 0xff /* the row is for all that have its base class */

typedef struct ClassRow {
    guint16 code; /* base class and subclass */
    guint8 ignored; /* bits of it */
    const char *name;
} ClassRow;

static const ClassRow class_rows[] = {
    { 0x0001, 0, "display" },
    { 0x0100, 0, "scsi" },
    { 0x0101, 0, "ide" },
    { 0x0102, 0, "fdc" },
    { 0x0103, 0, "ipi" },
    { 0x0104, 0, "raid" },
    { 0x0200, 0, "ethernet" },
    { 0x0201, 0, "token-ring" },
    { 0x0202, 0, "fddi" },
    { 0x0203, 0, "atm" },
    { 0x0300, WHOLE_BASE, "display" },
    { 0x0400, 0, "video" },
    { 0x0401, 0, "sound" },
    { 0x0403, 0, "sound" },
    { 0x0500, 0, "memory" },
    { 0x0501, 0, "flash" },
    { 0x0600, 0, "host" },
    { 0x0601, 0, "isa" },
    { 0x0602, 0, "eisa" },
    { 0x0603, 0, "mca" },
    { 0x0604, 0, "pci-bridge" },
    { 0x0605, 0, "pcmcia" },
    { 0x0606, 0, "nubus" },
    { 0x0607, 0, "cardbus" },
    { 0x0700, 0, "serial" },
    { 0x0701, 0, "parallel" },
    { 0x0800, 0, "interrupt-controller" },
    { 0x0801, 0, "dma-controller" },
    { 0x0802, 0, "timer" },
    { 0x0803, 0, "rtc" },
    { 0x0900, 0, "keyboard" },
    { 0x0901, 0, "pen" },
    { 0x0902, 0, "mouse" },
    { 0x0a00, WHOLE_BASE, "dock" },
    { 0x0b00, WHOLE_BASE, "cpu" },
    { 0x0c00, 0, "firewire" },
    { 0x0c01, 0, "access-bus" },
    { 0x0c02, 0, "ssa" },
    { 0x0c03, 0, "usb" },
    { 0x0c04, 0, "fibre-channel" },
};

static char *
get_name(TnPciDevice *self)
{
    guint16 code = tn_pci_config_get_word(&self->config, TN_PCI_REG_CLASS + 1);

    for (gsize i = 0; i < G_N_ELEMENTS(class_rows); i++) {
        guint16 wanted = (guint16)~class_rows[i].ignored;

        if ((code & wanted) == (class_rows[i].code & wanted)) {
            return g_strdup(class_rows[i].name);
        }
    }
    return g_strdup_printf("pci%04x,%04x",
                           tn_pci_config_get_word(&self->config, TN_PCI_REG_VENDOR_ID),
                           tn_pci_config_get_word(&self->config, TN_PCI_REG_DEVICE_ID));
}

char *
tn_pci_device_get_firmware_path(TnPciDevice *self)
{
    TnPciDevice *bridge = tn_pci_bus_get_bridge(self->bus);
    g_autofree char *above =
        bridge ? tn_pci_device_get_firmware_path(bridge) : g_strdup(ROOT);
    g_autofree char *name = get_name(self);
    unsigned slot = (unsigned)self->devfn >> 3;
    unsigned function = (unsigned)self->devfn & 7;

    return function ? g_strdup_printf("%s/%s@%x,%x", above, name, slot, function)
                    : g_strdup_printf("%s/%s@%x", above, name, slot);
}
