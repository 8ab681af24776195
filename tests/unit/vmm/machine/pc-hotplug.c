/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DIMMs that come and go, from device_add to DEVICE_DELETED, with the test in the
 * guest's part: GPE0 at 0xafe0, the controller at 0xa00, the SCI on line 9.
 */
#include "tests/lib/test-platform.h"
#include "vmm/acpi/memory-hotplug.h"
#include "vmm/core/fast-path.h"
#include "vmm/hw/pc-dimm.h"
#include "vmm/hw/piix4-pm.h"
#include "vmm/machine/pc-hotplug.h"
#include "vmm/memory/listener.h"
#include "vmm/pci/bus.h"

#include <string.h>

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define DIMM_SIZE (2 * MIB)
#define WINDOW (4 * GIB)

typedef struct {
    TnTestPlatform *p;
    TnPciBus *bus;
    TnPiix4Pm *pm;
    TnPcHotplug *hotplug;
    TnObject *peripheral, *objects;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    unsigned slots = GPOINTER_TO_UINT(data);
    TnPcHotplugConfig config = {
        .ram_end = WINDOW,
        .ram_size = 64 * MIB,
        .max_ram_size = slots ? GIB : 64 * MIB,
        .ram_slots = slots,
        .num_nodes = 2,
    };
    g_autoptr(GError) error = NULL;

    f->p = tn_test_platform_new();
    f->bus = tn_pci_bus_new();
    f->pm = g_object_new(TN_TYPE_PIIX4_PM, NULL);
    tn_pci_device_set_address(TN_PCI_DEVICE(f->pm), f->bus, TN_PCI_DEVFN(1, 0));
    tn_test_realize(f->p, f->pm);
    config.platform = &f->p->platform;
    config.gpe = tn_piix4_pm_get_gpe(f->pm);
    f->hotplug = tn_pc_hotplug_new(&config, &error);
    g_assert_no_error(error);
    f->p->platform.hotplug = TN_HOTPLUG_HANDLER(f->hotplug);
    f->objects = tn_object_ensure_container(f->p->platform.root, "objects");
    f->peripheral = tn_object_ensure_container(
        tn_object_ensure_container(f->p->platform.root, "machine"), "peripheral");
    /* The guest listens to bit 3. */
    tn_test_out(f->p, 0xafe2, 1 << 3, 2);
}

static void
unparent_child(TnObject *child, gpointer user_data)
{
    tn_object_unparent(child);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    tn_pc_hotplug_shut_down(f->hotplug);
    f->p->platform.hotplug = NULL;
    g_object_unref(f->hotplug);
    tn_test_drop(f->pm);
    g_object_unref(f->bus);
    tn_object_foreach_child(f->peripheral, unparent_child, NULL);
    tn_object_foreach_child(f->objects, unparent_child, NULL);
    tn_memory_synchronize(f->p->platform.memory);
    tn_test_platform_free(f->p);
}

/* object-add memory-backend-ram. (transfer none) */
static TnMemoryBackend *
add_backend(Fixture *f, const char *id, guint64 size)
{
    g_autoptr(TnObject) object = g_object_new(tn_memory_backend_ram_get_type(), "size", size, NULL);
    g_autoptr(GError) error = NULL;

    tn_object_add_child(f->objects, id, object, &error);
    g_assert_no_error(error);
    TN_OBJECT_GET_CLASS(object)->complete(object, &error);
    g_assert_no_error(error);
    return TN_MEMORY_BACKEND(object);
}

/* A DIMM below /machine/peripheral, not realized. (transfer none) */
static TnPcDimm *
make_dimm(Fixture *f, const char *id, TnMemoryBackend *memdev)
{
    g_autoptr(TnPcDimm) dimm = g_object_new(TN_TYPE_PC_DIMM, "memdev", memdev, NULL);

    tn_device_set_id(TN_DEVICE(dimm), id);
    tn_device_set_platform(TN_DEVICE(dimm), &f->p->platform);
    tn_device_set_hotplugged(TN_DEVICE(dimm), TRUE);
    g_assert_true(tn_object_add_child(f->peripheral, id, TN_OBJECT(dimm), NULL));
    return dimm;
}

