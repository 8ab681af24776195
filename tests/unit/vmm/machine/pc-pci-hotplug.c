/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions that come and go, from device_add to DEVICE_DELETED, with the test in the
 * guest's part: GPE0 at 0xafe0, the controller at 0xae00, the SCI on line 9.
 */
#include "tests/lib/test-platform.h"
#include "vmm/hw/i440fx.h"
#include "vmm/hw/piix4-pm.h"
#include "vmm/machine/pc-hotplug.h"
#include "vmm/pci/bus.h"

#include <string.h>

/* A function of no use. */
typedef struct {
    TnPciDevice parent_instance;
} TestFunction;
typedef struct {
    TnPciDeviceClass parent_class;
} TestFunctionClass;

GType test_function_get_type(void);
G_DEFINE_TYPE(TestFunction, test_function, TN_TYPE_PCI_DEVICE)

static void
test_function_init(TestFunction *self)
{
}

static void
test_function_class_init(TestFunctionClass *klass)
{
    TN_OBJECT_CLASS(klass)->type_name = "test-function";
    TN_PCI_DEVICE_CLASS(klass)->vendor_id = 0x1234;
    TN_PCI_DEVICE_CLASS(klass)->device_id = 0x5678;
}

typedef struct {
    TnTestPlatform *p;
    TnPciBus *bus;
    TnPciDevice *bridge;
    TnPiix4Pm *pm;
    TnPcHotplug *hotplug;
    TnObject *peripheral;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    TnPcHotplugConfig config = { .ram_end = G_GUINT64_CONSTANT(1) << 32 };
    g_autoptr(GError) error = NULL;

    f->p = tn_test_platform_new();
    f->bus = tn_pci_bus_new();
    tn_pci_bus_set_spaces(f->bus, f->p->platform.system_memory, f->p->platform.system_io);
    f->bridge = tn_i440fx_new(&f->p->platform, f->bus);
    tn_test_realize(f->p, f->bridge);
    f->pm = g_object_new(TN_TYPE_PIIX4_PM, NULL);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->pm), f->bus, TN_PCI_DEVFN(1, 3));
    tn_test_realize(f->p, f->pm);
    config.platform = &f->p->platform;
    config.gpe = tn_piix4_pm_get_gpe(f->pm);
    config.pci_bus = f->bus;
    f->hotplug = tn_pc_hotplug_new(&config, &error);
    g_assert_no_error(error);
    f->p->platform.hotplug = TN_HOTPLUG_HANDLER(f->hotplug);
    f->peripheral = tn_object_ensure_container(
        tn_object_ensure_container(f->p->platform.root, "machine"), "peripheral");
    /* The guest listens to bit 1. */
    tn_test_out(f->p, 0xafe2, 1 << 1, 2);
}

static void
unparent_child(TnObject *child, gpointer user_data)
{
    tn_device_unrealize(TN_DEVICE(child));
    tn_object_unparent(child);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_pc_hotplug_shut_down(f->hotplug);
    f->p->platform.hotplug = NULL;
    g_object_unref(f->hotplug);
    tn_object_foreach_child(f->peripheral, unparent_child, NULL);
    tn_test_drop(f->pm);
    tn_test_drop(f->bridge);
    g_object_unref(f->bus);
    tn_memory_synchronize(f->p->platform.memory);
    tn_test_platform_free(f->p);
}

/* A function below /machine/peripheral, not realized. (transfer none) */
static TnDevice *
make(Fixture *f, const char *id, int devfn)
{
    g_autoptr(TnDevice) device = g_object_new(test_function_get_type(), NULL);

    tn_device_set_id(device, id);
    tn_device_set_platform(device, &f->p->platform);
    tn_device_set_hotplugged(device, TRUE);
    tn_pci_device_set_address(TN_PCI_DEVICE(device), f->bus, devfn);
    g_assert_true(tn_object_add_child(f->peripheral, id, TN_OBJECT(device), NULL));
    return device;
}

static TnDevice *
plug(Fixture *f, const char *id, int devfn)
{
    TnDevice *device = make(f, id, devfn);
    g_autoptr(GError) error = NULL;

    tn_device_realize(device, &error);
    g_assert_no_error(error);
    return device;
}

static void
request_unplug(Fixture *f, TnDevice *device)
{
    g_autoptr(GError) error = NULL;

    tn_hotplug_handler_unplug_request(TN_HOTPLUG_HANDLER(f->hotplug), device, &error);
    g_assert_no_error(error);
}

