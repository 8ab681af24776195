/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI functions that come and go, from device_add to DEVICE_DELETED, with the test in the
 * guest's part: GPE0 at 0xafe0, the controller at 0xae00, the SCI on line 9.
 */
#include "tests/lib/test-platform.h"
#include "vmm/hw/i440fx.h"
#include "vmm/hw/pci-bridge.h"
#include "vmm/hw/piix4-pm.h"
#include "vmm/machine/pc-hotplug.h"
#include "vmm/machine/pc-pci-hotplug.h"
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

/* The test's data; none: all on. */
typedef struct {
    gboolean on_root, behind_bridges;
} Options;

static void
set_up(Fixture *f, gconstpointer data)
{
    const Options *options = data;
    TnPcHotplugConfig config = { .ram_end = G_GUINT64_CONSTANT(1) << 32 };
    g_autoptr(GError) error = NULL;

    f->p = tn_test_platform_new();
    f->bus = tn_pci_bus_new();
    g_assert_true(tn_object_add_child(f->p->platform.root, "pci.0", TN_OBJECT(f->bus), NULL));
    tn_pci_bus_set_spaces(f->bus, f->p->platform.system_memory, f->p->platform.system_io);
    f->bridge = tn_i440fx_new(&f->p->platform, f->bus);
    tn_test_realize(f->p, f->bridge);
    f->pm = g_object_new(TN_TYPE_PIIX4_PM, NULL);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->pm), f->bus, TN_PCI_DEVFN(1, 3));
    tn_test_realize(f->p, f->pm);
    config.platform = &f->p->platform;
    config.gpe = tn_piix4_pm_get_gpe(f->pm);
    config.pci_bus = f->bus;
    config.hotplug_on_root = !options || options->on_root;
    config.hotplug_behind_bridges = !options || options->behind_bridges;
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
    tn_object_unparent(TN_OBJECT(f->bus));
    g_object_unref(f->bus);
    tn_memory_synchronize(f->p->platform.memory);
    tn_test_platform_free(f->p);
}

/* Hangs @device below /machine/peripheral, not realized. (transfer full); (transfer none) */
static TnDevice *
hang(Fixture *f, TnDevice *device, TnPciBus *bus, const char *id, int devfn)
{
    g_autoptr(TnDevice) owned = device;

    tn_device_set_id(owned, id);
    tn_device_set_platform(owned, &f->p->platform);
    tn_device_set_hotplugged(owned, TRUE);
    tn_pci_device_set_address(TN_PCI_DEVICE(owned), bus, devfn);
    g_assert_true(tn_object_add_child(f->peripheral, id, TN_OBJECT(owned), NULL));
    return device;
}

static TnDevice *
make_on(Fixture *f, TnPciBus *bus, const char *id, int devfn)
{
    return hang(f, g_object_new(test_function_get_type(), NULL), bus, id, devfn);
}

/* A function of the root bus. */
static TnDevice *
make(Fixture *f, const char *id, int devfn)
{
    return make_on(f, f->bus, id, devfn);
}

static TnDevice *
make_bridge(Fixture *f, TnPciBus *bus, const char *id, int devfn)
{
    return hang(f, g_object_new(TN_TYPE_PCI_BRIDGE, "chassis-nr", 1, NULL), bus, id, devfn);
}

/* A bridge of the command line. (transfer none): the bus behind it. */
static TnPciBus *
cold_bridge(Fixture *f, TnPciBus *bus, const char *id, int devfn)
{
    TnDevice *bridge = make_bridge(f, bus, id, devfn);
    g_autoptr(GError) error = NULL;

    tn_device_set_hotplugged(bridge, FALSE);
    tn_device_realize(bridge, &error);
    g_assert_no_error(error);
    return tn_pci_bridge_get_bus(TN_PCI_BRIDGE(bridge));
}

