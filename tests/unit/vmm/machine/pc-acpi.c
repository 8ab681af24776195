/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pc machine's tables: found from the RSDP as a guest finds them, checksums
 * and addresses checked, and each one disassembled and compiled again by iasl.
 */
#include "vmm/machine/pc-acpi.h"

#include <glib/gstdio.h>
#include <string.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define MIB (G_GUINT64_CONSTANT(1) << 20)

/* Two CPUs that are there, one that is not; the third begins a core. */
static const TnAcpiCpu small_cpus[] = { { 0, 0, TRUE }, { 1, 0, TRUE }, { 4, 0, FALSE } };

static TnPcAcpiConfig
small_config(void)
{
    return (TnPcAcpiConfig){
        .cpus = small_cpus,
        .num_cpus = G_N_ELEMENTS(small_cpus),
        .below_4g = 512 * MIB,
        .pci_hole = { 0xc0000000, 0xfebfffff },
        .com1 = TRUE,
        .rtc = TRUE,
        .hpet = TRUE,
        .fw_cfg = TRUE,
        .reset_port = 0xcf9,
        .reset_value = 0x06,
    };
}

/* Bridges 00:03.0 and, behind it, 04.1. */
static const TnAcpiPciBus nested_buses[] = {
    { .parent = -1, .selector = 0, .slots = 0xfffffff4 },
    { .parent = 0, .devfn = 3 << 3, .selector = 1, .slots = 0xffffffef },
    { .parent = 1, .devfn = 4 << 3 | 1, .selector = 2, .slots = 0xffffffff },
};

static TnPcAcpiConfig
hotplug_config(unsigned slots)
{
    TnPcAcpiConfig config = small_config();

    config.ram_slots = slots;
    config.device_memory_base = 4 * GIB;
    config.device_memory_size = (4 + slots) * GIB;
    config.pci_buses = nested_buses;
    config.num_pci_buses = G_N_ELEMENTS(nested_buses);
    config.s3 = config.s4 = TRUE;
    config.s4_type = 2;
    return config;
}

/* A view of the blob by guest address. */
typedef struct {
    GBytes *bytes;
    const guint8 *data;
    gsize size;
} Guest;

static Guest
build(const TnPcAcpiConfig *config)
{
    g_autoptr(GError) error = NULL;
    Guest guest = { .bytes = tn_pc_acpi_build(config, &error) };

    g_assert_no_error(error);
    guest.data = g_bytes_get_data(guest.bytes, &guest.size);
    return guest;
}

static guint64
read_le(const guint8 *p, unsigned bytes)
{
    guint64 value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= (guint64)p[i] << (8 * i);
    }
    return value;
}

static const guint8 *
at(const Guest *guest, guint64 address, gsize size)
{
    g_assert_cmphex(address, >=, TN_PC_ACPI_BASE);
    g_assert_cmphex(address - TN_PC_ACPI_BASE + size, <=, guest->size);
    return guest->data + (address - TN_PC_ACPI_BASE);
}

static void
assert_sum_zero(const guint8 *p, gsize size)
{
    guint8 sum = 0;

    for (gsize i = 0; i < size; i++) {
        sum = (guint8)(sum + p[i]);
    }
    g_assert_cmpuint(sum, ==, 0);
}

static const guint8 *
table_at(const Guest *guest, guint64 address, gsize *ret_size)
{
    *ret_size = (gsize)read_le(at(guest, address, 36) + 4, 4);
    assert_sum_zero(at(guest, address, *ret_size), *ret_size);
    return at(guest, address, *ret_size);
}

/* The table of @signature in the XSDT, NULL when it is not listed. */
static const guint8 *
find_table(const Guest *guest, const char *signature, gsize *ret_size)
{
    const guint8 *rsdp = at(guest, TN_PC_ACPI_RSDP, 36);
    gsize size;
    const guint8 *xsdt = table_at(guest, read_le(rsdp + 24, 8), &size);

    g_assert_cmpmem(xsdt, 4, "XSDT", 4);
    for (gsize i = 36; i + 8 <= size; i += 8) {
        const guint8 *table = table_at(guest, read_le(xsdt + i, 8), ret_size);

        if (memcmp(table, signature, 4) == 0) {
            return table;
        }
    }
    return NULL;
}

