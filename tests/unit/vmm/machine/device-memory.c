/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where DIMMs may go: slots, first fit, and each refusal with its text. */
#include "vmm/machine/device-memory.h"

#include "vmm/core/object.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define ALIGN (2 * MIB)

/* A window at 4 GiB for 1 GiB in @slots slots. */
static TnDeviceMemory *
window_of(unsigned slots)
{
    const TnDeviceMemoryConfig config = { 4 * GIB, GIB, 2 * GIB, slots };
    g_autoptr(GError) error = NULL;
    TnDeviceMemory *dm = tn_device_memory_new(&config, &error);

    g_assert_no_error(error);
    return dm;
}

static void
occupy(TnDeviceMemory *dm, guint64 addr, unsigned slot, guint64 size, const char *name)
{
    const TnDeviceMemoryPlace place = { addr, slot };

    tn_device_memory_occupy(dm, &place, size, name, dm);
}

static guint64
choose(TnDeviceMemory *dm, guint64 size, guint64 addr)
{
    const TnDeviceMemoryRequest request = { .size = size, .align = ALIGN, .addr = addr };
    g_autoptr(GError) error = NULL;
    guint64 got = 0;

    tn_device_memory_choose_addr(dm, &request, &got, &error);
    g_assert_no_error(error);
    return got;
}

