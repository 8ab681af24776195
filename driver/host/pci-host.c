/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's PCI devices: looking at them, and handing them from one driver to another. */
#include "driver/host/pci-host-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "driver/error.h"

/* PCI 3.0, appendix D: bridges of all kinds. */
#define CLASS_BRIDGE 0x06
/* Bytes of an attribute that we read. */
#define ATTRIBUTE_MAX 4096
/* What is written to forget an override: the kernel takes an empty line as "none". */
#define NO_OVERRIDE "\n"

static int
write_attribute(const char *path, const char *text, gpointer user_data)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int result = 0;

    if (fd < 0) {
        return errno;
    }
    if (TEMP_FAILURE_RETRY(write(fd, text, strlen(text))) < 0) {
        result = errno;
    }
    close(fd);
    return result;
}

TnPciHost *
tn_pci_host_new(const char *root, TnPciHostWrite write, gpointer user_data)
{
    TnPciHost *host = g_new0(TnPciHost, 1);

    host->root = g_strdup(root);
    host->write = write ? write : write_attribute;
    host->user_data = user_data;
    return host;
}

void
tn_pci_host_free(TnPciHost *host)
{
    if (host) {
        g_free(host->root);
        g_free(host);
    }
}

char *
tn_pci_host_device_path(TnPciHost *host, const char *address, const char *name)
{
    return g_strconcat(host->root, "/sys/bus/pci/devices/", address, "/", name, NULL);
}

char *
tn_pci_host_read(const char *path)
{
    char buffer[ATTRIBUTE_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return NULL;
    }
    n = TEMP_FAILURE_RETRY(read(fd, buffer, ATTRIBUTE_MAX));
    close(fd);
    if (n < 0) {
        return NULL;
    }
    buffer[n] = '\0';
    return g_strdup(g_strchomp(buffer));
}

/* Exactly as sysfs writes it: nothing else may get into a path. */
static gboolean
is_address(const char *text)
{
    static const char form[] = "xxxx:xx:xx.o";

    for (gsize i = 0; i < sizeof(form); i++) {
        gboolean fits = form[i] == 'x'   ? g_ascii_isxdigit(text[i]) && !g_ascii_isupper(text[i])
                        : form[i] == 'o' ? text[i] >= '0' && text[i] <= '7'
                                         : text[i] == form[i];

        if (!fits) {
            return FALSE;
        }
    }
    return TRUE;
}

char *
tn_pci_host_parse_name(const char *name)
{
    g_autofree char *text = NULL;

    if (strlen(name) != strlen("pci_0000_00_06_0") || !g_str_has_prefix(name, "pci_")) {
        return NULL;
    }
    text = g_strdup(name + strlen("pci_"));
    if (text[4] != '_' || text[7] != '_' || text[10] != '_') {
        return NULL;
    }
    text[4] = text[7] = ':';
    text[10] = '.';
    return is_address(text) ? g_steal_pointer(&text) : NULL;
}

