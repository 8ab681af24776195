/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake kernel: unbind takes the driver link away, drivers_probe makes one. */
#include "tests/unit/driver/host/fake-pci.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where a device lies; all on one bus, as the links are what is looked at. */
#define DEVICES "/sys/devices/pci0000:00/"

static char *
below(FakePci *pci, const char *format, const char *a, const char *b)
{
    return g_strconcat(pci->root, format, a, b, NULL);
}

void
fake_pci_put(FakePci *pci, const char *path, const char *text)
{
    g_autofree char *full = below(pci, path, "", "");
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void
put_link(const char *target, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    (void)g_unlink(path);
    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void
put_device_file(FakePci *pci, const char *address, const char *name, const char *text)
{
    g_autofree char *path = g_strconcat(DEVICES, address, "/", name, NULL);

    fake_pci_put(pci, path, text);
}

static void
bind(FakePci *pci, const char *address, const char *driver)
{
    g_autofree char *dir = below(pci, "/sys/bus/pci/drivers/", driver, "");
    g_autofree char *unbind = g_strconcat("/sys/bus/pci/drivers/", driver, "/unbind", NULL);
    g_autofree char *link = g_strconcat(pci->root, DEVICES, address, "/driver", NULL);

    fake_pci_put(pci, unbind, "");
    put_link(dir, link);
}

void
fake_pci_add(FakePci *pci, const char *address, const char *class_code, const char *driver,
             int group)
{
    g_autofree char *device = g_strconcat(pci->root, DEVICES, address, NULL);
    g_autofree char *bus = below(pci, "/sys/bus/pci/devices/", address, "");
    g_autofree char *group_dir = g_strdup_printf("%s/sys/kernel/iommu_groups/%d", pci->root, group);
    g_autofree char *member = g_strconcat(group_dir, "/devices/", address, NULL);
    g_autofree char *link = g_strconcat(device, "/iommu_group", NULL);
    g_autofree char *node = g_strdup_printf("/dev/vfio/%d", group);

    put_device_file(pci, address, "config", "x");
    put_device_file(pci, address, "class", class_code);
    put_device_file(pci, address, "driver_override", "(null)\n");
    put_device_file(pci, address, "reset", "");
    put_device_file(pci, address, "own-driver", driver ? driver : "");
    put_link(device, bus);
    if (group >= 0) {
        put_link(device, member);
        put_link(group_dir, link);
        fake_pci_put(pci, node, "");
    }
    if (driver) {
        bind(pci, address, driver);
    }
}

void
fake_pci_add_disk(FakePci *pci, const char *address, const char *name, const char *number)
{
    g_autofree char *path = g_strconcat("nvme/nvme0/", name, "/dev", NULL);
    g_autofree char *target = g_strconcat(pci->root, DEVICES, address, "/nvme/nvme0/", name, NULL);
    g_autofree char *base = g_path_get_basename(name);
    g_autofree char *link = below(pci, "/sys/class/block/", base, "");

    put_device_file(pci, address, path, number);
    put_link(target, link);
}

static char *
read_device_file(FakePci *pci, const char *address, const char *name)
{
    g_autofree char *path = g_strconcat(pci->root, DEVICES, address, "/", name, NULL);
    char *text = NULL;

    (void)g_file_get_contents(path, &text, NULL, NULL);
    return text ? g_strchomp(text) : NULL;
}

/* The override decides, else what the device has by nature. */
static void
probe(FakePci *pci, const char *address)
{
    g_autofree char *override = read_device_file(pci, address, "driver_override");
    g_autofree char *own = read_device_file(pci, address, "own-driver");
    g_autofree char *link = g_strconcat(pci->root, DEVICES, address, "/driver", NULL);
    const char *driver = override && *override && strcmp(override, "(null)") != 0 ? override : own;

    if (driver && *driver && g_strcmp0(driver, pci->dead_driver) != 0 &&
        !g_file_test(link, G_FILE_TEST_IS_SYMLINK)) {
        bind(pci, address, driver);
    }
}

static int
kernel_write(const char *path, const char *text, gpointer user_data)
{
    FakePci *pci = user_data;

    g_atomic_int_inc(&pci->n_writes);
    if (pci->fail && strstr(path, pci->fail)) {
        pci->fail = NULL;
        return EIO;
    }
    if (g_str_has_suffix(path, "/driver_override")) {
        g_assert_true(g_file_set_contents(path, strcmp(text, "\n") != 0 ? text : "(null)\n",
                                          -1, NULL));
    } else if (g_str_has_suffix(path, "/driver/unbind")) {
        g_autofree char *link = g_path_get_dirname(path);

        (void)g_unlink(link);
    } else if (g_str_has_suffix(path, "/drivers_probe")) {
        probe(pci, text);
    }
    return 0;
}

void
fake_pci_init(FakePci *pci)
{
    *pci = (FakePci){ .root = g_dir_make_tmp("tenon-pci-XXXXXX", NULL) };
    g_assert_nonnull(pci->root);
    fake_pci_put(pci, "/dev/vfio/vfio", "");
    fake_pci_put(pci, "/proc/self/mountinfo", "22 1 0:20 / /sys rw - sysfs sysfs rw\n");
    fake_pci_put(pci, "/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    pci->host = tn_pci_host_new(pci->root, kernel_write, pci);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (!g_file_test(child, G_FILE_TEST_IS_SYMLINK) && g_file_test(child, G_FILE_TEST_IS_DIR)) {
            remove_tree(child);
        } else {
            (void)g_unlink(child);
        }
    }
    (void)g_rmdir(path);
}

void
fake_pci_clear(FakePci *pci)
{
    tn_pci_host_free(pci->host);
    remove_tree(pci->root);
    g_free(pci->root);
}

void
fake_pci_assert(FakePci *pci, const char *address, const char *driver, const char *override)
{
    g_autofree char *now = tn_pci_host_get_driver(pci->host, address);
    g_autofree char *says = tn_pci_host_get_override(pci->host, address);

    g_assert_cmpstr(now ? now : "-", ==, driver);
    g_assert_cmpstr(says ? says : "-", ==, override);
}
