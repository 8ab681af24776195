/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ELF images that carry the PVH note (Xen's docs/misc/pvh.pandoc and
 * xen/include/public/arch-x86/hvm/start_info.h): segments, entry point, start_info.
 */
#include "vmm/machine/linux-boot-private.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define XEN_NOTE_NAME "Xen"
#define MAX_NOTES_SIZE 0x10000u

#define START_INFO_MAGIC 0x336ec578u
#define START_INFO_VERSION 1

typedef struct StartInfo {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr;
    uint64_t memmap_paddr;
    uint32_t memmap_entries;
    uint32_t reserved;
} StartInfo;
G_STATIC_ASSERT(sizeof(StartInfo) == 56);

typedef struct Module {
    uint64_t paddr;
    uint64_t size;
    uint64_t cmdline_paddr;
    uint64_t reserved;
} Module;
G_STATIC_ASSERT(sizeof(Module) == 32);

typedef struct MemmapEntry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
    uint32_t reserved;
} MemmapEntry;
G_STATIC_ASSERT(sizeof(MemmapEntry) == 24);

/* All three in the page of TN_BOOT_START_INFO. */
typedef struct StartInfoPage {
    StartInfo info;
    Module initrd;
    MemmapEntry memmap[TN_E820_MAX_ENTRIES];
} StartInfoPage;
G_STATIC_ASSERT(sizeof(StartInfoPage) <= TN_BOOT_PARAMS - TN_BOOT_START_INFO);

/* @value up to a multiple of @align (4 or 8), for values far from wrapping. */
static uint64_t
round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* Walks one PT_NOTE's contents for the entry point. */
static bool
find_entry_note(const uint8_t *notes, uint64_t size, uint64_t align, uint64_t *ret_entry)
{
    Elf32_Nhdr header; /* the same in both classes */

    for (uint64_t pos = 0; pos <= size && size - pos >= sizeof(header);) {
        uint64_t name = pos + sizeof(header);
        uint64_t desc, end;

        memcpy(&header, notes + pos, sizeof(header));
        desc = name + round_up(header.n_namesz, align);
        end = desc + round_up(header.n_descsz, align);
        if (desc + header.n_descsz > size) {
            return false;
        }
        if (header.n_type == XEN_ELFNOTE_PHYS32_ENTRY &&
            header.n_namesz == sizeof(XEN_NOTE_NAME) &&
            memcmp(notes + name, XEN_NOTE_NAME, sizeof(XEN_NOTE_NAME)) == 0 &&
            (header.n_descsz == 4 || header.n_descsz == 8)) {
            uint64_t entry = 0;

            memcpy(&entry, notes + desc, header.n_descsz);
            *ret_entry = GUINT64_FROM_LE(entry);
            return true;
        }
        pos = end;
    }
    return false;
}

static gboolean
read_notes(TnLinuxBoot *boot, const TnElfProgram *program, bool *found, GError **error)
{
    g_autofree uint8_t *notes = NULL;

    if (program->file_size > MAX_NOTES_SIZE) {
        return tn_boot_format_error(boot, error, "has more than 64 KiB of notes");
    }
    notes = g_malloc(program->file_size + 1);
    if (!tn_boot_file_read(boot->image, program->offset, notes, program->file_size,
                           "notes of kernel", error)) {
        return FALSE;
    }
    if (find_entry_note(notes, program->file_size, program->align == 8 ? 8 : 4, &boot->entry)) {
        *found = true;
    }
    return TRUE;
}

static gboolean
plan_program(TnLinuxBoot *boot, const TnElfProgram *program, bool *found_entry, GError **error)
{
    if (program->type == PT_NOTE && !*found_entry) {
        return read_notes(boot, program, found_entry, error);
    }
    return tn_elf_add_program(boot, program, error);
}

gboolean
tn_pvh_plan(TnLinuxBoot *boot, const uint8_t *head, size_t head_size, GError **error)
{
    bool found_entry = false;
    TnElfTable table;

    if (!tn_elf_read_header(boot, head, head_size, &table, error)) {
        return FALSE;
    }
    for (unsigned i = 0; i < table.count; i++) {
        TnElfProgram program;

        if (!tn_elf_read_program(boot, &table, i, &program, error) ||
            !plan_program(boot, &program, &found_entry, error)) {
            return FALSE;
        }
    }
    if (!found_entry) {
        return tn_boot_format_error(
            boot, error, "is an ELF image without PVH entry point (XEN_ELFNOTE_PHYS32_ENTRY)");
    }
    if (boot->entry > UINT32_MAX || !tn_boot_is_loaded(boot, boot->entry)) {
        return tn_boot_format_error(boot, error,
                                    "has a PVH entry point outside of what it loads");
    }
    boot->kind = TN_BOOT_PVH;
    boot->cmdline_max = TN_BOOT_CMDLINE_LINUX;
    boot->initrd_max = UINT32_MAX;
    return TRUE;
}

gboolean
tn_pvh_write_start_info(TnLinuxBoot *boot, TnVcpuStart *ret_start, GError **error)
{
    g_autofree StartInfoPage *page = g_new0(StartInfoPage, 1);
    const uint64_t at = TN_BOOT_START_INFO;

    page->info = (StartInfo){
        .magic = START_INFO_MAGIC,
        .version = START_INFO_VERSION,
        .cmdline_paddr = TN_BOOT_CMDLINE,
        .rsdp_paddr = boot->rsdp,
        .memmap_paddr = at + G_STRUCT_OFFSET(StartInfoPage, memmap),
        .memmap_entries = boot->map.num_entries,
    };
    if (boot->initrd_addr) {
        page->info.nr_modules = 1;
        page->info.modlist_paddr = at + G_STRUCT_OFFSET(StartInfoPage, initrd);
        page->initrd = (Module){ .paddr = boot->initrd_addr, .size = boot->initrd.size };
    }
    for (unsigned i = 0; i < boot->map.num_entries; i++) {
        const TnE820Entry *entry = &boot->map.entries[i];

        page->memmap[i] = (MemmapEntry){ entry->addr, entry->size, entry->type, 0 };
    }
    if (!tn_boot_write(boot, at, page, sizeof(*page), error)) {
        return FALSE;
    }
    *ret_start = (TnVcpuStart){
        .mode = TN_VCPU_START_PVH,
        .entry = boot->entry,
        .boot_info = at,
        .stack = TN_BOOT_STACK,
    };
    return TRUE;
}
