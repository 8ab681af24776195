/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places on the guest's PCI bus. The pc machine has one bus: slot 0 is the host bridge, slot 1 the
 * PIIX3 and its functions. Slot 2 is where a graphics card is expected: nobody is put there
 * unasked, so that one can be added later (libvirt's QEMU driver does the same).
 */
#include "xml/device-private.h"

#include <stdio.h>

#define SLOT_MIN 1
#define SLOT_PIIX3 1
#define SLOT_FIRST_FREE 3
#define SLOT_MAX 31

void
tn_pci_address_format(const TnPciAddress *address, char *ret_text)
{
    (void) snprintf(ret_text, TN_PCI_ADDRESS_STRING_LEN, "%04x:%02x:%02x.%x",
                    address->domain & 0xffff, address->bus & 0xff, address->slot & 0x1f,
                    address->function & 7);
}

gboolean
tn_pci_address_equal(const TnPciAddress *a, const TnPciAddress *b)
{
    return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot &&
           a->function == b->function;
}

/* An address element that says nothing but its type leaves the choice open. */
static gboolean
is_chosen(const TnDeviceInfo *info)
{
    const TnPciAddress none = { 0 };

    return info->address_type == TN_ADDRESS_PCI && !tn_pci_address_equal(&info->address.pci, &none);
}

/* A device of @def other than @device that sits in @slot, in @function or (negative) in any. */
static gboolean
is_taken(const TnDomainDef *def, const TnDevice *device, guint slot, int function)
{
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            const TnDevice *other = g_ptr_array_index(def->devices[kind], i);
            const TnPciAddress *pci = &other->info.address.pci;

            if (other != device && is_chosen(&other->info) && pci->domain == 0 && pci->bus == 0 &&
                pci->slot == slot && (function < 0 || pci->function == (guint) function)) {
                return TRUE;
            }
        }
    }
    return slot == SLOT_PIIX3;
}

gboolean
tn_device_assign_pci(const TnDomainDef *def, TnDevice *device, GError **error)
{
    TnDeviceInfo *info = &device->info;

    if (info->address_type != TN_ADDRESS_NONE &&
        (info->address_type != TN_ADDRESS_PCI || is_chosen(info))) {
        return TRUE;
    }
    for (guint slot = SLOT_FIRST_FREE; slot <= SLOT_MAX; slot++) {
        if (!is_taken(def, device, slot, -1)) {
            info->address_type = TN_ADDRESS_PCI;
            info->address.pci = (TnPciAddress) { .slot = slot };
            return TRUE;
        }
    }
    tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "No more available PCI slots");
    return FALSE;
}

gboolean
tn_device_check_pci(const TnDomainDef *def, const TnDevice *device, GError **error)
{
    const TnPciAddress *pci = &device->info.address.pci;
    char text[TN_PCI_ADDRESS_STRING_LEN];

    if (!is_chosen(&device->info)) {
        return TRUE;
    }
    tn_pci_address_format(pci, text);
    if (pci->domain != 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid PCI address %s. Only PCI domain 0 is available", text);
        return FALSE;
    }
    if (pci->bus != 0) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid PCI address %s. Only PCI buses up to 0 are available", text);
        return FALSE;
    }
    if (pci->slot < SLOT_MIN) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Invalid PCI address %s. slot must be >= %d",
                         text, SLOT_MIN);
        return FALSE;
    }
    if (is_taken(def, device, pci->slot, (int) pci->function)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Attempted double use of PCI Address %s", text);
        return FALSE;
    }
    return TRUE;
}
