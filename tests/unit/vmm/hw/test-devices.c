/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* isa-debug-exit and pc-testdev, by docs/specs/test-devices.md. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/isa-debug-exit.h"
#include "vmm/hw/pc-testdev.h"

#include <string.h>
#include <sys/mman.h>

#define IOMEM 0xff000000u

static TnIsaDebugExit *
debug_exit(TnTestPlatform *p, unsigned iobase, unsigned iosize)
{
    return tn_test_realize(
        p, g_object_new(TN_TYPE_ISA_DEBUG_EXIT, "iobase", iobase, "iosize", iosize, NULL));
}

static void
debug_exit_ends_with_the_guests_status(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnIsaDebugExit *device = debug_exit(p, 0xf4, 4);

    tn_test_out(p, 0xf4, 0x10, 4);
    tn_test_wait_count(&p->quits, 1);
    g_assert_cmpint(p->quit_status, ==, 0x21);
    tn_test_drop(device);
}

static void
debug_exit_first_word_counts(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnIsaDebugExit *device = debug_exit(p, 0xf4, 4);

    tn_test_outb(p, 0xf4, 0);
    tn_test_outb(p, 0xf4, 5);
    tn_test_wait_count(&p->quits, 1);
    g_assert_cmpint(p->quit_status, ==, 1);
    tn_test_drop(device);
}

static void
debug_exit_in_spite_of_no_shutdown(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnIsaDebugExit *device = debug_exit(p, 0x501, 2);

    tn_run_state_set_no_shutdown(p->platform.run_state, TRUE);
    tn_test_outb(p, 0x501, 1);
    tn_test_wait_count(&p->quits, 1);
    g_assert_cmpint(p->quit_status, ==, 3);
    tn_test_drop(device);
}

static void
debug_exit_read_does_nothing(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnIsaDebugExit *device = debug_exit(p, 0xf4, 4);

    g_assert_cmphex(tn_test_in(p, 0xf4, 4), ==, 0);
    tn_test_iterate();
    g_assert_cmpuint(p->quits, ==, 0);
    tn_test_drop(device);
}

static void
debug_exit_refusals(void)
{
    static const struct {
        unsigned iobase, iosize;
    } rows[] = { { 0x10000, 1 }, { 0xffff, 2 }, { 0, 0 }, { 0, 0x10001 } };
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(TnDevice) device = g_object_new(TN_TYPE_ISA_DEBUG_EXIT, "iobase",
                                                  rows[i].iobase, "iosize", rows[i].iosize, NULL);
        g_autoptr(GError) error = NULL;

        tn_device_set_platform(device, &p->platform);
        g_assert_false(tn_device_realize(device, &error));
        g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
        g_assert_nonnull(strstr(error->message, "not within ports 0..0xffff"));
    }
}

static TnPcTestdev *
testdev(TnTestPlatform *p)
{
    return tn_test_realize(p, g_object_new(TN_TYPE_PC_TESTDEV, NULL));
}

static void
word_reads_back(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPcTestdev *device = testdev(p);

    tn_test_out(p, 0xe0, 0x12345678, 4);
    g_assert_cmphex(tn_test_in(p, 0xe0, 4), ==, 0x12345678);
    tn_test_out(p, 0xe0, 0xabcd, 2);
    g_assert_cmphex(tn_test_in(p, 0xe0, 4), ==, 0x1234abcd);
    tn_test_outb(p, 0xe3, 0xff);
    g_assert_cmphex(tn_test_in(p, 0xe2, 2), ==, 0xff34);
    tn_reset_run(p->platform.reset);
    g_assert_cmphex(tn_test_in(p, 0xe0, 4), ==, 0);
    tn_test_drop(device);
}

static void
bytes_share_the_word(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPcTestdev *device = testdev(p);

    tn_test_out(p, 0xe8, 0x12345678, 4);
    g_assert_cmphex(tn_test_in(p, 0xe8, 4), ==, 0x12345678);
    g_assert_cmphex(tn_test_in(p, 0xe0, 4), ==, 0x12345678);
    tn_test_drop(device);
}

static void
irq_lines(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPcTestdev *device = testdev(p);

    tn_test_outb(p, 0x2000 + 14, 1);
    g_assert_cmpint(p->irqs[14].level, ==, 1);
    tn_test_outb(p, 0x2000 + 14, 0);
    g_assert_cmpint(p->irqs[14].level, ==, 0);
    tn_test_out(p, 0x2000 + 11, 0x00010001, 4);
    g_assert_cmpint(p->irqs[11].level, ==, 1);
    g_assert_cmpint(p->irqs[12].level, ==, 0);
    g_assert_cmpint(p->irqs[13].level, ==, 1);
    tn_test_outb(p, 0x2000 + 23, 1); /* no such line */
    g_assert_cmphex(tn_test_inb(p, 0x2000), ==, 0);
    tn_test_drop(device);
}

static void
memory_keeps_what_is_written(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPcTestdev *device = testdev(p);
    guint64 value = 0x1122334455667788;
    guint16 half = 0;

    (void)tn_address_space_write(p->platform.memory_space, IOMEM + 0xfff8, &value, 8);
    (void)tn_address_space_read(p->platform.memory_space, IOMEM + 0xfffa, &half, 2);
    g_assert_cmphex(half, ==, 0x5566);
    tn_test_drop(device);
}

static void
flushed_page_keeps_its_bytes(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();
    TnPcTestdev *device = testdev(p);
    TnMemoryRegion ram;
    TnRamBlock block = { .fd = -1 };
    guint8 *host = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(host != MAP_FAILED);
    block.host = host;
    tn_memory_region_init_ram(&ram, p->platform.memory, NULL, "ram", 0x4000, &block);
    tn_memory_region_add_subregion(p->platform.system_memory, 0, &ram);
    memset(host, 0x5a, 0x4000);
    tn_test_out(p, 0xe4, 0x2123, 4);
    tn_test_out(p, 0xe4, 0x80000000, 4); /* no memory there */
    host[0x2000]++;
    g_assert_cmphex(host[0x2000], ==, 0x5b);
    tn_memory_region_del_subregion(p->platform.system_memory, &ram);
    tn_memory_synchronize(p->platform.memory);
    tn_memory_region_done(&ram);
    (void)munmap(host, 0x4000);
    tn_test_drop(device);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hw/isa-debug-exit/status", debug_exit_ends_with_the_guests_status);
    g_test_add_func("/hw/isa-debug-exit/first-word-counts", debug_exit_first_word_counts);
    g_test_add_func("/hw/isa-debug-exit/no-shutdown", debug_exit_in_spite_of_no_shutdown);
    g_test_add_func("/hw/isa-debug-exit/read", debug_exit_read_does_nothing);
    g_test_add_func("/hw/isa-debug-exit/refusals", debug_exit_refusals);
    g_test_add_func("/hw/pc-testdev/word", word_reads_back);
    g_test_add_func("/hw/pc-testdev/bytes", bytes_share_the_word);
    g_test_add_func("/hw/pc-testdev/irq-lines", irq_lines);
    g_test_add_func("/hw/pc-testdev/memory", memory_keeps_what_is_written);
    g_test_add_func("/hw/pc-testdev/flush-page", flushed_page_keeps_its_bytes);
    return g_test_run();
}
