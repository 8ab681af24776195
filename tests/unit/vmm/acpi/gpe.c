/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPE0 status and enable, and the SCI that several sources share. */
#include "vmm/acpi/gpe.h"

#include "tests/lib/test-platform.h"

#define STATUS TN_ACPI_GPE0_PORT
#define ENABLE (TN_ACPI_GPE0_PORT + 2)

#define SCI 9

typedef struct {
    TnTestPlatform *p;
    TnAcpiSci sci;
    TnAcpiGpe gpe;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->p = tn_test_platform_new();
    tn_acpi_sci_init(&f->sci, &f->p->platform.isa_irqs[SCI]);
    tn_acpi_gpe_init(&f->gpe, f->p->platform.memory, f->p->platform.system_io, TN_ACPI_GPE0_PORT,
                     &f->sci);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_acpi_gpe_done(&f->gpe);
    tn_acpi_sci_done(&f->sci);
    tn_test_platform_free(f->p);
}

static void
test_raise_sets_status(Fixture *f, gconstpointer data)
{
    tn_acpi_gpe_raise(&f->gpe, 3);
    g_assert_cmphex(tn_test_inb(f->p, STATUS), ==, 0x08);
    tn_acpi_gpe_raise(&f->gpe, 15);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 2), ==, 0x8008);
    g_assert_cmphex(tn_test_in(f->p, STATUS, 4), ==, 0x8008);
}

/* What a client asked for is answered before the guest is told. */
static void
test_raise_tells_the_sci_from_the_loop(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ENABLE, 0x08);
    tn_acpi_gpe_raise(&f->gpe, 3);
    g_assert_cmphex(tn_test_inb(f->p, STATUS), ==, 0x08);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
    g_assert_true(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_test_iterate();
    g_assert_cmpuint(f->p->irqs[SCI].calls, ==, 1);
}

static gboolean
count_turns(gpointer user_data)
{
    guint *turns = user_data;

    (*turns)++;
    return G_SOURCE_CONTINUE;
}

/* As a client's commands that never end. */
static void
test_no_other_source_holds_the_sci_up(Fixture *f, gconstpointer data)
{
    guint turns = 0, busy = g_idle_add_full(G_PRIORITY_DEFAULT, count_turns, &turns, NULL);

    tn_test_outb(f->p, ENABLE, 0x08);
    tn_acpi_gpe_raise(&f->gpe, 3);
    g_main_context_iteration(NULL, FALSE);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    g_assert_cmpuint(turns, ==, 0);
    g_source_remove(busy);
}

/* The guest was quicker: it has seen and cleared the status by itself. */
static void
test_status_cleared_before_the_sci(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ENABLE, 0x08);
    tn_acpi_gpe_raise(&f->gpe, 3);
    tn_test_outb(f->p, STATUS, 0x08);
    tn_test_iterate();
    g_assert_cmpuint(f->p->irqs[SCI].calls, ==, 0);
}

static void
test_sci_is_status_and_enable(Fixture *f, gconstpointer data)
{
    tn_acpi_gpe_raise(&f->gpe, 3);
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
    tn_test_outb(f->p, ENABLE, 0x04);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
    tn_test_outb(f->p, ENABLE, 0x0c);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_test_outb(f->p, STATUS, 0xf7);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_test_outb(f->p, STATUS, 0x08);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_enable_reads_back(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ENABLE, 0xa55a, 2);
    g_assert_cmphex(tn_test_in(f->p, ENABLE, 2), ==, 0xa55a);
    tn_test_outb(f->p, ENABLE + 1, 0x01);
    g_assert_cmphex(tn_test_in(f->p, ENABLE, 2), ==, 0x015a);
    g_assert_cmphex(tn_acpi_gpe_get_enable(&f->gpe), ==, 0x015a);
}

static void
test_high_byte_raises_too(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->p, ENABLE + 1, 0x80);
    tn_acpi_gpe_raise(&f->gpe, 15);
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_test_outb(f->p, STATUS + 1, 0x80);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_reset_clears_all(Fixture *f, gconstpointer data)
{
    tn_test_out(f->p, ENABLE, 0xffff, 2);
    tn_acpi_gpe_raise(&f->gpe, 0);
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_acpi_gpe_raise(&f->gpe, 1);
    tn_acpi_gpe_reset(&f->gpe);
    tn_test_iterate();
    g_assert_cmphex(tn_test_in(f->p, STATUS, 4), ==, 0);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_sci_stays_up_while_one_source_is(Fixture *f, gconstpointer data)
{
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_PM1, TRUE);
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_GPE, TRUE);
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_PM1, FALSE);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 1);
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_GPE, FALSE);
    g_assert_cmpint(f->p->irqs[SCI].level, ==, 0);
}

static void
test_sci_is_set_only_when_it_changes(Fixture *f, gconstpointer data)
{
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_PM1, TRUE);
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_PM1, TRUE);
    tn_acpi_sci_set(&f->sci, TN_ACPI_SCI_GPE, TRUE);
    g_assert_cmpuint(f->p->irqs[SCI].calls, ==, 1);
}

#define ADD(path, func) g_test_add("/acpi/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("gpe/raise-sets-status", test_raise_sets_status);
    ADD("gpe/raise-tells-the-sci-from-the-loop", test_raise_tells_the_sci_from_the_loop);
    ADD("gpe/no-other-source-holds-the-sci-up", test_no_other_source_holds_the_sci_up);
    ADD("gpe/status-cleared-before-the-sci", test_status_cleared_before_the_sci);
    ADD("gpe/sci-is-status-and-enable", test_sci_is_status_and_enable);
    ADD("gpe/enable-reads-back", test_enable_reads_back);
    ADD("gpe/high-byte-raises-too", test_high_byte_raises_too);
    ADD("gpe/reset-clears-all", test_reset_clears_all);
    ADD("sci/stays-up-while-one-source-is", test_sci_stays_up_while_one_source_is);
    ADD("sci/is-set-only-when-it-changes", test_sci_is_set_only_when_it_changes);
    return g_test_run();
}
