/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ACPI's static tables: RSDP, XSDT, FADT, FACS, MADT, SRAT, SLIT and the DSDT's header. */
#include "vmm/acpi/tables.h"

#include <string.h>

#define OEM_ID "TENON "
#define OEM_TABLE_ID "TENONPC "
#define CREATOR_ID "TENN"

/* 5.2.5.3: the RSDP has 36 bytes; tables begin after a whole cache line. */
#define RSDP_SIZE 36
#define RSDP_ROOM 64

/* 5.2.6: where the header's length and checksum stand. */
#define HEADER_LENGTH_OFFSET 4
#define HEADER_CHECKSUM_OFFSET 9

/* Alignment of tables; that of the FACS is demanded by 5.2.10. */
#define TABLE_ALIGN 16
#define FACS_ALIGN 64
#define FACS_SIZE 64

/* 5.2.9 table 5-34: fixed feature flags. */
#define FADT_WBINVD (1U << 0)
#define FADT_PROC_C1 (1U << 2)
#define FADT_SLP_BUTTON (1U << 5) /* set: no fixed sleep button */
#define FADT_FIX_RTC (1U << 6)    /* set: RTC wake status is not in PM1 */
#define FADT_RESET_REG_SUP (1U << 10)

/* 5.2.9.3: IA-PC boot architecture flags. */
#define BOOT_LEGACY_DEVICES (1U << 0)
#define BOOT_8042 (1U << 1)
#define BOOT_NO_VGA (1U << 2)
#define BOOT_NO_ASPM (1U << 4)

/* 5.2.9: a latency above these says that C2 or C3 does not exist. */
#define NO_C2_LATENCY 0x0fff
#define NO_C3_LATENCY 0x0fff

/* 5.2.12.5 MPS INTI flags: active high, level triggered. */
#define INTI_HIGH_LEVEL 0x000d

struct TnAcpiBlob {
    guint64 base;
    GByteArray *bytes;
    GArray *listed; /* guint64: tables of the XSDT */
};

TnAcpiBlob *
tn_acpi_blob_new(guint64 base)
{
    TnAcpiBlob *blob = g_new0(TnAcpiBlob, 1);

    g_assert(base % FACS_ALIGN == 0);
    blob->base = base;
    blob->bytes = g_byte_array_new();
    blob->listed = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_byte_array_set_size(blob->bytes, RSDP_ROOM);
    memset(blob->bytes->data, 0, RSDP_ROOM);
    return blob;
}

void
tn_acpi_blob_free(TnAcpiBlob *blob)
{
    if (blob) {
        g_byte_array_unref(blob->bytes);
        g_array_unref(blob->listed);
        g_free(blob);
    }
}

static void
put(TnAcpiBlob *blob, guint64 value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        guint8 b = (value >> (8 * i)) & 0xff;

        g_byte_array_append(blob->bytes, &b, 1);
    }
}

static void
put_text(TnAcpiBlob *blob, const char *text)
{
    g_byte_array_append(blob->bytes, (const guint8 *)text, (guint)strlen(text));
}

static void
pad_to(TnAcpiBlob *blob, unsigned align)
{
    while (blob->bytes->len % align) {
        put(blob, 0, 1);
    }
}

/* What makes the sum of all bytes zero. */
static guint8
checksum(const guint8 *data, gsize size)
{
    guint8 sum = 0;

    for (gsize i = 0; i < size; i++) {
        sum = (guint8)(sum + data[i]);
    }
    return (guint8)-sum;
}

/* 5.2.6 System Description Table Header; length and checksum come with
 * end_table(). Returns: the table's offset in the blob. */
