/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linux's bzImage by the 64-bit boot protocol (Documentation/x86/boot.rst): the
 * setup header of the file, the zero page, page tables and GDT.
 */
#include "vmm/machine/linux-boot-private.h"

#include <inttypes.h>
#include <string.h>

/* Offsets in the file and, from 0x1f1 on, in the zero page (boot.rst, zero-page.rst). */
#define SETUP_HEADER 0x1f1
#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define JUMP_LENGTH 0x201
#define HEADER_MAGIC 0x202
#define VERSION 0x206
#define TYPE_OF_LOADER 0x210
#define LOADFLAGS 0x211
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define CMD_LINE_PTR 0x228
#define INITRD_ADDR_MAX 0x22c
#define XLOADFLAGS 0x236
#define CMDLINE_SIZE 0x238
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define SETUP_DATA 0x250
#define PREF_ADDRESS 0x258
#define INIT_SIZE 0x260
#define HEADER_NEEDED 0x264

/* In the zero page alone. */
#define ACPI_RSDP_ADDR 0x070
#define E820_ENTRIES 0x1e8
#define E820_TABLE 0x2d0
#define E820_ENTRY_SIZE 20
#define SETUP_HEADER_END 0x290
#define ZERO_PAGE_SIZE 0x1000

#define BOOT_FLAG_VALUE 0xaa55
#define HEADER_MAGIC_VALUE 0x53726448 /* "HdrS" */
#define MIN_VERSION 0x020c            /* the first with xloadflags */
#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x0001
#define LOADER_UNDEFINED 0xff
#define SECTOR 512u
#define DEFAULT_SETUP_SECTS 4u
#define ENTRY_64 0x200u

#define PAGE_SIZE 0x1000u
#define ENTRIES_PER_TABLE 512u
#define NUM_DIRECTORIES 4u
#define PTE_PRESENT_WRITABLE 0x3u
#define PDE_LARGE 0x83u
#define LARGE_PAGE_SHIFT 21

static uint16_t
get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t
get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void
put32(uint8_t *p, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

static void
put64(uint8_t *p, uint64_t value)
{
    put32(p, (uint32_t)value);
    put32(p + 4, (uint32_t)(value >> 32));
}

bool
tn_bzimage_probe(const uint8_t *head, size_t head_size)
{
    return head_size >= HEADER_MAGIC + 4 && get16(head + BOOT_FLAG) == BOOT_FLAG_VALUE &&
           get32(head + HEADER_MAGIC) == HEADER_MAGIC_VALUE;
}

static gboolean
check_header(TnLinuxBoot *boot, const uint8_t *head, size_t head_size, GError **error)
{
    const char *path = boot->kernel.path;
    uint16_t version = get16(head + VERSION);

    if (head_size < HEADER_NEEDED) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' is cut short: its header ends at 0x%zx, need 0x%x", path,
                    head_size, HEADER_NEEDED);
        return FALSE;
    }
    if (version < MIN_VERSION) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' speaks boot protocol %u.%u, need 2.12", path, version >> 8,
                    version & 0xff);
        return FALSE;
    }
    if (!(head[LOADFLAGS] & LOADED_HIGH) || !(get16(head + XLOADFLAGS) & XLF_KERNEL_64)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' has no 64-bit entry point", path);
        return FALSE;
    }
    if (HEADER_MAGIC + head[JUMP_LENGTH] < HEADER_NEEDED) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' has a setup header that ends at 0x%x, need 0x%x", path,
                    HEADER_MAGIC + head[JUMP_LENGTH], HEADER_NEEDED);
        return FALSE;
    }
    return TRUE;
}

static uint64_t
setup_size(const uint8_t *head)
{
    return (1 + (head[SETUP_SECTS] ? head[SETUP_SECTS] : DEFAULT_SETUP_SECTS)) * SECTOR;
}

bool
tn_bzimage_find_payload(const uint8_t *head, size_t head_size, uint64_t file_size,
                        uint64_t *ret_offset, uint64_t *ret_size)
{
    uint64_t offset, size;

    if (!tn_bzimage_probe(head, head_size) || head_size < HEADER_NEEDED ||
        get16(head + VERSION) < MIN_VERSION) {
        return false;
    }
    /* Both count from the protected-mode code on. */
    offset = setup_size(head) + get32(head + PAYLOAD_OFFSET);
    size = get32(head + PAYLOAD_LENGTH);
    if (size == 0 || offset > file_size || size > file_size - offset) {
        return false;
    }
    *ret_offset = offset;
    *ret_size = size;
    return true;
}

