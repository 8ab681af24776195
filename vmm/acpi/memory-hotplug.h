/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory-hotplug controller: 24 bytes of I/O ports through which the guest
 * learns of DIMMs that come and go, and answers. docs/specs/acpi-memory-hotplug.md.
 *
 * Threads: ports are read and written on any thread; everything else is called
 * on the main thread, where the callbacks run as well.
 */
#pragma once

#include "vmm/acpi/aml.h"
#include "vmm/acpi/gpe.h"
#include "vmm/core/device.h"
#include "vmm/core/events.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/memory/region.h"

#define TN_ACPI_MEMORY_HOTPLUG_PORT 0xa00
#define TN_ACPI_MEMORY_HOTPLUG_LENGTH 24
/* The GPE that announces a change. */
#define TN_ACPI_MEMORY_HOTPLUG_GPE 3
#define TN_ACPI_MEMORY_HOTPLUG_MAX_SLOTS 256

typedef struct TnAcpiMemoryHotplug TnAcpiMemoryHotplug;

/**
 * TnAcpiMemoryHotplugConfig:
 * @memory, @io: the ports go into the container @io at offset @port; outlive the controller.
 * @gpe: whose bit 3 is raised; outlives it too.
 * @events: for ACPI_DEVICE_OST, MEM_UNPLUG_ERROR, DEVICE_UNPLUG_GUEST_ERROR; may be NULL.
 * @trace: may be NULL.
 * @slots: 1 .. TN_ACPI_MEMORY_HOTPLUG_MAX_SLOTS.
 * @ejected: the guest has let go of @device: unplug it now. It ends by calling
 *   tn_acpi_memory_hotplug_unplug().
 */
typedef struct TnAcpiMemoryHotplugConfig {
    TnMemory *memory;
    TnMemoryRegion *io;
    guint16 port;
    TnAcpiGpe *gpe;
    TnEvents *events;
    TnHotplugTrace *trace;
    unsigned slots;
    void (*ejected)(void *opaque, TnDevice *device);
    void *opaque;
} TnAcpiMemoryHotplugConfig;

TnAcpiMemoryHotplug *tn_acpi_memory_hotplug_new(const TnAcpiMemoryHotplugConfig *config);
/* Takes the ports away. What the guest asked for and nobody did yet is dropped. NULL is fine. */
void tn_acpi_memory_hotplug_free(TnAcpiMemoryHotplug *self);

/* What a slot shows of its DIMM. */
typedef struct TnAcpiMemoryDevice {
    TnDevice *device; /* (transfer none); stays until unplug */
    guint64 addr, size;
    guint32 node;
} TnAcpiMemoryDevice;

/* Puts a DIMM into the free slot @slot. @notify: tell the guest (hot plug);
 * without it the guest finds the DIMM when it boots. */
void tn_acpi_memory_hotplug_plug(TnAcpiMemoryHotplug *self, unsigned slot,
                                 const TnAcpiMemoryDevice *device, gboolean notify);
/* Asks the guest to let go of what is in @slot; asking again is fine. */
void tn_acpi_memory_hotplug_unplug_request(TnAcpiMemoryHotplug *self, unsigned slot);
/* The DIMM is gone; the slot keeps its last _OST. */
void tn_acpi_memory_hotplug_unplug(TnAcpiMemoryHotplug *self, unsigned slot);

/* The last _OST of @slot, and who is in it (NULL: nobody). */
typedef struct TnAcpiOst {
    TnDevice *device;
    guint32 source, status;
} TnAcpiOst;
void tn_acpi_memory_hotplug_get_ost(TnAcpiMemoryHotplug *self, unsigned slot, TnAcpiOst *ret_ost);

/* Registers as query commands and tests show them: bits of the flags register. */
enum {
    TN_ACPI_MEMORY_ENABLED = 1 << 0,
    TN_ACPI_MEMORY_INSERTING = 1 << 1,
    TN_ACPI_MEMORY_REMOVING = 1 << 2,
    TN_ACPI_MEMORY_EJECT = 1 << 3, /* write only */
};
guint8 tn_acpi_memory_hotplug_get_flags(TnAcpiMemoryHotplug *self, unsigned slot);

/**
 * tn_acpi_memory_hotplug_aml:
 * Adds to the DSDT @dsdt the device \_SB.MHPC with one memory device a slot, and
 * the GPE handler \_GPE._E03, for a controller of @slots slots at @port.
 */
void tn_acpi_memory_hotplug_aml(TnAml *dsdt, unsigned slots, guint16 port);
