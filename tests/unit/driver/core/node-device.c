/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nodedev-detach, -reattach and -reset: the host is as before, whatever happens in between. */
#include "driver/core/node-device.h"

#include <string.h>

#include "driver/core/lifecycle.h"
#include "tests/unit/driver/core/hostdev-fixture.h"

#define ADD(path, func) g_test_add(path, Fixture, NULL, hostdev_set_up, func, fixture_tear_down)
#define NAME "pci_0000_00_07_0"

static void
assert_refused(gboolean result, GError **error, int code, const char *message)
{
    g_assert_false(result);
    g_assert_error(*error, TN_VIR_ERROR, code);
    g_assert_cmpstr((*error)->message, ==, message);
    g_clear_error(error);
}

static void
detach(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    (void)tn_node_device_detach(f->driver, NAME, NULL, &error);
    g_assert_no_error(error);
    hostdev_assert_away(f);
}

static void
reattach(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    (void)tn_node_device_reattach(f->driver, NAME, &error);
    g_assert_no_error(error);
    hostdev_assert_home(f);
}

static void
test_there_and_back(Fixture *f, gconstpointer data)
{
    detach(f);
    detach(f);
    reattach(f);
    reattach(f);
}

static void
test_names(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    assert_refused(tn_node_device_detach(f->driver, "net_eth0", NULL, &error), &error,
                   VIR_ERR_INVALID_ARG, "device net_eth0 is not a PCI device");
    assert_refused(tn_node_device_detach(f->driver, NAME, "nvme", &error), &error,
                   VIR_ERR_INVALID_ARG, "unknown driver name 'nvme'");
    assert_refused(tn_node_device_detach(f->driver, NAME, "kvm", &error), &error,
                   VIR_ERR_CONFIG_UNSUPPORTED,
                   "KVM device assignment is no longer supported on this system");
    g_assert_false(tn_node_device_detach(f->driver, "pci_0000_00_1d_0", NULL, &error));
    g_assert_true(g_str_has_prefix(error->message, "Device 0000:00:1d.0 not found: "));
    g_assert_true(tn_node_device_check(f->driver, NAME, NULL));
    g_clear_error(&error);
    assert_refused(tn_node_device_check(f->driver, "pci_0000_00_1d_0", &error), &error,
                   VIR_ERR_NO_NODE_DEVICE,
                   "no node device with matching name 'pci_0000_00_1d_0'");
    hostdev_assert_home(f);
}

static void
test_mounted_disk_stays(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    static const char message[] =
        "PCI device " NVME " is in use by the host: /dev/nvme0n1 is mounted on /srv";

    fake_pci_put(&f->pci, "/proc/self/mountinfo",
                 "36 35 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
    assert_refused(tn_node_device_detach(f->driver, NAME, NULL, &error), &error,
                   VIR_ERR_OPERATION_INVALID, message);
    assert_refused(tn_node_device_reset(f->driver, NAME, &error), &error,
                   VIR_ERR_OPERATION_INVALID, message);
    hostdev_assert_home(f);
}

static void
test_failed_detach_is_undone(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->pci.fail = "/drivers_probe";
    g_assert_false(tn_node_device_detach(f->driver, NAME, NULL, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR);
    hostdev_assert_home(f);
}

static void
test_guest_in_between(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    g_autoptr(GError) error = NULL;

    detach(f);
    hostdev_attach(domain, NVME_UNMANAGED_XML);
    assert_refused(tn_node_device_reattach(f->driver, NAME, &error), &error,
                   VIR_ERR_OPERATION_INVALID,
                   "PCI device " NVME " is in use by driver QEMU, domain g");
    assert_refused(tn_node_device_detach(f->driver, NAME, NULL, &error), &error,
                   VIR_ERR_OPERATION_INVALID,
                   "PCI device " NVME " is in use by driver QEMU, domain g");
    assert_refused(tn_node_device_reset(f->driver, NAME, &error), &error, VIR_ERR_INTERNAL_ERROR,
                   "Unable to reset PCI device " NVME ": Not resetting active device");
    hostdev_detach(domain, NVME_UNMANAGED_XML);
    hostdev_assert_away(f);
    reattach(f);
}

/* Managed means "as it was before the guest": and before it, the user had detached it. */
static void
test_managed_guest_in_between(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");

    detach(f);
    hostdev_attach(domain, NVME_XML);
    hostdev_detach(domain, NVME_XML);
    hostdev_assert_away(f);
    reattach(f);
}

static void
test_daemon_in_between(Fixture *f, gconstpointer data)
{
    detach(f);
    fixture_stop_driver(f);
    fixture_start_driver(f);
    hostdev_assert_away(f);
    reattach(f);
}

static void
test_killed_guest_in_between(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    detach(f);
    hostdev_attach(domain, NVME_UNMANAGED_XML);
    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
    hostdev_assert_away(f);
    reattach(f);
}

static void
test_reattach_of_one_detached_by_hand(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_pci_host_bind(f->pci.host, NVME, "vfio-pci", "vfio-pci", &error));
    reattach(f);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_node_device_reset(f->driver, NAME, &error));
    hostdev_assert_home(f);
    detach(f);
    g_assert_true(tn_node_device_reset(f->driver, NAME, &error));
    hostdev_assert_away(f);
    reattach(f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/node-device/there-and-back", test_there_and_back);
    ADD("/driver/node-device/names", test_names);
    ADD("/driver/node-device/mounted-disk-stays", test_mounted_disk_stays);
    ADD("/driver/node-device/failed-detach-is-undone", test_failed_detach_is_undone);
    ADD("/driver/node-device/guest-in-between", test_guest_in_between);
    ADD("/driver/node-device/managed-guest-in-between", test_managed_guest_in_between);
    ADD("/driver/node-device/daemon-in-between", test_daemon_in_between);
    ADD("/driver/node-device/killed-guest-in-between", test_killed_guest_in_between);
    ADD("/driver/node-device/reattach-of-one-detached-by-hand",
        test_reattach_of_one_detached_by_hand);
    ADD("/driver/node-device/reset", test_reset);
    return g_test_run();
}