gboolean
tn_bzimage_plan(TnLinuxBoot *boot, const uint8_t *head, size_t head_size, GError **error)
{
    uint64_t code_offset, cmdline_size;
    TnBootSegment segment;

    if (!check_header(boot, head, head_size, error)) {
        return FALSE;
    }
    code_offset = setup_size(head);
    if (code_offset >= boot->kernel.size || boot->kernel.size - code_offset <= ENTRY_64) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' is cut short: 0x%" PRIx64 " bytes, of which 0x%" PRIx64
                    " are its setup code",
                    boot->kernel.path, boot->kernel.size, code_offset);
        return FALSE;
    }
    /* Only the code in the file is loaded; init_size is room that the kernel clears and
     * fills by itself. */
    segment = (TnBootSegment){
        .addr = get64(head + PREF_ADDRESS),
        .offset = code_offset,
        .file_size = boot->kernel.size - code_offset,
        .mem_size = boot->kernel.size - code_offset,
    };
    boot->footprint_addr = segment.addr;
    boot->footprint_size = MAX(segment.mem_size, get32(head + INIT_SIZE));
    if (!tn_e820_is_ram(&boot->map, boot->footprint_addr, boot->footprint_size)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "Kernel '%s' does not fit: it needs 0x%" PRIx64
                    " bytes of RAM at guest address 0x%" PRIx64,
                    boot->kernel.path, boot->footprint_size, boot->footprint_addr);
        return FALSE;
    }
    /* The page tables made here end at 4 GiB. */
    if (segment.addr + (boot->footprint_size - 1) > UINT32_MAX) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' wants to be loaded at 0x%" PRIx64 ", above 4 GiB",
                    boot->kernel.path, segment.addr);
        return FALSE;
    }
    if (!tn_boot_add_segment(boot, &segment, error)) {
        return FALSE;
    }
    cmdline_size = get32(head + CMDLINE_SIZE);
    boot->cmdline_max = cmdline_size ? cmdline_size : 255;
    boot->initrd_max = get32(head + INITRD_ADDR_MAX);
    boot->entry = segment.addr + ENTRY_64;
    boot->setup_header_size =
        MIN(HEADER_MAGIC + (size_t)head[JUMP_LENGTH], MIN(head_size, SETUP_HEADER_END)) -
        SETUP_HEADER;
    memcpy(boot->setup_header, head + SETUP_HEADER, boot->setup_header_size);
    (void)tn_bzimage_find_payload(head, head_size, boot->kernel.size, &boot->payload_offset,
                                  &boot->payload_size);
    return TRUE;
}

static void
fill_e820(uint8_t *page, const TnE820Map *map)
{
    page[E820_ENTRIES] = (uint8_t)map->num_entries;
    for (unsigned i = 0; i < map->num_entries; i++) {
        uint8_t *entry = page + E820_TABLE + i * E820_ENTRY_SIZE;

        put64(entry, map->entries[i].addr);
        put64(entry + 8, map->entries[i].size);
        put32(entry + 16, map->entries[i].type);
    }
}

/* The first 4 GiB one to one, by pages of 2 MiB. */
static gboolean
write_page_tables(TnLinuxBoot *boot, GError **error)
{
    const unsigned words = (2 + NUM_DIRECTORIES) * ENTRIES_PER_TABLE;
    g_autofree uint64_t *tables = g_new0(uint64_t, words);
    uint64_t *pdpt = tables + ENTRIES_PER_TABLE;
    uint64_t *directories = tables + 2 * ENTRIES_PER_TABLE;

    tables[0] = (TN_BOOT_PAGE_TABLES + PAGE_SIZE) | PTE_PRESENT_WRITABLE;
    for (unsigned i = 0; i < NUM_DIRECTORIES; i++) {
        pdpt[i] = (TN_BOOT_PAGE_TABLES + (2 + i) * PAGE_SIZE) | PTE_PRESENT_WRITABLE;
    }
    for (uint64_t i = 0; i < NUM_DIRECTORIES * ENTRIES_PER_TABLE; i++) {
        directories[i] = i << LARGE_PAGE_SHIFT | PDE_LARGE;
    }
    for (unsigned i = 0; i < words; i++) {
        tables[i] = GUINT64_TO_LE(tables[i]);
    }
    return tn_boot_write(boot, TN_BOOT_PAGE_TABLES, tables, words * sizeof(*tables), error);
}

static gboolean
write_gdt(TnLinuxBoot *boot, GError **error)
{
    /* Null, null, 64-bit code (0x10), data (0x18); all flat. */
    const uint64_t gdt[] = { 0, 0, GUINT64_TO_LE(UINT64_C(0x00af9b000000ffff)),
                             GUINT64_TO_LE(UINT64_C(0x00cf93000000ffff)) };

    return tn_boot_write(boot, TN_BOOT_GDT, gdt, sizeof(gdt), error);
}

gboolean
tn_bzimage_write_params(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error)
{
    uint8_t page[ZERO_PAGE_SIZE] = { 0 };

    memcpy(page + SETUP_HEADER, boot->setup_header, boot->setup_header_size);
    page[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    put32(page + RAMDISK_IMAGE, (uint32_t)boot->initrd_addr);
    put32(page + RAMDISK_SIZE, boot->initrd_addr ? (uint32_t)boot->initrd.size : 0);
    put32(page + CMD_LINE_PTR, TN_BOOT_CMDLINE);
    /* A pointer that only a loader sets; the file has no say in it. */
    put64(page + SETUP_DATA, 0);
    put64(page + ACPI_RSDP_ADDR, boot->rsdp);
    fill_e820(page, &boot->map);

    if (!tn_boot_write(boot, TN_BOOT_PARAMS, page, sizeof(page), error) ||
        !write_page_tables(boot, error) || !write_gdt(boot, error)) {
        return FALSE;
    }
    *ret_start = (TnVcpuStart){
        .mode = TN_VCPU_START_LONG_MODE,
        .entry = boot->entry,
        .boot_info = TN_BOOT_PARAMS,
        .page_table = TN_BOOT_PAGE_TABLES,
        .gdt = TN_BOOT_GDT,
        .stack = TN_BOOT_STACK,
    };
    return TRUE;
}