static TnDevice *
plug_on(Fixture *f, TnPciBus *bus, const char *id, int devfn)
{
    TnDevice *device = make_on(f, bus, id, devfn);
    g_autoptr(GError) error = NULL;

    tn_device_realize(device, &error);
    g_assert_no_error(error);
    return device;
}

static TnDevice *
plug(Fixture *f, const char *id, int devfn)
{
    return plug_on(f, f->bus, id, devfn);
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
    tn_test_iterate();
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
        g_string_append_printf(user_data, "%s ", info->kind);
        if (g_strcmp0(info->bus, "pci.0") != 0) {
            g_string_append_printf(user_data, "%s ", info->bus);
        }
        g_string_append_printf(user_data, "%u %s %u%s%s%s%s%s", info->slot,
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
    tn_test_iterate();
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
    tn_test_iterate();
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
    tn_test_iterate();
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
    TnAcpiPciBus buses[TN_PC_PCI_HOTPLUG_MAX_BUSES];

    assert_unplug_refused(f, f->bridge, "Device 'i440FX' does not support hotplugging");
    assert_unplug_refused(f, f->pm, "Device 'PIIX4_PM' does not support hotplugging");
    eject(f, 0);
    eject(f, 1);
    tn_test_out(f->p, 0xae08, 0xffffffff, 4);
    tn_test_iterate();
    assert_events(f, "");
    assert_slots(f, "");
    g_assert_cmphex(tn_test_in(f->p, 0xae0c, 4), ==, 0xfffffffc);
    g_assert_cmpuint(tn_pc_hotplug_describe_pci(f->hotplug, buses), ==, 1);
    g_assert_cmphex(buses[0].slots, ==, 0xfffffffc);
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
    tn_test_iterate();
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

static void
select_bus(Fixture *f, unsigned selector)
{
    tn_test_out(f->p, 0xae10, selector, 4);
}

/* Bridges br1 at 00:03.0 and, behind it, br2 at 04.0; as the machine is finished. */
static TnPciBus *
nested_bridges(Fixture *f, TnPciBus **ret_outer)
{
    TnPciBus *outer = cold_bridge(f, f->bus, "br1", TN_PCI_DEVFN(3, 0));
    TnPciBus *inner = cold_bridge(f, outer, "br2", TN_PCI_DEVFN(4, 0));

    tn_pc_hotplug_settle(f->hotplug);
    if (ret_outer) {
        *ret_outer = outer;
    }
    return inner;
}

#define BR1 "PCI 3 br1 1 enabled fixed\n"
#define BR2 "PCI br1 4 br2 1 enabled fixed\n"

static void
test_behind_nested_bridges(Fixture *f, gconstpointer data)
{
    TnPciBus *inner = nested_bridges(f, NULL);
    TnDevice *device = plug_on(f, inner, "e0", TN_PCI_DEVFN(5, 0));

    assert_slots(f, BR1 BR2 "PCI br2 5 e0 1 enabled inserting\n");
    take_sci(f);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 0);
    select_bus(f, 1);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0xae0c, 4), ==, 0xffffffef);
    select_bus(f, 2);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 1 << 5);
    g_assert_cmphex(tn_test_in(f->p, 0xae0c, 4), ==, 0xffffffff);

    request_unplug(f, device);
    take_sci(f);
    g_assert_cmphex(tn_test_in(f->p, 0xae04, 4), ==, 1 << 5);
    eject(f, 5);
    assert_events(f, DELETED("e0"));
    assert_slots(f, BR1 BR2);
}

static void
test_eject_of_another_bus_leaves_the_device(Fixture *f, gconstpointer data)
{
    TnPciBus *outer;

    nested_bridges(f, &outer);
    plug_on(f, outer, "e0", TN_PCI_DEVFN(5, 0));
    select_bus(f, 2);
    eject(f, 5);
    select_bus(f, 9);
    eject(f, 5);
    select_bus(f, 0xffffffff);
    eject(f, 5);
    assert_events(f, "");
    select_bus(f, 1);
    eject(f, 5);
    assert_events(f, DELETED("e0"));
}

