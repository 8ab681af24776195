/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 8259A's data sheet, section by section, on the pair that a PC has. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/i8259.h"
#include "vmm/memory/memory.h"

#define MASTER 0x20
#define SLAVE 0xa0
#define ELCR 0x4d0

#define EOI 0x20
#define READ_IRR 0x0a
#define READ_ISR 0x0b
#define POLL 0x0c

#define ROUNDS 2000

typedef struct Fixture {
    TnTestPlatform *p;
    TnI8259 *pics;
    int out;
    unsigned rises;
} Fixture;

static void
note_out(void *opaque, int n, int level)
{
    Fixture *f = opaque;

    f->out = level;
    f->rises += level ? 1 : 0;
}

/* As a PC's firmware does: vectors 0x20 and 0x28, ICW4 @icw4 for the master, all unmasked. */
static void
initialize(Fixture *f, uint8_t icw4)
{
    tn_test_outb(f->p, MASTER, 0x11);
    tn_test_outb(f->p, SLAVE, 0x11);
    tn_test_outb(f->p, MASTER + 1, 0x20);
    tn_test_outb(f->p, SLAVE + 1, 0x28);
    tn_test_outb(f->p, MASTER + 1, 0x04);
    tn_test_outb(f->p, SLAVE + 1, 0x02);
    tn_test_outb(f->p, MASTER + 1, icw4);
    tn_test_outb(f->p, SLAVE + 1, 0x01);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    const TnIrqLine out = { .handler = note_out, .opaque = f };

    f->p = tn_test_platform_new();
    f->pics = tn_i8259_new(&f->p->platform, &out);
    tn_test_realize(f->p, f->pics);
    initialize(f, 0x01);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->pics);
    tn_test_platform_free(f->p);
}

static void
pulse(Fixture *f, unsigned irq)
{
    tn_i8259_set_irq(f->pics, irq, 1);
    tn_i8259_set_irq(f->pics, irq, 0);
}

static uint8_t
read_register(Fixture *f, uint16_t port, uint8_t which)
{
    tn_test_outb(f->p, port, which);
    return tn_test_inb(f->p, port);
}

/* "Interrupt sequence". */
static void
test_sequence(Fixture *f, gconstpointer data)
{
    pulse(f, 3);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(read_register(f, MASTER, READ_IRR), ==, 0x08);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x23);
    g_assert_cmpint(f->out, ==, 0);
    g_assert_cmphex(read_register(f, MASTER, READ_IRR), ==, 0);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x08);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0);
}

/* "If no interrupt request is present ... the 8259A will issue an interrupt level 7." */
static void
test_spurious(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x27);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0);
}

/* A level that goes away on the slave while the master has passed it on. */
static void
test_spurious_slave(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ELCR + 1, 0x04);
    tn_i8259_set_irq(f->pics, 10, 1);
    g_assert_cmpint(f->out, ==, 1);
    tn_i8259_set_irq(f->pics, 10, 0);
    g_assert_cmpint(f->out, ==, 0);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x27);
}

/* "Cascade mode": the slave's vector, a bit in service in both, an EOI for each. */
static void
test_cascade(Fixture *f, gconstpointer data)
{
    pulse(f, 12);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x2c);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x04);
    g_assert_cmphex(read_register(f, SLAVE, READ_ISR), ==, 0x10);
    pulse(f, 9);
    g_assert_cmpint(f->out, ==, 0); /* not nested in the master's eyes */
    tn_test_outb(f->p, SLAVE, EOI);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x29);
}

static void
test_irq_2_is_the_cascade(Fixture *f, gconstpointer data)
{
    pulse(f, 2);
    pulse(f, 16);
    pulse(f, 1000);
    g_assert_cmpint(f->out, ==, 0);
}

/* "Fully nested mode". */
static void
test_fully_nested(Fixture *f, gconstpointer data)
{
    pulse(f, 4);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x24);
    pulse(f, 5);
    g_assert_cmpint(f->out, ==, 0);
    pulse(f, 1);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x21);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmpint(f->out, ==, 0);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x25);
}

