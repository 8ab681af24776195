/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ROM devices, RAM of devices, and windows laid over either.
 */
#include "tests/unit/vmm/memory/fixture.h"

#include <inttypes.h>
#include <string.h>

static uint64_t
say_read(void *opaque, uint64_t addr, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "%sread:%" PRIx64 "/%u", f->log->len ? " " : "", addr, size);
    return 0xd0 + addr;
}

static void
say_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_string_append_printf(f->log, "%swrite:%" PRIx64 "/%u=%" PRIx64, f->log->len ? " " : "", addr,
                           size, value);
}

static const TnMemoryRegionOps say_ops = { .read = say_read, .write = say_write };

#define assert_log(f, expected)                       \
    do {                                              \
        g_assert_cmpstr((f)->log->str, ==, expected); \
        g_string_truncate((f)->log, 0);               \
    } while (0)

static uint32_t
read4(Fixture *f, uint64_t addr)
{
    TnAccessCache cache = { 0 };
    uint32_t value = 0;

    tn_address_space_access(f->as, &cache, addr, &value, 4, false);
    return value;
}

static TnMemResult
write4(Fixture *f, uint64_t addr, uint32_t value)
{
    TnAccessCache cache = { 0 };

    return tn_address_space_access(f->as, &cache, addr, &value, 4, true);
}

static void
test_romd(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *flash = make_rom_device(f, &say_ops, 0x1000);
    uint8_t *host = flash->ram.host;

    memcpy(host + 0x10, "\x01\x02\x03\x04", 4);
    tn_memory_region_add_subregion(&f->root, 0x1000, flash);
    g_assert_cmphex(read4(f, 0x1010), ==, 0x04030201);
    assert_log(f, "");
    g_assert_cmpint(write4(f, 0x1010, 0x90), ==, TN_MEM_OK);
    assert_log(f, "write:10/4=90");
    g_assert_cmphex(host[0x10], ==, 0x01);
}

static void
test_not_romd(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *flash = make_rom_device(f, &say_ops, 0x1000);

    tn_memory_region_add_subregion(&f->root, 0x1000, flash);
    tn_memory_region_set_romd(flash, false);
    g_assert_cmphex(read4(f, 0x1010), ==, 0xe0);
    write4(f, 0x1014, 1);
    assert_log(f, "read:10/4 write:14/4=1");
    tn_memory_region_set_romd(flash, true);
    g_assert_cmphex(read4(f, 0x1010), ==, 0);
    assert_log(f, "");
}

static void
count_section(TnMemoryListener *listener, const TnMemorySection *section)
{
    ((unsigned *)(void *)listener->name)[0]++;
}

/* A slot in one mode, none in the other: listeners must hear of it. */
static void
test_romd_is_told(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *flash = make_rom_device(f, &say_ops, 0x1000);
    unsigned told = 0;
    TnMemoryListener listener = { .name = (const char *)&told,
                                  .region_add = count_section,
                                  .region_del = count_section };

    tn_memory_region_add_subregion(&f->root, 0x1000, flash);
    tn_memory_listener_register(&listener, f->as);
    g_assert_cmpuint(told, ==, 1);
    tn_memory_region_set_romd(flash, false);
    g_assert_cmpuint(told, ==, 3);
    tn_memory_region_set_romd(flash, false);
    g_assert_cmpuint(told, ==, 3);
    tn_memory_listener_unregister(&listener, f->as);
}

static void
test_romd_dma(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *flash = make_rom_device(f, &say_ops, 0x1000);
    uint32_t value = 5;

    memcpy(flash->ram.host, "\x01\x02\x03\x04", 4);
    tn_memory_region_add_subregion(&f->root, 0, flash);
    g_assert_cmpint(tn_address_space_dma_write(f->as, 0, &value, 4), ==, TN_MEM_READONLY);
    g_assert_cmpint(tn_address_space_dma_read(f->as, 0, &value, 4), ==, TN_MEM_OK);
    g_assert_cmphex(value, ==, 0x04030201);
    tn_memory_region_set_romd(flash, false);
    g_assert_cmpint(tn_address_space_dma_read(f->as, 0, &value, 4), ==, TN_MEM_UNASSIGNED);
    assert_log(f, "");
    g_assert_false(tn_memory_region_is_ram(flash));
    g_assert_null(tn_address_space_ram_ptr(f->as, 0, NULL));
}

static void
test_romd_printed(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *flash = make_rom_device(f, &say_ops, 0x1000);
    g_autofree char *romd = NULL;
    g_autofree char *io = NULL;

    tn_memory_region_add_subregion(&f->root, 0, flash);
    romd = tn_memory_print_flat_views(f->memory);
    g_assert_nonnull(strstr(romd, "0000000000000000-0000000000000fff (prio 0, romd): device\n"));
    tn_memory_region_set_romd(flash, false);
    io = tn_memory_print_tree(f->memory);
    g_assert_nonnull(strstr(io, "0000000000000000-0000000000000fff (prio 0, i/o): device\n"));
}

static void
test_ram_device_is_no_guest_ram(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bar = make_ram_device(f, "bar", 0x1000);
    g_autofree char *text = NULL;

    tn_memory_region_add_subregion(&f->root, 0, bar);
    g_assert_true(tn_memory_region_is_ram(bar));
    g_assert_true(tn_memory_region_is_ram_device(bar));
    g_assert_false(tn_memory_region_is_ram_device(make_ram(f, "ram", 0x1000)));
    g_assert_null(tn_address_space_ram_ptr(f->as, 0, NULL));
    text = tn_memory_print_flat_views(f->memory);
    g_assert_nonnull(strstr(text, "(prio 0, ramd): bar\n"));
}

