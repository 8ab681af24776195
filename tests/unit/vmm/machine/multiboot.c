/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Multiboot 1 images, good and hostile (Multiboot Specification 0.6.96). */
#include "vmm/machine/linux-boot.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE 0x4000000u
#define LOAD 0x400000u
#define HEADER_AT 0x100u /* in the file */
#define CODE_SIZE 0x400u

typedef struct Fixture {
    TnMemory *memory;
    TnMemoryRegion root, ram;
    TnAddressSpace *space;
    uint8_t *host;
    TnE820Map map;
    char *dir, *kernel, *initrd;
    uint8_t image[0x3000];
    size_t image_size;
    TnLinuxBootConfig config;
} Fixture;

static void
put32(Fixture *f, size_t at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(f->image + at, &value, sizeof(value));
}

static uint32_t
guest32(const Fixture *f, uint64_t addr)
{
    uint32_t value;

    g_assert_cmpuint(addr, <=, RAM_SIZE - sizeof(value));
    memcpy(&value, f->host + addr, sizeof(value));
    return GUINT32_FROM_LE(value);
}

static const char *
guest_string(const Fixture *f, uint64_t addr)
{
    g_assert_cmpuint(addr, <, RAM_SIZE);
    return (const char *)f->host + addr;
}

static void
put_header(Fixture *f, size_t at, uint32_t flags)
{
    put32(f, at, 0x1badb002);
    put32(f, at + 4, flags);
    put32(f, at + 8, 0u - 0x1badb002 - flags);
}

/* A 32-bit ELF image of one segment, whose first bytes are the multiboot header. */
static void
make_elf(Fixture *f, uint32_t addr, uint32_t flags)
{
    const Elf32_Ehdr header = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_entry = addr + 0x20,
        .e_phoff = sizeof(Elf32_Ehdr),
        .e_ehsize = sizeof(Elf32_Ehdr),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = 1,
    };
    const Elf32_Phdr program = {
        .p_type = PT_LOAD, .p_offset = HEADER_AT, .p_vaddr = addr, .p_paddr = addr,
        .p_filesz = CODE_SIZE, .p_memsz = 2 * CODE_SIZE, .p_align = 4,
    };

    f->image_size = HEADER_AT + CODE_SIZE;
    memcpy(f->image, &header, sizeof(header));
    memcpy(f->image + sizeof(header), &program, sizeof(program));
    put_header(f, HEADER_AT, flags);
    put32(f, HEADER_AT + 0x20, 0xfeedf00d);
}

/* No ELF: the header says itself where things go (flag 16). */
static void
make_flat(Fixture *f)
{
    f->image_size = HEADER_AT + CODE_SIZE;
    put_header(f, HEADER_AT, 0x10000);
    put32(f, HEADER_AT + 12, LOAD + 0x80);              /* header_addr */
    put32(f, HEADER_AT + 16, LOAD);                     /* load_addr */
    put32(f, HEADER_AT + 20, LOAD + 0x200);             /* load_end_addr */
    put32(f, HEADER_AT + 24, LOAD + 0x300);             /* bss_end_addr */
    put32(f, HEADER_AT + 28, LOAD + 0xa0);              /* entry_addr */
    put32(f, HEADER_AT - 0x80, 0xc0ffee);               /* shows at LOAD */
}

static void
set_up(Fixture *f, gconstpointer data)
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
    f->dir = g_dir_make_tmp("tn-multiboot-XXXXXX", &error);
    g_assert_no_error(error);
    f->kernel = g_build_filename(f->dir, "kernel", NULL);
    f->initrd = g_build_filename(f->dir, "module", NULL);
    f->config = (TnLinuxBootConfig){
        .space = f->space, .map = &f->map, .kernel = f->kernel, .cmdline = "one two",
    };
}

static void
tear_down(Fixture *f, gconstpointer data)
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
    g_free(f->kernel);
    g_free(f->initrd);
    g_free(f->dir);
}

static TnLinuxBoot *
open_boot(Fixture *f, GError **error)
{
    g_autoptr(GError) write_error = NULL;

    (void)g_file_set_contents(f->kernel, (const char *)f->image, (gssize)f->image_size,
                              &write_error);
    g_assert_no_error(write_error);
    return tn_linux_boot_new(&f->config, error);
}

/* Loads; returns the address of the information structure. */
static uint32_t
boot_it(Fixture *f, TnVcpuStart *ret_start)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TnLinuxBoot) boot = open_boot(f, &error);

    g_assert_no_error(error);
    (void)tn_linux_boot_load(boot, ret_start, &error);
    g_assert_no_error(error);
    return (uint32_t)ret_start->boot_info;
}

static void
refused(Fixture *f, TnBootError code, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(open_boot(f, &error));
    g_assert_error(error, TN_BOOT_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, words));
}

