/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vfio-pci against a kernel that can refuse anything: taken whole or not at all, and given back. */
#include "tests/unit/vmm/vfio/fake-kernel.h"

#include "vmm/core/boot-order.h"
#include "vmm/core/hotplug-trace.h"
#include "vmm/pci/bar.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BAR_ADDRESS 0xe0000000u
#define MSIX_ENABLE 0x8000
#define MSI_ENABLE 0x0001

static void
enable_bars(Fixture *f)
{
    guest_config_write(f, 0x10, BAR_ADDRESS, 4);
    guest_config_write(f, 0x14, 0xc000, 4);
    guest_config_write(f, 0x04, 0x7, 2);
}

static guint32
guest_read(Fixture *f, guint64 offset)
{
    guint32 value = 0;

    (void)tn_address_space_read(f->p->platform.memory_space, BAR_ADDRESS + offset, &value, 4);
    return value;
}

static void
guest_write(Fixture *f, guint64 offset, guint32 value)
{
    (void)tn_address_space_write(f->p->platform.memory_space, BAR_ADDRESS + offset, &value, 4);
}

static void
signal_fd(int fd)
{
    const guint64 one = 1;

    g_assert_cmpint(write(fd, &one, sizeof one), ==, sizeof one);
}

static void
test_plug(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    g_assert_cmpuint(f->kernel.maps, ==, 1);
    g_assert_cmpuint(f->kernel.mapped_bytes, ==, 2u << 20);
    g_assert_cmpuint(f->kernel.kvm_groups, ==, 1);
    g_assert_cmpuint(f->kernel.resets, ==, 1);
    g_assert_cmphex(guest_config_read(f, 0, 4), ==, 0x11e81234);
}

static void
test_map_fails(Fixture *f, gconstpointer data)
{
    f->kernel.map_fails_at = 1;
    fixture_assert_refused(f, "cannot map memory region 'ram' for DMA (guest address 0x0, 0x200000 "
                              "bytes): Cannot allocate memory");
    /* The same device, once the limit is raised. */
    fixture_plug(f);
}

/* A second run of memory, which is the one that fails: the first map goes, too. */
static void
test_second_map_fails(Fixture *f, gconstpointer data)
{
    TnMemoryRegion alias;

    tn_memory_region_init_alias(&alias, f->p->platform.memory, NULL, "high", &f->ram, 0, 0x10000);
    tn_memory_region_add_subregion(&f->p->system_memory, 0x100000000, &alias);
    f->kernel.map_fails_at = 2;
    f->kernel.map_errno = ENOSPC;
    fixture_assert_refused(f, "No space left on device; the container takes 10 maps");
    tn_memory_region_del_subregion(&f->p->system_memory, &alias);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&alias);
}

static void
test_later_memory(Fixture *f, gconstpointer data)
{
    TnMemoryRegion alias;
    g_autoptr(GError) error = NULL;

    fixture_plug(f);
    tn_memory_region_init_alias(&alias, f->p->platform.memory, NULL, "dimm", &f->ram, 0, 0x10000);
    tn_memory_begin(f->p->platform.memory);
    tn_memory_region_add_subregion(&f->p->system_memory, 0x100000000, &alias);
    g_assert_true(tn_memory_commit_checked(f->p->platform.memory, &error));
    g_assert_cmpuint(f->kernel.maps, ==, 2);
    tn_memory_region_del_subregion(&f->p->system_memory, &alias);
    g_assert_cmpuint(f->kernel.maps, ==, 1);

    f->kernel.map_fails_at = 1;
    tn_memory_begin(f->p->platform.memory);
    tn_memory_region_add_subregion(&f->p->system_memory, 0x100000000, &alias);
    g_assert_false(tn_memory_commit_checked(f->p->platform.memory, &error));
    g_assert_nonnull(strstr(error->message, "Cannot allocate memory"));
    tn_memory_region_del_subregion(&f->p->system_memory, &alias);
    g_assert_cmpuint(f->kernel.maps, ==, 1);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&alias);
}

