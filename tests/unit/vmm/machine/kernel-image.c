/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels that are unpacked into a file, and starts from such files: good, foreign, damaged. */
#include "vmm/machine/kernel-image.h"

#include "tests/unit/vmm/machine/linux-boot-images.h"
#include "vmm/machine/kernel-unpack.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUZZ_ROUNDS 2000
/* Where the image of the made-up kernel ends. */
#define IMAGE_SIZE 0x1800

static int
new_file(Fixture *f)
{
    g_autofree char *path = g_build_filename(f->dir, "kept", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    (void)unlink(path);
    return fd;
}

/* A new file each time. */
static int
open_kernel(Fixture *f)
{
    int fd;

    write_file(f->kernel, f->image->data, f->image->len);
    fd = open(f->kernel, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* The kernel of f->image, written and kept. */
static int
keep(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    int kernel = open_kernel(f);
    int kept = new_file(f);

    (void)tn_kernel_image_write(kernel, kept, NULL, &error);
    g_assert_no_error(error);
    (void)close(kernel);
    return kept;
}

static void
expect_nothing(Fixture *f, TnKernelImageError code)
{
    g_autoptr(GError) error = NULL;
    int kernel = open_kernel(f);
    int kept = new_file(f);
    uint64_t size;

    g_assert_false(tn_kernel_image_write(kernel, kept, NULL, &error));
    g_assert_error(error, TN_KERNEL_IMAGE_ERROR, (int)code);
    g_assert_false(tn_kernel_image_check(kept, kernel, &size));
    (void)close(kernel);
    (void)close(kept);
}

static TnKernelSource
start_from(Fixture *f, int kept, TnVcpuStart *ret_start)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TnLinuxBoot) boot = NULL;

    f->config.kept_fd = kept;
    boot = tn_linux_boot_new(&f->config, &error);
    g_assert_no_error(error);
    (void)tn_linux_boot_load(boot, ret_start, &error);
    g_assert_no_error(error);
    return tn_linux_boot_get_source(boot);
}

/* What a start writes to guest memory, all of it. (transfer full) */
static GBytes *
memory_after_start(Fixture *f, int kept, TnKernelSource source, TnVcpuStart *ret_start)
{
    memset(f->host, 0, RAM_SIZE);
    g_assert_cmpint(start_from(f, kept, ret_start), ==, source);
    return g_bytes_new(f->host, 32 * MIB);
}

static void
test_same_guest(Fixture *f, gconstpointer data)
{
    g_autoptr(GBytes) unpacked = NULL;
    g_autoptr(GBytes) kept = NULL;
    TnVcpuStart start, kept_start;
    int fd;

    make_packed(f, true);
    write_file(f->initrd, "0123456789", 10);
    f->config.initrd = f->initrd;
    fd = keep(f);
    unpacked = memory_after_start(f, 0, TN_KERNEL_SOURCE_UNPACKED, &start);
    f->config.ram_is_zero = true;
    kept = memory_after_start(f, fd, TN_KERNEL_SOURCE_KEPT, &kept_start);
    g_assert_true(g_bytes_equal(kept, unpacked));
    g_assert_cmpint(kept_start.mode, ==, start.mode);
    g_assert_cmphex(kept_start.entry, ==, start.entry);
    g_assert_cmphex(kept_start.boot_info, ==, start.boot_info);
}

static void
test_reset_loads_again(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TnLinuxBoot) boot = NULL;
    TnVcpuStart start;

    make_packed(f, true);
    f->config.kept_fd = keep(f);
    f->config.ram_is_zero = true;
    boot = tn_linux_boot_new(&f->config, &error);
    g_assert_no_error(error);
    g_assert_true(tn_linux_boot_load(boot, &start, &error));
    memset(f->host, 0xff, 4 * MIB);
    /* Nothing is zero any more, neither in the segment's holes nor behind it. */
    g_assert_true(tn_linux_boot_load(boot, &start, &error));
    g_assert_cmphex(get(f->host + ELF_LOAD, 4), ==, 0x20000000);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x800, 8), ==, 0);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x1ff8, 8), ==, 0);
}