static void
assert_unplug_refused(Fixture *f, gpointer device, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_handler_unplug_request(TN_HOTPLUG_HANDLER(f->hotplug),
                                                     TN_DEVICE(device), &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
}

static void
assert_refused(TnDevice *device, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(device, &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
    g_assert_false(tn_device_is_realized(device));
}

/* The guest answers the SCI. */
static void
take_sci(Fixture *f)
{
    g_assert_cmpint(f->p->irqs[9].level, ==, 1);
    g_assert_cmphex(tn_test_inb(f->p, 0xafe0), ==, 1 << 1);
    tn_test_outb(f->p, 0xafe0, 1 << 1);
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
}

static void
eject(Fixture *f, unsigned slot)
{
    tn_test_out(f->p, 0xae08, 1U << slot, 4);
    tn_test_iterate();
}

static guint32
ids(Fixture *f, int devfn)
{
    return tn_pci_bus_config_read(f->bus, devfn, 0, 4);
}

static void
assert_events(Fixture *f, const char *expected)
{
    tn_test_iterate();
    g_assert_cmpstr(f->p->events->str, ==, expected);
    g_string_truncate(f->p->events, 0);
}

static void
note_slot(const TnAcpiSlotInfo *info, gpointer user_data)
{
    if (info->enabled || info->inserting || info->removing) {
        g_string_append_printf(user_data, "%s %u %s %u%s%s%s%s%s", info->kind, info->slot,
                               info->device ? info->device : "-", info->functions,
                               info->enabled ? " enabled" : "", info->inserting ? " inserting" : "",
                               info->removing ? " removing" : "", info->pending ? " pending" : "",
                               info->removable ? "" : " fixed");
        if (info->has_ost) {
            g_string_append_printf(user_data, " ost 0x%x 0x%x", info->ost_source,
                                   info->ost_status);
        }
        g_string_append_c(user_data, '\n');
    }
}

#define FIXED_SLOTS "PCI 0 - 1 enabled fixed\nPCI 1 - 1 enabled fixed\n"

static void
assert_slots(Fixture *f, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *all = g_strconcat(FIXED_SLOTS, expected, NULL);

    tn_pc_hotplug_foreach_acpi_slot(f->hotplug, note_slot, text);
    g_assert_cmpstr(text->str, ==, all);
}

#define DELETED(id)                                                                             \
    "DEVICE_DELETED {\"device\":\"" id "\",\"path\":\"\\/machine\\/peripheral\\/" id "\"}\n"

static void
test_plug_and_unplug(Fixture *f, gconstpointer data)
{
    TnDevice *device;

    for (unsigned round = 0; round < 3; round++) {
        device = plug(f, "e0", TN_PCI_DEVFN(5, 0));
        g_assert_cmphex(ids(f, TN_PCI_DEVFN(5, 0)), ==, 0x56781234);
        assert_slots(f, "PCI 5 e0 1 enabled inserting\n");
        take_sci(f);
        g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 1 << 5);
        assert_slots(f, "PCI 5 e0 1 enabled\n");

        request_unplug(f, device);
        assert_slots(f, "PCI 5 e0 1 enabled removing pending\n");
        take_sci(f);
        g_assert_cmphex(tn_test_in(f->p, 0xae04, 4), ==, 1 << 5);
        assert_events(f, "");
        eject(f, 5);
        assert_events(f, DELETED("e0"));
        g_assert_cmphex(ids(f, TN_PCI_DEVFN(5, 0)), ==, 0xffffffff);
        assert_slots(f, "");
    }
}

static void
test_cold_plug_is_silent(Fixture *f, gconstpointer data)
{
    TnDevice *device = make(f, "e0", TN_PCI_DEVFN(5, 0));

    tn_device_set_hotplugged(device, FALSE);
    g_assert_true(tn_device_realize(device, NULL));
    assert_slots(f, "PCI 5 e0 1 enabled\n");
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
}

static void
test_takes_the_first_free_slot(Fixture *f, gconstpointer data)
{
    TnDevice *device = plug(f, "e0", TN_PCI_DEVFN_AUTO);

    g_assert_cmpint(TN_PCI_DEVICE(device)->devfn, ==, TN_PCI_DEVFN(2, 0));
    take_sci(f);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 1 << 2);
}