static void
test_maps_are_traced(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    TnHotplugTrace *trace = f->p->platform.trace;
    TnMemoryRegion alias;

    fixture_plug(f);
    tn_memory_region_init_alias(&alias, f->p->platform.memory, NULL, "dimm", &f->ram, 0, 0x10000);
    tn_memory_region_add_subregion(&f->p->system_memory, 0x100000000, &alias);
    tn_test_iterate();
    g_assert_null(strstr(f->p->events->str, "dma-map"));
    tn_hotplug_trace_set(trace, TRUE);
    tn_memory_region_del_subregion(&f->p->system_memory, &alias);
    f->kernel.map_fails_at = 1;
    tn_memory_begin(f->p->platform.memory);
    tn_memory_region_add_subregion(&f->p->system_memory, 0x100000000, &alias);
    g_assert_false(tn_memory_commit_checked(f->p->platform.memory, &error));
    tn_test_iterate();
    g_assert_nonnull(strstr(f->p->events->str, "ram 0x100000000+0x10000 unmapped"));
    g_assert_nonnull(strstr(f->p->events->str, "ram 0x100000000+0x10000 refused"));
    tn_memory_region_del_subregion(&f->p->system_memory, &alias);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&alias);
}

/* A change that nobody can refuse, as the guest made it: the machine stops. */
static void
test_unmappable_change_stops(Fixture *f, gconstpointer data)
{
    TnMemoryRegion alias;

    fixture_plug(f);
    tn_memory_region_init_alias(&alias, f->p->platform.memory, NULL, "moved", &f->ram, 0, 0x1000);
    f->kernel.map_fails_at = 1;
    tn_memory_region_add_subregion(&f->p->system_memory, 0x100000000, &alias);
    tn_test_iterate();
    g_assert_cmpint(tn_run_state_get(f->p->platform.run_state), ==, TN_RUN_STATE_INTERNAL_ERROR);
    tn_memory_region_del_subregion(&f->p->system_memory, &alias);
    tn_memory_synchronize(f->p->platform.memory);
    tn_memory_region_done(&alias);
}

static void
test_refusals_of_the_kernel(Fixture *f, gconstpointer data)
{
    f->kernel.no_group_link = TRUE;
    fixture_assert_refused(f, "vfio 0000:00:06.0: no iommu_group found: No such file or directory");
    f->kernel.no_group_link = FALSE;
    f->kernel.not_viable = TRUE;
    fixture_assert_refused(f, "vfio 0000:00:06.0: group 7 is not viable");
    f->kernel.not_viable = FALSE;
    f->kernel.api_version = 1;
    fixture_assert_refused(f, "supported vfio version: 0, reported version: 1");
    f->kernel.api_version = 0;
    f->kernel.no_type1_v2 = TRUE;
    fixture_assert_refused(f, "type 1 version 1 only");
    f->kernel.no_type1_v2 = FALSE;
    f->kernel.set_container_fails = TRUE;
    fixture_assert_refused(f, "failed to set container for group");
    f->kernel.set_container_fails = FALSE;
    f->kernel.device_busy = TRUE;
    fixture_assert_refused(f, "error getting device from group 7: Device or resource busy");
}

static void
test_garbage_of_the_device(Fixture *f, gconstpointer data)
{
    f->kernel.region_size[0] = FAKE_BAR_SIZE - 1;
    fixture_assert_refused(f, "BAR 0 has 0xffff bytes, which no BAR of its kind can have");
    f->kernel.region_size[0] = G_MAXUINT64;
    fixture_assert_refused(f, "region 0: reaches past the end of the device's descriptor");
    f->kernel.region_size[0] = FAKE_BAR_SIZE;
    f->kernel.sparse_size = 0x2000;
    f->kernel.sparse_count = 1;
    f->kernel.sparse_offset = 0xf000;
    fixture_assert_refused(f, "region 0: the mappable area 0xf000+0x2000 is not inside");
    f->kernel.sparse_offset = 0;
    f->kernel.sparse_count = 1000;
    fixture_assert_refused(f, "more mappable areas than the answer holds");
    f->kernel.sparse_size = 0;
    f->kernel.region_size[1] = 512;
    fixture_assert_refused(f, "BAR 1 has 0x200 bytes");
    f->kernel.region_size[1] = 32;
    f->kernel.config[0x64] = 5; /* the table in a BAR that is not there */
    fixture_assert_refused(f, "MSI-X table in BAR 5");
    f->kernel.config[0x64] = 0;
    f->kernel.region_size[VFIO_PCI_CONFIG_REGION_INDEX] = 0;
    fixture_assert_refused(f, "failed to read device config space");
}

