/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU-hotplug controller: the two modes, each register as the specification has it,
 * and guests that keep to none of it. docs/specs/acpi-cpu-hotplug.md.
 */
#include "vmm/acpi/cpu-hotplug.h"

#include "tests/unit/vmm/acpi/fixture.h"

#include <string.h>

#define PORT 0xaf00
#define SELECTOR PORT
#define DATA2 PORT
#define FLAGS (PORT + 4)
#define COMMAND (PORT + 5)
#define DATA (PORT + 8)
#define CPUS 6

/* As with three cores a socket. */
static const guint32 apic_ids[CPUS] = { 0, 1, 2, 4, 5, 6 };

typedef struct {
    AcpiBoard board;
    TnAcpiCpuHotplug *hotplug;
    TnDevice *devices[CPUS];
    unsigned ejects;
} Fixture;

static void
on_ejected(void *opaque, TnDevice *device)
{
    Fixture *f = opaque;

    f->ejects++;
    for (unsigned i = 0; i < CPUS; i++) {
        if (f->devices[i] == device) {
            tn_acpi_cpu_hotplug_unplug(f->hotplug, i);
        }
    }
}

/* Two CPUs are there from the beginning. */
static void
set_up(Fixture *f, gconstpointer data)
{
    TnAcpiCpuHotplugConfig config;

    acpi_board_set_up(&f->board);
    config = (TnAcpiCpuHotplugConfig){
        .memory = f->board.p->platform.memory,
        .io = f->board.p->platform.system_io,
        .port = PORT,
        .gpe = &f->board.gpe,
        .events = f->board.p->platform.events,
        .apic_ids = apic_ids,
        .cpus = CPUS,
        .ejected = on_ejected,
        .opaque = f,
    };
    f->hotplug = tn_acpi_cpu_hotplug_new(&config);
    for (unsigned i = 0; i < CPUS; i++) {
        f->devices[i] = acpi_new_device("cpu", i);
    }
    tn_acpi_cpu_hotplug_plug(f->hotplug, 0, f->devices[0], FALSE);
    tn_acpi_cpu_hotplug_plug(f->hotplug, 1, f->devices[1], FALSE);
}

static void
set_up_modern(Fixture *f, gconstpointer data)
{
    set_up(f, data);
    tn_test_out(f->board.p, SELECTOR, 0, 4);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_acpi_cpu_hotplug_free(f->hotplug);
    for (unsigned i = 0; i < CPUS; i++) {
        g_assert_finalize_object(f->devices[i]);
    }
    acpi_board_tear_down(&f->board);
}

static void
plug(Fixture *f, unsigned index)
{
    tn_acpi_cpu_hotplug_plug(f->hotplug, index, f->devices[index], TRUE);
}

static void
select_cpu(Fixture *f, guint32 index)
{
    tn_test_out(f->board.p, SELECTOR, index, 4);
}

static void
ost(Fixture *f, unsigned source, unsigned status)
{
    tn_test_outb(f->board.p, COMMAND, 1);
    tn_test_out(f->board.p, DATA, source, 4);
    tn_test_outb(f->board.p, COMMAND, 2);
    tn_test_out(f->board.p, DATA, status, 4);
    tn_test_iterate();
}

static void
test_legacy_map(Fixture *f, gconstpointer data)
{
    plug(f, 3);
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 1), ==, 0x13);
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 4), ==, 0x13);
    g_assert_cmphex(tn_test_in(f->board.p, PORT + 1, 1), ==, 0);
    g_assert_cmphex(tn_test_in(f->board.p, PORT + 0x1f, 1), ==, 0);
    g_assert_cmphex(tn_test_in(f->board.p, PORT + 0x20, 1), ==, 0xff);
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->board.gpe), ==, 4);
}

static void
test_legacy_ends_by_a_zero_at_its_beginning(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->board.p, PORT, 1);
    tn_test_outb(f->board.p, PORT + 1, 0);
    g_assert_false(tn_acpi_cpu_hotplug_is_modern(f->hotplug));
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 1), ==, 3);
    tn_test_out(f->board.p, PORT, 0, 4);
    g_assert_true(tn_acpi_cpu_hotplug_is_modern(f->hotplug));
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 4), ==, 0);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 1);
    /* Only 12 ports are left. */
    g_assert_cmphex(tn_test_in(f->board.p, PORT + 0xc, 4), ==, 0xffffffff);
    g_assert_cmphex(tn_test_in(f->board.p, PORT + 0x1f, 1), ==, 0xff);
}

