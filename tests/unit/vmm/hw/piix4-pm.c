/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PIIX4 PM as a PCI function: ids, PMBASE, decoding, reset. */
#include "vmm/hw/piix4-pm.h"

#include "tests/lib/test-platform.h"
#include "vmm/acpi/pm.h"
#include "vmm/pci/bus.h"

#define DEVFN TN_PCI_DEVFN(1, 0)

typedef struct {
    TnTestPlatform *p;
    TnPciBus *bus;
    TnPiix4Pm *pm;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    f->bus = tn_pci_bus_new();
    f->pm = g_object_new(TN_TYPE_PIIX4_PM, NULL);
    if (data) {
        g_object_set(f->pm, data, 1, NULL);
    }
    tn_pci_device_set_address(TN_PCI_DEVICE(f->pm), f->bus, DEVFN);
    tn_test_realize(f->p, f->pm);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_test_drop(f->pm);
    g_object_unref(f->bus);
    tn_test_platform_free(f->p);
}

static guint32
config_read(Fixture *f, unsigned offset, unsigned size)
{
    return tn_pci_bus_config_read(f->bus, DEVFN, offset, size);
}

static void
config_write(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    tn_pci_bus_config_write(f->bus, DEVFN, offset, value, size);
}

static void
test_ids(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(config_read(f, 0x00, 4), ==, 0x71138086);
    g_assert_cmphex(config_read(f, 0x08, 4), ==, 0x06800003);
    g_assert_cmphex(config_read(f, 0x3d, 1), ==, 1);
    g_assert_cmphex(config_read(f, 0x40, 4), ==, 0x601);
    g_assert_cmphex(config_read(f, 0x80, 1), ==, 1);
}

static void
test_registers_answer_at_power_on(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(tn_test_in(f->p, 0x604, 2), ==, TN_ACPI_PM1_SCI_EN);
    g_assert_cmphex(tn_test_in(f->p, 0xafe0, 4), ==, 0);
}

static void
test_pmbase_moves_the_block(Fixture *f, gconstpointer data)
{
    config_write(f, 0x40, 0xb03f, 4);
    g_assert_cmphex(config_read(f, 0x40, 4), ==, 0xb001);
    g_assert_cmphex(tn_test_in(f->p, 0xb004, 2), ==, TN_ACPI_PM1_SCI_EN);
    g_assert_cmphex(tn_test_in(f->p, 0x604, 2), ==, 0xffff);
}

static void
test_pmbase_by_its_high_byte(Fixture *f, gconstpointer data)
{
    config_write(f, 0x41, 0x07, 1);
    g_assert_cmphex(tn_test_in(f->p, 0x704, 2), ==, TN_ACPI_PM1_SCI_EN);
}

static void
test_pmiose_switches_the_block_off(Fixture *f, gconstpointer data)
{
    config_write(f, 0x80, 0, 1);
    g_assert_cmphex(tn_test_in(f->p, 0x604, 2), ==, 0xffff);
    g_assert_cmphex(tn_test_in(f->p, 0xafe0, 4), ==, 0); /* GPE0 is fixed */
    config_write(f, 0x80, 1, 1);
    g_assert_cmphex(tn_test_in(f->p, 0x604, 2), ==, TN_ACPI_PM1_SCI_EN);
}

static void
test_block_yields_to_other_ports(Fixture *f, gconstpointer data)
{
    config_write(f, 0x40, 0xafc0, 4); /* 0xafc0..0xafff holds GPE0 */
    tn_acpi_gpe_raise(tn_piix4_pm_get_gpe(f->pm), 3);
    g_assert_cmphex(tn_test_inb(f->p, 0xafe0), ==, 0x08);
}

static void
test_power_button(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, 0x602, TN_ACPI_PM1_POWER_BUTTON, 2);
    tn_piix4_pm_press_power_button(f->pm);
    g_assert_cmpint(f->p->irqs[TN_PIIX4_SCI_IRQ].level, ==, 1);
}