static void
test_refusal_behind_a_bridge_is_told(Fixture *f, gconstpointer data)
{
    TnPciBus *outer;

    nested_bridges(f, &outer);
    request_unplug(f, plug_on(f, outer, "e0", TN_PCI_DEVFN(5, 0)));
    select_bus(f, 1);
    tn_test_out(f->p, 0xae18, 5, 4);
    tn_test_out(f->p, 0xae1c, 3, 4);
    tn_test_out(f->p, 0xae20, 0x82, 4);
    assert_events(f, "DEVICE_UNPLUG_GUEST_ERROR "
                     "{\"device\":\"e0\",\"path\":\"\\/machine\\/peripheral\\/e0\"}\n");
    assert_slots(f, BR1 BR2 "PCI br1 5 e0 1 enabled inserting ost 0x3 0x82\n");
}

/* Device addresses count by bus, acpi-index does not. */
static void
test_acpi_index_behind_a_bridge(Fixture *f, gconstpointer data)
{
    TnPciBus *inner = nested_bridges(f, NULL);
    TnDevice *first = make_on(f, inner, "e0", TN_PCI_DEVFN(5, 0));
    TnDevice *second = make(f, "e1", TN_PCI_DEVFN(5, 0));

    g_object_set(first, "acpi-index", 7, NULL);
    g_assert_true(tn_device_realize(first, NULL));
    g_object_set(second, "acpi-index", 7, NULL);
    assert_refused(second, "a PCI device with acpi-index = 7 already exist");
    tn_test_out(f->p, 0xae14, 1 << 5, 4);
    g_assert_cmpuint(tn_test_in(f->p, 0xae14, 4), ==, 0);
    select_bus(f, 2);
    tn_test_out(f->p, 0xae14, 1 << 5, 4);
    g_assert_cmpuint(tn_test_in(f->p, 0xae14, 4), ==, 7);
}

static void
test_cold_bridges_stay(Fixture *f, gconstpointer data)
{
    TnPciBus *inner = nested_bridges(f, NULL);

    assert_unplug_refused(f, tn_pci_bus_get_bridge(inner),
                          "Device 'pci-bridge' does not support hotplugging");
    select_bus(f, 1);
    eject(f, 4);
    assert_events(f, "");
}

/* A bridge that comes to a running guest can go again; its own bus has no selector. */
static void
test_hotplugged_bridge(Fixture *f, gconstpointer data)
{
    TnDevice *bridge;
    TnPciBus *outer;

    nested_bridges(f, &outer);
    bridge = make_bridge(f, outer, "br3", TN_PCI_DEVFN(6, 0));
    g_assert_true(tn_device_realize(bridge, NULL));
    assert_slots(f, BR1 BR2 "PCI br1 6 br3 1 enabled inserting\n");
    assert_refused(make_on(f, tn_pci_bridge_get_bus(TN_PCI_BRIDGE(bridge)), "e0",
                           TN_PCI_DEVFN(1, 0)),
                   "Bus 'br3' does not support hotplugging");
    request_unplug(f, bridge);
    select_bus(f, 1);
    eject(f, 6);
    assert_events(f, DELETED("br3"));
}

static void
test_reset_completes_behind_bridges(Fixture *f, gconstpointer data)
{
    TnPciBus *inner = nested_bridges(f, NULL);

    request_unplug(f, plug_on(f, inner, "e0", TN_PCI_DEVFN(5, 0)));
    tn_reset_run(f->p->platform.reset);
    assert_events(f, DELETED("e0"));
    assert_slots(f, BR1 BR2);
}