static void
realize(TnPcDimm *dimm)
{
    g_autoptr(GError) error = NULL;

    tn_device_realize(TN_DEVICE(dimm), &error);
    g_assert_no_error(error);
}

/* device_add pc-dimm with a backend "m-<id>" of DIMM_SIZE. */
static TnPcDimm *
plug(Fixture *f, const char *id)
{
    g_autofree char *memdev = g_strdup_printf("m-%s", id);
    TnPcDimm *dimm = make_dimm(f, id, add_backend(f, memdev, DIMM_SIZE));

    realize(dimm);
    return dimm;
}

static void
assert_refused(TnPcDimm *dimm, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_device_realize(TN_DEVICE(dimm), &error));
    g_assert_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC);
    g_assert_cmpstr(error->message, ==, text);
    g_assert_false(tn_device_is_realized(TN_DEVICE(dimm)));
}

static void
request_unplug(Fixture *f, TnPcDimm *dimm)
{
    g_autoptr(GError) error = NULL;

    tn_hotplug_handler_unplug_request(TN_HOTPLUG_HANDLER(f->hotplug), TN_DEVICE(dimm), &error);
    g_assert_no_error(error);
}

/* The guest's part. */

static void
guest_select(Fixture *f, unsigned slot)
{
    tn_test_out(f->p, 0xa00, slot, 4);
}

static unsigned
guest_flags(Fixture *f, unsigned slot)
{
    guest_select(f, slot);
    return tn_test_inb(f->p, 0xa14);
}

static void
guest_control(Fixture *f, unsigned slot, unsigned value)
{
    guest_select(f, slot);
    tn_test_outb(f->p, 0xa14, (uint8_t)value);
}

static void
guest_ost(Fixture *f, unsigned slot, unsigned source, unsigned status)
{
    guest_select(f, slot);
    tn_test_out(f->p, 0xa04, source, 4);
    tn_test_out(f->p, 0xa08, status, 4);
}

/* Takes the SCI as ACPICA does: status read, cleared. */
static void
guest_take_sci(Fixture *f)
{
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[9].level, ==, 1);
    g_assert_cmphex(tn_test_in(f->p, 0xafe0, 2), ==, 1 << 3);
    tn_test_out(f->p, 0xafe0, 1 << 3, 2);
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
}

static void
clear_events(Fixture *f)
{
    tn_test_iterate();
    g_string_truncate(f->p->events, 0);
}

static void
assert_events(Fixture *f, const char *want)
{
    tn_test_iterate();
    g_assert_cmpstr(f->p->events->str, ==, want);
    g_string_truncate(f->p->events, 0);
}

/* Writes to guest memory at @addr; whether RAM was there. */
static gboolean
guest_has_ram(Fixture *f, guint64 addr)
{
    static const char text[] = "written by the guest";
    char back[sizeof text] = "";

    (void)tn_address_space_write(f->p->platform.memory_space, addr, text, sizeof text);
    (void)tn_address_space_read(f->p->platform.memory_space, addr, back, sizeof back);
    return memcmp(text, back, sizeof text) == 0;
}

static void
test_plug_shows_memory_and_tells_the_guest(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm;

    g_assert_false(guest_has_ram(f, WINDOW));
    dimm = plug(f, "d0");
    g_assert_cmphex(tn_pc_dimm_get_addr(dimm), ==, WINDOW);
    g_assert_cmpint(tn_pc_dimm_get_slot(dimm), ==, 0);
    g_assert_true(guest_has_ram(f, WINDOW + DIMM_SIZE - 64));
    g_assert_false(guest_has_ram(f, WINDOW + DIMM_SIZE));

    guest_take_sci(f);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED | TN_ACPI_MEMORY_INSERTING);
    g_assert_cmphex(tn_test_in(f->p, 0xa00, 4), ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0xa04, 4), ==, 1);
    g_assert_cmphex(tn_test_in(f->p, 0xa08, 4), ==, DIMM_SIZE);
    g_assert_cmphex(tn_test_in(f->p, 0xa0c, 4), ==, 0);
    guest_control(f, 0, TN_ACPI_MEMORY_INSERTING);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED);
    g_assert_cmphex(guest_flags(f, 1), ==, 0);
}

