/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's ACPI tables. The DSDT describes what the board has: PCI root
 * bridge with PIIX3 interrupt links, ISA devices, PM and hot-plug ports, S5.
 */
#include "vmm/machine/pc-acpi.h"

#include "vmm/acpi/cpu-hotplug.h"
#include "vmm/acpi/memory-hotplug.h"
#include "vmm/acpi/pm.h"
#include "vmm/hw/fw-cfg.h"
#include "vmm/hw/hpet.h"

#define LAPIC_ADDRESS 0xfee00000
#define IOAPIC_ADDRESS 0xfec00000
#define IOAPIC_ID 0

#define RTC_CENTURY_INDEX 0x32

#define ABOVE_4G_BASE (G_GUINT64_CONSTANT(1) << 32)
#define LEGACY_HOLE_FIRST 0xa0000
#define LEGACY_HOLE_END 0x100000

/* PIIX3's PCI function 0 has the four PIRQ route registers at 0x60..0x63: bit 7
 * says "not routed", the low bits are the ISA interrupt. */
#define PIIX3_ADR 0x00010000
#define PIRQ_OFFSET 0x60
#define PIRQ_DISABLED 0x80

/* The interrupts that a PIRQ may be routed to: level triggered in the MADT. */
static const guint32 pirq_irqs[] = { 5, 10, 11 };

static const TnAcpiIrqOverride overrides[] = {
    { .irq = 0, .gsi = 2 }, /* the PIT */
    { .irq = 5, .gsi = 5, .level = TRUE },
    { .irq = TN_PC_SCI_IRQ, .gsi = TN_PC_SCI_IRQ, .level = TRUE },
    { .irq = 10, .gsi = 10, .level = TRUE },
    { .irq = 11, .gsi = 11, .level = TRUE },
};

/* \_SB.PCI0._CRS: bus numbers, I/O ports and memory that the bridge forwards. */
static TnAml *
root_bridge_crs(const TnPcAcpiConfig *config)
{
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(crs, tn_aml_word_bus_number(0, 0xff));
    tn_aml_append(crs, tn_aml_io(0xcf8, 0xcf8, 1, 8));
    tn_aml_append(crs, tn_aml_word_io(0, 0xcf7));
    tn_aml_append(crs, tn_aml_word_io(0xd00, 0xffff));
    tn_aml_append(crs, tn_aml_dword_memory(0xa0000, 0xbffff, TRUE));
    tn_aml_append(crs, tn_aml_dword_memory((guint32)config->pci_hole.first,
                                           (guint32)config->pci_hole.last, FALSE));
    if (config->pci_hole64.last) {
        tn_aml_append(crs, tn_aml_qword_memory(config->pci_hole64.first, config->pci_hole64.last,
                                               TRUE, FALSE));
    }
    return crs;
}

/* \_SB.PCI0._PRT (ACPI 6.3, 6.2.13): pin p of slot s is on link (s + p - 1) mod 4,
 * but INTA# of the PIIX in slot 1, which is the PM function's and fixed to the SCI. */
static TnAml *
routing_table(void)
{
    static const char *const links[] = { "LNKA", "LNKB", "LNKC", "LNKD" };
    TnAml *prt = tn_aml_package();

    /* A package has at most 255 elements: slots 1..31 of 4 pins, slot 0 being the bridge. */
    for (unsigned slot = 1; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            TnAml *entry = tn_aml_package();
            gboolean fixed = slot == 1 && pin == 0;

            tn_aml_append(entry, tn_aml_int(slot << 16 | 0xffff));
            tn_aml_append(entry, tn_aml_int(pin));
            tn_aml_append(entry, tn_aml_path(fixed ? "LNKS" : links[(slot + pin - 1) & 3]));
            tn_aml_append(entry, tn_aml_int(0));
            tn_aml_append(prt, entry);
        }
    }
    return prt;
}

