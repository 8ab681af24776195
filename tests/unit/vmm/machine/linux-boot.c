/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading kernels into a played guest memory: made-up images, good and hostile. */
#include "tests/unit/vmm/machine/linux-boot-images.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

static TnLinuxBoot *
open_boot(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    TnLinuxBoot *boot;

    write_file(f->kernel, f->image->data, f->image->len);
    boot = tn_linux_boot_new(&f->config, &error);
    g_assert_no_error(error);
    g_assert_nonnull(boot);
    return boot;
}

static void
load(TnLinuxBoot *boot, TnVcpuStart *ret_start)
{
    g_autoptr(GError) error = NULL;

    (void)tn_linux_boot_load(boot, ret_start, &error);
    g_assert_no_error(error);
}

static void
expect_refusal(Fixture *f, TnBootError code, const char *text)
{
    g_autoptr(GError) error = NULL;

    write_file(f->kernel, f->image->data, f->image->len);
    g_assert_null(tn_linux_boot_new(&f->config, &error));
    g_assert_error(error, TN_BOOT_ERROR, (int)code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, text));
}

static void
test_bzimage(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    const uint8_t *params;
    TnVcpuStart start;

    make_bzimage(f);
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_LONG_MODE);
    g_assert_cmphex(start.entry, ==, BZ_LOAD + 0x200);
    g_assert_cmphex(get(f->host + BZ_LOAD, 4), ==, 0x10000000);
    g_assert_cmphex(get(f->host + BZ_LOAD + BZ_PAYLOAD - 4, 4), ==, 0x10000000 + BZ_PAYLOAD - 4);
    params = f->host + start.boot_info;
    g_assert_cmphex(get(params + 0x202, 4), ==, 0x53726448);
    g_assert_cmphex(params[0x210], ==, 0xff);
    g_assert_cmphex(get(params + 0x070, 8), ==, RSDP);
    g_assert_cmphex(get(params + 0x250, 8), ==, 0);
    g_assert_cmphex(get(params + 0x218, 8), ==, 0);
    g_assert_cmphex(params[0x1ef], ==, 0);
    g_assert_cmpstr((const char *)f->host + get(params + 0x228, 4), ==, "console=ttyS0");
}

static void
test_bzimage_e820(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    const uint8_t *params;
    TnVcpuStart start;

    make_bzimage(f);
    boot = open_boot(f);
    load(boot, &start);
    params = f->host + start.boot_info;
    g_assert_cmpuint(params[0x1e8], ==, f->map.num_entries);
    for (unsigned i = 0; i < f->map.num_entries; i++) {
        const uint8_t *entry = params + 0x2d0 + i * 20;

        g_assert_cmphex(get(entry, 8), ==, f->map.entries[i].addr);
        g_assert_cmphex(get(entry + 8, 8), ==, f->map.entries[i].size);
        g_assert_cmphex(get(entry + 16, 4), ==, f->map.entries[i].type);
    }
}

static void
test_bzimage_tables(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    uint64_t pdpt, directory;
    TnVcpuStart start;

    make_bzimage(f);
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmphex(get(f->host + start.gdt + 0x10, 8), ==, 0x00af9b000000ffff);
    g_assert_cmphex(get(f->host + start.gdt + 0x18, 8), ==, 0x00cf93000000ffff);
    pdpt = get(f->host + start.page_table, 8) & ~0xfffull;
    for (uint64_t i = 0; i < 2048; i++) {
        directory = get(f->host + pdpt + (i / 512) * 8, 8) & ~0xfffull;
        g_assert_cmphex(get(f->host + directory + (i % 512) * 8, 8), ==, i << 21 | 0x83);
    }
    g_assert_cmphex(get(f->host + pdpt + 4 * 8, 8), ==, 0);
}

static void
test_initrd_is_high(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    const uint8_t *params;
    TnVcpuStart start;
    uint64_t addr;

    make_bzimage(f);
    write_file(f->initrd, "0123456789", 10);
    f->config.initrd = f->initrd;
    boot = open_boot(f);
    load(boot, &start);
    params = f->host + start.boot_info;
    addr = get(params + 0x218, 4);
    g_assert_cmphex(addr, ==, (RSDP & ~0xffffu) - 0x1000);
    g_assert_cmphex(get(params + 0x21c, 4), ==, 10);
    g_assert_cmpmem(f->host + addr, 10, "0123456789", 10);
}

static void
test_initrd_below_its_limit(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_bzimage(f);
    put(f->image, 0x22c, 0x01200000 - 1, 4);
    write_file(f->initrd, "0123456789", 10);
    f->config.initrd = f->initrd;
    boot = open_boot(f);
    load(boot, &start);
    /* The kernel's 4 MiB from 16 MiB on are avoided. */
    g_assert_cmphex(get(f->host + start.boot_info + 0x218, 4), ==, BZ_LOAD - 0x1000);
}