static void
test_legacy_asks_for_no_removal(Fixture *f, gconstpointer data)
{
    g_assert_false(tn_acpi_cpu_hotplug_unplug_request(f->hotplug, 1));
    g_assert_cmphex(tn_acpi_cpu_hotplug_get_flags(f->hotplug, 1), ==, TN_ACPI_CPU_ENABLED);
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->board.gpe), ==, 0);
}

static void
test_plug_is_announced(Fixture *f, gconstpointer data)
{
    tn_test_out(f->board.p, TN_ACPI_GPE0_PORT + 2, 4, 2);
    plug(f, 4);
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->board.gpe), ==, 4);
    tn_test_iterate();
    g_assert_cmpint(f->board.p->irqs[9].level, ==, 1);
    select_cpu(f, 4);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 3);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_INSERTING);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 1);
}

static void
test_next_event_goes_round(Fixture *f, gconstpointer data)
{
    plug(f, 2);
    plug(f, 5);
    select_cpu(f, 3);
    tn_test_outb(f->board.p, COMMAND, 0);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 5);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_INSERTING);
    tn_test_outb(f->board.p, COMMAND, 0);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 2);
    tn_test_outb(f->board.p, COMMAND, 0);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 2);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_INSERTING);
    select_cpu(f, 4);
    tn_test_outb(f->board.p, COMMAND, 0);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 4);
}

static void
test_ids(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->board.p, COMMAND, 3);
    for (unsigned i = 0; i < CPUS; i++) {
        select_cpu(f, i);
        g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, apic_ids[i]);
        g_assert_cmpuint(tn_test_in(f->board.p, DATA2, 4), ==, 0);
    }
}

static void
test_reserved_commands_are_ignored(Fixture *f, gconstpointer data)
{
    select_cpu(f, 3);
    tn_test_outb(f->board.p, COMMAND, 3);
    tn_test_outb(f->board.p, COMMAND, 4);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 4);
    tn_test_outb(f->board.p, COMMAND, 0xff);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 4);
}

static void
test_reserved_offsets(Fixture *f, gconstpointer data)
{
    static const guint16 offsets[] = { 1, 2, 3, 5, 6, 7, 9, 10, 11 };

    for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
        g_assert_cmphex(tn_test_in(f->board.p, PORT + offsets[i], 1), ==, 0);
    }
    tn_test_outb(f->board.p, PORT + 9, 0xff);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 4), ==, 1);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 2), ==, 1);
}

static void
test_selector_beyond_the_end(Fixture *f, gconstpointer data)
{
    static const guint32 selectors[] = { CPUS, 255, 256, 0x80000000, 0xffffffff };

    for (guint i = 0; i < G_N_ELEMENTS(selectors); i++) {
        select_cpu(f, selectors[i]);
        g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 0);
        g_assert_cmphex(tn_test_in(f->board.p, DATA, 4), ==, 0);
        tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
        ost(f, 3, 0x82);
        g_assert_cmpstr(f->board.p->events->str, ==, "");
    }
    g_assert_cmpuint(f->ejects, ==, 0);
    select_cpu(f, 1);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 1);
}

static void
test_removal(Fixture *f, gconstpointer data)
{
    g_assert_true(tn_acpi_cpu_hotplug_unplug_request(f->hotplug, 1));
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->board.gpe), ==, 4);
    select_cpu(f, 1);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 5);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_REMOVING);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 1);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 0);
    ost(f, 3, 0);
    g_assert_cmpuint(f->ejects, ==, 1);
    g_assert_cmpstr(f->board.p->events->str, ==,
                    "ACPI_DEVICE_OST {\"info\":{\"device\":\"cpu1\",\"slot\":\"1\","
                    "\"slot-type\":\"CPU\",\"source\":3,\"status\":0}}\n");
}