/* An image whose one segment is mostly zeroes. */
static void
make_hollow(Fixture *f)
{
    g_autoptr(GByteArray) elf = NULL;

    make_elf(f);
    put(f->image, 0x1000 + 0x80000 - 4, 0x12345678, 4);
    put(f->image, sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), 0x80000, 8);
    put(f->image, sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz), 0x90000, 8);
    elf = g_steal_pointer(&f->image);
    f->image = g_byte_array_new();
    pack_into_bzimage(f, elf);
}

static void
test_zeroes_are_holes(Fixture *f, gconstpointer data)
{
    TnVcpuStart start;
    struct stat st;
    int kept;

    make_hollow(f);
    kept = keep(f);
    g_assert_cmpint(fstat(kept, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0x1000 + 0x80000 + TN_KERNEL_IMAGE_TRAILER);
    /* Shown by what is not written: memory is not as zero as was said. */
    memset(f->host, 0xee, 4 * MIB);
    f->config.ram_is_zero = true;
    g_assert_cmpint(start_from(f, kept, &start), ==, TN_KERNEL_SOURCE_KEPT);
    g_assert_cmphex(get(f->host + ELF_LOAD, 4), ==, 0x20000000);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x80000 - 4, 4), ==, 0x12345678);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x88000, 4), ==, 0xeeeeeeee);
}

static void
test_overlapping_segments_are_written_whole(Fixture *f, gconstpointer data)
{
    TnVcpuStart start;
    g_autoptr(GByteArray) elf = NULL;
    Elf64_Phdr zeroes = { .p_type = PT_LOAD, .p_offset = 0x2000, .p_paddr = ELF_LOAD + 0x100,
                          .p_filesz = 0x100, .p_memsz = 0x400 };

    make_elf(f);
    put(f->image, 0x2100, 0, 1);
    put(f->image, offsetof(Elf64_Ehdr, e_phnum), 3, 2);
    memcpy(f->image->data + sizeof(Elf64_Ehdr) + 2 * sizeof(zeroes), &zeroes, sizeof(zeroes));
    elf = g_steal_pointer(&f->image);
    f->image = g_byte_array_new();
    pack_into_bzimage(f, elf);
    f->config.ram_is_zero = true;
    g_assert_cmpint(start_from(f, keep(f), &start), ==, TN_KERNEL_SOURCE_KEPT);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0xfc, 4), ==, 0x200000fc);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x100, 4), ==, 0);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x4fc, 4), ==, 0);
    g_assert_cmphex(get(f->host + ELF_LOAD + 0x500, 4), ==, 0x20000500);
}

static void
test_other_kernel(Fixture *f, gconstpointer data)
{
    TnVcpuStart start;
    int kept;

    make_packed(f, true);
    kept = keep(f);
    /* The same bytes in another file. */
    write_file(f->kernel, f->image->data, f->image->len);
    g_assert_cmpint(start_from(f, kept, &start), ==, TN_KERNEL_SOURCE_UNPACKED);
}

static void
test_kernel_was_touched(Fixture *f, gconstpointer data)
{
    const struct timespec times[2] = { { 1000, 5 }, { 1000, 5 } };
    int kernel;
    uint64_t size;
    int kept;

    make_packed(f, true);
    kept = keep(f);
    kernel = open(f->kernel, O_RDONLY | O_CLOEXEC);
    g_assert_true(tn_kernel_image_check(kept, kernel, &size));
    g_assert_cmpuint(size, ==, IMAGE_SIZE);
    g_assert_cmpint(futimens(kernel, times), ==, 0);
    g_assert_false(tn_kernel_image_check(kept, kernel, &size));
    (void)close(kernel);
    (void)close(kept);
}

