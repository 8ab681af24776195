/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a PCI function comes and goes:
 *
 *   pre_plug: acpi-index, a bus with a selector, no function 0 in its slot: refuse
 *   (realize: the function answers on the bus)
 *   plug: the slot's "up" bit, GPE 1 -> SCI
 *   unplug_request: the slot's "down" bit, GPE 1 -> SCI; the guest answers by an eject, or
 *     by an _OST that says why not; a machine's reset ejects as well
 *   unplug: every function of the slot, function 0 last: unrealize, unparent, DEVICE_DELETED
 */
#include "vmm/machine/pc-pci-hotplug.h"

#include "vmm/acpi/ost.h"
#include "vmm/core/clock.h"
#include "vmm/core/log.h"
#include "vmm/core/reset.h"

#define FUNCTIONS 8
/* QEMU's limit: systemd takes no greater number for a name. */
#define MAX_ACPI_INDEX 16383

/* A bus whose selector is its index in the array. */
typedef struct HotBus {
    TnPciBus *bus;
    guint32 fixed; /* slots with a function that cannot go, a bit each */
} HotBus;

struct TnPcPciHotplug {
    const TnPlatform *platform;
    TnPciBus *root;
    gboolean with_root, with_bridges;
    TnPcHotplug *handler;
    TnAcpiPciHotplug *controller;
    HotBus buses[TN_ACPI_PCI_HOTPLUG_BUSES];
    unsigned num_buses;
};

/* A bridge that the tables describe cannot go; one that came later can. */
static gboolean
is_hotpluggable(TnPciDevice *device)
{
    return TN_DEVICE_GET_CLASS(device)->hotpluggable &&
           (!device->secondary || tn_device_is_hotplugged(TN_DEVICE(device)));
}

/* The selector of @bus, -1 for none. */
static int
find_selector(TnPcPciHotplug *self, const TnPciBus *bus)
{
    for (unsigned i = 0; i < self->num_buses; i++) {
        if (self->buses[i].bus == bus) {
            return (int)i;
        }
    }
    return -1;
}

static void
set_not_hotpluggable(TnPciBus *bus, GError **error)
{
    g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                "Bus '%s' does not support hotplugging", tn_object_get_name(TN_OBJECT(bus)));
}

/* The functions that are in @slot, function 0 last. (transfer full): of references. */
static GPtrArray *
get_functions(TnPciBus *bus, unsigned slot)
{
    GPtrArray *functions = g_ptr_array_new_with_free_func(g_object_unref);

    for (int f = FUNCTIONS - 1; f >= 0; f--) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, (int)TN_PCI_DEVFN(slot, f));

        if (device) {
            g_ptr_array_add(functions, g_object_ref(device));
        }
    }
    return functions;
}

/* What the guest can know of @device on bus @bus; a slot goes as a whole or not at all. */
static void
note(TnPcPciHotplug *self, unsigned bus, TnPciDevice *device)
{
    unsigned slot = (unsigned)TN_PCI_SLOT(device->devfn);

    if (!is_hotpluggable(device)) {
        self->buses[bus].fixed |= 1U << slot;
        tn_acpi_pci_hotplug_set_removable(self->controller, bus, slot, FALSE);
    }
    if (device->acpi_index != 0) {
        tn_acpi_pci_hotplug_set_index(self->controller, bus, slot, device->acpi_index);
    }
}

/* Gives @bus the next selector, if there is one. */
static void
add_bus(TnPcPciHotplug *self, TnPciBus *bus)
{
    unsigned n = self->num_buses;

    if (n == TN_ACPI_PCI_HOTPLUG_BUSES) {
        return;
    }
    self->buses[n].bus = bus;
    self->num_buses++;
    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, devfn);

        if (device) {
            note(self, n, device);
        }
    }
}

/* The buses behind @bus. */
static void
add_buses_behind(TnPcPciHotplug *self, TnPciBus *bus)
{
    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, devfn);

        if (device && device->secondary) {
            add_bus(self, device->secondary);
            add_buses_behind(self, device->secondary);
        }
    }
}

static gboolean
has_index(TnPciBus *bus, guint32 index)
{
    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, devfn);

        if (device && (device->acpi_index == index ||
                       (device->secondary && has_index(device->secondary, index)))) {
            return TRUE;
        }
    }
    return FALSE;
}

/* The guest may name a device by this number, so it is one device's alone. */
static gboolean
check_index(TnPcPciHotplug *self, TnPciDevice *device, GError **error)
{
    if (device->acpi_index > MAX_ACPI_INDEX) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "acpi-index should be less or equal to %u", MAX_ACPI_INDEX);
        return FALSE;
    }
    if (device->acpi_index != 0 && has_index(self->root, device->acpi_index)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "a PCI device with acpi-index = %u already exist", device->acpi_index);
        return FALSE;
    }
    return TRUE;
}