/* One PCI interrupt link, ACPI 6.3 section 6.2.13, over the route register @reg. */
static TnAml *
link_device(const char *name, unsigned uid, const char *reg)
{
    TnAml *dev = tn_aml_device(name);
    TnAml *prs = tn_aml_resource_template();
    TnAml *method;

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0C0F")));
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_int(uid)));
    tn_aml_append(prs, tn_aml_interrupt(pirq_irqs, G_N_ELEMENTS(pirq_irqs)));
    tn_aml_append(dev, tn_aml_name("_PRS", prs));
    method = tn_aml_method("_STA", 0, FALSE);
    tn_aml_append(method, tn_aml_return(tn_aml_call("LSTA", tn_aml_path(reg), NULL)));
    tn_aml_append(dev, method);
    method = tn_aml_method("_CRS", 0, FALSE);
    tn_aml_append(method, tn_aml_return(tn_aml_call("LCRS", tn_aml_path(reg), NULL)));
    tn_aml_append(dev, method);
    method = tn_aml_method("_DIS", 0, FALSE);
    tn_aml_append(method, tn_aml_store(tn_aml_or(tn_aml_path(reg), tn_aml_int(PIRQ_DISABLED)),
                                       tn_aml_path(reg)));
    tn_aml_append(dev, method);
    method = tn_aml_method("_SRS", 1, TRUE);
    tn_aml_append(method, tn_aml_create_dword_field(tn_aml_arg(0), 5, "LIRQ"));
    tn_aml_append(method, tn_aml_store(tn_aml_path("LIRQ"), tn_aml_path(reg)));
    tn_aml_append(dev, method);
    return dev;
}

/* The link of the SCI: nothing to choose. */
static TnAml *
fixed_link_device(const char *name, unsigned uid, guint32 irq)
{
    TnAml *dev = tn_aml_device(name);
    TnAml *method = tn_aml_method("_SRS", 1, FALSE);

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0C0F")));
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_int(uid)));
    for (unsigned i = 0; i < 2; i++) {
        TnAml *irqs = tn_aml_resource_template();

        tn_aml_append(irqs, tn_aml_interrupt(&irq, 1));
        tn_aml_append(dev, tn_aml_name(i ? "_CRS" : "_PRS", irqs));
    }
    tn_aml_append(dev, tn_aml_name("_STA", tn_aml_int(0x0b)));
    tn_aml_append(dev, method);
    tn_aml_append(dev, tn_aml_method("_DIS", 0, FALSE));
    return dev;
}

/* LSTA and LCRS: _STA and _CRS of a link from its route register's value. */
static void
add_link_helpers(TnAml *sb)
{
    static const guint32 none = 0;
    TnAml *method = tn_aml_method("LSTA", 1, FALSE);
    TnAml *branch = tn_aml_if(tn_aml_and(tn_aml_arg(0), tn_aml_int(PIRQ_DISABLED)));
    TnAml *template = tn_aml_resource_template();

    tn_aml_append(branch, tn_aml_return(tn_aml_int(0x09)));
    tn_aml_append(method, branch);
    tn_aml_append(method, tn_aml_return(tn_aml_int(0x0b)));
    tn_aml_append(sb, method);

    method = tn_aml_method("LCRS", 1, TRUE);
    tn_aml_append(template, tn_aml_interrupt(&none, 1));
    tn_aml_append(method, tn_aml_name("LBUF", template));
    tn_aml_append(method, tn_aml_create_dword_field(tn_aml_path("LBUF"), 5, "LIRQ"));
    branch = tn_aml_if(tn_aml_less(tn_aml_arg(0), tn_aml_int(PIRQ_DISABLED)));
    tn_aml_append(branch, tn_aml_store(tn_aml_arg(0), tn_aml_path("LIRQ")));
    tn_aml_append(method, branch);
    tn_aml_append(method, tn_aml_return(tn_aml_path("LBUF")));
    tn_aml_append(sb, method);
}

static void
add_links(TnAml *dsdt)
{
    TnAml *sb = tn_aml_scope("\\_SB");
    TnAml *field = tn_aml_field("PCI0.ISA.PIRQ", TN_AML_BYTE_ACC, TN_AML_PRESERVE);

    for (unsigned i = 0; i < 4; i++) {
        const char name[] = { 'P', 'R', 'Q', (char)('A' + i), 0 };

        tn_aml_append(field, tn_aml_field_unit(name, 8));
    }
    tn_aml_append(sb, field);
    add_link_helpers(sb);
    for (unsigned i = 0; i < 4; i++) {
        const char name[] = { 'L', 'N', 'K', (char)('A' + i), 0 };
        const char reg[] = { 'P', 'R', 'Q', (char)('A' + i), 0 };

        tn_aml_append(sb, link_device(name, i, reg));
    }
    tn_aml_append(sb, fixed_link_device("LNKS", 4, TN_PC_SCI_IRQ));
    tn_aml_append(dsdt, sb);
}

