/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI devices of this host, through sysfs: what there is, which driver has it, which IOMMU
 * group it is in, whether the host itself lives on it, and handing it from one driver to another.
 *
 * Nothing is remembered here: every call looks. A device is named by its address as sysfs writes
 * it, "0000:00:06.0"; other texts are refused with VIR_ERR_INTERNAL_ERROR and touch nothing.
 * Spec: the kernel's Documentation/ABI/testing/sysfs-bus-pci and Documentation/driver-api/vfio.rst.
 *
 * Threads: any. Binding waits for drivers, which may take seconds: never with a lock held.
 */
#ifndef TN_DRIVER_HOST_PCI_HOST_H
#define TN_DRIVER_HOST_PCI_HOST_H

#include <glib.h>

G_BEGIN_DECLS

/** TN_PCI_HOST_STUB: the driver that a device must be bound to before a guest can have it. */
#define TN_PCI_HOST_STUB "vfio-pci"

typedef struct TnPciHost TnPciHost;

/**
 * TnPciHostWrite:
 * @path: an attribute of sysfs, below the root.
 * @text: what to write to it.
 * Returns: 0, or an errno. What stands for the kernel in tests.
 */
typedef int (*TnPciHostWrite)(const char *path, const char *text, gpointer user_data);

/**
 * tn_pci_host_new:
 * @root: what stands before /sys, /proc and /dev: "" for the real ones.
 * @write: (nullable): writes attributes; NULL: write(2).
 * Returns: (transfer full): free with tn_pci_host_free().
 */
TnPciHost *tn_pci_host_new(const char *root, TnPciHostWrite write, gpointer user_data);
/* NULL is fine. */
void tn_pci_host_free(TnPciHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TnPciHost, tn_pci_host_free)

/**
 * tn_pci_host_check_device:
 * FALSE with VIR_ERR_INTERNAL_ERROR "Device ADDRESS not found: could not access PATH" when there is
 * no such device, or @address is no address.
 */
gboolean tn_pci_host_check_device(TnPciHost *host, const char *address, GError **error);

/* Whether the kernel has an IOMMU with groups: without one nothing can be assigned. */
gboolean tn_pci_host_has_iommu(TnPciHost *host);

/* The driver that has @address now; NULL: none. (transfer full) */
char *tn_pci_host_get_driver(TnPciHost *host, const char *address);

/* What driver_override says; NULL: nothing. (transfer full) */
char *tn_pci_host_get_override(TnPciHost *host, const char *address);

/* Number of the IOMMU group; -1 with VIR_ERR_CONFIG_UNSUPPORTED when it is in none. */
int tn_pci_host_get_group(TnPciHost *host, const char *address, GError **error);

/* Addresses of all devices of @group, sorted; empty when there is no such group. (transfer full) */
GStrv tn_pci_host_get_group_devices(TnPciHost *host, int group);

/* Whether @driver gives a device into user space, or does nothing with it. NULL: yes. */
gboolean tn_pci_host_driver_is_harmless(const char *driver);

/**
 * tn_pci_host_check_assignable:
 * Is it something that can be assigned: an endpoint, no bridge? VIR_ERR_CONFIG_UNSUPPORTED.
 */
gboolean tn_pci_host_check_assignable(TnPciHost *host, const char *address, GError **error);

/**
 * tn_pci_host_check_group:
 * Does each other device of @address's group (bridges aside) leave it alone: without a driver, or
 * with one that is harmless? VIR_ERR_OPERATION_INVALID names the first that does not.
 */
gboolean tn_pci_host_check_group(TnPciHost *host, const char *address, GError **error);

/**
 * tn_pci_host_check_unused:
 * Does the host itself live on @address: a mounted file system, swap, a device-mapper or md device
 * above it, or somebody who holds a disk of it exclusively? VIR_ERR_OPERATION_INVALID says what.
 */
gboolean tn_pci_host_check_unused(TnPciHost *host, const char *address, GError **error);

/**
 * tn_pci_host_bind:
 * @driver: (nullable): whom to give it to; NULL: to nobody.
 * @override: (nullable): what driver_override is to say afterwards. While it is bound it says
 *   @driver, so that no other driver snatches the device.
 * Takes @address from the driver that has it and gives it to @driver; bound to it already: only
 * the override is set. VIR_ERR_SYSTEM_ERROR when a step fails, VIR_ERR_INTERNAL_ERROR when
 * @driver did not take it: the state is what the failing step left then, and calling again with
 * the former driver is how to get back.
 */
gboolean tn_pci_host_bind(TnPciHost *host, const char *address, const char *driver,
                          const char *override, GError **error);

/**
 * tn_pci_host_release:
 * Takes @address from the stub and lets the kernel choose a driver for it, without an override.
 * A device that another driver has stays with it.
 */
gboolean tn_pci_host_release(TnPciHost *host, const char *address, GError **error);

/**
 * tn_pci_host_reset:
 * Resets it through its sysfs file. VIR_ERR_INTERNAL_ERROR when it has no way to be reset or the
 * reset failed. One that the stub has and that has no such file is fine: VFIO resets it.
 */
gboolean tn_pci_host_reset(TnPciHost *host, const char *address, GError **error);

/**
 * tn_pci_host_open_container, _open_group:
 * /dev/vfio/vfio and /dev/vfio/GROUP, read and write, close-on-exec.
 * Returns: the descriptor, or -1 with VIR_ERR_SYSTEM_ERROR.
 */
int tn_pci_host_open_container(TnPciHost *host, GError **error);
int tn_pci_host_open_group(TnPciHost *host, int group, GError **error);

/**
 * tn_pci_host_parse_name:
 * "pci_0000_00_06_0", as node devices are called, to "0000:00:06.0". NULL: it is no such name.
 * (transfer full)
 */
char *tn_pci_host_parse_name(const char *name);

G_END_DECLS

#endif