static void
test_rsdp(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);

    g_assert_cmpmem(guest.data, 8, "RSD PTR ", 8);
    assert_sum_zero(guest.data, 20);
    assert_sum_zero(guest.data, 36);
    g_assert_cmpuint(guest.data[15], ==, 2);
    g_bytes_unref(guest.bytes);
}

static void
test_hpet(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);
    gsize size;
    const guint8 *hpet = find_table(&guest, "HPET", &size);

    g_assert_nonnull(hpet);
    g_assert_cmpuint(size, ==, 56);
    g_assert_cmphex(read_le(hpet + 36, 4), ==, 0x8086a201);
    g_assert_cmpuint(hpet[40], ==, 0); /* system memory */
    g_assert_cmphex(read_le(hpet + 44, 8), ==, 0xfed00000);
    g_bytes_unref(guest.bytes);

    config.hpet = FALSE;
    guest = build(&config);
    g_assert_null(find_table(&guest, "HPET", &size));
    g_bytes_unref(guest.bytes);
}

static void
test_fadt(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);
    gsize size;
    const guint8 *fadt = find_table(&guest, "FACP", &size);

    g_assert_nonnull(fadt);
    g_assert_cmpuint(size, ==, 244);
    g_assert_cmpuint(read_le(fadt + 46, 2), ==, 9);
    g_assert_cmphex(read_le(fadt + 48, 4), ==, 0);     /* SMI_CMD */
    g_assert_cmphex(read_le(fadt + 56, 4), ==, 0x600); /* PM1a_EVT_BLK */
    g_assert_cmphex(read_le(fadt + 64, 4), ==, 0x604); /* PM1a_CNT_BLK */
    g_assert_cmphex(read_le(fadt + 76, 4), ==, 0x608); /* PM_TMR_BLK */
    g_assert_cmphex(read_le(fadt + 80, 4), ==, 0xafe0); /* GPE0_BLK */
    g_assert_cmpuint(fadt[92], ==, 4);                 /* GPE0_BLK_LEN */
    g_assert_cmphex(read_le(fadt + 112, 4) & (1 << 10), ==, 1 << 10);
    g_assert_cmphex(read_le(fadt + 120, 8), ==, 0xcf9);
    g_assert_cmphex(fadt[128], ==, 6);
    /* FACS and DSDT by their 32-bit pointers. */
    g_assert_cmpmem(at(&guest, read_le(fadt + 36, 4), 64), 4, "FACS", 4);
    g_assert_cmphex(read_le(fadt + 36, 4) % 64, ==, 0);
    g_assert_cmpmem(table_at(&guest, read_le(fadt + 40, 4), &size), 4, "DSDT", 4);
    g_bytes_unref(guest.bytes);
}

static void
test_fadt_without_reset_register(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest;
    gsize size;
    const guint8 *fadt;

    config.reset_port = 0;
    guest = build(&config);
    fadt = find_table(&guest, "FACP", &size);
    g_assert_cmphex(read_le(fadt + 112, 4) & (1 << 10), ==, 0);
    g_bytes_unref(guest.bytes);
}

