/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ELF images of both classes, as far as loading a kernel goes (System V ABI, chapter 5). */
#include "vmm/machine/linux-boot-private.h"

#include <elf.h>
#include <string.h>

#define MAX_PROGRAM_HEADERS 256

bool
tn_elf_probe(const uint8_t *head, size_t head_size)
{
    return head_size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

gboolean
tn_elf_read_header(TnLinuxBoot *boot, const uint8_t *head, size_t head_size,
                   TnElfTable *ret_table, GError **error)
{
    unsigned entry_size, expected_size;
    TnElfTable table;

    if (head_size < sizeof(Elf64_Ehdr)) {
        return tn_boot_format_error(boot, error, "is cut short: its ELF header is incomplete");
    }
    table.is_64 = head[EI_CLASS] == ELFCLASS64;
    if (head[EI_DATA] != ELFDATA2LSB || (!table.is_64 && head[EI_CLASS] != ELFCLASS32)) {
        return tn_boot_format_error(boot, error, "is not an ELF image for x86");
    }
    if (table.is_64) {
        Elf64_Ehdr header;

        memcpy(&header, head, sizeof(header));
        table.machine = header.e_machine;
        table.entry = header.e_entry;
        table.offset = header.e_phoff;
        table.count = header.e_phnum;
        entry_size = header.e_phentsize;
        expected_size = sizeof(Elf64_Phdr);
    } else {
        Elf32_Ehdr header;

        memcpy(&header, head, sizeof(header));
        table.machine = header.e_machine;
        table.entry = header.e_entry;
        table.offset = header.e_phoff;
        table.count = header.e_phnum;
        entry_size = header.e_phentsize;
        expected_size = sizeof(Elf32_Phdr);
    }
    if (table.machine != EM_X86_64 && table.machine != EM_386) {
        return tn_boot_format_error(boot, error, "is not an ELF image for x86");
    }
    if (table.count == 0 || table.count > MAX_PROGRAM_HEADERS || entry_size != expected_size ||
        table.offset > boot->image->size) {
        return tn_boot_format_error(boot, error,
                                    "has a program header table that makes no sense");
    }
    *ret_table = table;
    return TRUE;
}

gboolean
tn_elf_read_program(TnLinuxBoot *boot, const TnElfTable *table, unsigned i,
                    TnElfProgram *ret_program, GError **error)
{
    if (table->is_64) {
        Elf64_Phdr p;

        if (!tn_boot_file_read(boot->image, table->offset + i * sizeof(p), &p, sizeof(p),
                               "program headers of kernel", error)) {
            return FALSE;
        }
        *ret_program =
            (TnElfProgram){ p.p_type, p.p_offset, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align };
    } else {
        Elf32_Phdr p;

        if (!tn_boot_file_read(boot->image, table->offset + i * sizeof(p), &p, sizeof(p),
                               "program headers of kernel", error)) {
            return FALSE;
        }
        *ret_program =
            (TnElfProgram){ p.p_type, p.p_offset, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align };
    }
    return TRUE;
}

static void
extend_footprint(TnLinuxBoot *boot, const TnBootSegment *segment)
{
    uint64_t last = segment->addr + (segment->mem_size - 1);

    if (boot->footprint_size == 0) {
        boot->footprint_addr = segment->addr;
        boot->footprint_size = segment->mem_size;
        return;
    }
    last = MAX(last, boot->footprint_addr + (boot->footprint_size - 1));
    boot->footprint_addr = MIN(boot->footprint_addr, segment->addr);
    boot->footprint_size = last - boot->footprint_addr + 1;
}

gboolean
tn_elf_add_program(TnLinuxBoot *boot, const TnElfProgram *program, GError **error)
{
    const TnBootSegment segment = {
        .addr = program->paddr,
        .offset = program->offset,
        .file_size = program->file_size,
        .mem_size = program->mem_size,
    };

    if (program->type != PT_LOAD || program->mem_size == 0) {
        return TRUE;
    }
    if (!tn_boot_add_segment(boot, &segment, error)) {
        return FALSE;
    }
    extend_footprint(boot, &segment);
    return TRUE;
}