/* An ISA device with up to two runs of ports and an interrupt (none: -1). */
typedef struct {
    const char *name, *hid;
    int uid; /* -1: none */
    int irq;
    struct {
        guint16 base;
        guint8 length;
    } ports[2];
} IsaDevice;

static TnAml *
isa_device(const IsaDevice *d)
{
    TnAml *dev = tn_aml_device(d->name);
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid(d->hid)));
    if (d->uid >= 0) {
        tn_aml_append(dev, tn_aml_name("_UID", tn_aml_int((guint64)d->uid)));
    }
    tn_aml_append(dev, tn_aml_name("_STA", tn_aml_int(0x0f)));
    for (unsigned i = 0; i < G_N_ELEMENTS(d->ports); i++) {
        if (d->ports[i].length) {
            tn_aml_append(crs, tn_aml_io(d->ports[i].base, d->ports[i].base, 1,
                                         d->ports[i].length));
        }
    }
    if (d->irq >= 0) {
        tn_aml_append(crs, tn_aml_irq((unsigned)d->irq));
    }
    tn_aml_append(dev, tn_aml_name("_CRS", crs));
    return dev;
}

static TnAml *
isa_bridge(const TnPcAcpiConfig *config)
{
    static const IsaDevice rtc = { "RTC", "PNP0B00", -1, 8, { { 0x70, 8 } } };
    static const IsaDevice kbd = { "KBD", "PNP0303", -1, 1, { { 0x60, 1 }, { 0x64, 1 } } };
    static const IsaDevice mouse = { "MOU", "PNP0F13", -1, 12, { { 0 } } };
    static const IsaDevice com1 = { "COM1", "PNP0501", 1, 4, { { 0x3f8, 8 } } };
    static const IsaDevice com2 = { "COM2", "PNP0501", 2, 3, { { 0x2f8, 8 } } };
    TnAml *isa = tn_aml_device("ISA");

    tn_aml_append(isa, tn_aml_name("_ADR", tn_aml_int(PIIX3_ADR)));
    tn_aml_append(isa, tn_aml_op_region("PIRQ", TN_AML_PCI_CONFIG, PIRQ_OFFSET, 4));
    if (config->rtc) {
        tn_aml_append(isa, isa_device(&rtc));
    }
    if (config->i8042) {
        tn_aml_append(isa, isa_device(&kbd));
        tn_aml_append(isa, isa_device(&mouse));
    }
    if (config->com1) {
        tn_aml_append(isa, isa_device(&com1));
    }
    if (config->com2) {
        tn_aml_append(isa, isa_device(&com2));
    }
    return isa;
}

static void
add_root_bridge(TnAml *dsdt, const TnPcAcpiConfig *config)
{
    TnAml *sb = tn_aml_scope("\\_SB");
    TnAml *pci = tn_aml_device("PCI0");

    tn_aml_append(pci, tn_aml_name("_HID", tn_aml_eisaid("PNP0A03")));
    tn_aml_append(pci, tn_aml_name("_UID", tn_aml_int(0)));
    tn_aml_append(pci, tn_aml_name("_CRS", root_bridge_crs(config)));
    tn_aml_append(pci, isa_bridge(config));
    tn_aml_append(sb, pci);
    tn_aml_append(dsdt, sb);
}

/* Ports of the board itself, which nobody may hand out to PCI devices. */
static TnAml *
board_ports(void)
{
    TnAml *dev = tn_aml_device("\\_SB.PMR0");
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0C02")));
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_string("Power management ports")));
    tn_aml_append(crs, tn_aml_io(TN_PC_PM_BASE, TN_PC_PM_BASE, 1, 0x40));
    tn_aml_append(crs, tn_aml_io(TN_ACPI_GPE0_PORT, TN_ACPI_GPE0_PORT, 1, TN_ACPI_GPE0_LENGTH));
    tn_aml_append(dev, tn_aml_name("_CRS", crs));
    return dev;
}