static void
test_host_is_no_address(Fixture *f, gconstpointer data)
{
    g_object_set(f->device, "host", "zz", NULL);
    fixture_assert_refused(f, "Property 'vfio-pci.host' doesn't take value 'zz'");
    g_object_set(f->device, "host", "0000:ff:00.0", NULL);
    fixture_assert_refused(f, "vfio /sys/bus/pci/devices/0000:ff:00.0: no such host device: No "
                              "such file or directory");
    g_object_set(f->device, "host", NULL, NULL);
    fixture_assert_refused(f, "No provided host device");
}

static void
test_capabilities(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    /* AGP at 0x70 is left out; power management is the device's own. */
    g_assert_cmphex(guest_config_read(f, 0x34, 1), ==, 0x40);
    g_assert_cmphex(guest_config_read(f, 0x40, 2), ==, 0x5001);
    g_assert_cmphex(guest_config_read(f, 0x50, 2), ==, 0x6005);
    g_assert_cmphex(guest_config_read(f, 0x60, 2), ==, 0x8011);
    g_assert_cmphex(guest_config_read(f, 0x80, 2), ==, 0x0009);
    g_assert_cmphex(guest_config_read(f, 0x70, 4), ==, 0);
    guest_config_write(f, 0x72, 0x55, 1);
    g_assert_cmphex(f->kernel.config[0x72], ==, 0xaa);
    guest_config_write(f, 0x82, 0x77, 1);
    g_assert_cmphex(f->kernel.config[0x82], ==, 0x77);
}

static void
test_bars(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    g_assert_cmpuint(f->kernel.mmaps, ==, 1);
    g_assert_cmphex(f->kernel.config[4], ==, 0x7);
    f->kernel.bar[0x100] = 0x5a;
    g_assert_cmphex(guest_read(f, 0x100), ==, 0x5a);
    /* The table is ours, the device's own bytes below it untouched. */
    guest_write(f, FAKE_TABLE + 8, 0x1234);
    g_assert_cmphex(guest_read(f, FAKE_TABLE + 8), ==, 0x1234);
    g_assert_cmphex(f->kernel.bar[FAKE_TABLE + 8], ==, 0);
    tn_test_outb(f->p, 0xc003, 0x99);
    g_assert_cmphex(f->kernel.ports[3], ==, 0x99);
}

static void
test_bars_trapped(Fixture *f, gconstpointer data)
{
    f->kernel.mmap_fails = TRUE;
    fixture_plug(f);
    enable_bars(f);
    f->kernel.bar[0x100] = 0x5a;
    g_assert_cmphex(guest_read(f, 0x100), ==, 0x5a);
    guest_write(f, 0x104, 0xcafe);
    g_assert_cmphex(f->kernel.bar[0x104], ==, 0xfe);
}

static void
test_table_is_cut_out(Fixture *f, gconstpointer data)
{
    f->kernel.msix_mappable = FALSE;
    fixture_plug(f);
    g_assert_cmpuint(f->kernel.mmaps, ==, 2);
}

static void
unmask_vector(Fixture *f, unsigned n)
{
    guest_write(f, FAKE_TABLE + 16 * n, 0xfee00000);
    guest_write(f, FAKE_TABLE + 16 * n + 8, 0x4000 + n);
    guest_write(f, FAKE_TABLE + 16 * n + 12, 0);
}

