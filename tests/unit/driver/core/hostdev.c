/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host devices in guests: attached and detached, at boot, refused, undone, given back. */
#include "driver/core/hotplug.h"
#include "driver/core/lifecycle.h"
#include "driver/core/stop.h"
#include "tests/unit/driver/core/hostdev-fixture.h"

#include <errno.h>

#define ADD(path, func) g_test_add(path, Fixture, NULL, hostdev_set_up, func, fixture_tear_down)
#define LIVE VIR_DOMAIN_AFFECT_LIVE
#define CONFIG VIR_DOMAIN_AFFECT_CONFIG
#define LIMIT_US (60 * G_USEC_PER_SEC)
#define LOOK_US 2000

static guint
count_own_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

static void
test_attach(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autofree char *xml = NULL;

    hostdev_attach(domain, NVME_XML);
    hostdev_assert_away(f);
    hostdev_assert_monitor(domain, "1 1 0");
    fixture_wait_event(f, "g added hostdev0");
    xml = tn_domain_device_format(&tn_domain_def_hostdev(domain->live, 0)->base,
                                  TN_XML_FORMAT_DEFAULT);
    g_assert_cmpstr(xml, ==,
                    "<hostdev mode='subsystem' type='pci' managed='yes'>\n"
                    "  <driver name='vfio'/>\n"
                    "  <source>\n"
                    "    <address domain='0x0000' bus='0x00' slot='0x07' function='0x0'/>\n"
                    "  </source>\n"
                    "  <alias name='hostdev0'/>\n"
                    "  <address type='pci' domain='0x0000' bus='0x00' slot='0x03' "
                    "function='0x0'/>\n"
                    "</hostdev>\n");
}

static void
test_attach_live_and_config(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_hotplug_attach(domain, NVME_XML, LIVE | CONFIG, &error));
    g_assert_cmpuint(tn_domain_def_n_devices(domain->persistent, TN_DEVICE_HOSTDEV), ==, 1);
    g_assert_false(tn_hotplug_attach(domain, NVME_XML, CONFIG, &error));
    g_assert_cmpstr(error->message, ==,
                    "Requested operation is not valid: device is already in the domain "
                    "configuration");
    g_clear_error(&error);
    g_assert_true(tn_hotplug_detach(domain, NVME_XML, LIVE | CONFIG, &error));
    g_assert_cmpuint(tn_domain_def_n_devices(domain->persistent, TN_DEVICE_HOSTDEV), ==, 0);
    hostdev_assert_home(f);
}

#define BEHIND_XML                                                                                 \
    "<hostdev mode='subsystem' type='pci' managed='yes'>"                                          \
    "<source><address domain='0' bus='0' slot='7' function='0'/></source>"                         \
    "<address type='pci' domain='0' bus='1' slot='5' function='0'/></hostdev>"

/* A running guest gets no further bus for a device; its definition does. */
static void
test_attach_behind_a_bridge_that_is_not_there(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;
    const TnControllerDevice *bridge;

    hostdev_refuse(domain, BEHIND_XML, VIR_ERR_XML_ERROR,
                   "XML error: Invalid PCI address 0000:01:05.0. Only PCI buses up to 0 are "
                   "available");
    hostdev_assert_home(f);
    g_assert_true(tn_hotplug_attach(domain, BEHIND_XML, CONFIG, &error));
    bridge = tn_domain_def_pci_controller(domain->persistent, 1);
    g_assert_nonnull(bridge);
    g_assert_cmpint(bridge->chassis_nr, ==, 1);
    g_assert_cmpuint(bridge->base.info.address.pci.slot, ==, 3);
    g_assert_cmpuint(tn_domain_def_hostdev(domain->persistent, 0)->base.info.address.pci.bus, ==,
                     1);
}

static void
test_detach_gives_back_before_it_answers(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");

    hostdev_attach(domain, NVME_XML);
    hostdev_detach(domain, NVME_XML);
    hostdev_assert_home(f);
    hostdev_assert_monitor(domain, "0 0 0");
    g_assert_cmpuint(hostdev_n_live(domain), ==, 0);
    g_assert_cmpuint(fixture_count_events(f, "g removed hostdev0"), ==, 1);
}