/* PNP0103, whose driver wants the block's addresses a second time, beside the HPET table. */
static TnAml *
hpet_device(void)
{
    TnAml *dev = tn_aml_device("\\_SB.HPET");
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_eisaid("PNP0103")));
    tn_aml_append(dev, tn_aml_name("_UID", tn_aml_int(0)));
    tn_aml_append(crs, tn_aml_memory32_fixed(TN_HPET_BASE, TN_HPET_SIZE));
    tn_aml_append(dev, tn_aml_name("_CRS", crs));
    return dev;
}

/* QEMU's docs/specs/fw_cfg, "ACPI Interface". */
static TnAml *
fw_cfg_device(void)
{
    TnAml *dev = tn_aml_device("\\_SB.PCI0.FWCF");
    TnAml *crs = tn_aml_resource_template();

    tn_aml_append(dev, tn_aml_name("_HID", tn_aml_string("QEMU0002")));
    tn_aml_append(dev, tn_aml_name("_STA", tn_aml_int(0xb)));
    tn_aml_append(crs, tn_aml_io(TN_FW_CFG_PORT, TN_FW_CFG_PORT, 1, TN_FW_CFG_PORTS));
    tn_aml_append(dev, tn_aml_name("_CRS", crs));
    return dev;
}

/* \_Sx (ACPI 6.3, 7.4.2): PIIX4's SUS_TYP for it, in PM1a and PM1b. */
static TnAml *
sleep_state(const char *name, unsigned type)
{
    TnAml *package = tn_aml_package();

    tn_aml_append(package, tn_aml_int(type));
    tn_aml_append(package, tn_aml_int(type));
    tn_aml_append(package, tn_aml_int(0));
    tn_aml_append(package, tn_aml_int(0));
    return tn_aml_name(name, package);
}

static GByteArray *
build_dsdt(const TnPcAcpiConfig *config)
{
    TnAml *dsdt = tn_aml_list();
    TnAml *prt = tn_aml_scope("\\_SB.PCI0");

    add_root_bridge(dsdt, config);
    add_links(dsdt);
    tn_aml_append(prt, tn_aml_name("_PRT", routing_table()));
    tn_aml_append(dsdt, prt);
    tn_aml_append(dsdt, board_ports());
    if (config->hpet) {
        tn_aml_append(dsdt, hpet_device());
    }
    if (config->fw_cfg) {
        tn_aml_append(dsdt, fw_cfg_device());
    }
    if (config->s3) {
        tn_aml_append(dsdt, sleep_state("\\_S3", TN_ACPI_SLP_TYP_S3));
    }
    if (config->s4) {
        tn_aml_append(dsdt, sleep_state("\\_S4", config->s4_type));
    }
    tn_aml_append(dsdt, sleep_state("\\_S5", TN_ACPI_SLP_TYP_S5));
    tn_acpi_cpu_hotplug_aml(dsdt, config->cpus, config->num_cpus, config->num_nodes > 0,
                            TN_ACPI_CPU_HOTPLUG_PORT);
    if (config->ram_slots) {
        tn_acpi_memory_hotplug_aml(dsdt, config->ram_slots, TN_ACPI_MEMORY_HOTPLUG_PORT);
    }
    if (config->num_pci_buses) {
        tn_acpi_pci_hotplug_aml(dsdt, config->pci_buses, config->num_pci_buses,
                                TN_ACPI_PCI_HOTPLUG_PORT);
    }
    return tn_aml_finish(dsdt);
}

/* Cuts the part of @node's RAM, offsets @first..@end-1 of all RAM, that lies
 * between offsets @from and @to, out to the list, at address offset + @shift. */
static void
add_affinity(GArray *list, unsigned node, const guint64 range[2], const guint64 window[2],
             guint64 shift)
{
    guint64 first = MAX(range[0], window[0]);
    guint64 end = MIN(range[1], window[1]);

    if (first < end) {
        TnAcpiMemoryAffinity m = { .base = first + shift, .size = end - first, .node = node };

        g_array_append_val(list, m);
    }
}