static void
test_no_slot_left(Fixture *f, gconstpointer data)
{
    TnDevice *last;

    for (unsigned slot = 2; slot < 32; slot++) {
        g_autofree char *id = g_strdup_printf("e%u", slot);

        (void)plug(f, id, TN_PCI_DEVFN_AUTO);
    }
    last = make(f, "last", TN_PCI_DEVFN_AUTO);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 0xfffffffc);
    tn_test_outb(f->p, 0xafe0, 1 << 1);
    assert_refused(last, "PCI: no slot/function available for test-function, all in use");
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
}

static void
test_occupied_slot(Fixture *f, gconstpointer data)
{
    (void)plug(f, "e0", TN_PCI_DEVFN(5, 0));
    take_sci(f);
    assert_refused(make(f, "e1", TN_PCI_DEVFN(5, 0)),
                   "PCI: slot 5 function 0 not available for test-function, in use by "
                   "test-function,id=e0");
    assert_refused(make(f, "e2", TN_PCI_DEVFN(5, 1)),
                   "PCI: slot 5 function 0 already occupied by test-function, new func "
                   "test-function cannot be exposed to guest.");
    assert_refused(make(f, "e3", TN_PCI_DEVFN(0, 0)),
                   "PCI: slot 0 function 0 not available for test-function, in use by "
                   "i440FX,id=(null)");
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
    assert_slots(f, "PCI 5 e0 1 enabled inserting\n");
}

static void
test_acpi_index(Fixture *f, gconstpointer data)
{
    TnDevice *first = make(f, "e0", TN_PCI_DEVFN(5, 0));
    TnDevice *second = make(f, "e1", TN_PCI_DEVFN(6, 0));

    g_object_set(first, "acpi-index", 16383, NULL);
    g_assert_true(tn_device_realize(first, NULL));
    tn_test_out(f->p, 0xae14, 1 << 5, 4);
    g_assert_cmpuint(tn_test_in(f->p, 0xae14, 4), ==, 16383);
    g_object_set(second, "acpi-index", 16383, NULL);
    assert_refused(second, "a PCI device with acpi-index = 16383 already exist");
    g_object_set(second, "acpi-index", 16384, NULL);
    assert_refused(second, "acpi-index should be less or equal to 16383");
    eject(f, 5);
    tn_test_out(f->p, 0xae14, 1 << 5, 4);
    g_assert_cmpuint(tn_test_in(f->p, 0xae14, 4), ==, 0);
    g_object_set(second, "acpi-index", 16383, NULL);
    g_assert_true(tn_device_realize(second, NULL));
}

static void
test_multifunction_slot_goes_as_a_whole(Fixture *f, gconstpointer data)
{
    TnDevice *f2 = plug(f, "f2", TN_PCI_DEVFN(9, 2));
    TnDevice *f0 = make(f, "f0", TN_PCI_DEVFN(9, 0));

    (void)plug(f, "f1", TN_PCI_DEVFN(9, 1));
    g_object_set(f0, "multifunction", TRUE, NULL);
    g_assert_true(tn_device_realize(f0, NULL));
    assert_slots(f, "PCI 9 f0 3 enabled inserting\n");
    request_unplug(f, f2);
    assert_slots(f, "PCI 9 f0 3 enabled inserting removing pending\n");
    eject(f, 9);
    assert_events(f, DELETED("f2") DELETED("f1") DELETED("f0"));
    assert_slots(f, "");
}

static void
test_board_devices_stay(Fixture *f, gconstpointer data)
{
    assert_unplug_refused(f, f->bridge, "Device 'i440FX' does not support hotplugging");
    assert_unplug_refused(f, f->pm, "Device 'PIIX4_PM' does not support hotplugging");
    eject(f, 0);
    eject(f, 1);
    tn_test_out(f->p, 0xae08, 0xffffffff, 4);
    tn_test_iterate();
    assert_events(f, "");
    assert_slots(f, "");
    g_assert_cmphex(tn_test_in(f->p, 0xae0c, 4), ==, 0xfffffffc);
    g_assert_cmphex(tn_pc_hotplug_get_pci_slots(f->hotplug), ==, 0xfffffffc);
}

static void
test_guest_ejects_unasked(Fixture *f, gconstpointer data)
{
    (void)plug(f, "e0", TN_PCI_DEVFN(5, 0));
    eject(f, 6);
    assert_events(f, "");
    eject(f, 5);
    assert_events(f, DELETED("e0"));
}

static void
test_silent_guest_stays_pending(Fixture *f, gconstpointer data)
{
    TnDevice *device = plug(f, "e0", TN_PCI_DEVFN(5, 0));

    request_unplug(f, device);
    take_sci(f);
    assert_events(f, "");
    assert_slots(f, "PCI 5 e0 1 enabled inserting removing pending\n");
    /* The guest's system came up meanwhile: it is asked again. */
    request_unplug(f, device);
    take_sci(f);
    eject(f, 5);
    assert_events(f, DELETED("e0"));
}