static void
test_refused_detach_keeps_it(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=refuse");
    g_autoptr(GError) error = NULL;

    hostdev_attach(domain, NVME_XML);
    g_assert_false(tn_hotplug_detach(domain, NVME_XML, LIVE, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_FAILED);
    hostdev_assert_away(f);
    g_assert_cmpuint(fixture_count_events(f, "g kept hostdev0"), ==, 1);
}

static void
test_late_answer_gives_back(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=never");
    g_autoptr(GError) error = NULL;

    hostdev_attach(domain, NVME_XML);
    g_assert_true(tn_hotplug_detach_alias(domain, "hostdev0", LIVE, &error));
    hostdev_assert_away(f);
    fixture_tell_guest(domain,
                       "{\"execute\":\"x-fake-eject\",\"arguments\":{\"id\":\"hostdev0\"}}");
    fixture_wait_event(f, "g removed hostdev0");
    hostdev_assert_home(f);
    hostdev_assert_monitor(domain, "0 0 0");
}

static void
test_unknown_device_cannot_be_detached(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_detach(domain, NVME_XML, LIVE, &error));
    g_assert_cmpint(error->code, ==, VIR_ERR_DEVICE_MISSING);
    g_assert_cmpstr(error->message, ==,
                    "device not found: host pci device " NVME " not found");
}

static void
assert_undone(Fixture *f, const char *words, const char *command)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", words);
    g_autofree char *message = g_strdup_printf(
        "unable to execute QEMU command '%s': refused by the test", command);

    hostdev_refuse(domain, NVME_XML, VIR_ERR_INTERNAL_ERROR, message);
    hostdev_assert_home(f);
    hostdev_assert_monitor(domain, "0 0 0");
}

static void
test_refused_device_is_undone(Fixture *f, gconstpointer data)
{
    assert_undone(f, "refuse=device_add", "device_add");
}

static void
test_refused_group_is_undone(Fixture *f, gconstpointer data)
{
    assert_undone(f, "refuse=object-add", "object-add");
}

static void
test_refused_descriptor_is_undone(Fixture *f, gconstpointer data)
{
    assert_undone(f, "refuse=getfd", "getfd");
}

static void
test_stub_that_takes_nothing_is_undone(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    f->pci.dead_driver = "vfio-pci";
    hostdev_refuse(domain, NVME_XML, VIR_ERR_INTERNAL_ERROR,
                   "Failed to bind PCI device '" NVME "' to vfio-pci: it is bound to 'no driver'");
    hostdev_assert_home(f);
}

static void
test_monitor_that_vanishes(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "vanish=device_add");
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_hotplug_attach(domain, NVME_XML, LIVE, &error));
    fixture_wait_state(domain, VIR_DOMAIN_SHUTOFF);
    hostdev_wait_home(f);
}

static void
test_mounted_disk_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    fake_pci_put(&f->pci, "/proc/self/mountinfo",
                 "36 35 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
    hostdev_refuse(domain, NVME_XML, VIR_ERR_OPERATION_INVALID,
                   "PCI device " NVME " is in use by the host: /dev/nvme0n1 is mounted on /srv");
    hostdev_assert_home(f);
}

static void
test_group_in_use_by_host_is_undone(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");

    fake_pci_add(&f->pci, "0000:00:07.1", "0x020000\n", "e1000e", 7);
    hostdev_refuse(domain, NVME_XML, VIR_ERR_OPERATION_INVALID,
                   "PCI device " NVME " cannot be assigned: device 0000:00:07.1 of its IOMMU "
                   "group 7 is bound to driver 'e1000e'; detach that device from the host too");
    hostdev_assert_home(f);
}

static void
test_second_guest_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(TnDomain) other = fixture_start(f, "h", "");

    hostdev_attach(domain, NVME_XML);
    hostdev_refuse(other, NVME_XML, VIR_ERR_OPERATION_INVALID,
                   "PCI device " NVME " is in use by driver QEMU, domain g");
    hostdev_refuse(domain, NVME_XML, VIR_ERR_OPERATION_INVALID,
                   "Requested operation is not valid: PCI device " NVME
                   " is in use by driver QEMU, domain g");
    hostdev_assert_away(f);
}

static void
test_group_of_another_guest_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(TnDomain) other = fixture_start(f, "h", "");

    fake_pci_add(&f->pci, "0000:00:08.0", "0x020000\n", NULL, 7);
    hostdev_attach(domain, NVME_XML);
    hostdev_refuse(other, HOSTDEV("yes", "8"), VIR_ERR_OPERATION_INVALID,
                   "PCI device 0000:00:08.0 is in IOMMU group 7, of which device " NVME
                   " is in use by driver QEMU, domain g");
    fake_pci_assert(&f->pci, "0000:00:08.0", "-", "-");
}

