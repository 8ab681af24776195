/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* i440FX and PIIX3, through configuration mechanism #1 and their own ports. */
#include "tests/lib/test-platform.h"
#include "vmm/hw/i440fx.h"
#include "vmm/hw/piix3.h"

typedef struct Fixture {
    TnTestPlatform *p;
    TnPciHost *host;
    TnPciDevice *i440fx;
    TnPiix3 *piix3;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->host = tn_test_realize(f->p, tn_pci_host_new(&f->p->platform));
    f->i440fx =
        tn_test_realize(f->p, tn_i440fx_new(&f->p->platform, tn_pci_host_get_bus(f->host)));
    f->piix3 = tn_test_realize(f->p, tn_piix3_new(&f->p->platform, f->host));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->piix3);
    tn_test_drop(f->i440fx);
    tn_test_drop(f->host);
    tn_test_platform_free(f->p);
}

#define HOST_BRIDGE 0x80000000u
#define ISA_BRIDGE 0x80000800u

static uint32_t
read_config(Fixture *f, uint32_t function, unsigned reg, unsigned size)
{
    tn_test_out(f->p, 0xcf8, function | (reg & ~3u), 4);
    return tn_test_in(f->p, (uint16_t)(0xcfc + (reg & 3)), size);
}

static void
write_config(Fixture *f, uint32_t function, unsigned reg, uint32_t value, unsigned size)
{
    tn_test_out(f->p, 0xcf8, function | (reg & ~3u), 4);
    tn_test_out(f->p, (uint16_t)(0xcfc + (reg & 3)), value, size);
}

static void
test_host_bridge_header(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x00, 4), ==, 0x12378086);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x08, 4), ==, 0x06000002);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x0c, 4), ==, 0x00000000);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x2c, 4), ==, 0x11001af4);
}

static void
test_isa_bridge_header(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(read_config(f, ISA_BRIDGE, 0x00, 4), ==, 0x70008086);
    g_assert_cmphex(read_config(f, ISA_BRIDGE, 0x08, 4), ==, 0x06010000);
    g_assert_cmphex(read_config(f, ISA_BRIDGE, 0x0e, 1), ==, 0x80);
}

static void
test_pam_is_state(Fixture *f, gconstpointer data)
{
    write_config(f, HOST_BRIDGE, 0x59, 0xff, 1);
    write_config(f, HOST_BRIDGE, 0x5a, 0xff, 1);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x59, 1), ==, 0x30);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x5a, 1), ==, 0x33);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x59, 1), ==, 0x00);
    g_assert_cmphex(read_config(f, HOST_BRIDGE, 0x72, 1), ==, 0x02);
}

static void
test_pirq_route_registers(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(read_config(f, ISA_BRIDGE, 0x60, 4), ==, 0x80808080);
    write_config(f, ISA_BRIDGE, 0x60, 0xff0b0a05, 4);
    g_assert_cmphex(read_config(f, ISA_BRIDGE, 0x60, 4), ==, 0x8f0b0a05);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(read_config(f, ISA_BRIDGE, 0x60, 4), ==, 0x80808080);
}

static void
test_pirq_reaches_its_route(Fixture *f, gconstpointer data)
{
    tn_piix3_set_pirq(f->piix3, 1, 0, 1);
    g_assert_cmpint(f->p->irqs[10].level, ==, 0);
    write_config(f, ISA_BRIDGE, 0x61, 10, 1);
    g_assert_cmpint(f->p->irqs[10].level, ==, 1);
    write_config(f, ISA_BRIDGE, 0x61, 11, 1);
    g_assert_cmpint(f->p->irqs[10].level, ==, 0);
    g_assert_cmpint(f->p->irqs[11].level, ==, 1);
    tn_piix3_set_pirq(f->piix3, 1, 0, 0);
    g_assert_cmpint(f->p->irqs[11].level, ==, 0);
}

static void
test_shared_interrupt_is_ored(Fixture *f, gconstpointer data)
{
    write_config(f, ISA_BRIDGE, 0x60, 0x80800a0a, 4);
    tn_piix3_set_pirq(f->piix3, 0, 3, 1);
    tn_piix3_set_pirq(f->piix3, 0, 4, 1);
    tn_piix3_set_pirq(f->piix3, 1, 3, 1);
    g_assert_cmpuint(f->p->irqs[10].calls, ==, 1);
    tn_piix3_set_pirq(f->piix3, 0, 3, 0);
    tn_piix3_set_pirq(f->piix3, 1, 3, 0);
    g_assert_cmpint(f->p->irqs[10].level, ==, 1);
    tn_piix3_set_pirq(f->piix3, 0, 4, 0);
    g_assert_cmpint(f->p->irqs[10].level, ==, 0);
}

static void
test_elcr(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, 0x4d0, 0xff);
    tn_test_outb(f->p, 0x4d1, 0xff);
    g_assert_cmphex(tn_test_inb(f->p, 0x4d0), ==, 0xf8);
    g_assert_cmphex(tn_test_inb(f->p, 0x4d1), ==, 0xde);
    g_assert_cmphex(tn_test_in(f->p, 0x4d0, 2), ==, 0xdef8);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmphex(tn_test_in(f->p, 0x4d0, 2), ==, 0x0000);
}

static void
test_reset_control(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, 0xcf9, 0x02);
    tn_test_iterate();
    g_assert_cmpuint(f->p->resets, ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, 0xcf9), ==, 0x02);
    tn_test_outb(f->p, 0xcf9, 0x06);
    g_assert_cmphex(tn_test_inb(f->p, 0xcf9), ==, 0x02);
    tn_test_wait_count(&f->p->resets, 1);
    g_assert_cmphex(tn_test_inb(f->p, 0xcf9), ==, 0x00);
}

static void
test_address_register_is_no_reset_control(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, 0xcf8, 0x80000600, 4);
    tn_test_iterate();
    g_assert_cmpuint(f->p->resets, ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0xcf8, 4), ==, 0x80000600);
}

#define add(path, func) g_test_add("/hw/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("i440fx/header", test_host_bridge_header);
    add("i440fx/pam-is-state", test_pam_is_state);
    add("piix3/header", test_isa_bridge_header);
    add("piix3/pirq-route-registers", test_pirq_route_registers);
    add("piix3/pirq-reaches-its-route", test_pirq_reaches_its_route);
    add("piix3/shared-interrupt-is-ored", test_shared_interrupt_is_ored);
    add("piix3/elcr", test_elcr);
    add("piix3/reset-control", test_reset_control);
    add("piix3/address-register-is-no-reset-control", test_address_register_is_no_reset_control);
    return g_test_run();
}