static void
test_refusal(Fixture *f, gconstpointer data)
{
    (void)tn_acpi_cpu_hotplug_unplug_request(f->hotplug, 1);
    tn_device_set_pending_unplug(f->devices[1], TRUE);
    select_cpu(f, 1);
    ost(f, 3, 0x84);
    g_assert_true(tn_device_is_pending_unplug(f->devices[1]));
    g_assert_null(strstr(f->board.p->events->str, "DEVICE_UNPLUG_GUEST_ERROR"));
    ost(f, 3, 0x82);
    g_assert_false(tn_device_is_pending_unplug(f->devices[1]));
    g_assert_nonnull(strstr(f->board.p->events->str,
                            "DEVICE_UNPLUG_GUEST_ERROR {\"device\":\"cpu1\",\"path\":\"\"}\n"));
    g_assert_cmpuint(f->ejects, ==, 0);
}

static void
test_boot_cpu_stays(Fixture *f, gconstpointer data)
{
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_FIRMWARE);
    tn_test_iterate();
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 1);
    g_assert_cmpuint(f->ejects, ==, 0);
}

static void
test_absent_cpu_cannot_be_ejected(Fixture *f, gconstpointer data)
{
    select_cpu(f, 3);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_FIRMWARE);
    tn_test_iterate();
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 0);
    g_assert_cmpuint(f->ejects, ==, 0);
}

static void
test_lowest_control_bit_acts_alone(Fixture *f, gconstpointer data)
{
    plug(f, 2);
    (void)tn_acpi_cpu_hotplug_unplug_request(f->hotplug, 2);
    select_cpu(f, 2);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 7);
    tn_test_outb(f->board.p, FLAGS, 0xff);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 5);
    tn_test_outb(f->board.p, FLAGS, 0xfc);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 1);
    tn_test_iterate();
    g_assert_cmpuint(f->ejects, ==, 0);
}

static void
test_firmware_eject(Fixture *f, gconstpointer data)
{
    select_cpu(f, 1);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_FIRMWARE);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 0x11);
    select_cpu(f, 4);
    tn_test_outb(f->board.p, COMMAND, 0);
    g_assert_cmpuint(tn_test_in(f->board.p, DATA, 4), ==, 1);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
    g_assert_cmphex(tn_test_in(f->board.p, FLAGS, 1), ==, 0);
    tn_test_iterate();
    g_assert_cmpuint(f->ejects, ==, 1);
}

static void
test_reports_cannot_pile_up(Fixture *f, gconstpointer data)
{
    unsigned lines = 0;

    select_cpu(f, 1);
    tn_test_outb(f->board.p, COMMAND, 2);
    for (unsigned i = 0; i < 5000; i++) {
        tn_test_out(f->board.p, DATA, 0, 4);
    }
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
    tn_test_iterate();
    for (const char *c = f->board.p->events->str; *c; c++) {
        lines += *c == '\n';
    }
    g_assert_cmpuint(lines, ==, 1024);
    g_assert_cmpuint(f->ejects, ==, 1);
}

static void
test_free_drops_work_that_waits(Fixture *f, gconstpointer data)
{
    select_cpu(f, 1);
    tn_test_outb(f->board.p, FLAGS, TN_ACPI_CPU_EJECT);
    g_clear_pointer(&f->hotplug, tn_acpi_cpu_hotplug_free);
    tn_test_iterate();
    g_assert_cmpuint(f->ejects, ==, 0);
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 4), ==, 0xffffffff);
}

/* The flags' offset in the controller, which the state table alone knows. */
static guint8 *
state_field(TnAcpiCpuHotplug *hotplug, const char *name)
{
    for (const TnStateField *field = tn_acpi_cpu_hotplug_state.fields; field->name; field++) {
        if (strcmp(field->name, name) == 0) {
            return (guint8 *)hotplug + field->offset;
        }
    }
    g_assert_not_reached();
}

