/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI devices of a host made of files: looked at, bound, given back, refused. */
#include "driver/host/pci-host.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "driver/error.h"
#include "tests/unit/driver/host/fake-pci.h"

#define ADD(path, func) g_test_add(path, FakePci, NULL, set_up, func, tear_down)
#define EDU "0000:00:06.0"
#define NVME "0000:00:07.0"
#define CLASS_NVME "0x010802\n"
#define CLASS_OTHER "0x00ff00\n"
#define CLASS_BRIDGE "0x060400\n"

static void
set_up(FakePci *pci, gconstpointer data)
{
    fake_pci_init(pci);
    fake_pci_add(pci, EDU, CLASS_OTHER, NULL, 6);
    fake_pci_add(pci, NVME, CLASS_NVME, "nvme", 7);
    fake_pci_add_disk(pci, NVME, "nvme0n1", "259:0");
    fake_pci_add_disk(pci, NVME, "nvme0n1/nvme0n1p1", "259:1");
}

static void
tear_down(FakePci *pci, gconstpointer data)
{
    fake_pci_clear(pci);
}

static void
assert_refused(gboolean result, GError **error, int code, const char *message)
{
    g_assert_false(result);
    g_assert_error(*error, TN_VIR_ERROR, code);
    g_assert_cmpstr((*error)->message, ==, message);
    g_clear_error(error);
}

static void
test_names(FakePci *pci, gconstpointer data)
{
    static const char *const bad[] = { "", "net_eth0", "pci_0000_00_06", "pci_0000_00_06_8",
                                       "pci_0000_00_06_0x", "pci_0000-00_06_0",
                                       "pci_0000_00_0G_0", "pci_../../../0_0" };
    g_autofree char *good = tn_pci_host_parse_name("pci_0000_3b_1f_7");

    g_assert_cmpstr(good, ==, "0000:3b:1f.7");
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_null(tn_pci_host_parse_name(bad[i]));
    }
}

static void
test_missing_device(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *message = g_strdup_printf(
        "Device 0000:00:08.0 not found: could not access %s/sys/bus/pci/devices/0000:00:08.0/"
        "config: No such file or directory", pci->root);

    g_assert_true(tn_pci_host_check_device(pci->host, EDU, &error));
    assert_refused(tn_pci_host_check_device(pci->host, "0000:00:08.0", &error), &error,
                   VIR_ERR_INTERNAL_ERROR, message);
    assert_refused(tn_pci_host_check_device(pci->host, "../../x", &error), &error,
                   VIR_ERR_INTERNAL_ERROR, "'../../x' is no PCI address");
}

static void
test_bind_and_back(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_pci_host_bind(pci->host, NVME, "vfio-pci", "vfio-pci", &error));
    fake_pci_assert(pci, NVME, "vfio-pci", "vfio-pci");
    g_assert_true(tn_pci_host_bind(pci->host, NVME, "nvme", NULL, &error));
    g_assert_no_error(error);
    fake_pci_assert(pci, NVME, "nvme", "-");
}

static void
test_bind_one_without_driver(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_pci_host_bind(pci->host, EDU, "vfio-pci", "vfio-pci", &error));
    fake_pci_assert(pci, EDU, "vfio-pci", "vfio-pci");
    g_assert_true(tn_pci_host_bind(pci->host, EDU, NULL, NULL, &error));
    g_assert_no_error(error);
    fake_pci_assert(pci, EDU, "-", "-");
}

static void
test_bind_twice_does_nothing(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gint writes;

    g_assert_true(tn_pci_host_bind(pci->host, NVME, "vfio-pci", "vfio-pci", &error));
    writes = g_atomic_int_get(&pci->n_writes);
    g_assert_true(tn_pci_host_bind(pci->host, NVME, "vfio-pci", "vfio-pci", &error));
    g_assert_cmpint(g_atomic_int_get(&pci->n_writes), ==, writes);
}