static void
test_one_group_is_handed_over_once(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");

    fake_pci_add(&f->pci, "0000:00:08.0", "0x020000\n", NULL, 7);
    hostdev_attach(domain, NVME_XML);
    hostdev_attach(domain, HOSTDEV("yes", "8"));
    hostdev_assert_monitor(domain, "2 1 0");
    hostdev_detach(domain, NVME_XML);
    hostdev_assert_monitor(domain, "1 1 0");
    hostdev_detach(domain, HOSTDEV("yes", "8"));
    hostdev_assert_monitor(domain, "0 0 0");
}

static void
test_unmanaged(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    g_autoptr(GError) error = NULL;

    hostdev_refuse(domain, NVME_UNMANAGED_XML, VIR_ERR_OPERATION_INVALID,
                   "Unmanaged PCI device " NVME " must be manually detached from the host");
    hostdev_assert_home(f);
    g_assert_true(tn_pci_host_bind(f->pci.host, NVME, "vfio-pci", "vfio-pci", &error));
    hostdev_attach(domain, NVME_UNMANAGED_XML);
    hostdev_detach(domain, NVME_UNMANAGED_XML);
    fake_pci_assert(&f->pci, NVME, "vfio-pci", "vfio-pci");
    g_assert_false(fixture_has_file(f, f->state_dir, ".hostdev"));
}

static void
test_locked_memory(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_hotplug_attach(domain, fixture_dimm, LIVE, &error));
    g_assert_cmpuint(fixture_get_memlock(), ==, 65536);
    hostdev_attach(domain, NVME_XML);
    g_assert_cmpuint(fixture_get_memlock(), ==, (128 + 256 + 1024) * 1048576ULL);
    g_assert_true(tn_hotplug_attach(domain, fixture_dimm, LIVE, &error));
    g_assert_cmpuint(fixture_get_memlock(), ==, (128 + 512 + 1024) * 1048576ULL);
}

static void
test_too_little_locked_memory_is_undone(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    fixture_set_memlock(65536, EPERM);
    hostdev_refuse(domain, NVME_XML, VIR_ERR_SYSTEM_ERROR,
                   "domain 'g' needs 1179648 KiB of locked memory (131072 KiB of guest memory and "
                   "1048576 KiB for devices), but the limit of its process is 64 KiB (hard limit "
                   "64 KiB) and cannot be raised: Operation not permitted");
    hostdev_assert_home(f);
    fixture_set_memlock(1179648 * 1024ULL, EPERM);
    hostdev_attach(domain, NVME_XML);
    g_assert_false(tn_hotplug_attach(domain, fixture_dimm, LIVE, &error));
    g_assert_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpuint(fixture_n_live_dimms(domain), ==, 0);
}

static void
test_missing_device_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autofree char *message = g_strdup_printf(
        "Device 0000:00:1d.0 not found: could not access %s/sys/bus/pci/devices/0000:00:1d.0/"
        "config: No such file or directory", f->pci.root);

    hostdev_refuse(domain, HOSTDEV("yes", "29"), VIR_ERR_INTERNAL_ERROR, message);
}

static void
test_destroy_gives_back(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "");
    g_autoptr(GError) error = NULL;

    hostdev_attach(domain, NVME_XML);
    g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
    hostdev_assert_home(f);
}

static void
test_rounds_leave_nothing(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = fixture_start(f, "g", "unplug=done");
    gint64 until = g_get_monotonic_time() + LIMIT_US;
    guint before = 0;

    for (guint i = 0; i < 30; i++) {
        hostdev_attach(domain, NVME_XML);
        hostdev_attach(domain, EDU_XML);
        hostdev_detach(domain, NVME_XML);
        hostdev_detach(domain, EDU_XML);
        before = before ? before : count_own_fds();
    }
    hostdev_assert_monitor(domain, "0 0 0");
    hostdev_assert_home(f);
    fake_pci_assert(&f->pci, EDU, "-", "-");
    /* The run's record may just be being written. */
    while (count_own_fds() > before && g_get_monotonic_time() < until) {
        g_usleep(LOOK_US);
    }
    g_assert_cmpuint(count_own_fds(), <=, before);
}

/* ---- at boot ---- */

static TnDomain *
define_with(Fixture *f, const char *words, const char *devices)
{
    g_autofree char *plain = fixture_xml("b", words);
    g_auto(GStrv) parts = g_strsplit(plain, "</devices>", 2);
    g_autofree char *xml = g_strconcat(parts[0], devices, "</devices>", parts[1], NULL);
    g_autoptr(GError) error = NULL;
    TnDomain *domain = tn_lifecycle_define(f->driver, xml, NULL, &error);

    g_assert_no_error(error);
    return domain;
}