/* "Special fully nested mode": the slave may interrupt its own service, others not. */
static void
test_special_fully_nested(Fixture *f, gconstpointer data)
{
    initialize(f, 0x11);
    pulse(f, 12);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x2c);
    pulse(f, 5);
    g_assert_cmpint(f->out, ==, 0);
    pulse(f, 9);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x29);
}

/* "Operation command word 1". */
static void
test_mask(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, MASTER + 1, 0x08);
    g_assert_cmphex(tn_test_inb(f->p, MASTER + 1), ==, 0x08);
    pulse(f, 3);
    g_assert_cmpint(f->out, ==, 0);
    tn_test_outb(f->p, MASTER + 1, 0x00);
    g_assert_cmpint(f->out, ==, 1);
}

/* "End of interrupt": specific. */
static void
test_specific_eoi(Fixture *f, gconstpointer data)
{
    pulse(f, 4);
    (void)tn_i8259_acknowledge(f->pics);
    pulse(f, 1);
    (void)tn_i8259_acknowledge(f->pics);
    tn_test_outb(f->p, MASTER, 0x60 | 4);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x02);
}

/* "Automatic end of interrupt mode". */
static void
test_automatic_eoi(Fixture *f, gconstpointer data)
{
    initialize(f, 0x03);
    pulse(f, 4);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x24);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0);
}

/* "Automatic rotation": in the AEOI mode. */
static void
test_rotation_on_automatic_eoi(Fixture *f, gconstpointer data)
{
    initialize(f, 0x03);
    tn_test_outb(f->p, MASTER, 0x80);
    pulse(f, 3);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x23);
    pulse(f, 1);
    pulse(f, 4);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x24);
    tn_test_outb(f->p, MASTER, 0x00);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x21);
    pulse(f, 4);
    pulse(f, 5);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x25);
}

/* "Automatic rotation": the one that was served becomes the last. */
static void
test_rotation_on_eoi(Fixture *f, gconstpointer data)
{
    pulse(f, 4);
    (void)tn_i8259_acknowledge(f->pics);
    tn_test_outb(f->p, MASTER, 0xa0);
    pulse(f, 4);
    pulse(f, 5);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x25);
}

/* "Specific rotation". */
static void
test_set_priority(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, MASTER, 0xc0 | 5);
    pulse(f, 0);
    pulse(f, 6);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x26);
    tn_test_outb(f->p, MASTER, 0xe0 | 6);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0);
    pulse(f, 7);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x27);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x80);
}

/* "Special mask mode". */
static void
test_special_mask(Fixture *f, gconstpointer data)
{
    pulse(f, 1);
    (void)tn_i8259_acknowledge(f->pics);
    pulse(f, 6);
    g_assert_cmpint(f->out, ==, 0);
    tn_test_outb(f->p, MASTER + 1, 0x02);
    tn_test_outb(f->p, MASTER, 0x68);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x26);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x02);
    tn_test_outb(f->p, MASTER, EOI); /* a masked bit is not for this command */
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x02);
    tn_test_outb(f->p, MASTER, 0x48);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x00);
}

/* "Poll command". */
static void
test_poll(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, MASTER, POLL);
    g_assert_cmphex(tn_test_inb(f->p, MASTER), ==, 0);
    pulse(f, 5);
    tn_test_outb(f->p, MASTER, POLL);
    g_assert_cmphex(tn_test_inb(f->p, MASTER + 1), ==, 0x85);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x20);
    g_assert_cmpint(f->out, ==, 0);
}

static void
test_poll_of_the_slave(Fixture *f, gconstpointer data)
{
    pulse(f, 14);
    tn_test_outb(f->p, SLAVE, POLL);
    g_assert_cmphex(tn_test_inb(f->p, SLAVE), ==, 0x86);
    g_assert_cmpint(f->out, ==, 0);
}