static void
test_stub_that_takes_nothing(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    pci->dead_driver = "vfio-pci";
    assert_refused(tn_pci_host_bind(pci->host, NVME, "vfio-pci", "vfio-pci", &error), &error,
                   VIR_ERR_INTERNAL_ERROR,
                   "Failed to bind PCI device '" NVME "' to vfio-pci: it is bound to 'no driver'");
    g_assert_true(tn_pci_host_bind(pci->host, NVME, "nvme", NULL, &error));
    fake_pci_assert(pci, NVME, "nvme", "-");
}

static void
test_unbind_that_fails(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *message = g_strdup_printf(
        "cannot unbind PCI device " NVME ": %s/sys/bus/pci/devices/" NVME
        "/driver/unbind: Input/output error", pci->root);

    pci->fail = "/unbind";
    assert_refused(tn_pci_host_bind(pci->host, NVME, "vfio-pci", "vfio-pci", &error), &error,
                   VIR_ERR_SYSTEM_ERROR, message);
    fake_pci_assert(pci, NVME, "nvme", "vfio-pci");
    g_assert_true(tn_pci_host_bind(pci->host, NVME, "nvme", NULL, &error));
    fake_pci_assert(pci, NVME, "nvme", "-");
}

static void
test_release(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_pci_host_bind(pci->host, NVME, "vfio-pci", "vfio-pci", &error));
    g_assert_true(tn_pci_host_release(pci->host, NVME, &error));
    fake_pci_assert(pci, NVME, "nvme", "-");
    g_assert_true(tn_pci_host_release(pci->host, NVME, &error));
    fake_pci_assert(pci, NVME, "nvme", "-");
}

static void
test_group(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) devices = tn_pci_host_get_group_devices(pci->host, 7);
    g_autofree char *list = g_strjoinv(" ", devices);

    g_assert_cmpint(tn_pci_host_get_group(pci->host, NVME, &error), ==, 7);
    g_assert_cmpstr(list, ==, NVME);
    fake_pci_add(pci, "0000:00:09.0", CLASS_OTHER, NULL, -1);
    assert_refused(tn_pci_host_get_group(pci->host, "0000:00:09.0", &error) >= 0, &error,
                   VIR_ERR_CONFIG_UNSUPPORTED,
                   "PCI device 0000:00:09.0 is in no IOMMU group: the host's IOMMU is off or does "
                   "not reach it");
}

static void
test_group_with_a_bound_device(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fake_pci_add(pci, "0000:00:07.1", CLASS_OTHER, "e1000e", 7);
    assert_refused(tn_pci_host_check_group(pci->host, NVME, &error), &error,
                   VIR_ERR_OPERATION_INVALID,
                   "PCI device " NVME " cannot be assigned: device 0000:00:07.1 of its IOMMU "
                   "group 7 is bound to driver 'e1000e'; detach that device from the host too");
}

static void
test_group_with_harmless_devices(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fake_pci_add(pci, "0000:00:07.1", CLASS_OTHER, NULL, 7);
    fake_pci_add(pci, "0000:00:07.2", CLASS_OTHER, "pci-stub", 7);
    fake_pci_add(pci, "0000:00:07.3", CLASS_OTHER, "vfio-pci", 7);
    fake_pci_add(pci, "0000:00:07.4", CLASS_OTHER, "mlx5_vfio_pci", 7);
    fake_pci_add(pci, "0000:00:01.0", CLASS_BRIDGE, "pcieport", 7);
    g_assert_true(tn_pci_host_check_group(pci->host, NVME, &error));
    g_assert_no_error(error);
}

static void
test_bridge_is_not_assignable(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fake_pci_add(pci, "0000:00:01.0", CLASS_BRIDGE, "pcieport", 1);
    g_assert_true(tn_pci_host_check_assignable(pci->host, NVME, &error));
    assert_refused(tn_pci_host_check_assignable(pci->host, "0000:00:01.0", &error), &error,
                   VIR_ERR_CONFIG_UNSUPPORTED,
                   "Non-endpoint PCI devices cannot be assigned to guests: 0000:00:01.0 is a "
                   "bridge");
}

