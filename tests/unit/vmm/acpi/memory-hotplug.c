/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory-hotplug controller alone: every status a guest may give, a controller
 * that goes while work waits, and a guest's thread against the main thread.
 * The handshake with DIMMs is tested in tests/unit/vmm/machine/pc-hotplug.c.
 */
#include "vmm/acpi/memory-hotplug.h"

#include "tests/unit/vmm/acpi/fixture.h"

#include <string.h>

#define PORT 0xa00
#define SLOTS 8

/* A device of no kind: the controller knows it by its id alone. */
typedef struct {
    AcpiBoard board;
    TnAcpiMemoryHotplug *hotplug;
    TnDevice *devices[SLOTS];
    unsigned ejects;
} Fixture;

static void
on_ejected(void *opaque, TnDevice *device)
{
    Fixture *f = opaque;

    f->ejects++;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (f->devices[i] == device) {
            tn_acpi_memory_hotplug_unplug(f->hotplug, i);
        }
    }
}

static void
set_up(Fixture *f, gconstpointer data)
{
    TnAcpiMemoryHotplugConfig config;

    acpi_board_set_up(&f->board);
    config = (TnAcpiMemoryHotplugConfig){
        .memory = f->board.p->platform.memory,
        .io = f->board.p->platform.system_io,
        .port = PORT,
        .gpe = &f->board.gpe,
        .events = f->board.p->platform.events,
        .slots = SLOTS,
        .ejected = on_ejected,
        .opaque = f,
    };
    f->hotplug = tn_acpi_memory_hotplug_new(&config);
    for (unsigned i = 0; i < SLOTS; i++) {
        f->devices[i] = acpi_new_device("d", i);
    }
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_acpi_memory_hotplug_free(f->hotplug);
    for (unsigned i = 0; i < SLOTS; i++) {
        g_assert_finalize_object(f->devices[i]);
    }
    acpi_board_tear_down(&f->board);
}

static void
plug(Fixture *f, unsigned slot)
{
    const TnAcpiMemoryDevice device = { f->devices[slot], 0x100000000 + slot * 0x10000000ULL,
                                        0x10000000, slot };

    tn_acpi_memory_hotplug_plug(f->hotplug, slot, &device, TRUE);
}

static void
ost(Fixture *f, unsigned source, unsigned status)
{
    tn_test_out(f->board.p, PORT + 4, source, 4);
    tn_test_out(f->board.p, PORT + 8, status, 4);
    tn_test_iterate();
}

static void
test_every_refusal_is_told(Fixture *f, gconstpointer data)
{
    static const struct {
        unsigned status;
        const char *text;
    } refusals[] = {
        { 0x01, "non-specific failure (0x1)" },
        { 0x02, "unrecognized notify code (0x2)" },
        { 0x80, "device locked by the guest (0x80)" },
        { 0x81, "device in use by an application (0x81)" },
        { 0x82, "device busy (0x82)" },
        { 0x83, "ejection dependency is busy or not supported (0x83)" },
        { 0xffff, "unknown status (0xffff)" },
    };

    plug(f, 0);
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_string_truncate(f->board.p->events, 0);
        tn_device_set_pending_unplug(f->devices[0], TRUE);
        ost(f, 0x103, refusals[i].status);
        g_assert_nonnull(strstr(f->board.p->events->str, refusals[i].text));
        g_assert_false(tn_device_is_pending_unplug(f->devices[0]));
    }
}

static void
test_other_sources_are_no_refusal(Fixture *f, gconstpointer data)
{
    plug(f, 0);
    ost(f, 1, 0x82);
    ost(f, 0x80, 1);
    g_assert_null(strstr(f->board.p->events->str, "UNPLUG"));
    g_assert_nonnull(strstr(f->board.p->events->str, "ACPI_DEVICE_OST"));
}

static void
test_ost_of_an_empty_slot(Fixture *f, gconstpointer data)
{
    ost(f, 3, 0x82);
    g_assert_cmpstr(f->board.p->events->str, ==,
                    "ACPI_DEVICE_OST {\"info\":{\"slot\":\"0\",\"slot-type\":\"DIMM\","
                    "\"source\":3,\"status\":130}}\n");
}

static void
test_slots_are_apart(Fixture *f, gconstpointer data)
{
    plug(f, 1);
    plug(f, 6);
    tn_test_out(f->board.p, PORT, 6, 4);
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 4), ==, 0x60000000);
    g_assert_cmphex(tn_test_in(f->board.p, PORT + 0x10, 4), ==, 6);
    tn_test_outb(f->board.p, PORT + 0x14, TN_ACPI_MEMORY_INSERTING);
    g_assert_cmphex(tn_acpi_memory_hotplug_get_flags(f->hotplug, 6), ==, TN_ACPI_MEMORY_ENABLED);
    g_assert_cmphex(tn_acpi_memory_hotplug_get_flags(f->hotplug, 1), ==,
                    TN_ACPI_MEMORY_ENABLED | TN_ACPI_MEMORY_INSERTING);
}

