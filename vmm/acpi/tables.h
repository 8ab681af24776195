/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ACPI's static tables, written one after the other into a blob that lies at a
 * known guest address. "ACPI" in the citations is the ACPI Specification 6.3.
 * Threads: any, one at a time per blob.
 */
#pragma once

#include <glib.h>

typedef struct TnAcpiBlob TnAcpiBlob;

/* A blob for guest address @base (a multiple of 64) that begins with room for the RSDP. */
TnAcpiBlob *tn_acpi_blob_new(guint64 base);
void tn_acpi_blob_free(TnAcpiBlob *blob);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnAcpiBlob, tn_acpi_blob_free)

/* The guest address of every table but FACS and DSDT, in the order of their
 * addition, is listed in the XSDT; it and the RSDP (5.2.5.3) are written by this
 * function, which ends the blob. (transfer full) */
GBytes *tn_acpi_blob_finish(TnAcpiBlob *blob);

#define TN_ACPI_FACS_WAKING_VECTOR 12 /* offset of the 32-bit one */
/* 5.2.10 Firmware ACPI Control Structure. Returns: its guest address. */
guint64 tn_acpi_blob_add_facs(TnAcpiBlob *blob);

/* 5.2.11.1 DSDT of the AML bytes @aml. Returns: its guest address. */
guint64 tn_acpi_blob_add_dsdt(TnAcpiBlob *blob, const GByteArray *aml);

/* 5.2.9 FADT. All ports are in I/O space. */
typedef struct TnAcpiFadt {
    guint64 facs, dsdt;      /* guest addresses */
    unsigned sci;            /* interrupt of the SCI */
    guint16 pm1_event;       /* 4 bytes: PM1a status and enable */
    guint16 pm1_control;     /* 2 bytes */
    guint16 pm_timer;        /* 4 bytes, 24 bits count */
    guint16 gpe0;            /* status and enable, half of gpe0_length each */
    guint8 gpe0_length;
    guint16 reset_port;      /* 0: no reset register */
    guint8 reset_value;
    gboolean i8042;          /* there is a keyboard controller with a keyboard */
    guint8 century;          /* index of the century in the RTC's RAM, 0: none */
} TnAcpiFadt;
void tn_acpi_blob_add_fadt(TnAcpiBlob *blob, const TnAcpiFadt *fadt);

/* 5.2.12.5 Interrupt Source Override: an ISA interrupt that is not edge
 * triggered, active high, or not on the GSI of its number. */
typedef struct TnAcpiIrqOverride {
    guint8 irq;
    guint32 gsi;
    gboolean level; /* level triggered and active high; else as ISA has it */
} TnAcpiIrqOverride;

/* One possible processor; its UID is its place in the array. */
typedef struct TnAcpiCpu {
    guint8 apic_id;
    guint8 node;      /* NUMA node, 0 without any */
    gboolean present; /* is there now; else it may be plugged */
} TnAcpiCpu;

/* 5.2.12 MADT: the possible processors, one IOAPIC at GSI 0, NMI on LINT1 of every
 * processor. Those that are not there are not "enabled", which in this revision of the
 * table says that they may come. */
typedef struct TnAcpiMadt {
    const TnAcpiCpu *cpus;
    unsigned num_cpus; /* 1..255 */
    guint32 lapic_address, ioapic_address;
    guint8 ioapic_id;
    const TnAcpiIrqOverride *overrides;
    unsigned num_overrides;
} TnAcpiMadt;
void tn_acpi_blob_add_madt(TnAcpiBlob *blob, const TnAcpiMadt *madt);

/* 5.2.16.2: one run of memory in one proximity domain. */
typedef struct TnAcpiMemoryAffinity {
    guint64 base, size; /* of size 0: left out */
    guint32 node;
    gboolean hotpluggable; /* memory may come and go here; what is there now or not */
} TnAcpiMemoryAffinity;

/* 5.2.16 SRAT. */
typedef struct TnAcpiSrat {
    const TnAcpiCpu *cpus;
    unsigned num_cpus; /* 1..255 */
    const TnAcpiMemoryAffinity *memory;
    unsigned num_memory;
} TnAcpiSrat;
void tn_acpi_blob_add_srat(TnAcpiBlob *blob, const TnAcpiSrat *srat);

/* IA-PC HPET Specification 1.0a, 3.2.4: a block of timers at @base whose id register's low
 * half is @block_id. */
void tn_acpi_blob_add_hpet(TnAcpiBlob *blob, guint64 base, guint32 block_id);

/* 5.2.17 SLIT: @nodes * @nodes distances, row by row, 10 being "local". */
void tn_acpi_blob_add_slit(TnAcpiBlob *blob, const guint8 *distances, unsigned nodes);