static guint
begin_table(TnAcpiBlob *blob, const char *signature, unsigned revision)
{
    guint start;

    pad_to(blob, TABLE_ALIGN);
    start = blob->bytes->len;
    put_text(blob, signature);
    put(blob, 0, 4); /* length */
    put(blob, revision, 1);
    put(blob, 0, 1); /* checksum */
    put_text(blob, OEM_ID);
    put_text(blob, OEM_TABLE_ID);
    put(blob, 1, 4); /* OEM revision */
    put_text(blob, CREATOR_ID);
    put(blob, 1, 4); /* creator revision */
    return start;
}

static guint64
end_table(TnAcpiBlob *blob, guint start, gboolean listed)
{
    guint8 *table = blob->bytes->data + start;
    guint32 length = blob->bytes->len - start;
    guint32 le_length = GUINT32_TO_LE(length);
    guint64 address = blob->base + start;

    memcpy(table + HEADER_LENGTH_OFFSET, &le_length, sizeof le_length);
    table[HEADER_CHECKSUM_OFFSET] = checksum(table, length);
    if (listed) {
        g_array_append_val(blob->listed, address);
    }
    return address;
}

guint64
tn_acpi_blob_add_facs(TnAcpiBlob *blob)
{
    guint start;

    pad_to(blob, FACS_ALIGN);
    start = blob->bytes->len;
    put_text(blob, "FACS");
    put(blob, FACS_SIZE, 4);
    while (blob->bytes->len < start + FACS_SIZE) {
        put(blob, 0, 1);
    }
    return blob->base + start;
}

guint64
tn_acpi_blob_add_dsdt(TnAcpiBlob *blob, const GByteArray *aml)
{
    /* Revision 2: integers of the AML have 64 bits (5.2.11.1). */
    guint start = begin_table(blob, "DSDT", 2);

    g_byte_array_append(blob->bytes, aml->data, aml->len);
    return end_table(blob, start, FALSE);
}

/* 5.2.3.2 Generic Address Structure of an I/O port; size 0 says that there is none. */
static void
put_io_address(TnAcpiBlob *blob, guint16 port, unsigned bytes, unsigned access_bytes)
{
    put(blob, port ? 1 : 0, 1);          /* system I/O space */
    put(blob, port ? bytes * 8 : 0, 1);  /* register bit width */
    put(blob, 0, 1);                     /* register bit offset */
    /* access size: 1 byte, 2 word, 3 dword */
    put(blob, !port ? 0 : access_bytes == 4 ? 3 : access_bytes, 1);
    put(blob, port, 8);
}

static guint32
fadt_flags(const TnAcpiFadt *fadt)
{
    return FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
           (fadt->reset_port ? FADT_RESET_REG_SUP : 0);
}

/* The part that ACPI 1.0 had: up to and with the flags, 112 bytes + header's. */
static void
put_fadt_legacy(TnAcpiBlob *blob, const TnAcpiFadt *fadt)
{
    put(blob, fadt->facs, 4);
    put(blob, fadt->dsdt, 4);
    put(blob, 0, 1); /* reserved, INT_MODEL of ACPI 1.0 */
    put(blob, 0, 1); /* preferred PM profile: unspecified */
    put(blob, fadt->sci, 2);
    put(blob, 0, 4); /* SMI_CMD: 0, ACPI mode is always on */
    put(blob, 0, 4); /* ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT */
    put(blob, fadt->pm1_event, 4);
    put(blob, 0, 4); /* PM1b event */
    put(blob, fadt->pm1_control, 4);
    put(blob, 0, 4); /* PM1b control */
    put(blob, 0, 4); /* PM2 control */
    put(blob, fadt->pm_timer, 4);
    put(blob, fadt->gpe0, 4);
    put(blob, 0, 4); /* GPE1 */
    put(blob, 4, 1); /* PM1_EVT_LEN */
    put(blob, 2, 1); /* PM1_CNT_LEN */
    put(blob, 0, 1); /* PM2_CNT_LEN */
    put(blob, 4, 1); /* PM_TMR_LEN */
    put(blob, fadt->gpe0_length, 1);
    put(blob, 0, 1); /* GPE1_BLK_LEN */
    put(blob, 0, 1); /* GPE1_BASE */
    put(blob, 0, 1); /* CST_CNT */
    put(blob, NO_C2_LATENCY, 2);
    put(blob, NO_C3_LATENCY, 2);
    put(blob, 0, 4); /* FLUSH_SIZE, FLUSH_STRIDE: WBINVD works */
    put(blob, 0, 2); /* DUTY_OFFSET, DUTY_WIDTH: no throttling */
    put(blob, 0, 2); /* DAY_ALRM, MON_ALRM */
    put(blob, fadt->century, 1);
    put(blob, BOOT_LEGACY_DEVICES | (fadt->i8042 ? BOOT_8042 : 0) | BOOT_NO_VGA | BOOT_NO_ASPM, 2);
    put(blob, 0, 1); /* reserved */
    put(blob, fadt_flags(fadt), 4);
}