static void
test_reload_after_guest_wrote(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart first, second;

    make_bzimage(f);
    boot = open_boot(f);
    load(boot, &first);
    (void)unlink(f->kernel);
    memset(f->host, 0xee, RAM_SIZE / 2);
    load(boot, &second);
    g_assert_cmphex(second.entry, ==, first.entry);
    g_assert_cmphex(second.boot_info, ==, first.boot_info);
    g_assert_cmphex(get(f->host + BZ_LOAD, 4), ==, 0x10000000);
    g_assert_cmphex(get(f->host + second.boot_info + 0x202, 4), ==, 0x53726448);
}

static void
test_pvh(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    const uint8_t *info;
    TnVcpuStart start;

    make_elf(f);
    memset(f->host + ELF_LOAD, 0xee, 0x3000);
    write_file(f->initrd, "0123456789", 10);
    f->config.initrd = f->initrd;
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_PVH);
    g_assert_cmphex(start.entry, ==, ELF_LOAD + 0x40);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x7fc, 4), ==, 0x200007fc);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x800, 4), ==, 0);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x1ffc, 4), ==, 0);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x2000, 4), ==, 0xeeeeeeee);

    info = f->host + start.boot_info;
    g_assert_cmphex(get(info, 4), ==, 0x336ec578);
    g_assert_cmpuint(get(info + 4, 4), ==, 1);
    g_assert_cmpuint(get(info + 12, 4), ==, 1);
    g_assert_cmpstr((const char *)f->host + get(info + 24, 8), ==, "console=ttyS0");
    g_assert_cmphex(get(info + 32, 8), ==, RSDP);
    g_assert_cmpuint(get(info + 48, 4), ==, f->map.num_entries);
    g_assert_cmphex(get(f->host + get(info + 40, 8) + 8, 8), ==, f->map.entries[0].size);
    g_assert_cmpuint(get(f->host + get(info + 16, 8) + 8, 8), ==, 10);
    g_assert_cmpmem(f->host + get(f->host + get(info + 16, 8), 8), 10, "0123456789", 10);
}

static void
test_unpacked(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_packed(f, true);
    memset(f->host + ELF_LOAD, 0xee, 0x3000);
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_PVH);
    g_assert_cmphex(start.entry, ==, ELF_LOAD + 0x40);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x7fc, 4), ==, 0x200007fc);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x1ffc, 4), ==, 0);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x2000, 4), ==, 0xeeeeeeee);
}

static void
test_unpacked_again(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_packed(f, true);
    boot = open_boot(f);
    load(boot, &start);
    (void)unlink(f->kernel);
    memset(f->host, 0xee, RAM_SIZE / 2);
    load(boot, &start);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x7fc, 4), ==, 0x200007fc);
    g_assert_cmphex(get(f->host + start.boot_info, 4), ==, 0x336ec578);
}

static void
test_unpacked_keeps_header_limits(Fixture *f, gconstpointer data)
{
    g_autofree char *long_line = g_strnfill(101, 'x');

    make_packed(f, true);
    put(f->image, 0x238, 100, 4);
    f->config.cmdline = long_line;
    expect_refusal(f, TN_BOOT_ERROR_TOO_BIG, "at most 100");
}

static void
test_unpacked_without_note(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_packed(f, false);
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_LONG_MODE);
    g_assert_cmphex(start.entry, ==, BZ_LOAD + 0x200);
    g_assert_cmphex(get(f->host + BZ_LOAD, 4), ==, 0x10000000);
}

static void
test_payload_beyond_file(Fixture *f, gconstpointer data)
{
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_packed(f, true);
    put(f->image, 0x24c, UINT32_MAX, 4);
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_LONG_MODE);
}

static void
test_unpacked_kernel_changes(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_packed(f, true);
    boot = open_boot(f);
    load(boot, &start);
    g_assert_cmpint(truncate(f->kernel, 0x1000), ==, 0);
    for (int i = 0; i < 2; i++) {
        g_clear_error(&error);
        g_assert_false(tn_linux_boot_load(boot, &start, &error));
        g_assert_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_FORMAT);
    }
}

static void
test_missing_file(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_linux_boot_new(&f->config, &error));
    g_assert_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN);
    g_assert_nonnull(strstr(error->message, f->kernel));
}

static void
test_directory_as_kernel(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->config.kernel = f->dir;
    g_assert_null(tn_linux_boot_new(&f->config, &error));
    g_assert_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN);
}

static void
test_not_a_kernel(Fixture *f, gconstpointer data)
{
    put(f->image, 0, 0x21212323, 4);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "neither a bzImage nor an ELF");
}

