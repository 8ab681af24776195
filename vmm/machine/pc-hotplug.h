/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the pc machine does when a device comes or goes: its TnHotplugHandler.
 * A row per kind of device says how; a device of no row just realizes and cannot
 * be unplugged. DIMMs have the first row: slots, the device-memory window and the
 * ACPI controller are kept here. PCI functions have theirs in pc-pci-hotplug.h. Main thread.
 */
#pragma once

#include "vmm/acpi/gpe.h"
#include "vmm/acpi/pci-hotplug.h"
#include "vmm/core/hotplug-handler.h"
#include "vmm/machine/machine.h"
#include "vmm/memory/range.h"
#include "vmm/pci/bus.h"

G_BEGIN_DECLS

#define TN_TYPE_PC_HOTPLUG (tn_pc_hotplug_get_type())
G_DECLARE_FINAL_TYPE(TnPcHotplug, tn_pc_hotplug, TN, PC_HOTPLUG, GObject)

/**
 * TnPcHotplugConfig:
 * @platform: memory, system_memory, system_io, events and fast_path are used; outlives the handler.
 * @gpe: the PM device's; NULL only without @ram_slots and @pci_bus.
 * @pci_bus: (transfer none): where PCI functions come and go; NULL: nowhere.
 * @hotplug_on_root, @hotplug_behind_bridges: on which buses; TN_TYPE_PIIX4_PM's properties.
 * @ram_end: end of the RAM above 4 GiB (4 GiB when there is none).
 * @ram_size, @max_ram_size, @ram_slots: as -m said.
 * @num_nodes: NUMA nodes, 0 like 1.
 */
typedef struct TnPcHotplugConfig {
    const TnPlatform *platform;
    TnAcpiGpe *gpe;
    TnPciBus *pci_bus;
    gboolean hotplug_on_root, hotplug_behind_bridges;
    guint64 ram_end;
    guint64 ram_size, max_ram_size;
    unsigned ram_slots;
    unsigned num_nodes;
} TnPcHotplugConfig;

/**
 * tn_pc_hotplug_new:
 * Puts the region "device-memory" and the controller's ports into place. The
 * machine then stores it in platform->hotplug.
 * @error: what tn_device_memory_new() says.
 * Returns: (transfer full).
 */
TnPcHotplug *tn_pc_hotplug_new(const TnPcHotplugConfig *config, GError **error);

/* Takes every DIMM out (unrealized, not unparented, nobody is told), then ports
 * and window. Before the PM device and the memory core go; the object can only
 * be unreferenced afterwards. */
void tn_pc_hotplug_shut_down(TnPcHotplug *self);

/* For the SRAT: FALSE, *@ret_window untouched, when nothing can be plugged. */
gboolean tn_pc_hotplug_get_window(TnPcHotplug *self, TnRange *ret_window);

/* Bytes of plugged DIMMs, for query-memory-size-summary. */
guint64 tn_pc_hotplug_get_plugged_size(TnPcHotplug *self);

/* Plugged DIMMs by ascending address; the info is valid during the callback. */
void tn_pc_hotplug_foreach_memory_device(TnPcHotplug *self, TnMemoryDeviceFunc func,
                                         gpointer user_data);

/* One call per DIMM slot, in order; the info is valid during the callback. */
void tn_pc_hotplug_foreach_ospm_status(TnPcHotplug *self, TnOspmFunc func, gpointer user_data);

/* Every slot of every kind, in order; the info is valid during the callback. */
void tn_pc_hotplug_foreach_acpi_slot(TnPcHotplug *self, TnAcpiSlotFunc func, gpointer user_data);

/* The user's cold-plugged devices are there: the buses behind bridges can be told of. Once. */
void tn_pc_hotplug_settle(TnPcHotplug *self);

/* For the tables: what tn_pc_pci_hotplug_describe() says; 0 without a bus. */
unsigned tn_pc_hotplug_describe_pci(TnPcHotplug *self, TnAcpiPciBus *ret_buses);

/**
 * TnPcHotplugRow:
 * How one kind of device is plugged; members as in TnHotplugHandlerInterface.
 * @unplug takes the device out of the machine; unrealizing, unparenting and
 * DEVICE_DELETED are done for all kinds by the handler afterwards.
 */
typedef struct TnPcHotplugRow {
    gboolean (*pre_plug)(gpointer opaque, TnDevice *device, GError **error);
    gboolean (*claim)(gpointer opaque, TnDevice *device, GError **error);
    void (*plug)(gpointer opaque, TnDevice *device);
    gboolean (*unplug_request)(gpointer opaque, TnDevice *device, GError **error);
    void (*unplug)(gpointer opaque, TnDevice *device);
} TnPcHotplugRow;

/* For devices that are a @type and have no earlier row. @row and @opaque outlive the handler. */
void tn_pc_hotplug_add_row(TnPcHotplug *self, GType type, const TnPcHotplugRow *row,
                           gpointer opaque);

G_END_DECLS