static void
test_madt(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);
    gsize size;
    const guint8 *madt = find_table(&guest, "APIC", &size);
    unsigned lapics = 0, ioapics = 0, overrides = 0, nmis = 0;

    g_assert_cmphex(read_le(madt + 36, 4), ==, 0xfee00000);
    for (gsize i = 44; i < size; i += madt[i + 1]) {
        const guint8 *entry = madt + i;

        g_assert_cmpuint(entry[1], >=, 2);
        lapics += entry[0] == 0;
        ioapics += entry[0] == 1;
        overrides += entry[0] == 2;
        nmis += entry[0] == 4;
        if (entry[0] == 2 && entry[3] == 0) {
            g_assert_cmpuint(read_le(entry + 4, 4), ==, 2);
        }
        if (entry[0] == 2 && entry[3] == 9) {
            g_assert_cmpuint(read_le(entry + 4, 4), ==, 9);
            g_assert_cmphex(read_le(entry + 8, 2), ==, 0x0d);
        }
    }
    g_assert_cmpuint(lapics, ==, 3);
    g_assert_cmpuint(ioapics, ==, 1);
    g_assert_cmpuint(overrides, ==, 5);
    g_assert_cmpuint(nmis, ==, 1);
    g_bytes_unref(guest.bytes);
}

static void
test_madt_tells_possible_cpus_from_present_ones(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);
    gsize size;
    const guint8 *madt = find_table(&guest, "APIC", &size);

    g_assert_nonnull(madt);
    /* With a later revision Linux would want the "online capable" bit. */
    g_assert_cmpuint(madt[8], ==, 3);
    for (unsigned i = 0; i < G_N_ELEMENTS(small_cpus); i++) {
        const guint8 *entry = madt + 44 + i * 8;

        g_assert_cmpuint(entry[0], ==, 0);
        g_assert_cmpuint(entry[2], ==, i);
        g_assert_cmpuint(entry[3], ==, small_cpus[i].apic_id);
        g_assert_cmpuint(read_le(entry + 4, 4), ==, small_cpus[i].present ? 1 : 0);
    }
    g_bytes_unref(guest.bytes);
}

/* As many CPUs as there can be. */
static void
fill_cpus(TnPcAcpiConfig *config, TnAcpiCpu *cpus)
{
    for (unsigned i = 0; i < 255; i++) {
        cpus[i] = (TnAcpiCpu){ (guint8)i, (guint8)(i % 4), i < 2 };
    }
    config->cpus = cpus;
    config->num_cpus = 255;
}

static void
test_no_srat_without_numa_or_slots(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);
    gsize size;

    g_assert_null(find_table(&guest, "SRAT", &size));
    g_assert_null(find_table(&guest, "SLIT", &size));
    g_bytes_unref(guest.bytes);
}

typedef struct {
    guint64 base, size;
    guint32 node, flags;
} Affinity;

/* The memory entries of the SRAT. */
static GArray *
memory_affinities(const Guest *guest)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Affinity));
    gsize size;
    const guint8 *srat = find_table(guest, "SRAT", &size);

    g_assert_nonnull(srat);
    for (gsize i = 48; i < size; i += srat[i + 1]) {
        const guint8 *e = srat + i;
        Affinity a = { read_le(e + 8, 8), read_le(e + 16, 8), (guint32)read_le(e + 2, 4),
                       (guint32)read_le(e + 28, 4) };

        g_assert_cmpuint(e[1], >=, 2);
        if (e[0] == 1) {
            g_array_append_val(list, a);
        }
    }
    return list;
}

static void
assert_affinity(const GArray *list, guint i, const Affinity want)
{
    const Affinity *got = &g_array_index(list, Affinity, i);

    g_assert_cmpuint(i, <, list->len);
    g_assert_cmphex(got->base, ==, want.base);
    g_assert_cmphex(got->size, ==, want.size);
    g_assert_cmpuint(got->node, ==, want.node);
    g_assert_cmphex(got->flags, ==, want.flags);
}

static void
test_srat_of_one_node_has_the_hotplug_window(void)
{
    TnPcAcpiConfig config = hotplug_config(4);
    Guest guest = build(&config);
    g_autoptr(GArray) list = memory_affinities(&guest);

    g_assert_cmpuint(list->len, ==, 3);
    assert_affinity(list, 0, (Affinity){ 0, 0xa0000, 0, 1 });
    assert_affinity(list, 1, (Affinity){ MIB, 511 * MIB, 0, 1 });
    assert_affinity(list, 2, (Affinity){ 4 * GIB, 8 * GIB, 0, 3 });
    g_bytes_unref(guest.bytes);
}