/* "Edge and level triggered modes": a level asks again, an edge once. PIIX3's ELCR. */
static void
test_level(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ELCR, 0x20);
    tn_i8259_set_irq(f->pics, 5, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x25);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x25);
    tn_i8259_set_irq(f->pics, 5, 0);
    tn_test_outb(f->p, MASTER, EOI);
    g_assert_cmpint(f->out, ==, 0);
}

static void
test_edge(Fixture *f, gconstpointer data)
{
    tn_i8259_set_irq(f->pics, 5, 1);
    (void)tn_i8259_acknowledge(f->pics);
    tn_test_outb(f->p, MASTER, EOI);
    tn_i8259_set_irq(f->pics, 5, 1);
    g_assert_cmpint(f->out, ==, 0);
    tn_i8259_set_irq(f->pics, 5, 0);
    tn_i8259_set_irq(f->pics, 5, 1);
    g_assert_cmpint(f->out, ==, 1);
}

static void
test_elcr_bits(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ELCR, 0xffff, 2);
    g_assert_cmphex(tn_test_in(f->p, ELCR, 2), ==, 0xdef8);
    g_assert_cmpint(f->out, ==, 0);
}

/* "Initialization command words": what ICW1 by itself does. */
static void
test_icw1(Fixture *f, gconstpointer data)
{
    pulse(f, 4);
    (void)tn_i8259_acknowledge(f->pics);
    pulse(f, 3);
    tn_test_outb(f->p, MASTER + 1, 0xff);
    tn_test_outb(f->p, MASTER, 0x68);
    tn_test_outb(f->p, MASTER, 0xc0 | 2);
    tn_test_outb(f->p, MASTER, READ_ISR);
    tn_test_outb(f->p, MASTER, 0x11);
    g_assert_cmphex(tn_test_inb(f->p, MASTER + 1), ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, MASTER), ==, 0); /* IRR: the edge is forgotten */
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0);
    g_assert_cmpint(f->out, ==, 0);
    initialize(f, 0x01);
    pulse(f, 7);
    pulse(f, 3);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x23);
}

/* Silent from ICW1 to the last word; what comes meanwhile is there then. */
static void
test_silent_while_initialized(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, MASTER, 0x11);
    pulse(f, 3);
    g_assert_cmpint(f->out, ==, 0);
    tn_test_outb(f->p, MASTER + 1, 0x40);
    tn_test_outb(f->p, MASTER + 1, 0x04);
    g_assert_cmpint(f->out, ==, 0);
    tn_test_outb(f->p, MASTER + 1, 0x01);
    g_assert_cmpint(f->out, ==, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x43);
}

/* SNGL: no ICW3; IC4 = 0: no ICW4, its functions are off. */
static void
test_short_initialization(Fixture *f, gconstpointer data)
{
    initialize(f, 0x03);
    tn_test_outb(f->p, MASTER, 0x12);
    tn_test_outb(f->p, MASTER + 1, 0x57);
    tn_test_outb(f->p, MASTER + 1, 0xfe); /* OCW1 already */
    g_assert_cmphex(tn_test_inb(f->p, MASTER + 1), ==, 0xfe);
    pulse(f, 0);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x50);
    g_assert_cmphex(read_register(f, MASTER, READ_ISR), ==, 0x01);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ELCR, 0x20);
    pulse(f, 3);
    tn_test_outb(f->p, MASTER + 1, 0x55);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->out, ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, MASTER + 1), ==, 0);
    g_assert_cmphex(read_register(f, MASTER, READ_IRR), ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, ELCR), ==, 0);
    pulse(f, 1);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x01);
}

static void
test_print(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) out = g_string_new(NULL);

    pulse(f, 3);
    tn_i8259_print(f->pics, out);
    g_assert_cmpstr(out->str, ==,
                    "pic1: irr=00 imr=00 isr=00 hprio=0 irq_base=28 rr_sel=0 elcr=00 fnm=0\n"
                    "pic0: irr=08 imr=00 isr=00 hprio=0 irq_base=20 rr_sel=0 elcr=00 fnm=0\n");
}