static void
test_more_bridges_than_selectors(Fixture *f, gconstpointer data)
{
    TnAcpiPciBus buses[TN_PC_PCI_HOTPLUG_MAX_BUSES];
    TnPciBus *last = NULL;

    for (unsigned i = 0; i < TN_ACPI_PCI_HOTPLUG_BUSES; i++) {
        g_autofree char *id = g_strdup_printf("br%u", i);

        last = cold_bridge(f, f->bus, id, (int)TN_PCI_DEVFN(3 + i, 0));
    }
    tn_pc_hotplug_settle(f->hotplug);
    g_assert_cmpuint(tn_pc_hotplug_describe_pci(f->hotplug, buses), ==,
                     TN_ACPI_PCI_HOTPLUG_BUSES);
    assert_refused(make_on(f, last, "e0", TN_PCI_DEVFN(1, 0)),
                   "Bus 'br15' does not support hotplugging");
}

static const Options bridges_alone = { .behind_bridges = TRUE };

static void
test_without_hot_plug_on_the_root_bus(Fixture *f, gconstpointer data)
{
    TnAcpiPciBus buses[TN_PC_PCI_HOTPLUG_MAX_BUSES];
    TnPciBus *inner = nested_bridges(f, NULL);

    assert_refused(make(f, "e0", TN_PCI_DEVFN(5, 0)), "Bus 'pci.0' does not support hotplugging");
    assert_unplug_refused(f, f->pm, "Bus 'pci.0' does not support hotplugging");
    g_assert_cmphex(tn_test_in(f->p, 0xae0c, 4), ==, 0xffffffef); /* br1 has selector 0 */
    plug_on(f, inner, "e1", TN_PCI_DEVFN(5, 0));
    select_bus(f, 1);
    g_assert_cmphex(tn_test_in(f->p, 0xae00, 4), ==, 1 << 5);

    g_assert_cmpuint(tn_pc_hotplug_describe_pci(f->hotplug, buses), ==, 3);
    g_assert_cmpint(buses[0].parent, ==, -1);
    g_assert_cmpint(buses[0].selector, ==, -1);
    g_assert_cmpint(buses[1].parent, ==, 0);
    g_assert_cmpint(buses[1].selector, ==, 0);
    g_assert_cmpint(buses[2].parent, ==, 1);
    g_assert_cmpint(buses[2].selector, ==, 1);
    g_assert_cmphex(buses[2].devfn, ==, TN_PCI_DEVFN(4, 0));
}

static const Options root_alone = { .on_root = TRUE };

static void
test_without_hot_plug_behind_bridges(Fixture *f, gconstpointer data)
{
    TnPciBus *inner = nested_bridges(f, NULL);

    assert_refused(make_on(f, inner, "e0", TN_PCI_DEVFN(5, 0)),
                   "Bus 'br2' does not support hotplugging");
    plug(f, "e1", TN_PCI_DEVFN(5, 0));
    assert_slots(f, BR1 "PCI 5 e1 1 enabled inserting\n");
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
    ADD("bridge/behind-nested-ones", test_behind_nested_bridges);
    ADD("bridge/eject-of-another-bus-leaves-the-device",
        test_eject_of_another_bus_leaves_the_device);
    ADD("bridge/refusal-is-told", test_refusal_behind_a_bridge_is_told);
    ADD("bridge/acpi-index", test_acpi_index_behind_a_bridge);
    ADD("bridge/cold-ones-stay", test_cold_bridges_stay);
    ADD("bridge/hotplugged", test_hotplugged_bridge);
    ADD("bridge/reset-completes-it", test_reset_completes_behind_bridges);
    ADD("bridge/more-than-selectors", test_more_bridges_than_selectors);
    g_test_add("/machine/pc-pci-hotplug/root-bus-off", Fixture, &bridges_alone, set_up,
               test_without_hot_plug_on_the_root_bus, tear_down);
    g_test_add("/machine/pc-pci-hotplug/bridges-off", Fixture, &root_alone, set_up,
               test_without_hot_plug_behind_bridges, tear_down);
    ADD("trace-from-realize-to-unrealize", test_trace_from_realize_to_unrealize);
    return g_test_run();
}