/* Every byte of the trailer counts, and so does where it stands. */
static void
test_damaged_trailer(Fixture *f, gconstpointer data)
{
    int kernel;
    uint64_t size;
    int kept;

    make_packed(f, true);
    kept = keep(f);
    kernel = open(f->kernel, O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i < TN_KERNEL_IMAGE_TRAILER; i++) {
        uint8_t byte, bent;

        g_assert_cmpint(pread(kept, &byte, 1, IMAGE_SIZE + i), ==, 1);
        bent = byte ^ 0x40;
        g_assert_cmpint(pwrite(kept, &bent, 1, IMAGE_SIZE + i), ==, 1);
        g_assert_false(tn_kernel_image_check(kept, kernel, &size));
        g_assert_cmpint(pwrite(kept, &byte, 1, IMAGE_SIZE + i), ==, 1);
    }
    g_assert_true(tn_kernel_image_check(kept, kernel, &size));
    for (off_t length = 0; length < IMAGE_SIZE + (off_t)TN_KERNEL_IMAGE_TRAILER; length += 7) {
        g_assert_cmpint(ftruncate(kept, IMAGE_SIZE + TN_KERNEL_IMAGE_TRAILER - 1 - length), ==, 0);
        g_assert_false(tn_kernel_image_check(kept, kernel, &size));
    }
    (void)close(kernel);
    (void)close(kept);
}

static void
test_not_a_file(Fixture *f, gconstpointer data)
{
    TnVcpuStart start;
    int ends[2];

    make_packed(f, true);
    write_file(f->kernel, f->image->data, f->image->len);
    g_assert_cmpint(pipe(ends), ==, 0);
    (void)close(ends[1]);
    g_assert_cmpint(start_from(f, ends[0], &start), ==, TN_KERNEL_SOURCE_UNPACKED);
    g_assert_cmpint(start_from(f, 1000, &start), ==, TN_KERNEL_SOURCE_UNPACKED);
}

static void
test_without_note(Fixture *f, gconstpointer data)
{
    TnVcpuStart start;

    make_packed(f, false);
    g_assert_cmpint(start_from(f, keep(f), &start), ==, TN_KERNEL_SOURCE_FILE);
    g_assert_cmpint(start.mode, ==, TN_VCPU_START_LONG_MODE);
}

/* Somebody in the folder may have put in anything: it is held to what any kernel is held to. */
static void
test_hostile_image(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new();
    guint32 seed = g_test_rand_int() & 0x7fffffff;
    int kept;

    g_test_message("seed %u", seed);
    g_rand_set_seed(rand, seed);
    make_packed(f, true);
    kept = keep(f);
    f->config.ram_is_zero = true;
    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        off_t at = g_rand_int_range(rand, 0, 0x240);
        uint8_t was, now = (uint8_t)g_rand_int(rand);
        TnVcpuStart start;

        g_assert_cmpint(pread(kept, &was, 1, at), ==, 1);
        g_assert_cmpint(pwrite(kept, &now, 1, at), ==, 1);
        (void)start_from(f, dup(kept), &start);
        g_assert_cmpint(pwrite(kept, &was, 1, at), ==, 1);
    }
    (void)close(kept);
    g_rand_free(rand);
}

static void
test_no_bzimage(Fixture *f, gconstpointer data)
{
    make_elf(f);
    expect_nothing(f, TN_KERNEL_IMAGE_ERROR_FORMAT);
}

static void
test_cut_short(Fixture *f, gconstpointer data)
{
    make_packed(f, true);
    g_byte_array_set_size(f->image, f->image->len - 1);
    /* What follows the payload in a real one. */
    put(f->image, 0x24c, 0x7fffffff, 4);
    expect_nothing(f, TN_KERNEL_IMAGE_ERROR_FORMAT);
}

static void
test_no_elf(Fixture *f, gconstpointer data)
{
    g_autoptr(GByteArray) text = g_byte_array_new();

    put(text, 0x1fff, 1, 1);
    pack_into_bzimage(f, text);
    expect_nothing(f, TN_KERNEL_IMAGE_ERROR_FORMAT);
}