static void
test_boot(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = define_with(f, "unplug=done", EDU_XML NVME_XML);
    g_autoptr(GError) error = NULL;

    /* A second run finds what the first one gave back. */
    for (guint i = 0; i < 2; i++) {
        g_assert_true(tn_lifecycle_create(domain, 0, &error));
        g_assert_no_error(error);
        hostdev_assert_away(f);
        hostdev_assert_monitor(domain, "2 2 0");
        g_assert_true(tn_lifecycle_destroy(domain, 0, &error));
        hostdev_assert_home(f);
        fake_pci_assert(&f->pci, EDU, "-", "-");
    }
}

static void
test_boot_and_detach(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = define_with(f, "unplug=done", EDU_XML NVME_XML);
    g_autoptr(GError) error = NULL;

    g_assert_true(tn_lifecycle_create(domain, 0, &error));
    hostdev_detach(domain, NVME_XML);
    hostdev_detach(domain, EDU_XML);
    hostdev_assert_home(f);
    hostdev_assert_monitor(domain, "0 0 0");
}

static void
test_boot_that_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = define_with(f, "", EDU_XML NVME_XML);
    g_autoptr(GError) error = NULL;

    fake_pci_put(&f->pci, "/proc/swaps", "Filename\n/dev/nvme0n1 partition 1 0 -2\n");
    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_cmpstr(error->message, ==,
                    "PCI device " NVME " is in use by the host: /dev/nvme0n1 is its swap");
    fake_pci_assert(&f->pci, EDU, "-", "-");
    hostdev_assert_home(f);
}

static void
test_boot_that_dies(Fixture *f, gconstpointer data)
{
    g_autoptr(TnDomain) domain = define_with(f, "die=oops", EDU_XML NVME_XML);
    g_autoptr(GError) error = NULL;

    g_assert_false(tn_lifecycle_create(domain, 0, &error));
    g_assert_cmpstr(error->message, ==,
                    "process exited while connecting to monitor: tenon-vmm: oops");
    fake_pci_assert(&f->pci, EDU, "-", "-");
    hostdev_assert_home(f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/driver/hostdev/attach", test_attach);
    ADD("/driver/hostdev/attach-live-and-config", test_attach_live_and_config);
    ADD("/driver/hostdev/attach-live-and-config-behind-a-bridge",
        test_attach_behind_a_bridge_that_is_not_there);
    ADD("/driver/hostdev/detach-gives-back-before-it-answers",
        test_detach_gives_back_before_it_answers);
    ADD("/driver/hostdev/refused-detach-keeps-it", test_refused_detach_keeps_it);
    ADD("/driver/hostdev/late-answer-gives-back", test_late_answer_gives_back);
    ADD("/driver/hostdev/unknown-device-cannot-be-detached",
        test_unknown_device_cannot_be_detached);
    ADD("/driver/hostdev/refused-device-is-undone", test_refused_device_is_undone);
    ADD("/driver/hostdev/refused-group-is-undone", test_refused_group_is_undone);
    ADD("/driver/hostdev/refused-descriptor-is-undone", test_refused_descriptor_is_undone);
    ADD("/driver/hostdev/stub-that-takes-nothing-is-undone",
        test_stub_that_takes_nothing_is_undone);
    ADD("/driver/hostdev/monitor-that-vanishes", test_monitor_that_vanishes);
    ADD("/driver/hostdev/mounted-disk-is-refused", test_mounted_disk_is_refused);
    ADD("/driver/hostdev/group-in-use-by-host-is-undone", test_group_in_use_by_host_is_undone);
    ADD("/driver/hostdev/second-guest-is-refused", test_second_guest_is_refused);
    ADD("/driver/hostdev/group-of-another-guest-is-refused",
        test_group_of_another_guest_is_refused);
    ADD("/driver/hostdev/one-group-is-handed-over-once", test_one_group_is_handed_over_once);
    ADD("/driver/hostdev/unmanaged", test_unmanaged);
    ADD("/driver/hostdev/locked-memory", test_locked_memory);
    ADD("/driver/hostdev/too-little-locked-memory-is-undone",
        test_too_little_locked_memory_is_undone);
    ADD("/driver/hostdev/missing-device-is-refused", test_missing_device_is_refused);
    ADD("/driver/hostdev/destroy-gives-back", test_destroy_gives_back);
    ADD("/driver/hostdev/rounds-leave-nothing", test_rounds_leave_nothing);
    ADD("/driver/hostdev/boot", test_boot);
    ADD("/driver/hostdev/boot-and-detach", test_boot_and_detach);
    ADD("/driver/hostdev/boot-that-is-refused", test_boot_that_is_refused);
    ADD("/driver/hostdev/boot-that-dies", test_boot_that_dies);
    return g_test_run();
}
