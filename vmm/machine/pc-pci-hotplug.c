/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a PCI function comes and goes:
 *
 *   pre_plug: acpi-index, a bus that can take it, no function 0 in its slot: refuse
 *   (realize: the function answers on the bus)
 *   plug: the slot's "up" bit, GPE 1 -> SCI
 *   unplug_request: the slot's "down" bit, GPE 1 -> SCI; the guest answers by an eject, or
 *     by an _OST that says why not; a machine's reset ejects as well
 *   unplug: every function of the slot, function 0 last: unrealize, unparent, DEVICE_DELETED
 */
#include "vmm/machine/pc-pci-hotplug.h"

#include "vmm/acpi/ost.h"
#include "vmm/acpi/pci-hotplug.h"
#include "vmm/core/clock.h"
#include "vmm/core/log.h"
#include "vmm/core/reset.h"

#define FUNCTIONS 8
/* QEMU's limit: systemd takes no greater number for a name. */
#define MAX_ACPI_INDEX 16383

struct TnPcPciHotplug {
    const TnPlatform *platform;
    TnPciBus *bus;
    TnPcHotplug *handler;
    TnAcpiPciHotplug *controller;
    guint32 fixed; /* slots with a function that cannot go, a bit each */
};

static gboolean
is_hotpluggable(TnPciDevice *device)
{
    return TN_DEVICE_GET_CLASS(device)->hotpluggable;
}

/* The functions that are in @slot, function 0 last. (transfer full): of references. */
static GPtrArray *
get_functions(TnPcPciHotplug *self, unsigned slot)
{
    GPtrArray *functions = g_ptr_array_new_with_free_func(g_object_unref);

    for (int f = FUNCTIONS - 1; f >= 0; f--) {
        TnPciDevice *device = tn_pci_bus_get_device(self->bus, (int)TN_PCI_DEVFN(slot, f));

        if (device) {
            g_ptr_array_add(functions, g_object_ref(device));
        }
    }
    return functions;
}

/* A slot goes as a whole or not at all. */
static void
note_fixed(TnPcPciHotplug *self, TnPciDevice *device)
{
    unsigned slot = (unsigned)TN_PCI_SLOT(device->devfn);

    if (!is_hotpluggable(device)) {
        self->fixed |= 1U << slot;
        tn_acpi_pci_hotplug_set_removable(self->controller, slot, FALSE);
    }
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
    for (int i = 0; device->acpi_index != 0 && i < TN_PCI_BUS_DEVFNS; i++) {
        TnPciDevice *other = tn_pci_bus_get_device(self->bus, i);

        if (other && other->acpi_index == device->acpi_index) {
            g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                        "a PCI device with acpi-index = %u already exist", device->acpi_index);
            return FALSE;
        }
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
    if (function->bus && function->bus != self->bus) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Bus '%s' does not support hotplugging",
                    tn_object_get_name(TN_OBJECT(function->bus)));
        return FALSE;
    }
    if (function->devfn == TN_PCI_DEVFN_AUTO ||
        tn_pci_bus_get_device(self->bus, function->devfn)) {
        return TRUE; /* the bus finds a place, or says who is there */
    }
    /* The guest looks at a slot when function 0 is there, and not again. */
    first = tn_pci_bus_get_device(self->bus, TN_PCI_DEVFN(TN_PCI_SLOT(function->devfn), 0));
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

    if (function->bus != self->bus) {
        return;
    }
    note_fixed(self, function);
    if (function->acpi_index != 0) {
        tn_acpi_pci_hotplug_set_index(self->controller,
                                      (unsigned)TN_PCI_SLOT(function->devfn),
                                      function->acpi_index);
    }
    if (tn_device_is_hotplugged(device)) {
        tn_acpi_pci_hotplug_plug(self->controller, (unsigned)TN_PCI_SLOT(function->devfn));
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

    if (function->bus != self->bus) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "Bus '%s' does not support hotplugging",
                    tn_object_get_name(TN_OBJECT(function->bus)));
        return FALSE;
    }
    if (self->fixed & (1U << slot)) {
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
    tn_acpi_pci_hotplug_unplug_request(self->controller, slot);
    return TRUE;
}

static void
pci_unplug(gpointer opaque, TnDevice *device)
{
    TnPcPciHotplug *self = opaque;
    TnPciDevice *function = TN_PCI_DEVICE(device);
    unsigned slot = (unsigned)TN_PCI_SLOT(function->devfn);
    g_autoptr(GPtrArray) functions = NULL;

    if (function->bus != self->bus) {
        return;
    }
    functions = get_functions(self, slot);
    if (functions->len == 1) {
        tn_acpi_pci_hotplug_unplug(self->controller, slot);
    }
}

static const TnPcHotplugRow pci_row = {
    .pre_plug = pci_pre_plug,
    .plug = pci_plug,
    .unplug_request = pci_unplug_request,
    .unplug = pci_unplug,
};

static void
ejected(void *opaque, unsigned slot)
{
    TnPcPciHotplug *self = opaque;
    g_autoptr(GPtrArray) functions = get_functions(self, slot);

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
    g_autoptr(GPtrArray) functions = get_functions(self, ost->slot);

    for (guint i = 0; i < functions->len; i++) {
        TnDevice *device = g_ptr_array_index(functions, i);
        if (!tn_device_is_pending_unplug(device)) {
            continue;
        }
        tn_device_set_pending_unplug(device, FALSE);
        tn_log("guest refused to eject PCI slot %u: %s (0x%x)", ost->slot,
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
tn_pc_pci_hotplug_new(const TnPlatform *platform, TnAcpiGpe *gpe, TnPciBus *bus,
                      TnPcHotplug *handler)
{
    TnPcPciHotplug *self = g_new0(TnPcPciHotplug, 1);
    const TnAcpiPciHotplugConfig config = {
        .memory = platform->memory,
        .io = platform->system_io,
        .port = TN_ACPI_PCI_HOTPLUG_PORT,
        .gpe = gpe,
        .trace = platform->trace,
        .ejected = ejected,
        .refused = refused,
        .opaque = self,
    };

    self->platform = platform;
    self->bus = bus;
    self->handler = handler;
    self->controller = tn_acpi_pci_hotplug_new(&config);
    for (int devfn = 0; devfn < TN_PCI_BUS_DEVFNS; devfn++) {
        TnPciDevice *device = tn_pci_bus_get_device(bus, devfn);

        if (device) {
            note_fixed(self, device);
        }
    }
    tn_reset_register(platform->reset, reset, self);
    tn_pc_hotplug_add_row(handler, TN_TYPE_PCI_DEVICE, &pci_row, self);
    return self;
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

guint32
tn_pc_pci_hotplug_get_slots(TnPcPciHotplug *self)
{
    return ~self->fixed;
}

static void
describe_slot(TnPcPciHotplug *self, unsigned slot, TnAcpiSlotFunc func, gpointer user_data)
{
    g_autoptr(GPtrArray) functions = get_functions(self, slot);
    g_autofree char *path = NULL;
    TnAcpiPciSlot shown;
    TnAcpiSlotInfo info = { .kind = "PCI", .slot = slot, .functions = functions->len };

    tn_acpi_pci_hotplug_get_slot(self->controller, slot, &shown);
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
    for (unsigned slot = 0; slot < TN_ACPI_PCI_HOTPLUG_SLOTS; slot++) {
        describe_slot(self, slot, func, user_data);
    }
}
