/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The node-device calls that belong to a hypervisor driver. Worker threads, no lock held. */
#ifndef TN_DRIVER_CORE_NODE_DEVICE_H
#define TN_DRIVER_CORE_NODE_DEVICE_H

#include "driver/core/driver.h"

G_BEGIN_DECLS

/**
 * tn_node_device_detach, _reattach, _reset:
 * @name: of the node device, "pci_0000_00_06_0".
 * @driver_name: (nullable): whom to give it to: "vfio".
 * Errors: INVALID_ARG for names; else tn_hostdev_table_detach()'s.
 */
gboolean tn_node_device_detach(TnDriver *driver, const char *name, const char *driver_name,
                               GError **error);
gboolean tn_node_device_reattach(TnDriver *driver, const char *name, GError **error);
gboolean tn_node_device_reset(TnDriver *driver, const char *name, GError **error);

/* Whether this host has a PCI device of that name: NO_NODE_DEVICE when not. */
gboolean tn_node_device_check(TnDriver *driver, const char *name, GError **error);

G_END_DECLS

#endif
