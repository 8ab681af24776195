/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI hot-plug controller alone: its registers one by one, what a guest may write
 * that it should not, and work that waits for the main thread.
 * The handshake with devices is tested in tests/unit/vmm/machine/pc-pci-hotplug.c.
 */
#include "vmm/acpi/pci-hotplug.h"

#include "tests/unit/vmm/acpi/fixture.h"
#include "vmm/memory/memory.h"

#include <string.h>

#define PORT 0xae00
#define UP (PORT + 0x00)
#define DOWN (PORT + 0x04)
#define EJECT (PORT + 0x08)
#define REMOVABLE (PORT + 0x0c)
#define BUS (PORT + 0x10)
#define INDEX (PORT + 0x14)
#define OST_SLOT (PORT + 0x18)
#define OST_SOURCE (PORT + 0x1c)
#define OST_STATUS (PORT + 0x20)

typedef struct {
    AcpiBoard board;
    TnAcpiPciHotplug *hotplug;
    GString *calls; /* "eject 3\n", "eject bus 2 3\n", "refuse 4 0x3 0x82\n" */
} Fixture;

static void
on_ejected(void *opaque, unsigned bus, unsigned slot)
{
    Fixture *f = opaque;

    g_string_append(f->calls, "eject ");
    if (bus != 0) {
        g_string_append_printf(f->calls, "bus %u ", bus);
    }
    g_string_append_printf(f->calls, "%u\n", slot);
    tn_acpi_pci_hotplug_unplug(f->hotplug, bus, slot);
}

static void
on_refused(void *opaque, const TnAcpiPciOst *ost)
{
    GString *calls = ((Fixture *)opaque)->calls;

    g_string_append(calls, "refuse ");
    if (ost->bus != 0) {
        g_string_append_printf(calls, "bus %u ", ost->bus);
    }
    g_string_append_printf(calls, "%u 0x%x 0x%x\n", ost->slot, ost->source, ost->status);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    TnAcpiPciHotplugConfig config;

    acpi_board_set_up(&f->board);
    f->calls = g_string_new(NULL);
    config = (TnAcpiPciHotplugConfig){
        .memory = f->board.p->platform.memory,
        .io = f->board.p->platform.system_io,
        .port = PORT,
        .gpe = &f->board.gpe,
        .trace = f->board.p->platform.trace,
        .ejected = on_ejected,
        .refused = on_refused,
        .opaque = f,
    };
    f->hotplug = tn_acpi_pci_hotplug_new(&config);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_free(f->hotplug);
    g_string_free(f->calls, TRUE);
    acpi_board_tear_down(&f->board);
}

static uint32_t
in(Fixture *f, uint16_t port)
{
    return tn_test_in(f->board.p, port, 4);
}

static void
out(Fixture *f, uint16_t port, uint32_t value)
{
    tn_test_out(f->board.p, port, value, 4);
}

static void
assert_calls(Fixture *f, const char *expected)
{
    tn_test_iterate();
    g_assert_cmpstr(f->calls->str, ==, expected);
    g_string_truncate(f->calls, 0);
}

static void
test_at_rest(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(in(f, UP), ==, 0);
    g_assert_cmphex(in(f, DOWN), ==, 0);
    g_assert_cmphex(in(f, EJECT), ==, 0); /* features: none */
    g_assert_cmphex(in(f, REMOVABLE), ==, 0xffffffff);
    g_assert_cmphex(in(f, BUS), ==, 0);
    g_assert_cmphex(in(f, INDEX), ==, 0);
    tn_test_iterate();
    g_assert_cmpint(f->board.p->irqs[9].level, ==, 0);
}

static void
test_up_is_told_and_cleared_by_reading(Fixture *f, gconstpointer data)
{
    tn_test_out(f->board.p, 0xafe2, 1 << 1, 2);
    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 5);
    g_assert_cmphex(tn_test_inb(f->board.p, 0xafe0), ==, 1 << 1);
    tn_test_iterate();
    g_assert_cmpint(f->board.p->irqs[9].level, ==, 1);
    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 6);
    g_assert_cmphex(in(f, UP), ==, 0x60);
    g_assert_cmphex(in(f, UP), ==, 0);
    tn_test_outb(f->board.p, 0xafe0, 1 << 1);
    g_assert_cmpint(f->board.p->irqs[9].level, ==, 0);
}