static void
test_srat_cuts_nodes_at_the_pci_hole(void)
{
    static const guint64 sizes[] = { 2 * GIB, 2 * GIB };
    static const TnAcpiCpu cpus[] = { { 0, 0, TRUE }, { 4, 1, FALSE } };
    TnPcAcpiConfig config = hotplug_config(2);
    g_autoptr(GArray) list = NULL;
    Guest guest;

    config.node_sizes = sizes;
    config.cpus = cpus;
    config.num_cpus = 2;
    config.num_nodes = 2;
    config.below_4g = 3 * GIB;
    config.above_4g = 1 * GIB;
    config.device_memory_base = 5 * GIB;
    config.device_memory_size = 3 * GIB;
    guest = build(&config);
    list = memory_affinities(&guest);
    g_assert_cmpuint(list->len, ==, 5);
    assert_affinity(list, 0, (Affinity){ 0, 0xa0000, 0, 1 });
    assert_affinity(list, 1, (Affinity){ MIB, 2 * GIB - MIB, 0, 1 });
    assert_affinity(list, 2, (Affinity){ 2 * GIB, GIB, 1, 1 });
    assert_affinity(list, 3, (Affinity){ 4 * GIB, GIB, 1, 1 });
    assert_affinity(list, 4, (Affinity){ 5 * GIB, 3 * GIB, 1, 3 });
    g_bytes_unref(guest.bytes);
}

static void
test_srat_has_every_possible_cpu(void)
{
    static const TnAcpiCpu cpus[] = { { 0, 0, TRUE }, { 4, 1, FALSE } };
    TnPcAcpiConfig config = hotplug_config(2);
    const guint8 *srat;
    Guest guest;
    gsize size;

    config.cpus = cpus;
    config.num_cpus = 2;
    guest = build(&config);
    srat = find_table(&guest, "SRAT", &size);
    g_assert_nonnull(srat);
    for (unsigned i = 0; i < 2; i++) {
        const guint8 *entry = srat + 48 + i * 16;

        g_assert_cmpuint(entry[0], ==, 0);
        g_assert_cmpuint(entry[2], ==, cpus[i].node);
        g_assert_cmpuint(entry[3], ==, cpus[i].apic_id);
        g_assert_cmpuint(read_le(entry + 4, 4), ==, 1);
    }
    g_bytes_unref(guest.bytes);
}

static void
test_slit(void)
{
    static const guint64 sizes[] = { 256 * MIB, 256 * MIB };
    static const guint8 distances[] = { 10, 21, 22, 10 };
    TnPcAcpiConfig config = small_config();
    Guest guest;
    gsize size;
    const guint8 *slit;

    config.node_sizes = sizes;
    config.num_nodes = 2;
    config.distances = distances;
    guest = build(&config);
    slit = find_table(&guest, "SLIT", &size);
    g_assert_nonnull(slit);
    g_assert_cmpuint(read_le(slit + 36, 8), ==, 2);
    g_assert_cmpmem(slit + 44, size - 44, distances, sizeof distances);
    g_bytes_unref(guest.bytes);
}

static void
test_largest_configuration_fits(void)
{
    TnPcAcpiConfig config = hotplug_config(256);
    TnAcpiPciBus buses[TN_ACPI_PCI_HOTPLUG_BUSES];
    TnAcpiCpu cpus[255];
    Guest guest;

    for (unsigned i = 0; i < G_N_ELEMENTS(buses); i++) {
        /* Each behind the one before: the longest paths. */
        buses[i] = (TnAcpiPciBus){ (int)i - 1, 3 << 3, (int)i, 0xffffffff };
    }
    config.pci_buses = buses;
    config.num_pci_buses = G_N_ELEMENTS(buses);
    fill_cpus(&config, cpus);
    config.com2 = config.i8042 = TRUE;
    config.pci_hole64.first = 64 * GIB;
    config.pci_hole64.last = 128 * GIB - 1;
    guest = build(&config);
    g_test_message("%" G_GSIZE_FORMAT " bytes", guest.size);
    g_assert_cmpuint(guest.size, <=, TN_PC_ACPI_MAX_SIZE);
    g_bytes_unref(guest.bytes);
}

