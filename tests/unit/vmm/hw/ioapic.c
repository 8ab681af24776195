/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 82093AA's data sheet, section by section; what it sends is recorded. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/ioapic.h"
#include "vmm/memory/memory.h"

#define BASE 0xfec00000u
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define REMOTE_IRR 0x4000u

#define ROUNDS 2000

typedef struct Fixture {
    TnTestPlatform *p;
    TnFastPath path;
    TnIrqchipHost host;
    TnIoapic *ioapic;

    TnMsiMessage sent; /* the last */
    unsigned num_sent;
    TnMsiMessage routes[TN_IOAPIC_PINS];
    gboolean silent[TN_IOAPIC_PINS];
    unsigned resampled[TN_IOAPIC_PINS];
} Fixture;

static void
note_sent(void *opaque, const TnMsiMessage *message)
{
    Fixture *f = opaque;

    f->sent = *message;
    f->num_sent++;
}

static void
note_pin(void *opaque, unsigned pin, const TnMsiMessage *message, gboolean masked)
{
    Fixture *f = opaque;

    f->routes[pin] = *message;
    f->silent[pin] = masked;
}

static void
note_resample(void *opaque, unsigned pin)
{
    Fixture *f = opaque;

    f->resampled[pin]++;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->path = (TnFastPath){ .opaque = f, .msi_send = note_sent };
    f->p->platform.fast_path = &f->path;
    f->host = (TnIrqchipHost){ .opaque = f, .set_pin = note_pin, .resample = note_resample };
    f->ioapic = tn_ioapic_new(&f->p->platform, &f->host);
    tn_test_realize(f->p, f->ioapic);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->ioapic);
    tn_test_platform_free(f->p);
}

static uint32_t
mmio_read(Fixture *f, uint32_t offset)
{
    uint32_t value = 0xdeadbeef;

    (void)tn_address_space_read(f->p->platform.memory_space, BASE + offset, &value, 4);
    return value;
}

static void
mmio_write(Fixture *f, uint32_t offset, uint32_t value)
{
    (void)tn_address_space_write(f->p->platform.memory_space, BASE + offset, &value, 4);
}

static uint32_t
get(Fixture *f, uint8_t reg)
{
    mmio_write(f, 0, reg);
    return mmio_read(f, 0x10);
}

static void
set(Fixture *f, uint8_t reg, uint32_t value)
{
    mmio_write(f, 0, reg);
    mmio_write(f, 0x10, value);
}

static void
set_entry(Fixture *f, unsigned pin, uint32_t high, uint32_t low)
{
    set(f, (uint8_t)(0x11 + 2 * pin), high);
    set(f, (uint8_t)(0x10 + 2 * pin), low);
}

/* 3.1.1 and 3.1.2: the window is 32 bits wide and nothing else. */
static void
test_select_and_window(Fixture *f, gconstpointer data)
{
    uint8_t byte = 0xff;

    mmio_write(f, 0, 0xffffff01);
    g_assert_cmphex(mmio_read(f, 0), ==, 0x01);
    (void)tn_address_space_read(f->p->platform.memory_space, BASE + 0x10, &byte, 1);
    g_assert_cmphex(byte, ==, 0);
    g_assert_cmphex(mmio_read(f, 0x20), ==, 0);
    g_assert_cmphex(mmio_read(f, 0xffc), ==, 0);
    mmio_write(f, 0x20, 1);
    g_assert_cmphex(get(f, 0x03), ==, 0);
    g_assert_cmphex(get(f, 0x40), ==, 0);
    g_assert_cmphex(get(f, 0xff), ==, 0);
    set(f, 0xff, 0xffffffff);
}

/* 3.2.1 to 3.2.3. */
static void
test_identification(Fixture *f, gconstpointer data)
{
    set(f, 0x00, 0xffffffff);
    g_assert_cmphex(get(f, 0x00), ==, 0x0f000000);
    g_assert_cmphex(get(f, 0x02), ==, 0x0f000000);
    set(f, 0x01, 0xffffffff);
    g_assert_cmphex(get(f, 0x01), ==, 0x00170020);
}

/* 3.2.4: masked at power-on; delivery status and remote IRR are read-only. */
static void
test_entry_bits(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, 0x10), ==, MASKED);
    g_assert_cmphex(get(f, 0x11), ==, 0);
    g_assert_cmphex(get(f, 0x3e), ==, MASKED);
    set_entry(f, 23, 0xffffffff, 0xffffffff);
    g_assert_cmphex(get(f, 0x3f), ==, 0xff000000);
    g_assert_cmphex(get(f, 0x3e), ==, 0x0001afff);
}