static void
elf_starts_at_its_entry(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };

    make_elf(f, LOAD, 0);
    (void)boot_it(f, &start);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_PVH);
    g_assert_cmphex(start.magic, ==, 0x2badb002);
    g_assert_cmphex(start.entry, ==, LOAD + 0x20);
    g_assert_cmphex(guest32(f, LOAD + 0x20), ==, 0xfeedf00d);
    g_assert_cmphex(guest32(f, LOAD + CODE_SIZE), ==, 0);
}

static void
addresses_of_the_header(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };

    make_flat(f);
    memset(f->host + LOAD, 0xaa, 0x400);
    (void)boot_it(f, &start);
    g_assert_cmphex(start.entry, ==, LOAD + 0xa0);
    g_assert_cmphex(guest32(f, LOAD), ==, 0xc0ffee);
    g_assert_cmphex(guest32(f, LOAD + 0x80), ==, 0x1badb002);
    /* bss is zero, what lies behind it as it was */
    g_assert_cmphex(guest32(f, LOAD + 0x200), ==, 0);
    g_assert_cmphex(guest32(f, LOAD + 0x2fc), ==, 0);
    g_assert_cmphex(guest32(f, LOAD + 0x300), ==, 0xaaaaaaaa);
}

static void
command_line_begins_with_the_image(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };
    g_autofree char *wanted = g_strconcat(f->kernel, " one two", NULL);
    uint32_t info;

    make_elf(f, LOAD, 0);
    info = boot_it(f, &start);
    g_assert_cmphex(guest32(f, info) & 0x4, ==, 0x4);
    g_assert_cmpstr(guest_string(f, guest32(f, info + 16)), ==, wanted);
    g_assert_cmphex(guest32(f, info) & 0x200, ==, 0x200);
    g_assert_cmpstr(guest_string(f, guest32(f, info + 64)), ==, "tenon");
}

static void
memory_map(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };
    uint32_t info, map;

    make_elf(f, LOAD, 0x2);
    info = boot_it(f, &start);
    g_assert_cmphex(guest32(f, info) & 0x41, ==, 0x41);
    g_assert_cmpuint(guest32(f, info + 4), ==, 640);
    g_assert_cmpuint(guest32(f, info + 8), ==, (RAM_SIZE - 0x100000) / 1024);
    g_assert_cmpuint(guest32(f, info + 44), ==, f->map.num_entries * 24);
    map = guest32(f, info + 48);
    g_assert_cmpuint(guest32(f, map), ==, 20);
    g_assert_cmphex(guest32(f, map + 4), ==, 0);
    g_assert_cmphex(guest32(f, map + 12), ==, 0x9fc00);
    g_assert_cmpuint(guest32(f, map + 20), ==, TN_E820_RAM);
}

static void
one_module(Fixture *f, gconstpointer data)
{
    static const char words[] = "NR_CPUS=2\n";
    TnVcpuStart start = { 0 };
    g_autoptr(GError) error = NULL;
    uint32_t info, module;

    make_elf(f, LOAD, 0x1);
    (void)g_file_set_contents(f->initrd, words, sizeof(words), &error);
    g_assert_no_error(error);
    f->config.initrd = f->initrd;
    info = boot_it(f, &start);
    g_assert_cmphex(guest32(f, info) & 0x8, ==, 0x8);
    g_assert_cmpuint(guest32(f, info + 20), ==, 1);
    module = guest32(f, info + 24);
    g_assert_cmpuint(guest32(f, module) % 0x1000, ==, 0);
    g_assert_cmpuint(guest32(f, module + 4) - guest32(f, module), ==, sizeof(words));
    g_assert_cmpstr(guest_string(f, guest32(f, module)), ==, words);
    g_assert_cmpstr(guest_string(f, guest32(f, module + 8)), ==, f->initrd);
}

static void
no_module(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };
    uint32_t info;

    make_elf(f, LOAD, 0);
    info = boot_it(f, &start);
    g_assert_cmphex(guest32(f, info) & 0x8, ==, 0);
    g_assert_cmpuint(guest32(f, info + 20), ==, 0);
}

/* Real-mode images are linked at a few KiB, where the loader would put its own things. */
static void
low_image_keeps_its_memory(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };
    uint32_t info;

    make_elf(f, 0x6000, 0);
    info = boot_it(f, &start);
    g_assert_cmphex(guest32(f, 0x6020), ==, 0xfeedf00d);
    g_assert_cmphex(info, >=, 0x6000 + 2 * CODE_SIZE);
    g_assert_cmphex(info, <, 0xa0000);
    g_assert_cmpuint(info % 16, ==, 0);
}