static void
test_msix(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    g_assert_cmpint(f->kernel.intx_fd, >=, 0);
    guest_config_write(f, 0x62, MSIX_ENABLE, 2);
    g_assert_cmpint(f->kernel.intx_fd, ==, -1);
    g_assert_cmpuint(f->kernel.n_vectors, ==, 4);
    unmask_vector(f, 2);
    g_assert_cmpuint(f->kernel.irqfds, ==, 1);
    g_assert_cmpuint(f->kernel.routes, ==, 1);
    g_assert_cmpint(f->kernel.vectors[2], >=, 0);
    g_assert_cmpint(f->kernel.vectors[1], ==, -1);
    /* Masked, it becomes pending with us; unmasked, KVM has it again. */
    guest_write(f, FAKE_TABLE + 16 * 2 + 12, 1);
    g_assert_cmpuint(f->kernel.irqfds, ==, 0);
    signal_fd(f->kernel.vectors[2]);
    tn_test_iterate();
    g_assert_cmphex(guest_read(f, FAKE_PBA), ==, 1 << 2);
    guest_write(f, FAKE_TABLE + 16 * 2 + 12, 0);
    g_assert_cmphex(guest_read(f, FAKE_PBA), ==, 0);
    g_assert_cmpuint(f->kernel.irqfds, ==, 1);
    guest_config_write(f, 0x62, 0, 2);
    g_assert_cmpuint(f->kernel.irqfds, ==, 0);
    g_assert_cmpuint(f->kernel.routes, ==, 0);
    g_assert_cmpuint(f->kernel.n_vectors, ==, 0);
    g_assert_cmpint(f->kernel.intx_fd, >=, 0);
}

static void
test_msix_refused_by_kvm(Fixture *f, gconstpointer data)
{
    f->kernel.no_irqfd = TRUE;
    fixture_plug(f);
    enable_bars(f);
    guest_config_write(f, 0x62, MSIX_ENABLE, 2);
    unmask_vector(f, 0);
    g_assert_cmpuint(f->kernel.irqfds, ==, 0);
    /* The main loop takes it, and sends it (which this platform drops). */
    signal_fd(f->kernel.vectors[0]);
    tn_test_iterate();
    g_assert_cmphex(guest_read(f, FAKE_PBA), ==, 0);
    guest_config_write(f, 0x62, 0, 2);
}

static void
test_msix_refused_by_vfio(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    f->kernel.set_irqs_fails = TRUE;
    guest_config_write(f, 0x62, MSIX_ENABLE, 2);
    unmask_vector(f, 0);
    g_assert_cmpuint(f->kernel.irqfds, ==, 0);
}

static void
test_msi(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    guest_config_write(f, 0x54, 0xfee00000, 4);
    guest_config_write(f, 0x5c, 0x4030, 2);
    guest_config_write(f, 0x52, MSI_ENABLE | 1 << 4, 2);
    g_assert_cmpuint(f->kernel.vector_index, ==, VFIO_PCI_MSI_IRQ_INDEX);
    g_assert_cmpuint(f->kernel.n_vectors, ==, 2);
    g_assert_cmpuint(f->kernel.irqfds, ==, 2);
    /* The device's own register is not the guest's to set. */
    g_assert_cmphex(f->kernel.config[0x52], ==, 0x82);
    guest_config_write(f, 0x52, 0, 2);
    g_assert_cmpuint(f->kernel.irqfds, ==, 0);
    g_assert_cmpuint(f->kernel.n_vectors, ==, 0);
}

static void
test_intx_by_ourselves(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    g_assert_cmpint(f->kernel.unmask_fd, ==, -1);
    g_assert_cmpuint(f->kernel.intx_masked, ==, 0);
    f->kernel.intx_masked = 1; /* as the kernel does when it signals */
    signal_fd(f->kernel.intx_fd);
    tn_test_iterate();
    g_assert_cmphex(TN_PCI_DEVICE(f->device)->intx_asserted, ==, TRUE);
    (void)guest_read(f, 0x100);
    g_assert_cmphex(TN_PCI_DEVICE(f->device)->intx_asserted, ==, FALSE);
    g_assert_cmpuint(f->kernel.intx_masked, ==, 0);
}

static void
test_error_stops_the_guest(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    signal_fd(f->kernel.error_fd);
    tn_test_iterate();
    g_assert_cmpint(tn_run_state_get(f->p->platform.run_state), ==, TN_RUN_STATE_INTERNAL_ERROR);
}

static void
test_machine_reset(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    guest_config_write(f, 0x62, MSIX_ENABLE, 2);
    unmask_vector(f, 0);
    tn_reset_run(f->p->platform.reset);
    g_assert_cmpuint(f->kernel.resets, ==, 2);
    g_assert_cmpuint(f->kernel.irqfds, ==, 0);
    g_assert_cmpuint(f->kernel.n_vectors, ==, 0);
    g_assert_cmphex(f->kernel.config[4], ==, 0);
}