static void
test_edge(Fixture *f, gconstpointer data)
{
    set_entry(f, 4, 0x03000000, 0x41);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    g_assert_cmpuint(f->num_sent, ==, 1);
    g_assert_cmphex(f->sent.address, ==, 0xfee03000);
    g_assert_cmphex(f->sent.data, ==, 0x41);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    g_assert_cmpuint(f->num_sent, ==, 1);
    tn_ioapic_set_pin(f->ioapic, 4, 0);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    g_assert_cmpuint(f->num_sent, ==, 2);
    g_assert_cmphex(get(f, 0x18), ==, 0x41);
}

/* "Interrupt Mask": an edge of a masked pin is lost. */
static void
test_masked_edge_is_lost(Fixture *f, gconstpointer data)
{
    set_entry(f, 4, 0, MASKED | 0x41);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    set_entry(f, 4, 0, 0x41);
    g_assert_cmpuint(f->num_sent, ==, 0);
}

/* Logical destination, lowest priority. */
static void
test_lowest_priority(Fixture *f, gconstpointer data)
{
    set_entry(f, 4, 0xff000000, 0x0941);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    g_assert_cmphex(f->sent.address, ==, 0xfeeff00c);
    g_assert_cmphex(f->sent.data, ==, 0x0141);
}

/* NMI and its like are edges, whatever the trigger mode says. */
static void
test_nmi_is_an_edge(Fixture *f, gconstpointer data)
{
    set_entry(f, 4, 0, LEVEL | 0x0400);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    g_assert_cmphex(f->sent.data, ==, 0x0400);
    g_assert_cmphex(get(f, 0x18), ==, LEVEL | 0x0400);
}