static void
test_down_stays_until_the_eject(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 31);
    g_assert_cmphex(tn_test_inb(f->board.p, 0xafe0), ==, 1 << 1);
    g_assert_cmphex(in(f, DOWN), ==, 0x80000000);
    g_assert_cmphex(in(f, DOWN), ==, 0x80000000);
    out(f, EJECT, 0x80000000);
    g_assert_cmphex(in(f, DOWN), ==, 0);
    assert_calls(f, "eject 31\n");
}

static void
test_eject_acts_on_the_lowest_bit_alone(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 6);
    out(f, EJECT, 0x60);
    g_assert_cmphex(in(f, DOWN), ==, 0x40);
    assert_calls(f, "eject 5\n");
    out(f, EJECT, 0);
    assert_calls(f, "");
}

static void
test_eject_twice_is_one(Fixture *f, gconstpointer data)
{
    out(f, EJECT, 1 << 7);
    out(f, EJECT, 1 << 7);
    assert_calls(f, "eject 7\n");
}

static void
test_fixed_slots_cannot_be_ejected(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_set_removable(f->hotplug, 0, 0, FALSE);
    tn_acpi_pci_hotplug_set_removable(f->hotplug, 0, 1, FALSE);
    g_assert_cmphex(in(f, REMOVABLE), ==, 0xfffffffc);
    out(f, EJECT, 0xffffffff);
    out(f, EJECT, 2);
    assert_calls(f, "");
    tn_acpi_pci_hotplug_set_removable(f->hotplug, 0, 1, TRUE);
    out(f, EJECT, 2);
    assert_calls(f, "eject 1\n");
}

static void
test_request_after_the_eject_is_silent(Fixture *f, gconstpointer data)
{
    out(f, EJECT, 1 << 7);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 7);
    g_assert_cmphex(in(f, DOWN), ==, 0);
    g_assert_cmphex(tn_test_inb(f->board.p, 0xafe0), ==, 0);
}

static void
test_each_bus_has_its_slots(Fixture *f, gconstpointer data)
{
    const unsigned last = TN_ACPI_PCI_HOTPLUG_BUSES - 1;

    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 5);
    tn_acpi_pci_hotplug_plug(f->hotplug, 1, 6);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, last, 31);
    tn_acpi_pci_hotplug_set_removable(f->hotplug, 1, 2, FALSE);
    out(f, BUS, 1);
    g_assert_cmphex(in(f, BUS), ==, 1);
    g_assert_cmphex(in(f, UP), ==, 1 << 6);
    g_assert_cmphex(in(f, UP), ==, 0);
    g_assert_cmphex(in(f, DOWN), ==, 0);
    g_assert_cmphex(in(f, REMOVABLE), ==, ~(1U << 2));
    out(f, BUS, last);
    g_assert_cmphex(in(f, UP), ==, 0);
    g_assert_cmphex(in(f, DOWN), ==, 1U << 31);
    g_assert_cmphex(in(f, REMOVABLE), ==, 0xffffffff);
    out(f, BUS, 0);
    g_assert_cmphex(in(f, UP), ==, 1 << 5);
}

static void
test_eject_is_of_the_selected_bus(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 1, 5);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 2, 5);
    tn_acpi_pci_hotplug_set_removable(f->hotplug, 2, 6, FALSE);
    out(f, BUS, 2);
    out(f, EJECT, 1 << 6);
    out(f, EJECT, 1 << 5);
    g_assert_cmphex(in(f, DOWN), ==, 0);
    assert_calls(f, "eject bus 2 5\n");
    out(f, BUS, 1);
    g_assert_cmphex(in(f, DOWN), ==, 1 << 5);
}