static void
test_empty_kernel(Fixture *f, gconstpointer data)
{
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "neither a bzImage nor an ELF");
}

static void
test_bzimage_old_protocol(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x206, 0x0208, 2);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "2.8");
}

static void
test_bzimage_32_bit(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x236, 0, 2);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "64-bit entry");
}

static void
test_bzimage_header_cut(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    g_byte_array_set_size(f->image, 0x263);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "cut short");
}

static void
test_bzimage_setup_beyond_file(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x1f1, 255, 1);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "cut short");
}

static void
test_bzimage_short_setup_header(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x201, 0x10, 1);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "setup header");
}

static void
test_bzimage_needs_more_ram(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x260, RAM_SIZE, 4);
    expect_refusal(f, TN_BOOT_ERROR_TOO_BIG, "0x8000000 bytes of RAM");
}

static void
test_bzimage_hostile_address(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x258, UINT64_MAX - 0xfff, 8);
    expect_refusal(f, TN_BOOT_ERROR_TOO_BIG, "does not fit");
}

static void
test_bzimage_on_boot_area(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    put(f->image, 0x258, 0x2f000, 8);
    put(f->image, 0x260, 0x1000, 4);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "needed to start it");
}

static void
test_cmdline_too_long(Fixture *f, gconstpointer data)
{
    g_autofree char *fits = g_strnfill(2047, 'x');
    g_autofree char *too_long = g_strnfill(2048, 'x');
    g_autoptr(TnLinuxBoot) boot = NULL;

    make_bzimage(f);
    f->config.cmdline = fits;
    boot = open_boot(f);
    f->config.cmdline = too_long;
    expect_refusal(f, TN_BOOT_ERROR_TOO_BIG, "at most 2047");
}

static void
test_initrd_too_big(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    write_file(f->initrd, "", 0);
    g_assert_cmpint(truncate(f->initrd, RAM_SIZE), ==, 0);
    f->config.initrd = f->initrd;
    expect_refusal(f, TN_BOOT_ERROR_TOO_BIG, "Initial RAM disk");
}

static void
test_initrd_shrinks_behind_our_back(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_bzimage(f);
    write_file(f->initrd, "0123456789", 10);
    f->config.initrd = f->initrd;
    boot = open_boot(f);
    g_assert_cmpint(truncate(f->initrd, 5), ==, 0);
    g_assert_false(tn_linux_boot_load(boot, &start, &error));
    g_assert_error(error, TN_BOOT_ERROR, TN_BOOT_ERROR_OPEN);
}

static void
test_elf_cut(Fixture *f, gconstpointer data)
{
    make_elf(f);
    g_byte_array_set_size(f->image, 0x30);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "incomplete");
}

static void
test_elf_program_headers_beyond_file(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 7, 8);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "makes no sense");
}

static void
test_elf_segment_beyond_file(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x40 + offsetof(Elf64_Phdr, p_offset), UINT64_MAX - 0xff, 8);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "cut short");
}

static void
test_elf_file_larger_than_memory(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x40 + offsetof(Elf64_Phdr, p_memsz), 0x10, 8);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "cut short");
}

static void
test_elf_segment_wraps(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x40 + offsetof(Elf64_Phdr, p_memsz), UINT64_MAX, 8);
    expect_refusal(f, TN_BOOT_ERROR_TOO_BIG, "does not fit");
}

static void
test_elf_without_note(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x21c, 17, 4);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "without PVH entry");
}

static void
test_elf_note_lies_about_size(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x204, 0xfffffff0, 4);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "without PVH entry");
}

static void
test_elf_notes_too_big(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x40 + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz), 1u << 30, 8);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "notes");
}

static void
test_elf_entry_elsewhere(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, 0x224, ELF_LOAD + 0x2000, 8);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "outside of what it loads");
}

static void
test_elf_other_machine(Fixture *f, gconstpointer data)
{
    make_elf(f);
    put(f->image, offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2);
    expect_refusal(f, TN_BOOT_ERROR_FORMAT, "for x86");
}

/* Cut at every length, and with every header byte broken in turn, an image is either
 * taken or refused, and loading stays inside of guest memory. */
static void
fuzz(Fixture *f, size_t header_size)
{
    g_autoptr(GByteArray) good = g_byte_array_new();

    g_byte_array_append(good, f->image->data, f->image->len);
    for (size_t i = 0; i < 2 * header_size; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(TnLinuxBoot) boot = NULL;
        TnVcpuStart start;

        if (i < header_size) {
            good->data[i] ^= 0xff;
            write_file(f->kernel, good->data, good->len);
            good->data[i] ^= 0xff;
        } else {
            write_file(f->kernel, good->data, i - header_size);
        }
        boot = tn_linux_boot_new(&f->config, &error);
        g_assert_true((boot == NULL) == (error != NULL));
        if (boot) {
            (void)tn_linux_boot_load(boot, &start, &error);
        }
    }
}