/* Whatever a guest writes: no bit is invented, and the output is what the registers say. */
static void
test_random_access(Fixture *f, gconstpointer data)
{
    static const uint16_t ports[] = { MASTER, MASTER + 1, SLAVE, SLAVE + 1, ELCR, ELCR + 1 };

    for (unsigned i = 0; i < 200000; i++) {
        uint16_t port = ports[g_test_rand_int_range(0, G_N_ELEMENTS(ports))];
        uint8_t vector;

        switch (g_test_rand_int_range(0, 4)) {
        case 0:
            tn_test_outb(f->p, port, (uint8_t)g_test_rand_int());
            break;
        case 1:
            (void)tn_test_inb(f->p, port);
            break;
        case 2:
            tn_i8259_set_irq(f->pics, (unsigned)g_test_rand_int_range(0, 17),
                             g_test_rand_int_range(0, 2));
            break;
        default:
            vector = tn_i8259_acknowledge(f->pics);
            g_assert_cmpuint(vector & 7, <, 8);
            break;
        }
    }
    tn_test_out(f->p, ELCR, 0, 2);
    initialize(f, 0x01);
    for (unsigned irq = 0; irq < 16; irq++) {
        tn_i8259_set_irq(f->pics, irq, 0);
    }
    initialize(f, 0x01);
    test_sequence(f, data);
}

static gpointer
device_main(gpointer data)
{
    Fixture *f = data;

    tn_memory_register_thread();
    for (unsigned i = 0; i < ROUNDS; i++) {
        pulse(f, 3);
        pulse(f, 10);
    }
    tn_memory_unregister_thread();
    return NULL;
}

/* Devices raise lines while the guest serves them: for ThreadSanitizer, and nothing hangs. */
static void
test_devices_against_the_guest(Fixture *f, gconstpointer data)
{
    GThread *device = g_thread_new("device", device_main, f);

    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)read_register(f, MASTER, READ_IRR);
        (void)tn_i8259_acknowledge(f->pics);
        tn_test_outb(f->p, SLAVE, EOI);
        tn_test_outb(f->p, MASTER, EOI);
        tn_test_outb(f->p, MASTER + 1, i & 1 ? 0x08 : 0);
    }
    g_thread_join(device);
    initialize(f, 0x01);
    pulse(f, 3);
    g_assert_cmphex(tn_i8259_acknowledge(f->pics), ==, 0x23);
}

#define ADD(name, func) g_test_add("/i8259/" name, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("sequence", test_sequence);
    ADD("spurious", test_spurious);
    ADD("spurious-slave", test_spurious_slave);
    ADD("cascade", test_cascade);
    ADD("irq-2-is-the-cascade", test_irq_2_is_the_cascade);
    ADD("fully-nested", test_fully_nested);
    ADD("special-fully-nested", test_special_fully_nested);
    ADD("mask", test_mask);
    ADD("specific-eoi", test_specific_eoi);
    ADD("automatic-eoi", test_automatic_eoi);
    ADD("rotation-on-automatic-eoi", test_rotation_on_automatic_eoi);
    ADD("rotation-on-eoi", test_rotation_on_eoi);
    ADD("set-priority", test_set_priority);
    ADD("special-mask", test_special_mask);
    ADD("poll", test_poll);
    ADD("poll-of-the-slave", test_poll_of_the_slave);
    ADD("level", test_level);
    ADD("edge", test_edge);
    ADD("elcr-bits", test_elcr_bits);
    ADD("icw1", test_icw1);
    ADD("silent-while-initialized", test_silent_while_initialized);
    ADD("short-initialization", test_short_initialization);
    ADD("reset", test_reset);
    ADD("print", test_print);
    ADD("random-access", test_random_access);
    ADD("devices-against-the-guest", test_devices_against_the_guest);
    return g_test_run();
}