static void
test_plug_reports_the_guests_ost(Fixture *f, gconstpointer data)
{
    plug(f, "d0");
    clear_events(f);
    guest_ost(f, 0, 1, 0);
    assert_events(f, "ACPI_DEVICE_OST {\"info\":{\"device\":\"d0\",\"slot\":\"0\","
                     "\"slot-type\":\"DIMM\",\"source\":1,\"status\":0}}\n");
}

static void
test_cold_plug_is_silent(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = make_dimm(f, "d0", add_backend(f, "m0", DIMM_SIZE));

    tn_device_set_hotplugged(TN_DEVICE(dimm), FALSE);
    realize(dimm);
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0xafe0, 2), ==, 0);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED);
    g_assert_true(guest_has_ram(f, WINDOW));
}

static void
test_plug_takes_given_place(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = make_dimm(f, "d0", add_backend(f, "m0", DIMM_SIZE));

    g_object_set(dimm, "addr", WINDOW + 64 * MIB, "slot", 2, "node", 1, NULL);
    realize(dimm);
    g_assert_true(guest_has_ram(f, WINDOW + 64 * MIB));
    guest_select(f, 2);
    g_assert_cmphex(tn_test_in(f->p, 0xa00, 4), ==, 64 * MIB);
    g_assert_cmphex(tn_test_in(f->p, 0xa10, 4), ==, 1);
}

static void
test_plug_while_paused(Fixture *f, gconstpointer data)
{
    tn_run_state_stop(f->p->platform.run_state);
    plug(f, "d0");
    g_assert_true(guest_has_ram(f, WINDOW));
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[9].level, ==, 1);
}

static void
test_plug_fills_every_slot(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm;

    plug(f, "d0");
    plug(f, "d1");
    plug(f, "d2");
    plug(f, "d3");
    g_assert_true(guest_has_ram(f, WINDOW + 4 * DIMM_SIZE - 64));
    dimm = make_dimm(f, "d4", add_backend(f, "m4", DIMM_SIZE));
    assert_refused(dimm, "no free slots available");
    g_assert_cmpuint(tn_pc_hotplug_get_plugged_size(f->hotplug), ==, 4 * DIMM_SIZE);
}

static void
test_refuse_no_memdev(Fixture *f, gconstpointer data)
{
    assert_refused(make_dimm(f, "d0", NULL), "'memdev' property must be set");
}

static void
test_refuse_busy_memdev(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *memdev = add_backend(f, "m0", DIMM_SIZE);
    TnPcDimm *dimm = make_dimm(f, "d0", memdev);

    realize(dimm);
    assert_refused(make_dimm(f, "d1", memdev), "can't use already busy memdev: m0");
    g_assert_cmpuint(tn_pc_hotplug_get_plugged_size(f->hotplug), ==, DIMM_SIZE);
    g_assert_cmphex(guest_flags(f, 1), ==, 0);
}

static void
test_refuse_node(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = make_dimm(f, "d0", add_backend(f, "m0", DIMM_SIZE));

    g_object_set(dimm, "node", 2, NULL);
    assert_refused(dimm, "'DIMM property node has value 2' which exceeds the number of numa "
                         "nodes: 2");
}

static void
test_refuse_slot_and_addr(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = make_dimm(f, "d0", add_backend(f, "m0", DIMM_SIZE));

    plug(f, "d1");
    g_object_set(dimm, "slot", 4, NULL);
    assert_refused(dimm, "invalid slot number 4, valid range is [0-3]");
    g_object_set(dimm, "slot", 0, NULL);
    assert_refused(dimm, "slot 0 is busy");
    g_object_set(dimm, "slot", -1, "addr", WINDOW, NULL);
    assert_refused(dimm, "address range conflicts with memory device id='d1'");
    g_object_set(dimm, "addr", WINDOW + 4096, NULL);
    assert_refused(dimm, "address must be aligned to 0x200000 bytes");
    g_object_set(dimm, "addr", G_GUINT64_CONSTANT(0), NULL);
    realize(dimm);
}

