/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What bare-metal images find of a PC's firmware: docs/specs/boot.md. */
#include "vmm/machine/bios-state.h"

#include "tests/lib/test-platform.h"

#include <string.h>

#define RAM_SIZE 0x100000u
#define SEGMENT_F000 0xf0000u

static guint8 ram[RAM_SIZE] __attribute__((aligned(0x1000)));

typedef struct {
    TnTestPlatform *p;
    TnMemoryRegion region;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    const TnRamBlock block = { .host = ram, .fd = -1 };

    memset(ram, 0x5a, sizeof(ram));
    f->p = tn_test_platform_new();
    tn_memory_region_init_ram(&f->region, f->p->platform.memory, NULL, "ram", RAM_SIZE, &block);
    tn_memory_region_add_subregion(f->p->platform.system_memory, 0, &f->region);
    g_assert_true(tn_bios_state_write(f->p->platform.memory_space));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_memory_region_del_subregion(f->p->platform.system_memory, &f->region);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&f->region);
    tn_test_platform_free(f->p);
}

static guint32
ram32(guint32 at)
{
    guint32 value;

    memcpy(&value, ram + at, sizeof(value));
    return GUINT32_FROM_LE(value);
}

/* The first byte of what @vector enters, which lies in segment 0xf000. */
static const guint8 *
handler(unsigned vector)
{
    guint32 entry = ram32(4 * vector);

    g_assert_cmphex(entry >> 16, ==, 0xf000);
    g_assert_cmphex(SEGMENT_F000 + (entry & 0xffff), >=, TN_BIOS_STATE_BASE - 0x1000);
    return ram + SEGMENT_F000 + (entry & 0xffff);
}

static void
test_other_vectors_return(Fixture *f, gconstpointer data)
{
    static const unsigned vectors[] = { 0x00, 0x06, 0x10, 0x1c, 0x5f, 0x67, 0x6f, 0x78, 0xff };

    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_assert_cmphex(handler(vectors[i])[0], ==, 0xcf); /* iret */
    }
}

static void
test_user_vectors_are_empty(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0x60; i <= 0x66; i++) {
        g_assert_cmphex(ram32(4 * i), ==, 0);
    }
}

/* Whether @code has "out @port, al" before it returns. */
static gboolean
ends_interrupt(const guint8 *code, guint8 port)
{
    for (unsigned i = 0; code[i] != 0xcf; i++) {
        if (code[i] == 0xe6 && code[i + 1] == port) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
test_interrupts_are_ended(Fixture *f, gconstpointer data)
{
    for (unsigned irq = 0; irq < 8; irq++) {
        g_assert_true(ends_interrupt(handler(tn_bios_state_chips.vector_base[0] + irq), 0x20));
        g_assert_true(ends_interrupt(handler(tn_bios_state_chips.vector_base[1] + irq), 0x20));
        g_assert_true(ends_interrupt(handler(tn_bios_state_chips.vector_base[1] + irq), 0xa0));
    }
}

static void
test_data_area(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(ram32(0x40e) & 0xffff, ==, 0x9fc0);
    g_assert_cmpuint(ram32(0x413) & 0xffff, ==, 639);
}

static void
test_needs_ram(void)
{
    g_autoptr(TnTestPlatform) p = tn_test_platform_new();

    g_assert_false(tn_bios_state_write(p->platform.memory_space));
}

#define ADD(path, func)                                                                            \
    g_test_add("/machine/bios-state/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("other-vectors-return", test_other_vectors_return);
    ADD("user-vectors-are-empty", test_user_vectors_are_empty);
    ADD("interrupts-are-ended", test_interrupts_are_ended);
    ADD("data-area", test_data_area);
    g_test_add_func("/machine/bios-state/needs-ram", test_needs_ram);
    return g_test_run();
}
