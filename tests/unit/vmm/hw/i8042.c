/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* i8042: what guests ask while they probe, and the ways to a reset. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/i8042.h"

#define DATA 0x60
#define COMMAND 0x64
#define STATUS 0x64
#define FULL 0x01

typedef struct Fixture {
    TnTestPlatform *p;
    TnI8042 *i8042;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->i8042 = tn_test_realize(f->p, tn_i8042_new(&f->p->platform));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->i8042);
    tn_test_platform_free(f->p);
}

static void
command(Fixture *f, uint8_t value)
{
    tn_test_outb(f->p, COMMAND, value);
}

static void
write_data(Fixture *f, uint8_t value)
{
    tn_test_outb(f->p, DATA, value);
}

static uint8_t
status(Fixture *f)
{
    return tn_test_inb(f->p, STATUS);
}

static void
assert_reply(Fixture *f, uint8_t expected)
{
    g_assert_cmphex(status(f) & FULL, ==, FULL);
    g_assert_cmphex(tn_test_inb(f->p, DATA), ==, expected);
}

static void
assert_no_reply(Fixture *f)
{
    g_assert_cmphex(status(f) & FULL, ==, 0);
}

static void
test_start_status(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(status(f), ==, 0x1c);
}

/* As on the ISA bus: the upper byte goes to port 0x65, where nobody is. */
static void
test_word_access_is_two_bytes(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, COMMAND, 0xfeaa, 2);
    assert_reply(f, 0x55);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, 0xff1c);
    tn_test_iterate();
    g_assert_cmpuint(f->p->resets, ==, 0);
}

static void
test_self_test(Fixture *f, gconstpointer data)
{
    command(f, 0xaa);
    assert_reply(f, 0x55);
    assert_no_reply(f);
    command(f, 0xab);
    assert_reply(f, 0x00);
}

static void
test_configuration(Fixture *f, gconstpointer data)
{
    command(f, 0x20);
    assert_reply(f, 0x65);
    command(f, 0x60);
    write_data(f, 0x74);
    command(f, 0x20);
    assert_reply(f, 0x74);
}

static void
test_no_auxiliary_device(Fixture *f, gconstpointer data)
{
    command(f, 0xd3);
    write_data(f, 0x5a);
    g_assert_cmphex(status(f) & 0x20, ==, 0);
    assert_reply(f, 0x5a);
    command(f, 0xa9);
    assert_reply(f, 0x01);
    command(f, 0xd4);
    write_data(f, 0xf2);
    assert_no_reply(f);
}

static void
test_keyboard_reset(Fixture *f, gconstpointer data)
{
    write_data(f, 0xff);
    assert_reply(f, 0xfa);
    assert_reply(f, 0xaa);
    assert_no_reply(f);
}

static void
test_keyboard_identify(Fixture *f, gconstpointer data)
{
    write_data(f, 0xf2);
    assert_reply(f, 0xfa);
    assert_reply(f, 0xab);
    assert_reply(f, 0x41);
    command(f, 0x60);
    write_data(f, 0x05);
    write_data(f, 0xf2);
    assert_reply(f, 0xfa);
    assert_reply(f, 0xab);
    assert_reply(f, 0x83);
}

static void
test_keyboard_arguments(Fixture *f, gconstpointer data)
{
    write_data(f, 0xed);
    assert_reply(f, 0xfa);
    write_data(f, 0x07);
    assert_reply(f, 0xfa);
    write_data(f, 0xf0);
    assert_reply(f, 0xfa);
    write_data(f, 0x00);
    assert_reply(f, 0xfa);
    assert_reply(f, 0x02);
}

static void
test_keyboard_unknown_command(Fixture *f, gconstpointer data)
{
    write_data(f, 0x12);
    assert_reply(f, 0xfe);
}

static void
test_keyboard_off_holds_data(Fixture *f, gconstpointer data)
{
    write_data(f, 0xee);
    command(f, 0xad);
    assert_no_reply(f);
    command(f, 0xae);
    assert_reply(f, 0xee);
}