/* A hostile guest selects what nobody has: nothing is told, and nothing happens. */
static void
test_selectors_of_no_bus(Fixture *f, gconstpointer data)
{
    static const uint32_t shown[] = { TN_ACPI_PCI_HOTPLUG_BUSES, 255 };
    static const uint32_t hidden[] = { 256, 0x80000000, 0xffffffff };

    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 5);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 5);
    for (unsigned i = 0; i < G_N_ELEMENTS(shown); i++) {
        out(f, BUS, shown[i]);
        g_assert_cmphex(in(f, BUS), ==, shown[i]);
        g_assert_cmphex(in(f, UP) | in(f, DOWN), ==, 0);
        g_assert_cmphex(in(f, REMOVABLE), ==, 0xffffffff);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(hidden); i++) {
        out(f, BUS, hidden[i]);
        out(f, EJECT, 1 << 5);
        out(f, INDEX, 1 << 5);
        out(f, OST_SLOT, 5);
        out(f, OST_SOURCE, 3);
        out(f, OST_STATUS, 1);
        g_assert_cmphex(in(f, BUS) | in(f, UP) | in(f, DOWN) | in(f, REMOVABLE), ==, 0);
    }
    assert_calls(f, "");
    out(f, BUS, 0);
    g_assert_cmphex(in(f, UP), ==, 1 << 5);
    g_assert_cmphex(in(f, DOWN), ==, 1 << 5);
}

static void
test_index_is_read_once(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_set_index(f->hotplug, 0, 9, 77);
    out(f, INDEX, 1 << 9);
    g_assert_cmpuint(in(f, INDEX), ==, 77);
    g_assert_cmpuint(in(f, INDEX), ==, 0);
    out(f, INDEX, 1 << 8);
    g_assert_cmpuint(in(f, INDEX), ==, 0);
    out(f, INDEX, 1 << 9);
    out(f, INDEX, 0);
    g_assert_cmpuint(in(f, INDEX), ==, 0);
    out(f, INDEX, 1 << 9);
    out(f, BUS, 1);
    out(f, INDEX, 1 << 9);
    g_assert_cmpuint(in(f, INDEX), ==, 0);
}

static void
test_other_accesses_do_nothing(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 0);
    g_assert_cmphex(tn_test_inb(f->board.p, UP), ==, 0);
    g_assert_cmphex(tn_test_in(f->board.p, UP, 2), ==, 0);
    g_assert_cmphex(in(f, UP), ==, 1); /* nobody cleared it */
    tn_test_out(f->board.p, EJECT, 1, 1);
    tn_test_out(f->board.p, EJECT, 1, 2);
    tn_test_out(f->board.p, EJECT + 2, 1, 2);
    out(f, UP, 0xffffffff);
    out(f, DOWN, 0xffffffff);
    out(f, REMOVABLE, 0);
    assert_calls(f, "");
    g_assert_cmphex(in(f, DOWN), ==, 0);
    g_assert_cmphex(in(f, REMOVABLE), ==, 0xffffffff);
    g_assert_cmphex(in(f, OST_SLOT), ==, 0);
    g_assert_cmphex(in(f, OST_SOURCE), ==, 0);
    g_assert_cmphex(in(f, OST_STATUS), ==, 0);
}

static void
ost(Fixture *f, uint32_t slot, uint32_t source, uint32_t status)
{
    out(f, OST_SLOT, slot);
    out(f, OST_SOURCE, source);
    out(f, OST_STATUS, status);
}

static void
test_ost_is_kept_per_slot(Fixture *f, gconstpointer data)
{
    TnAcpiPciSlot slot;

    ost(f, 3, 1, 0);
    ost(f, 4, 0x103, 0x84);
    assert_calls(f, "");
    tn_acpi_pci_hotplug_get_slot(f->hotplug, 0, 3, &slot);
    g_assert_true(slot.has_ost);
    g_assert_cmphex(slot.ost_source, ==, 1);
    g_assert_cmphex(slot.ost_status, ==, 0);
    tn_acpi_pci_hotplug_get_slot(f->hotplug, 0, 4, &slot);
    g_assert_cmphex(slot.ost_source, ==, 0x103);
    g_assert_cmphex(slot.ost_status, ==, 0x84);
    tn_acpi_pci_hotplug_get_slot(f->hotplug, 0, 5, &slot);
    g_assert_false(slot.has_ost);
    /* What was said of the last device is not said of the next one. */
    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 3);
    tn_acpi_pci_hotplug_get_slot(f->hotplug, 0, 3, &slot);
    g_assert_false(slot.has_ost);
}

