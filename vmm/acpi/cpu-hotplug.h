/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU-hotplug controller: I/O ports through which the guest learns of CPUs that
 * come and go, and answers. docs/specs/acpi-cpu-hotplug.md.
 *
 * Threads: ports are read and written on any thread; everything else is called
 * on the main thread, where the callback runs as well.
 */
#pragma once

#include "vmm/acpi/aml.h"
#include "vmm/acpi/gpe.h"
#include "vmm/acpi/tables.h"
#include "vmm/core/device.h"
#include "vmm/core/events.h"
#include "vmm/core/state-table.h"
#include "vmm/memory/region.h"

#define TN_ACPI_CPU_HOTPLUG_PORT 0xaf00
/* Ports in the modern mode, and in the one that the machine starts in. */
#define TN_ACPI_CPU_HOTPLUG_LENGTH 12
#define TN_ACPI_CPU_HOTPLUG_LEGACY_LENGTH 32
/* The GPE that announces a change. */
#define TN_ACPI_CPU_HOTPLUG_GPE 2
#define TN_ACPI_CPU_HOTPLUG_MAX_CPUS 255

typedef struct TnAcpiCpuHotplug TnAcpiCpuHotplug;

/**
 * TnAcpiCpuHotplugConfig:
 * @memory, @io: the ports go into the container @io at offset @port; outlive the controller.
 * @gpe: whose bit 2 is raised; outlives it too.
 * @events: for ACPI_DEVICE_OST, DEVICE_UNPLUG_GUEST_ERROR; may be NULL.
 * @apic_ids: of each possible CPU, by index; copied.
 * @cpus: 1 .. TN_ACPI_CPU_HOTPLUG_MAX_CPUS.
 * @ejected: the guest has let go of @device: unplug it now. It ends by calling
 *   tn_acpi_cpu_hotplug_unplug().
 */
typedef struct TnAcpiCpuHotplugConfig {
    TnMemory *memory;
    TnMemoryRegion *io;
    guint16 port;
    TnAcpiGpe *gpe;
    TnEvents *events;
    const guint32 *apic_ids;
    unsigned cpus;
    void (*ejected)(void *opaque, TnDevice *device);
    void *opaque;
} TnAcpiCpuHotplugConfig;

TnAcpiCpuHotplug *tn_acpi_cpu_hotplug_new(const TnAcpiCpuHotplugConfig *config);
/* Takes the ports away. What the guest asked for and nobody did yet is dropped. NULL is fine. */
void tn_acpi_cpu_hotplug_free(TnAcpiCpuHotplug *self);

/* @device (transfer none; stays until unplug) is the CPU @index, which was not there.
 * @notify: tell the guest (hot plug); without it the guest finds the CPU when it boots. */
void tn_acpi_cpu_hotplug_plug(TnAcpiCpuHotplug *self, unsigned index, TnDevice *device,
                              gboolean notify);
/* Asks the guest to let go of CPU @index; asking again is fine. FALSE in the legacy mode,
 * in which it would not hear of it. */
gboolean tn_acpi_cpu_hotplug_unplug_request(TnAcpiCpuHotplug *self, unsigned index);
/* The CPU is gone; its place keeps the last _OST. */
void tn_acpi_cpu_hotplug_unplug(TnAcpiCpuHotplug *self, unsigned index);

/* Whether the guest has left the legacy mode. */
gboolean tn_acpi_cpu_hotplug_is_modern(TnAcpiCpuHotplug *self);

/* The last _OST on CPU @index, and who is there (NULL: nobody). */
void tn_acpi_cpu_hotplug_get_ost(TnAcpiCpuHotplug *self, unsigned index, TnDevice **ret_device,
                                 guint32 *ret_source, guint32 *ret_status);

/* Bits of the flags register; of the control register from INSERTING on. */
enum {
    TN_ACPI_CPU_ENABLED = 1 << 0,
    TN_ACPI_CPU_INSERTING = 1 << 1,
    TN_ACPI_CPU_REMOVING = 1 << 2,
    TN_ACPI_CPU_EJECT = 1 << 3, /* write only */
    TN_ACPI_CPU_FIRMWARE = 1 << 4,
};
guint8 tn_acpi_cpu_hotplug_get_flags(TnAcpiCpuHotplug *self, unsigned index);

/* The registers' state: what save and restore walk, from a TnAcpiCpuHotplug. */
extern const TnStateTable tn_acpi_cpu_hotplug_state;

/**
 * tn_acpi_cpu_hotplug_aml:
 * Adds to the DSDT @dsdt the ports' device \_SB.PRES, \_SB.CPUS with one processor for
 * each of the @count @cpus, and the GPE handler \_GPE._E02, for a controller at @port.
 * @nodes: whether to tell the processors' NUMA nodes.
 */
void tn_acpi_cpu_hotplug_aml(TnAml *dsdt, const TnAcpiCpu *cpus, unsigned count, gboolean nodes,
                             guint16 port);