static void
assert_refused(TnDeviceMemory *dm, guint64 size, guint64 addr, const char *text)
{
    const TnDeviceMemoryRequest request = { .size = size, .align = ALIGN, .addr = addr };
    g_autoptr(GError) error = NULL;
    guint64 got = 77;

    g_assert_false(tn_device_memory_choose_addr(dm, &request, &got, &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
    g_assert_cmpuint(got, ==, 77);
}

static void
assert_slot_refused(TnDeviceMemory *dm, int wish, const char *text)
{
    g_autoptr(GError) error = NULL;
    unsigned got = 77;

    g_assert_false(tn_device_memory_choose_slot(dm, wish, &got, &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
    g_assert_cmpuint(got, ==, 77);
}

static void
test_window_begins_at_a_gib_and_has_one_more_per_slot(void)
{
    const TnDeviceMemoryConfig config = { 4 * GIB + 512 * MIB, GIB, 3 * GIB, 4 };
    g_autoptr(TnDeviceMemory) dm = tn_device_memory_new(&config, NULL);
    TnRange window;

    g_assert_true(tn_device_memory_get_window(dm, &window));
    g_assert_cmphex(window.first, ==, 5 * GIB);
    g_assert_cmphex(tn_range_size(window), ==, 6 * GIB);
}

static void
test_no_window_without_maxmem(void)
{
    const TnDeviceMemoryConfig config = { 4 * GIB, GIB, GIB, 0 };
    g_autoptr(TnDeviceMemory) dm = tn_device_memory_new(&config, NULL);
    TnRange window;

    g_assert_false(tn_device_memory_get_window(dm, &window));
    assert_slot_refused(dm, -1, "no slots were allocated, please specify the 'slots' option");
    assert_refused(dm, ALIGN, 0,
                   "not enough space, currently 0x0 in use of total space for memory devices 0x0");
}

static void
assert_config_refused(const TnDeviceMemoryConfig *config, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(tn_device_memory_new(config, &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
}

static void
test_config_refusals(void)
{
    assert_config_refused(&(TnDeviceMemoryConfig){ 4 * GIB, GIB, 2 * GIB, 257 },
                          "unsupported amount of memory slots: 257");
    assert_config_refused(&(TnDeviceMemoryConfig){ 4 * GIB, GIB, 2 * GIB + 1, 2 },
                          "maximum memory size must be aligned to multiple of 4096 bytes");
    assert_config_refused(&(TnDeviceMemoryConfig){ 4 * GIB, GIB, G_MAXUINT64 - 4095, 2 },
                          "unsupported amount of maximum memory: 18446744073709547520");
}

static void
test_slot_lowest_free(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(3);
    unsigned slot;

    occupy(dm, 4 * GIB, 0, ALIGN, NULL);
    occupy(dm, 4 * GIB + ALIGN, 2, ALIGN, NULL);
    g_assert_true(tn_device_memory_choose_slot(dm, -1, &slot, NULL));
    g_assert_cmpuint(slot, ==, 1);
    tn_device_memory_release(dm, 0);
    g_assert_true(tn_device_memory_choose_slot(dm, -1, &slot, NULL));
    g_assert_cmpuint(slot, ==, 0);
}

static void
test_slot_refusals(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(2);

    assert_slot_refused(dm, 2, "invalid slot number 2, valid range is [0-1]");
    assert_slot_refused(dm, -2, "invalid slot number -2, valid range is [0-1]");
    occupy(dm, 4 * GIB, 1, ALIGN, NULL);
    assert_slot_refused(dm, 1, "slot 1 is busy");
    occupy(dm, 4 * GIB + ALIGN, 0, ALIGN, NULL);
    assert_slot_refused(dm, -1, "no free slots available");
}

static void
test_addr_first_fit_takes_the_gap(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(4);

    g_assert_cmphex(choose(dm, 128 * MIB, 0), ==, 4 * GIB);
    occupy(dm, 4 * GIB, 0, 128 * MIB, NULL);
    occupy(dm, 4 * GIB + 256 * MIB, 1, 128 * MIB, NULL);
    g_assert_cmphex(choose(dm, 128 * MIB, 0), ==, 4 * GIB + 128 * MIB);
    g_assert_cmphex(choose(dm, 256 * MIB, 0), ==, 4 * GIB + 384 * MIB);
}

static void
test_addr_after_an_odd_neighbour_is_aligned(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(4);

    occupy(dm, 4 * GIB + 4096, 0, 16384, "odd");
    g_assert_cmphex(choose(dm, ALIGN, 0), ==, 4 * GIB + ALIGN);
}

static void
test_addr_given_is_taken(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(4);

    g_assert_cmphex(choose(dm, ALIGN, 4 * GIB + 10 * ALIGN), ==, 4 * GIB + 10 * ALIGN);
}

static void
test_addr_given_may_be_the_windows_last(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(1); /* 2 GiB */

    g_assert_cmphex(choose(dm, ALIGN, 6 * GIB - ALIGN), ==, 6 * GIB - ALIGN);
    assert_refused(dm, 2 * ALIGN, 6 * GIB - ALIGN,
                   "can't add memory device [0x17fe00000:0x400000], usable range for memory "
                   "devices [0x100000000:0x80000000]");
}

static void
test_addr_refusals(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(4); /* 5 GiB */

    assert_refused(dm, ALIGN, 4096, "address must be aligned to 0x200000 bytes");
    assert_refused(dm, ALIGN + 4096, 0, "backend memory size must be multiple of 0x200000");
    assert_refused(dm, 128 * MIB, 0xc0000000,
                   "can't add memory device [0xc0000000:0x8000000], usable range for memory "
                   "devices [0x100000000:0x140000000]");
    assert_refused(dm, 128 * MIB, G_MAXUINT64 - ALIGN + 1,
                   "can't add memory device [0xffffffffffe00000:0x8000000], usable range for "
                   "memory devices [0x100000000:0x140000000]");
    occupy(dm, 4 * GIB, 0, 128 * MIB, "d");
    assert_refused(dm, 128 * MIB, 4 * GIB + 64 * MIB,
                   "address range conflicts with memory device id='d'");
    occupy(dm, 4 * GIB + 128 * MIB, 1, 128 * MIB, NULL);
    assert_refused(dm, 128 * MIB, 4 * GIB + 192 * MIB,
                   "address range conflicts with memory device id='(unnamed)'");
    assert_refused(dm, GIB, 0,
                   "not enough space, currently 0x10000000 in use of total space for memory "
                   "devices 0x40000000");
    assert_refused(dm, G_MAXUINT64 - ALIGN + 1, 0,
                   "not enough space, currently 0x10000000 in use of total space for memory "
                   "devices 0x40000000");
}

static void
test_addr_large_alignment(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(2); /* 3 GiB for 1 GiB of memory */

    const TnDeviceMemoryRequest half = { .size = 512 * MIB, .align = 512 * MIB };
    const TnDeviceMemoryRequest giant = { .size = 512 * MIB, .align = 8 * GIB };
    g_autoptr(GError) error = NULL;
    guint64 got;

    occupy(dm, 4 * GIB, 0, 4096, NULL);
    occupy(dm, 5 * GIB, 1, 4096, NULL);
    g_assert_true(tn_device_memory_choose_addr(dm, &half, &got, NULL));
    g_assert_cmphex(got, ==, 4 * GIB + 512 * MIB);
    g_assert_false(tn_device_memory_choose_addr(dm, &giant, &got, &error));
    g_assert_cmpstr(error->message, ==, "backend memory size must be multiple of 0x200000000");
}

static void
test_addr_no_room_although_capacity_is_left(void)
{
    const TnDeviceMemoryConfig config = { 4 * GIB, GIB, 3 * GIB, 1 }; /* window 3 GiB */
    g_autoptr(TnDeviceMemory) dm = tn_device_memory_new(&config, NULL);
    const TnDeviceMemoryRequest request = { .size = 2 * GIB - ALIGN, .align = ALIGN };
    g_autoptr(GError) error = NULL;
    guint64 got;

    occupy(dm, 4 * GIB + GIB + 512 * MIB, 0, ALIGN, NULL);
    g_assert_false(tn_device_memory_choose_addr(dm, &request, &got, &error));
    g_assert_cmpstr(error->message, ==,
                    "could not find position in guest address space for memory device - memory "
                    "fragmented due to alignments");
}

static void
test_used_follows_occupy_and_release(void)
{
    g_autoptr(TnDeviceMemory) dm = window_of(2);

    occupy(dm, 4 * GIB, 0, ALIGN, NULL);
    occupy(dm, 4 * GIB + ALIGN, 1, 2 * ALIGN, NULL);
    g_assert_cmpuint(tn_device_memory_get_used(dm), ==, 3 * ALIGN);
    tn_device_memory_release(dm, 0);
    g_assert_cmpuint(tn_device_memory_get_used(dm), ==, 2 * ALIGN);
}

/* The window's model: one cell for each ALIGN bytes. It is shorter than the window,
 * but 512 MiB in pieces of at most 80 MiB always leave room in its first GiB. */
#define CELLS 512

/* The lowest run of @count free cells, or -1: what first fit must find. */
static int
model_first_fit(const guint8 *cells, unsigned window, unsigned count)
{
    for (unsigned i = 0; i + count <= window; i++) {
        unsigned n = 0;

        while (n < count && !cells[i + n]) {
            n++;
        }
        if (n == count) {
            return (int)i;
        }
    }
    return -1;
}

static void
test_random_first_fit_equals_the_model(void)
{
    guint32 seed = g_test_rand_int();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

    g_test_message("seed %u", seed);
    for (unsigned round = 0; round < 200; round++) {
        const TnDeviceMemoryConfig config = { 4 * GIB, GIB, GIB + 512 * MIB, 1 };
        const TnDeviceMemoryConfig wide = { 4 * GIB, GIB, GIB + 512 * MIB, 32 };
        g_autoptr(TnDeviceMemory) dm =
            tn_device_memory_new(round % 2 ? &wide : &config, NULL);
        guint8 cells[CELLS] = { 0 };
        struct {
            unsigned at, count;
        } slots[32] = { { 0 } };

        for (unsigned step = 0; step < 60; step++) {
            unsigned slot;
            unsigned count = (unsigned)g_rand_int_range(rand, 1, 40);
            const TnDeviceMemoryRequest request = { .size = count * ALIGN, .align = ALIGN };
            guint64 addr;
            int want = model_first_fit(cells, CELLS, count);

            if (!tn_device_memory_choose_slot(dm, -1, &slot, NULL) ||
                g_rand_int_range(rand, 0, 3) == 0) {
                slot = (unsigned)g_rand_int_range(rand, 0, round % 2 ? 32 : 1);
                tn_device_memory_release(dm, slot);
                memset(cells + slots[slot].at, 0, slots[slot].count);
                slots[slot].count = 0;
                continue;
            }
            if (!tn_device_memory_choose_addr(dm, &request, &addr, NULL)) {
                g_assert_cmpuint(tn_device_memory_get_used(dm) + request.size, >, 512 * MIB);
                continue;
            }
            g_assert_cmpint(want, >=, 0);
            g_assert_cmphex(addr, ==, 4 * GIB + (guint64)want * ALIGN);
            occupy(dm, addr, slot, request.size, NULL);
            memset(cells + want, 1, count);
            slots[slot].at = (unsigned)want;
            slots[slot].count = count;
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/device-memory/window/begins-at-a-gib-and-has-one-more-per-slot",
                    test_window_begins_at_a_gib_and_has_one_more_per_slot);
    g_test_add_func("/machine/device-memory/window/none-without-maxmem",
                    test_no_window_without_maxmem);
    g_test_add_func("/machine/device-memory/window/config-refusals", test_config_refusals);
    g_test_add_func("/machine/device-memory/slot/lowest-free", test_slot_lowest_free);
    g_test_add_func("/machine/device-memory/slot/refusals", test_slot_refusals);
    g_test_add_func("/machine/device-memory/addr/first-fit-takes-the-gap",
                    test_addr_first_fit_takes_the_gap);
    g_test_add_func("/machine/device-memory/addr/after-an-odd-neighbour-is-aligned",
                    test_addr_after_an_odd_neighbour_is_aligned);
    g_test_add_func("/machine/device-memory/addr/given-is-taken", test_addr_given_is_taken);
    g_test_add_func("/machine/device-memory/addr/given-may-be-the-windows-last",
                    test_addr_given_may_be_the_windows_last);
    g_test_add_func("/machine/device-memory/addr/refusals", test_addr_refusals);
    g_test_add_func("/machine/device-memory/addr/large-alignment", test_addr_large_alignment);
    g_test_add_func("/machine/device-memory/addr/no-room-although-capacity-is-left",
                    test_addr_no_room_although_capacity_is_left);
    g_test_add_func("/machine/device-memory/used-follows-occupy-and-release",
                    test_used_follows_occupy_and_release);
    g_test_add_func("/machine/device-memory/random-first-fit-equals-the-model",
                    test_random_first_fit_equals_the_model);
    return g_test_run();
}