/* 128 nodes of 8 MiB, each far from all others. */
static void
fill_nodes(TnPcAcpiConfig *config, guint64 sizes[128], guint8 distances[128 * 128])
{
    memset(distances, 20, 128 * 128);
    for (guint i = 0; i < 128; i++) {
        sizes[i] = 8 * MIB;
        distances[i * 129] = 10;
    }
    config->node_sizes = sizes;
    config->num_nodes = 128;
    config->distances = distances;
}

static void
test_most_nodes_fit(void)
{
    TnPcAcpiConfig config = hotplug_config(256);
    g_autofree guint8 *distances = g_malloc(128 * 128);
    guint64 sizes[128];
    TnAcpiCpu cpus[255];
    Guest guest;

    fill_cpus(&config, cpus);
    fill_nodes(&config, sizes, distances);
    guest = build(&config);
    g_test_message("%" G_GSIZE_FORMAT " bytes", guest.size);
    g_assert_cmpuint(guest.size, <=, TN_PC_ACPI_MAX_SIZE);
    g_bytes_unref(guest.bytes);
}

static void
test_too_much_is_refused(void)
{
    TnPcAcpiConfig config = hotplug_config(256);
    g_autofree guint8 *distances = g_malloc(128 * 128);
    TnAcpiPciBus buses[TN_ACPI_PCI_HOTPLUG_BUSES];
    g_autoptr(GError) error = NULL;
    guint64 sizes[128];
    TnAcpiCpu cpus[255];

    fill_cpus(&config, cpus);
    fill_nodes(&config, sizes, distances);
    for (unsigned i = 0; i < G_N_ELEMENTS(buses); i++) {
        buses[i] = (TnAcpiPciBus){ (int)i - 1, 3 << 3, (int)i, 0xffffffff };
    }
    config.pci_buses = buses;
    config.num_pci_buses = G_N_ELEMENTS(buses);
    g_assert_null(tn_pc_acpi_build(&config, &error));
    g_assert_true(g_str_has_prefix(error->message, "the ACPI tables take "));
    g_assert_true(g_str_has_suffix(error->message, " bytes, more than the limit of 126976: use "
                                                   "fewer NUMA nodes, memory slots or PCI "
                                                   "bridges"));
}

/* Runs iasl in @dir; fails the test with its output unless it succeeds and says @praise. */
static void
run_iasl(const char *dir, const char *const *argv, const char *praise)
{
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_spawn_sync(dir, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status,
                 &error);
    g_assert_no_error(error);
    if (!g_spawn_check_wait_status(status, &error) ||
        (!strstr(out, praise) && !strstr(err, praise))) {
        g_test_message("iasl %s: %s\n%s", argv[1], out, err);
        g_test_fail();
    }
}

/* Disassembles @table and compiles the result. */
static void
round_trip(const char *dir, const char *name, const guint8 *table, gsize size)
{
    g_autofree char *binary = g_strdup_printf("%s/%s.dat", dir, name);
    g_autofree char *source = g_strdup_printf("%s.dsl", name);
    g_autofree char *file = g_strdup_printf("%s.dat", name);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(binary, (const char *)table, (gssize)size, &error);
    g_assert_no_error(error);
    run_iasl(dir, (const char *const[]){ "iasl", "-d", file, NULL }, "utput");
    run_iasl(dir, (const char *const[]){ "iasl", source, NULL }, "0 Errors, 0 Warnings");
}