static void
test_ost_is_of_the_selected_bus(Fixture *f, gconstpointer data)
{
    TnAcpiPciSlot slot;

    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 3, 4);
    out(f, BUS, 3);
    ost(f, 4, 3, 0x82);
    assert_calls(f, "refuse bus 3 4 0x3 0x82\n");
    tn_acpi_pci_hotplug_get_slot(f->hotplug, 3, 4, &slot);
    g_assert_cmphex(slot.ost_status, ==, 0x82);
    tn_acpi_pci_hotplug_get_slot(f->hotplug, 0, 4, &slot);
    g_assert_false(slot.has_ost);
}

static void
test_refusal_ends_the_request(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 4);
    ost(f, 4, 3, 0x82);
    assert_calls(f, "refuse 4 0x3 0x82\n");
    g_assert_cmphex(in(f, DOWN), ==, 0);
}

static void
test_refusal_after_the_eject_is_none(Fixture *f, gconstpointer data)
{
    out(f, EJECT, 1 << 4);
    ost(f, 4, 3, 1);
    assert_calls(f, "eject 4\n");
}

static void
test_flood_of_refusals_is_one(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 10000; i++) {
        ost(f, 4, 3, 1);
        ost(f, i, 3, 0);
    }
    ost(f, 32, 3, 1);
    ost(f, 0xffffffff, 3, 1);
    assert_calls(f, "refuse 4 0x3 0x1\n");
}

static void
test_reset_completes_what_was_asked(Fixture *f, gconstpointer data)
{
    tn_acpi_pci_hotplug_set_removable(f->hotplug, 0, 1, FALSE);
    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 9);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 2);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 30);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 5, 30);
    out(f, BUS, 7);
    tn_acpi_pci_hotplug_reset(f->hotplug);
    /* At once, not when the main loop gets to it. */
    g_assert_cmpstr(f->calls->str, ==, "eject 2\neject 30\neject bus 5 30\n");
    g_assert_cmphex(in(f, BUS), ==, 0);
    g_assert_cmphex(in(f, DOWN), ==, 0);
    g_assert_cmphex(in(f, UP), ==, 1 << 9);
}

static void
test_work_is_dropped_with_the_controller(Fixture *f, gconstpointer data)
{
    TnAcpiPciHotplugConfig config = {
        .memory = f->board.p->platform.memory,
        .io = f->board.p->platform.system_io,
        .port = 0xb000,
        .gpe = &f->board.gpe,
        .ejected = on_ejected,
        .refused = on_refused,
        .opaque = f,
    };
    TnAcpiPciHotplug *other = tn_acpi_pci_hotplug_new(&config);

    out(f, 0xb008, 1 << 3);
    tn_acpi_pci_hotplug_free(other);
    assert_calls(f, "");
}

static void
test_trace_tells_each_step(Fixture *f, gconstpointer data)
{
    static const char *const expected[] = {
        "\"step\":\"gpe\",\"detail\":\"bit 1\"",
        "\"step\":\"sci\",\"detail\":\"line up\"",
        "\"step\":\"acpi-read\",\"detail\":\"PCI bus 0, slots up: 0x00000020\"",
        "\"step\":\"ost\",\"detail\":\"PCI bus 0, slot 5: source 0x1, status 0x0\"",
        "\"step\":\"acpi-read\",\"detail\":\"PCI bus 0, slots down: 0x00000020\"",
        "\"step\":\"eject\",\"detail\":\"PCI bus 0, slots: 0x00000020\"",
    };
    const char *at;

    tn_test_out(f->board.p, 0xafe2, 1 << 1, 2);
    tn_hotplug_trace_set(f->board.p->platform.trace, TRUE);
    tn_acpi_pci_hotplug_plug(f->hotplug, 0, 5);
    tn_test_iterate();
    (void)in(f, UP);
    ost(f, 5, 1, 0);
    tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 5);
    (void)in(f, DOWN);
    out(f, EJECT, 1 << 5);
    tn_test_iterate();
    at = f->board.p->events->str;
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        at = strstr(at, expected[i]);
        g_assert_nonnull(at);
    }
}