static gboolean
pci_pre_plug(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcPciHotplug *self = opaque;
    TnPciDevice *function = TN_PCI_DEVICE(device);
    TnPciDevice *first;

    if (!check_index(self, function, error)) {
        return FALSE;
    }
    if (!tn_device_is_hotplugged(device)) {
        return TRUE;
    }
    if (!function->bus) {
        return TRUE; /* realize says so */
    }
    if (find_selector(self, function->bus) < 0) {
        set_not_hotpluggable(function->bus, error);
        return FALSE;
    }
    if (function->devfn == TN_PCI_DEVFN_AUTO ||
        tn_pci_bus_get_device(function->bus, function->devfn)) {
        return TRUE; /* the bus finds a place, or says who is there */
    }
    /* The guest looks at a slot when function 0 is there, and not again. */
    first = tn_pci_bus_get_device(function->bus, TN_PCI_DEVFN(TN_PCI_SLOT(function->devfn), 0));
    if (first) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "PCI: slot %d function 0 already occupied by %s, "
                    "new func %s cannot be exposed to guest.",
                    TN_PCI_SLOT(function->devfn), tn_object_get_type_name(TN_OBJECT(first)),
                    tn_object_get_type_name(TN_OBJECT(device)));
        return FALSE;
    }
    return TRUE;
}

static void
pci_plug(gpointer opaque, TnDevice *device)
{
    TnPcPciHotplug *self = opaque;
    TnPciDevice *function = TN_PCI_DEVICE(device);
    int bus = find_selector(self, function->bus);

    if (bus < 0) {
        return;
    }
    note(self, (unsigned)bus, function);
    if (tn_device_is_hotplugged(device)) {
        tn_acpi_pci_hotplug_plug(self->controller, (unsigned)bus,
                                 (unsigned)TN_PCI_SLOT(function->devfn));
    }
}

/* A guest that never ran cannot have missed the first request. */
static gboolean
was_asked_in_vain(TnPcPciHotplug *self)
{
    return tn_clock_now_ns(self->platform->clock) == 0;
}

static gboolean
pci_unplug_request(gpointer opaque, TnDevice *device, GError **error)
{
    TnPcPciHotplug *self = opaque;
    TnPciDevice *function = TN_PCI_DEVICE(device);
    unsigned slot = (unsigned)TN_PCI_SLOT(function->devfn);
    const char *id = tn_device_get_id(device);
    int bus = find_selector(self, function->bus);

    if (bus < 0) {
        set_not_hotpluggable(function->bus, error);
        return FALSE;
    }
    if (self->buses[bus].fixed & (1U << slot)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Device '%s' does not support hotplugging",
                    tn_object_get_type_name(TN_OBJECT(device)));
        return FALSE;
    }
    if (tn_device_is_pending_unplug(device) && was_asked_in_vain(self)) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Device %s is already in the process of unplug", id ? id : "");
        return FALSE;
    }
    tn_device_set_pending_unplug(device, TRUE);
    tn_acpi_pci_hotplug_unplug_request(self->controller, (unsigned)bus, slot);
    return TRUE;
}

static void
pci_unplug(gpointer opaque, TnDevice *device)
{
    TnPcPciHotplug *self = opaque;
    TnPciDevice *function = TN_PCI_DEVICE(device);
    unsigned slot = (unsigned)TN_PCI_SLOT(function->devfn);
    int bus = find_selector(self, function->bus);
    g_autoptr(GPtrArray) functions = NULL;

    if (bus < 0) {
        return;
    }
    functions = get_functions(function->bus, slot);
    if (functions->len == 1) {
        tn_acpi_pci_hotplug_unplug(self->controller, (unsigned)bus, slot);
    }
}

static const TnPcHotplugRow pci_row = {
    .pre_plug = pci_pre_plug,
    .plug = pci_plug,
    .unplug_request = pci_unplug_request,
    .unplug = pci_unplug,
};

static void
ejected(void *opaque, unsigned bus, unsigned slot)
{
    TnPcPciHotplug *self = opaque;
    g_autoptr(GPtrArray) functions = NULL;

    if (bus >= self->num_buses) {
        return;
    }
    functions = get_functions(self->buses[bus].bus, slot);
    for (guint i = 0; i < functions->len; i++) {
        tn_hotplug_handler_unplug(TN_HOTPLUG_HANDLER(self->handler),
                                  g_ptr_array_index(functions, i));
    }
}

/* DEVICE_UNPLUG_GUEST_ERROR for each function that somebody wanted back. */
static void
refused(void *opaque, const TnAcpiPciOst *ost)
{
    TnPcPciHotplug *self = opaque;
    g_autoptr(GPtrArray) functions = NULL;

    if (ost->bus >= self->num_buses) {
        return;
    }
    functions = get_functions(self->buses[ost->bus].bus, ost->slot);
    for (guint i = 0; i < functions->len; i++) {
        TnDevice *device = g_ptr_array_index(functions, i);
        if (!tn_device_is_pending_unplug(device)) {
            continue;
        }
        tn_device_set_pending_unplug(device, FALSE);
        tn_log("guest refused to eject slot %u of PCI bus %s: %s (0x%x)", ost->slot,
               tn_object_get_name(TN_OBJECT(self->buses[ost->bus].bus)),
               tn_acpi_ost_status_text(ost->status), ost->status);
        tn_acpi_ost_emit_refusal(self->platform->events, device);
    }
}