/* Every table of @config through iasl and back. */
static void
round_trip_all(const TnPcAcpiConfig *config)
{
    static const char *const signatures[] = { "FACP", "APIC", "HPET", "SRAT", "SLIT" };
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("tenon-acpi-XXXXXX", &error);
    g_autofree char *rm = NULL;
    Guest guest = build(config);
    gsize size;
    const guint8 *fadt = find_table(&guest, "FACP", &size);
    const guint8 *table;

    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(signatures); i++) {
        table = find_table(&guest, signatures[i], &size);
        if (table) {
            round_trip(dir, signatures[i], table, size);
        }
    }
    table = table_at(&guest, read_le(fadt + 40, 4), &size);
    round_trip(dir, "DSDT", table, size);
    round_trip(dir, "FACS", at(&guest, read_le(fadt + 36, 4), 64), 64);
    table = table_at(&guest, read_le(guest.data + 24, 8), &size);
    round_trip(dir, "XSDT", table, size);
    rm = g_strdup_printf("rm -r '%s'", dir);
    g_assert_true(g_spawn_command_line_sync(rm, NULL, NULL, NULL, NULL));
    g_bytes_unref(guest.bytes);
}

static gboolean
have_iasl(void)
{
    g_autofree char *path = g_find_program_in_path("iasl");

    if (!path) {
        g_test_skip("iasl is not installed (Debian: acpica-tools)");
    }
    return path != NULL;
}

static void
test_iasl_small(void)
{
    TnPcAcpiConfig config = small_config();

    if (have_iasl()) {
        round_trip_all(&config);
    }
}

static void
test_iasl_numa_and_slots(void)
{
    static const guint64 sizes[] = { 256 * MIB, 256 * MIB };
    static const guint8 distances[] = { 10, 20, 20, 10 };
    TnPcAcpiConfig config = hotplug_config(16);

    if (have_iasl()) {
        config.node_sizes = sizes;
        config.num_nodes = 2;
        config.distances = distances;
        config.com2 = config.i8042 = TRUE;
        config.pci_hole64.first = 64 * GIB;
        config.pci_hole64.last = 128 * GIB - 1;
        round_trip_all(&config);
    }
}

static void
test_iasl_pci_slots(void)
{
    static const TnAcpiPciBus bus = { .parent = -1, .slots = 0x80000004 };
    TnPcAcpiConfig config = small_config();

    if (have_iasl()) {
        config.pci_buses = &bus;
        config.num_pci_buses = 1;
        round_trip_all(&config);
    }
}

/* acpi-root-pci-hotplug=off */
static void
test_iasl_pci_slots_behind_a_bridge_alone(void)
{
    static const TnAcpiPciBus buses[] = {
        { .parent = -1, .selector = -1 },
        { .parent = 0, .devfn = 9 << 3, .selector = 0, .slots = 0xffffffff },
    };
    TnPcAcpiConfig config = small_config();

    if (have_iasl()) {
        config.pci_buses = buses;
        config.num_pci_buses = 2;
        round_trip_all(&config);
    }
}

static void
test_iasl_one_slot(void)
{
    TnPcAcpiConfig config = hotplug_config(1);

    if (have_iasl()) {
        round_trip_all(&config);
    }
}

static void
test_iasl_256_slots(void)
{
    TnPcAcpiConfig config = hotplug_config(256);
    TnAcpiCpu cpus[255];

    fill_cpus(&config, cpus);
    if (have_iasl()) {
        round_trip_all(&config);
    }
}

/* A name of one segment in the DSDT's AML. */
static gboolean
dsdt_names(const TnPcAcpiConfig *config, const char *name)
{
    Guest guest = build(config);
    gsize size;
    const guint8 *facp = find_table(&guest, "FACP", &size);
    const guint8 *dsdt = table_at(&guest, read_le(facp + 40, 4), &size);
    gboolean found = memmem(dsdt, size, name, 4) != NULL;

    g_bytes_unref(guest.bytes);
    return found;
}