/* Every offset and length up to two words: the bytes are right, and none beside them touched. */
static void
check_copies(Fixture *f, uint8_t *host,
             TnMemResult (*write_func)(TnAddressSpace *, uint64_t, const void *, uint64_t),
             TnMemResult (*read_func)(TnAddressSpace *, uint64_t, void *, uint64_t))
{
    for (unsigned offset = 0; offset < 9; offset++) {
        for (unsigned len = 1; len < 18; len++) {
            uint8_t bytes[18], back[18] = { 0 };

            for (unsigned i = 0; i < len; i++) {
                bytes[i] = (uint8_t)(0x80 + i);
            }
            memset(host, 0x11, 32);
            g_assert_cmpint(write_func(f->as, 0x1000 + offset, bytes, len), ==, TN_MEM_OK);
            for (unsigned i = 0; i < 32; i++) {
                bool inside = i >= offset && i < offset + len;

                g_assert_cmphex(host[i], ==, inside ? bytes[i - offset] : 0x11);
            }
            g_assert_cmpint(read_func(f->as, 0x1000 + offset, back, len), ==, TN_MEM_OK);
            g_assert_cmpmem(back, len, bytes, len);
        }
    }
}

static void
test_ram_device_any_length(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bar = make_ram_device(f, "bar", 0x1000);

    tn_memory_region_add_subregion(&f->root, 0x1000, bar);
    check_copies(f, bar->ram.host, tn_address_space_write, tn_address_space_read);
    check_copies(f, bar->ram.host, tn_address_space_dma_write, tn_address_space_dma_read);
}

/* The way a loader's registers in a card's BAR are intercepted. */
static void
test_quirk_window(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bar = make_container(f, "bar", 0x4000);
    TnMemoryRegion *mapped = make_ram_device(f, "mmap", 0x4000);
    TnMemoryRegion *quirk = make_device(f, &say_ops, 0x100);
    uint8_t *host = mapped->ram.host;

    tn_memory_region_add_subregion(bar, 0, mapped);
    tn_memory_region_add_subregion(&f->root, 0x10000, bar);
    memset(host, 0x5a, 0x4000);
    assert_space(f, "10000-13fff mmap +0");

    tn_memory_region_add_subregion_overlap(bar, 0x1200, quirk, 1);
    assert_space(f, "10000-111ff mmap +0; 11200-112ff device +0; 11300-13fff mmap +1300");
    g_assert_cmphex(read4(f, 0x111fc), ==, 0x5a5a5a5a);
    g_assert_cmphex(read4(f, 0x11200), ==, 0xd0);
    write4(f, 0x112fc, 3);
    write4(f, 0x11300, 4);
    assert_log(f, "read:0/4 write:fc/4=3");
    g_assert_cmphex(host[0x12fc], ==, 0x5a);
    g_assert_cmphex(host[0x1300], ==, 4);

    tn_memory_region_del_subregion(bar, quirk);
    assert_space(f, "10000-13fff mmap +0");
    g_assert_cmphex(read4(f, 0x11200), ==, 0x5a5a5a5a);
    assert_log(f, "");
}

/* The window goes where the guest moves the BAR, and loses to what lies over the BAR. */
static void
test_quirk_window_moves(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bar = make_container(f, "bar", 0x2000);
    TnMemoryRegion *quirk = make_io(f, "quirk", 0x100);

    tn_memory_region_add_subregion(bar, 0, make_ram_device(f, "mmap", 0x2000));
    tn_memory_region_add_subregion_overlap(bar, 0x800, quirk, 1);
    tn_memory_region_add_subregion_overlap(&f->root, 0x10000, bar, 1);
    tn_memory_region_set_address(bar, 0x20000);
    assert_space(f, "20000-207ff mmap +0; 20800-208ff quirk +0; 20900-21fff mmap +900");
    tn_memory_region_add_subregion_overlap(&f->root, 0x20000, make_io(f, "msix", 0x1000), 2);
    assert_space(f, "20000-20fff msix +0; 21000-21fff mmap +1000");
}

/* Two quirks over one register: the one of higher priority has it until it goes. */
static void
test_quirk_over_quirk(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bar = make_container(f, "bar", 0x1000);
    TnMemoryRegion *inner = make_io(f, "inner", 0x10);

    tn_memory_region_add_subregion(bar, 0, make_ram_device(f, "mmap", 0x1000));
    tn_memory_region_add_subregion_overlap(bar, 0x100, make_io(f, "outer", 0x100), 1);
    tn_memory_region_add_subregion_overlap(bar, 0x140, inner, 2);
    tn_memory_region_add_subregion(&f->root, 0, bar);
    assert_space(f, "0-ff mmap +0; 100-13f outer +0; 140-14f inner +0; 150-1ff outer +50; "
                    "200-fff mmap +200");
    tn_memory_region_del_subregion(bar, inner);
    assert_space(f, "0-ff mmap +0; 100-1ff outer +0; 200-fff mmap +200");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_test("/memory/rom-device/reads-memory-writes-device", test_romd);
    fixture_test("/memory/rom-device/all-to-device-in-the-other-mode", test_not_romd);
    fixture_test("/memory/rom-device/mode-is-told", test_romd_is_told);
    fixture_test("/memory/rom-device/dma", test_romd_dma);
    fixture_test("/memory/rom-device/printed", test_romd_printed);
    fixture_test("/memory/ram-device/is-no-guest-ram", test_ram_device_is_no_guest_ram);
    fixture_test("/memory/ram-device/any-length", test_ram_device_any_length);
    fixture_test("/memory/overlay/quirk-window", test_quirk_window);
    fixture_test("/memory/overlay/quirk-window-moves-with-its-bar", test_quirk_window_moves);
    fixture_test("/memory/overlay/quirk-over-quirk", test_quirk_over_quirk);
    return g_test_run();
}