static void
test_refuse_odd_size(Fixture *f, gconstpointer data)
{
    assert_refused(make_dimm(f, "d0", add_backend(f, "m0", MIB)),
                   "backend memory size must be multiple of 0x200000");
}

static unsigned
no_slots(void *opaque)
{
    return 0;
}

static void
test_refuse_without_accelerator_slot(Fixture *f, gconstpointer data)
{
    TnFastPath none = { .free_memory_slots = no_slots };
    TnPcDimm *dimm = make_dimm(f, "d0", add_backend(f, "m0", DIMM_SIZE));

    f->p->platform.fast_path = &none;
    assert_refused(dimm, "hypervisor has no free memory slots left");
    f->p->platform.fast_path = NULL;
    realize(dimm);
}

static void
test_refuse_without_slots(Fixture *f, gconstpointer data)
{
    assert_refused(make_dimm(f, "d0", add_backend(f, "m0", DIMM_SIZE)),
                   "no slots were allocated, please specify the 'slots' option");
    g_assert_cmphex(tn_test_in(f->p, 0xa00, 4), ==, 0xffffffff);
}

static void
test_backend_cannot_go_while_plugged(Fixture *f, gconstpointer data)
{
    TnMemoryBackend *memdev = tn_pc_dimm_get_memdev(plug(f, "d0"));

    g_assert_false(TN_OBJECT_GET_CLASS(memdev)->can_be_deleted(TN_OBJECT(memdev)));
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    tn_test_iterate();
    g_assert_true(TN_OBJECT_GET_CLASS(memdev)->can_be_deleted(TN_OBJECT(memdev)));
}

static void
test_unplug_handshake(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = plug(f, "d0");
    gpointer weak = dimm;

    g_object_add_weak_pointer(G_OBJECT(dimm), &weak);
    guest_take_sci(f);
    guest_control(f, 0, TN_ACPI_MEMORY_INSERTING);

    request_unplug(f, dimm);
    g_assert_true(tn_device_is_pending_unplug(TN_DEVICE(dimm)));
    guest_take_sci(f);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED | TN_ACPI_MEMORY_REMOVING);
    guest_control(f, 0, TN_ACPI_MEMORY_REMOVING);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED);
    g_assert_true(guest_has_ram(f, WINDOW));
    clear_events(f);

    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    g_assert_cmphex(guest_flags(f, 0), ==, 0); /* at once, for _STA */
    guest_ost(f, 0, 3, 0);
    assert_events(f, "DEVICE_DELETED {\"device\":\"d0\",\"path\":"
                     "\"\\/machine\\/peripheral\\/d0\"}\n"
                     "ACPI_DEVICE_OST {\"info\":{\"device\":\"d0\",\"slot\":\"0\","
                     "\"slot-type\":\"DIMM\",\"source\":3,\"status\":0}}\n");
    g_assert_false(guest_has_ram(f, WINDOW));
    tn_memory_synchronize(f->p->platform.memory);
    g_assert_null(weak);
    g_assert_cmpuint(tn_pc_hotplug_get_plugged_size(f->hotplug), ==, 0);
}

static void
test_unplug_refused_leaves_all_as_it_was(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = plug(f, "d0");

    request_unplug(f, dimm);
    guest_control(f, 0, TN_ACPI_MEMORY_REMOVING);
    clear_events(f);
    guest_ost(f, 0, 3, 0x82);
    assert_events(f, "ACPI_DEVICE_OST {\"info\":{\"device\":\"d0\",\"slot\":\"0\","
                     "\"slot-type\":\"DIMM\",\"source\":3,\"status\":130}}\n"
                     "MEM_UNPLUG_ERROR {\"device\":\"d0\",\"msg\":\"guest refused to eject the "
                     "memory device in slot 0: device busy (0x82)\"}\n"
                     "DEVICE_UNPLUG_GUEST_ERROR {\"device\":\"d0\",\"path\":"
                     "\"\\/machine\\/peripheral\\/d0\"}\n");
    g_assert_false(tn_device_is_pending_unplug(TN_DEVICE(dimm)));
    g_assert_true(guest_has_ram(f, WINDOW));
    g_assert_cmpuint(tn_pc_hotplug_get_plugged_size(f->hotplug), ==, DIMM_SIZE);
    g_assert_true(tn_device_is_realized(TN_DEVICE(dimm)));

    /* And it can be asked again, and succeed. */
    request_unplug(f, dimm);
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    assert_events(f, "DEVICE_DELETED {\"device\":\"d0\",\"path\":"
                     "\"\\/machine\\/peripheral\\/d0\"}\n");
}