static void
test_unplug_while_interrupts_are_on(Fixture *f, gconstpointer data)
{
    fixture_plug(f);
    enable_bars(f);
    guest_config_write(f, 0x62, MSIX_ENABLE, 2);
    unmask_vector(f, 3);
    tn_device_unrealize(TN_DEVICE(f->device));
    fixture_assert_clean(f);
    fixture_plug(f);
}

static void
test_quirk_window(Fixture *f, gconstpointer data)
{
    TnMemoryRegion *bar;

    g_object_set(f->device, "x-pci-sub-device-id", 0x7e57u, NULL);
    fixture_plug(f);
    g_assert_cmphex(guest_config_read(f, 0x2e, 2), ==, 0x7e57);
    /* The window lies past this BAR's end, so it is left out, and the device works. */
    bar = tn_pci_device_get_bar_region(TN_PCI_DEVICE(f->device), 0);
    g_assert_cmpuint(tn_memory_region_size(bar), ==, FAKE_BAR_SIZE);
}

/* RTL8168's back door to the MSI-X table leads to ours. */
static void
test_quirk_rtl8168(Fixture *f, gconstpointer data)
{
    f->kernel.config[0] = 0xec;
    f->kernel.config[1] = 0x10;
    f->kernel.config[2] = 0x68;
    f->kernel.config[3] = 0x81;
    memcpy(f->kernel.config + 0x14, (guint8[]){ 0, 0, 0, 0 }, 4);
    f->kernel.region_size[1] = 0;
    f->kernel.region_size[2] = 4096;
    fixture_plug(f);
    guest_config_write(f, 0x10, BAR_ADDRESS, 4);
    guest_config_write(f, 0x18, BAR_ADDRESS + FAKE_BAR_SIZE, 4);
    guest_config_write(f, 0x04, 0x7, 2);
    guest_write(f, FAKE_BAR_SIZE + 0x70, 0xbeef);
    guest_write(f, FAKE_BAR_SIZE + 0x74, 0x8001f018); /* write, MSI-X, entry 1's data */
    g_assert_cmphex(guest_read(f, FAKE_BAR_SIZE + 0x74), ==, 0x0001f018);
    g_assert_cmphex(guest_read(f, FAKE_TABLE + 0x18), ==, 0xbeef);
    guest_write(f, FAKE_BAR_SIZE + 0x70, 0);
    guest_write(f, FAKE_BAR_SIZE + 0x74, 0x0001f018);
    g_assert_cmphex(guest_read(f, FAKE_BAR_SIZE + 0x74), ==, 0x8001f018);
    g_assert_cmphex(guest_read(f, FAKE_BAR_SIZE + 0x70), ==, 0xbeef);
}

static void
test_dma_maps(Fixture *f, gconstpointer data)
{
    json_object *reply;

    reply = tn_vfio_describe_dma_maps(f->p->platform.root);
    g_assert_cmpstr(json_object_to_json_string_ext(reply, 0), ==, "[]");
    json_object_put(reply);
    fixture_plug(f);
    reply = tn_vfio_describe_dma_maps(f->p->platform.root);
    g_assert_cmpstr(json_object_to_json_string_ext(reply, 0), ==,
                    "[{\"groups\":[{\"group\":7,\"devices\":[\"0000:00:06.0\"]}],"
                    "\"maps\":[{\"iova\":0,\"size\":2097152,\"region\":\"ram\",\"offset\":0,"
                    "\"readonly\":false}],\"max-maps\":10,\"free-maps\":10}]");
    json_object_put(reply);
}

static void
test_group_is_handed_over(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    TnObject *group;

    g_assert_true(fixture_add_group(f, &group, &error));
    g_assert_cmpuint(f->kernel.open_fds, ==, 2);
    g_assert_true(TN_OBJECT_GET_CLASS(group)->can_be_deleted(group));
    fixture_plug(f);
    /* The device's, and no other: nothing was opened by path. */
    g_assert_cmpuint(f->kernel.open_fds, ==, 3);
    g_assert_false(TN_OBJECT_GET_CLASS(group)->can_be_deleted(group));
    tn_device_unrealize(TN_DEVICE(f->device));
    g_assert_cmpuint(f->kernel.open_fds, ==, 2);
    g_assert_cmpuint(f->kernel.maps, ==, 0);
    /* Again, by the container it had. */
    fixture_plug(f);
    tn_device_unrealize(TN_DEVICE(f->device));
    tn_object_unparent(group);
    fixture_assert_clean(f);
}