static void
add_srat(TnAcpiBlob *blob, const TnPcAcpiConfig *config)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(TnAcpiMemoryAffinity));
    const guint64 all = config->below_4g + config->above_4g;
    unsigned nodes = MAX(config->num_nodes, 1);
    guint64 offset = 0;
    TnAcpiSrat srat = { .cpus = config->cpus, .num_cpus = config->num_cpus };

    for (unsigned i = 0; i < nodes; i++) {
        guint64 size = config->num_nodes ? config->node_sizes[i] : all;
        const guint64 range[2] = { offset, offset + size };
        const guint64 base_memory[2] = { 0, MIN(LEGACY_HOLE_FIRST, config->below_4g) };
        const guint64 low[2] = { LEGACY_HOLE_END, config->below_4g };
        const guint64 high[2] = { config->below_4g, all };

        add_affinity(list, i, range, base_memory, 0);
        add_affinity(list, i, range, low, 0);
        add_affinity(list, i, range, high, ABOVE_4G_BASE - config->below_4g);
        offset += size;
    }
    if (config->device_memory_size) {
        /* Linux sizes its tables by this range, so DIMMs may come later; a DIMM's
         * own node is told by _PXM. */
        TnAcpiMemoryAffinity m = { config->device_memory_base, config->device_memory_size,
                                   nodes - 1, TRUE };

        g_array_append_val(list, m);
    }
    srat.memory = (const TnAcpiMemoryAffinity *)(void *)list->data;
    srat.num_memory = list->len;
    tn_acpi_blob_add_srat(blob, &srat);
}

static void
add_madt(TnAcpiBlob *blob, const TnPcAcpiConfig *config)
{
    const TnAcpiMadt madt = {
        .cpus = config->cpus,
        .num_cpus = config->num_cpus,
        .lapic_address = LAPIC_ADDRESS,
        .ioapic_address = IOAPIC_ADDRESS,
        .ioapic_id = IOAPIC_ID,
        .overrides = overrides,
        .num_overrides = G_N_ELEMENTS(overrides),
    };

    tn_acpi_blob_add_madt(blob, &madt);
}

GBytes *
tn_pc_acpi_build(const TnPcAcpiConfig *config, GError **error)
{
    g_autoptr(TnAcpiBlob) blob = tn_acpi_blob_new(TN_PC_ACPI_BASE);
    g_autoptr(GByteArray) dsdt = build_dsdt(config);
    GBytes *bytes;
    TnAcpiFadt fadt = {
        .sci = TN_PC_SCI_IRQ,
        .pm1_event = TN_PC_PM_BASE,
        .pm1_control = TN_PC_PM_BASE + 4,
        .pm_timer = TN_PC_PM_BASE + 8,
        .gpe0 = TN_ACPI_GPE0_PORT,
        .gpe0_length = TN_ACPI_GPE0_LENGTH,
        .reset_port = config->reset_port,
        .reset_value = config->reset_value,
        .i8042 = config->i8042,
        .century = config->rtc ? RTC_CENTURY_INDEX : 0,
    };

    fadt.facs = tn_acpi_blob_add_facs(blob);
    g_assert(fadt.facs == TN_PC_ACPI_FACS);
    fadt.dsdt = tn_acpi_blob_add_dsdt(blob, dsdt);
    tn_acpi_blob_add_fadt(blob, &fadt);
    add_madt(blob, config);
    if (config->hpet) {
        tn_acpi_blob_add_hpet(blob, TN_HPET_BASE, TN_HPET_BLOCK_ID);
    }
    if (config->num_nodes || config->ram_slots) {
        add_srat(blob, config);
    }
    if (config->distances && config->num_nodes) {
        tn_acpi_blob_add_slit(blob, config->distances, config->num_nodes);
    }
    bytes = tn_acpi_blob_finish(blob);
    if (g_bytes_get_size(bytes) > TN_PC_ACPI_MAX_SIZE) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "the ACPI tables take %" G_GSIZE_FORMAT " bytes, more than the limit of %d: "
                    "use fewer NUMA nodes, memory slots or PCI bridges",
                    g_bytes_get_size(bytes), TN_PC_ACPI_MAX_SIZE);
        g_bytes_unref(bytes);
        return NULL;
    }
    return bytes;
}