static void
test_sleep_states_are_those_left_to_the_guest(void)
{
    TnPcAcpiConfig config = small_config();

    g_assert_false(dsdt_names(&config, "_S3_"));
    g_assert_false(dsdt_names(&config, "_S4_"));
    g_assert_true(dsdt_names(&config, "_S5_"));
    config.s3 = TRUE;
    g_assert_true(dsdt_names(&config, "_S3_"));
    config.s4 = TRUE;
    g_assert_true(dsdt_names(&config, "_S4_"));
}

static void
test_facs_is_where_the_machine_reads_it(void)
{
    TnPcAcpiConfig config = small_config();
    Guest guest = build(&config);

    g_assert_cmpmem(at(&guest, TN_PC_ACPI_FACS, 4), 4, "FACS", 4);
    g_bytes_unref(guest.bytes);
}

/* ACPICA's own interpreter runs @commands, which end by evaluating \_S5; ports read as what
 * was written last. */
static void
run_in_acpica(const char *commands)
{
    TnPcAcpiConfig config = hotplug_config(3);
    g_autofree char *program = g_find_program_in_path("acpiexec");
    g_autofree char *dir = g_dir_make_tmp("tenon-acpi-XXXXXX", NULL);
    g_autofree char *file = g_strdup_printf("%s/DSDT.dat", dir);
    g_autofree char *out = NULL;
    Guest guest = build(&config);
    gsize size;
    const guint8 *table = table_at(&guest, read_le(find_table(&guest, "FACP", &size) + 40, 4),
                                   &size);
    const char *argv[] = { "acpiexec", "-b", commands, file, NULL };

    if (!program) {
        g_test_skip("acpiexec is not installed (Debian: acpica-tools)");
    } else {
        g_assert_true(g_file_set_contents(file, (const char *)table, (gssize)size, NULL));
        g_assert_true(g_spawn_sync(dir, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                                   NULL, NULL, NULL));
        if (!strstr(out, "Evaluation of \\_S5 returned object") || strstr(out, "AE_") ||
            strstr(out, "ACPI Error") || strstr(out, "ACPI Warning")) {
            g_test_message("%s", out);
            g_test_fail();
        }
        (void)g_unlink(file);
    }
    (void)g_rmdir(dir);
    g_bytes_unref(guest.bytes);
}

static void
test_methods_run_in_acpica(void)
{
    static const char commands[] =
        "execute \\_SB.MHPC.MSCN; execute \\_GPE._E03; execute \\_SB.MHPC.MP02._STA;"
        "execute \\_SB.MHPC.MP02._CRS; execute \\_SB.MHPC.MP00._PXM;"
        "execute \\_SB.MHPC.MP01._OST 3 0 (00); execute \\_SB.MHPC.MP02._EJ0 1;"
        "execute \\_SB.PRES._INI; execute \\_SB.CPUS.CSCN; execute \\_GPE._E02;"
        "execute \\_SB.CPUS.C000._STA; execute \\_SB.CPUS.C002._MAT;"
        "execute \\_SB.CPUS.C001._OST 3 0 (00); execute \\_SB.CPUS.C002._EJ0 1;"
        "execute \\_GPE._E01; execute \\_SB.PCI0.PCNT; execute \\_SB.PCI0.S10._SUN;"
        "execute \\_SB.PCI0.S10._EJ0 1; execute \\_SB.PCI0.SF8._OST 3 0 (00);"
        "execute \\_SB.PCI0.DVNT 0xffffffff 1;"
        "execute \\_SB.PCI0.S10._DSM (D0 37 C9 E5 53 35 7A 4D 91 17 EA 4D 19 C3 43 4D) 2 7 [0];"
        "execute \\_SB.PCI0.S10._DSM (D0 37 C9 E5 53 35 7A 4D 91 17 EA 4D 19 C3 43 4D) 2 0 [0];"
        "execute \\_SB.PCI0.S20._DSM (00) 2 7 [0];"
        "execute \\_SB.LNKA._STA; execute \\_SB.LNKB._CRS; execute \\_SB.LNKC._DIS;"
        "execute \\_S3; execute \\_S4; execute \\_S5";

    run_in_acpica(commands);
}