static void
test_bzimage_fuzz(Fixture *f, gconstpointer data)
{
    make_bzimage(f);
    fuzz(f, 0x270);
}

static void
test_elf_fuzz(Fixture *f, gconstpointer data)
{
    make_elf(f);
    fuzz(f, 0x230);
}

static void
test_unpacked_fuzz(Fixture *f, gconstpointer data)
{
    make_packed(f, true);
    fuzz(f, 0x270);
}

/* A kernel of this machine, or the one that TENON_TEST_KERNEL names. */
static void
test_real_kernel(Fixture *f, gconstpointer data)
{
    const char *path = g_getenv("TENON_TEST_KERNEL");
    g_autoptr(GError) error = NULL;
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    path = path ? path : "/vmlinuz";
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_test_skip("no kernel at /vmlinuz and TENON_TEST_KERNEL is not set");
        return;
    }
    f->config.kernel = path;
    tn_e820_init_pc(&f->map, RAM_SIZE);
    boot = tn_linux_boot_new(&f->config, &error);
    g_assert_no_error(error);
    load(boot, &start);
    /* Debian's have the note. */
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_PVH);
    g_assert_cmphex(get(f->host + start.boot_info, 4), ==, 0x336ec578);
}

#define ADD(path, func) \
    g_test_add("/machine/linux-boot/" path, Fixture, NULL, boot_set_up, func, boot_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("bzimage/params", test_bzimage);
    ADD("bzimage/e820", test_bzimage_e820);
    ADD("bzimage/page-tables-and-gdt", test_bzimage_tables);
    ADD("bzimage/old-protocol-refused", test_bzimage_old_protocol);
    ADD("bzimage/32-bit-refused", test_bzimage_32_bit);
    ADD("bzimage/header-cut-refused", test_bzimage_header_cut);
    ADD("bzimage/setup-beyond-file-refused", test_bzimage_setup_beyond_file);
    ADD("bzimage/short-setup-header-refused", test_bzimage_short_setup_header);
    ADD("bzimage/needs-more-ram", test_bzimage_needs_more_ram);
    ADD("bzimage/hostile-address", test_bzimage_hostile_address);
    ADD("bzimage/on-boot-area-refused", test_bzimage_on_boot_area);
    ADD("bzimage/fuzz", test_bzimage_fuzz);
    ADD("bzimage/real-kernel", test_real_kernel);
    ADD("unpacked/load", test_unpacked);
    ADD("unpacked/again", test_unpacked_again);
    ADD("unpacked/keeps-header-limits", test_unpacked_keeps_header_limits);
    ADD("unpacked/without-note", test_unpacked_without_note);
    ADD("unpacked/payload-beyond-file", test_payload_beyond_file);
    ADD("unpacked/kernel-changes", test_unpacked_kernel_changes);
    ADD("unpacked/fuzz", test_unpacked_fuzz);
    ADD("initrd/is-high", test_initrd_is_high);
    ADD("initrd/below-its-limit", test_initrd_below_its_limit);
    ADD("initrd/too-big", test_initrd_too_big);
    ADD("initrd/shrinks-behind-our-back", test_initrd_shrinks_behind_our_back);
    ADD("reload-after-guest-wrote", test_reload_after_guest_wrote);
    ADD("cmdline-too-long", test_cmdline_too_long);
    ADD("missing-file", test_missing_file);
    ADD("directory-as-kernel", test_directory_as_kernel);
    ADD("not-a-kernel", test_not_a_kernel);
    ADD("empty-kernel", test_empty_kernel);
    ADD("pvh/load", test_pvh);
    ADD("pvh/elf-cut", test_elf_cut);
    ADD("pvh/program-headers-beyond-file", test_elf_program_headers_beyond_file);
    ADD("pvh/segment-beyond-file", test_elf_segment_beyond_file);
    ADD("pvh/file-larger-than-memory", test_elf_file_larger_than_memory);
    ADD("pvh/segment-wraps", test_elf_segment_wraps);
    ADD("pvh/without-note", test_elf_without_note);
    ADD("pvh/note-lies-about-size", test_elf_note_lies_about_size);
    ADD("pvh/notes-too-big", test_elf_notes_too_big);
    ADD("pvh/entry-elsewhere", test_elf_entry_elsewhere);
    ADD("pvh/other-machine", test_elf_other_machine);
    ADD("pvh/fuzz", test_elf_fuzz);
    return g_test_run();
}