static void
test_unpack_fuzz(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new();
    guint32 seed = g_test_rand_int() & 0x7fffffff;

    g_test_message("seed %u", seed);
    g_rand_set_seed(rand, seed);
    make_packed(f, true);
    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        guint at = (guint)g_rand_int_range(rand, 0x1f1, (gint32)f->image->len);
        guint8 was = f->image->data[at];
        g_autoptr(GError) error = NULL;
        int kernel, kept = new_file(f);
        uint64_t size;

        f->image->data[at] = (guint8)g_rand_int(rand);
        kernel = open_kernel(f);
        g_assert_true(tn_kernel_image_write(kernel, kept, NULL, &error) ==
                      tn_kernel_image_check(kept, kernel, &size));
        f->image->data[at] = was;
        (void)close(kernel);
        (void)close(kept);
    }
    g_rand_free(rand);
}

static void
test_output_must_be_empty(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int kernel, out;

    make_packed(f, true);
    kernel = open_kernel(f);
    out = new_file(f);
    g_assert_cmpint(write(out, "x", 1), ==, 1);
    g_assert_false(tn_kernel_image_write(kernel, out, NULL, &error));
    g_assert_error(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_IO);
    (void)close(kernel);
    (void)close(out);
}

static int changing_fd;

static gboolean
change_kernel(GError **error)
{
    g_assert_cmpint(pwrite(changing_fd, "x", 1, 0), ==, 1);
    return TRUE;
}

static void
test_kernel_changes_meanwhile(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    uint64_t size;
    int out;

    make_packed(f, true);
    write_file(f->kernel, f->image->data, f->image->len);
    changing_fd = open(f->kernel, O_RDWR | O_CLOEXEC);
    out = new_file(f);
    /* So that its time changes by more than a clock tick. */
    g_assert_cmpint(
        futimens(changing_fd, (const struct timespec[]){ { 1000, 5 }, { 1000, 5 } }), ==, 0);
    g_assert_false(tn_kernel_image_write(changing_fd, out, change_kernel, &error));
    g_assert_error(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_IO);
    g_assert_false(tn_kernel_image_check(out, changing_fd, &size));
    (void)close(changing_fd);
    (void)close(out);
}

static gboolean
refuse(GError **error)
{
    g_set_error_literal(error, TN_KERNEL_IMAGE_ERROR, TN_KERNEL_IMAGE_ERROR_IO, "no");
    return FALSE;
}

static void
test_guard_refuses(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct stat st;
    int kernel, out;

    make_packed(f, true);
    kernel = open_kernel(f);
    out = new_file(f);
    g_assert_false(tn_kernel_image_write(kernel, out, refuse, &error));
    g_assert_cmpstr(error->message, ==, "no");
    g_assert_cmpint(fstat(out, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0);
    (void)close(kernel);
    (void)close(out);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) \
    g_test_add("/machine/kernel-image/" name, Fixture, NULL, boot_set_up, func, boot_tear_down)
    ADD("same-guest", test_same_guest);
    ADD("reset-loads-again", test_reset_loads_again);
    ADD("zeroes-are-holes", test_zeroes_are_holes);
    ADD("overlapping-segments-are-written-whole", test_overlapping_segments_are_written_whole);
    ADD("without-note", test_without_note);
    ADD("refused/other-kernel", test_other_kernel);
    ADD("refused/kernel-was-touched", test_kernel_was_touched);
    ADD("refused/damaged-trailer", test_damaged_trailer);
    ADD("refused/not-a-file", test_not_a_file);
    ADD("refused/hostile-image", test_hostile_image);
    ADD("write/no-bzimage", test_no_bzimage);
    ADD("write/cut-short", test_cut_short);
    ADD("write/no-elf", test_no_elf);
    ADD("write/fuzz", test_unpack_fuzz);
    ADD("write/output-must-be-empty", test_output_must_be_empty);
    ADD("write/kernel-changes-meanwhile", test_kernel_changes_meanwhile);
    ADD("write/guard-refuses", test_guard_refuses);
    return g_test_run();
}