static void
test_sci_joins_pm1_and_gpe(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, 0x602, TN_ACPI_PM1_POWER_BUTTON, 2);
    tn_test_out(f->p, 0xafe2, 0x08, 2);
    tn_piix4_pm_press_power_button(f->pm);
    tn_acpi_gpe_raise(tn_piix4_pm_get_gpe(f->pm), 3);
    tn_test_iterate();
    tn_test_out(f->p, 0x600, 0xffff, 2);
    g_assert_cmpint(f->p->irqs[TN_PIIX4_SCI_IRQ].level, ==, 1);
    tn_test_out(f->p, 0xafe0, 0xffff, 2);
    g_assert_cmpint(f->p->irqs[TN_PIIX4_SCI_IRQ].level, ==, 0);
}

static void
sleep_as(Fixture *f, unsigned type)
{
    tn_test_out(f->p, 0x604, TN_ACPI_PM1_SLP_EN | type << TN_ACPI_PM1_SLP_TYP_SHIFT, 2);
    tn_test_iterate();
}

static void
test_disable_s3(Fixture *f, gconstpointer data)
{
    g_assert_false(tn_piix4_pm_has_sleep(f->pm, TN_PIIX4_S3));
    g_assert_true(tn_piix4_pm_has_sleep(f->pm, TN_PIIX4_S4));
    sleep_as(f, TN_ACPI_SLP_TYP_S3);
    g_assert_cmpuint(f->p->suspends, ==, 0);
}

static void
test_s4_val(Fixture *f, gconstpointer data)
{
    g_assert_cmpuint(tn_piix4_pm_get_s4_type(f->pm), ==, 1);
    sleep_as(f, 2);
    g_assert_cmpuint(f->p->quits, ==, 0);
}

static void
test_wake_up_sets_status(Fixture *f, gconstpointer data)
{
    tn_reset_run(f->p->platform.reset);
    tn_piix4_pm_wake_up(f->pm, TN_WAKEUP_RTC);
    g_assert_cmphex(tn_test_in(f->p, 0x600, 2), ==, TN_ACPI_PM1_WAKE | TN_ACPI_PM1_RTC);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    config_write(f, 0x40, 0xb000, 4);
    config_write(f, 0x80, 0, 1);
    tn_test_out(f->p, 0xafe2, 0x08, 2);
    tn_acpi_gpe_raise(tn_piix4_pm_get_gpe(f->pm), 3);
    tn_test_iterate();
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpint(f->p->irqs[TN_PIIX4_SCI_IRQ].level, ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0xafe0, 4), ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0x604, 2), ==, TN_ACPI_PM1_SCI_EN);
    g_assert_cmphex(config_read(f, 0x40, 4), ==, 0x601);
}

#define ADD(path, func) g_test_add("/hw/piix4-pm/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("ids", test_ids);
    ADD("registers-answer-at-power-on", test_registers_answer_at_power_on);
    ADD("pmbase/moves-the-block", test_pmbase_moves_the_block);
    ADD("pmbase/by-its-high-byte", test_pmbase_by_its_high_byte);
    ADD("pmbase/block-yields-to-other-ports", test_block_yields_to_other_ports);
    ADD("pmiose-switches-the-block-off", test_pmiose_switches_the_block_off);
    ADD("power-button", test_power_button);
    ADD("sci-joins-pm1-and-gpe", test_sci_joins_pm1_and_gpe);
    g_test_add("/hw/piix4-pm/disable_s3", Fixture, "disable-s3", set_up, test_disable_s3,
               tear_down);
    g_test_add("/hw/piix4-pm/s4_val", Fixture, "s4-val", set_up, test_s4_val, tear_down);
    ADD("wake-up-sets-status", test_wake_up_sets_status);
    ADD("reset", test_reset);
    return g_test_run();
}