static void
test_unplug_in_progress_is_no_refusal(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = plug(f, "d0");

    request_unplug(f, dimm);
    clear_events(f);
    guest_ost(f, 0, 0x103, 0x84);
    assert_events(f, "ACPI_DEVICE_OST {\"info\":{\"device\":\"d0\",\"slot\":\"0\","
                     "\"slot-type\":\"DIMM\",\"source\":259,\"status\":132}}\n");
    g_assert_true(tn_device_is_pending_unplug(TN_DEVICE(dimm)));
}

static void
test_unplug_request_repeats(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = plug(f, "d0");

    request_unplug(f, dimm);
    guest_take_sci(f);
    guest_control(f, 0, TN_ACPI_MEMORY_REMOVING);
    request_unplug(f, dimm);
    guest_take_sci(f);
    g_assert_cmphex(guest_flags(f, 0) & TN_ACPI_MEMORY_REMOVING, !=, 0);
}

static void
test_guest_ejects_unasked(Fixture *f, gconstpointer data)
{
    plug(f, "d0");
    clear_events(f);
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    assert_events(f, "DEVICE_DELETED {\"device\":\"d0\",\"path\":"
                     "\"\\/machine\\/peripheral\\/d0\"}\n");
}

static void
test_slot_and_address_are_used_again(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm;

    plug(f, "d0");
    plug(f, "d1");
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    tn_test_iterate();
    dimm = plug(f, "d2");
    g_assert_cmpint(tn_pc_dimm_get_slot(dimm), ==, 0);
    g_assert_cmphex(tn_pc_dimm_get_addr(dimm), ==, WINDOW);
}

static void
test_eject_twice_is_one(Fixture *f, gconstpointer data)
{
    plug(f, "d0");
    clear_events(f);
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    assert_events(f, "DEVICE_DELETED {\"device\":\"d0\",\"path\":"
                     "\"\\/machine\\/peripheral\\/d0\"}\n");
}

static void
test_reset_keeps_flags_and_forgets_the_gpe(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = plug(f, "d0");

    request_unplug(f, dimm);
    tn_reset_run(f->p->platform.reset);
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
    g_assert_cmphex(tn_test_in(f->p, 0xafe0, 4), ==, 0);
    g_assert_cmphex(guest_flags(f, 0), ==,
                    TN_ACPI_MEMORY_ENABLED | TN_ACPI_MEMORY_INSERTING | TN_ACPI_MEMORY_REMOVING);
}

static void
add_ospm(const TnOspmInfo *info, gpointer user_data)
{
    g_string_append_printf(user_data, "%s %s %s %u %u\n", info->device ? info->device : "-",
                           info->slot, info->slot_type, info->source, info->status);
}

static void
test_ospm_status_is_kept_per_slot(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);

    plug(f, "d0");
    plug(f, "d1");
    guest_ost(f, 1, 3, 0x80);
    guest_control(f, 1, TN_ACPI_MEMORY_EJECT);
    tn_test_iterate();
    tn_pc_hotplug_foreach_ospm_status(f->hotplug, add_ospm, text);
    g_assert_cmpstr(text->str, ==, "d0 0 DIMM 0 0\n- 1 DIMM 3 128\n- 2 DIMM 0 0\n- 3 DIMM 0 0\n");
}

