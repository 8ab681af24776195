/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Multiboot 1 images (Multiboot Specification 0.6.96): the header, the two ways to
 * load, the information structure. docs/specs/boot.md.
 *
 * Such an image may take any low memory, so the information has no fixed place: it
 * goes below 640 KiB, as high as the image leaves room.
 */
#include "vmm/machine/linux-boot-private.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#define HEADER_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u

/* Flags of the header (3.1.2). Of bits 0..15, those that we do not know are refused. */
#define HEADER_ALIGN_MODULES 0x00000001u
#define HEADER_MEMORY_INFO 0x00000002u
#define HEADER_VIDEO_MODE 0x00000004u
#define HEADER_ADDRESSES 0x00010000u
#define HEADER_MUST_KNOW 0x0000ffffu

/* Flags of the information (3.3). */
#define INFO_MEMORY 0x001u
#define INFO_CMDLINE 0x004u
#define INFO_MODULES 0x008u
#define INFO_MMAP 0x040u
#define INFO_LOADER_NAME 0x200u

#define LOADER_NAME "tenon"
#define PAGE_SIZE 0x1000u
#define LOW_MEMORY_END 0xa0000u
#define ONE_MIB 0x100000u

/* 3.1.1; the last five only with HEADER_ADDRESSES. */
typedef struct Header {
    uint32_t magic, flags, checksum;
    uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
} Header;
G_STATIC_ASSERT(sizeof(Header) == 32);
#define HEADER_MIN_SIZE 12u

/* 3.3, up to the loader's name; the rest is not offered. */
typedef struct Info {
    uint32_t flags;
    uint32_t mem_lower, mem_upper; /* KiB */
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr;
    uint32_t drives_length, drives_addr;
    uint32_t config_table;
    uint32_t boot_loader_name;
    uint32_t apm_table;
    uint32_t vbe[4];
} Info;
G_STATIC_ASSERT(sizeof(Info) == 88);

typedef struct Module {
    uint32_t start, end, string, reserved;
} Module;

typedef struct __attribute__((packed)) MmapEntry {
    uint32_t size; /* of what follows */
    uint64_t addr, length;
    uint32_t type;
} MmapEntry;
G_STATIC_ASSERT(sizeof(MmapEntry) == 24);

/* Everything the guest is given, at boot->info_addr; the command line and the module's
 * string follow. */
typedef struct InfoArea {
    Info info;
    Module module;
    char loader_name[16];
    MmapEntry mmap[TN_E820_MAX_ENTRIES];
} InfoArea;

/* Finds the header: 4-byte aligned, whole within the first 8192 bytes, sum 0 (3.1). */
static bool
find_header(const uint8_t *head, size_t head_size, Header *ret_header, uint32_t *ret_offset)
{
    size_t limit = MIN(head_size, TN_MULTIBOOT_SEARCH);

    for (size_t at = 0; at + HEADER_MIN_SIZE <= limit; at += 4) {
        Header header = { 0 };

        memcpy(&header, head + at, MIN(sizeof(header), limit - at));
        if (header.magic == HEADER_MAGIC &&
            (uint32_t)(header.magic + header.flags + header.checksum) == 0 &&
            (!(header.flags & HEADER_ADDRESSES) || at + sizeof(header) <= limit)) {
            *ret_header = header;
            *ret_offset = (uint32_t)at;
            return true;
        }
    }
    return false;
}

bool
tn_multiboot_probe(const uint8_t *head, size_t head_size)
{
    Header header;
    uint32_t offset;

    return find_header(head, head_size, &header, &offset);
}

/* 3.1.3: the header says itself what goes where. */
static gboolean
plan_by_addresses(TnLinuxBoot *boot, const Header *header, uint32_t header_offset,
                  GError **error)
{
    uint32_t before = header->header_addr - header->load_addr;
    TnBootSegment segment = { .addr = header->load_addr };

    if (header->header_addr < header->load_addr || before > header_offset) {
        return tn_boot_format_error(boot, error,
                                    "has a multiboot header whose addresses contradict its place");
    }
    segment.offset = header_offset - before;
    segment.file_size = header->load_end_addr ? (uint64_t)header->load_end_addr - header->load_addr
                                              : boot->kernel.size - segment.offset;
    if (header->load_end_addr && header->load_end_addr < header->load_addr) {
        return tn_boot_format_error(boot, error, "has a multiboot load_end_addr before load_addr");
    }
    segment.mem_size = segment.file_size;
    if (header->bss_end_addr) {
        if (header->bss_end_addr < segment.addr + segment.file_size) {
            return tn_boot_format_error(boot, error,
                                        "has a multiboot bss_end_addr before the end of its data");
        }
        segment.mem_size = header->bss_end_addr - segment.addr;
    }
    boot->entry = header->entry_addr;
    boot->footprint_addr = segment.addr;
    boot->footprint_size = segment.mem_size;
    return tn_boot_add_segment(boot, &segment, error);
}

static gboolean
plan_by_elf(TnLinuxBoot *boot, const uint8_t *head, size_t head_size, GError **error)
{
    TnElfTable table;

    if (!tn_elf_probe(head, head_size)) {
        return tn_boot_format_error(
            boot, error, "is a multiboot image that is no ELF image and gives no load addresses");
    }
    if (!tn_elf_read_header(boot, head, head_size, &table, error)) {
        return FALSE;
    }
    if (table.is_64 || table.machine != EM_386) {
        return tn_boot_format_error(boot, error,
                                    "is a 64-bit multiboot image; multiboot takes 32-bit ones");
    }
    for (unsigned i = 0; i < table.count; i++) {
        TnElfProgram program;

        if (!tn_elf_read_program(boot, &table, i, &program, error) ||
            !tn_elf_add_program(boot, &program, error)) {
            return FALSE;
        }
    }
    boot->entry = table.entry;
    return TRUE;
}