gboolean
tn_pci_host_check_device(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *path = NULL;

    if (!is_address(address)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR, "'%s' is no PCI address",
                    address);
        return FALSE;
    }
    path = tn_pci_host_device_path(host, address, "config");
    if (access(path, F_OK) < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "Device %s not found: could not access %s: %s", address, path,
                    g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_pci_host_has_iommu(TnPciHost *host)
{
    g_autofree char *path = g_strconcat(host->root, "/sys/kernel/iommu_groups", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    return dir && g_dir_read_name(dir);
}

/* The last part of what the link NAME of a device points to; NULL: there is none. */
static char *
read_link_name(TnPciHost *host, const char *address, const char *name)
{
    g_autofree char *path = tn_pci_host_device_path(host, address, name);
    g_autofree char *target = g_file_read_link(path, NULL);

    return target ? g_path_get_basename(target) : NULL;
}

char *
tn_pci_host_get_driver(TnPciHost *host, const char *address)
{
    return read_link_name(host, address, "driver");
}

char *
tn_pci_host_get_override(TnPciHost *host, const char *address)
{
    g_autofree char *path = tn_pci_host_device_path(host, address, "driver_override");
    char *text = tn_pci_host_read(path);

    /* The kernel shows "none" as "(null)". */
    if (text && (!*text || strcmp(text, "(null)") == 0)) {
        g_clear_pointer(&text, g_free);
    }
    return text;
}

int
tn_pci_host_get_group(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *name = read_link_name(host, address, "iommu_group");
    guint64 group;

    if (!name || !g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &group, NULL)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                    "PCI device %s is in no IOMMU group: the host's IOMMU is off or does not "
                    "reach it", address);
        return -1;
    }
    return (int)group;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GStrv
tn_pci_host_get_group_devices(TnPciHost *host, int group)
{
    g_autofree char *path = g_strdup_printf("%s/sys/kernel/iommu_groups/%d/devices", host->root,
                                            group);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        /* Platform devices may share a group; they are no concern of VFIO's PCI devices. */
        if (is_address(name)) {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

gboolean
tn_pci_host_driver_is_harmless(const char *driver)
{
    return !driver || strcmp(driver, TN_PCI_HOST_STUB) == 0 || strcmp(driver, "pci-stub") == 0 ||
           g_str_has_suffix(driver, "vfio-pci") || g_str_has_suffix(driver, "vfio_pci");
}

static gboolean
is_bridge(TnPciHost *host, const char *address)
{
    g_autofree char *path = tn_pci_host_device_path(host, address, "class");
    g_autofree char *text = tn_pci_host_read(path);

    return text && g_ascii_strtoull(text, NULL, 16) >> 16 == CLASS_BRIDGE;
}

gboolean
tn_pci_host_check_assignable(TnPciHost *host, const char *address, GError **error)
{
    if (is_bridge(host, address)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                    "Non-endpoint PCI devices cannot be assigned to guests: %s is a bridge",
                    address);
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_pci_host_check_group(TnPciHost *host, const char *address, GError **error)
{
    int group = tn_pci_host_get_group(host, address, error);
    g_auto(GStrv) others = NULL;

    if (group < 0) {
        return FALSE;
    }
    others = tn_pci_host_get_group_devices(host, group);
    for (char **other = others; *other; other++) {
        g_autofree char *driver = tn_pci_host_get_driver(host, *other);

        if (strcmp(*other, address) != 0 && !tn_pci_host_driver_is_harmless(driver) &&
            !is_bridge(host, *other)) {
            g_set_error(error, TN_VIR_ERROR, VIR_ERR_OPERATION_INVALID,
                        "PCI device %s cannot be assigned: device %s of its IOMMU group %d is "
                        "bound to driver '%s'; detach that device from the host too", address,
                        *other, group, driver);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- from one driver to another ---- */

static gboolean
put(TnPciHost *host, const char *path, const char *text, const char *what, const char *address,
    GError **error)
{
    int result = host->write(path, text, host->user_data);

    if (result != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot %s PCI device %s: %s: %s",
                    what, address, path, g_strerror(result));
        return FALSE;
    }
    return TRUE;
}

static gboolean
set_override(TnPciHost *host, const char *address, const char *driver, GError **error)
{
    g_autofree char *path = tn_pci_host_device_path(host, address, "driver_override");
    g_autofree char *now = tn_pci_host_get_override(host, address);

    return g_strcmp0(now, driver) == 0 ||
           put(host, path, driver ? driver : NO_OVERRIDE, "set the driver of", address, error);
}

static gboolean
unbind(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *driver = tn_pci_host_get_driver(host, address);
    g_autofree char *path = tn_pci_host_device_path(host, address, "driver/unbind");

    return !driver || put(host, path, address, "unbind", address, error);
}

static gboolean
probe(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *path = g_strconcat(host->root, "/sys/bus/pci/drivers_probe", NULL);

    return put(host, path, address, "find a driver for", address, error);
}

/* A driver that is a module has to be there before a device can be given to it. */
static void
load_driver(TnPciHost *host, const char *driver)
{
    g_autofree char *path = g_strconcat(host->root, "/sys/bus/pci/drivers/", driver, NULL);
    const char *argv[] = { "modprobe", "-b", driver, NULL };

    if (!*host->root && access(path, F_OK) < 0) {
        /* What came of it is seen when the device is not taken. */
        (void)g_spawn_sync("/", (char **)argv, NULL,
                           G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
                               G_SPAWN_STDERR_TO_DEV_NULL,
                           NULL, NULL, NULL, NULL, NULL, NULL);
    }
}

gboolean
tn_pci_host_bind(TnPciHost *host, const char *address, const char *driver, const char *override,
                 GError **error)
{
    g_autofree char *before = tn_pci_host_get_driver(host, address);
    g_autofree char *after = NULL;

    if (g_strcmp0(before, driver) == 0) {
        return set_override(host, address, override, error);
    }
    if (!driver) {
        return unbind(host, address, error) && set_override(host, address, override, error);
    }
    load_driver(host, driver);
    if (!set_override(host, address, driver, error) || !unbind(host, address, error) ||
        !probe(host, address, error)) {
        return FALSE;
    }
    after = tn_pci_host_get_driver(host, address);
    if (g_strcmp0(after, driver) != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "Failed to bind PCI device '%s' to %s: it is bound to '%s'", address, driver,
                    after ? after : "no driver");
        return FALSE;
    }
    return set_override(host, address, override, error);
}

gboolean
tn_pci_host_release(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *driver = tn_pci_host_get_driver(host, address);

    if (driver && !tn_pci_host_driver_is_harmless(driver)) {
        return TRUE;
    }
    return set_override(host, address, NULL, error) && unbind(host, address, error) &&
           probe(host, address, error);
}

gboolean
tn_pci_host_reset(TnPciHost *host, const char *address, GError **error)
{
    g_autofree char *path = tn_pci_host_device_path(host, address, "reset");
    g_autofree char *driver = tn_pci_host_get_driver(host, address);
    int result;

    if (access(path, F_OK) < 0) {
        if (g_strcmp0(driver, TN_PCI_HOST_STUB) == 0) {
            return TRUE;
        }
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "Unable to reset PCI device %s: no FLR, PM reset or bus reset available",
                    address);
        return FALSE;
    }
    result = host->write(path, "1", host->user_data);
    if (result != 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INTERNAL_ERROR,
                    "Unable to reset PCI device %s: %s", address, g_strerror(result));
        return FALSE;
    }
    return TRUE;
}

/* ---- descriptors ---- */

static int
open_device(TnPciHost *host, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat(host->root, "/dev/vfio/", name, NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_SYSTEM_ERROR, "cannot open '%s': %s", path,
                    g_strerror(errno));
    }
    return fd;
}

int
tn_pci_host_open_container(TnPciHost *host, GError **error)
{
    return open_device(host, "vfio", error);
}

int
tn_pci_host_open_group(TnPciHost *host, int group, GError **error)
{
    g_autofree char *name = g_strdup_printf("%d", group);

    return open_device(host, name, error);
}