static guint32 *
state_field(Fixture *f, const char *name)
{
    for (const TnStateField *field = tn_acpi_pci_hotplug_state.fields; field->name; field++) {
        if (strcmp(field->name, name) == 0) {
            g_assert_cmpint(field->type, ==, TN_STATE_U32);
            return (guint32 *)(void *)((char *)f->hotplug + field->offset);
        }
    }
    g_assert_not_reached();
}

/* What a stranger's file says of slots that cannot go is not believed. */
static void
test_state_is_judged_and_carried_on(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    tn_acpi_pci_hotplug_set_removable(f->hotplug, 0, 1, FALSE);
    *state_field(f, "ejecting") = 1 << 1 | 1 << 5;
    *state_field(f, "refusing") = 1 << 5;
    *state_field(f, "down") = 1 << 6;
    g_assert_true(tn_acpi_pci_hotplug_state.post_load(f->hotplug, 1, &error));
    assert_calls(f, "eject 5\n");
    g_assert_cmphex(in(f, DOWN), ==, 1 << 6);
}

typedef struct {
    Fixture *f;
    gint stop;
} Guest;

static gpointer
guest_main(gpointer data)
{
    Guest *guest = data;

    tn_memory_register_thread();
    while (!g_atomic_int_get(&guest->stop)) {
        (void)in(guest->f, UP);
        out(guest->f, EJECT, 1 << 3);
        ost(guest->f, 3, 3, 1);
    }
    tn_memory_unregister_thread();
    return NULL;
}

static void
test_guest_against_the_main_thread(Fixture *f, gconstpointer data)
{
    Guest guest = { .f = f };
    GThread *thread = g_thread_new("guest", guest_main, &guest);

    while (f->calls->len < 200 * strlen("eject 3\n")) {
        tn_acpi_pci_hotplug_plug(f->hotplug, 0, 3);
        tn_acpi_pci_hotplug_unplug_request(f->hotplug, 0, 3);
        tn_test_iterate();
    }
    g_atomic_int_set(&guest.stop, 1);
    g_thread_join(thread);
    tn_test_iterate();
    g_assert_nonnull(strstr(f->calls->str, "eject 3\n"));
    g_assert_cmphex(in(f, DOWN) & ~(1U << 3), ==, 0);
}

#define ADD(path, func)                                                                         \
    g_test_add("/acpi/pci-hotplug/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("at-rest", test_at_rest);
    ADD("up/is-told-and-cleared-by-reading", test_up_is_told_and_cleared_by_reading);
    ADD("down/stays-until-the-eject", test_down_stays_until_the_eject);
    ADD("eject/acts-on-the-lowest-bit-alone", test_eject_acts_on_the_lowest_bit_alone);
    ADD("eject/twice-is-one", test_eject_twice_is_one);
    ADD("eject/not-of-fixed-slots", test_fixed_slots_cannot_be_ejected);
    ADD("eject/request-afterwards-is-silent", test_request_after_the_eject_is_silent);
    ADD("bus/each-has-its-slots", test_each_bus_has_its_slots);
    ADD("bus/eject-is-of-the-selected-one", test_eject_is_of_the_selected_bus);
    ADD("bus/selectors-of-none", test_selectors_of_no_bus);
    ADD("index-is-read-once", test_index_is_read_once);
    ADD("other-accesses-do-nothing", test_other_accesses_do_nothing);
    ADD("ost/is-kept-per-slot", test_ost_is_kept_per_slot);
    ADD("ost/is-of-the-selected-bus", test_ost_is_of_the_selected_bus);
    ADD("ost/refusal-ends-the-request", test_refusal_ends_the_request);
    ADD("ost/refusal-after-the-eject-is-none", test_refusal_after_the_eject_is_none);
    ADD("ost/flood-of-refusals-is-one", test_flood_of_refusals_is_one);
    ADD("reset-completes-what-was-asked", test_reset_completes_what_was_asked);
    ADD("work-is-dropped-with-the-controller", test_work_is_dropped_with_the_controller);
    ADD("trace-tells-each-step", test_trace_tells_each_step);
    ADD("state-is-judged-and-carried-on", test_state_is_judged_and_carried_on);
    ADD("guest-against-the-main-thread", test_guest_against_the_main_thread);
    return g_test_run();
}
