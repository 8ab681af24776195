/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A played guest memory and made-up kernels. */
#include "tests/unit/vmm/machine/linux-boot-images.h"

#include <elf.h>
#include <lz4.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void
boot_set_up(Fixture *f, gconstpointer data)
{
    TnRamBlock block = { .fd = -1 };
    g_autoptr(GError) error = NULL;

    f->host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_assert_true(f->host != MAP_FAILED);
    block.host = f->host;
    f->memory = tn_memory_new();
    tn_memory_region_init(&f->root, f->memory, NULL, "system", TN_SIZE_WHOLE);
    tn_memory_region_init_ram(&f->ram, f->memory, NULL, "ram", RAM_SIZE, &block);
    tn_memory_region_add_subregion(&f->root, 0, &f->ram);
    f->space = tn_address_space_new(f->memory, &f->root, "memory");
    tn_e820_init_pc(&f->map, RAM_SIZE);
    g_assert_true(tn_e820_add(&f->map, RSDP & ~0xffffu, 0x10000, TN_E820_ACPI));

    f->dir = g_dir_make_tmp("tn-boot-XXXXXX", &error);
    g_assert_no_error(error);
    f->kernel = g_build_filename(f->dir, "kernel", NULL);
    f->initrd = g_build_filename(f->dir, "initrd", NULL);
    f->image = g_byte_array_new();
    f->config = (TnLinuxBootConfig){
        .space = f->space, .map = &f->map, .kernel = f->kernel, .cmdline = "console=ttyS0",
        .rsdp = RSDP,
    };
}

void
boot_tear_down(Fixture *f, gconstpointer data)
{
    tn_address_space_free(f->space);
    tn_memory_region_del_subregion(&f->root, &f->ram);
    tn_memory_synchronize(f->memory);
    tn_memory_region_done(&f->ram);
    tn_memory_region_done(&f->root);
    tn_memory_free(f->memory);
    (void)munmap(f->host, RAM_SIZE);
    (void)unlink(f->kernel);
    (void)unlink(f->initrd);
    (void)rmdir(f->dir);
    g_byte_array_unref(f->image);
    g_free(f->kernel);
    g_free(f->initrd);
    g_free(f->dir);
}

void
write_file(const char *path, const void *data, size_t size)
{
    g_autoptr(GError) error = NULL;

    /* Thousands of files that need not outlive a power cut. */
    (void)g_file_set_contents_full(path, data, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0644,
                                   &error);
    g_assert_no_error(error);
}

void
put(GByteArray *image, size_t at, uint64_t value, size_t size)
{
    if (image->len < at + size) {
        guint old = image->len;

        g_byte_array_set_size(image, (guint)(at + size));
        memset(image->data + old, 0, at + size - old);
    }
    for (size_t i = 0; i < size; i++) {
        image->data[at + i] = (uint8_t)(value >> (8 * i));
    }
}

uint64_t
get(const uint8_t *p, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

void
make_bzimage(Fixture *f)
{
    const size_t setup = (1 + BZ_SETUP_SECTS) * 512;

    put(f->image, 0x1f1, BZ_SETUP_SECTS, 1);
    put(f->image, 0x1fe, 0xaa55, 2);
    put(f->image, 0x200, 0x6aeb, 2);
    put(f->image, 0x202, 0x53726448, 4);
    put(f->image, 0x206, 0x020f, 2);
    put(f->image, 0x211, 0x01, 1);
    put(f->image, 0x22c, 0x7fffffff, 4);
    put(f->image, 0x236, 0x0003, 2);
    put(f->image, 0x238, 2047, 4);
    put(f->image, 0x250, 0xbadbadbad, 8);
    put(f->image, 0x258, BZ_LOAD, 8);
    put(f->image, 0x260, BZ_INIT_SIZE, 4);
    for (size_t i = 0; i < BZ_PAYLOAD; i += 4) {
        put(f->image, setup + i, 0x10000000 + i, 4);
    }
}

void
make_elf(Fixture *f)
{
    Elf64_Ehdr header = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
        .e_phoff = 0x40, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
    };
    Elf64_Phdr load = { .p_type = PT_LOAD, .p_offset = 0x1000, .p_paddr = ELF_LOAD,
                        .p_filesz = 0x800, .p_memsz = 0x2000 };
    Elf64_Phdr note = { .p_type = PT_NOTE, .p_offset = 0x200, .p_filesz = 44, .p_align = 4 };

    g_byte_array_append(f->image, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(f->image, (const guint8 *)&load, sizeof(load));
    g_byte_array_append(f->image, (const guint8 *)&note, sizeof(note));
    /* A note that is not ours, then the one that is. */
    put(f->image, 0x200, 4, 4);
    put(f->image, 0x204, 2, 4);
    put(f->image, 0x208, 7, 4);
    put(f->image, 0x20c, 0x00554e47, 4);
    put(f->image, 0x210, 0, 4);
    put(f->image, 0x214, 4, 4);
    put(f->image, 0x218, 8, 4);
    put(f->image, 0x21c, 18, 4);
    put(f->image, 0x220, 0x006e6558, 4);
    put(f->image, 0x224, ELF_LOAD + 0x40, 8);
    for (size_t i = 0; i < 0x800; i += 4) {
        put(f->image, 0x1000 + i, 0x20000000 + i, 4);
    }
}

void
pack_into_bzimage(Fixture *f, const GByteArray *contents)
{
    const size_t setup = (1 + BZ_SETUP_SECTS) * 512, at = 0x2cc;
    char packed[0x3000];
    int n;

    make_bzimage(f);
    n = LZ4_compress_default((const char *)contents->data, packed, (int)contents->len,
                             sizeof(packed));
    g_assert_cmpint(n, >, 0);
    put(f->image, 0x248, at, 4);
    put(f->image, 0x24c, (uint64_t)n + 12, 4);
    put(f->image, setup + at, 0x184c2102, 4);
    put(f->image, setup + at + 4, (uint64_t)n, 4);
    for (int i = 0; i < n; i++) {
        put(f->image, setup + at + 8 + (size_t)i, (uint8_t)packed[i], 1);
    }
    put(f->image, setup + at + 8 + (size_t)n, contents->len, 4);
}

void
make_packed(Fixture *f, bool has_note)
{
    g_autoptr(GByteArray) elf = NULL;

    make_elf(f);
    if (!has_note) {
        put(f->image, 0x21c, 17, 4);
    }
    elf = g_steal_pointer(&f->image);
    f->image = g_byte_array_new();
    pack_into_bzimage(f, elf);
}