/* The command line begins with the image's name (3.3). */
static void
name_image(TnLinuxBoot *boot)
{
    g_autofree char *arguments = boot->cmdline;

    boot->cmdline = *arguments ? g_strconcat(boot->kernel.path, " ", arguments, NULL)
                               : g_strdup(boot->kernel.path);
}

static uint64_t
module_string_size(const TnLinuxBoot *boot)
{
    return boot->initrd.path ? strlen(boot->initrd.path) + 1 : 1;
}

static gboolean
plan_info(TnLinuxBoot *boot, GError **error)
{
    TnE820Request request = {
        .size = sizeof(InfoArea) + strlen(boot->cmdline) + 1 + module_string_size(boot),
        .align = 16,
        .min = PAGE_SIZE, /* not over the real-mode interrupt table */
        .max = LOW_MEMORY_END - 1,
        .avoid_addr = boot->footprint_addr,
        .avoid_size = boot->footprint_size,
    };

    if (!tn_e820_find_room(&boot->map, &request, &boot->info_addr)) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_TOO_BIG,
                    "Kernel '%s' leaves no room for 0x%" PRIx64
                    " bytes of multiboot information below 640 KiB",
                    boot->kernel.path, request.size);
        return FALSE;
    }
    boot->cmdline_addr = boot->info_addr + sizeof(InfoArea);
    return TRUE;
}

gboolean
tn_multiboot_plan(TnLinuxBoot *boot, const uint8_t *head, size_t head_size, GError **error)
{
    const uint32_t known = HEADER_ALIGN_MODULES | HEADER_MEMORY_INFO;
    Header header = { 0 };
    uint32_t offset = 0;

    (void)find_header(head, head_size, &header, &offset);
    if (header.flags & HEADER_VIDEO_MODE) {
        return tn_boot_format_error(boot, error,
                                    "asks for a video mode, which there is none to give");
    }
    if (header.flags & HEADER_MUST_KNOW & ~known) {
        g_set_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT,
                    "Kernel '%s' asks for unknown multiboot features: flags 0x%x",
                    boot->kernel.path, header.flags & HEADER_MUST_KNOW & ~known);
        return FALSE;
    }
    boot->kind = TN_BOOT_MULTIBOOT;
    boot->shares_area = true;
    boot->initrd_max = UINT32_MAX;
    boot->cmdline_max = TN_BOOT_CMDLINE_MAX;
    if (!((header.flags & HEADER_ADDRESSES)
              ? plan_by_addresses(boot, &header, offset, error)
              : plan_by_elf(boot, head, head_size, error))) {
        return FALSE;
    }
    if (boot->entry > UINT32_MAX || !tn_boot_is_loaded(boot, boot->entry)) {
        return tn_boot_format_error(boot, error,
                                    "has a multiboot entry point outside of what it loads");
    }
    name_image(boot);
    return plan_info(boot, error);
}

static void
describe_memory(const TnLinuxBoot *boot, InfoArea *area)
{
    uint64_t upper = 0;

    for (unsigned i = 0; i < boot->map.num_entries; i++) {
        const TnE820Entry *entry = &boot->map.entries[i];

        area->mmap[i] = (MmapEntry){ sizeof(MmapEntry) - sizeof(uint32_t), entry->addr,
                                     entry->size, entry->type };
        if (entry->type == TN_E820_RAM && entry->addr == ONE_MIB) {
            upper = entry->size;
        }
    }
    area->info.flags |= INFO_MEMORY | INFO_MMAP;
    area->info.mem_lower = LOW_MEMORY_END / 1024;
    area->info.mem_upper = (uint32_t)MIN(upper / 1024, UINT32_MAX);
    area->info.mmap_length = boot->map.num_entries * (uint32_t)sizeof(MmapEntry);
    area->info.mmap_addr = (uint32_t)boot->info_addr + G_STRUCT_OFFSET(InfoArea, mmap);
}

gboolean
tn_multiboot_write_info(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error)
{
    g_autofree InfoArea *area = g_new0(InfoArea, 1);
    uint32_t at = (uint32_t)boot->info_addr;
    uint64_t string_addr = boot->cmdline_addr + strlen(boot->cmdline) + 1;

    describe_memory(boot, area);
    area->info.flags |= INFO_CMDLINE | INFO_LOADER_NAME;
    area->info.cmdline = (uint32_t)boot->cmdline_addr;
    area->info.boot_loader_name = at + G_STRUCT_OFFSET(InfoArea, loader_name);
    memcpy(area->loader_name, LOADER_NAME, sizeof(LOADER_NAME));
    if (boot->initrd_addr) {
        area->info.flags |= INFO_MODULES;
        area->info.mods_count = 1;
        area->info.mods_addr = at + G_STRUCT_OFFSET(InfoArea, module);
        area->module.start = (uint32_t)boot->initrd_addr;
        area->module.end = (uint32_t)(boot->initrd_addr + boot->initrd.size);
        area->module.string = (uint32_t)string_addr;
    }
    if (!tn_boot_write(boot, at, area, sizeof(*area), error) ||
        !tn_boot_write(boot, string_addr, boot->initrd.path ? boot->initrd.path : "",
                       module_string_size(boot), error)) {
        return FALSE;
    }
    *ret_start = (TnVcpuStart){
        .mode = TN_VCPU_START_PVH,
        .entry = boot->entry,
        .boot_info = at,
        .magic = LOADER_MAGIC,
    };
    return TRUE;
}