void
tn_acpi_blob_add_fadt(TnAcpiBlob *blob, const TnAcpiFadt *fadt)
{
    guint start = begin_table(blob, "FACP", 3);

    put_fadt_legacy(blob, fadt);
    put_io_address(blob, fadt->reset_port, 1, 1);
    put(blob, fadt->reset_value, 1);
    put(blob, 0, 3); /* reserved */
    put(blob, 0, 8); /* X_FIRMWARE_CTRL: FACS lies below 4 GiB and is given above */
    put(blob, fadt->dsdt, 8);
    put_io_address(blob, fadt->pm1_event, 4, 2);
    put_io_address(blob, 0, 0, 0); /* PM1b event */
    put_io_address(blob, fadt->pm1_control, 2, 2);
    put_io_address(blob, 0, 0, 0); /* PM1b control */
    put_io_address(blob, 0, 0, 0); /* PM2 control */
    put_io_address(blob, fadt->pm_timer, 4, 4);
    put_io_address(blob, fadt->gpe0, fadt->gpe0_length, 1);
    put_io_address(blob, 0, 0, 0); /* GPE1 */
    (void)end_table(blob, start, TRUE);
}

void
tn_acpi_blob_add_madt(TnAcpiBlob *blob, const TnAcpiMadt *madt)
{
    guint start = begin_table(blob, "APIC", 3);

    g_assert(madt->num_cpus >= 1 && madt->num_cpus <= 255);
    put(blob, madt->lapic_address, 4);
    put(blob, 1, 4); /* PCAT_COMPAT: a pair of 8259s is there as well */
    for (unsigned i = 0; i < madt->num_cpus; i++) {
        put(blob, 0, 1); /* 5.2.12.2 Processor Local APIC */
        put(blob, 8, 1);
        put(blob, i, 1); /* processor UID */
        put(blob, madt->cpus[i].apic_id, 1);
        put(blob, madt->cpus[i].present ? 1 : 0, 4); /* enabled */
    }
    put(blob, 1, 1); /* 5.2.12.3 I/O APIC */
    put(blob, 12, 1);
    put(blob, madt->ioapic_id, 1);
    put(blob, 0, 1);
    put(blob, madt->ioapic_address, 4);
    put(blob, 0, 4); /* first GSI */
    for (unsigned i = 0; i < madt->num_overrides; i++) {
        put(blob, 2, 1); /* 5.2.12.5 Interrupt Source Override */
        put(blob, 10, 1);
        put(blob, 0, 1); /* bus: ISA */
        put(blob, madt->overrides[i].irq, 1);
        put(blob, madt->overrides[i].gsi, 4);
        put(blob, madt->overrides[i].level ? INTI_HIGH_LEVEL : 0, 2);
    }
    put(blob, 4, 1); /* 5.2.12.7 Local APIC NMI */
    put(blob, 6, 1);
    put(blob, 0xff, 1); /* all processors */
    put(blob, 0, 2);
    put(blob, 1, 1); /* LINT1 */
    (void)end_table(blob, start, TRUE);
}