static void
test_second_request_before_the_guest_ran(Fixture *f, gconstpointer data)
{
    TnClock *running = f->p->platform.clock;
    TnDevice *device = plug(f, "e0", TN_PCI_DEVFN(5, 0));

    f->p->platform.clock = tn_clock_new();
    request_unplug(f, device);
    assert_unplug_refused(f, device, "Device e0 is already in the process of unplug");
    tn_clock_free(f->p->platform.clock);
    f->p->platform.clock = running;
}

static void
test_reset_completes_a_pending_unplug(Fixture *f, gconstpointer data)
{
    TnDevice *device = plug(f, "e0", TN_PCI_DEVFN(5, 0));

    (void)plug(f, "e1", TN_PCI_DEVFN(6, 0));
    request_unplug(f, device);
    tn_reset_run(f->p->platform.reset);
    assert_events(f, DELETED("e0"));
    assert_slots(f, "PCI 6 e1 1 enabled inserting\n");
    g_assert_cmphex(tn_test_inb(f->p, 0xafe0), ==, 0);
}

static void
test_refusal_is_told(Fixture *f, gconstpointer data)
{
    TnDevice *device = plug(f, "e0", TN_PCI_DEVFN(5, 0));

    request_unplug(f, device);
    tn_test_out(f->p, 0xae18, 5, 4);
    tn_test_out(f->p, 0xae1c, 3, 4);
    tn_test_out(f->p, 0xae20, 0x82, 4);
    assert_events(f, "DEVICE_UNPLUG_GUEST_ERROR "
                     "{\"device\":\"e0\",\"path\":\"\\/machine\\/peripheral\\/e0\"}\n");
    assert_slots(f, "PCI 5 e0 1 enabled inserting ost 0x3 0x82\n");
    /* Said again without being asked: nobody waits for it. */
    tn_test_out(f->p, 0xae20, 0x82, 4);
    assert_events(f, "");
}

static void
test_plug_while_paused(Fixture *f, gconstpointer data)
{
    tn_clock_stop(f->p->platform.clock);
    (void)plug(f, "e0", TN_PCI_DEVFN(5, 0));
    tn_clock_start(f->p->platform.clock);
    take_sci(f);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 1 << 5);
}

static void
test_trace_from_realize_to_unrealize(Fixture *f, gconstpointer data)
{
    static const char *const steps[] = { "realize", "gpe", "sci", "eject", "unrealize" };
    const char *at = f->p->events->str;

    tn_hotplug_trace_set(f->p->platform.trace, TRUE);
    (void)plug(f, "e0", TN_PCI_DEVFN(5, 0));
    eject(f, 5);
    at = f->p->events->str;
    g_assert_nonnull(strstr(at, "\"step\":\"realize\",\"device\":\"e0\","
                                "\"detail\":\"test-function\""));
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *step = g_strdup_printf("\"step\":\"%s\"", steps[i]);

        at = strstr(at, step);
        g_assert_nonnull(at);
    }
}

#define ADD(path, func)                                                                         \
    g_test_add("/machine/pc-pci-hotplug/" path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("plug-and-unplug", test_plug_and_unplug);
    ADD("plug/cold-is-silent", test_cold_plug_is_silent);
    ADD("plug/takes-the-first-free-slot", test_takes_the_first_free_slot);
    ADD("plug/while-paused", test_plug_while_paused);
    ADD("refuse/no-slot-left", test_no_slot_left);
    ADD("refuse/occupied-slot", test_occupied_slot);
    ADD("acpi-index", test_acpi_index);
    ADD("multifunction-slot-goes-as-a-whole", test_multifunction_slot_goes_as_a_whole);
    ADD("board-devices-stay", test_board_devices_stay);
    ADD("unplug/guest-ejects-unasked", test_guest_ejects_unasked);
    ADD("unplug/silent-guest-stays-pending", test_silent_guest_stays_pending);
    ADD("unplug/second-request-before-the-guest-ran", test_second_request_before_the_guest_ran);
    ADD("unplug/reset-completes-it", test_reset_completes_a_pending_unplug);
    ADD("unplug/refusal-is-told", test_refusal_is_told);
    ADD("trace-from-realize-to-unrealize", test_trace_from_realize_to_unrealize);
    return g_test_run();
}
