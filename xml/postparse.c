/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completing a definition, as the QEMU driver would: what the document left open is written out. */
#include "xml/device-private.h"
#include "xml/domain-private.h"

static gboolean
complete_uuid(TnDomainDef *def, const TnXmlHost *host, GError **error)
{
    if (def->has_uuid) {
        return TRUE;
    }
    if (host == NULL || host->new_uuid == NULL) {
        tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "Failed to generate UUID");
        return FALSE;
    }
    host->new_uuid(def->uuid, host->user_data);
    /* A random UUID says so: RFC 4122, sections 4.1.1 and 4.1.3. */
    def->uuid[6] = (guint8) ((def->uuid[6] & 0x0f) | 0x40);
    def->uuid[8] = (guint8) ((def->uuid[8] & 0x3f) | 0x80);
    def->has_uuid = TRUE;
    return TRUE;
}

/* <memory> counts the DIMMs; with NUMA cells their sum is what the guest boots with. */
static void
complete_memory(TnDomainDef *def)
{
    TnDomainMemory *memory = &def->memory;
    guint64 dimms = 0;
    guint64 total;

    if (def->cpu.cells->len > 0) {
        memory->initial_kib = tn_domain_numa_memory(&def->cpu);
    } else if (memory->given_total_kib != 0) {
        for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
            dimms = tn_xml_add_saturated(dimms, tn_domain_def_memory_device(def, i)->size_kib);
        }
        memory->initial_kib = memory->given_total_kib > dimms ? memory->given_total_kib - dimms
                                                              : 0;
    }
    memory->given_total_kib = 0;
    total = tn_domain_def_memory_total(def);
    if (memory->current_kib == 0 || memory->current_kib > total) {
        memory->current_kib = total;
    }
}

/* A console without a serial port brings the port along, as ever since there were no ports. */
static void
add_serial_for_console(TnDomainDef *def)
{
    TnConsoleDevice *console;
    TnSerialDevice *serial;

    if (tn_domain_def_n_devices(def, TN_DEVICE_CONSOLE) == 0 ||
        tn_domain_def_n_devices(def, TN_DEVICE_SERIAL) > 0) {
        return;
    }
    console = tn_domain_def_console(def, 0);
    serial = (TnSerialDevice *) tn_device_new(TN_DEVICE_SERIAL);
    serial->port = console->port;
    serial->base.info = console->base.info;
    serial->base.info.alias = g_strdup(console->base.info.alias);
    tn_chardev_assign(&serial->source, &console->source);
    g_ptr_array_add(def->devices[TN_DEVICE_SERIAL], serial);
}

/* The first console is the first serial port under another name. */
static void
twin_console(TnDomainDef *def)
{
    const TnSerialDevice *serial;
    TnConsoleDevice *console;

    if (tn_domain_def_n_devices(def, TN_DEVICE_SERIAL) == 0) {
        return;
    }
    serial = tn_domain_def_serial(def, 0);
    if (tn_domain_def_n_devices(def, TN_DEVICE_CONSOLE) == 0) {
        g_ptr_array_add(def->devices[TN_DEVICE_CONSOLE], tn_device_new(TN_DEVICE_CONSOLE));
    }
    console = tn_domain_def_console(def, 0);
    tn_chardev_assign(&console->source, &serial->source);
    tn_device_info_set_alias(&console->base.info, serial->base.info.alias);
    console->base.info.address_type = serial->base.info.address_type;
    console->base.info.address = serial->base.info.address;
    console->port = serial->port;
    console->twin = TRUE;
}

static gboolean
complete_serials(TnDomainDef *def, GError **error)
{
    add_serial_for_console(def);
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_SERIAL); i++) {
        if (!tn_domain_def_assign_address(def, tn_domain_def_device(def, TN_DEVICE_SERIAL, i),
                                          error)) {
            return FALSE;
        }
    }
    twin_console(def);
    for (guint i = 1; i < tn_domain_def_n_devices(def, TN_DEVICE_CONSOLE); i++) {
        TnConsoleDevice *console = tn_domain_def_console(def, i);

        console->port = console->port >= 0 ? console->port : (int) i;
    }
    return TRUE;
}