static void
test_interrupt_per_byte(Fixture *f, gconstpointer data)
{
    const TnTestIrq *irq = &f->p->irqs[1];

    write_data(f, 0xff);
    g_assert_cmpint(irq->level, ==, 1);
    g_assert_cmpuint(irq->raised, ==, 1);
    (void)tn_test_inb(f->p, DATA);
    g_assert_cmpint(irq->level, ==, 1);
    g_assert_cmpuint(irq->raised, ==, 2);
    (void)tn_test_inb(f->p, DATA);
    g_assert_cmpint(irq->level, ==, 0);
}

static void
test_interrupt_disabled(Fixture *f, gconstpointer data)
{
    command(f, 0x60);
    write_data(f, 0x64);
    write_data(f, 0xff);
    g_assert_cmpint(f->p->irqs[1].level, ==, 0);
    command(f, 0x60);
    write_data(f, 0x65);
    g_assert_cmpint(f->p->irqs[1].level, ==, 1);
}

static void
test_controller_reply_comes_first(Fixture *f, gconstpointer data)
{
    write_data(f, 0xee);
    command(f, 0xaa);
    assert_reply(f, 0x55);
    assert_reply(f, 0xee);
}

static void
test_keyboard_flood_is_bounded(Fixture *f, gconstpointer data)
{
    unsigned got = 0;

    for (int i = 0; i < 1000; i++) {
        command(f, 0xd2);
        write_data(f, (uint8_t)i);
    }
    while (status(f) & FULL) {
        g_assert_cmphex(tn_test_inb(f->p, DATA), ==, got);
        got++;
    }
    g_assert_cmpuint(got, ==, 16);
}

static void
test_reset_pulse(Fixture *f, gconstpointer data)
{
    command(f, 0xfe);
    tn_test_wait_count(&f->p->resets, 1);
    g_assert_cmpstr(f->p->events->str, ==,
                    "RESET {\"guest\":true,\"reason\":\"guest-reset\"}\n");
}

static void
test_other_pulses_do_not_reset(Fixture *f, gconstpointer data)
{
    command(f, 0xff);
    command(f, 0xfd);
    tn_test_iterate();
    g_assert_cmpuint(f->p->resets, ==, 0);
}

static void
test_reset_by_output_port(Fixture *f, gconstpointer data)
{
    command(f, 0xd1);
    write_data(f, 0xce);
    tn_test_wait_count(&f->p->resets, 1);
}

static void
test_a20(Fixture *f, gconstpointer data)
{
    command(f, 0xd0);
    assert_reply(f, 0xcf);
    command(f, 0xdd);
    command(f, 0xd0);
    assert_reply(f, 0xcd);
    command(f, 0xdf);
    command(f, 0xd0);
    assert_reply(f, 0xcf);
    command(f, 0xd1);
    write_data(f, 0xdd);
    command(f, 0xd0);
    assert_reply(f, 0xdd);
}

static void
test_device_reset(Fixture *f, gconstpointer data)
{
    command(f, 0x60);
    write_data(f, 0x01);
    write_data(f, 0xff);
    g_assert_cmpint(f->p->irqs[1].level, ==, 1);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->p->irqs[1].level, ==, 0);
    g_assert_cmphex(status(f), ==, 0x1c);
    command(f, 0x20);
    assert_reply(f, 0x65);
}

#define add(path, func) g_test_add("/hw/i8042/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("start-status", test_start_status);
    add("word-access-is-two-bytes", test_word_access_is_two_bytes);
    add("self-test", test_self_test);
    add("configuration", test_configuration);
    add("no-auxiliary-device", test_no_auxiliary_device);
    add("keyboard/reset", test_keyboard_reset);
    add("keyboard/identify", test_keyboard_identify);
    add("keyboard/arguments", test_keyboard_arguments);
    add("keyboard/unknown-command", test_keyboard_unknown_command);
    add("keyboard/off-holds-data", test_keyboard_off_holds_data);
    add("keyboard/flood-is-bounded", test_keyboard_flood_is_bounded);
    add("interrupt/per-byte", test_interrupt_per_byte);
    add("interrupt/disabled", test_interrupt_disabled);
    add("controller-reply-comes-first", test_controller_reply_comes_first);
    add("reset/pulse", test_reset_pulse);
    add("reset/other-pulses-do-not", test_other_pulses_do_not_reset);
    add("reset/by-output-port", test_reset_by_output_port);
    add("a20", test_a20);
    add("device-reset", test_device_reset);
    return g_test_run();
}