static void
test_methods_behind_bridges_run_in_acpica(void)
{
    static const char commands[] =
        "execute \\_SB.PCI0.S18.PCNT; execute \\_SB.PCI0.S18.S21.PCNT;"
        "execute \\_SB.PCI0.S18.S08._EJ0 1; execute \\_SB.PCI0.S18.S21.SF8._OST 3 0 (00);"
        "execute \\_SB.PCI0.S18.S21.DVNT 0xffffffff 3;"
        "execute \\_SB.PCI0.S18.S21.S00._DSM (D0 37 C9 E5 53 35 7A 4D 91 17 EA 4D 19 C3 43 4D) "
        "2 7 [0];"
        "execute \\_SB.PCI0.PCNT; execute \\_S5";

    run_in_acpica(commands);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/pc-acpi/rsdp", test_rsdp);
    g_test_add_func("/machine/pc-acpi/sleep-states-are-those-left-to-the-guest",
                    test_sleep_states_are_those_left_to_the_guest);
    g_test_add_func("/machine/pc-acpi/facs-is-where-the-machine-reads-it",
                    test_facs_is_where_the_machine_reads_it);
    g_test_add_func("/machine/pc-acpi/hpet", test_hpet);
    g_test_add_func("/machine/pc-acpi/fadt", test_fadt);
    g_test_add_func("/machine/pc-acpi/fadt-without-reset-register",
                    test_fadt_without_reset_register);
    g_test_add_func("/machine/pc-acpi/madt", test_madt);
    g_test_add_func("/machine/pc-acpi/madt-tells-possible-cpus-from-present-ones",
                    test_madt_tells_possible_cpus_from_present_ones);
    g_test_add_func("/machine/pc-acpi/srat-has-every-possible-cpu",
                    test_srat_has_every_possible_cpu);
    g_test_add_func("/machine/pc-acpi/no-srat-without-numa-or-slots",
                    test_no_srat_without_numa_or_slots);
    g_test_add_func("/machine/pc-acpi/srat-of-one-node-has-the-hotplug-window",
                    test_srat_of_one_node_has_the_hotplug_window);
    g_test_add_func("/machine/pc-acpi/srat-cuts-nodes-at-the-pci-hole",
                    test_srat_cuts_nodes_at_the_pci_hole);
    g_test_add_func("/machine/pc-acpi/slit", test_slit);
    g_test_add_func("/machine/pc-acpi/largest-configuration-fits",
                    test_largest_configuration_fits);
    g_test_add_func("/machine/pc-acpi/most-nodes-fit", test_most_nodes_fit);
    g_test_add_func("/machine/pc-acpi/too-much-is-refused", test_too_much_is_refused);
    g_test_add_func("/machine/pc-acpi/iasl/small", test_iasl_small);
    g_test_add_func("/machine/pc-acpi/iasl/numa-and-slots", test_iasl_numa_and_slots);
    g_test_add_func("/machine/pc-acpi/iasl/pci-slots", test_iasl_pci_slots);
    g_test_add_func("/machine/pc-acpi/iasl/pci-slots-behind-a-bridge-alone",
                    test_iasl_pci_slots_behind_a_bridge_alone);
    g_test_add_func("/machine/pc-acpi/iasl/one-slot", test_iasl_one_slot);
    g_test_add_func("/machine/pc-acpi/iasl/256-slots", test_iasl_256_slots);
    g_test_add_func("/machine/pc-acpi/methods-run-in-acpica", test_methods_run_in_acpica);
    g_test_add_func("/machine/pc-acpi/methods-behind-bridges-run-in-acpica",
                    test_methods_behind_bridges_run_in_acpica);
    return g_test_run();
}