static void
assert_in_use(FakePci *pci, const char *how)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *message = g_strconcat("PCI device " NVME " is in use by the host: ", how,
                                           NULL);

    assert_refused(tn_pci_host_check_unused(pci->host, NVME, &error), &error,
                   VIR_ERR_OPERATION_INVALID, message);
}

static void
test_unused(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fake_pci_put(pci, "/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    g_assert_true(tn_pci_host_check_unused(pci->host, NVME, &error));
    g_assert_no_error(error);
    g_assert_true(tn_pci_host_check_unused(pci->host, EDU, &error));
}

static void
test_mounted_partition(FakePci *pci, gconstpointer data)
{
    fake_pci_put(pci, "/proc/self/mountinfo",
                 "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                 "36 35 259:1 /s /srv/a\\040b rw,noatime master:1 shared:7 - ext4 /dev/root rw\n");
    assert_in_use(pci, "/dev/nvme0n1p1 is mounted on /srv/a\\040b");
}

static void
test_file_system_of_several_disks(FakePci *pci, gconstpointer data)
{
    fake_pci_put(pci, "/proc/self/mountinfo", "36 35 0:44 / /srv rw - btrfs /dev/nvme0n1 rw\n");
    assert_in_use(pci, "/dev/nvme0n1 is mounted on /srv");
}

static void
test_swap(FakePci *pci, gconstpointer data)
{
    fake_pci_put(pci, "/proc/swaps",
                 "Filename\tType\tSize\tUsed\tPriority\n/dev/nvme0n1p1 partition 1 0 -2\n");
    assert_in_use(pci, "/dev/nvme0n1p1 is its swap");
}

static void
add_holder(FakePci *pci, const char *below, const char *holder)
{
    g_autofree char *file = g_strconcat("/sys/devices/virtual/block/", holder, "/dev", NULL);
    g_autofree char *target = g_strconcat(pci->root, "/sys/devices/virtual/block/", holder, NULL);
    g_autofree char *link = g_strconcat(pci->root, "/sys/class/block/", holder, NULL);
    g_autofree char *mark = g_strconcat("/sys/class/block/", below, "/holders/", holder, NULL);

    fake_pci_put(pci, file, "253:0\n");
    g_assert_cmpint(symlink(target, link), ==, 0);
    fake_pci_put(pci, mark, "");
}

static void
test_part_of_an_array(FakePci *pci, gconstpointer data)
{
    add_holder(pci, "nvme0n1p1", "md0");
    assert_in_use(pci, "/dev/nvme0n1p1 is part of /dev/md0");
}

static void
test_mounted_volume_above(FakePci *pci, gconstpointer data)
{
    add_holder(pci, "nvme0n1p1", "dm-0");
    fake_pci_put(pci, "/proc/self/mountinfo", "36 35 253:0 / /home rw - xfs /dev/mapper/h rw\n");
    assert_in_use(pci, "/dev/dm-0 is mounted on /home");
}

static void
test_swap_on_a_volume_above(FakePci *pci, gconstpointer data)
{
    g_autofree char *mapper = g_strconcat(pci->root, "/dev/mapper", NULL);
    g_autofree char *link = g_strconcat(mapper, "/vg-swap", NULL);

    add_holder(pci, "nvme0n1p1", "dm-0");
    fake_pci_put(pci, "/dev/dm-0", "");
    g_assert_cmpint(g_mkdir_with_parents(mapper, 0700), ==, 0);
    g_assert_cmpint(symlink("../dm-0", link), ==, 0);
    fake_pci_put(pci, "/proc/swaps", "Filename\n/dev/mapper/vg-swap partition 1 0 -2\n");
    assert_in_use(pci, "/dev/dm-0 is its swap");
}

static void
test_one_of_several_paths(FakePci *pci, gconstpointer data)
{
    add_holder(pci, "nvme0n1", "nvme3n2");
    fake_pci_add_disk(pci, EDU, "nvme3c3n2", "");
    fake_pci_put(pci, "/proc/self/mountinfo", "36 35 253:0 / /home rw - xfs /dev/nvme3n2 rw\n");
    {
        g_autoptr(GError) error = NULL;

        assert_refused(tn_pci_host_check_unused(pci->host, EDU, &error), &error,
                       VIR_ERR_OPERATION_INVALID,
                       "PCI device " EDU " is in use by the host: /dev/nvme3n2 is mounted on "
                       "/home");
    }
}

static void
test_reset(FakePci *pci, gconstpointer data)
{
    g_autofree char *path = g_strconcat(pci->root, "/sys/bus/pci/devices/" EDU "/reset", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_pci_host_reset(pci->host, EDU, &error));
    pci->fail = "/reset";
    assert_refused(tn_pci_host_reset(pci->host, EDU, &error), &error, VIR_ERR_INTERNAL_ERROR,
                   "Unable to reset PCI device " EDU ": Input/output error");
    g_assert_cmpint(g_unlink(path), ==, 0);
    assert_refused(tn_pci_host_reset(pci->host, EDU, &error), &error, VIR_ERR_INTERNAL_ERROR,
                   "Unable to reset PCI device " EDU ": no FLR, PM reset or bus reset available");
    g_assert_true(tn_pci_host_bind(pci->host, EDU, "vfio-pci", "vfio-pci", &error));
    g_assert_true(tn_pci_host_reset(pci->host, EDU, &error));
}

static void
test_descriptors(FakePci *pci, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *message = g_strconcat("cannot open '", pci->root,
                                           "/dev/vfio/99': No such file or directory", NULL);
    int container = tn_pci_host_open_container(pci->host, &error);
    int group = tn_pci_host_open_group(pci->host, 7, &error);

    g_assert_no_error(error);
    close(container);
    close(group);
    assert_refused(tn_pci_host_open_group(pci->host, 99, &error) >= 0, &error,
                   VIR_ERR_SYSTEM_ERROR, message);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/host/pci/names", test_names);
    ADD("/host/pci/missing-device", test_missing_device);
    ADD("/host/pci/bind-and-back", test_bind_and_back);
    ADD("/host/pci/bind-one-without-driver", test_bind_one_without_driver);
    ADD("/host/pci/bind-twice-does-nothing", test_bind_twice_does_nothing);
    ADD("/host/pci/stub-that-takes-nothing", test_stub_that_takes_nothing);
    ADD("/host/pci/unbind-that-fails", test_unbind_that_fails);
    ADD("/host/pci/release", test_release);
    ADD("/host/pci/group", test_group);
    ADD("/host/pci/group-with-a-bound-device", test_group_with_a_bound_device);
    ADD("/host/pci/group-with-harmless-devices", test_group_with_harmless_devices);
    ADD("/host/pci/bridge-is-not-assignable", test_bridge_is_not_assignable);
    ADD("/host/pci/unused", test_unused);
    ADD("/host/pci/mounted-partition", test_mounted_partition);
    ADD("/host/pci/file-system-of-several-disks", test_file_system_of_several_disks);
    ADD("/host/pci/swap", test_swap);
    ADD("/host/pci/part-of-an-array", test_part_of_an_array);
    ADD("/host/pci/mounted-volume-above", test_mounted_volume_above);
    ADD("/host/pci/swap-on-a-volume-above", test_swap_on_a_volume_above);
    ADD("/host/pci/one-of-several-paths", test_one_of_several_paths);
    ADD("/host/pci/reset", test_reset);
    ADD("/host/pci/descriptors", test_descriptors);
    return g_test_run();
}