void
tn_acpi_blob_add_srat(TnAcpiBlob *blob, const TnAcpiSrat *srat)
{
    guint start = begin_table(blob, "SRAT", 1);

    g_assert(srat->num_cpus >= 1 && srat->num_cpus <= 255);
    put(blob, 1, 4); /* reserved to be 1 for backward compatibility */
    put(blob, 0, 8);
    for (unsigned i = 0; i < srat->num_cpus; i++) {
        put(blob, 0, 1); /* 5.2.16.1 Processor Local APIC/SAPIC Affinity */
        put(blob, 16, 1);
        put(blob, srat->cpus[i].node, 1);
        put(blob, srat->cpus[i].apic_id, 1);
        put(blob, 1, 4); /* enabled, also for those that may come */
        put(blob, 0, 4); /* SAPIC EID, the node's upper bytes */
        put(blob, 0, 4); /* clock domain */
    }
    for (unsigned i = 0; i < srat->num_memory; i++) {
        const TnAcpiMemoryAffinity *m = &srat->memory[i];

        if (m->size == 0) {
            continue;
        }
        put(blob, 1, 1); /* 5.2.16.2 Memory Affinity */
        put(blob, 40, 1);
        put(blob, m->node, 4);
        put(blob, 0, 2);
        put(blob, m->base, 8);
        put(blob, m->size, 8);
        put(blob, 0, 4);
        put(blob, 1 | (m->hotpluggable ? 2 : 0), 4); /* enabled, hot pluggable */
        put(blob, 0, 8);
    }
    (void)end_table(blob, start, TRUE);
}

void
tn_acpi_blob_add_hpet(TnAcpiBlob *blob, guint64 base, guint32 block_id)
{
    guint start = begin_table(blob, "HPET", 1);

    put(blob, block_id, 4);
    put(blob, 0, 4); /* a generic address in system memory, of no stated width */
    put(blob, base, 8);
    put(blob, 0, 1); /* the first such block */
    put(blob, 0, 2); /* shortest period without lost ticks: none named */
    put(blob, 0, 1); /* no page protection */
    (void)end_table(blob, start, TRUE);
}

void
tn_acpi_blob_add_slit(TnAcpiBlob *blob, const guint8 *distances, unsigned nodes)
{
    guint start = begin_table(blob, "SLIT", 1);

    put(blob, nodes, 8);
    g_byte_array_append(blob->bytes, distances, nodes * nodes);
    (void)end_table(blob, start, TRUE);
}

/* 5.2.8 XSDT. */
static guint64
add_xsdt(TnAcpiBlob *blob)
{
    guint start = begin_table(blob, "XSDT", 1);

    for (guint i = 0; i < blob->listed->len; i++) {
        put(blob, g_array_index(blob->listed, guint64, i), 8);
    }
    return end_table(blob, start, FALSE);
}

GBytes *
tn_acpi_blob_finish(TnAcpiBlob *blob)
{
    g_autoptr(GByteArray) rest = NULL;
    guint64 xsdt = add_xsdt(blob);
    guint8 *rsdp;

    /* 5.2.5.3: written with the same writer, into the room at the front. */
    rest = blob->bytes;
    blob->bytes = g_byte_array_new();
    put_text(blob, "RSD PTR ");
    put(blob, 0, 1); /* checksum of the first 20 bytes */
    put_text(blob, OEM_ID);
    put(blob, 2, 1); /* revision */
    put(blob, 0, 4); /* RSDT: none, the XSDT is to be used */
    put(blob, RSDP_SIZE, 4);
    put(blob, xsdt, 8);
    put(blob, 0, 4); /* extended checksum, reserved */
    rsdp = blob->bytes->data;
    rsdp[8] = checksum(rsdp, 20);
    rsdp[32] = checksum(rsdp, RSDP_SIZE);
    memcpy(rest->data, rsdp, RSDP_SIZE);
    return g_byte_array_free_to_bytes(g_steal_pointer(&rest));
}