static void
test_loaded_state_is_judged(Fixture *f, gconstpointer data)
{
    guint8 *flags = state_field(f->hotplug, "flags");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_acpi_cpu_hotplug_state.post_load(f->hotplug, 1, &error));
    flags[5] = TN_ACPI_CPU_ENABLED;
    g_assert_false(tn_acpi_cpu_hotplug_state.post_load(f->hotplug, 1, &error));
    g_assert_nonnull(error);
    flags[5] = 0;
    g_clear_error(&error);
    *state_field(f->hotplug, "command") = 9;
    g_assert_false(tn_acpi_cpu_hotplug_state.post_load(f->hotplug, 1, &error));
}

#define GUEST_ROUNDS 20000

static gpointer
run_wild_guest(gpointer data)
{
    Fixture *f = data;
    guint32 seed = 12345;

    tn_memory_register_thread();
    for (unsigned i = 0; i < GUEST_ROUNDS; i++) {
        seed = seed * 1664525 + 1013904223;
        tn_test_out(f->board.p, SELECTOR, seed >> 8 & 7, 4);
        tn_test_outb(f->board.p, COMMAND, seed >> 12 & 7);
        tn_test_out(f->board.p, DATA, seed >> 3 & 3, 4);
        tn_test_outb(f->board.p, FLAGS, (guint8)(seed >> 16));
        (void)tn_test_in(f->board.p, PORT + (seed >> 20 & 15), 1);
    }
    tn_memory_unregister_thread();
    return NULL;
}

static void
test_wild_guest_on_a_thread(Fixture *f, gconstpointer data)
{
    GThread *guest = g_thread_new("guest", run_wild_guest, f);
    unsigned plugs = 1;

    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned i = 1; i < CPUS; i++) {
            guint32 source, status;
            TnDevice *device;

            tn_acpi_cpu_hotplug_get_ost(f->hotplug, i, &device, &source, &status);
            if (!device) {
                plug(f, i);
                plugs++;
            } else {
                (void)tn_acpi_cpu_hotplug_unplug_request(f->hotplug, i);
            }
        }
        tn_test_iterate();
        g_string_truncate(f->board.p->events, 0);
    }
    g_thread_join(guest);
    tn_test_iterate();
    for (unsigned i = 1; i < CPUS; i++) {
        guint32 source, status;
        TnDevice *device;

        tn_acpi_cpu_hotplug_get_ost(f->hotplug, i, &device, &source, &status);
        plugs -= device != NULL;
    }
    g_assert_cmpuint(plugs, ==, f->ejects);
}

#define ADD(path, begin, func)                                                                  \
    g_test_add("/acpi/cpu-hotplug/" path, Fixture, NULL, begin, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("legacy-map", set_up, test_legacy_map);
    ADD("legacy-ends-by-a-zero-at-its-beginning", set_up,
        test_legacy_ends_by_a_zero_at_its_beginning);
    ADD("legacy-asks-for-no-removal", set_up, test_legacy_asks_for_no_removal);
    ADD("plug-is-announced", set_up_modern, test_plug_is_announced);
    ADD("next-event-goes-round", set_up_modern, test_next_event_goes_round);
    ADD("ids", set_up_modern, test_ids);
    ADD("reserved-commands-are-ignored", set_up_modern, test_reserved_commands_are_ignored);
    ADD("reserved-offsets", set_up_modern, test_reserved_offsets);
    ADD("selector-beyond-the-end", set_up_modern, test_selector_beyond_the_end);
    ADD("removal", set_up_modern, test_removal);
    ADD("refusal", set_up_modern, test_refusal);
    ADD("boot-cpu-stays", set_up_modern, test_boot_cpu_stays);
    ADD("absent-cpu-cannot-be-ejected", set_up_modern, test_absent_cpu_cannot_be_ejected);
    ADD("lowest-control-bit-acts-alone", set_up_modern, test_lowest_control_bit_acts_alone);
    ADD("firmware-eject", set_up_modern, test_firmware_eject);
    ADD("reports-cannot-pile-up", set_up_modern, test_reports_cannot_pile_up);
    ADD("free-drops-work-that-waits", set_up_modern, test_free_drops_work_that_waits);
    ADD("loaded-state-is-judged", set_up_modern, test_loaded_state_is_judged);
    ADD("wild-guest-on-a-thread", set_up_modern, test_wild_guest_on_a_thread);
    return g_test_run();
}
