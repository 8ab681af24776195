/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places on the guest's PCI buses. On bus 0 of the pc machine slot 0 is the host bridge, slot 1 the
 * PIIX3 and its functions. Slot 2 is where a graphics card is expected: nobody is put there
 * unasked, so that one can be added later (libvirt's QEMU driver does the same). Further buses are
 * behind bridges, whose index is the bus's number; slot 0 is not used there.
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

/* A device of @def other than @device that has @device's address. */
static gboolean
is_taken(const TnDomainDef *def, const TnDevice *device)
{
    const TnPciAddress *address = &device->info.address.pci;

    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            const TnDevice *other = g_ptr_array_index(def->devices[kind], i);

            if (other != device && is_chosen(&other->info) &&
                tn_pci_address_equal(&other->info.address.pci, address)) {
                return TRUE;
            }
        }
    }
    return address->bus == 0 && address->slot == SLOT_PIIX3;
}

static gboolean
needs_place(const TnDevice *device)
{
    const TnDeviceInfo *info = &device->info;

    return tn_device_is_on_pci(device) &&
           (info->address_type == TN_ADDRESS_NONE ||
            (info->address_type == TN_ADDRESS_PCI && !is_chosen(info)));
}

/* The greatest number of a bus that @def has. */
static guint
last_bus(const TnDomainDef *def)
{
    int last = 0;

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        const TnControllerDevice *controller =
            (const TnControllerDevice *) tn_domain_def_device(def, TN_DEVICE_CONTROLLER, i);

        if (controller->type == TN_CONTROLLER_PCI) {
            last = MAX(last, controller->index);
        }
    }
    return (guint) last;
}

/* The slots of each bus that a device can still be put into unasked, a bit each. */
typedef struct {
    guint32 buses[TN_PCI_BUS_MAX + 1];
} FreeSlots;

static void
find_free(const TnDomainDef *def, FreeSlots *ret_free)
{
    *ret_free = (FreeSlots) { { 0 } };
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        const TnControllerDevice *controller =
            (const TnControllerDevice *) tn_domain_def_device(def, TN_DEVICE_CONTROLLER, i);

        if (controller->type == TN_CONTROLLER_PCI && controller->index <= TN_PCI_BUS_MAX) {
            guint first = controller->index == 0 ? SLOT_FIRST_FREE : SLOT_MIN;

            ret_free->buses[controller->index] = G_MAXUINT32 << first;
        }
    }
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            const TnDevice *device = g_ptr_array_index(def->devices[kind], i);
            const TnPciAddress *pci = &device->info.address.pci;

            if (is_chosen(&device->info) && pci->domain == 0) {
                ret_free->buses[pci->bus] &= ~(1U << pci->slot);
            }
        }
    }
}

gboolean
tn_device_assign_pci(const TnDomainDef *def, TnDevice *device, GError **error)
{
    const TnControllerDevice *bridge =
        device->kind == TN_DEVICE_CONTROLLER ? (const TnControllerDevice *) device : NULL;
    /* A bridge's way to the root is of lower numbers. */
    int last = bridge != NULL ? MIN(bridge->index - 1, TN_PCI_BUS_MAX) : TN_PCI_BUS_MAX;
    FreeSlots free;

    if (!needs_place(device)) {
        return TRUE;
    }
    find_free(def, &free);
    for (int bus = 0; bus <= last; bus++) {
        int slot = g_bit_nth_lsf(free.buses[bus], -1);

        if (slot >= 0) {
            device->info.address_type = TN_ADDRESS_PCI;
            device->info.address.pci = (TnPciAddress) { .bus = (guint) bus, .slot = (guint) slot };
            return TRUE;
        }
    }
    if (bridge != NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL,
                         "a PCI slot is needed to connect a PCI controller model='%s', but none "
                         "is available, and it cannot be automatically added", bridge->model);
    } else {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "No more available PCI slots");
    }
    return FALSE;
}

/* What a count of the devices and places of a definition comes to. */
typedef struct {
    guint highest;  /* bus that a device names */
    guint homeless; /* devices that name no place */
    guint free;     /* slots that nobody has */
} Census;

static void
count_device(const TnDevice *device, Census *census)
{
    if (needs_place(device)) {
        census->homeless++;
    } else if (is_chosen(&device->info) && device->info.address.pci.domain == 0) {
        census->highest = MAX(census->highest, device->info.address.pci.bus);
    }
}

static Census
take_census(const TnDomainDef *def, const TnDevice *extra)
{
    Census census = { 0 };
    FreeSlots free;

    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            count_device(g_ptr_array_index(def->devices[kind], i), &census);
        }
    }
    if (extra != NULL) {
        count_device(extra, &census);
    }
    find_free(def, &free);
    for (guint bus = 0; bus <= TN_PCI_BUS_MAX; bus++) {
        census.free += (guint) __builtin_popcount(free.buses[bus]);
    }
    return census;
}

/* Adds the bridges that are missing up to bus @highest. */
static gboolean
add_bridges(TnDomainDef *def, guint highest, GError **error)
{
    if (highest > TN_PCI_BUS_MAX) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "No more available PCI slots");
        return FALSE;
    }
    for (guint bus = 1; bus <= highest; bus++) {
        if (tn_domain_def_pci_controller(def, (int) bus) == NULL) {
            g_ptr_array_add(def->devices[TN_DEVICE_CONTROLLER], tn_pci_bridge_new((int) bus));
        }
    }
    return TRUE;
}

gboolean
tn_pci_buses_complete(TnDomainDef *def, const TnDevice *extra, GError **error)
{
    /* A further bridge takes one slot and brings some. */
    const guint gain = SLOT_MAX - SLOT_MIN;
    Census census = take_census(def, extra);
    guint more = 0;

    if (!add_bridges(def, MAX(last_bus(def), census.highest), error)) {
        return FALSE;
    }
    census = take_census(def, extra);
    /* The place to spare is where another bridge could go. When all are named there is none. */
    if (census.homeless + census.free > 0 && census.homeless + 1 > census.free) {
        more = (census.homeless + 1 - census.free + gain - 1) / gain;
    }
    return add_bridges(def, last_bus(def) + more, error);
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
    if (pci->bus > last_bus(def)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML,
                         "Invalid PCI address %s. Only PCI buses up to %u are available", text,
                         last_bus(def));
        return FALSE;
    }
    if (pci->slot < SLOT_MIN) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Invalid PCI address %s. slot must be >= %d",
                         text, SLOT_MIN);
        return FALSE;
    }
    if (is_taken(def, device)) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "Attempted double use of PCI Address %s", text);
        return FALSE;
    }
    return TRUE;
}