static void
reset(void *opaque)
{
    TnPcPciHotplug *self = opaque;

    tn_acpi_pci_hotplug_reset(self->controller);
}

TnPcPciHotplug *
tn_pc_pci_hotplug_new(const TnPcHotplugConfig *config, TnPcHotplug *handler)
{
    TnPcPciHotplug *self = g_new0(TnPcPciHotplug, 1);
    const TnPlatform *platform = config->platform;
    const TnAcpiPciHotplugConfig controller = {
        .memory = platform->memory,
        .io = platform->system_io,
        .port = TN_ACPI_PCI_HOTPLUG_PORT,
        .gpe = config->gpe,
        .trace = platform->trace,
        .ejected = ejected,
        .refused = refused,
        .opaque = self,
    };

    self->platform = platform;
    self->root = config->pci_bus;
    self->with_root = config->hotplug_on_root;
    self->with_bridges = config->hotplug_behind_bridges;
    self->handler = handler;
    self->controller = tn_acpi_pci_hotplug_new(&controller);
    if (self->with_root) {
        add_bus(self, self->root);
    }
    tn_reset_register(platform->reset, reset, self);
    tn_pc_hotplug_add_row(handler, TN_TYPE_PCI_DEVICE, &pci_row, self);
    return self;
}

void
tn_pc_pci_hotplug_settle(TnPcPciHotplug *self)
{
    if (self->with_bridges) {
        add_buses_behind(self, self->root);
    }
}

void
tn_pc_pci_hotplug_free(TnPcPciHotplug *self)
{
    if (!self) {
        return;
    }
    tn_reset_unregister(self->platform->reset, reset, self);
    tn_acpi_pci_hotplug_free(self->controller);
    g_free(self);
}

unsigned
tn_pc_pci_hotplug_describe(TnPcPciHotplug *self, TnAcpiPciBus *ret_buses)
{
    unsigned first = 0;

    if (self->num_buses > 0 && self->buses[0].bus != self->root) {
        ret_buses[first++] = (TnAcpiPciBus){ .parent = -1, .selector = -1 };
    }
    for (unsigned i = 0; i < self->num_buses; i++) {
        TnPciDevice *bridge = tn_pci_bus_get_bridge(self->buses[i].bus);
        TnAcpiPciBus *described = &ret_buses[first + i];

        *described = (TnAcpiPciBus){ .parent = -1, .selector = (int)i };
        described->slots = ~self->buses[i].fixed;
        if (bridge) {
            /* Only the root bus can have behind it what has a selector, having none. */
            described->parent = find_selector(self, bridge->bus) + (int)first;
            described->parent = MAX(described->parent, 0);
            described->devfn = (unsigned)bridge->devfn;
        }
    }
    return first + self->num_buses;
}

static void
describe_slot(TnPcPciHotplug *self, unsigned bus, unsigned slot, TnAcpiSlotFunc func,
              gpointer user_data)
{
    g_autoptr(GPtrArray) functions = get_functions(self->buses[bus].bus, slot);
    g_autofree char *path = NULL;
    TnAcpiPciSlot shown;
    TnAcpiSlotInfo info = { .kind = "PCI", .slot = slot, .functions = functions->len };

    info.bus = tn_object_get_name(TN_OBJECT(self->buses[bus].bus));
    tn_acpi_pci_hotplug_get_slot(self->controller, bus, slot, &shown);
    for (guint i = 0; i < functions->len; i++) {
        TnDevice *device = g_ptr_array_index(functions, i);

        info.device = tn_device_get_id(device);
        info.pending = info.pending || tn_device_is_pending_unplug(device);
        g_free(path);
        path = tn_object_get_path(TN_OBJECT(device));
    }
    info.path = path;
    info.enabled = functions->len > 0;
    info.inserting = shown.inserting;
    info.removing = shown.removing;
    info.removable = shown.removable;
    info.has_ost = shown.has_ost;
    info.ost_source = shown.ost_source;
    info.ost_status = shown.ost_status;
    func(&info, user_data);
}

void
tn_pc_pci_hotplug_foreach_slot(TnPcPciHotplug *self, TnAcpiSlotFunc func, gpointer user_data)
{
    for (unsigned bus = 0; bus < self->num_buses; bus++) {
        for (unsigned slot = 0; slot < TN_ACPI_PCI_HOTPLUG_SLOTS; slot++) {
            describe_slot(self, bus, slot, func, user_data);
        }
    }
}