static TnControllerDevice *
controller_at(const TnDomainDef *def, guint i)
{
    return (TnControllerDevice *) tn_domain_def_device(def, TN_DEVICE_CONTROLLER, i);
}

static gboolean
has_controller(const TnDomainDef *def, TnControllerType type, int index)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        if (controller_at(def, i)->type == type && controller_at(def, i)->index == index) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Numbers the controllers of @type that have no index; the first of them is there in any case. */
static void
complete_controller(TnDomainDef *def, TnControllerType type, const char *model)
{
    TnControllerDevice *controller;
    int index = 0;

    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        controller = controller_at(def, i);
        if (controller->type != type || controller->index >= 0) {
            continue;
        }
        while (has_controller(def, type, index)) {
            index++;
        }
        controller->index = index;
    }
    if (!has_controller(def, type, 0)) {
        controller = (TnControllerDevice *) tn_device_new(TN_DEVICE_CONTROLLER);
        controller->type = type;
        controller->model = g_strdup(model);
        controller->chassis_nr = -1;
        g_ptr_array_add(def->devices[TN_DEVICE_CONTROLLER], controller);
    }
}

/* A bridge's chassis is numbered like its bus. */
static gboolean
complete_bridges(TnDomainDef *def, GError **error)
{
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_CONTROLLER); i++) {
        TnControllerDevice *controller = controller_at(def, i);

        if (!tn_controller_is_bridge(controller)) {
            continue;
        }
        if (controller->index == 0) {
            tn_xml_error_set(error, TN_XML_ERROR_XML,
                             "The PCI controller with index='0' must be model='pci-root' for this "
                             "machine type, but model='%s' was found instead", controller->model);
            return FALSE;
        }
        if (controller->chassis_nr < 0) {
            controller->chassis_nr = controller->index;
        }
    }
    return TRUE;
}

/* libvirt reads "no balloon element" as a virtio balloon; this guest has none, and says so. */
static void
complete_memballoon(TnDomainDef *def)
{
    if (tn_domain_def_n_devices(def, TN_DEVICE_MEMBALLOON) == 0) {
        g_ptr_array_add(def->devices[TN_DEVICE_MEMBALLOON], tn_device_new(TN_DEVICE_MEMBALLOON));
    }
}

/* Those who name their address come first: the others go round them. */
static gboolean
complete_pci_addresses(TnDomainDef *def, GError **error)
{
    if (!tn_pci_buses_complete(def, NULL, error)) {
        return FALSE;
    }
    for (int kind = 0; kind < TN_DEVICE_LAST; kind++) {
        for (guint i = 0; i < def->devices[kind]->len; i++) {
            TnDevice *device = g_ptr_array_index(def->devices[kind], i);

            if (tn_device_is_on_pci(device) && !tn_device_assign_pci(def, device, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

static gboolean
complete_slots(TnDomainDef *def, GError **error)
{
    if (def->memory.slots == 0) {
        return TRUE;
    }
    for (guint i = 0; i < tn_domain_def_n_devices(def, TN_DEVICE_MEMORY); i++) {
        TnDevice *device = tn_domain_def_device(def, TN_DEVICE_MEMORY, i);

        if (device->info.address_type == TN_ADDRESS_NONE &&
            tn_domain_def_free_memory_slot(def) < 0) {
            tn_xml_error_set(error, TN_XML_ERROR_INTERNAL, "failed to find an empty memory slot");
            return FALSE;
        }
        if (!tn_domain_def_assign_address(def, device, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
tn_domain_def_postparse(TnDomainDef *def, const TnXmlHost *host, GError **error)
{
    if (!complete_uuid(def, host, error) || !tn_domain_os_postparse(def, host, error)) {
        return FALSE;
    }
    if (def->emulator == NULL && host != NULL) {
        def->emulator = g_strdup(host->emulator);
    }
    tn_domain_cpu_postparse(def);
    complete_memory(def);
    if (!complete_serials(def, error)) {
        return FALSE;
    }
    complete_controller(def, TN_CONTROLLER_USB, "none");
    complete_controller(def, TN_CONTROLLER_PCI, "pci-root");
    complete_memballoon(def);
    return complete_bridges(def, error) && complete_pci_addresses(def, error) &&
           complete_slots(def, error);
}