static void
add_info(const TnMemoryDeviceInfo *info, gpointer user_data)
{
    g_string_append_printf(user_data, "%s %" G_GINT64_MODIFIER "x+%" G_GINT64_MODIFIER
                           "x slot %u node %u %s%s\n", info->id, info->addr, info->size,
                           info->slot, info->node, info->memdev_path,
                           info->hotplugged ? " hot" : "");
}

static void
test_memory_devices_are_listed_by_address(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    TnPcDimm *high = make_dimm(f, "high", add_backend(f, "m0", DIMM_SIZE));

    g_object_set(high, "addr", WINDOW + 64 * MIB, NULL);
    realize(high);
    plug(f, "low");
    tn_pc_hotplug_foreach_memory_device(f->hotplug, add_info, text);
    g_assert_cmpstr(text->str, ==,
                    "low 100000000+200000 slot 1 node 0 /objects/m-low hot\n"
                    "high 104000000+200000 slot 0 node 0 /objects/m0 hot\n");
}

static void
test_controller_ignores_slots_out_of_range(Fixture *f, gconstpointer data)
{
    plug(f, "d0");
    clear_events(f);
    guest_ost(f, 4, 3, 0x82);
    guest_control(f, 4, TN_ACPI_MEMORY_EJECT);
    guest_ost(f, 0xffffffff, 3, 0x82);
    assert_events(f, "");
    g_assert_cmphex(tn_test_in(f->p, 0xa00, 4), ==, 0);
    g_assert_cmphex(tn_test_inb(f->p, 0xa14), ==, 0);
}

static void
test_controller_reserved_registers(Fixture *f, gconstpointer data)
{
    plug(f, "d0");
    guest_select(f, 0);
    g_assert_cmphex(tn_test_inb(f->p, 0xa15), ==, 0xff);
    g_assert_cmphex(tn_test_in(f->p, 0xa16, 2), ==, 0xffff);
    g_assert_cmphex(tn_test_inb(f->p, 0xa01), ==, 0xff);
    tn_test_out(f->p, 0xa0c, 0xffffffff, 4);
    tn_test_out(f->p, 0xa10, 0xffffffff, 4);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED | TN_ACPI_MEMORY_INSERTING);
}

static void
test_control_acts_on_the_lowest_bit_alone(Fixture *f, gconstpointer data)
{
    TnPcDimm *dimm = plug(f, "d0");

    request_unplug(f, dimm);
    guest_control(f, 0, 0x0f);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED | TN_ACPI_MEMORY_REMOVING);
    guest_control(f, 0, 0x0c);
    g_assert_cmphex(guest_flags(f, 0), ==, TN_ACPI_MEMORY_ENABLED);
}

static void
test_ost_flood_is_bounded(Fixture *f, gconstpointer data)
{
    unsigned lines = 0;

    plug(f, "d0");
    clear_events(f);
    guest_ost(f, 0, 1, 0);
    for (unsigned i = 0; i < 5000; i++) {
        tn_test_out(f->p, 0xa08, 0, 4);
    }
    guest_control(f, 0, TN_ACPI_MEMORY_EJECT);
    tn_test_iterate();
    for (const char *c = f->p->events->str; *c; c++) {
        lines += *c == '\n';
    }
    g_assert_cmpuint(lines, ==, 1024 + 1);
    g_assert_nonnull(strstr(f->p->events->str, "DEVICE_DELETED"));
}

static void
test_other_devices_cannot_be_unplugged(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_handler_unplug_request(TN_HOTPLUG_HANDLER(f->hotplug),
                                                     TN_DEVICE(f->pm), &error));
    g_assert_cmpstr(error->message, ==, "Device 'PIIX4_PM' does not support hotplugging");
}

static void
refuse_dimm(TnMemoryListener *listener, const TnMemorySection *section)
{
    g_autoptr(GError) error = NULL;

    if (section->flat->range.first == WINDOW) {
        error = g_error_new_literal(TN_CORE_ERROR, TN_CORE_ERROR_GENERIC, "no DMA map for it");
        g_assert_true(tn_memory_section_refuse(section, error));
    }
}