static void
test_group_is_not_viable(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    TnObject *group;

    f->kernel.not_viable = TRUE;
    g_assert_false(fixture_add_group(f, &group, &error));
    g_assert_nonnull(strstr(error->message, "group 7 is not viable"));
    fixture_assert_clean(f);
}

static void
test_group_comes_once(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    TnObject *group;
    g_autoptr(TnObject) second = NULL;

    g_assert_true(fixture_add_group(f, &group, &error));
    second = g_object_new(G_OBJECT_TYPE(group), "group", FAKE_GROUP, "fd", "group", "container-fd",
                          "container", NULL);
    g_assert_true(tn_object_add_child(f->p->platform.root, "second", second, NULL));
    g_assert_false(TN_OBJECT_GET_CLASS(second)->complete(second, &error));
    g_assert_cmpstr(error->message, ==, "group 7 is in use already");
    tn_object_unparent(second);
    tn_object_unparent(group);
}

/* Class 0xff has no name of its own. */
static void
test_bootindex(Fixture *f, gconstpointer data)
{
    TnBootOrder *order = f->p->platform.boot_order;
    g_autoptr(GBytes) file = NULL;
    g_autoptr(GBytes) after = NULL;

    g_object_set(f->device, "bootindex", 1, NULL);
    fixture_plug(f);
    file = tn_boot_order_get_file(order);
    g_assert_cmpstr(g_bytes_get_data(file, NULL), ==, "/pci@i0cf8/pci1234,11e8@6");
    tn_device_unrealize(TN_DEVICE(f->device));
    after = tn_boot_order_get_file(order);
    g_assert_cmpuint(g_bytes_get_size(after), ==, 0);
}

static void
test_bootindex_is_used(Fixture *f, gconstpointer data)
{
    g_assert_true(tn_boot_order_add(f->p->platform.boot_order, 1, f, "/other", NULL));
    g_object_set(f->device, "bootindex", 1, NULL);
    fixture_assert_refused(f, "The bootindex 1 has already been used");
}

#define ADD(path, func)                                                                     \
    g_test_add("/vfio/pci/" path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("plug", test_plug);
    ADD("map-fails", test_map_fails);
    ADD("second-map-fails", test_second_map_fails);
    ADD("later-memory-is-mapped-or-refused", test_later_memory);
    ADD("maps-are-traced", test_maps_are_traced);
    ADD("unmappable-change-stops-the-machine", test_unmappable_change_stops);
    ADD("refusals-of-the-kernel", test_refusals_of_the_kernel);
    ADD("garbage-of-the-device", test_garbage_of_the_device);
    ADD("host-is-no-address", test_host_is_no_address);
    ADD("capabilities", test_capabilities);
    ADD("bars", test_bars);
    ADD("bars-trapped", test_bars_trapped);
    ADD("table-is-cut-out", test_table_is_cut_out);
    ADD("msix", test_msix);
    ADD("msix-refused-by-kvm", test_msix_refused_by_kvm);
    ADD("msix-refused-by-vfio", test_msix_refused_by_vfio);
    ADD("msi", test_msi);
    ADD("intx-by-ourselves", test_intx_by_ourselves);
    ADD("error-stops-the-guest", test_error_stops_the_guest);
    ADD("machine-reset", test_machine_reset);
    ADD("unplug-while-interrupts-are-on", test_unplug_while_interrupts_are_on);
    ADD("quirk-past-the-bar-is-left-out", test_quirk_window);
    ADD("quirk-rtl8168", test_quirk_rtl8168);
    ADD("bootindex", test_bootindex);
    ADD("bootindex-is-used", test_bootindex_is_used);
    ADD("dma-maps", test_dma_maps);
    ADD("group-is-handed-over", test_group_is_handed_over);
    ADD("group-is-not-viable", test_group_is_not_viable);
    ADD("group-comes-once", test_group_comes_once);
    return g_test_run();
}