static void
test_free_drops_work_that_waits(Fixture *f, gconstpointer data)
{
    plug(f, 0);
    tn_test_outb(f->board.p, PORT + 0x14, TN_ACPI_MEMORY_EJECT);
    tn_test_out(f->board.p, PORT + 8, 0, 4);
    g_clear_pointer(&f->hotplug, tn_acpi_memory_hotplug_free);
    tn_test_iterate();
    g_assert_cmpuint(f->ejects, ==, 0);
    g_assert_cmphex(tn_test_in(f->board.p, PORT, 4), ==, 0xffffffff);
}

static void
test_request_after_eject_asks_for_nothing(Fixture *f, gconstpointer data)
{
    plug(f, 0);
    tn_test_outb(f->board.p, PORT + 0x14, TN_ACPI_MEMORY_EJECT);
    tn_test_out(f->board.p, TN_ACPI_GPE0_PORT, 0xffff, 2);
    tn_acpi_memory_hotplug_unplug_request(f->hotplug, 0);
    g_assert_cmphex(tn_acpi_memory_hotplug_get_flags(f->hotplug, 0), ==, 0);
    g_assert_cmphex(tn_acpi_gpe_get_status(&f->board.gpe), ==, 0);
}

#define GUEST_ROUNDS 20000

/* A guest that works the registers as fast as it can, on a thread as a vCPU has. */
static gpointer
wild_guest(gpointer data)
{
    Fixture *f = data;
    guint32 random = 1;

    tn_memory_register_thread();
    for (unsigned i = 0; i < GUEST_ROUNDS; i++) {
        random = random * 1664525 + 1013904223;
        tn_test_out(f->board.p, PORT, (random >> 8) % (SLOTS + 1), 4);
        (void)tn_test_in(f->board.p, PORT + 0x14, 1);
        if (random >> 28 == 0) {
            tn_test_outb(f->board.p, PORT + 0x14, TN_ACPI_MEMORY_EJECT);
        } else if (random >> 28 == 1) {
            tn_test_out(f->board.p, PORT + 8, 0, 4);
        }
        tn_test_outb(f->board.p, PORT + 0x14, (guint8)(random >> 20 & 6));
        tn_test_out(f->board.p, TN_ACPI_GPE0_PORT, 0xffff, 2);
    }
    tn_memory_unregister_thread();
    g_atomic_int_set((gint *)&f->board.p->quits, 1);
    return NULL;
}

static void
test_wild_guest_on_a_thread(Fixture *f, gconstpointer data)
{
    GThread *guest = g_thread_new("guest", wild_guest, f);
    unsigned plugs = 0;

    while (!g_atomic_int_get((gint *)&f->board.p->quits)) {
        for (unsigned i = 0; i < SLOTS; i++) {
            TnAcpiOst slot;

            tn_acpi_memory_hotplug_get_ost(f->hotplug, i, &slot);
            if (!slot.device) {
                plug(f, i);
                plugs++;
            } else {
                tn_acpi_memory_hotplug_unplug_request(f->hotplug, i);
            }
        }
        tn_test_iterate();
    }
    g_thread_join(guest);
    tn_test_iterate();
    g_test_message("%u plugged, %u ejected", plugs, f->ejects);
    for (unsigned i = 0; i < SLOTS; i++) {
        TnAcpiOst slot;

        tn_acpi_memory_hotplug_get_ost(f->hotplug, i, &slot);
        plugs -= slot.device != NULL;
    }
    g_assert_cmpuint(plugs, ==, f->ejects);
}

#define ADD(path, func)                                                                         \
    g_test_add("/acpi/memory-hotplug/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("every-refusal-is-told", test_every_refusal_is_told);
    ADD("other-sources-are-no-refusal", test_other_sources_are_no_refusal);
    ADD("ost-of-an-empty-slot", test_ost_of_an_empty_slot);
    ADD("slots-are-apart", test_slots_are_apart);
    ADD("free-drops-work-that-waits", test_free_drops_work_that_waits);
    ADD("request-after-eject-asks-for-nothing", test_request_after_eject_asks_for_nothing);
    ADD("wild-guest-on-a-thread", test_wild_guest_on_a_thread);
    return g_test_run();
}