static void
test_refused_by_a_listener_is_undone_whole(Fixture *f, gconstpointer data)
{
    TnMemoryListener listener = { .name = "refuser", .region_add = refuse_dimm };
    TnMemoryBackend *memdev = add_backend(f, "m0", DIMM_SIZE);
    TnPcDimm *dimm = make_dimm(f, "d0", memdev);

    tn_memory_listener_register(&listener, f->p->platform.memory_space);
    assert_refused(dimm, "no DMA map for it");
    g_assert_false(guest_has_ram(f, WINDOW));
    tn_test_iterate();
    g_assert_cmpint(f->p->irqs[9].level, ==, 0);
    g_assert_cmphex(guest_flags(f, 0), ==, 0);
    g_assert_cmpuint(tn_pc_hotplug_get_plugged_size(f->hotplug), ==, 0);
    tn_memory_listener_unregister(&listener, f->p->platform.memory_space);

    /* The same DIMM in the same place, now that nobody minds. */
    realize(dimm);
    g_assert_true(guest_has_ram(f, WINDOW));
    guest_take_sci(f);
}

#define ADD(path, func, slots)                                                                  \
    g_test_add("/machine/pc-hotplug/" path, Fixture, GUINT_TO_POINTER(slots), set_up, func,     \
               tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("refused-by-a-listener-is-undone-whole", test_refused_by_a_listener_is_undone_whole, 4);
    ADD("plug/shows-memory-and-tells-the-guest", test_plug_shows_memory_and_tells_the_guest, 4);
    ADD("plug/reports-the-guests-ost", test_plug_reports_the_guests_ost, 4);
    ADD("plug/cold-is-silent", test_cold_plug_is_silent, 4);
    ADD("plug/takes-given-place", test_plug_takes_given_place, 4);
    ADD("plug/while-paused", test_plug_while_paused, 4);
    ADD("plug/fills-every-slot", test_plug_fills_every_slot, 4);
    ADD("refuse/no-memdev", test_refuse_no_memdev, 4);
    ADD("refuse/busy-memdev", test_refuse_busy_memdev, 4);
    ADD("refuse/node", test_refuse_node, 4);
    ADD("refuse/slot-and-addr", test_refuse_slot_and_addr, 4);
    ADD("refuse/odd-size", test_refuse_odd_size, 4);
    ADD("refuse/without-accelerator-slot", test_refuse_without_accelerator_slot, 4);
    ADD("refuse/without-slots", test_refuse_without_slots, 0);
    ADD("backend-cannot-go-while-plugged", test_backend_cannot_go_while_plugged, 4);
    ADD("unplug/handshake", test_unplug_handshake, 4);
    ADD("unplug/refused-leaves-all-as-it-was", test_unplug_refused_leaves_all_as_it_was, 4);
    ADD("unplug/in-progress-is-no-refusal", test_unplug_in_progress_is_no_refusal, 4);
    ADD("unplug/request-repeats", test_unplug_request_repeats, 4);
    ADD("unplug/guest-ejects-unasked", test_guest_ejects_unasked, 4);
    ADD("unplug/slot-and-address-are-used-again", test_slot_and_address_are_used_again, 4);
    ADD("unplug/eject-twice-is-one", test_eject_twice_is_one, 4);
    ADD("reset-keeps-flags-and-forgets-the-gpe", test_reset_keeps_flags_and_forgets_the_gpe, 4);
    ADD("ospm-status-is-kept-per-slot", test_ospm_status_is_kept_per_slot, 4);
    ADD("memory-devices-are-listed-by-address", test_memory_devices_are_listed_by_address, 4);
    ADD("controller/ignores-slots-out-of-range", test_controller_ignores_slots_out_of_range, 4);
    ADD("controller/reserved-registers", test_controller_reserved_registers, 4);
    ADD("controller/acts-on-the-lowest-bit-alone", test_control_acts_on_the_lowest_bit_alone, 4);
    ADD("controller/ost-flood-is-bounded", test_ost_flood_is_bounded, 4);
    ADD("other-devices-cannot-be-unplugged", test_other_devices_cannot_be_unplugged, 4);
    return g_test_run();
}