static void
header_at_the_end_of_the_search(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };

    make_elf(f, LOAD, 0);
    put32(f, HEADER_AT, 0);
    f->image_size = 0x2800;
    put_header(f, 8192 - 12, 0);
    (void)boot_it(f, &start);
    g_assert_cmphex(start.entry, ==, LOAD + 0x20);
}

static void
header_past_the_search(Fixture *f, gconstpointer data)
{
    make_elf(f, LOAD, 0);
    put32(f, HEADER_AT, 0);
    f->image_size = 0x2800;
    put_header(f, 8192 - 8, 0);
    refused(f, TN_BOOT_ERROR_FORMAT, "without PVH entry point");
}

static void
wrong_checksum(Fixture *f, gconstpointer data)
{
    make_elf(f, LOAD, 0);
    put32(f, HEADER_AT + 8, 1);
    refused(f, TN_BOOT_ERROR_FORMAT, "without PVH entry point");
}

static void
video_mode(Fixture *f, gconstpointer data)
{
    make_elf(f, LOAD, 0x4);
    refused(f, TN_BOOT_ERROR_FORMAT, "asks for a video mode");
}

static void
unknown_flags(Fixture *f, gconstpointer data)
{
    make_elf(f, LOAD, 0x8000);
    refused(f, TN_BOOT_ERROR_FORMAT, "unknown multiboot features: flags 0x8000");
}

static void
flags_that_may_be_ignored(Fixture *f, gconstpointer data)
{
    TnVcpuStart start = { 0 };

    make_elf(f, LOAD, 0x80020000);
    (void)boot_it(f, &start);
    g_assert_cmphex(start.entry, ==, LOAD + 0x20);
}

static void
sixty_four_bits(Fixture *f, gconstpointer data)
{
    make_elf(f, LOAD, 0);
    f->image[18] = EM_X86_64;
    refused(f, TN_BOOT_ERROR_FORMAT, "64-bit multiboot image");
}

static void
no_way_to_load(Fixture *f, gconstpointer data)
{
    make_flat(f);
    put_header(f, HEADER_AT, 0);
    refused(f, TN_BOOT_ERROR_FORMAT, "gives no load addresses");
}

static void
header_address_before_its_file(Fixture *f, gconstpointer data)
{
    make_flat(f);
    put32(f, HEADER_AT + 12, LOAD + HEADER_AT + 4);
    refused(f, TN_BOOT_ERROR_FORMAT, "contradict its place");
}

static void
data_past_the_file(Fixture *f, gconstpointer data)
{
    make_flat(f);
    put32(f, HEADER_AT + 20, LOAD + 0x100000);
    put32(f, HEADER_AT + 24, 0);
    refused(f, TN_BOOT_ERROR_FORMAT, "cut short");
}

static void
bss_before_data(Fixture *f, gconstpointer data)
{
    make_flat(f);
    put32(f, HEADER_AT + 24, LOAD + 0x100);
    refused(f, TN_BOOT_ERROR_FORMAT, "bss_end_addr");
}

static void
entry_outside(Fixture *f, gconstpointer data)
{
    make_flat(f);
    put32(f, HEADER_AT + 28, LOAD + 0x300);
    refused(f, TN_BOOT_ERROR_FORMAT, "entry point outside");
}

static void
beyond_ram(Fixture *f, gconstpointer data)
{
    make_elf(f, RAM_SIZE - CODE_SIZE, 0);
    refused(f, TN_BOOT_ERROR_TOO_BIG, "does not fit");
}

#define ADD(func, path) \
    g_test_add("/machine/multiboot/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(elf_starts_at_its_entry, "elf-starts-at-its-entry");
    ADD(addresses_of_the_header, "addresses-of-the-header");
    ADD(command_line_begins_with_the_image, "command-line-begins-with-the-image");
    ADD(memory_map, "memory-map");
    ADD(one_module, "one-module");
    ADD(no_module, "no-module");
    ADD(low_image_keeps_its_memory, "low-image-keeps-its-memory");
    ADD(header_at_the_end_of_the_search, "header-at-the-end-of-the-search");
    ADD(header_past_the_search, "header-past-the-search");
    ADD(wrong_checksum, "wrong-checksum");
    ADD(video_mode, "video-mode");
    ADD(unknown_flags, "unknown-flags");
    ADD(flags_that_may_be_ignored, "flags-that-may-be-ignored");
    ADD(sixty_four_bits, "64-bit");
    ADD(no_way_to_load, "no-way-to-load");
    ADD(header_address_before_its_file, "header-address-before-its-file");
    ADD(data_past_the_file, "data-past-the-file");
    ADD(bss_before_data, "bss-before-data");
    ADD(entry_outside, "entry-outside");
    ADD(beyond_ram, "beyond-ram");
    return g_test_run();
}
