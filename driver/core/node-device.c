/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virsh nodedev-detach, nodedev-reattach, nodedev-reset. */
#include "driver/core/node-device.h"

#include <string.h>

#include "driver/core/driver-private.h"
#include "driver/core/hostdev-table.h"

/* The address is in the name: nobody needs to be asked. */
static char *
address_of(const char *name, GError **error)
{
    char *address = tn_pci_host_parse_name(name);

    if (!address) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "device %s is not a PCI device",
                    name);
    }
    return address;
}

static gboolean
check_driver(const char *driver_name, GError **error)
{
    if (!driver_name || strcmp(driver_name, "vfio") == 0) {
        return TRUE;
    }
    if (strcmp(driver_name, "kvm") == 0) {
        g_set_error_literal(error, TN_VIR_ERROR, VIR_ERR_CONFIG_UNSUPPORTED,
                            "KVM device assignment is no longer supported on this system");
    } else {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_INVALID_ARG, "unknown driver name '%s'",
                    driver_name);
    }
    return FALSE;
}

gboolean
tn_node_device_detach(TnDriver *driver, const char *name, const char *driver_name, GError **error)
{
    g_autofree char *address = check_driver(driver_name, error) ? address_of(name, error) : NULL;

    return address && tn_hostdev_table_detach(driver->hostdevs, address, error);
}

gboolean
tn_node_device_reattach(TnDriver *driver, const char *name, GError **error)
{
    g_autofree char *address = address_of(name, error);

    return address && tn_hostdev_table_reattach(driver->hostdevs, address, error);
}

gboolean
tn_node_device_reset(TnDriver *driver, const char *name, GError **error)
{
    g_autofree char *address = address_of(name, error);

    return address && tn_hostdev_table_reset(driver->hostdevs, address, error);
}

gboolean
tn_node_device_check(TnDriver *driver, const char *name, GError **error)
{
    g_autofree char *address = tn_pci_host_parse_name(name);

    if (!address || !tn_pci_host_check_device(driver->pci_host, address, NULL)) {
        g_set_error(error, TN_VIR_ERROR, VIR_ERR_NO_NODE_DEVICE,
                    "no node device with matching name '%s'", name);
        return FALSE;
    }
    return TRUE;
}