/* "Remote IRR", and the level that is still up at the end. */
static void
test_level(Fixture *f, gconstpointer data)
{
    set_entry(f, 9, 0, LEVEL | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    g_assert_cmpuint(f->num_sent, ==, 1);
    g_assert_cmphex(f->sent.data, ==, 0xc051);
    g_assert_cmphex(get(f, 0x22), ==, LEVEL | REMOTE_IRR | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    g_assert_cmpuint(f->num_sent, ==, 1);
    tn_ioapic_end_of_interrupt(f->ioapic, 0x50);
    g_assert_cmpuint(f->num_sent, ==, 1);
    tn_ioapic_end_of_interrupt(f->ioapic, 0x51);
    g_assert_cmpuint(f->num_sent, ==, 2);
    tn_ioapic_set_pin(f->ioapic, 9, 0);
    tn_ioapic_end_of_interrupt(f->ioapic, 0x51);
    g_assert_cmpuint(f->num_sent, ==, 2);
    g_assert_cmphex(get(f, 0x22), ==, LEVEL | 0x51);
}

static void
test_level_comes_at_unmask(Fixture *f, gconstpointer data)
{
    set_entry(f, 9, 0, MASKED | LEVEL | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    g_assert_cmpuint(f->num_sent, ==, 0);
    set_entry(f, 9, 0, LEVEL | 0x51);
    g_assert_cmpuint(f->num_sent, ==, 1);
}

/* Version 0x20's own register. */
static void
test_eoi_register(Fixture *f, gconstpointer data)
{
    set_entry(f, 9, 0, LEVEL | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    mmio_write(f, 0x40, 0x51);
    g_assert_cmpuint(f->num_sent, ==, 2);
    g_assert_cmphex(mmio_read(f, 0x40), ==, 0);
}

/* What kernels do where there is no such register. */
static void
test_edge_clears_remote_irr(Fixture *f, gconstpointer data)
{
    set_entry(f, 9, 0, LEVEL | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    tn_ioapic_set_pin(f->ioapic, 9, 0);
    set_entry(f, 9, 0, MASKED | 0x51);
    set_entry(f, 9, 0, LEVEL | 0x51);
    g_assert_cmphex(get(f, 0x22), ==, LEVEL | 0x51);
}

/* The polarity is kept, and lines say "asserted": docs/specs/ioapic.md. */
static void
test_polarity_inverts_nothing(Fixture *f, gconstpointer data)
{
    set_entry(f, 9, 0, LEVEL | 0x2000 | 0x51);
    g_assert_cmpuint(f->num_sent, ==, 0);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    g_assert_cmpuint(f->num_sent, ==, 1);
}

/* A pin's route is told at each change; its end is told while it is being served. */
static void
test_routes(Fixture *f, gconstpointer data)
{
    set_entry(f, 9, 0, LEVEL | 0x51);
    g_assert_cmphex(f->routes[9].data, ==, 0xc051);
    g_assert_false(f->silent[9]);
    g_assert_cmpuint(f->resampled[9], ==, 1);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    tn_ioapic_set_pin(f->ioapic, 9, 0);
    set_entry(f, 9, 0, LEVEL | MASKED | 0x51);
    g_assert_false(f->silent[9]);
    tn_ioapic_end_of_interrupt(f->ioapic, 0x51);
    g_assert_true(f->silent[9]);
    g_assert_cmpuint(f->resampled[9], ==, 2);
    set_entry(f, 9, 0, LEVEL | 0x51);
    g_assert_cmpuint(f->resampled[9], ==, 3);
}

static void
test_pins_that_are_not_there(Fixture *f, gconstpointer data)
{
    tn_ioapic_set_pin(f->ioapic, 24, 1);
    tn_ioapic_set_pin(f->ioapic, G_MAXUINT, 1);
    g_assert_cmpuint(f->num_sent, ==, 0);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    set(f, 0x00, 0x05000000);
    set_entry(f, 9, 0x01000000, LEVEL | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(mmio_read(f, 0), ==, 0);
    g_assert_cmphex(get(f, 0x00), ==, 0);
    g_assert_cmphex(get(f, 0x22), ==, MASKED);
    g_assert_cmphex(get(f, 0x23), ==, 0);
    g_assert_true(f->silent[9]);
}

static void
test_print(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) out = g_string_new(NULL);

    set_entry(f, 9, 0x01000000, LEVEL | 0x51);
    tn_ioapic_set_pin(f->ioapic, 9, 1);
    tn_ioapic_print(f->ioapic, out);
    g_assert_true(g_str_has_prefix(out->str, "ioapic0: ver=0x20 id=0x00 sel=0x22 (redir[9])\n"
        "  pin 0  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical\n"));
    g_assert_nonnull(strstr(out->str,
        "  pin 9  0x010000000000c051 dest=1 vec=81  active-hi level        fixed  physical\n"));
    g_assert_true(g_str_has_suffix(out->str, "  IRR        9\n  Remote IRR 9\n"));
}

static void
test_random_access(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t offset = (uint64_t)g_test_rand_int_range(0, i % 8 ? 0x44 : 0x1000);
        uint32_t value = (uint32_t)g_test_rand_int();
        size_t size = 1u << g_test_rand_int_range(0, 4);
        uint64_t buffer = value;

        switch (g_test_rand_int_range(0, 5)) {
        case 0:
            (void)tn_address_space_write(f->p->platform.memory_space, BASE + offset, &buffer, size);
            break;
        case 1:
            (void)tn_address_space_read(f->p->platform.memory_space, BASE + offset, &buffer, size);
            break;
        case 2:
            set(f, (uint8_t)(value >> 24) % 0x44, (uint32_t)g_test_rand_int());
            break;
        case 3:
            tn_ioapic_set_pin(f->ioapic, value % 25, (int)(value >> 31));
            break;
        default:
            tn_ioapic_end_of_interrupt(f->ioapic, (guint8)value);
            break;
        }
    }
    tn_reset_run(f->p->platform.reset);
    tn_ioapic_set_pin(f->ioapic, 9, 0);
    f->num_sent = 0;
    test_level(f, data);
}

static gpointer
device_main(gpointer data)
{
    Fixture *f = data;

    tn_memory_register_thread();
    for (unsigned i = 0; i < ROUNDS; i++) {
        tn_ioapic_set_pin(f->ioapic, 4, i & 1);
        tn_ioapic_set_pin(f->ioapic, 9, i & 2 ? 1 : 0);
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* Devices raise pins while the guest rewrites entries and ends interrupts: for ThreadSanitizer,
 * and nothing hangs. */
static void
test_devices_against_the_guest(Fixture *f, gconstpointer data)
{
    GThread *device = g_thread_new("device", device_main, f);

    for (unsigned i = 0; i < ROUNDS; i++) {
        set_entry(f, 4, 0, i & 1 ? MASKED | 0x34 : 0x34);
        set_entry(f, 9, 0, LEVEL | 0x39);
        (void)get(f, 0x10 + 2 * 9);
        tn_ioapic_end_of_interrupt(f->ioapic, 0x39);
    }
    g_thread_join(device);
    tn_ioapic_set_pin(f->ioapic, 4, 0);
    set_entry(f, 4, 0, 0x34);
    tn_ioapic_set_pin(f->ioapic, 4, 1);
    g_assert_cmphex(f->sent.data & 0xff, ==, 0x34);
}

#define ADD(name, func) g_test_add("/ioapic/" name, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("select-and-window", test_select_and_window);
    ADD("identification", test_identification);
    ADD("entry-bits", test_entry_bits);
    ADD("edge", test_edge);
    ADD("masked-edge-is-lost", test_masked_edge_is_lost);
    ADD("lowest-priority", test_lowest_priority);
    ADD("nmi-is-an-edge", test_nmi_is_an_edge);
    ADD("level", test_level);
    ADD("level-comes-at-unmask", test_level_comes_at_unmask);
    ADD("eoi-register", test_eoi_register);
    ADD("edge-clears-remote-irr", test_edge_clears_remote_irr);
    ADD("polarity-inverts-nothing", test_polarity_inverts_nothing);
    ADD("routes", test_routes);
    ADD("pins-that-are-not-there", test_pins_that_are_not_there);
    ADD("reset", test_reset);
    ADD("print", test_print);
    ADD("random-access", test_random_access);
    ADD("devices-against-the-guest", test_devices_against_the_guest);
    return g_test_run();
}
